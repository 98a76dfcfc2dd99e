"""The placeholder that stands for a chart in the static book."""

from __future__ import annotations

import json

import altair as alt
import pytest
from bs4 import BeautifulSoup

from ssmelsm_helpers.plot.rendering import NO_DESCRIPTION, book_renderer, enable_renderer


@pytest.fixture
def renderers():
    """Altair's choice of renderer, as it was before."""
    before = alt.renderers.active
    yield alt.renderers
    alt.renderers.enable(before)


def figure_of(spec, **options):
    """The placeholder, parsed."""
    return BeautifulSoup(book_renderer(spec, **options)["text/html"], "html.parser").figure


def test_placeholder_holds_the_specification_and_the_description():
    spec = {"description": 'An "A" & a <B>', "title": "</script><script>alert(1)</script>", "mark": "point"}
    figure = figure_of(spec, embed_options={"hover": True})
    assert figure["data-alt"] == spec["description"]
    assert json.loads(figure["data-options"]) == {"hover": True}
    assert [script["type"] for script in figure.find_all("script")] == ["application/json"]
    assert json.loads(figure.script.string) == spec
    assert spec["description"] in figure.noscript.get_text()


def test_text_is_the_description():
    assert book_renderer({"description": "Words."})["text/plain"] == "Words."
    assert book_renderer({"title": "A"})["text/plain"] == NO_DESCRIPTION


def test_same_chart_same_html():
    spec = {"description": "d", "mark": "point"}
    assert book_renderer(spec) == book_renderer(dict(spec))


def test_static_build_gets_placeholders(renderers, monkeypatch):
    monkeypatch.setenv("SSMELSM_STATIC", "1")
    enable_renderer()
    chart = alt.Chart(alt.InlineData([{"x": 1}]), description="One point.").mark_point().encode(x="x:Q")
    assert figure_of(chart._repr_mimebundle_() and chart.to_dict())["data-alt"] == "One point."
    assert renderers.active == "book"


def test_offline_laptop_gets_packaged_scripts(renderers, monkeypatch):
    monkeypatch.delenv("SSMELSM_STATIC", raising=False)
    monkeypatch.setenv("SSMELSM_OFFLINE", "1")
    enable_renderer()
    assert renderers.active == "jupyter"


def test_elsewhere_the_default_stays(renderers, monkeypatch):
    monkeypatch.delenv("SSMELSM_STATIC", raising=False)
    monkeypatch.delenv("SSMELSM_OFFLINE", raising=False)
    before = renderers.active
    enable_renderer()
    assert renderers.active == before


def test_book_fits_charts_to_the_page():
    """A fixed width, which notebooks need, becomes the page's; a chart without one keeps its own."""
    assert '"width":"container"' in book_renderer({"width": 600, "description": "Wide."})["text/html"]
    assert "width" not in book_renderer({"description": "Free."})["text/html"]
