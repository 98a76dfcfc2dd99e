"""Checks of single arguments, with messages that name them."""

from __future__ import annotations

import math
from numbers import Integral, Real


def check_probability(name: str, value) -> float:
    """A number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < 1:
        raise ValueError(f"{name} must be a number between 0 and 1, both excluded; found {value!r}.")
    return float(value)


def check_number(name: str, value, *, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within limits, both included."""
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        limits = {(0, math.inf): " of at least 0", (-math.inf, math.inf): ""}
        within = limits.get((low, high), f" from {low:g} to {high:g}")
        raise ValueError(f"{name} must be a finite number{within}; found {value!r}.")
    return float(value)


def check_count(name: str, value) -> int:
    """A whole number of at least one."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; found {value!r}.")
    return int(value)


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
