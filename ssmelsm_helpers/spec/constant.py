r"""Schools without spread, which have no posterior.

If all outcomes of a school are the same, p(y_j | t_j) grows like exp(-(n_j - 1) t_j) as t_j falls, faster than any prior of
tau_t with a polynomial tail falls off: the posterior's integral does not exist. With covariates the same happens where the
school's own columns fit its outcomes exactly, if there are more students than the columns can fit whatever they score.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2

from ..arguments import counted
from ..data.schools import check_summary

# A school's SD counts as none where it is below this share of the usual one, and below what chance gives to one ordinary
# school in ten million with so few students: then it comes from the rounding of equal outcomes.
_SHARE, _CHANCE = 0.005, 1e-7
_RANK = 1e-9


def without_spread(df, sd) -> np.ndarray:
    """Which schools have no spread, from degrees of freedom (0: none to be judged by) and SDs."""
    judged = df > 0
    positive = sd[judged & (sd > 0)]
    if not len(positive):
        return judged & (sd == 0)
    by_chance = np.sqrt(chi2.ppf(_CHANCE, np.maximum(df, 1)) / np.maximum(df, 1))
    return judged & (sd <= np.minimum(by_chance, _SHARE) * np.median(positive))


def with_spread(argument: str, schools: pd.DataFrame, constant: str) -> pd.DataFrame:
    """A school summary, checked, without the schools that have no spread: these are refused, or left out and reported."""
    schools = check_summary(schools)
    bad = without_spread(schools["n"].to_numpy() - 1, np.nan_to_num(schools["sd"].to_numpy(dtype=float)))
    refuse_or_drop(argument, bad, schools.index, schools["n"], constant)
    return schools[~bad]


def in_design(design) -> np.ndarray:
    """Which schools of a `Design` have no spread, given their own columns."""
    groups, schools = _groups(design)
    z, x = _unit(design.Z), _unit(design.X)
    y = design.y - (design.y.mean() if (np.ptp(design.X, axis=0) == 0).any() else 0.0)
    of_z, of_both = (_spread(groups, columns, y) for columns in (z, np.column_stack([z, x])))
    bad = without_spread(*of_both)
    # Schools that are constant as they are: one covariate's coefficient, zero, fits them all, however small each is.
    constant = without_spread(*of_z)
    if constant.any():
        beside = np.concatenate(
            [x[rows] - _fitted(z[rows], x[rows]) for rows, c in zip(groups, constant, strict=True) if c]
        )
        bad |= constant & (of_z[0][constant].sum() > np.linalg.matrix_rank(beside, tol=_RANK * len(beside)))
    return np.bincount(schools, weights=bad, minlength=design.n_schools) > 0


def _groups(design) -> tuple[list[np.ndarray], np.ndarray]:
    """Rows of groups that can have an SD of their own, and the groups' schools.

    A random slope on a two-valued column in the scale gives one to either part of a school.
    """
    halves = [column for column in design.S.T if np.ptp(column) > 0 and len(np.unique(column)) == 2]
    keys, group = np.unique(np.column_stack([design.school, *halves]), axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group.ravel()[order])) + 1), keys[:, 0].astype(int)


def _unit(columns) -> np.ndarray:
    """Columns of size one; those that vary centred, if there is a constant to take up their means."""
    varies = np.ptp(columns, axis=0) > 0
    centred = columns - columns.mean(axis=0) * (varies & ~varies.all())
    return centred / np.abs(centred).max(axis=0)


def _fitted(columns, values) -> np.ndarray:
    """Projection of values (n, ...) on columns (n, K)."""
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    basis = basis[:, sizes > _RANK * sizes.max(initial=1.0)]
    return basis @ (basis.T @ values)


def _spread(groups, columns, y) -> tuple[np.ndarray, np.ndarray]:
    """Per group, degrees of freedom and SD of what its columns leave of y."""
    df, sd = np.zeros(len(groups), dtype=int), np.zeros(len(groups))
    for at, rows in enumerate(groups):
        if len(rows) > 1:
            df[at] = len(rows) - np.linalg.matrix_rank(columns[rows], tol=_RANK * len(rows))
            sd[at] = np.linalg.norm(y[rows] - _fitted(columns[rows], y[rows])) / np.sqrt(max(df[at], 1))
    return df, sd


def refuse_or_drop(argument: str, bad, labels, counts, constant: str) -> None:
    """An error that names the schools without spread, or a line that says they were left out."""
    if not bad.any():
        return
    named = ", ".join(
        f"{label!r} ({counted(n, 'student')})" for label, n in list(zip(labels[bad], counts[bad], strict=True))[:5]
    )
    more = f" and {bad.sum() - 5} more" if bad.sum() > 5 else ""
    of = f"{counted(int(bad.sum()), 'school')} of {len(bad)} without spread: {named}{more}"
    if constant == "quiet":
        return
    if constant == "drop":
        if (~bad).sum() < 2:
            raise ValueError(
                f"{argument} must hold at least two schools with spread; found {(~bad).sum()} of {len(bad)}."
            )
        print(f"{argument}: left out {of}.")
        return
    raise ValueError(
        f"{argument} has {of}. All of a school's outcomes are the same (given its own covariates), or differ by rounding only, "
        f"and then the SD of its own that the model gives it has no posterior; leave such schools out, or pass constant='drop'."
    )
