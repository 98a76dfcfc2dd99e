"""Scores that are far from all others: codes for missing, and students who make their school's spread alone."""

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from ..arguments import plain, warn
from .findings import Words, number, some, toml

# What questionnaires and their programs write where there is no answer.
CODES = tuple(toml("words")["codes"])
# A score is alone out there if it is so many times farther than the farthest of an ordinary school.
ALONE = 3.0
# Among fewer scores nothing is far from the others.
_ENOUGH = 30
# Without the student the school's SD is less than this share of what it is: a tail that is a little long is no news.
_MUCH = 0.75


def is_apart(codes: np.ndarray, counts: np.ndarray, low: float, high: float, sd: float) -> np.ndarray:
    """Which codes are far beyond all other scores, or below 0 where nobody else is; one 99 may be a score, one 999 is none."""
    few = counts < 3
    # 0 stands beside 1.
    margin = np.where((codes >= 0) & (codes < 100), max(1.0, sd) * np.where(few, 2.0, 1.5), sd)
    return (codes < low - margin) | (codes > high + margin) | ((codes < 0) & (low >= 0) & ~few)


def dominated(table: pd.DataFrame) -> dict:
    """Schools with a score that is too far from the others'.

    By label: the score; the SD without it over the SD; whether hardly any other school has one that is nearly so far, else
    the outcome has a long tail; and whether the school's own students tell it, who in a small school may but be restless.
    """
    n, mean, sd = table["n"].to_numpy(float), table["mean"].to_numpy(float), table["sd"].to_numpy(float)
    found, total, usual = {}, n.sum(), np.nanmedian(sd) if np.isfinite(sd).any() else np.nan
    for end in ("low", "high"):
        score = table[end].to_numpy(float)
        with np.errstate(all="ignore"):
            rest_mean = (n * mean - score) / (n - 1)
            rest = ((n - 1) * sd**2 - (score - mean) * (score - rest_mean)) / (n - 2)
            rest_sd = np.sqrt(np.clip(rest, 0, None))
            distance = np.abs(score - rest_mean) / (rest_sd * np.sqrt(1 + 1 / (n - 1)))
            chance = student_t.sf(distance, n - 2) * 2 * total
            # In a small school, what is usual elsewhere tells more than its own few.
            times = np.abs(score - rest_mean) / usual
            certain = (chance < 1e-4) & (times > 3)
            strange = certain | ((times > 8) & (distance > 5))
        far = (n > 4) & (rest_sd > 0) & strange & (rest_sd < 0.93 * sd)
        alone = distance > ALONE * np.nanmedian(distance[n > 4]) if far.any() else far
        for at in np.flatnonzero(far):
            found[table.index[at]] = score[at], rest_sd[at] / sd[at], bool(alone[at]), bool(certain[at])
    return found


def tell_far(outcome: str, table: pd.DataFrame) -> None:
    """Warn of codes and of single students that change what a fit says; `table` has n, mean, sd, low and high by school."""
    if table["n"].sum() < _ENOUGH:
        return
    ends, sd = table[["low", "high"]], table["sd"].median()
    others = ends.mask(ends.isin(CODES))
    # A school's next score is not known here; its mean tells whether the code is far from those beside it, too.
    beside = ends.where(ends.isin(CODES)).sub(table["mean"], axis=0).abs() > 2.5 * sd
    codes = np.unique(ends.to_numpy()[beside.to_numpy()])
    counts = np.array([(ends == code).any(axis=1).sum() for code in codes])
    apart = codes[is_apart(codes, counts, others["low"].min(), others["high"].max(), sd)]
    for code in apart:
        schools = table.index[(ends == code).any(axis=1)]
        warn(
            f"{outcome!r} is {number(code)} in {some(map(plain, schools), 'school')}, far from all other scores: a code for missing? "
            "Taken as a score it makes these schools look restless and all others calm. sm.inspect finds more.",
            UserWarning,
        )
    words = [
        Words(f"{plain(label)!r} ({score:.10g})")
        for label, (score, times, alone, certain) in dominated(table).items()
        if alone and certain and times < _MUCH and score not in apart
    ]
    if words:
        warn(
            f"one student makes much of the spread of {some(words)}: look at {outcome!r} of that student, or see "
            "whether a flag holds with Student-t residuals.",
            UserWarning,
        )
