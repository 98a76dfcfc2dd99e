"""One thing that looks wrong in a file, in a sentence that a teacher understands, and the line that mends it."""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..arguments import counted, shown

_MOST = 5


class Finding(NamedTuple):
    """One row of what `inspect` returns."""

    kind: str
    column: str
    where: str  #: schools, rows or values concerned
    count: int  #: how many of them
    why: str
    mend: str  #: a line of pandas; a comment where no line mends it


@cache
def toml(name: str) -> dict:
    """A table of this folder."""
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text("utf8"))


def patterns(group: str) -> dict[str, str]:
    """Regular expressions of a group in `words.toml`, by name."""
    return {name: "|".join(forms) for name, forms in toml("words")[group].items()}


def finding(kind: str, column: str, where: str, count: int, **names) -> Finding:
    """A finding with the words of its kind in `findings.toml`, where `names` are filled in."""
    words = toml("findings")[kind.partition(" in ")[0] if kind.startswith("labels differ") else kind]
    names["column"] = column
    return Finding(kind, column, where, int(count), words["why"].format_map(names), words["mend"].format_map(names))


def some(values: Sequence, noun: str | None = None) -> str:
    """The first few values, and how many more there are."""
    values = list(values)
    text = ", ".join(value if isinstance(value, Words) else shown(value, 60) for value in values[:_MOST])
    rest = len(values) - _MOST
    text += f" and {rest} more" if rest > 0 else ""
    return text if noun is None else f"{counted(len(values), noun)}: {text}"


class Words(str):
    """A text that is no value: it stands in a list without quotes."""


def number(value: float) -> float | int:
    """A number as it is written: 999, not 999.0."""
    return int(value) if float(value).is_integer() else float(value)
