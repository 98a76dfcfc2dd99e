"""From students to one row per school, in any data frame, wherever it lives and however large it is."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd

from ..arguments import check_one_of, check_squares, counted
from .frames import BLANKS, collected, data_frame, not_numeric, require_columns, table_of
from .labels import changing_labels, coded, label_index, report_unused, sorted_places, tell_alike
from .schools import SUMMARY_COLUMNS

# Names that no caller's column has.
_SCHOOL, _SCORE, _CENTRE, _SQUARE = "__school", "__score", "__centre", "__square"


def summarise_schools(data, *, outcome: str, school: str, missing: str = "raise") -> pd.DataFrame:
    """Number of students, mean and SD of the outcome for every school.

    Parameters
    ----------
    data : data frame of students, one row each
        Anything Narwhals reads: pandas, Polars (also lazy), PyArrow, DuckDB, Dask, PySpark. Lazy
        frames are aggregated where they live; only one row per school is collected.
    outcome, school : str
        Names of the score and of the school's label.
    missing : {"raise", "drop"}, default "raise"
        What to do with rows whose outcome is missing or not finite, or whose school is missing.
        "drop" prints how many were dropped. A text with nothing in it, or with blanks only, is a missing school.

    Returns
    -------
    pandas.DataFrame
        Indexed by school (sorted where labels can be compared): ``n`` (students), ``mean`` and ``sd``
        (outcome's units; ``ddof=1``; NaN for a school of one student).

    Raises
    ------
    ValueError
        A column is absent, the outcome is not numeric, or rows are unusable and ``missing="raise"``.

    Warns
    -----
    UserWarning
        Labels look alike: they differ in nothing but blanks, case, the form of their letters, or their types.

    Notes
    -----
    Three passes over the rows: one looks for unusable ones, one takes the schools' means, and one sums deviations from
    them and their squares. One pass with sums of squares of the scores themselves would lose all digits of an SD that
    is small beside the mean.

    Examples
    --------
    >>> import pandas as pd
    >>> students = pd.DataFrame({"school": ["a", "a", "b"], "score": [1.0, 3.0, 5.0]})
    >>> summarise_schools(students, outcome="score", school="school")
            n  mean        sd
    school
    a       2   2.0  1.414214
    b       1   5.0       NaN
    """
    check_one_of("missing", missing, ("raise", "drop"))
    table, labels = school_table(data, outcome, school, missing)
    tell_alike(table.index, table["n"].to_numpy(), labels)
    return table


def school_table(data, outcome: str, school: str, missing: str) -> tuple[pd.DataFrame, pd.Series | None]:
    """The summary, without a word on labels that look alike; and the students' labels, where they may be of many kinds."""
    frame = data_frame(data)
    require_columns(frame, {"outcome": outcome, "school": school})
    if outcome == school:
        raise ValueError(f"outcome and school must be different columns; found {outcome!r} for both.")
    frame = _usable_rows(_of_plain_kinds(frame, outcome, school), outcome, school, missing)
    native, levels, column = frame.to_native(), _levels(frame), None
    if isinstance(native, pd.DataFrame):  # whose labels can be of any kind: grouped by their places
        column = native[_SCHOOL]
        codes, labels = coded(column, "school", school)
        frame = nw.from_native(native.assign(**{_SCHOOL: codes}))
    table = _moments(frame)
    found = table[_SCHOOL].to_list()
    found = found if column is None else [labels[code] for code in found]
    report_unused(school, levels, found)
    columns = {name: table[name].to_numpy() for name in SUMMARY_COLUMNS}
    check_squares(f"outcome={outcome!r}", np.concatenate([columns["mean"], columns["sd"]]))
    summary = pd.DataFrame(columns, index=label_index(found, name=school)).astype({"n": int})
    return summary.iloc[sorted_places(found)], column


def _of_plain_kinds(frame, outcome: str, school: str):
    """Schools and scores: these as floats; a school whose text has nothing in it is missing.

    Columns of Python's objects, which engines know nothing of, are collected; so is pandas, whose kinds are many.
    """
    schema = frame.collect_schema()
    kinds = [schema[name] for name in (outcome, school)]
    native = frame.to_native()
    objects = nw.Object in kinds or nw.Unknown in kinds
    if frame.implementation.is_dask():
        objects = any(native[name].dtype == object for name in (outcome, school))
    if isinstance(native, pd.DataFrame) or objects:
        table = table_of(frame, {outcome: "outcome", school: "school"}, outcome=outcome)
        return nw.from_native(table[[school, outcome]].set_axis([_SCHOOL, _SCORE], axis=1))
    if not kinds[0].is_numeric():
        raise not_numeric("outcome", frame, outcome)
    if kinds[1].is_nested():
        raise changing_labels("school", school)
    label = nw.col(school).cast(nw.Datetime) if kinds[1] == nw.Date else nw.col(school)  # as pandas has it
    if kinds[1] in (nw.String, nw.Categorical, nw.Enum):
        label = nw.when(label.cast(nw.String).str.strip_chars(BLANKS) != "").then(label)
    return frame.select(label.alias(_SCHOOL), nw.col(outcome).cast(nw.Float64).alias(_SCORE))


def _levels(frame) -> list:
    """All levels of schools that are categories with a list of their own; Polars shares those of its Categorical."""
    native, dtype = frame.to_native(), frame.collect_schema()[_SCHOOL]
    if isinstance(native, pd.DataFrame) and dtype in (nw.Categorical, nw.Enum):
        return list(native[_SCHOOL].cat.categories)
    return list(dtype.categories) if dtype == nw.Enum else []


def _usable_rows(frame, outcome: str, school: str, missing: str):
    """The rows with a finite score and a school; the others are refused, or dropped and reported."""
    score = nw.col(_SCORE)
    no_score = score.is_null() | score.is_nan().fill_null(False)
    infinite = ~(no_score | score.is_finite().fill_null(True))
    no_school = nw.col(_SCHOOL).is_null()
    if frame.collect_schema()[_SCHOOL].is_float():
        no_school = no_school | nw.col(_SCHOOL).is_nan().fill_null(False)
    kinds = {
        f"a missing {outcome!r}": no_score,
        f"an infinite {outcome!r}": infinite,
        f"a missing {school!r}": no_school & ~no_score & ~infinite,  # no row is counted twice
    }
    names = [f"__unusable{at}" for at in range(len(kinds))]
    found = collected(
        frame.select(*(bad.cast(nw.Int64).sum().alias(name) for name, bad in zip(names, kinds.values(), strict=True)))
    )
    for name, (what, bad) in zip(names, kinds.items(), strict=True):
        count = int(found[name][0] or 0)
        if not count:
            continue
        if missing == "raise":
            raise ValueError(
                f"data has {counted(count, 'row')} with {what}{_first_rows(frame, bad)}; remove them or pass missing='drop'."
            )
        print(f"summarise_schools: dropped {counted(count, 'row')} with {what}.")
        frame = frame.filter(~bad)
    return frame


def _first_rows(frame, bad) -> str:
    if not isinstance(frame, nw.DataFrame):  # rows of a lazy frame have no numbers
        return ""
    first = frame.with_row_index("__row").filter(bad)["__row"].to_list()[:5]
    return f" (first rows, counted from 0: {first})"


def _moments(frame) -> nw.DataFrame:
    """n, mean and SD by school: deviations from a first mean, and the correction for its rounding."""
    score = nw.col(_SCORE)
    centres = frame.group_by(_SCHOOL).agg(score.mean().alias(_CENTRE))
    deviations = frame.join(centres, on=_SCHOOL, how="inner").select(
        _SCHOOL, _CENTRE, (score - nw.col(_CENTRE)).alias(_SCORE)
    )
    deviations = deviations.with_columns((score * score).alias(_SQUARE))
    sums = collected(
        deviations.group_by(_SCHOOL).agg(
            nw.len().alias("n"),
            nw.col(_CENTRE).max(),
            score.sum(),
            nw.col(_SQUARE).sum(),
        )
    )
    n, centre, total, squares = (sums[name].to_numpy().astype(float) for name in ("n", _CENTRE, _SCORE, _SQUARE))
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt(np.maximum(squares - total**2 / n, 0.0) / (n - 1))
    backend = nw.get_native_namespace(sums)
    new = {"mean": centre + total / n, "sd": np.where(n > 1, sd, np.nan)}
    return sums.with_columns(*(nw.new_series(name, values, backend=backend) for name, values in new.items()))
