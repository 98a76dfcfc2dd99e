"""Students' columns, and the named columns that an expression makes of them, through `formulae`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..arguments import counted
from ..data.frames import numbers
from .expressions import FUNCTIONS, quietly, reason
from .spelling import Spelling, spell

# A column counts as a combination of others where less than this share of its length is left beside them.
_RANK = 1e-9
# A text or category with more levels than this is a label, such as the student's name.
_MOST_LEVELS = 1000


def covariate(column: pd.Series, asker: str) -> pd.Series:
    """A column that formulae codes as we mean it: float, int, bool, or an ordered categorical.

    Formulae sorts the levels of unordered categoricals, whatever order they have.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories().cat.as_ordered()
    kind = pd.api.types.infer_dtype(column, skipna=False)
    if kind == "string":
        return column.astype(pd.CategoricalDtype(sorted(column.unique()), ordered=True))
    if kind in ("boolean", "integer"):
        return column.astype(bool if kind == "boolean" else int)
    found = numbers(column)
    if found is None:
        what = kind if column.dtype == object else str(column.dtype)
        raise ValueError(
            f"{asker} needs numbers, true or false, texts or categories in the column {column.name!r}; found {what}."
        )
    return found


def prepared(frame: pd.DataFrame, askers: dict[str, str]) -> pd.DataFrame:
    """The covariates as formulae is to see them; `askers` says which submodel needs each."""
    return pd.DataFrame({name: covariate(frame[name], asker) for name, asker in askers.items()}, index=frame.index)


@dataclass(frozen=True, eq=False)
class Piece:
    """One expression's columns, and how to make them for other students."""

    asker: str
    expression: str
    names: tuple[str, ...]
    spelling: Spelling
    common: Any

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that it needs."""
        return tuple(self.spelling.columns.values())

    def of(self, frame: pd.DataFrame) -> np.ndarray:
        """The same columns of other students; transformations keep what they learned."""
        if self.common is None:
            return np.ones((len(frame), 1))
        try:
            with quietly(self.spelling.text):
                new = self.common.evaluate_new_data(_spelled(self.spelling, frame))
            values = np.asarray(new.design_matrix, dtype=float)
        except Exception as error:
            problem = self.spelling.own(reason(error))
            raise ValueError(f"students do not fit {self.expression!r} of {self.asker}: {problem}.") from error
        _refuse_infinite(self.asker, self.names, values)
        return values


def evaluate(asker: str, expression: str, frame: pd.DataFrame) -> tuple[Piece, np.ndarray]:
    """The named columns of one expression of prepared covariates, and their values."""
    spelling = spell(expression)
    if expression == "1":
        return Piece(asker, expression, ("Intercept",), spelling, None), np.ones((len(frame), 1))
    from formulae import design_matrices
    from formulae.environment import Environment

    for name in spelling.columns.values():
        _refuse_labels(asker, frame[name])
    try:
        with quietly(spelling.text):
            data, space = _spelled(spelling, frame), Environment([FUNCTIONS])
            common = design_matrices(spelling.text, data, na_action="error", env=space).common
        values = np.asarray(common.design_matrix, dtype=float)
    except Exception as error:
        problem = spelling.own(reason(error))
        raise ValueError(f"{asker}: {expression!r} cannot be evaluated: {problem}.") from error
    for term, columns in common.slices.items():
        if columns.start == columns.stop:
            raise ValueError(
                f"{asker}: {spelling.own(term)!r} has a single level, so that there is no effect to estimate."
            )
    names = tuple(spelling.own(str(label)) for term in common.terms.values() for label in term.labels)
    if values.shape != (len(frame), len(names)):
        raise ValueError(f"{asker}: {expression!r} must have one value per student, {len(frame)}; found {len(values)}.")
    _refuse_infinite(asker, names, values)
    return Piece(asker, expression, names, spelling, common), values


def _spelled(spelling: Spelling, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns under formulae's names. Numbers are floats, since powers of whole ones can overflow; levels stay."""
    frame = frame[list(spelling.columns.values())].set_axis(list(spelling.columns), axis=1)
    levels = set(re.findall(r"\b[CST]\s*\(\s*(\w+)", spelling.text))
    numbers = [name for name in frame if name not in levels and pd.api.types.is_numeric_dtype(frame[name])]
    return frame.astype(dict.fromkeys(numbers, float))


def _refuse_labels(asker: str, column: pd.Series) -> None:
    levels = len(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else 0
    if levels > _MOST_LEVELS:
        raise ValueError(
            f"{asker}: {column.name!r} has {levels} levels, where at most {_MOST_LEVELS} can have an effect each; "
            "numbers must not be texts."
        )


def _refuse_infinite(asker: str, names: Sequence[str], values: np.ndarray) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        bad = [name for name, fine in zip(names, finite.all(axis=0), strict=True) if not fine]
        count = counted(int((~finite.all(axis=1)).sum()), "student")
        raise ValueError(f"{asker}: {bad} must be finite, but for {count} it is missing or infinite.")


def check_columns(what: str, names: Sequence[str], values: np.ndarray) -> None:
    """Refuse columns of the same name, and those that are combinations of columns before them."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what}: {twice} must not occur more than once.")
    peak = np.abs(values).max(axis=0)
    if (peak == 0).any():
        raise ValueError(f"{what}: {names[int(np.argmin(peak))]!r} is zero for every student.")
    unit = values / peak
    unit /= np.linalg.norm(unit, axis=0)
    left = np.zeros(len(names))  # beyond as many columns as students nothing can be left
    diagonal = np.abs(np.diagonal(np.linalg.qr(unit, mode="r")))
    left[: len(diagonal)] = diagonal
    if (left < _RANK).any():
        at = int(np.argmax(left < _RANK))
        weights = np.linalg.lstsq(unit[:, :at], unit[:, at], rcond=None)[0]
        others = [names[k] for k, weight in enumerate(weights) if abs(weight) > 1e-6]
        raise ValueError(f"{what}: {names[at]!r} is determined by {others}; leave one of them out.")
    if len(names) >= len(values):  # an effect for each student explains everything, and would run for minutes
        raise ValueError(f"{what} must have fewer columns than there are students, {len(values)}; found {len(names)}.")
