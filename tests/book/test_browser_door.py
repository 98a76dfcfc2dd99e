"""The book's opening page: two pictures and three doors, a line that a mouse and a finger draw along, points that a tap explains."""

from __future__ import annotations

import pytest
from book_harness import DESKTOP, PALE_TEXTS, PHONE, Visit, address, browser, site  # noqa: F401 (fixtures)

pytestmark = pytest.mark.browser

DOOR = "book/index.html"
LINE = "g[class*='pull_threshold'] line"
STANDS = "[...document.querySelectorAll('figure.book-chart')].at(-1).view.signal('threshold')"


@pytest.fixture
def door(browser, address, request):
    """The opening page, on a desktop or on a phone."""
    visit = Visit(browser, address, DOOR, **request.param)
    yield visit.page
    visit.close()


def middle(locator) -> tuple[float, float]:
    box = locator.bounding_box()
    return box["x"] + box["width"] / 3, box["y"] + box["height"] / 2


@pytest.mark.parametrize("door", [{}], indirect=True)
def test_the_first_screen_is_pictures_and_what_to_do(door):
    first, second = door.locator("article figure.book-chart svg").all()
    assert first.bounding_box()["y"] < 200
    frame = second.locator("path.background").first.bounding_box()
    assert frame["y"] + frame["height"] < DESKTOP["height"]  # the whole V, without its axis and legend
    words = door.evaluate("""() => { const range = document.createRange(), article = document.querySelector("article");
      range.setStart(article, 0); range.setEndBefore(article.querySelectorAll("figure.book-chart")[1]); return range.toString(); }""")
    for term in ("PIP", "posterior", "residual", "Bayes"):
        assert term not in words.split('{"')[0]
    doors = door.locator("article a.sd-btn")
    assert doors.all_inner_texts() == ["Start reading", "Run it live", "For teachers"]
    for at in (0, 2):
        assert door.request.get(doors.nth(at).evaluate("link => link.href")).ok


@pytest.mark.parametrize("door", [{}], indirect=True)
def test_a_mouse_draws_the_line_along_and_the_slider_follows(door):
    line = door.locator(LINE)
    line.scroll_into_view_if_needed()
    x, y = middle(line)
    door.mouse.move(x, y)
    door.mouse.down()
    door.mouse.move(x, y - 36, steps=4)
    door.mouse.up()
    door.wait_for_function(f"{STANDS} > 0.8")
    stands = door.evaluate(STANDS)
    assert stands == pytest.approx(0.75 + 36 / 220, abs=0.011)  # of a chart 220 pixels high
    assert float(door.locator("input[type=range]").input_value()) == stands
    assert middle(line)[1] == pytest.approx(y - 36, abs=3)
    labels = (
        door.locator("figure.book-chart").last.locator("g.mark-text:not([class*=role-axis]) text").all_text_contents()
    )
    assert {"39", "114", "46", "9"} <= {*labels}
    assert "95" not in labels
    door.mouse.move(x, y - 300)  # let go is let go
    assert door.evaluate(STANDS) == stands


@pytest.mark.parametrize("door", [{"has_touch": True, "is_mobile": True, "viewport": PHONE}], indirect=True)
def test_a_finger_draws_it_too_and_a_tap_explains_a_point(door):
    line = door.locator(LINE)
    line.evaluate("line => scrollBy({ top: line.getBoundingClientRect().top - 300, behavior: 'instant' })")
    before, (x, y) = door.evaluate("scrollY"), middle(line)
    send = door.context.new_cdp_session(door).send
    send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y + 3 * step}]})
    send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    door.wait_for_function(f"{STANDS} < 0.7")
    assert door.evaluate("scrollY") == before
    points = door.locator("figure.book-chart").last.locator("g.mark-symbol[class*=layer] path")
    highest = min(points.all(), key=lambda point: point.bounding_box()["y"])
    box = highest.bounding_box()
    door.touchscreen.tap(box["x"] + box["width"] / 2 + 4, box["y"] + box["height"] / 2 + 4)
    told = door.locator("#vg-tooltip-element.visible")
    told.wait_for(timeout=3000)
    assert "39" in told.inner_text()
    assert "more variable" in told.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("door", [{"forced_colors": "active"}], indirect=True)
def test_forced_colours_leave_words_and_marks_to_be_seen(door, scheme):
    door.emulate_media(color_scheme=scheme, forced_colors="active")
    door.wait_for_timeout(300)
    assert door.evaluate("matchMedia('(forced-colors: active)').matches")
    assert door.evaluate(PALE_TEXTS) == []
