"""The built book in Chromium, with the network cut off: mathematics, charts, sliders, themes, a phone."""

from __future__ import annotations

import pytest
from book_harness import DESKTOP, PALE_TEXTS, PHONE, Visit, address, browser, pages, serve, site, sources, violations  # noqa: F401 (fixtures among them)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=pages())
def visit(request, browser, address):
    """Each page of the book, opened once for all tests."""
    found = Visit(browser, address, request.param)
    yield found
    found.close()


@pytest.fixture
def fresh(visit):
    """The page as it was opened: wide and light; so again afterwards."""
    visit.use_theme("light")
    yield visit
    if visit.page.viewport_size != DESKTOP or visit.theme != "light":
        visit.use_theme("light")
        visit.page.set_viewport_size(DESKTOP)
        visit.settle()


def test_asks_no_other_server(visit):
    assert visit.external == []


def test_logs_no_error(visit):
    assert visit.errors == []


def test_mathematics_is_rendered(visit):
    formulas = visit.page.locator("span.math, div.math").count()
    assert visit.page.locator("mjx-container").count() >= formulas
    assert visit.page.locator("mjx-merror, [data-mjx-error]").count() == 0


def test_charts_are_drawn_and_described(visit):
    for figure in visit.page.locator("figure.book-chart").all():
        assert figure.get_attribute("data-state") == "ready"
        description = figure.get_attribute("data-alt")
        assert figure.locator(".book-chart-view").get_attribute("aria-label") == description
        assert figure.locator(".book-chart-description p").text_content() == description
        assert figure.locator("svg").count() == 1


def test_bound_inputs_have_names(visit):
    for control in visit.page.locator("figure.book-chart .vega-bind").locator("input, select").all():
        assert control.get_attribute("aria-label")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_in_charts_are_readable(fresh, theme):
    fresh.use_theme(theme)
    assert fresh.page.evaluate(PALE_TEXTS) == []


def test_charts_have_no_card_behind_them_in_the_dark(fresh):
    fresh.use_theme("dark")
    brightness = """figures => figures.map(figure => {
      for (let node = figure; node; node = node.parentElement) {
        const [r, g, b, alpha = 1] = getComputedStyle(node).backgroundColor.match(/[\\d.]+/g).map(Number);
        if (alpha > 0) return r + g + b;
      }
      return 765;
    })"""
    figures = fresh.page.locator("figure.book-chart, figure.book-explorer")
    assert all(sum_ < 200 for sum_ in figures.evaluate_all(brightness))


def test_fits_a_phone(fresh):
    fresh.page.set_viewport_size(PHONE)
    fresh.settle()
    assert fresh.page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
    printed = fresh.page.locator("div.cell_output div.output.stream pre")
    assert printed.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length") == 0
    for figure in fresh.page.locator("figure.book-chart").all():
        box = figure.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        # What is wider than the page can be scrolled with the keyboard.
        scrolls = figure.evaluate("figure => figure.scrollWidth > figure.clientWidth")
        assert figure.get_attribute("tabindex") == ("0" if scrolls else None)
    if fresh.page.locator("figure.book-explorer").count():  # whose controls stand where the button would be
        assert fresh.page.locator("#pst-back-to-top").evaluate("b => getComputedStyle(b).display") == "none"
    for figure in fresh.page.locator("figure.book-explorer").all():
        box = figure.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        scrolls = figure.locator(".explorer-view").evaluate("view => view.scrollWidth > view.clientWidth")
        assert figure.locator(".explorer-view").get_attribute("tabindex") == ("0" if scrolls else None)


def test_pages_of_one_kind_fit_a_phone_too(browser, address):
    """Those of which otherwise two stand for all."""
    others = [path for source in sources() if (path := f"{source}.html") not in pages()]
    assert others
    page, wide = browser.new_page(viewport=PHONE), {}
    for path in others:
        page.goto(f"{address}/{path}", wait_until="load")
        wide[path] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.close()
    assert {path: pixels for path, pixels in wide.items() if pixels > 0} == {}


def move(control) -> None:
    """A control to its other end."""
    if control.evaluate("control => control.tagName") == "SELECT":
        control.select_option(control.locator("option").last.get_attribute("value"))
    else:
        last = control.get_attribute("max")
        control.fill("0" if control.input_value() == last else last)


