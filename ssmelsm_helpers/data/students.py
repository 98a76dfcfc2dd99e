"""A file of students as the looks of `inspect` see it: plain kinds, and sums that a lazy engine makes where the rows lie."""

import re
from functools import cached_property
from itertools import combinations

import narwhals as nw
import numpy as np
import pandas as pd

from .far import CODES, is_apart
from .findings import patterns
from .frames import BLANKS, collected, numbers, table_of, unblank
from .number_texts import TextNumbers, read_number

SCHOOL, SCORE = "__school", "__score"
# Rows that are grouped by all their columns at once: more would not fit into a lecturer's laptop beside a browser.
_CHUNK = 1_000_000


def finite(alias: str):
    """A column's finite numbers."""
    return nw.when(nw.col(alias).is_finite()).then(nw.col(alias))


class Students:
    """Rows with a school, a score and other columns, which are numbers, texts or something else."""

    def __init__(self, frame, outcome: str, school: str, columns: list[str]):
        self.outcome, self.school = outcome, school
        self.names = {SCHOOL: school, SCORE: outcome} | {f"__{at}": name for at, name in enumerate(columns)}
        wanted = [nw.col(name).alias(alias) for alias, name in self.names.items()]
        rows = frame.select(*wanted)
        self.labels: list | None = None
        if isinstance(rows, nw.DataFrame):
            rows = nw.from_native(self._plain(table_of(rows, dict.fromkeys(self.names, "columns"))))
        self.texts: dict[str, TextNumbers] = {}
        self.rows = self._numbers_read(self._of_plain_kinds(rows))
        schema = self.rows.collect_schema()
        self.odd = None if schema[SCORE].is_numeric() else schema[SCORE]  # dates and the like
        if self.odd is not None:
            self.rows = self.rows.with_columns(nw.lit(None).cast(nw.Float64).alias(SCORE))
            schema = self.rows.collect_schema()
        self.numeric = [alias for alias in self.names if alias != SCHOOL and schema[alias].is_numeric()]
        self.worded = [alias for alias in self.names if alias != SCHOOL and schema[alias] == nw.String]

    def _plain(self, table: pd.DataFrame) -> pd.DataFrame:
        """Columns of Python's objects as numbers or texts; schools by their places among the labels."""
        # 1 and True are equal for Python, so a label goes with its type.
        label = table[SCHOOL].astype(object)
        keys = [None if missing else (type(x).__name__, x) for x, missing in zip(label, label.isna(), strict=True)]
        places: dict = {}
        codes = [np.nan if key is None else places.setdefault(key, len(places)) for key in keys]
        self.labels = [label for _, label in places]
        plain = {SCHOOL: pd.Series(codes, dtype=float)}
        for alias in list(self.names)[1:]:
            column = table[alias]
            if isinstance(column.dtype, pd.CategoricalDtype):
                column = column.astype(column.cat.categories.dtype)
            found = column.astype(float) if pd.api.types.is_bool_dtype(column) else numbers(column)
            if found is None and not pd.api.types.is_datetime64_any_dtype(column):
                found = column.astype(object).map(str, na_action="ignore").astype("str").str.strip(BLANKS)
            plain[alias] = column if found is None else found
        return pd.DataFrame(plain)

    def _of_plain_kinds(self, rows):
        """Numbers as floats, missing where they are NaN; labels that are blank, too, are missing."""
        schema, columns = rows.collect_schema(), []
        for alias in self.names:
            column = nw.col(alias)
            if schema[alias] in (nw.Categorical, nw.Enum):
                column = column.cast(nw.String)
            if alias == SCHOOL and schema[alias] in (nw.Categorical, nw.Enum, nw.String):
                column = unblank(column)
            number = schema[alias].is_numeric() or schema[alias] == nw.Boolean
            if schema[alias].is_float() or (number and alias != SCHOOL):
                number = column.cast(nw.Float64)
                column = nw.when(~number.is_nan()).then(number)
            columns.append(column.alias(alias))
        return rows.select(*columns)

    def _numbers_read(self, rows):
        """Columns that are numbers but for some texts, as numbers; the texts are kept with their counts."""
        schema = rows.collect_schema()
        for alias in [alias for alias in self.names if alias != SCHOOL and schema[alias] == nw.String]:
            text = TextNumbers.of(rows, alias, self.names[alias], always=alias == SCORE)
            if text is not None:
                self.texts[alias] = text
                rows = rows.with_columns(read_number(alias, text.marks).alias(alias))
        return rows

    @cached_property
    def n(self) -> int:
        """Rows."""
        return int(collected(self.rows.select(nw.len().alias("n"))).item())

    @cached_property
    def missing(self) -> pd.Series:
        """Missing values by column."""
        return self.summed({alias: nw.col(alias).is_null().cast(nw.Int64) for alias in self.names}).astype(int)

    @cached_property
    def schools(self) -> pd.DataFrame:
        """One row per school: rows, n (with a score), mean, sd, low, high; and of other columns whether they vary."""
        score = nw.col(SCORE)
        sums = {"rows": nw.len(), "n": score.count(), "mean": score.mean(), "sd": score.std()}
        sums |= {"low": score.min(), "high": score.max()}
        for alias in self.others:
            sums |= {f"{alias}low": nw.col(alias).min(), f"{alias}high": nw.col(alias).max()}
        # (A condition inside of an aggregation is lost on pandas' frames.)
        known = self.rows.filter(~nw.col(SCHOOL).is_null()).with_columns(finite(SCORE).alias(SCORE))
        table = collected(known.group_by(SCHOOL).agg(*[sums[name].alias(name) for name in sums])).to_pandas()
        labels = table.pop(SCHOOL).to_list()
        if self.labels is not None:
            labels = [self.labels[int(code)] for code in labels]
        for alias in self.others:
            low, high = table.pop(f"{alias}low"), table.pop(f"{alias}high")
            table[alias] = (low != high) & low.notna()
        # sd of equal scores may be a rounding error.
        table["sd"] = table["sd"].mask(table["low"] == table["high"], 0.0).where(table["n"] > 1)
        order = sorted(range(len(labels)), key=lambda at: (str(labels[at]), type(labels[at]).__name__))
        index = pd.Index([labels[at] for at in order], tupleize_cols=False, dtype=object, name=self.school)
        return table.iloc[order].set_axis(index)

    @property
    def others(self) -> list[str]:
        """Columns that are neither school nor score, and hold numbers or texts."""
        return [alias for alias in [*self.numeric, *self.worded] if alias != SCORE]

    @cached_property
    def values(self) -> pd.Series:
        """How often the score takes its values, sorted by value; those that hardly anybody has are left out."""
        return self.counts(SCORE, nw.col(SCORE).is_finite(), least=max(1, self.n // 20_000))

    def summed(self, expressions: dict) -> pd.Series:
        """Sums of expressions over all rows."""
        table = collected(self.rows.select(*[each.sum().alias(name) for name, each in expressions.items()]))
        return table.to_pandas().iloc[0].fillna(0.0)

    def counts(self, alias: str, which, least: int = 1) -> pd.Series:
        """How many of some rows have each of a column's values, sorted by value."""
        found = self.rows.filter(which).group_by(alias).agg(nw.len().alias("count")).filter(nw.col("count") >= least)
        return collected(found).to_pandas().set_index(alias)["count"].sort_index()

    def moments(self, column, aliases: list[str]) -> pd.DataFrame:
        """n, mean, sd, low and high of some columns, of which `column` makes what is looked at."""
        makers = {"n": "count", "mean": "mean", "sd": "std", "low": "min", "high": "max"}
        looks = [getattr(column(a), how)().alias(f"{how}{a}") for a in aliases for how in makers.values()]
        found = collected(self.rows.select(*looks)).to_pandas() if looks else pd.DataFrame()
        found = found.to_numpy(dtype=float, na_value=np.nan).reshape(len(aliases), len(makers))
        return pd.DataFrame(found, index=aliases, columns=[*makers])

    @cached_property
    def spread(self) -> pd.DataFrame:
        """n, mean, sd, low and high of all columns of numbers."""
        return self.moments(finite, self.numeric)

    @cached_property
    def wholes(self) -> pd.Series:
        """Which columns of numbers hold whole numbers only."""
        broken = {alias: (nw.col(alias) % 1 != 0).cast(nw.Int64) for alias in self.numeric}
        return self.summed(broken) == 0

    @cached_property
    def correlations(self) -> dict[tuple[str, str], float]:
        """Of pairs of columns of numbers that vary, over the rows that have both."""
        sd, mean = self.spread["sd"], self.spread["mean"]
        z = {a: (finite(a) - mean[a]) / sd[a] for a in self.numeric if sd[a] > 0}
        found = self.summed({f"{a} {b}": z[a] * z[b] for a, b in combinations(z, 2)}) if len(z) > 1 else {}
        n = self.spread["n"]
        r = {(a, b): found[f"{a} {b}"] / (min(n[a], n[b]) - 1) for a, b in combinations(z, 2)}
        return {pair: float(np.clip(value, -1, 1)) for pair, value in r.items()}

    @cached_property
    def distinct(self) -> dict[str, int]:
        """Different values of all columns but the school's and the score's; one by one, for a large file's fill the memory."""
        columns = [nw.col(alias) for alias in list(self.names)[2:]]
        found = [self.rows.filter(~c.is_null()).select(c.n_unique().alias("n")) for c in columns]
        return dict(zip(list(self.names)[2:], (int(collected(one).item()) for one in found), strict=True))

    def said(self, alias: str) -> str:
        """A column's name, in small letters."""
        return str(self.names[alias]).casefold()

    @cached_property
    def person(self) -> str | None:
        """The column of students' own labels: nearly every row has its own, or every student one and every year a row."""
        for alias in self.others:
            if self.wholes.get(alias, True) and self.schools[alias].mean() >= 0.5:
                share = self.distinct[alias] / max(self.n, 1)
                if share > 0.95 or (share > 0.15 and re.search(patterns("columns")["person"], self.said(alias))):
                    return alias
        return None

    @cached_property
    def codes(self) -> dict[str, pd.Series]:
        """By column of numbers, the codes for missing that lie apart from its other values, and their counts."""

        def without_codes(alias):
            return nw.when(nw.col(alias).is_finite() & ~nw.col(alias).is_in(CODES)).then(nw.col(alias))

        found = {}
        for alias, (n, _mean, sd, low, high) in self.moments(without_codes, self.numeric).iterrows():
            column = self.counts(alias, nw.col(alias).is_in(CODES))
            if n > 1:  # of a column of 0 and 1, one value is left
                apart = is_apart(column.index.to_numpy(dtype=float), column.to_numpy(), low, high, sd or 1.0)
                scale = column.index.isin([-1.0, -2.0]) & (column > n / 10).to_numpy()  # such as -2 to 2
                found[alias] = column[apart & ~scale]
        return found

    def pairs(self, *sets: tuple[str, ...]) -> list[pd.DataFrame]:
        """For sets of columns, by school: n, and how many pairs of students, and groups of them, agree in the set.

        Rows without a school, or without one of the first set's values, do not count.
        """
        wanted = [SCHOOL, *dict.fromkeys(alias for each in sets for alias in each)]
        present = ~nw.any_horizontal(*[nw.col(alias).is_null() for alias in (SCHOOL, *sets[0])], ignore_nulls=True)
        count, found = nw.col("count").cast(nw.Float64), [[] for _ in sets]
        for part in self.parts():
            rows = collected(part.filter(present).select(*wanted))
            for each, tables in zip(sets, found, strict=True):
                groups = rows.group_by(SCHOOL, *each).agg(nw.len().alias("count"))
                groups = groups.with_columns(n="count", pairs=count * (count - 1) / 2)
                table = groups.group_by(SCHOOL).agg(nw.col("n", "pairs").sum(), nw.len().alias("groups"))
                tables.append(table.to_pandas())
        return [pd.concat(tables).set_index(SCHOOL).sort_index() for tables in found]

    @cached_property
    def agreement(self) -> float:
        """The share of pairs of students, of whatever schools, who have the same score."""
        count, n = self.values[self.values > 1].to_numpy(dtype=float), float(self.schools["n"].sum())
        return float((count * (count - 1)).sum() / max(n * (n - 1), 1.0))

    def between(self, aliases: tuple[str, ...]) -> float:
        """The share of pairs of students of different schools who agree in some columns; of a large file, in a part of it."""
        rows, count = self.parts()[0], nw.col("count").cast(nw.Float64)

        def pairs(*by) -> float:
            groups = rows.group_by(*by).agg(nw.len().alias("count"))
            return float(collected(groups.select((count * (count - 1) / 2).sum().alias("n"))).item() or 0.0)

        n = float(collected(rows.select(nw.len().alias("n"))).item())
        return (pairs(*aliases) - pairs(SCHOOL, *aliases)) / max(n * (n - 1) / 2 - pairs(SCHOOL), 1.0)

    def parts(self):
        """The rows that have a school, in parts with whole schools."""
        known = self.rows.filter(~nw.col(SCHOOL).is_null())
        if self.n <= _CHUNK:
            return [known]
        counts = collected(known.group_by(SCHOOL).agg(nw.len().alias("n"))).to_pandas()
        part = counts["n"].cumsum() // _CHUNK
        return [known.filter(nw.col(SCHOOL).is_in(found.to_list())) for _, found in counts[SCHOOL].groupby(part)]
