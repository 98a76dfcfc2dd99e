"""Scores that too many rows have: floors, ceilings, piles, heaps; and scores that have few values."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from .far import CODES
from .findings import Finding, finding, number, some
from .students import SCORE, Students

_FEW = 7
_STEPS = (10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.01)
# A share is beyond chance at so many of its standard deviations.
_BEYOND = 8


def look_at_values(students: Students) -> Iterator[Finding]:
    """Floors, ceilings, piles, heaps, few values."""
    name = students.outcome
    apart = students.codes.get(SCORE, pd.Series(dtype=float)).index
    counts = students.values.drop(apart, errors="ignore")
    total = int(students.schools["n"].sum())
    if not len(counts) or total < 30:
        return
    whole = counts.sum() >= 0.9 * total  # else most rows have a value of their own
    if whole and len(counts) <= _FEW:
        yield finding("few values", name, some([*map(number, counts.index)]), len(counts))
        return
    heaped = whole and _heap(counts.iloc[1:-1].sort_values().iloc[:-1])  # the ends, and one pile, are other findings
    if heaped:
        step, share, expected = heaped
        where = f"multiples of {number(step)}: {share:.0%} of the rows, {expected:.0%} expected"
        yield finding("heaping", name, where, round(share * total))
    outer = students.schools[["low", "high"]].mask(lambda table: table.isin(apart))
    # Values that hardly anybody has are not among the counts of a large file.
    ends = {counts.index[0]: "floor"} if counts.index[0] <= outer["low"].min() else {}
    ends |= {counts.index[-1]: "ceiling"} if counts.index[-1] >= outer["high"].max() else {}
    for value, count in _piles(counts, total, ends, heaped).items():
        where = f"{number(value)} in {count:,} rows ({count / total:.0%})"
        line = "# no line mends this: ask what it stands for, and whether it was given or measured"
        if value in CODES:
            line = f"data[{name!r}] = data[{name!r}].replace({number(value)}, np.nan)  # if it is a code"
        yield finding(ends.get(value, "pile"), name, where, count, line=line)


def _heap(counts: pd.Series) -> tuple[float, float, float] | None:
    """Multiples of ten, five or two steps that far too many rows have: the step, their share, the share expected."""
    values, total = counts.index.to_numpy(), counts.sum()
    # The step that all values are multiples of.
    grid = next((step for step in _STEPS if np.allclose(values / step, np.round(values / step), atol=1e-6)), None)
    if grid is None or len(counts) < 15:
        return None
    steps = np.round(values / grid).astype(np.int64)
    for multiple in (10, 5):
        on = steps % multiple == 0
        # Of values in quarters, as of means of a few items, more than one in five is a multiple of five steps.
        share, expected = counts[on].sum() / total, max(1 / multiple, on.mean())
        beyond = share - expected > _BEYOND * np.sqrt(expected * (1 - expected) / total)
        if beyond and share > 1.7 * expected and share < 0.98:
            return multiple * grid, share, expected
    return None


def _piles(counts: pd.Series, total: int, ends: dict, heaped) -> dict[float, int]:
    """Values with far more rows than their neighbours, and their rows."""
    least = max(1, total // 20_000)
    counts = counts[counts > least]
    values, found = counts.to_numpy(dtype=float), {}
    for at, count in enumerate(values):
        near = np.delete(values[max(at - 3, 0) : at + 4], min(at, 3))
        expected = max(np.sort(near)[-2] if len(near) > 1 else least, least)
        end = counts.index[at] in ends
        if end:
            inner = values[1:3] if at == 0 else values[-2:-4:-1]
            inner = inner if len(inner) else np.array([least])
            expected = max(inner.mean(), min(inner[0] / inner[-1], 2) * inner[0], least)
        factor, beyond, share = (1.2, 3, 0.03) if end else (2.0, 6, 0.01)
        if count > factor * expected + beyond * np.sqrt(expected) and count >= share * total and (end or not heaped):
            found[counts.index[at]] = int(count)
    return found
