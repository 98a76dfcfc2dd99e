"""What the charts of several explorers are made of: what can be pulled, a line at the threshold, how words look."""

import altair as alt
import pandas as pd

from ..plot.style import DASHED

THRESHOLD = 0.75
PIP = alt.Y("pip:Q", title="PIP", scale=alt.Scale(domain=[0, 1]))
LEGEND_BELOW = alt.Legend(orient="bottom", title=None)
# Of words that say what each part is: line, area, dashes.
LEGEND_ABOVE = alt.Legend(orient="top", title=None, columns=1, symbolType="square", symbolOpacity=1, labelLimit=0)


def chart_of(name: str) -> alt.Chart:
    """A chart of one of the view's data sets."""
    return alt.Chart(alt.NamedData(name))


def can_be_pulled(chart: alt.Chart, name: str) -> alt.Chart:
    """The same chart, whose marks a hand can pull; the explorer's module hears of it under the name."""
    return chart.properties(name=f"pull_{name}")


def thumb(base: alt.Chart, **place) -> alt.Chart:
    """Room for a finger, 44 pixels wide, around each of the points; not to be seen."""
    return base.mark_point(filled=True, size=44**2, color="transparent", opacity=1, aria=False, **place)


def threshold_line() -> alt.Chart:
    """The line at a PIP of .75."""
    return alt.Chart(pd.DataFrame({"pip": [THRESHOLD]})).mark_rule(**DASHED).encode(PIP)


def by_word(channel: type, field: str, words, looks, legend: alt.Legend = LEGEND_BELOW):
    """How the words in a field look: their colours, shapes or dashes, and a legend of them."""
    return channel(f"{field}:N", scale=alt.Scale(domain=list(words), range=list(looks)), legend=legend)
