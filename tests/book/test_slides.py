"""The slides: what their sources promise, and how the built decks look in Chromium without a network."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import build_slides
import pytest
from book_ext.running import NUMBER, run, write_numbers
from book_harness import asked_elsewhere, browser, serve, violations  # noqa: F401 (a fixture among them)
from build_slides import BUILD, SLIDES
from course_plan import NOTES, Course, minutes_of, slides
from pypdf import PdfReader

COURSE = Course()
DECKS = sorted(SLIDES.glob("unit_*.md"))
FEWEST, MOST = 8, 14
MOST_WORDS = 45  # on a slide, its heading left out: read at a glance
TEXT_PIXELS = 32  # 24 points, where a slide is 1,280 pixels wide
CHART_PIXELS = 22  # of a chart's or an explorer's words
SIZES = ({"width": 1280, "height": 720}, {"width": 1024, "height": 768})
EXERCISE = re.compile(r"(?P<number>\d+\.\d+)<!-- (?P<label>ex-[\w-]+) -->")


def seen(slide: str) -> str:
    """A slide's text below its heading as an audience sees it."""
    text = NOTES.sub("", slide.split("\n", 1)[1])
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]+\$", " x ", text, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->|^\|[-| ]+\|$|[|>*`#-]", " ", text, flags=re.MULTILINE)


def unit(deck: Path) -> int:
    """The number of a deck's unit."""
    return int(deck.stem.removeprefix("unit_"))


def each(*names: str):
    """A test of every deck."""
    return pytest.mark.parametrize("deck", DECKS, ids=[deck.stem for deck in DECKS])


def test_every_unit_has_a_deck():
    assert [unit(deck) for deck in DECKS] == [*COURSE.plan["units"]]
    assert [facts["slides"] for facts in COURSE.plan["units"].values()] == [deck.stem for deck in DECKS]


@each()
def test_a_deck_has_the_length_of_a_lesson(deck):
    assert FEWEST <= len(slides(deck)) <= MOST
    assert slides(deck)[0].splitlines()[0] == re.sub(r"^\d+ ", "", COURSE.chapters[unit(deck)].title)
    assert f"Unit {unit(deck)}. " in seen(slides(deck)[0])


@each()
def test_notes_have_minutes_that_fit_into_the_plan(deck):
    without = [slide.splitlines()[0] for slide in slides(deck) if len(NOTES.findall(slide)) != 1]
    assert without == [], "notes begin with '3 minutes, core. '"
    spent = minutes_of(deck)
    have = {piece.part: piece.minutes for piece in COURSE.pieces.values() if piece.unit == unit(deck)}
    assert {part: minutes for part, minutes in spent.items() if minutes > have.get(part, 0)} == {}


@each()
def test_a_guess_comes_before_its_answer(deck):
    headings = [slide.splitlines()[0] for slide in slides(deck)]
    asking = [at for at, heading in enumerate(headings) if heading.startswith("Predict: ")]
    assert asking
    for at in asking:
        question, answer = slides(deck)[at : at + 2]
        assert re.search(r"^> .*\?$", question, re.MULTILINE | re.DOTALL), headings[at]
        assert not answer.startswith(("Predict: ", "What to do next"))


@each()
def test_slides_have_few_words(deck):
    many = {slide.splitlines()[0]: len(seen(slide).split()) for slide in slides(deck)}
    assert {heading: words for heading, words in many.items() if words > MOST_WORDS} == {}


@each()
def test_numbers_are_tied_and_charts_live(deck):
    text = deck.read_text("utf8")
    assert len(NUMBER.findall(text)) >= 5
    assert text.count(":tags: [remove-input]") >= 1
    for explorer in COURSE.chapters[unit(deck)].explorers:
        assert f"sm.explore.{explorer}(" in text


@each()
def test_the_last_slide_says_what_to_do_next(deck):
    last = slides(deck)[-1]
    assert last.startswith("What to do next\n")
    named = {hit["label"]: hit["number"] for hit in EXERCISE.finditer(last)}
    assert named == {label: one.number for label, one in COURSE.chapters[unit(deck)].exercises.items()}


