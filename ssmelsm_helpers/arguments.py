"""Checks of single arguments, with messages that name them."""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import pandas as pd

_PACKAGE = str(Path(__file__).parent)
# More students, schools or draws than this fit into no memory: a slip of the pen.
MOST = 10**8

# What the numbers of an array may be, beside finite, and how to say it: for `check_numbers`.
FINITE = (np.isfinite, "finite numbers")
POSITIVE = (lambda v: v > 0, "positive finite numbers")
NOT_NEGATIVE = (lambda v: v >= 0, "finite numbers of at least 0")


def whole_numbers(least: int) -> tuple[Callable, str]:
    """Counts, for `check_numbers`."""
    return lambda v: (v >= least) & (v == np.floor(v)), f"whole numbers of at least {least}"


def require(fine, demand: str, found, kind: type[Exception] = ValueError) -> None:
    """Refuse an argument that is not fine: what it must be, and what was found.

    >>> require(2 < 1, "level must be below 1", 2)
    Traceback (most recent call last):
    ValueError: level must be below 1; found 2.
    """
    if not fine:
        raise kind(f"{demand}; found {shown(found)}.")


def warn(text: str, kind: type[Warning] = RuntimeWarning) -> None:
    """A warning that points at the first line that is not of this package."""
    warnings.warn(text, kind, skip_file_prefixes=(_PACKAGE,))


def check_probability(name: str, value) -> float:
    """A number strictly between 0 and 1."""
    require(is_number(value) and 0 < value < 1, f"{name} must be a number between 0 and 1, both excluded", value)
    return float(value)


def check_number(name: str, value, *, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within limits, both included."""
    limits = {(0, math.inf): " of at least 0", (-math.inf, math.inf): ""}
    within = limits.get((low, high), f" from {low:g} to {high:g}")
    require(is_number(value) and low <= value <= high, f"{name} must be a finite number{within}", value)
    return float(value)


def is_number(value) -> bool:
    """Whether this is a finite number, and not True or False."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def check_numbers(name: str, value, inside: Callable, expected: str) -> np.ndarray:
    """Finite numbers, one or an array of them, that are all `inside` what the words `expected` say."""
    try:
        array = np.asarray(value)
        fine = array.size > 0 and (array.dtype.kind in "iuf" or all(map(is_number, array.ravel())))
    except ValueError:  # rows of different lengths
        fine = False
    require(fine, f"{name} must be {expected}", value)
    array = array.astype(float)
    bad = ~(np.isfinite(array) & inside(array))
    found = array[bad].ravel()[:5].tolist() if array.ndim else value
    require(not bad.any(), f"{name} must be {expected}", found)
    return array


def sequence(value) -> list | None:
    """The elements of what has an order of its own; None for numbers, texts, sets, dicts and generators."""
    ordered = np.iterable(value) and hasattr(value, "__getitem__") and not isinstance(value, str | bytes | Mapping)
    return list(value) if ordered else None


def in_order_of(names: Sequence[str], argument: str, value, noun: str) -> list:
    """One value per name, in the names' order: from a dict or a pandas Series by label, else by position."""
    names = list(names)
    if isinstance(value, Mapping | pd.Series):
        keys, demand = list(value.keys()), f"{argument} must have one number per {noun}, with the keys {names}"
        require(Counter(keys) == Counter(names), demand, keys)
        return [value[name] for name in names]
    values = sequence(value) if np.iterable(value) else [value]
    fine = values is not None and len(values) == len(names)
    require(fine, f"{argument} must have one number per {noun} {names}", value)
    return values


def check_one_of(name: str, value, allowed: Sequence) -> None:
    """One of a few words."""
    words = listed([*map(repr, allowed)], "or")
    require(isinstance(value, str | None) and value in allowed, f"{name} must be {words}", value)


def check_count(name: str, value) -> int:
    """A whole number of at least one, and not an absurd one."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    require(whole and value >= 1, f"{name} must be a whole number of at least 1", value)
    require(value <= MOST, f"{name} must be a whole number of at most {MOST:,}", value)
    return int(value)


def check_seed(value) -> int | None:
    """None, or a whole number that seeds a generator."""
    if value is None:
        return None
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    fine = whole and 0 <= value < 2**63
    require(fine, "random_seed must be None or a whole number from 0 to 2^63 - 1", value)
    return int(value)


def plain(value):
    """A NumPy scalar as Python's own; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def shown(value, width: int = 200) -> str:
    """A value as it stands in a message: on one line, and not endless; a type by its name.

    >>> shown("y ~ x"), shown(list(range(100)), width=12), shown(dict)
    ("'y ~ x'", '[0, 1, 2, 3,...', 'dict')
    """
    text = value.__name__ if isinstance(value, type) else " ".join(repr(value).split())
    return text if len(text) <= width else text[:width] + "..."


def listed(words: list[str], last: str = "and") -> str:
    """Words as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return f" {last} ".join([", ".join(words[:-1]), words[-1]])


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
