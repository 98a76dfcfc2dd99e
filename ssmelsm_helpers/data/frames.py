"""Columns of any data frame as pandas columns of plain kinds: numbers are floats, a text with nothing in it is missing."""

import re
from collections.abc import Hashable, Iterable
from contextlib import suppress
from decimal import Decimal
from difflib import get_close_matches
from numbers import Real
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd

from ..arguments import counted, listed, shown

# Blanks of all kinds, and what takes no room in print.
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_READERS = {".xlsx": "read_excel", ".xls": "read_excel", ".sav": "read_spss", ".dta": "read_stata"}
_READERS |= {".parquet": "read_parquet", ".json": "read_json", ".tsv": "read_table"}
# For rows that cannot be used.
REMEDY = "; remove them or pass missing='drop'"


def data_frame(data, argument: str = "data") -> nw.DataFrame | nw.LazyFrame:
    """A data frame of any kind, through Narwhals."""
    try:
        return nw.from_native(data)
    except Exception as error:
        found = type(data).__name__
        if hasattr(data, "columns"):
            found += f" whose columns cannot be read: {' '.join(str(error).split()).rstrip(' .')}"
        elif isinstance(data, str | Path) or hasattr(data, "read"):
            name = str(data if isinstance(data, str | Path) else getattr(data, "name", "..."))
            reader = _READERS.get(Path(name).suffix.casefold(), "read_csv")
            found += f"; read the file first, by pd.{reader}({shown(name)})"
        raise TypeError(f"{argument} must be a data frame (pandas, Polars, ...); found {found}.") from None


def require_columns(names: Iterable, wanted: Iterable[tuple[str, Hashable]], argument: str = "data") -> None:
    """Refuse column names that are not in a frame, or two that are one; `wanted` are pairs: who asks, and for which."""
    names, wanted = list(names), list(wanted)
    for asker, column in wanted:
        if column not in names:
            raise ValueError(
                f"{asker} needs the column {column!r}, which {argument} lacks; its columns are "
                f"{shown(names, 1000)}.{_perhaps(column, names)}"
            )
    if len({column for _, column in wanted}) < len(wanted):
        raise ValueError(
            f"{listed([name for name, _ in wanted])} must be different columns; found {column!r} for both."
        )


def _perhaps(column, names: list) -> str:
    """What was perhaps meant by a name that is not there, or done to a file that has one column."""
    mark = next((mark for mark in ";\t|," if len(names) == 1 and mark in str(names[0])), None)
    if mark:
        return f" One column that holds {mark!r}: read the file with sep={mark!r}."
    plain = {str(name).strip().casefold(): name for name in names}
    near = get_close_matches(str(column).strip().casefold(), plain, n=3)
    return f" Perhaps {' or '.join(repr(plain[name]) for name in near)}?" if near else ""


def collected(frame) -> nw.DataFrame:
    """The rows of a lazy frame."""
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def table_of(data, wanted: dict[str, str], argument: str = "data", **numeric: str) -> pd.DataFrame:
    """The wanted columns as a pandas frame with a fresh index; `wanted` says who asks for each.

    A column that an argument names (``outcome="score"``) comes as floats, and is refused if it holds anything else.
    """
    frame = data_frame(data, argument)
    schema = frame.collect_schema()
    require_columns(schema.names(), ((asker, column) for column, asker in wanted.items()), argument)
    frame = collected(frame.select(list(wanted)) if wanted else frame)
    table = frame.to_native()
    if not isinstance(table, pd.DataFrame):
        table = frame.to_pandas()
        # The categories of a Categorical, unlike those of an Enum, stand in the order of the rows: they are sorted.
        loose = [name for name in wanted if schema[name] == nw.Categorical]
        table = table.astype(dict.fromkeys(loose, object)).astype(dict.fromkeys(loose, "category"))
    table = pd.DataFrame({name: _plain(table[name]) for name in wanted}, index=table.index)
    for name, column in numeric.items():
        values = numbers(table[column])
        if values is None:
            raise not_numeric(name, column, schema[column], table[column].value_counts())
        table[column] = values
    return table.reset_index(drop=True)


def _plain(column: pd.Series) -> pd.Series:
    """A column that is no Arrow dictionary, and without texts that have nothing in them."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        blank = list(filter(is_blank, column.cat.categories))
        return column.cat.remove_categories(blank) if blank else column
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    column = column.astype(object) if isinstance(column.dtype, pd.ArrowDtype) else column
    with suppress(TypeError):  # lists, which somebody else refuses
        return column.mask(column.isin([value for value in column.unique() if is_blank(value)]))
    return column


def is_blank(value) -> bool:
    """Whether this is a text with nothing in it: empty, or of blanks only."""
    return isinstance(value, str) and not value.strip(BLANKS)


def unblank(text: nw.Expr) -> nw.Expr:
    """An engine's column of texts, missing where nothing is in them."""
    return nw.when(text.cast(nw.String).str.strip_chars(BLANKS) != "").then(text)


def numbers(column: pd.Series) -> pd.Series | None:
    """A column of numbers as floats, NaN where they are missing; None for a column of anything else.

    >>> numbers(pd.Series([Decimal("1.5"), 2, None], dtype=object)).tolist(), numbers(pd.Series([True, 2]))
    ([1.5, 2.0, nan], None)
    """
    possible = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_object_dtype(column)
    kinds = set(map(type, column.dropna())) if possible else {str}
    if not all(issubclass(kind, Real | Decimal) and kind is not bool for kind in kinds):
        return None
    return pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index, name=column.name)


def not_numeric(argument: str, column: str, found, counts: pd.Series) -> ValueError:
    """For a column that holds no numbers, but what was found: `counts` of its values."""
    odd = counts[
        [isinstance(value, str) and not re.fullmatch(r"\s*[-+]?\d*\.?\d+\s*", value) for value in counts.index]
    ]
    first = sorted(zip(-odd.astype(int), odd.index, strict=True))[:3]
    words = [f"{shown(value, 30)} in {counted(-int(count), 'row')}" for count, value in first]
    texts = f", such as {', '.join(words)}; sm.inspect says what to do" if words else ""
    return ValueError(f"{argument}={column!r} must be numeric; found {found}{texts}.")


def refuse_missing(frame: pd.DataFrame, bad, what: str, hint: str = "") -> None:
    """An error with the number of rows, if there are any."""
    if bad.any():
        leave_out(what, rows_with(f"missing values in {columns_with_gaps(frame)}", bad), "raise", hint)


def columns_with_gaps(frame: pd.DataFrame) -> list[str]:
    """Names of the columns with missing values."""
    return [column for column in frame if frame[column].isna().any()]


def rows_with(what: str, bad) -> str:
    """How many rows have a fault, and where the first few of them are."""
    first = np.flatnonzero(bad)[:5].tolist()
    return f"{counted(int(bad.sum()), 'row')} with {what} (first rows, counted from 0: {first})"


def leave_out(argument: str, found: str, choice: str | None, hint: str = "") -> None:
    """Say that something of the data is left out ("drop"), or nothing ("quiet"), or else refuse the data for it."""
    if choice == "drop":
        print(f"{argument}: left out {found}.")
    elif choice != "quiet":
        raise ValueError(f"{argument} has {found}{hint}.")