def test_explorers_answer_and_can_be_reset(fresh):
    """Every control of every twin changes the sentence and the picture; the button brings both back."""
    for figure in fresh.page.locator("figure.book-explorer").all():
        assert figure.get_attribute("data-state") == "ready"
        sentence, picture = figure.locator(".explorer-sentence"), figure.locator(".explorer-view svg")
        settled = "figure => figure.view.runAsync().then(() => new Promise(done => setTimeout(done, 50)))"
        first = sentence.inner_text()
        for control in figure.locator("[data-control]").all():
            words, drawn = sentence.inner_text(), picture.inner_html()
            move(control)
            figure.evaluate(settled)
            assert sentence.inner_text() != words
            assert picture.inner_html() != drawn
        figure.get_by_role("button", name="Reset").click()
        figure.evaluate(settled)
        assert sentence.inner_text().split(" Last change:")[0] == first


def test_explorers_listen_to_the_keyboard(fresh):
    for figure in fresh.page.locator("figure.book-explorer:has(input[type=range])").all():
        slider, sentence = figure.locator("input[type=range]").first, figure.locator(".explorer-sentence")
        before, value = sentence.inner_text(), slider.get_attribute("aria-valuetext")
        slider.focus()
        there, back = ("ArrowLeft", "ArrowRight") if slider.input_value() != "0" else ("ArrowRight", "ArrowLeft")
        fresh.page.keyboard.press(there)
        figure.evaluate("figure => figure.view.runAsync().then(() => new Promise(done => setTimeout(done, 50)))")
        assert slider.get_attribute("aria-valuetext") != value
        assert sentence.inner_text() != before
        fresh.page.keyboard.press(back)


def test_threshold_sliders_change_the_picture_and_survive_a_change_of_theme(fresh):
    for figure in fresh.page.locator("figure.book-chart:has(input[name=threshold])").all():
        slider, picture = figure.locator("input[name=threshold]"), figure.locator("svg")
        start, largest, before = slider.input_value(), slider.get_attribute("max"), picture.inner_html()
        slider.fill(largest)
        figure.evaluate("figure => figure.view.runAsync().then(() => null)")
        assert picture.inner_html() != before
        fresh.use_theme("dark")
        assert slider.input_value() == largest
        assert figure.evaluate("figure => figure.view.signal('threshold')") == float(largest)
        slider.fill(start)


@pytest.mark.parametrize(("theme", "size"), [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)])
def test_is_accessible(fresh, theme, size):
    fresh.use_theme(theme)
    fresh.page.set_viewport_size(size)
    fresh.settle()
    # The theme waits a little after a resize, or a drawing, before it looks which code can be scrolled.
    for wait in (600 if size == PHONE else 0, 600):
        fresh.page.wait_for_timeout(wait)
        found = violations(fresh.page)
        if found == []:
            break
    assert [(one["id"], node["target"], node["html"][:200]) for one in found for node in one["nodes"]] == []


def test_what_is_asked_elsewhere_is_noticed_and_gets_nothing(browser, tmp_path):
    (tmp_path / "page.html").write_text(
        "<!doctype html><link rel='icon' href='data:,'><img src='https://example.org/a'>"
    )
    with serve(tmp_path) as address:
        visit = Visit(browser, address, "page.html")
        assert visit.external == ["https://example.org/a"]
        assert visit.errors == ["error: Failed to load resource: net::ERR_NAME_NOT_RESOLVED"]
        visit.close()


def test_one_pale_text_among_many_is_found(browser, address):
    """Although axe judges two texts of a look only."""
    visit = Visit(browser, address, "notebooks/07_fitting_saeb.html")
    assert violations(visit.page) == []
    at = visit.page.evaluate(
        """() => {
          const all = [...document.querySelectorAll("article p")].filter(one => one.checkVisibility());
          const one = all[Math.floor(all.length / 2)];
          one.style.color = "#999";
          return one.textContent;
        }"""
    )
    assert len(at) > 1
    assert [one["id"] for one in violations(visit.page)] == ["color-contrast"]
    visit.close()


def test_search_finds_a_page(browser, address):
    visit = Visit(browser, address, "search.html?q=saeb")
    visit.page.wait_for_selector("#search-results li a", timeout=15_000)
    assert visit.external == []
    visit.close()


def test_the_theme_button_works(browser, address):
    visit = Visit(browser, address, pages()[0])
    seen = set()
    for _ in range(3):
        visit.page.locator(".theme-switch-button:visible").first.click()
        seen.add(visit.theme)
    assert seen == {"light", "dark"}
    assert visit.errors == []
    visit.close()
