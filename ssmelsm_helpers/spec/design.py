"""Formulas and students to named matrices, through `formulae`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ..arguments import check_squares, counted
from ..data.frames import first_rows, refuse_missing, table_of
from ..data.labels import by_label, report_unused, tell_alike
from .columns import check_columns, evaluate, prepared
from .constant import in_design, refuse_or_drop
from .formulas import Formulas


@dataclass(frozen=True, eq=False)
class Design:
    """Matrices of both submodels; rows sorted by school, schools in the order of `labels`.

    Of the intercept-only model the rows may be schools, whose n, mean and SD are in `table` then, and say all.
    """

    formulas: Formulas | None
    y: np.ndarray  #: (N,) outcome
    X: np.ndarray  #: (N, P) location covariates
    location_terms: tuple[str, ...]
    W: np.ndarray  #: (N, Q) scale covariates
    scale_terms: tuple[str, ...]
    Z: np.ndarray  #: (N, K) columns of the random location effects
    location_effects: tuple[str, ...]
    S: np.ndarray  #: (N, R) columns of the random scale effects
    scale_effects: tuple[str, ...]
    blocks: tuple[tuple[int, ...], ...]  #: positions among the K + R effects that are correlated, location first
    school: np.ndarray  #: (N,) position of each row's school in `labels`, nondecreasing
    labels: pd.Index
    rows: np.ndarray  #: (N,) position of each row in the caller's data
    evaluators: Any = field(default=None, repr=False)  #: evaluate the same columns on other students
    table: pd.DataFrame | None = None

    @classmethod
    def of_schools(cls, table: pd.DataFrame) -> Design:
        """The intercept-only model of a checked school summary."""
        rows = np.arange(len(table))
        ones = [np.ones((len(table), 1)), ("Intercept",)]
        mean = table["mean"].to_numpy(dtype=float)
        return cls(None, mean, *ones, *ones, *ones, *ones, ((0, 1),), rows, table.index, rows, table=table)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """n, mean and sd (ddof=1) of the outcome per school."""
        if self.table is not None:
            return self.table
        outcome = pd.Series(self.y).groupby(self.school)
        return outcome.agg(n="size", mean="mean", sd="std").set_axis(self.labels)

    @cached_property
    def n(self) -> np.ndarray:
        """Students per school (J,)."""
        if self.table is not None:
            return self.table["n"].to_numpy()
        return np.bincount(self.school, minlength=len(self.labels))

    @cached_property
    def starts(self) -> np.ndarray:
        """First row of each school (J,)."""
        return np.concatenate([[0], np.cumsum(self.n)[:-1]])

    def school_means(self, columns: np.ndarray) -> np.ndarray:
        """Means (J, ...) of the rows' columns (N, ...)."""
        if self.table is not None:
            return columns
        return np.add.reduceat(columns, self.starts) / self.n.reshape(-1, *(1,) * (columns.ndim - 1))

    @property
    def n_schools(self) -> int:
        """Number of schools."""
        return len(self.labels)

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of all random effects, location first."""
        return (*(f"location[{e}]" for e in self.location_effects), *(f"scale[{e}]" for e in self.scale_effects))

    def new_rows(self, data) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """X, Z, W and S of other students; transformations keep what they learned from the fit's students."""
        if self.evaluators is None:
            raise ValueError(
                "this design comes from a saved fit; build it from the fit's data to evaluate new students."
            )
        askers = {name: p.asker for part in self.evaluators for p in part for name in p.expression.columns.values()}
        frame = table_of(data, dict.fromkeys(askers, "students"), "students")
        refuse_missing(frame, frame.isna().any(axis=1), "students")
        if len(frame) == 0:
            raise ValueError("students must have at least one row; found none.")
        frame = prepared(frame, dict.fromkeys(askers, "students"))
        return tuple(np.column_stack([piece.of(frame) for piece in part]) for part in self.evaluators)


def build_design(formulas: Formulas, data, *, missing: str | None = "raise", constant: str | None = "raise") -> Design:
    """Both submodels' matrices for some students.

    Rows with missing values are refused or, with ``missing="drop"``, dropped and reported; "quiet" drops them without a
    word, and None is for callers without that option. The same goes for schools without spread and `constant`; with
    None nobody asks whether there are any.

    Raises
    ------
    TypeError
        The data are no data frame.
    ValueError
        A column is absent, not numeric where it must be, missing or not finite; a design has columns that depend on
        others; there are not two schools, or none with two students; the outcome does not vary within any school.

    Examples
    --------
    >>> students = pd.DataFrame({"school": ["b", "a", "b", "a"], "score": [1.0, 2, 3, 4], "ses": [0.5, 0, 1, 2]})
    >>> from ssmelsm_helpers.spec.formulas import parse_formulas
    >>> design = build_design(parse_formulas("score ~ ses + (1 | school)", "~ 1 + (1 | school)"), students)
    >>> design.location_terms, design.rows.tolist(), design.X[:, 1].tolist()
    (('Intercept', 'ses'), [1, 3, 0, 2], [0.0, 2.0, 0.5, 1.0])
    """
    if missing not in ("raise", "drop", "quiet", None):
        raise ValueError(f"missing must be 'raise' or 'drop'; found {missing!r}.")
    askers = _covariates(formulas)
    wanted = {formulas.outcome: "location", formulas.school: "location"} | askers
    frame, rows = _usable(table_of(data, wanted, outcome=formulas.outcome), formulas.outcome, missing)
    school, labels = _by_school(frame[formulas.school], formulas.school)
    for name in frame:
        report_unused(name, frame[name])
    design = _design_of(formulas, askers, frame, rows, school, labels)
    bad = in_design(design) if constant else np.zeros(design.n_schools, dtype=bool)
    if not bad.any():
        return design
    refuse_or_drop("data", bad, design.labels, design.n, constant)
    kept, place = ~bad[school], np.cumsum(~bad) - 1
    frame = frame[kept].reset_index(drop=True)
    return _design_of(formulas, askers, frame, rows[kept], place[school[kept]], labels[~bad])


