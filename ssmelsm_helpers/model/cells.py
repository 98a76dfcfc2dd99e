"""Students who are alike in all that a model knows of them, counted once: exact, and often far fewer rows."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..data.schools import sum_of_squares
from ..spec.design import Design


class Cells(NamedTuple):
    """Rows of a design, each with its number of students, their mean outcome and squared deviations from it."""

    X: np.ndarray
    W: np.ndarray
    Z: np.ndarray
    S: np.ndarray
    school: np.ndarray  #: position of each row's school, nondecreasing
    n: np.ndarray
    mean: np.ndarray
    sum_squares: np.ndarray


def students_of(cells: Cells) -> tuple[np.ndarray, ...]:
    """Cells as compiled loops want them: X, W, Z and S with columns first; n, mean, squares; and starts (J + 1,).

    The rows of school j are starts[j] to starts[j + 1].
    """
    X, W, Z, S, school, *values = cells
    # Copies: functions are compiled once more for arrays that are read-only.
    parts = (np.array(part.T, dtype=float, order="C") for part in (X, W, Z, S, *values))
    return *parts, np.flatnonzero(np.diff(school, prepend=-1, append=-1))


def cells_of(design: Design, family: str = "normal") -> Cells:
    """Cells of a design.

    Normal students of one school with the same covariates matter through their count, mean and sum of squares. With a
    continuous covariate, or another family, every student is a cell of one.
    """
    if design.table is not None:
        n, squares = design.n.astype(float), sum_of_squares(design.table)
        return Cells(design.X, design.W, design.Z, design.S, design.school, n, design.y, squares)
    keys = np.column_stack([design.school, design.X, design.W, design.Z, design.S])
    if family == "normal":
        rows, cell = np.unique(keys, axis=0, return_inverse=True)
        cell = cell.ravel()
    else:
        rows, cell = keys, np.arange(len(keys))
    n = np.bincount(cell).astype(float)
    mean = np.bincount(cell, design.y) / n
    sum_squares = np.bincount(cell, (design.y - mean[cell]) ** 2)
    ends = np.cumsum([0, 1, *(columns.shape[1] for columns in (design.X, design.W, design.Z, design.S))])
    school, *parts = (rows[:, a:b] for a, b in pairwise(ends))
    return Cells(*parts, school[:, 0].astype(int), n, mean, sum_squares)


def without_each(cells: Cells, cell: np.ndarray, y: np.ndarray) -> Cells:
    """One school's cells (C rows), as often as there are students: each time without one, of this cell and this outcome (V,).

    The copies are schools 0 to V - 1; a cell that loses its only student stays, with an n of zero.
    """
    copies, size = np.arange(len(y)), len(cells.n)
    n, mean, squares = (np.tile(values, (len(y), 1)) for values in (cells.n, cells.mean, cells.sum_squares))
    left, away = n[copies, cell] - 1, y - mean[copies, cell]
    several, divisor = left > 1, np.maximum(left, 1)
    # What one student adds to a sum of squares; a cell of one has none.
    fewer = squares[copies, cell] - away**2 * (left + 1) / divisor
    squares[copies, cell] = np.where(several, np.maximum(fewer, 0.0), 0.0)
    mean[copies, cell] -= np.where(left > 0, away / divisor, 0.0)
    n[copies, cell] = left
    matrices = (np.tile(columns, (len(y), 1)) for columns in (cells.X, cells.W, cells.Z, cells.S))
    return Cells(*matrices, np.repeat(copies, size), *(values.ravel() for values in (n, mean, squares)))
