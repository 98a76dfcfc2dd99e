"""Checks of single arguments, with messages that name them."""

from __future__ import annotations

import math
from numbers import Integral, Real


def check_probability(name: str, value) -> float:
    """A number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < 1:
        raise ValueError(f"{name} must be a number between 0 and 1, both excluded; found {shown(value)}.")
    return float(value)


def check_number(name: str, value, *, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within limits, both included."""
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        limits = {(0, math.inf): " of at least 0", (-math.inf, math.inf): ""}
        within = limits.get((low, high), f" from {low:g} to {high:g}")
        raise ValueError(f"{name} must be a finite number{within}; found {shown(value)}.")
    return float(value)


def check_count(name: str, value) -> int:
    """A whole number of at least one."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; found {shown(value)}.")
    return int(value)


def check_seed(value) -> int | None:
    """None, or a whole number that seeds a generator."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= value < 2**63:
        raise ValueError(f"random_seed must be None or a whole number from 0 to 2^63 - 1; found {shown(value)}.")
    return int(value)


def shown(value, width: int = 200) -> str:
    """A value as it stands in a message: on one line, and not endless.

    >>> shown("y ~ x"), shown(list(range(100)), width=12)
    ("'y ~ x'", '[0, 1, 2, 3,...')
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= width else text[:width] + "..."


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
