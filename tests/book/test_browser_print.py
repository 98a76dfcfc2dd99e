"""The book on paper: numbered pages, all charts, nothing cut."""

from __future__ import annotations

import contextlib
import re

import print_book
import pytest
from book_harness import address, browser, site  # noqa: F401 (fixtures among them)
from pypdf import PdfReader

pytestmark = pytest.mark.browser

PAGES = [
    "book/index.html",
    "notebooks/07_fitting_saeb.html",
    "notebooks/04_the_indicator.html",
    "notebooks/11_can_we_trust_it.html",
    "book/glossary.html",
]
# What reaches beyond the paper, and what has more inside than it shows.
CUT = """() => [...document.querySelectorAll("article.bd-article *")].filter(one => {
  const style = getComputedStyle(one);
  if (style.visibility === "hidden" || one.closest("mjx-assistive-mml, .visually-hidden, .sr-only")) return false;
  const box = one.getBoundingClientRect();
  if (box.width <= 1 || box.height <= 1) return false;
  return box.right > innerWidth + 1 || box.left < -1;
}).map(one => `${one.tagName}.${one.className.baseVal ?? one.className}: ${one.textContent.trim().slice(0, 40)}`)"""


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_cut_and_no_chart_is_missing(browser, address, path):
    visit = print_book.prepared(browser, address, path)
    assert visit.page.evaluate(CUT)[:5] == []
    for figure in visit.page.locator("figure.book-chart").all():
        assert figure.get_attribute("data-state") == "ready"
        assert figure.locator("svg").is_visible()
        assert figure.locator(".book-chart-description p").is_visible()
    for figure in visit.page.locator("figure.book-explorer").all():
        assert figure.locator(".explorer-sentence").is_visible()
    closed = visit.page.locator("article details:not([open])").count()
    assert closed == 0
    visit.close()


def test_a_printed_book_has_contents_and_page_numbers(browser, site, tmp_path):
    pdf = PdfReader(print_book.write(browser, ["book/index.html", "book/glossary.html"], tmp_path / "book.pdf", site))
    texts = [" ".join(page.extract_text().split()) for page in pdf.pages]
    assert "Contents" in texts[0]
    begins = int(re.search(r"Glossary (\d+)", texts[0])[1])
    assert texts[begins - 1].startswith("Glossary")
    for number, text in enumerate(texts, 1):
        assert re.search(rf"(?<!\d){number}(Contents|Which|Glossary)", text), text[-80:]
    assert [item.title for item in pdf.outline][1] == "Glossary"
    notes = " ".join(texts)
    assert "[1]" in notes
    assert "https://doi.org/10.3102/10769986261426004" in notes.replace(" ", "")


def test_nobody_prints_teachers_pages_with_the_book(monkeypatch):
    printed = []
    monkeypatch.setattr(print_book, "chromium_browser", contextlib.nullcontext)
    monkeypatch.setattr(print_book, "write", lambda browser, paths: printed.extend(paths))
    print_book.main([])
    assert "book/index.html" in printed
    assert not [path for path in printed if "instructors" in path]
    printed.clear()
    print_book.main(["07", "glossary"])
    assert printed == ["notebooks/07_fitting_saeb.html", "book/glossary.html"]
