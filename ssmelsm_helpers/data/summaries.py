"""From students to one row per school, in any data frame, wherever it lives and however large it is."""

import narwhals as nw
import numpy as np
import pandas as pd

from ..arguments import check_one_of, counted
from .far import tell_far
from .frames import REMEDY, collected, data_frame, leave_out, not_numeric, require_columns, rows_with, table_of, unblank
from .labels import by_label, report_unused, tell_alike

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
        Labels look alike: they differ in nothing but blanks, case, accents, leading zeros, types, or one letter of a long
        word. A score is far from all others: 999 or -99, or a student who makes a school's spread alone. `inspect` looks
        further.

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
    table = school_table(data, outcome, school, missing)
    tell_alike(table.index, table["n"])
    tell_far(outcome, table)
    return table[["n", "mean", "sd"]]


def school_table(data, outcome: str, school: str, missing: str) -> pd.DataFrame:
    """The summary with ``low`` and ``high``, the least and the largest score, and without a word on what looks odd."""
    frame = data_frame(data)
    require_columns(frame.collect_schema().names(), [("outcome", outcome), ("school", school)])
    rows = _usable(_of_plain_kinds(frame, outcome, school), outcome, school, missing)
    if isinstance(rows, nw.LazyFrame):
        sums = _moments(rows)
        found = table_of(sums, {_SCHOOL: "school"})[_SCHOOL]
        places, labels = by_label(found, "school", school)
    else:  # pandas, whose labels can be of any kind: grouped by their places
        found = rows.to_native()[_SCHOOL]
        codes, labels = by_label(found, "school", school)
        sums = _moments(nw.from_native(rows.to_native().assign(**{_SCHOOL: codes})))
        places = sums[_SCHOOL].to_numpy()
    report_unused(school, found)
    table = sums.to_pandas().set_axis(places).sort_index()
    table = table.astype({"n": int, _CENTRE: float, _SCORE: float, _SQUARE: float, "low": float, "high": float})
    n, rounding = table["n"], table[_SCORE] / table["n"]
    sd = np.sqrt((table[_SQUARE] - table[_SCORE] ** 2 / n).clip(lower=0) / (n - 1))
    low, high = table["low"] + table[_CENTRE], table["high"] + table[_CENTRE]
    found = pd.DataFrame({"n": n, "mean": table[_CENTRE] + rounding, "sd": sd, "low": low, "high": high})
    return found.set_axis(labels)


def _of_plain_kinds(frame, outcome: str, school: str):
    """Schools and scores: these as floats; a school whose text has nothing in it is missing.

    Rows that lie in memory become pandas, whose kinds are many; so do columns of Python's objects or of lists, which
    engines know nothing of.
    """
    schema = frame.collect_schema()
    kinds = [schema[outcome], schema[school]]
    odd = nw.Object in kinds or nw.Unknown in kinds or kinds[1].is_nested()
    if frame.implementation.is_dask():
        odd = (frame.to_native().dtypes[[outcome, school]] == "object").any()
    if isinstance(frame, nw.DataFrame) or odd:
        table = table_of(frame, {outcome: "outcome", school: "school"}, outcome=outcome)
        return nw.from_native(table[[school, outcome]].set_axis([_SCHOOL, _SCORE], axis=1))
    if not kinds[0].is_numeric():
        texts = frame.group_by(outcome).agg(nw.len().alias(_SQUARE)).sort(_SQUARE, descending=True).head(1000)
        counts = collected(texts).to_pandas().dropna().set_index(outcome)[_SQUARE]
        raise not_numeric("outcome", outcome, kinds[0], counts)
    label = nw.col(school)
    if kinds[1] in (nw.String, nw.Categorical, nw.Enum):
        label = unblank(label)
    return frame.select(label.alias(_SCHOOL), nw.col(outcome).cast(nw.Float64).alias(_SCORE))


def _usable(rows, outcome: str, school: str, missing: str):
    """The rows with a finite score and a school; the others are refused, or dropped and reported."""
    score, label = nw.col(_SCORE), nw.col(_SCHOOL)
    no_score, no_school = score.is_null() | score.is_nan(), label.is_null()
    if rows.collect_schema()[_SCHOOL].is_float():
        no_school = no_school | label.is_nan()
    kinds = {
        f"a missing {outcome!r}": no_score,
        f"an infinite {outcome!r}": ~(no_score | score.is_finite()),
        f"a missing {school!r}": no_school & score.is_finite(),  # no row is counted twice
    }
    sums = [bad.cast(nw.Int64).sum().alias(str(at)) for at, bad in enumerate(kinds.values())]
    *counts, total = collected(rows.select(*sums, nw.len().alias("total"))).row(0)
    if total and sum(map(int, filter(None, counts))) == total:
        raise ValueError(
            f"data has no row with both a finite {outcome!r} and a {school!r}; found {total:,} rows without."
        )
    given = rows
    for (what, bad), count in zip(kinds.items(), counts, strict=True):
        if not count:
            continue
        found = f"{counted(int(count), 'row')} with {what}"  # the rows of a lazy frame have no numbers
        if not isinstance(rows, nw.LazyFrame):
            found = rows_with(what, given.select(bad=bad)["bad"])
        leave_out("data", found, missing, REMEDY)
        rows = rows.filter(~bad)
    return rows


def _moments(rows) -> nw.DataFrame:
    """By school: n, a mean, the deviations' sum, which comes from the mean's rounding, and the sum of their squares."""
    score = nw.col(_SCORE)
    centres = rows.group_by(_SCHOOL).agg(score.mean().alias(_CENTRE))
    deviations = rows.join(centres, on=_SCHOOL, how="inner").with_columns(score - nw.col(_CENTRE))
    deviations = deviations.with_columns((score * score).alias(_SQUARE))
    ends = score.min().alias("low"), score.max().alias("high")
    sums = deviations.group_by(_SCHOOL).agg(
        nw.len().alias("n"), nw.col(_CENTRE).max(), nw.col(_SCORE, _SQUARE).sum(), *ends
    )
    return collected(sums)
