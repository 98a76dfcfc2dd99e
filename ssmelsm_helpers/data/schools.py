"""Check data, and make students from summaries. Nothing here knows about models.

For the intercept-only model a school's students matter through three numbers (n, mean, SD), so a
*school summary* (a data frame indexed by school with the columns ``n``, ``mean``, ``sd``) is the
common currency of the package.
"""

from __future__ import annotations

from types import EllipsisType

import numpy as np
import pandas as pd

from ..arguments import check_seed, check_squares, check_text, counted, shown
from .frames import data_frame, is_blank, not_numeric, numbers, require_columns, table_of
from .labels import changing_labels, label_index, refuse_unsaved, tell_alike

SUMMARY_COLUMNS = ("n", "mean", "sd")


def check_summary(schools: pd.DataFrame, *, school: str | EllipsisType | None = ...) -> pd.DataFrame:
    """A school summary that a model can use: ``n``, ``mean``, ``sd``, or a ValueError that says why not.

    `school` is the column of the labels, None where they are in the index: labels that look alike are then named. Left
    out, it is a summary whose labels have been looked at, on its way into a model, which must be able to hold them.
    """
    if not isinstance(schools, pd.DataFrame):
        raise TypeError(f"schools must be a pandas DataFrame with columns n, mean, sd; found {type(schools).__name__}.")
    _check_axes(schools)
    if school is not None and school is not ...:
        if school not in list(schools.columns):
            raise ValueError(f"school={school!r} is not a column of schools; its columns are {list(schools.columns)}.")
        schools = schools.set_axis(label_index(schools[school], name=school))
    absent = [name for name in SUMMARY_COLUMNS if name not in schools.columns]
    if absent:
        raise ValueError(f"schools lacks the columns {absent}; its columns are {list(schools.columns)}.")
    table = schools.loc[:, list(SUMMARY_COLUMNS)]
    index = table.index
    columns = {name: numbers(table[name]) for name in SUMMARY_COLUMNS}
    for name, values in columns.items():
        if values is None:
            raise ValueError(f"schools[{name!r}] must be numeric; found {table[name].dtype}.")
    _refuse(
        [blank or is_blank(label) for label, blank in zip(index, index.isna(), strict=True)], table, "without a label"
    )
    _refuse(table.index.duplicated(), table, "with a label that occurred before")
    n, mean, sd = (values.to_numpy() for values in columns.values())
    _refuse(~np.isfinite(n) | (n < 1) | (n != np.floor(n)), table, "with an n that is not a positive whole number", "n")
    _refuse(~np.isfinite(mean), table, "with a mean that is missing or infinite", "mean")
    _refuse((n > 1) & ~np.isfinite(sd), table, "with more than one student but no finite sd", "sd")
    _refuse(sd < 0, table, "with a negative sd", "sd")
    _refuse((n == 1) & ~np.isnan(sd), table, "with one student and yet an sd (expected NaN)", "sd")
    if len(table) < 2:
        raise ValueError(f"schools must hold at least two schools; found {len(table)}.")
    if (n == 1).all():
        raise ValueError("every school has a single student: there is no within-school spread to model.")
    if np.nansum(sd) == 0:
        same = " and all means are equal" if np.ptp(mean) == 0 else ""
        raise ValueError(f"the outcome is constant within every school{same}: there is no spread to model.")
    check_squares("schools", np.concatenate([mean, sd]))
    if not (isinstance(index.dtype, np.dtype) and index.dtype.kind in "biufmM"):  # Decimals, categories and the like
        index = label_index(index, name=index.name)
    if school is ...:
        refuse_unsaved(index)
    else:
        tell_alike(index, n)
    return pd.DataFrame({"n": n.astype(int), "mean": mean, "sd": sd}, index=index)


def _check_axes(schools: pd.DataFrame) -> None:
    """Columns that can be told apart, and one label per school."""
    twice = list(schools.columns[schools.columns.duplicated()].unique())
    if twice:
        raise ValueError(f"schools must have each column once; found {shown(twice)} more than once.")
    if isinstance(schools.index, pd.MultiIndex):
        raise ValueError(
            f"schools must have one label per school in its index; found the levels {list(schools.index.names)}."
        )


