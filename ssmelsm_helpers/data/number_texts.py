"""Numbers that a file holds as texts: which texts are no numbers, and what each kind of them is."""

import re
from typing import NamedTuple

import narwhals as nw
import pandas as pd

from .findings import toml
from .frames import BLANKS, collected, is_blank

# Rust's and DuckDB's regular expressions, too, read these.
_PLAIN = r"^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$"
_NOTHING = {"", *toml("words")["nothing"].split()}
# 12.345: a thousand where all points of the column are so.
_THREE = r"^\s*[-+]?[1-9]\d{0,2}(?:\.\d{3})+\s*$"
_DECIMAL = r"^\s*[-+]?(?:0\.|\d*\.\d{0,2}\s*$|\d*\.\d{4}|\d{4}\d*\.)"
# What a text that is no number is, tried in this order.
_KINDS = toml("words")["number_texts"]


class TextNumbers(NamedTuple):
    """A column of numbers that is held as text."""

    name: str
    counts: pd.DataFrame  #: of the texts that are no numbers: text, count, kind
    rows: int  #: with a text of any kind
    marks: tuple[str, str]  #: what stands between thousands, and before decimals

    @classmethod
    def of(cls, rows, alias: str, name: str, *, always: bool) -> "TextNumbers | None":
        """What the texts of a column are; None for a column that is no column of numbers."""
        column = nw.col(alias)
        odd = rows.filter(~column.str.contains(_PLAIN) | column.str.contains(_THREE))
        odd = odd.group_by(alias).agg(nw.len().alias("count"))
        found = collected(odd.filter(~nw.col(alias).is_null())).to_pandas()
        found = found.rename(columns={alias: "text"}).sort_values(["count", "text"], ascending=[False, True])
        blank = found["text"].map(is_blank).astype(bool)
        total = int(collected(rows.select(column.count().alias("n"))).item()) - int(found.loc[blank, "count"].sum())
        found = found[~blank]
        found["kind"] = [_kind_of(text.strip(BLANKS), name) for text in found["text"]]
        three = found["text"].str.contains(_THREE)
        decimals = rows.filter(column.str.contains(_DECIMAL)).select(nw.len().alias("n"))
        if three.any() and int(collected(decimals).item()):
            found = found[~three]
        found, comma = found.reset_index(drop=True), found["kind"].to_numpy() == "decimal comma"
        # 1,234 is a thousand where every comma of the column has three digits after it, and no 0 before.
        if found.loc[comma, "text"].str.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}").all():
            found.loc[comma, "kind"] = "thousands mark"
        numeric = found["kind"].isin(["decimal comma", "thousands mark", "minus sign that is none"])
        readable = total - int(found.loc[~numeric, "count"].sum())
        if not total or not (always or readable > total / 2):
            return None
        return cls(name, found, total, _marks(found))


def _kind_of(text: str, name: str) -> str:
    if "".join(text.casefold().split()).rstrip(".") in _NOTHING:
        return "word for missing"
    if text.casefold() == str(name).strip().casefold():
        return "header again"
    return next((kind for kind, form in _KINDS.items() if re.fullmatch(form, text, re.IGNORECASE)), "text")


def _marks(found: pd.DataFrame) -> tuple[str, str]:
    kinds = found.groupby("kind")["text"]
    texts = {kind: "".join(part) for kind, part in kinds}
    decimal = "," if "decimal comma" in texts else "."
    marks = re.findall(r"[^\d+\-−]", texts.get("thousands mark", ""))
    marks = [mark for mark in marks if mark != decimal] or ([] if decimal == "." else ["."])
    return (max(set(marks), key=marks.count) if marks else "", decimal)


def read_number(alias: str, marks: tuple[str, str]):
    """The numbers of a column of texts; a text that is none is missing."""
    thousands, decimal = marks
    text = nw.col(alias).str.replace_all("−", "-", literal=True).str.replace_all("–", "-", literal=True)
    if (thousands, decimal) == (".", ","):
        # A point is a thousands mark only beside a comma: 1.5 among decimal commas is one and a half.
        beside = text.str.contains(r"\..*,|" + _THREE)
        text = nw.when(beside).then(text.str.replace_all(".", "", literal=True)).otherwise(text)
    elif thousands:
        text = text.str.replace_all(thousands, "", literal=True)
    if decimal == ",":
        text = text.str.replace_all(",", ".", literal=True)
    return nw.when(text.str.contains(_PLAIN)).then(text.str.strip_chars()).cast(nw.Float64)
