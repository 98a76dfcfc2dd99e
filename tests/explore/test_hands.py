"""The threshold explorer under a mouse and under a finger: its twin alone on a page, with the book's scripts and styles."""

from __future__ import annotations

import shutil

import pytest
from book_ext.static_files import SHARED
from book_harness import DESKTOP, PHONE, ROOT, browser, serve  # noqa: F401 (a fixture among them)

import ssmelsm_helpers as sm
from ssmelsm_helpers.explore.page import twin
from ssmelsm_helpers.plot.rendering import vega_bundle

pytestmark = pytest.mark.browser

FADED = """figure => [...figure.querySelectorAll("svg .mark-symbol.role-mark path")]
  .filter(path => Number(getComputedStyle(path).opacity) < 0.2).length"""
PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="stylesheet" href="explorer.css"><script src="explorer.js"></script><script src="hands.js"></script>'
    '<script src="book-charts.js"></script><script src="book-explorers.js"></script></head>'
    '<body>{}<div style="height: 1500px"></div></body></html>'
)


@pytest.fixture(scope="module")
def page_address(importance_fit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for path in [*(ROOT / "book" / "_static").glob("book-*"), *SHARED]:
        shutil.copy(path, folder)
    (folder / "vega-bundle.js").write_text(vega_bundle("window.bookVegaEmbed = vegaEmbed;"), "utf8")
    (folder / "index.html").write_text(PAGE.format(twin(sm.explore.threshold(importance_fit))), "utf8")
    with serve(folder) as address:
        yield address


@pytest.fixture
def opened(request, browser, page_address):  # noqa: F811
    """The page and its figure, in a window or on a phone."""
    context = browser.new_context(**request.param)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(page_address)
    figure = page.locator("figure.book-explorer")
    page.wait_for_function("document.querySelector('figure').dataset.state !== 'loading'")
    yield page, figure
    assert said == []
    context.close()


def faded(page, figure) -> int:
    page.wait_for_timeout(300)
    return figure.evaluate(FADED)


@pytest.mark.parametrize("opened", [{"viewport": DESKTOP}], indirect=True)
def test_one_brush_at_a_time_and_reset_takes_it_away(opened):
    page, figure = opened
    box = figure.locator("svg").bounding_box()

    def drag(x, to, y):
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.mouse.down()
        page.mouse.move(box["x"] + to, box["y"] + y, steps=4)
        page.mouse.up()
        return faded(page, figure)

    assert faded(page, figure) == 0
    in_order = drag(100, 250, 120)
    assert 200 < in_order < 480
    figure.locator("[data-control='2']").fill("5")  # another pi moves the axes below; the brush stays
    assert faded(page, figure) == in_order
    by_sd = drag(60, 120, 420)
    figure.get_by_role("button", name="Reset").click()
    assert faded(page, figure) == 0
    figure.locator("[data-control='2']").fill("5")
    assert drag(60, 120, 420) == by_sd, "the second brush counted alone"


@pytest.mark.parametrize("opened", [{"viewport": PHONE, "has_touch": True, "is_mobile": True}], indirect=True)
def test_a_finger_brushes_sideways_and_scrolls_upwards(opened):
    page, figure = opened
    view = figure.locator(".explorer-view")
    assert view.evaluate("view => view.scrollWidth - view.clientWidth") <= 1
    figure.locator("svg").evaluate("svg => scrollBy(0, svg.getBoundingClientRect().top - 100)")
    send = page.context.new_cdp_session(page).send

    def swipe(x, y, to_x, to_y):
        send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for step in range(1, 11):
            at = {"x": x + (to_x - x) * step / 10, "y": y + (to_y - y) * step / 10}
            send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
            page.wait_for_timeout(20)
        send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return faded(page, figure)

    before = page.evaluate("scrollY")
    assert 100 < swipe(100, 200, 200, 206) < 480
    assert page.evaluate("scrollY") == before
    assert swipe(150, 300, 153, 150) == 0
    assert page.evaluate("scrollY") > before + 50
