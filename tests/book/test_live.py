"""Every chapter in JupyterLab and Chromium, run from top to bottom: no error, no raw mark, explorers that answer.

By `make test-live`: it takes as long as the chapters.
"""

from __future__ import annotations

import shutil

import pytest
from book_harness import (
    ROOT,
    browser,  # noqa: F401 (a fixture)
)
from lab_harness import FAILED, lab, open_notebook, restart_kernel, run_all

pytestmark = pytest.mark.live

CHAPTERS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
# What a reader would see of Markdown that was not rendered; code and mathematics aside.
RAW_MARKS = """() => [...document.querySelectorAll(".jp-RenderedMarkdown")].map(cell => {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll("pre, code, mjx-container, .MathJax").forEach(node => node.remove());
  return copy.textContent;
}).join("\\n").match(/\\{[a-z]+[:}].{0,20}|:::|\\$\\$?|\\*\\*|\\]\\(|<!--|<\\/?details|&\\w+;/g) || []"""
AT_THE_TOP = """words => {
  const open = window.jupyterapp.shell.currentWidget.node;
  const heading = [...open.querySelectorAll("h2")].find(one => one.textContent.startsWith(words));
  return heading && Math.abs(heading.getBoundingClientRect().top - open.getBoundingClientRect().top) < 100;
}"""
EXPLORER = ".jp-OutputArea-output:has(.explorer-sentence)"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server over a copy of the chapters: nothing here changes the checkout."""
    folder = tmp_path_factory.mktemp("lab")
    for part in ("notebooks", "book"):
        shutil.copytree(ROOT / part, folder / part)
    with lab(folder) as found:
        yield found


def answer_to(page, output, key: str) -> None:
    """An explorer's new sentence after a key press on its first slider; where it has only a menu, after a choice."""
    sentence, control = output.locator(".explorer-sentence"), output.locator("[data-control]").first
    before = sentence.text_content()
    if control.evaluate("control => control.tagName") == "SELECT":
        chosen = control.input_value()
        control.select_option(
            next(o for o in control.locator("option").evaluate_all("all => all.map(o => o.value)") if o != chosen)
        )
    else:
        control.focus()
        page.keyboard.press(key)
    changed = "([node, text]) => node.textContent !== text"
    page.wait_for_function(changed, arg=[sentence.element_handle(), before], timeout=20_000)


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapter_is_the_book(name, browser, address):  # noqa: F811
    page = open_notebook(browser, address, f"notebooks/{name}")
    assert page.evaluate(RAW_MARKS) == []
    run_all(page)
    assert page.evaluate(FAILED) == []
    assert page.locator(".jp-RenderedHTMLCommon:has-text('Error loading script')").count() == 0
    source = (ROOT / "notebooks" / name).read_text("utf8")
    explorers = page.locator(EXPLORER)
    if "sm.explore." in source:
        page.wait_for_selector(".explorer-sentence:not(:empty)", timeout=60_000)
        for output in explorers.all():
            assert output.locator("svg.marks").count()
            answer_to(page, output, "ArrowRight")
    assert page.external == []
    page.context.close()


def test_links_jump(browser, address):  # noqa: F811
    page = open_notebook(browser, address, "notebooks/00_the_bayes_you_need.ipynb")
    page.set_viewport_size({"width": 1300, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    for link, heading in {"#chains": "Chains", "#two-models-one-school": "Two models"}.items():
        page.locator(f".jp-RenderedMarkdown a[href='{link}']").first.click()
        page.wait_for_function(AT_THE_TOP, arg=heading, timeout=20_000)
    page.locator(".jp-RenderedMarkdown a[href*='glossary.md'][href$='#r-hat']").first.click()
    page.wait_for_function(AT_THE_TOP, arg="R-hat", timeout=20_000)
    page.context.close()


# Explorers that compute in the browser, and one that reweights a fit.
@pytest.mark.parametrize(
    "name", ["03_cholesky.ipynb", "05_pips_and_bayes_factors.ipynb", "10_exploring_the_threshold.ipynb"]
)
def test_an_explorer_says_when_its_kernel_is_gone(name, browser, address):  # noqa: F811
    page = open_notebook(browser, address, f"notebooks/{name}")
    run_all(page)
    page.wait_for_selector(".explorer-sentence:not(:empty)", timeout=60_000)
    output = page.locator(EXPLORER).first
    words, drawn = output.locator(".explorer-sentence").text_content(), output.locator("svg.marks").first.inner_html()
    answer_to(page, output, "ArrowRight")
    # Fast: ten events at once; the last one counts.
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(1500)
    assert output.locator("svg.marks").first.inner_html() != drawn
    output.get_by_role("button", name="Reset").click()
    back = "([node, text]) => node.textContent.startsWith(text)"
    page.wait_for_function(back, arg=[output.locator(".explorer-sentence").element_handle(), words], timeout=20_000)
    restart_kernel(page)
    gone = output.locator(".explorer-gone")
    if name.startswith("10"):
        gone.wait_for(state="visible", timeout=20_000)
        assert "Run this cell again" in gone.text_content()
    else:  # what computes in the browser goes on
        answer_to(page, output, "ArrowLeft")
        assert gone.is_hidden()
    run_all(page)
    page.wait_for_selector(".explorer-sentence:not(:empty)", timeout=60_000)
    output = page.locator(EXPLORER).first
    assert output.locator(".explorer-gone").is_hidden()
    answer_to(page, output, "ArrowRight")
    page.context.close()
