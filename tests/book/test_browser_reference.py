"""The reference: a page per namespace, from the docstrings."""

from __future__ import annotations

import re

import pytest
from book_harness import ROOT, SITE, site  # noqa: F401 (a fixture among them)

import ssmelsm_helpers as sm

pytestmark = pytest.mark.browser
SPACES = {"top": sm, "plot": sm.plot, "explore": sm.explore, "study": sm.study}


@pytest.mark.parametrize("page", SPACES)
def test_every_public_name_has_its_entry(site, page):
    text = (ROOT / "book" / "reference" / f"{page}.md").read_text("utf8")
    named = re.findall(r"^\.\. auto\w+:: ssmelsm_helpers\.(?:\w+\.)?(\w+)$", text, re.MULTILINE)
    public = {name for name in SPACES[page].__all__ if name not in SPACES}
    assert {*named} == public
    assert len(named) == len(public)
    html = (SITE / "book" / "reference" / f"{page}.html").read_text("utf8")
    prefix = "ssmelsm_helpers." if page == "top" else f"ssmelsm_helpers.{page}."
    assert [name for name in named if f'id="{prefix}{name}"' not in html] == []


def test_chapters_link_to_it(site):
    chapter = (SITE / "notebooks" / "05_pips_and_bayes_factors.html").read_text("utf8")
    assert 'href="../book/reference/top.html#ssmelsm_helpers.pip_table"' in chapter


def test_every_chart_of_the_reference_is_drawn_by_its_own_example(site):
    html = (SITE / "book" / "reference" / "plot.html").read_text("utf8")
    for name in sm.plot.__all__:
        entry = html.split(f'id="ssmelsm_helpers.plot.{name}"')[1].split('class="sig sig-object')[0]
        assert f'data-alt="Example of plot.{name}. ' in entry, name


def test_entries_lead_back_to_the_chapters_that_use_them(site):
    html = (SITE / "book" / "reference" / "top.html").read_text("utf8")
    entry = html.split('id="ssmelsm_helpers.pip_table"')[1].split('class="sig sig-object')[0]
    assert "In the book: " in entry
    assert 'href="../../notebooks/05_pips_and_bayes_factors.html"' in entry
    text = "".join(path.read_text("utf8") for path in (ROOT / "notebooks").glob("*.ipynb"))
    for name in SPACES["plot"].__all__:
        assert f"sm.plot.{name}" in text, f"no chapter shows {name}"
