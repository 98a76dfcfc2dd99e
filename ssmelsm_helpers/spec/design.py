"""Formulas and students to named matrices, through `formulae`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pandas as pd

from ..arguments import require
from ..data.frames import REMEDY, columns_with_gaps, leave_out, refuse_missing, rows_with, table_of
from ..data.labels import by_label, report_unused, tell_alike
from ..data.schools import require_spread
from .columns import check_columns, evaluate, prepared
from .constant import with_spread
from .formulas import Expression, Formulas


@dataclass(frozen=True, eq=False)
class Design:
    """Matrices of both submodels; rows sorted by school, schools in the order of `labels`.

    Of the intercept-only model the rows may be schools, whose n, mean and SD are in `table` then, and say all.
    """

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
    def of_schools(cls, table: pd.DataFrame) -> "Design":
        """The intercept-only model of a checked school summary."""
        rows = np.arange(len(table))
        ones = [np.ones((len(table), 1)), ("Intercept",)]
        mean = table["mean"].to_numpy(dtype=float)
        return cls(mean, *ones, *ones, *ones, *ones, ((0, 1),), rows, table.index, rows, table=table)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """n, mean and sd (ddof=1) of the outcome per school."""
        return self.ends[["n", "mean", "sd"]] if self.table is None else self.table

    @property
    def ends(self) -> pd.DataFrame:
        """The summary of students, with the least and the largest outcome."""
        outcome = pd.Series(self.y).groupby(self.school)
        return outcome.agg(n="size", mean="mean", sd="std", low="min", high="max").set_axis(self.labels)

    @cached_property
    def n(self) -> np.ndarray:
        """Students per school (J,)."""
        return self.summary["n"].to_numpy()

    @cached_property
    def starts(self) -> np.ndarray:
        """First row of each school (J,)."""
        return np.flatnonzero(np.diff(self.school, prepend=-1))

    def school_means(self, columns: np.ndarray) -> np.ndarray:
        """Means (J, C) of the rows' columns (N, C)."""
        return np.add.reduceat(columns, self.starts) / np.bincount(self.school)[:, None]

    @property
    def n_schools(self) -> int:
        """Number of schools."""
        return len(self.labels)

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of all random effects, location first."""
        return (*(f"location[{e}]" for e in self.location_effects), *(f"scale[{e}]" for e in self.scale_effects))

    def of_rows(self, rows: np.ndarray) -> "Design":
        """The design of some of the rows, in their order, and of the schools that these are of."""
        places, school = np.unique(self.school[rows], return_inverse=True)
        values = {name: getattr(self, name)[rows] for name in ("y", "X", "W", "Z", "S", "rows")}
        return replace(self, **values, school=school, labels=self.labels[places])

    def new_rows(self, data) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """X, W, Z and S of other students; transformations keep what they learned from the fit's students."""
        columns, parts = self.evaluators
        askers = dict.fromkeys(columns, "students")
        frame = table_of(data, askers, "students")
        refuse_missing(frame, frame.isna().any(axis=1), "students")
        require(len(frame), "students must have at least one row", 0)
        frame = prepared(frame, askers)
        return tuple(np.column_stack([of_others(frame) for of_others in part]) for part in parts)


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
    askers = _covariates(formulas)
    wanted = {formulas.outcome: "location", formulas.school: "location"} | askers
    frame, rows = _usable(table_of(data, wanted, outcome=formulas.outcome), formulas.outcome, missing)
    school, labels = by_label(frame[formulas.school], "school", formulas.school)
    require(len(labels) >= 2, f"data must hold at least two schools in {formulas.school!r}", len(labels))
    tell_alike(labels, np.bincount(school))
    for name in frame:
        report_unused(name, frame[name])
    design = _design_of(formulas, askers, frame, rows, school, labels)
    spread = with_spread("data", design, constant)
    if spread.all():
        return design
    kept, place = spread[school], np.cumsum(spread) - 1
    frame = frame[kept].reset_index(drop=True)
    return _design_of(formulas, askers, frame, rows[kept], place[school[kept]], labels[spread])


def _design_of(formulas: Formulas, askers: dict[str, str], frame: pd.DataFrame, rows, school, labels) -> Design:
    """The matrices of usable rows, `school` their places in `labels`; `rows` are their positions in the caller's data."""
    order = np.argsort(school, kind="stable")
    y = frame[formulas.outcome].to_numpy(dtype=float)[order]
    # In the order of the data, so that functions like np.cumsum see it; sorted afterwards.
    covariates = prepared(frame, askers)
    parts = (formulas.location, formulas.scale)
    made = [_matrix(part.name, [part.fixed], covariates, order) for part in parts]
    made += [_matrix(part.name, part.groups, covariates, order, " (random effects)") for part in parts]
    matrices, sizes, evaluators = zip(*made, strict=True)
    rows = school[order], labels, rows[order]
    design = Design(y, *chain(*matrices), _blocks(*sizes[2:]), *rows, (list(askers), evaluators))
    require_spread(*design.summary.to_numpy().T)
    return design


def _covariates(formulas: Formulas) -> dict[str, str]:
    """Columns that the expressions need, and the submodel that first asks for each."""
    askers: dict[str, str] = {}
    for part in (formulas.location, formulas.scale):
        for expression in (part.fixed, *part.groups):
            columns = expression.columns.values()
            demand = f"{part.name} must not use the outcome {formulas.outcome!r} as a covariate"
            require(formulas.outcome not in columns, demand, expression)
            askers |= {column: part.name for column in columns if column not in askers}
    return askers


def _matrix(asker: str, expressions: Sequence[Expression], covariates: pd.DataFrame, order, kind: str = "") -> tuple:
    """Values in the given order with their names, how many each expression has, and what makes those of other students."""
    found = [evaluate(asker, expression, covariates) for expression in expressions]
    names, values, of_others = zip(*found, strict=True)
    matrix, all_names = np.column_stack(values)[order], tuple(chain(*names))
    check_columns(asker + kind, all_names, matrix)
    return (matrix, all_names), [*map(len, names)], of_others


def _usable(frame: pd.DataFrame, outcome: str, missing: str | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows without missing values and with a finite outcome, and their positions."""
    absent = frame.isna().any(axis=1).to_numpy()
    infinite = np.isinf(frame[outcome].to_numpy()) & ~absent
    none = missing and len(frame) and (absent | infinite).all()
    require(not none, f"data must have a row with finite values in {list(frame)}", f"{len(frame)} rows without")
    problems = {f"missing values in {columns_with_gaps(frame)}": absent, f"an infinite {outcome!r}": infinite}
    for what, bad in problems.items():
        if bad.any():
            leave_out("data", rows_with(what, bad), missing, REMEDY if missing else "")
    kept = np.flatnonzero(~(absent | infinite))
    return frame.iloc[kept].reset_index(drop=True), kept


def _blocks(location: list[int], scale: list[int]) -> tuple[tuple[int, ...], ...]:
    """Which effects are correlated: those of both submodels' first group terms; each later term is by itself."""
    ends = np.cumsum([0, *location, *scale])
    terms = [tuple(range(a, b)) for a, b in pairwise(ends)]
    first = (0, len(location))
    others = [term for at, term in enumerate(terms) if at not in first]
    return (terms[0] + terms[len(location)], *others)
