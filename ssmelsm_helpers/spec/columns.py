"""Students' columns, and the named columns that an expression makes of them, through `formulae`."""

import copy
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from ..arguments import counted, require
from ..data.frames import numbers
from .formulas import Expression, reason
from .spelling import FUNCTIONS, own

# A column counts as a combination of others where less than this share of its length is left beside them.
_RANK = 1e-9
# A text or category with more levels than this is a label, such as the student's name.
_MOST_LEVELS = 1000


def covariate(column: pd.Series, asker: str) -> pd.Series:
    """A column that formulae codes as we mean it: float, int, bool, or an ordered categorical.

    Formulae sorts the levels of unordered categoricals, whatever order they have.
    """
    kind = pd.api.types.infer_dtype(column, skipna=False)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = column.cat.remove_unused_categories().cat.categories
    elif kind == "string":
        levels = sorted(column.unique())
    elif kind in ("boolean", "integer"):
        return column.astype(bool if kind == "boolean" else int)
    elif (found := numbers(column)) is not None:
        return found
    else:
        expected = f"numbers, true or false, texts or categories in the column {column.name!r}"
        raise ValueError(f"{asker} needs {expected}; found {kind if column.dtype == object else column.dtype}.")
    if len(levels) > _MOST_LEVELS:
        most = f"at most {_MOST_LEVELS} can have an effect each; numbers must not be texts"
        raise ValueError(f"{asker}: {column.name!r} has {len(levels)} levels, where {most}.")
    return column.astype(pd.CategoricalDtype(levels, ordered=True))


def prepared(frame: pd.DataFrame, askers: dict[str, str]) -> pd.DataFrame:
    """The covariates as formulae is to see them; `askers` says which submodel needs each."""
    return pd.DataFrame({name: covariate(frame[name], asker) for name, asker in askers.items()}, index=frame.index)


def evaluate(asker: str, expression: Expression, frame: pd.DataFrame) -> tuple[tuple[str, ...], np.ndarray, Callable]:
    """The names of one expression's columns, their values for prepared covariates, and what makes other students' values.

    For these, transformations keep what they learned.
    """
    import formulae

    def make(data: pd.DataFrame):
        model = formulae.terms.Model(*map(copy.deepcopy, expression.terms))  # they learn, and must not share what
        return formulae.matrices.DesignMatrices(model, data, formulae.environment.Environment([FUNCTIONS])).common

    common, names, values = _made(make, asker, expression, frame, f"{asker}: {expression!r} cannot be evaluated")
    single = [own(term, expression.columns) for term, its in common.slices.items() if its.start == its.stop]
    if single:
        raise ValueError(f"{asker}: {single[0]!r} has a single level, so that there is no effect to estimate.")

    def of_others(students: pd.DataFrame) -> np.ndarray:
        problem = f"students do not fit {expression!r} of {asker}"
        return _made(common.evaluate_new_data, asker, expression, students, problem)[2]

    return names, values, of_others


def _made(make: Callable, asker: str, expression: Expression, frame: pd.DataFrame, problem: str) -> tuple:
    """Formulae's matrix, its columns' names and values, which must be finite, one per student."""
    try:
        with np.errstate(all="ignore"):  # its warnings are of infinite values
            common = make(_spelled(expression, frame))
            values = np.asarray(common.design_matrix, dtype=float)
    except Exception as error:
        raise ValueError(f"{problem}: {own(reason(error), expression.columns)}.") from error
    names = tuple(own(label, expression.columns) for term in common.terms.values() for label in term.labels)
    if values.shape != (len(frame), len(names)):
        raise ValueError(f"{problem}: it must have {len(names)} values for each student; found {values.shape}.")
    bad = [name for name, column in zip(names, values.T, strict=True) if not np.isfinite(column).all()]
    if bad:
        count = counted(int((~np.isfinite(values).all(axis=1)).sum()), "student")
        raise ValueError(f"{asker}: {bad} must be finite, but for {count} it is missing or infinite.")
    return common, names, values


def _spelled(expression: Expression, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns under formulae's names. Numbers are floats, since powers of whole ones can overflow; levels stay."""
    frame = frame[list(expression.columns.values())].set_axis(list(expression.columns), axis=1)
    levels = {name for term in expression.terms for name in re.findall(r"\b[CST]\((\w+)", term.name)}
    return frame.astype(dict.fromkeys(frame.select_dtypes(["number", "bool"]).columns.difference([*levels]), float))


def check_columns(what: str, names: tuple[str, ...], values: np.ndarray) -> None:
    """Refuse columns of the same name, and those that are combinations of columns before them."""
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"{what} must have columns of different names", twice)
    few = f"{what} must have fewer columns than there are students, {len(values)}"
    require(len(names) < len(values), few, len(names))  # an effect for each student explains everything
    unit = values / np.maximum(np.linalg.norm(values, axis=0), np.finfo(float).tiny)
    left = np.abs(np.diagonal(np.linalg.qr(unit, mode="r")))
    if (left < _RANK).any():
        at = int(np.argmax(left < _RANK))
        weights = np.linalg.lstsq(unit[:, :at], unit[:, at], rcond=None)[0]
        others = [names[k] for k, weight in enumerate(weights) if abs(weight) > 1e-6]
        why = f"determined by {others}; leave one of them out" if others else "zero for every student"
        raise ValueError(f"{what}: {names[at]!r} is {why}.")
