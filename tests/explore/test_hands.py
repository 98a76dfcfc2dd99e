"""Explorers under a mouse, a finger and the keyboard: their twins alone on a page, with the book's scripts and styles."""

from __future__ import annotations

import shutil

import pytest
from book_ext.figures import twin
from book_ext.static_files import SHARED
from book_harness import DESKTOP, PHONE, ROOT, browser, serve  # noqa: F401 (a fixture among them)

import ssmelsm_helpers as sm
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
    made = {"index": sm.explore.threshold(importance_fit), "construction": sm.explore.construction()}
    made |= {"melsm": sm.explore.melsm(), "spike_slab": sm.explore.spike_slab()}
    for name, explorer in made.items():
        (folder / f"{name}.html").write_text(PAGE.format(twin(explorer)), "utf8")
    with serve(folder) as address:
        yield address


@pytest.fixture
def opened(request, browser, page_address):  # noqa: F811
    """The page and its figure, in a window or on a phone."""
    options = dict(request.param)
    name = options.pop("name", "index")
    context = browser.new_context(**options)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(f"{page_address}/{name}.html")
    figure = page.locator("figure.book-explorer")
    page.wait_for_function("document.querySelector('figure').dataset.state === 'ready'")
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


def swipe(page, x, y, to_x, to_y):
    """A finger's way from one place to another."""
    send = page.context.new_cdp_session(page).send
    send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        at = {"x": x + (to_x - x) * step / 10, "y": y + (to_y - y) * step / 10}
        send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
        page.wait_for_timeout(20)
    send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(200)


@pytest.mark.parametrize("opened", [{"viewport": PHONE, "has_touch": True, "is_mobile": True}], indirect=True)
def test_a_finger_brushes_sideways_and_scrolls_upwards(opened):
    page, figure = opened
    view = figure.locator(".explorer-view")
    assert view.evaluate("view => view.scrollWidth - view.clientWidth") <= 1
    figure.locator("svg").evaluate("svg => scrollBy(0, svg.getBoundingClientRect().top - 100)")
    before = page.evaluate("scrollY")
    swipe(page, 100, 200, 200, 206)
    assert 100 < faded(page, figure) < 480
    assert page.evaluate("scrollY") == before
    swipe(page, 150, 300, 153, 150)
    assert faded(page, figure) == 0
    assert page.evaluate("scrollY") > before + 50


def values(figure) -> dict[str, str]:
    """What the fields say, by their labels."""
    tell = "all => all.map(f => [f.querySelector('.explorer-label').textContent, f.querySelector('.explorer-value').textContent])"
    return dict(figure.locator(".explorer-field").evaluate_all(tell))


def middle(locator) -> tuple[float, float]:
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def pull(page, locator, right: float, down: float) -> tuple[float, float]:
    """Draws a mark along; where it should be then."""
    x, y = middle(locator)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=5)
    page.mouse.up()
    page.wait_for_timeout(200)
    return x + right, y + down


@pytest.mark.parametrize("panel", ["z", "correlated", "scaled"])
@pytest.mark.parametrize("opened", [{"viewport": DESKTOP, "name": "construction"}], indirect=True)
def test_a_pulled_school_is_where_the_mouse_is_and_can_go_back(opened, panel):
    page, figure = opened
    before, thumb = values(figure), figure.locator(f"g[class*=pull_{panel}_thumb] path")
    there = pull(page, thumb, 24, -18)
    picture = figure.locator("svg[role=img]")
    assert figure.locator(".explorer-sentence").text_content() in picture.get_attribute("aria-label")
    assert middle(thumb) == pytest.approx(there, abs=1.5)  # a step of the sliders is up to a pixel
    assert values(figure) != before
    figure.get_by_role("button", name="Undo").click()
    page.wait_for_timeout(200)
    assert values(figure) == before
    assert figure.get_by_role("button", name="Undo").get_attribute("aria-disabled") == "true"
    pull(page, figure.locator("g[class*=pull_z_0_marks] path").nth(63), 0, 0)
    assert values(figure)["School to follow"] == "64"


