"""Check data, and make students from summaries. Nothing here knows about models.

For the intercept-only model a school's students matter through three numbers (n, mean, SD), so a
*school summary* (a data frame indexed by school with the columns ``n``, ``mean``, ``sd``) is the
common currency of the package.
"""

import numpy as np
import pandas as pd

from ..arguments import check_seed, counted, require
from .frames import data_frame, is_blank, numbers, refuse_missing, require_columns, table_of
from .labels import by_label, label_index, tell_alike

SUMMARY_COLUMNS = ("n", "mean", "sd")


def check_summary(schools: pd.DataFrame, school: str | None = None) -> pd.DataFrame:
    """A school summary that a model can use: ``n``, ``mean``, ``sd``, or a ValueError that says why not.

    `school` is the column of the labels, None where they are in the index. Labels that look alike are named.
    """
    is_table = isinstance(schools, pd.DataFrame)
    require(is_table, "schools must be a pandas DataFrame with columns n, mean, sd", type(schools), TypeError)
    twice = schools.columns[schools.columns.duplicated()].unique().to_list()
    require(not twice, "schools must have each column once", twice)
    levels = list(schools.index.names)
    require(len(levels) == 1, "schools must have one label per school in its index", levels)
    if school is not None:
        require_columns(schools.columns, [("school", school)], "schools")
        schools = schools.set_axis(label_index(schools[school], name=school))
    n, mean, sd = _columns(schools, dict.fromkeys(SUMMARY_COLUMNS, "a school summary"))
    index = schools.index
    nameless = [missing or is_blank(label) for label, missing in zip(index, index.isna(), strict=True)]
    _refuse(nameless, schools, "without a label")
    _refuse(index.duplicated(), schools, "with a label that occurred before")
    whole = np.isfinite(n) & (n >= 1) & (n == np.floor(n))
    _refuse(~whole, schools, "with an n that is not a positive whole number", "n")
    _refuse(~np.isfinite(mean), schools, "with a mean that is missing or infinite", "mean")
    _refuse((n > 1) & ~np.isfinite(sd), schools, "with more than one student but no finite sd", "sd")
    _refuse(sd < 0, schools, "with a negative sd", "sd")
    _refuse((n == 1) & ~np.isnan(sd), schools, "with one student and yet an sd (expected NaN)", "sd")
    require(len(schools) >= 2, "schools must hold at least two schools", len(schools))
    require_spread(n, mean, sd)
    tell_alike(index, n)
    return pd.DataFrame({"n": n.astype(int), "mean": mean, "sd": sd}, index=label_index(index, name=index.name))


def require_spread(n, mean, sd) -> None:
    """Refuse schools among which no spread can be seen."""
    if (n == 1).all():
        raise ValueError(
            "every school has a single student: there is no within-school spread to model, or the column is one of students."
        )
    if np.nansum(sd) == 0:
        same = " and all means are equal" if np.ptp(mean) == 0 else ""
        raise ValueError(f"the outcome is constant within every school{same}: there is no spread to model.")


def _columns(schools: pd.DataFrame, askers: dict[str, str]) -> list[np.ndarray]:
    """Some columns as floats; `askers` says what each is needed for."""
    require_columns(schools.columns, ((asker, name) for name, asker in askers.items()), "schools")
    columns = {name: numbers(schools[name]) for name in askers}
    for name, values in columns.items():
        if values is None:
            raise ValueError(f"schools[{name!r}] must be numeric; found {schools[name].dtype}.")
    return [values.to_numpy() for values in columns.values()]


def _refuse(bad, schools: pd.DataFrame, problem: str, column: str | None = None) -> None:
    bad = np.asarray(bad)
    if bad.any():
        labels = [repr(label) for label in schools.index[bad][:5]]
        found = "" if column is None else f"; found {schools[column].to_numpy()[bad][:5].tolist()}"
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
    table = check_summary(schools)
    n, used, added = table["n"].to_numpy(), list(SUMMARY_COLUMNS), [outcome]
    if covariate is not None:
        names = [f"{covariate}_mean", f"{covariate}_sd", f"{covariate}_cor"]
        mean, sd, cor = of_covariate = _columns(schools, dict.fromkeys(names, f"covariate={covariate!r}"))
        _refuse(~np.isfinite(mean), schools, f"with a {names[0]} that is missing or infinite", names[0])
        wrong = (n > 1) & ~(np.isfinite(sd) & (sd >= 0))
        _refuse(wrong, schools, f"with a {names[1]} that is missing, infinite or negative", names[1])
        # Where one of the two does not vary they have no correlation.
        _refuse((n > 1) & (abs(cor) > 1), schools, f"with a {names[2]} outside of -1 to 1", names[2])
        used, added = used + names, [*added, covariate]
    label = table.index.name or "school"
    names = [label, *schools.columns.difference(used, sort=False), *added]
    different = len(set(names)) == len(names)
    require(different, "outcome, covariate, label and other columns must have different names", names)
    rng = np.random.default_rng(check_seed(random_seed))
    first, second = np.concatenate([_orthonormal_pair(rng, size) for size in n], axis=1)
    position = np.repeat(np.arange(len(n)), n)
    students = schools.drop(columns=used).iloc[position].reset_index(names=label)
    mean, sd = table[["mean", "sd"]].fillna(0.0).to_numpy()[position].T
    students[outcome] = mean + sd * first
    if covariate is not None:
        mean, sd, cor = np.nan_to_num(of_covariate)[:, position]
        students[covariate] = mean + sd * (cor * first + np.sqrt(np.clip(1 - cor**2, 0, None)) * second)
    return students


def _orthonormal_pair(rng, n: int) -> np.ndarray:
    """Two centred vectors with SD 1 (ddof=1) and correlation 0, as far as n students allow."""
    pair = rng.normal(size=(2, n))
    if n < 2:
        return np.zeros_like(pair)
    first, second = pair = pair - pair.mean(axis=1, keepdims=True)
    scale = np.sqrt(n - 1)
    first *= scale / np.linalg.norm(first)
    second -= first * (first @ second) / (first @ first)
    second *= scale / np.linalg.norm(second) if n > 2 else 0.0
    return pair


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
    require(column != group, "column and group must be different columns", column)
    frame = data_frame(data)
    table = table_of(frame, {column: "column", group: "group"}, column=column)
    values, labels = table[column], table[group]
    refuse_missing(table, table.isna().any(axis=1), "data", "; remove them first")
    infinite = values[np.isinf(values)].tolist()
    require(not infinite, f"column={column!r} must be finite", infinite)
    codes, index = by_label(labels, "group", group)
    tell_alike(index, np.bincount(codes))
    school_mean = values.groupby(codes).transform("mean")
    parts = {f"{column}_within": values - school_mean, f"{column}_between": school_mean - values.mean()}
    native = frame.to_native()
    return pd.DataFrame(parts).set_axis(native.index if isinstance(native, pd.DataFrame) else values.index)
