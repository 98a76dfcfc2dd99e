"""Checks of single arguments, with messages that name them."""

from __future__ import annotations

from numbers import Integral, Real


def check_probability(name: str, value) -> float:
    """A number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < 1:
        raise ValueError(f"{name} must be a number between 0 and 1, both excluded; found {value!r}.")
    return float(value)


def check_count(name: str, value) -> int:
    """A whole number of at least one."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; found {value!r}.")
    return int(value)