@pytest.mark.parametrize(
    "opened", [{"viewport": PHONE, "has_touch": True, "is_mobile": True, "name": "construction"}], indirect=True
)
def test_a_finger_pulls_a_school_and_the_page_stays(opened):
    page, figure = opened
    thumb = figure.locator("g[class*=pull_z_thumb] path")
    thumb.evaluate("path => scrollBy({ top: path.getBoundingClientRect().top - 400, behavior: 'instant' })")
    assert figure.get_by_role("slider", name="Correlation rho", exact=True).count() == 1
    before, (x, y) = page.evaluate("scrollY"), middle(thumb)
    swipe(page, x, y, x + 10, y - 40)
    assert page.evaluate("scrollY") == before
    assert middle(thumb) == pytest.approx((x + 10, y - 40), abs=2)


@pytest.mark.parametrize(
    "opened",
    [{"viewport": DESKTOP, "name": "spike_slab", "permissions": ["clipboard-read", "clipboard-write"]}],
    indirect=True,
)
def test_settings_and_pictures_can_be_taken_away(opened):
    page, figure = opened
    figure.locator("[data-control='3']").press("ArrowLeft")  # the keyboard moves as the mouse does
    pull(page, figure.locator("g[class*=pull_by_ratio] path"), 15, 0)
    figure.locator("summary").click()
    figure.get_by_role("button", name="Settings as code").click()
    page.wait_for_timeout(200)
    code = page.evaluate("navigator.clipboard.readText()")
    assert eval(code, {"sm": sm}).settings == {
        "n": 71,
        "sd_ratio": float(values(figure)["SD ratio"]),
        "tau_t": 0.1,
        "pi": 0.49,
    }
    assert code in figure.locator(".explorer-told").inner_text()
    with page.expect_download() as saved:
        figure.get_by_role("button", name="Picture (SVG)").click()
    drawing = saved.value.path().read_text("utf8")
    assert drawing.startswith("<svg")
    assert "currentColor" not in drawing
    figure.get_by_role("button", name="Picture (PNG)").click()
    page.wait_for_function("document.querySelector('.explorer-told').textContent.startsWith('Copied: paste')")
    types = "navigator.clipboard.read().then(items => items.flatMap(item => item.types))"
    assert page.evaluate(types) == ["image/png"]


PHONES = [
    {"viewport": {"width": 358, "height": 740}, "has_touch": True, "is_mobile": True, "name": n}
    for n in ("construction", "melsm", "spike_slab", "index")
]


@pytest.mark.parametrize("opened", PHONES, indirect=True)
def test_an_explorer_fits_a_phone(opened):
    """Nothing is wider than the page, one control at a time stays at the thumb, and what is touched is 44 pixels high."""
    page, figure = opened
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 358
    assert figure.locator(".explorer-view").evaluate("view => view.scrollWidth - view.clientWidth") <= 1
    assert figure.locator(".explorer-field:visible").count() == 1
    bar = figure.locator(".explorer-controls").bounding_box()
    assert bar["y"] + bar["height"] <= 741
    assert bar["height"] < 170
    for control in figure.locator(".explorer-controls :is(button, select, input, summary):visible").all():
        assert control.bounding_box()["height"] >= 43.9
    sentence = figure.locator(".explorer-sentence").text_content()
    which = figure.locator(".explorer-which")
    which.select_option("1")
    slider = figure.locator(".explorer-field:visible [data-control]")
    assert slider.get_attribute("data-control") == "1"
    slider.press("ArrowRight") if slider.get_attribute("type") == "range" else slider.select_option("1")
    page.wait_for_timeout(300)
    assert figure.locator(".explorer-sentence").text_content() != sentence