def _refuse(bad, table, problem: str, column: str | None = None) -> None:
    bad = np.asarray(bad)
    if bad.any():
        labels = [repr(label) for label in table.index[bad][:5]]
        found = "" if column is None else f"; found {table[column].to_numpy()[bad][:5].tolist()}"
        raise ValueError(f"schools: {counted(bad.sum(), 'school')} {problem}: {', '.join(labels)}{found}.")


def sum_of_squares(schools: pd.DataFrame) -> np.ndarray:
    """S_j, the sum of squared deviations from the school's own mean (0 for one student)."""
    return (schools["n"] - 1).to_numpy() * np.nan_to_num(schools["sd"].to_numpy(dtype=float)) ** 2


def pooled_moments(schools: pd.DataFrame) -> tuple[float, float]:
    """Mean and SD (ddof=1) of all students' outcomes, from the summary."""
    n, mean = schools["n"].to_numpy(dtype=float), schools["mean"].to_numpy(dtype=float)
    grand = np.average(mean, weights=n)
    total = sum_of_squares(schools).sum() + (n * (mean - grand) ** 2).sum()
    return float(grand), float(np.sqrt(total / (n.sum() - 1)))


def students_from_summary(
    schools: pd.DataFrame, *, outcome: str = "outcome", covariate: str | None = None, random_seed: int = 0
) -> pd.DataFrame:
    """Made-up students whose school summaries are exactly those given.

    The intercept-only model cannot tell them from the real ones. With a covariate, its mean, SD and
    within-school correlation with the outcome are reproduced as well; nothing else about it is.

    Parameters
    ----------
    schools : pandas.DataFrame
        Indexed by school: ``n``, ``mean``, ``sd`` and, with `covariate`, ``<covariate>_mean``,
        ``<covariate>_sd``, ``<covariate>_cor``. Other columns are repeated for every student.
    outcome : str, default "outcome"
        Name of the outcome in the result.
    covariate : str, optional
        Name of one student-level covariate.
    random_seed : int, default 0
        Seed of the shapes of the distributions (normal, then standardised within school).

    Returns
    -------
    pandas.DataFrame
        One row per student: the school's label, the outcome, the covariate, the other columns.

    Raises
    ------
    ValueError
        The summary is malformed (see the message).

    Examples
    --------
    >>> schools = pd.DataFrame({"n": [3, 2], "mean": [3.0, 1.0], "sd": [1.0, 2.0]}, index=["a", "b"])
    >>> students = students_from_summary(schools, outcome="score")
    >>> import ssmelsm_helpers as sm
    >>> sm.summarise_schools(students, outcome="score", school="school").round(6)
            n  mean   sd
    school
    a       3   3.0  1.0
    b       2   1.0  2.0
    """
    table = check_summary(schools, school=None)
    used = list(SUMMARY_COLUMNS)
    if covariate is not None:
        used += [f"{covariate}_{part}" for part in ("mean", "sd", "cor")]
        absent = [name for name in used if name not in schools.columns]
        if absent:
            raise ValueError(f"covariate={covariate!r} needs the columns {absent}, which schools lacks.")
        _check_covariate(schools[used[3:]].set_axis(["mean", "sd", "cor"], axis=1), table["n"].to_numpy(), covariate)
    label = table.index.name or "school"
    names = [label, *schools.columns.difference(used, sort=False), outcome, *([] if covariate is None else [covariate])]
    for name in names:
        check_text("each column of the students", name)
    if len(set(names)) < len(names):
        raise ValueError(
            f"outcome, covariate, label and other columns must have different names; found {shown(names)}."
        )
    rng = np.random.default_rng(check_seed(random_seed))
    position = np.repeat(np.arange(len(table)), table["n"])
    students = schools.drop(columns=used).iloc[position].reset_index(names=label)
    shapes = [_orthonormal_pair(rng, n) for n in table["n"]]
    first = np.concatenate([pair[0] for pair in shapes])
    spread = np.nan_to_num(table["sd"].to_numpy())
    students[outcome] = table["mean"].to_numpy()[position] + spread[position] * first
    if covariate is not None:
        mean, sd, cor = (np.nan_to_num(schools[name].to_numpy(dtype=float))[position] for name in used[3:])
        second = np.concatenate([pair[1] for pair in shapes])
        students[covariate] = mean + sd * (cor * first + np.sqrt(np.clip(1 - cor**2, 0, None)) * second)
    return students


