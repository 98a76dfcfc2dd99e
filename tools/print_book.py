"""Print the built book through Chromium: `make pdf` writes _build/book.pdf.

Every page prints as it does from a browser; this opens what is folded, draws every chart, and puts contents and page
numbers around it. Links to other addresses are printed as footnotes at the end of their chapter.
"""

from __future__ import annotations

import io
import re
import sys
from html import escape
from pathlib import Path

from pypdf import PdfReader, PdfWriter

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "_build" / "book.pdf"
sys.path.insert(0, str(ROOT / "tests"))
from book_harness import UNFOLD, Visit, chromium_browser, serve, sources  # noqa: E402

PAPER = {
    "format": "A4",
    "scale": 0.85,
    "print_background": True,
    "outline": True,
    "tagged": True,
    "margin": {"top": "18mm", "bottom": "20mm", "left": "17mm", "right": "17mm"},
}
# In pixels, what A4 holds between its margins: a window of this width shows what paper does.
PRINTED = {"width": 782, "height": 1153}
FOOTER = '<p style="font: 8pt sans-serif; margin: 0 17mm"><span style="float: right">{number}</span>{title}</p>'
# What only a screen can do goes; outside addresses become numbered notes at the end.
PREPARE = """() => {
  const article = document.querySelector("article.bd-article");
  const notes = [];
  for (const link of article.querySelectorAll("a.external[href^=http], a[href^=http]")) {
    if (link.closest("figure, nav") || link.textContent.trim() === link.href) continue;
    if (!notes.includes(link.href)) notes.push(link.href);
    const mark = document.createElement("sup");
    mark.className = "print-note";
    mark.textContent = `[${notes.indexOf(link.href) + 1}]`;
    link.after(mark);
  }
  if (notes.length) {
    const list = document.createElement("ol");
    list.className = "print-notes";
    for (const note of notes) {
      const item = document.createElement("li");
      item.textContent = note;
      list.append(item);
    }
    article.append(list);
  }
  return notes;
}"""


def prepared(browser, address: str, path: str) -> Visit:
    """A page that is ready to be printed."""
    visit = Visit(browser, address, path, viewport=PRINTED, color_scheme="light")
    visit.page.emulate_media(media="print", color_scheme="light")
    visit.use_theme("light")
    visit.page.wait_for_timeout(300)  # charts see that they have other room
    visit.settle()
    visit.page.evaluate(UNFOLD)  # the charts' descriptions, too
    visit.page.evaluate(PREPARE)
    return visit


def print_page(browser, address: str, path: str) -> tuple[str, bytes]:
    """A page's title and its PDF."""
    visit = prepared(browser, address, path)
    title = visit.page.locator("article h1").first.inner_text().rstrip("#").strip()
    printed = visit.page.pdf(**PAPER)
    visit.close()
    return title, printed


def sheet(browser, html: str, **options) -> PdfReader:
    """Pages of their own: the contents, or what is laid over others."""
    page = browser.new_page()
    page.set_content(html)
    done = PdfReader(io.BytesIO(page.pdf(format="A4", **options)))
    page.close()
    return done


def contents(browser, chapters: list[tuple[str, int]]) -> PdfReader:
    """The table of contents."""
    rows = "".join(
        f'<tr><td>{escape(title)}</td><td style="text-align: right">{number}</td></tr>' for title, number in chapters
    )
    html = f"""<html lang="en"><body style="font: 10.5pt/1.55 sans-serif"><h1>{escape(chapters[0][0])}</h1><h2>Contents</h2>
      <table style="width: 100%; border-spacing: 0">{rows}</table></body></html>"""
    return sheet(browser, html, margin=PAPER["margin"])


def footers(browser, titles: list[str]) -> PdfReader:
    """A transparent page for each page of the book, with its chapter and number at the foot."""
    style = "page-break-after: always; position: relative; height: 296mm; overflow: hidden"
    at = 'style="position: absolute; bottom: 10mm; left: 0; right: 0"'
    all_ = "".join(
        f'<div style="{style}"><div {at}>{FOOTER.format(title=escape(title), number=number)}</div></div>'
        for number, title in enumerate(titles, 1)
    )
    return sheet(browser, f'<body style="margin: 0; background: transparent">{all_}</body>')


def write(browser, paths: list[str], target: Path = TARGET, html: Path = ROOT / "_build" / "html") -> Path:
    """Print these pages of the book into one file."""
    parts = []
    with serve(html) as address:
        for path in paths:
            title, printed = print_page(browser, address, path)
            parts.append((title, PdfReader(io.BytesIO(printed))))
            print(f"{path}: {len(parts[-1][1].pages)} pages", flush=True)

    def starts(before: int) -> list[tuple[str, int]]:
        found, number = [], before + 1
        for title, part in parts:
            found.append((title, number))
            number += len(part.pages)
        return found

    front = contents(browser, starts(len(contents(browser, starts(1)).pages)))
    begins = starts(len(front.pages))
    titles = ["Contents"] * len(front.pages) + [title for title, part in parts for _ in part.pages]
    writer, marks = PdfWriter(), footers(browser, titles)
    for part in (front, *(part for _, part in parts)):
        writer.append(part, import_outline=False)
    for page, mark in zip(writer.pages, marks.pages, strict=False):
        page.merge_page(mark)
    for title, number in begins:
        writer.add_outline_item(title=title, page_number=number - 1)
    writer.add_metadata({"/Title": begins[0][0]})
    target.parent.mkdir(exist_ok=True)
    writer.write(target)
    return target


def main(arguments: list[str]) -> None:
    """All pages, or those whose names hold one of the arguments; teachers' pages are not in the printed book."""
    found = [source for source in sources() if not source.startswith("book/instructors/")]
    if arguments:
        found = [source for source in found if any(re.search(word, source) for word in arguments)]
    with chromium_browser() as browser:
        print(write(browser, [f"{source}.html" for source in found]))


if __name__ == "__main__":
    main(sys.argv[1:])