@pytest.mark.parametrize("opened", [PHONES[1]], indirect=True)
def test_a_finger_steps_a_slider_and_takes_the_nearest_school(opened):
    page, figure = opened
    more, less = (figure.locator(".explorer-step:visible").nth(at) for at in (1, 0))
    for button in (more, less):
        assert min(button.bounding_box()[side] for side in ("width", "height")) >= 43.9
    before = values(figure)["tau of the scale"]
    for button, value in ((more, 0.31), (less, 0.3), (less, 0.29)):
        button.tap()
        assert float(values(figure)["tau of the scale"]) == value
    figure.get_by_role("button", name="Undo").tap()
    figure.get_by_role("button", name="Reset").tap()
    assert values(figure)["tau of the scale"] == before
    # Rooms of 44 pixels overlap where twelve schools share a phone's width.
    means = figure.locator("g[class*=pull_mean_marks] path")
    assert min(means.nth(4).bounding_box()[side] for side in ("width", "height")) >= 43.5
    means.nth(4).evaluate("path => scrollBy({ top: path.getBoundingClientRect().top - 200, behavior: 'instant' })")
    x, y = middle(means.nth(4))
    swipe(page, x + 4, y, x + 4, y - 15)
    assert middle(means.nth(4))[1] == pytest.approx(y - 15, abs=2)


@pytest.mark.parametrize("opened", [{"viewport": {"width": 1280, "height": 600}}], indirect=True)
def test_the_keyboard_keeps_its_place_and_the_sentence_is_in_sight(opened):
    page, figure = opened
    slider = figure.locator("[data-control='0']")
    slider.press("ArrowRight")
    slider.evaluate("slider => scrollBy({ top: slider.getBoundingClientRect().top - 10, behavior: 'instant' })")
    assert figure.locator(".explorer-view").bounding_box()["height"] > 600
    box = figure.locator(".explorer-sentence").bounding_box()
    assert 0 < box["y"] < box["y"] + box["height"] <= 601
    page.emulate_media(media="print")  # paper has no window: the sentence would stand at its end, over a chart
    assert figure.locator(".explorer-sentence").evaluate("p => getComputedStyle(p).position") == "static"
    page.emulate_media(media="screen")
    undo = figure.get_by_role("button", name="Undo")
    undo.press("Enter")
    assert undo.get_attribute("aria-disabled") == "true"
    assert undo.evaluate("button => document.activeElement === button")
    undo.press("Enter")
    assert values(figure)["Threshold (PIP scale)"] == "0.75"


@pytest.mark.parametrize("opened", [{"viewport": DESKTOP, "name": "construction"}], indirect=True)
def test_a_move_before_there_is_a_picture_is_answered_when_there_is_one(opened):
    page, figure = opened
    page.add_init_script("""new MutationObserver((_all, watch) => {
      const slider = document.querySelector("[data-control='0']");
      if (!slider) return;
      watch.disconnect();
      slider.value = 10;
      slider.dispatchEvent(new Event("change"));
      window.early = slider.closest("figure").dataset.state;
    }).observe(document, { childList: true, subtree: true })""")
    page.reload()
    page.wait_for_function("document.querySelector('figure').dataset.state === 'ready'")
    assert page.evaluate("early") == "loading"
    page.wait_for_timeout(300)
    words = figure.locator(".explorer-sentence").text_content()
    figure.locator("[data-control='0']").press("ArrowRight")
    figure.locator("[data-control='0']").press("ArrowLeft")
    page.wait_for_timeout(300)
    assert figure.locator(".explorer-sentence").text_content() == words


@pytest.mark.parametrize("opened", [PHONES[0]], indirect=True)
def test_a_tap_tells_what_hovering_tells(opened):
    page, figure = opened
    x, y = middle(figure.locator("g[class*=pull_z_0_marks] path").nth(40))
    page.touchscreen.tap(x + 3, y)
    page.wait_for_timeout(400)
    assert page.locator("#vg-tooltip-element.visible").is_visible()
    assert "school" in page.locator("#vg-tooltip-element").inner_text()


@pytest.mark.parametrize("opened", [{"viewport": DESKTOP, "name": "construction"}], indirect=True)
def test_another_width_is_another_picture_of_the_same(opened):
    page, figure = opened
    figure.locator("[data-control='0']").press("ArrowLeft")
    page.wait_for_timeout(200)
    before, words = values(figure), figure.locator(".explorer-sentence").text_content()
    page.set_viewport_size({"width": 358, "height": 740})
    page.wait_for_timeout(300)
    page.wait_for_function("document.querySelector('figure').dataset.state === 'ready'")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 358
    assert (values(figure), figure.locator(".explorer-sentence").text_content()) == (before, words)
    assert figure.locator("svg").bounding_box()["height"] > 600
