"""The placeholder that stands for a chart in the static book."""

from __future__ import annotations

import json

import altair as alt
import pandas as pd
import pytest
from book_ext.figures import NO_DESCRIPTION, book_figure, for_the_page
from bs4 import BeautifulSoup

from ssmelsm_helpers.plot.rendering import enable_renderer


@pytest.fixture
def renderers():
    """Altair's choice of renderer, as it was before."""
    before = alt.renderers.active
    yield alt.renderers
    alt.renderers.enable(before)


def figure_of(spec):
    """The placeholder, parsed."""
    return BeautifulSoup(book_figure(spec)["text/html"], "html.parser").figure


def test_placeholder_holds_the_specification_and_the_description():
    spec = {"description": 'An "A" & a <B>', "title": "</script><script>alert(1)</script>", "mark": "point"}
    figure = figure_of(spec)
    assert figure["data-alt"] == spec["description"]
    assert [script["type"] for script in figure.find_all("script")] == ["application/json"]
    assert json.loads(figure.script.string) == spec
    assert spec["description"] in figure.noscript.get_text()


def test_text_is_the_description():
    assert book_figure({"description": "Words."})["text/plain"] == "Words."
    assert book_figure({"title": "A"})["text/plain"] == NO_DESCRIPTION


def test_same_chart_same_html():
    spec = {"description": "d", "mark": "point"}
    assert book_figure(spec) == book_figure(dict(spec))


def test_a_page_gets_the_figure_of_a_chart_and_nothing_of_a_table():
    chart = alt.Chart(alt.InlineData([{"x": 1}]), description="One point.").mark_point().encode(x="x:Q")
    assert json.loads(for_the_page(chart)) == book_figure(chart.to_dict())
    assert json.loads(for_the_page(pd.DataFrame({"x": [1]}))) == {}


def test_offline_laptop_gets_packaged_scripts(renderers, monkeypatch):
    monkeypatch.setenv("SSMELSM_OFFLINE", "1")
    enable_renderer()
    assert renderers.active == "jupyter"


def test_elsewhere_the_default_stays(renderers, monkeypatch):
    monkeypatch.delenv("SSMELSM_OFFLINE", raising=False)
    before = renderers.active
    enable_renderer()
    assert renderers.active == before


def test_book_fits_charts_to_the_page():
    """A fixed width, which notebooks need, becomes the page's; a chart without one keeps its own."""
    assert '"width":"container"' in book_figure({"width": 600, "description": "Wide."})["text/html"]
    assert "width" not in book_figure({"description": "Free."})["text/html"]
