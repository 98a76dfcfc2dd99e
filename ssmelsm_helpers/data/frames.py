"""Columns of any data frame as pandas columns of plain kinds: numbers are floats, a text with nothing in it is missing."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real

import narwhals as nw
import numpy as np
import pandas as pd

from ..arguments import counted, shown

# Blanks of all kinds, and what takes no room in print.
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def data_frame(data, argument: str = "data") -> nw.DataFrame | nw.LazyFrame:
    """A data frame of any kind, through Narwhals."""
    try:
        return nw.from_native(data)
    except Exception as error:
        found = type(data).__name__
        why = " ".join(str(error).split()).rstrip(" .") if hasattr(data, "columns") else ""
        found += f" whose columns cannot be read: {why}" if why else ""
        raise TypeError(f"{argument} must be a data frame (pandas, Polars, ...); found {found}.") from None


def require_columns(frame, wanted: dict[str, str]) -> None:
    """Refuse column names that are not in the frame."""
    names = list(frame.collect_schema().names())
    for argument, column in wanted.items():
        if column not in names:
            raise ValueError(f"{argument}={column!r} is not a column of data; its columns are {names}.")


def collected(frame) -> nw.DataFrame:
    """The rows of a lazy frame."""
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def table_of(data, wanted: dict[str, str], argument: str = "data", outcome: str | None = None) -> pd.DataFrame:
    """The wanted columns as a pandas frame with a fresh index; `wanted` says who asks for each.

    The outcome comes as floats, and is refused where it holds anything but numbers.
    """
    frame = data_frame(data, argument)
    schema = frame.collect_schema()
    names = list(schema.names())
    for column, asker in wanted.items():
        if column not in names:
            raise ValueError(
                f"{asker} needs the column {column!r}, which {argument} lacks; its columns are {shown(names, 1000)}."
            )
    if wanted:
        frame = frame.select(list(wanted))
    frame = collected(frame)
    # Outside pandas the categories of a Categorical, unlike those of an Enum, stand in the order of the rows.
    loose = [column for column in wanted if schema[column] == nw.Categorical]
    table = frame.to_native()
    if not isinstance(table, pd.DataFrame):
        casts = [nw.col(name).cast(nw.String) for name in loose]
        casts += [nw.col(name).cast(nw.Datetime) for name in wanted if schema[name] == nw.Date]
        table = frame.with_columns(*casts).to_pandas()
    table = pd.DataFrame({name: _plain(table[name], name in loose) for name in wanted}, index=table.index)
    if outcome is not None:
        scores = numbers(table[outcome])
        if scores is None:
            raise not_numeric("outcome", data, outcome)
        table[outcome] = scores
    return table.reset_index(drop=True)


def _plain(column: pd.Series, loose: bool) -> pd.Series:
    """A column that is neither sparse nor an Arrow dictionary, and without texts that have nothing in them."""
    if isinstance(column.dtype, pd.SparseDtype):
        column = column.sparse.to_dense()
    if isinstance(column.dtype, pd.CategoricalDtype):
        blank = list(filter(is_blank, column.cat.categories))
        return column.cat.remove_categories(blank) if blank else column
    column = column.astype(object) if loose else column
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    try:
        blank = list(filter(is_blank, column.unique()))
    except TypeError:  # lists, which somebody else refuses
        return column
    return column.mask(column.isin(blank)) if blank else column


def is_blank(value) -> bool:
    """Whether this is a text with nothing in it: empty, or of blanks only."""
    return isinstance(value, str) and not value.strip(BLANKS)


def numbers(column: pd.Series) -> pd.Series | None:
    """A column of numbers as floats, NaN where they are missing; None for a column of anything else.

    >>> numbers(pd.Series([Decimal("1.5"), 2, None], dtype=object)).tolist(), numbers(pd.Series([True, 2]))
    ([1.5, 2.0, nan], None)
    """
    types = pd.api.types
    if types.is_object_dtype(column):
        kinds = set(map(type, column[column.notna()]))
        if not all(issubclass(kind, Real | Decimal) and kind is not bool for kind in kinds):
            return None
    elif not types.is_numeric_dtype(column) or types.is_bool_dtype(column) or types.is_complex_dtype(column):
        return None
    try:
        values = column.to_numpy(dtype=float, na_value=np.nan)
    except OverflowError:  # 10**400
        return None
    return pd.Series(values, index=column.index, name=column.name)


def not_numeric(argument: str, data, column: str) -> ValueError:
    """For a column that holds no numbers; says what it is in the words of the caller's own library."""
    frame = data_frame(data)
    native, found = frame.to_native(), frame.collect_schema()[column]
    if isinstance(native, pd.DataFrame):
        found = native[column].dtype
        found = pd.api.types.infer_dtype(native[column]) if pd.api.types.is_object_dtype(found) else found
    return ValueError(f"{argument}={column!r} must be numeric; found {found}.")


def refuse_missing(frame: pd.DataFrame, bad, what: str, hint: str = "") -> None:
    """An error with the number of rows, if there are any."""
    if bad.any():
        columns = [column for column in frame if frame[column].isna().any()]
        raise ValueError(
            f"{what} has {counted(int(bad.sum()), 'row')} with missing values in {columns} {first_rows(bad)}{hint}."
        )


def first_rows(bad) -> str:
    """Where the first few of some rows are."""
    return f"(first rows, counted from 0: {np.flatnonzero(bad)[:5].tolist()})"
