"""What an explorer shows and what moves it: controls, and the views that they lead to."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pandas as pd


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
        return isinstance(self.values[0], str)

    def text(self, value) -> str:
        """A value as readers see it."""
        return value if isinstance(value, str) else f"{value:g}"


class View(NamedTuple):
    """One state of an explorer: the data behind its charts, their signals, and what it says in words."""

    data: dict[str, pd.DataFrame]
    signals: dict[str, float | str]
    sentence: str
    marked: tuple[str, ...] = ()  #: labels of the schools that stand out; what came and went is told apart from them


def records(table: pd.DataFrame) -> list[dict]:
    """A table as Vega reads it: plain numbers, none for what is missing, six significant digits."""
    rows = table.to_dict("records")
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value):
    if isinstance(value, str | bool):
        return value
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float):
        return as_sent(number) if math.isfinite(number) else None
    return number


def as_sent(number: float) -> float:
    """A number with the digits that the browser gets."""
    return float(f"{number:.6g}")
