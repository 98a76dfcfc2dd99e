"""Chapters with explorers in JupyterLab and Chromium: sliders moved by keyboard, a kernel that goes away."""

from __future__ import annotations

import shutil

import pytest
from book_harness import (
    ROOT,
    browser,  # noqa: F401 (a fixture)
)
from lab_harness import FAILED, lab, open_notebook, restart_kernel, run_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Explorers without a fit (3, 5), one that reweights a fit, and two on a page (10).
# The other chapters share their code, and the tests of the built book move every control of every explorer.
CHAPTERS = ["03_cholesky.ipynb", "05_pips_and_bayes_factors.ipynb", "10_exploring_the_threshold.ipynb"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server over a copy of the chapters: nothing here changes the checkout."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    with lab(folder) as found:
        yield found


def wait_for_change(page, sentence, before: str) -> str:
    """The explorer's sentence, once it is another."""
    element = sentence.element_handle()
    page.wait_for_function("([node, text]) => node.textContent !== text", arg=[element, before], timeout=20_000)
    return sentence.text_content()


@pytest.mark.parametrize("name", CHAPTERS)
def test_explorers_answer_and_say_when_the_kernel_is_gone(name, browser, address):  # noqa: F811
    page = open_notebook(browser, address, f"notebooks/{name}")
    run_all(page)
    assert page.evaluate(FAILED) == []
    page.wait_for_selector(".explorer-sentence:not(:empty)", timeout=60_000)
    output = page.locator(".jp-OutputArea-output:has(.explorer-sentence)").first
    sentence, picture = output.locator(".explorer-sentence"), output.locator("svg.marks").first
    slider = output.locator("[role=slider]").first
    words, drawn, value = sentence.text_content(), picture.inner_html(), slider.get_attribute("aria-valuetext")
    slider.focus()
    page.keyboard.press("ArrowRight")
    moved = wait_for_change(page, sentence, words)
    assert slider.get_attribute("aria-valuetext") != value
    # Fast: ten events at once; the last one counts.
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    wait_for_change(page, sentence, moved)
    page.wait_for_timeout(1500)
    assert picture.inner_html() != drawn
    output.get_by_role("button", name="Reset").click()
    page.wait_for_function(
        "([node, text]) => node.textContent.startsWith(text)", arg=[sentence.element_handle(), words], timeout=20_000
    )
    assert page.external == []
    restart_kernel(page)
    gone = output.locator(".explorer-gone")
    gone.wait_for(state="visible", timeout=20_000)
    assert "Run this cell again" in gone.text_content()
    run_all(page)
    page.wait_for_selector(".explorer-sentence:not(:empty)", timeout=60_000)
    output = page.locator(".jp-OutputArea-output:has(.explorer-sentence)").first
    assert output.locator(".explorer-gone").is_hidden()
    slider = output.locator("[role=slider]").first
    before = output.locator(".explorer-sentence").text_content()
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_for_change(page, output.locator(".explorer-sentence"), before)
    page.context.close()