def test_a_wrong_number_is_found(tmp_path):
    deck = tmp_path / "unit_99.md"
    head = DECKS[0].read_text("utf8").split("---\n")[1]
    deck.write_text(f"---\n{head}---\n\n# One\n\nOne and one is 3<!-- = 1 + 1 -->.\n", "utf8")
    done = run(deck)
    (line,) = done.wrong_numbers()
    assert "should end in 2" in line
    assert write_numbers(done) == 1
    assert "One and one is 2<!--" in deck.read_text("utf8")


@pytest.fixture(scope="module")
def address():
    """Where the built decks are served; without the extra `course` there are none, which under CI is a failure."""
    if find_spec("sphinx_revealjs") is None:
        pytest.fail(build_slides.MISSING) if os.environ.get("CI") else pytest.skip(build_slides.MISSING)
    command = [sys.executable, build_slides.__file__, "--if-needed"]
    assert subprocess.run(command).returncode == 0, "the slides do not build"
    with serve(BUILD) as found:
        yield found


class Show:
    """A deck that was opened with the rest of the world cut off, and what it tried and said."""

    def __init__(self, browser, address: str, path: str):
        self.errors = []
        self.page = browser.new_context(viewport=SIZES[0]).new_page()
        self.external = asked_elsewhere(self.page, address)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.errors.append(said.text))
        self.page.goto(f"{address}/{path}", wait_until="load")
        self.page.wait_for_function("window.Reveal && Reveal.isReady()")
        self.page.evaluate(
            "document.fonts.ready.then(() => window.MathJax && MathJax.startup.promise).then(() => null)"
        )

    def each_slide(self) -> list[dict]:
        """Go through the deck by keyboard, and measure every slide when its charts are drawn."""
        self.page.keyboard.press("Home")
        found = []
        for at in range(self.page.evaluate("Reveal.getTotalSlides()")):
            self.page.wait_for_function(FITTED, timeout=20_000)
            found.append(self.page.evaluate(MEASURE, TEXT_PIXELS))
            assert found[-1]["at"] == at
            self.page.keyboard.press("PageDown")
        return found


FITTED = """() => {
  const slide = Reveal.getCurrentSlide();
  return !slide.querySelector("figure.book-chart, figure.book-explorer") || slide.dataset.fitted === "yes";
}"""
# Pixels are a slide's own, whatever the window makes of them.
MEASURE = """least => {
  const slide = Reveal.getCurrentSlide(), frame = slide.getBoundingClientRect();
  const scale = frame.width / slide.offsetWidth;
  const inside = box => box.left >= frame.left - 1 && box.right <= frame.right + 1
    && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
  const shown = [...slide.querySelectorAll("*")]
    .filter(one => one.getClientRects().length && !one.closest("aside, mjx-assistive-mml, defs, script"));
  const words = one => [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  const name = one => `${one.tagName} ${one.textContent.slice(0, 30)}`;
  const box = one => one.getBoundingClientRect();
  const texts = shown.filter(one => one.tagName === "text" && words(one)
    && getComputedStyle(one).visibility === "visible" && getComputedStyle(one).opacity !== "0");
  // Letters have some air around them, more above and below than beside.
  const covers = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 0.3 * Math.min(one.height, other.height);
  return {
    at: Reveal.getIndices().h,
    cut: shown.filter(one => !inside(one.getBoundingClientRect())).map(name)
      .concat(shown.filter(one => one.scrollWidth > one.clientWidth + 1 && !one.closest("svg, mjx-container")
        && getComputedStyle(one).overflowX !== "visible").map(one => `wide ${name(one)}`)),
    window: frame.left >= -1 && frame.top >= -1 && frame.right <= innerWidth + 1 && frame.bottom <= innerHeight + 1,
    small: shown.filter(one => words(one) && !one.closest("figure, mjx-container")
      && parseFloat(getComputedStyle(one).fontSize) < least).map(name),
    charts: [...slide.querySelectorAll("figure")].map(figure => [figure.dataset.state,
      figure.querySelector("svg") ? figure.querySelector("svg").getBoundingClientRect().width / scale : 0]),
    letters: shown.filter(one => words(one) && one.closest("figure")).map(one => [name(one),
      one.closest("svg") ? parseFloat(getComputedStyle(one).fontSize) * Math.hypot(one.getScreenCTM().a, one.getScreenCTM().b) / scale
        : parseFloat(getComputedStyle(one).fontSize) * one.currentCSSZoom]),
    over: texts.flatMap((one, at) => texts.slice(0, at).filter(other => covers(box(one), box(other)))
      .map(other => `${one.textContent} over ${other.textContent}`)),
  };
}"""
# All slides at once, as a reader of the page's source has them: rules are about all of them.
ALL_SHOWN = ".reveal .slides section { display: block !important; position: static !important; visibility: visible !important; }"


