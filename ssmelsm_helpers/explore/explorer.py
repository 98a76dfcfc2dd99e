"""An explorer: controls, a pure function from their values to a view, and charts that show it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from ..arguments import shown
from .page import twin


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


def evenly(low: float, high: float, step: float) -> tuple[float, ...]:
    """Positions of a slider, both ends included."""
    return tuple(np.round(np.arange(low, high + step / 2, step), 2).tolist())


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
    """A table as Vega reads it: plain numbers, none for what is missing, six significant digits."""
    sent = table.select_dtypes("float").map(as_sent)
    return alt.to_values(table.assign(**sent))["values"]


def as_sent(number: float) -> float:
    """A number with the digits that the browser gets."""
    return float(f"{number:.6g}")


class Explorer:
    """Controls, a view for every position of them, and charts that show views.

    In a notebook it shows itself as a live widget; in the built book as a page's own sliders, with every picture and
    sentence computed beforehand by the same function.

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

    def __init__(self, name: str, controls, view: Callable[..., View], charts: Callable[[], alt.TopLevelMixin]):
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
        positions = {control.name: control.values for control in self.controls}
        chosen = self.settings
        for name, value in settings.items():
            if name not in positions:
                raise ValueError(f"{name!r} is no setting of this explorer; it has {sorted(positions)}.")
            # A slider's 0.30000000000000004 is the position 0.3.
            chosen[name] = next((other for other in positions[name] if _same(value, other)), None)
            if chosen[name] is None:
                raise ValueError(f"{name} must be one of {shown(list(positions[name]))}; found {shown(value)}.")
        return self._view(**chosen)

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
            from .live import live_widget

            self._widget = live_widget(self)
        return self._widget

    def _repr_mimebundle_(self, **_options) -> dict:
        if os.environ.get("SSMELSM_STATIC"):  # the book is being built: no widget is made at all
            return {"text/html": twin(self), "text/plain": self.view().sentence}
        return self.widget()._repr_mimebundle_()


def _same(value, other) -> bool:
    if isinstance(value, str) or isinstance(other, str):
        return value == other
    return math.isclose(value, other, abs_tol=1e-9)
