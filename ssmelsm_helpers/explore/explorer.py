"""An explorer: controls, something that answers their moves, and charts; what these have in common."""

import copy
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..arguments import is_number, shown
from .live import ExplorerWidget


class Control(NamedTuple):
    """A slider over numbers, or a menu of words."""

    name: str  #: the settings' key
    label: str
    values: tuple  #: all positions, in order
    start: Any  #: one of them
    static: tuple = ()  #: positions in the static page where views are computed with the book; empty: `start` alone

    def position(self, value):
        """The position that is meant: a slider's 0.30000000000000004 is 0.3."""
        for place in self.values:
            if value == place or (is_number(value) and is_number(place) and math.isclose(value, place, abs_tol=1e-9)):
                return place
        raise ValueError(f"{self.name} must be one of {shown(list(self.values))}; found {shown(value)}.")

    def starting_at(self, value) -> "Control":
        """The same control, which starts elsewhere."""
        start = self.position(value)
        static = tuple(place for place in self.values if place in {*self.static, start}) if self.static else ()
        return self._replace(start=start, static=static)

    def for_the_browser(self) -> dict:
        """What is drawn of it."""
        return {name: getattr(self, name) for name in ("name", "label", "values", "start")}


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
    """Controls, charts, and an answer to every position of the controls.

    In a notebook it shows itself as a widget. The built book has the same controls and charts; what answers there is
    the explorer's module, or every view, computed beforehand.

    Parameters
    ----------
    name : str
        What it is called, for screen readers.
    code : str
        What makes it, for readers who copy its settings.
    controls : sequence of Control
    charts : callable
        Makes an Altair chart whose data sets and parameters bear the names of the view's data and signals.
    view : callable, optional
        Settings as keywords -> `View`. Pure: the same settings, the same view.
    """

    def __init__(self, name: str, code: str, controls, charts, view=None):
        self.name, self.code, self.controls, self._charts, self._view = name, code, tuple(controls), charts, view
        self._widget = None

    @property
    def settings(self) -> dict[str, Any]:
        """Where the controls start."""
        return {control.name: control.start for control in self.controls}

    def at(self, **settings) -> "Explorer":
        """The same explorer, with controls that start elsewhere.

        Raises
        ------
        ValueError
            A setting is unknown, or not one of its control's positions.
        """
        for name in settings:
            if name not in self.settings:
                raise ValueError(f"{name!r} is no setting of this explorer; it has {sorted(self.settings)}.")
        moved = copy.copy(self)
        moved._widget = None
        moved.controls = tuple(c.starting_at(settings.get(c.name, c.start)) for c in self.controls)
        return moved

    def view(self, **settings) -> View:
        """The view at some settings; the others stay where they start.

        Raises
        ------
        ValueError
            A setting is unknown, or not one of its control's positions.
        """
        return self._view(**self.at(**settings).settings)

    def spec(self) -> dict:
        """Vega-Lite specification, without what the views bring."""
        return self._charts().properties(description=self.name).to_dict()

    def book(self) -> dict:
        """What the browser needs to draw it."""
        controls = [control.for_the_browser() for control in self.controls]
        return {"name": self.name, "code": self.code, "controls": controls, "spec": self.spec()}

    def in_words(self) -> str:
        """What stands in place of the picture where there is none."""
        return self.view().sentence

    def widget(self) -> ExplorerWidget:
        """The live widget, made once; its `settings` can be read, set, observed and linked, as any ipywidget's traits."""
        if self._widget is None:
            answer = None if self._view is None else lambda settings: self.view(**settings).update()
            self._widget = ExplorerWidget(self.book(), self.settings, answer)
        return self._widget

    def _repr_mimebundle_(self, **_options) -> tuple[dict, dict]:
        shown, metadata = self.widget()._repr_mimebundle_()
        return shown | {"text/plain": self.in_words()}, metadata


class BrowserExplorer(Explorer):
    """An explorer that computes in the browser: it moves without a wait and without a kernel, on a static page too.

    Parameters
    ----------
    module : str
        Its JavaScript beside this file: ``view(settings, constants)`` gives what `View.update` gives; ``pull(handle, x, y,
        datum, settings, constants)`` the settings that a pulled mark means; ``settle(before, now, constants)`` what
        else a changed setting changes.
    constants : dict
        Numbers that do not move.
    """

    def __init__(self, name: str, code: str, controls, charts, module: str, constants: dict):
        super().__init__(name, code, controls, charts)
        self.module, self.constants = module, constants

    def book(self) -> dict:
        """What the browser needs to draw it and to compute."""
        module = Path(__file__).with_name(self.module).read_text("utf8")
        return super().book() | {"module": module, "constants": self.constants}

    def in_words(self) -> str:
        """What stands in place of the picture where there is none."""
        return f"{self.name}: {json.dumps(self.settings)}"