@pytest.mark.browser
@pytest.mark.parametrize("path", [*(f"{deck.stem}.html" for deck in DECKS), "index.html"])
def test_a_deck_in_a_room_without_network(browser, address, path):
    show = Show(browser, address, path)
    wide = show.each_slide()
    show.page.set_viewport_size(SIZES[1])
    four_to_three = show.each_slide()
    for at, slide in enumerate([*wide, *four_to_three]):
        assert slide["cut"] == [], f"slide {at % len(wide) + 1}"
        assert slide["small"] == [], f"slide {at % len(wide) + 1}"
        assert slide["over"] == [], f"slide {at % len(wide) + 1}"
        assert [one for one in slide["letters"] if one[1] < CHART_PIXELS] == [], f"slide {at % len(wide) + 1}"
        assert slide["window"]
        assert [chart for chart in slide["charts"] if chart[0] != "ready" or chart[1] < 300] == []
    show.page.add_style_tag(content=ALL_SHOWN)
    problems = violations(show.page, preload=False)
    assert [(one["id"], [node["html"][:160] for node in one["nodes"]][:4]) for one in problems] == []
    assert show.external == []
    assert show.errors == []
    show.page.context.close()


@pytest.mark.browser
def test_a_handout_has_every_slide_and_its_notes(browser, address):
    show = Show(browser, address, "unit_05.html?print-pdf&showNotes=separate-page")
    show.page.wait_for_function("document.documentElement.dataset.printable === 'yes'", timeout=60_000)
    count = len(slides(SLIDES / "unit_05.md"))
    paper = show.page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(PdfReader(io.BytesIO(paper)).pages) == 2 * count
    assert show.page.locator(".speaker-notes-pdf").count() == count
    states = show.page.eval_on_selector_all(
        "figure.book-chart, figure.book-explorer", "all => all.map(one => one.dataset.state)"
    )
    assert {*states} == {"ready"}
    assert show.external == []
    show.page.context.close()


@pytest.mark.browser
def test_a_clicker_goes_on_after_a_slider_was_moved(browser, address):
    show = Show(browser, address, "unit_05.html")
    at = next(i for i, slide in enumerate(slides(SLIDES / "unit_05.md")) if "sm.explore" in slide)
    show.page.evaluate("at => Reveal.slide(at)", at)
    show.page.wait_for_function(FITTED)
    slider = show.page.locator("section.present figure.book-explorer input[type=range]").first
    words = show.page.locator("section.present .explorer-sentence")
    before = words.inner_text()
    slider.focus()
    show.page.keyboard.press("ArrowRight")
    show.page.wait_for_function(
        "before => document.querySelector('section.present .explorer-sentence').innerText !== before", arg=before
    )
    assert show.page.evaluate("Reveal.getIndices().h") == at
    show.page.keyboard.press("PageDown")
    assert show.page.evaluate("Reveal.getIndices().h") == at + 1
    show.page.context.close()
