"""Checks of single arguments, with messages that name them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import pandas as pd

# A warning points at the first line that is not of this package.
PACKAGE = str(Path(__file__).parent)
# More students, schools or draws than this fit into no memory: a slip of the pen.
MOST = 10**8
# Between these, a number's square is a number too.
_SMALLEST, _LARGEST = 1e-100, 1e100

# What the numbers of an array may be, beside finite, and how to say it: for `check_numbers`.
FINITE = (np.isfinite, "finite numbers")
POSITIVE = (lambda v: v > 0, "positive finite numbers")
NOT_NEGATIVE = (lambda v: v >= 0, "finite numbers of at least 0")


def whole_numbers(least: int) -> tuple[Callable, str]:
    """Counts, for `check_numbers`."""
    return lambda v: (v >= least) & (v == np.floor(v)), f"whole numbers of at least {least}"


def check_probability(name: str, value) -> float:
    """A number strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < 1:
        raise ValueError(f"{name} must be a number between 0 and 1, both excluded; found {shown(value)}.")
    return float(value)


def check_number(name: str, value, *, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within limits, both included."""
    if not is_number(value) or not low <= value <= high:
        limits = {(0, math.inf): " of at least 0", (-math.inf, math.inf): ""}
        within = limits.get((low, high), f" from {low:g} to {high:g}")
        raise ValueError(f"{name} must be a finite number{within}; found {shown(value)}.")
    return float(value)


def is_number(value) -> bool:
    """Whether this is a finite number that a float can hold, and not True or False."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # 10**400
        return False


def check_numbers(name: str, value, inside: Callable, expected: str) -> np.ndarray:
    """Finite numbers, one or an array of them, that are all `inside` what the words `expected` say."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf" and not all(map(is_number, array.ravel())):
            raise ValueError
        array = array.astype(float)
    except (TypeError, ValueError):  # also rows of different lengths
        raise ValueError(f"{name} must be {expected}; found {shown(value)}.") from None
    bad = ~(np.isfinite(array) & inside(array))
    if bad.any() or not array.size:
        found = array[bad].ravel()[:5].tolist() if array.ndim else value
        raise ValueError(f"{name} must be {expected}; found {shown(found)}.")
    return array


def check_squares(what: str, values) -> None:
    """Refuse numbers so large or so small that a float cannot hold their squares."""
    size = float(np.nanmax(np.abs(values), initial=0.0))
    if size > _LARGEST or 0 < size < _SMALLEST:
        raise ValueError(
            f"{what} must be in units that give numbers from {_SMALLEST:g} to {_LARGEST:g}, which can be squared; "
            f"found numbers up to {size:g}."
        )


def sequence(value) -> list | None:
    """The elements of what has an order of its own; None for numbers, texts, sets, dicts and generators."""
    ordered = np.iterable(value) and hasattr(value, "__getitem__") and not isinstance(value, str | bytes | Mapping)
    return list(value) if ordered else None


def in_order_of(names: Sequence[str], argument: str, value, noun: str) -> list:
    """One value per name, in the names' order: from a dict or a pandas Series by label, else by position."""
    names = list(names)
    if isinstance(value, Mapping | pd.Series):
        keys = list(value.keys())
        if len(keys) != len(names) or set(keys) != set(names):
            raise ValueError(f"{argument} must have one number per {noun}, with the keys {names}; found {shown(keys)}.")
        return [value[name] for name in names]
    values = sequence(value) if np.iterable(value) else [value]
    if values is None or len(values) != len(names):
        raise ValueError(f"{argument} must have one number per {noun} {names}; found {shown(value)}.")
    return values


def check_one_of(name: str, value, allowed: Sequence) -> None:
    """One of a few words."""
    if not isinstance(value, str | None) or value not in allowed:
        words = " or ".join([", ".join(map(repr, allowed[:-1])), repr(allowed[-1])])
        raise ValueError(f"{name} must be {words}; found {shown(value)}.")


def check_text(name: str, value) -> str:
    """A text of at least one character."""
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name} must be a text; found {shown(value)}.")
    return value


def check_path(name: str, value) -> Path:
    """Path of a file, in a folder that is there."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be the path of a file; found {shown(value)}.")
    path = Path(value)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{name} must be the path of a file in a folder that is there; found {shown(str(path))}.")
    return path


def check_count(name: str, value) -> int:
    """A whole number of at least one, and not an absurd one."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; found {shown(value)}.")
    if value > MOST:
        raise ValueError(f"{name} must be a whole number of at most {MOST:,}; found {shown(value)}.")
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
