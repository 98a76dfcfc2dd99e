"""An explorer: controls, a pure function from their values to a view, and charts; what these have in common."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from ..arguments import is_number, shown
from ..plot.style import DASHED
from .live import live_widget

THRESHOLD = 0.75
PIP = alt.Y("pip:Q", title="PIP", scale=alt.Scale(domain=[0, 1]))
LEGEND_BELOW = alt.Legend(orient="bottom", title=None)
# Of words that say what each part is: line, area, dashes.
LEGEND_ABOVE = alt.Legend(orient="top", title=None, columns=1, symbolType="square", symbolOpacity=1, labelLimit=0)


class Control(NamedTuple):
    """A slider over numbers, or a menu of words."""

    name: str  #: the settings' key
    label: str
    values: tuple  #: all positions, in order
    start: Any  #: one of them
    static: tuple = ()  #: positions in the static page; empty: it stays at `start` there

    @property
    def is_menu(self) -> bool:
        """Whether words are chosen, not numbers."""
        return isinstance(self.start, str)

    def text(self, value) -> str:
        """A value as readers see it."""
        return value if self.is_menu else f"{value:g}"

    def position(self, value):
        """The position that is meant: a slider's 0.30000000000000004 is 0.3."""
        for place in self.values:
            if value == place or (not self.is_menu and is_number(value) and math.isclose(value, place, abs_tol=1e-9)):
                return place
        raise ValueError(f"{self.name} must be one of {shown(list(self.values))}; found {shown(value)}.")


def evenly(low: float, high: float, step: float) -> tuple[float, ...]:
    """Positions of a slider, both ends included."""
    return tuple((np.round(np.arange(low, high + step / 2, step), 2) + 0.0).tolist())  # no negative zero


class View(NamedTuple):
    """One state of an explorer: the data behind its charts, their signals, and what it says in words."""

    data: dict[str, pd.DataFrame]
    signals: dict[str, float | str]
    sentence: str
    marked: tuple[str, ...] = ()  #: labels of the schools that stand out; what came and went is told apart from them

    def update(self) -> dict:
        """What the browser needs to show it. All of it: a view opened later has not seen the earlier ones."""
        return self._asdict() | {"data": {name: records(table) for name, table in self.data.items()}}


def records(table: pd.DataFrame) -> list[dict]:
    """A table as Vega reads it, by rows."""
    return [{name: as_sent(value) for name, value in row.items()} for row in table.to_dict("records")]


def as_sent(value):
    """What the browser gets of a value: six significant digits of a number, none of what is missing."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


class Explorer:
    """Controls, a view for every position of them, and charts that show views.

    In a notebook it shows itself as a live widget. The built book has a page's own sliders in its place (`page.twin`), with
    every picture and sentence computed beforehand by the same function.

    Parameters
    ----------
    name : str
        What it is called, for screen readers.
    controls : sequence of Control
    view : callable
        Settings as keywords -> `View`. Pure: the same settings, the same view.
    charts : callable
        Makes an Altair chart whose data sets and parameters bear the names of the view's data and signals.
    """

    def __init__(self, name: str, controls, view, charts):
        self.name, self.controls = name, tuple(controls)
        self._view, self._charts = view, charts
        self._widget = None

    @property
    def settings(self) -> dict[str, Any]:
        """Where the controls start."""
        return {control.name: control.start for control in self.controls}

    def view(self, **settings) -> View:
        """The view at some settings; the others stay where they start.

        Raises
        ------
        ValueError
            A setting is unknown, or not one of its control's positions.
        """
        for name in settings:
            if name not in self.settings:
                raise ValueError(f"{name!r} is no setting of this explorer; it has {sorted(self.settings)}.")
        chosen = self.settings | settings
        return self._view(**{control.name: control.position(chosen[control.name]) for control in self.controls})

    def spec(self, **settings) -> dict:
        """Vega-Lite specification at some settings, data included."""
        view = self.view(**settings)
        signals = [alt.param(name=name, value=value) for name, value in view.signals.items()]
        spec = self._charts().add_params(*signals).properties(description=self.name).to_dict()
        return spec | {"datasets": spec.get("datasets", {}) | view.update()["data"]}

    def static_views(self) -> Iterator[View]:
        """Every view of the static page: nested loops over its controls, the last one fastest."""
        for values in product(*(control.static or [control.start] for control in self.controls)):
            yield self.view(**dict(zip(self.settings, values, strict=True)))

    def widget(self):
        """The live widget; made once."""
        if self._widget is None:
            self._widget = live_widget(self)
        return self._widget

    def _repr_mimebundle_(self, **_options) -> dict:
        return self.widget()._repr_mimebundle_()


def chart_of(name: str) -> alt.Chart:
    """A chart of one of the view's data sets."""
    return alt.Chart(alt.NamedData(name))


def threshold_line() -> alt.Chart:
    """The line at a PIP of .75."""
    return alt.Chart(pd.DataFrame({"pip": [THRESHOLD]})).mark_rule(**DASHED).encode(PIP)


def by_word(channel: type, field: str, words, looks, legend: alt.Legend = LEGEND_BELOW):
    """How the words in a field look: their colours, shapes or dashes, and a legend of them."""
    return channel(f"{field}:N", scale=alt.Scale(domain=list(words), range=list(looks)), legend=legend)
