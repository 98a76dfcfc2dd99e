r"""Schools without spread, which have no posterior.

If all outcomes of a school are the same, p(y_j | t_j) grows like exp(-(n_j - 1) t_j) as t_j falls, faster than any prior of
tau_t with a polynomial tail falls off: the posterior's integral does not exist. With covariates the same happens where the
school's own columns fit its outcomes exactly, if there are more students than the columns can fit whatever they score.
"""

import numpy as np
import pandas as pd

from ..arguments import counted, require
from ..data.chance import without_spread
from ..data.frames import leave_out

_RANK = 1e-9
_WHY = (
    ". All of a school's outcomes are the same (given its own covariates), or differ by rounding only, and then the SD of "
    "its own that the model gives it has no posterior; leave such schools out, or pass constant='drop'"
)


def in_design(design) -> np.ndarray:
    """Which schools of a `Design` have no spread, given their own columns."""
    # A random slope on a two-valued column in the scale gives an SD of its own to either part of a school.
    halves = [column for column in design.S.T if np.ptp(column) > 0 and len(np.unique(column)) == 2]
    parts = pd.DataFrame(np.column_stack([design.school, *halves]))
    groups = [rows for rows in parts.groupby(list(parts)).indices.values() if len(rows) > 1]
    schools = design.school[[rows[0] for rows in groups]]
    z, x = _unit(design.Z), _unit(design.X)
    y = design.y - (design.y.mean() if (np.ptp(design.X, axis=0) == 0).any() else 0.0)
    of_z, of_both = (_spread(groups, columns, y) for columns in (z, np.column_stack([z, x])))
    bad = without_spread(*of_both)
    # Schools that are constant as they are: one covariate's coefficient, zero, fits them all, however small each is.
    constant = without_spread(*of_z)
    if constant.any():
        beside = np.concatenate([_left(z[groups[at]], x[groups[at]])[0] for at in np.flatnonzero(constant)])
        bad |= constant & (of_z[0][constant].sum() > np.linalg.matrix_rank(beside, tol=_RANK * len(beside)))
    return np.bincount(schools, weights=bad, minlength=design.n_schools) > 0


def _unit(columns) -> np.ndarray:
    """Columns of size one; those that vary centred, if there is a constant to take up their means."""
    varies = np.ptp(columns, axis=0) > 0
    centred = columns - columns.mean(axis=0) * (varies & ~varies.all())
    return centred / np.abs(centred).max(axis=0)


def _left(columns, values) -> tuple[np.ndarray, int]:
    """What columns (n, K) leave of values (n, ...), and the columns' rank."""
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    basis = basis[:, sizes > _RANK * len(columns)]
    return values - basis @ (basis.T @ values), basis.shape[1]


def _spread(groups, columns, y) -> tuple[np.ndarray, np.ndarray]:
    """Per group, degrees of freedom and SD of what its columns leave of y."""
    found = [_left(columns[rows], y[rows]) for rows in groups]
    df = np.array([len(left) - rank for left, rank in found])
    return df, np.array([np.linalg.norm(left) for left, _ in found]) / np.sqrt(np.maximum(df, 1))


def with_spread(argument: str, design, constant: str | None) -> np.ndarray:
    """Which schools of a `Design` have spread; others are refused, or left out and reported. None: nobody asks."""
    if constant is None:
        return np.ones(design.n_schools, dtype=bool)
    table, n, labels = design.table, design.n, design.labels
    bad = (
        in_design(design) if table is None else without_spread(n - 1, np.nan_to_num(table["sd"].to_numpy(dtype=float)))
    )
    if bad.any():
        if constant == "drop":
            require((~bad).sum() >= 2, f"{argument} must hold at least two schools with spread", int((~bad).sum()))
        first = zip(labels[bad][:5], n[bad][:5], strict=True)
        named = ", ".join(f"{label!r} ({counted(students, 'student')})" for label, students in first)
        more = f" and {bad.sum() - 5} more" if bad.sum() > 5 else ""
        found = f"{counted(int(bad.sum()), 'school')} of {len(bad)} without spread: {named}{more}"
        leave_out(argument, found, constant, _WHY)
    return ~bad
