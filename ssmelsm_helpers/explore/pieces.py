"""Pieces of charts that several explorers draw."""

from __future__ import annotations

import altair as alt
import pandas as pd

from ..plot.style import DASHED

THRESHOLD = 0.75
PIP = alt.Y("pip:Q", title="PIP", scale=alt.Scale(domain=[0, 1]))
LEGEND_BELOW = alt.Legend(orient="bottom", title=None)


def chart_of(name: str) -> alt.Chart:
    """A chart of one of the view's data sets."""
    return alt.Chart(alt.NamedData(name))


def threshold_line() -> alt.Chart:
    """The line at a PIP of .75."""
    return alt.Chart(pd.DataFrame({"pip": [THRESHOLD]})).mark_rule(**DASHED).encode(PIP)


def by_word(channel: type, field: str, words, looks, legend: alt.Legend = LEGEND_BELOW):
    """How the words in a field look: their colours, shapes or dashes, and a legend of them."""
    return channel(f"{field}:N", scale=alt.Scale(domain=list(words), range=list(looks)), legend=legend)