def _design_of(formulas: Formulas, askers: dict[str, str], frame: pd.DataFrame, rows, school, labels) -> Design:
    """The matrices of usable rows, `school` their places in `labels`; `rows` are their positions in the caller's data."""
    order = np.argsort(school, kind="stable")
    y = frame[formulas.outcome].to_numpy(dtype=float)[order]
    _check_outcome(y, school[order])
    # In the order of the data, so that functions like np.cumsum see it; sorted afterwards.
    covariates = prepared(frame, askers)
    parts = (formulas.location, formulas.scale)
    fixed = [_matrix(part.name, [part.fixed], covariates, order) for part in parts]
    random = [_matrix(part.name, list(part.groups), covariates, order, "random effects") for part in parts]
    sizes = [[len(piece.names) for piece in pieces] for _, _, pieces in random]
    return Design(
        formulas=formulas,
        y=y,
        X=fixed[0][0],
        location_terms=fixed[0][1],
        W=fixed[1][0],
        scale_terms=fixed[1][1],
        Z=random[0][0],
        location_effects=random[0][1],
        S=random[1][0],
        scale_effects=random[1][1],
        blocks=_blocks(*sizes),
        school=school[order],
        labels=labels,
        rows=rows[order],
        evaluators=tuple(pieces for _, _, pieces in (fixed[0], random[0], fixed[1], random[1])),
    )


def _covariates(formulas: Formulas) -> dict[str, str]:
    """Columns that the expressions need, and the submodel that first asks for each."""
    askers: dict[str, str] = {}
    for part in (formulas.location, formulas.scale):
        for expression in (part.fixed, *part.groups):
            for column in expression.columns.values():
                askers.setdefault(column, part.name)
                if column == formulas.outcome:
                    raise ValueError(
                        f"{part.name} must not use the outcome {column!r} as a covariate; found {expression!r}."
                    )
    return askers


def _matrix(asker: str, expressions: Sequence[str], covariates: pd.DataFrame, order, kind: str = "") -> tuple:
    """Values in the given order, names, and the pieces they come from."""
    pieces, values = zip(*(evaluate(asker, expression, covariates) for expression in expressions), strict=True)
    names = tuple(name for piece in pieces for name in piece.names)
    matrix = np.column_stack(values)[order]
    check_columns(f"{asker} ({kind})" if kind else asker, names, matrix)
    return matrix, names, pieces


def _usable(frame: pd.DataFrame, outcome: str, missing: str | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows without missing values and with a finite outcome, and their positions."""
    absent = frame.isna().any(axis=1).to_numpy()
    infinite = np.isinf(frame[outcome].to_numpy()) & ~absent
    if missing not in ("drop", "quiet"):
        hint = "; remove them or pass missing='drop'" if missing else ""
        refuse_missing(frame, absent, "data", hint)
        if infinite.any():
            raise ValueError(
                f"data has {counted(int(infinite.sum()), 'row')} with an infinite {outcome!r} {first_rows(infinite)}{hint}."
            )
    columns = [column for column in frame if frame[column].isna().any()]
    for bad, what in ((absent, f"missing values in {columns}"), (infinite, f"an infinite {outcome!r}")):
        if bad.any() and missing == "drop":
            print(f"data: dropped {counted(int(bad.sum()), 'row')} of {len(frame)} with {what}, from both submodels.")
    kept = ~(absent | infinite)
    return (frame if kept.all() else frame[kept].reset_index(drop=True)), np.flatnonzero(kept)


def _by_school(column: pd.Series, name: str) -> tuple[np.ndarray, pd.Index]:
    """Each row's school, and the schools' labels, sorted where they can be."""
    school, labels = by_label(column, "school", name)
    if len(labels) < 2:
        raise ValueError(f"data must hold at least two schools; found {len(labels)} in {name!r}.")
    tell_alike(labels, np.bincount(school), column)
    return school, labels


def _check_outcome(y: np.ndarray, school: np.ndarray) -> None:
    check_squares("the outcome", y)
    starts = np.flatnonzero(np.diff(school, prepend=-1))
    if len(starts) == len(y):
        raise ValueError("every school has a single student: there is no within-school spread to model.")
    if (np.maximum.reduceat(y, starts) == np.minimum.reduceat(y, starts)).all():
        same = " and all means are equal" if np.ptp(y) == 0 else ""
        raise ValueError(f"the outcome is constant within every school{same}: there is no spread to model.")


def _blocks(location: list[int], scale: list[int]) -> tuple[tuple[int, ...], ...]:
    """Which effects are correlated: those of both submodels' first group terms; each later term is by itself."""
    ends = np.cumsum([0, *location, *scale])
    terms = [tuple(range(a, b)) for a, b in pairwise(ends)]
    first, others = (0, len(location)), [i for i in range(len(terms)) if i not in (0, len(location))]
    return (tuple(e for i in first for e in terms[i]), *(terms[i] for i in others))
