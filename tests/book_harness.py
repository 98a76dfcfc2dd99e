"""The built book, a private web server and Chromium: what the tests of the book share.

By hand, for a look at pages: `.venv/bin/python tests/book_harness.py FOLDER [PAGE ...]` writes screenshots of the
built book to FOLDER, in desktop and phone width, light and dark.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
# No name leads anywhere: cheaper than to let every request pass through here.
CHROMIUM_FLAGS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"]
NO_FADING = "*, *::before, *::after { transition: none !important; animation: none !important; }"
UNFOLD = "document.querySelectorAll('article details').forEach(fold => { fold.open = true; })"
SETTLED = """() => document.readyState === "complete"
  && [...document.querySelectorAll("figure.book-chart, figure.book-explorer")]
    .every(f => ["ready", "error"].includes(f.dataset.state) || f.closest("details:not([open])"))
  && (!document.querySelector(".math, mjx-container") || document.querySelector("mjx-container") !== null)"""

# Marks the texts whose colours axe is to judge, two of each look: their own, and that of all they stand in. A judgement
# takes two milliseconds, and a page has thousands of texts. Hidden texts and single characters axe never judges.
EVERY_LOOK = """() => {
  const paint = ["color", "backgroundColor", "backgroundImage", "opacity", "fontSize", "fontWeight", "textShadow",
    "position", "zIndex", "float", "filter", "mixBlendMode"];
  const looks = new Map([[document, 0]]), numbers = new Map(), seen = new Map();
  const look = one => {
    if (!looks.has(one)) {
      const style = getComputedStyle(one);
      const key = [look(one.parentNode), ...paint.map(name => style[name])].join();
      numbers.set(key, numbers.get(key) ?? numbers.size + 1);
      looks.set(one, numbers.get(key));
    }
    return looks.get(one);
  };
  for (const one of document.querySelectorAll("body *")) {
    const words = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    delete one.dataset.judged;
    if (!words || one.innerText?.trim().length === 1 || !one.checkVisibility({ visibilityProperty: true })) continue;
    const count = seen.get(look(one)) ?? 0;
    seen.set(look(one), count + 1);
    if (count < 2) one.dataset.judged = "";
  }
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-judged]" }] });
}"""

# Texts in charts with too little contrast to what is behind them: WCAG asks for 4.5.
PALE_TEXTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = rgba(getComputedStyle(node).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const pale = [];
  for (const text of document.querySelectorAll("figure svg text")) {
    if (!text.textContent.trim()) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(text).fill)), luminance(behind(text.closest("figure")))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) pale.push(`${text.textContent} (${contrast.toFixed(1)})`);
  }
  return pale;
}"""


def sources(few: bool = False) -> list[str]:
    """Pages of the book in the order of _toc.yml, as paths without suffix; of a page's own pages all, or two that stand for them."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    found = [toc["root"]]
    for chapter in (chapter for part in toc["parts"] for chapter in part["chapters"]):
        below = [page["file"] for page in chapter.get("sections", ())]
        found += [chapter["file"], *(dict.fromkeys((below[0], below[-1])) if few and below else below)]
    return found


def pages() -> list[str]:
    """The pages that are opened in a browser, and those that Sphinx adds; of teachers' pages of one kind only two."""
    return [*(f"{source}.html" for source in sources(few=True)), "genindex.html", "search.html"]


@pytest.fixture(scope="session")
def site() -> Path:
    """Folder of the built book, built by the command behind `make book` when its sources changed."""
    import build_book

    if build_book.build(if_needed=True) != 0:
        lines = build_book.LOG.read_text().splitlines()
        problems = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-30:]
        pytest.fail("The book does not build:\n" + "\n".join(problems), pytrace=False)
    return SITE


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on 127.0.0.1 while the block runs; gives the address."""
    handler = functools.partial(_QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextlib.contextmanager
def chromium_browser() -> Iterator[Browser]:
    """The system's Chromium, without a window. Skips where there is none; under CI that is a failure."""
    names = (os.environ.get("SSMELSM_CHROMIUM", "chromium"), "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        reason = "no Chromium here; install it, or name it in SSMELSM_CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


# A running Playwright occupies the thread's event loop, which others need (nbclient, for one): module scope ends it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of one module."""
    with chromium_browser() as found:
        yield found


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Address of the built book."""
    with serve(site) as found:
        yield found


def asked_elsewhere(page: Page, address: str) -> list[str]:
    """What the page asks of others than the server at an address, from now on; it gets nothing from them."""
    found = []
    own = (address, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else found.append(request.url))
    return found


class Visit:
    """A page that was opened with the rest of the world cut off, and what it tried and said."""

    def __init__(self, browser: Browser, address: str, path: str, **options):
        self.address, self.path = address, path
        self.errors: list[str] = []
        context = browser.new_context(**({"viewport": DESKTOP} | options))
        self.page: Page = context.new_page()
        self.external = asked_elsewhere(self.page, address)
        self.page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        self.page.on("console", self._note_console)
        self.page.goto(f"{address}/{path}", wait_until="load")
        self.page.add_style_tag(content=NO_FADING)
        self.page.evaluate(UNFOLD)
        self.page.evaluate("window.drawBookCharts && window.drawBookCharts().then(() => null)")
        self.settle()

    def _note_console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text}")

    def settle(self) -> None:
        """Wait until charts and mathematics are there, and stay so for two frames."""
        two_frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate(two_frames)  # charts see a new width
        self.page.wait_for_timeout(50)
        self.page.wait_for_function(SETTLED, timeout=30_000)
        self.page.evaluate(two_frames)
        self.page.evaluate("window.MathJax && window.MathJax.startup && window.MathJax.startup.promise")

    def use_theme(self, theme: str) -> None:
        """Switch to "light" or "dark" as the page's button does."""
        self.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)

    @property
    def theme(self) -> str:
        """The theme that is shown."""
        return self.page.evaluate("document.documentElement.dataset.theme")

    def close(self) -> None:
        """Close the page and its context."""
        self.page.context.close()


def violations(page: Page, **options) -> list[dict]:
    """What axe finds by all of its rules, of any level."""
    page.evaluate(Axe().axe_script)
    page.evaluate(EVERY_LOOK)
    options |= {"resultTypes": ["violations"]}
    return page.evaluate("options => axe.run(document, options).then(found => found.violations)", options)


def take_screenshots(folder: Path, paths: list[str]) -> None:
    """Write pictures of whole pages: desktop and phone, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    with serve(SITE) as address, chromium_browser() as browser:
        for path in paths:
            for width, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
                visit = Visit(browser, address, path, viewport=viewport)
                for theme in ("light", "dark"):
                    visit.use_theme(theme)
                    name = f"{Path(path).stem}-{width}-{theme}.png"
                    visit.page.screenshot(path=folder / name, full_page=True)
                    print(folder / name)
                visit.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    take_screenshots(Path(sys.argv[1]), sys.argv[2:] or pages())