def _check_covariate(columns: pd.DataFrame, n, covariate: str) -> None:
    """Mean, SD and correlation with the outcome; single students have only the first."""
    values = {name: numbers(columns[name]) for name in columns}
    for name, found in values.items():
        if found is None:
            raise ValueError(f"schools['{covariate}_{name}'] must be numeric; found {columns[name].dtype}.")
    mean, sd, cor = (found.to_numpy() for found in values.values())
    _refuse(~np.isfinite(mean), columns, f"with a {covariate}_mean that is missing or infinite", "mean")
    wrong = (n > 1) & ~(np.isfinite(sd) & (sd >= 0))
    _refuse(wrong, columns, f"with a {covariate}_sd that is missing, infinite or negative", "sd")
    # Where one of the two does not vary they have no correlation.
    wrong = (n > 1) & ~((abs(cor) <= 1) | np.isnan(cor))
    _refuse(wrong, columns, f"with a {covariate}_cor outside of -1 to 1", "cor")


def _orthonormal_pair(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two centred vectors with SD 1 (ddof=1) and correlation 0, as far as n students allow."""
    first, second = rng.normal(size=(2, n))
    scale = np.sqrt(n - 1)
    if n < 2:
        return np.zeros(n), np.zeros(n)
    first = first - first.mean()
    first *= scale / np.linalg.norm(first)
    if n < 3:
        return first, np.zeros(n)
    second = second - second.mean()
    second -= first * (first @ second) / (first @ first)
    return first, second * scale / np.linalg.norm(second)


def within_between(data, column: str, *, group: str) -> pd.DataFrame:
    """Split a student-level covariate into its within-school and between-school part.

    Parameters
    ----------
    data : data frame
        One row per student; pandas, Polars, or anything else that Narwhals reads.
    column, group : str
        Names of the covariate and of the school's label.

    Returns
    -------
    pandas.DataFrame
        In the rows' order, with pandas' index: ``<column>_within``, the deviation from the school's mean, and
        ``<column>_between``, the school's mean minus the mean of all students.

    Raises
    ------
    ValueError
        A column is absent, not numeric, or has missing or infinite values.

    Examples
    --------
    >>> students = pd.DataFrame({"school": ["a", "a", "b"], "ses": [1.0, 3.0, 5.0]})
    >>> within_between(students, "ses", group="school")
       ses_within  ses_between
    0        -1.0         -1.0
    1         1.0         -1.0
    2         0.0          2.0
    """
    frame = data_frame(data)
    require_columns(frame, {"column": column, "group": group})
    if column == group:
        raise ValueError(f"column and group must be different columns; found {column!r} for both.")
    table = table_of(data, {column: "column", group: "group"})
    values, labels = numbers(table[column]), table[group]
    if values is None:
        raise not_numeric("column", data, column)
    missing = int(values.isna().sum() + labels.isna().sum())
    if missing:
        raise ValueError(f"data has {missing} missing values in {column!r} or {group!r}; remove those rows first.")
    if np.isinf(values).any():
        raise ValueError(f"column={column!r} must be finite; found {int(np.isinf(values).sum())} infinite values.")
    try:
        by_school = values.groupby(labels, observed=True)
        school_mean = by_school.transform("mean")
    except TypeError:
        raise changing_labels("group", group) from None
    tell_alike(by_school.size().index, by_school.size().to_numpy(), labels)
    parts = {f"{column}_within": values - school_mean, f"{column}_between": school_mean - values.mean()}
    native = frame.to_native()
    return pd.DataFrame(parts).set_axis(native.index if isinstance(native, pd.DataFrame) else values.index)
