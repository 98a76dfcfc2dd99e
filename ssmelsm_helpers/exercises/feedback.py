"""`check`: an answer, compared with its exercise's entry in the tables of this folder."""

import tomllib
import warnings
from dataclasses import dataclass
from functools import cache
from numbers import Real
from pathlib import Path

import numpy as np
import xarray as xr

import ssmelsm_helpers as sm

from ..arguments import shown
from ..data.messy import truly_deviating
from .answers import formula, labels, number, single, word

# What the expressions of all entries see.
_KNOWN = {"np": np, "sm": sm, "formula": formula, "labels": labels, "truly_deviating": truly_deviating}


@dataclass(frozen=True)
class Feedback:
    """Whether an answer is right, and a sentence about it; shown as a line of text.

    Examples
    --------
    >>> Feedback(True, "Yes.")
    ✓ Yes.
    """

    correct: bool
    message: str

    def __repr__(self) -> str:
        return f"{'✓' if self.correct else '✗'} {self.message}"


def check(id: str, answer, fit: xr.DataTree | None = None, before: xr.DataTree | None = None) -> Feedback:
    """Say whether an answer to an exercise is right; if it is not, why, or where to look.

    Parameters
    ----------
    id : str
        The exercise's label, ``"ex-<chapter>-<word>"``.
    answer : object
        A number, a word or a formula, as the exercise asks. Numbers may be of any kind, in arrays of one element and
        in texts too, and as exact as the exercise asks, or more exact.
    fit : xarray.DataTree, optional
        The chapter's fit, where the exercise is about one.
    before : xarray.DataTree, optional
        The fit that it is compared with, where the exercise compares two.

    Returns
    -------
    Feedback
        Shown as a sentence; ``correct`` and ``message`` are its parts. No answer raises an error.

    Raises
    ------
    ValueError
        No exercise has this id, or `fit` or `before` is not a fit that it can be about.

    Examples
    --------
    >>> check("ex-01-ratio", ...)
    ✗ Nothing to check yet: replace the dots by your answer.
    >>> check("ex-01-ratio", 22)
    ✗ That is the difference; SDs compare by ratios.
    """
    known = exercises()
    if not isinstance(id, str) or id not in known:
        of_chapter = [name for name in known if name[:6] == str(id)[:6]]
        raise ValueError(f"id must be one of {of_chapter or [*known]}; found {shown(id)}.")
    entry = known[id]
    names = _names(id, entry, {"fit": fit, "before": before})
    right, mistakes, within = names["right"], entry["mistakes"], entry.get("within", 0.005)
    words = [right, *(_evaluate(code, names) for code in mistakes)] if isinstance(right, str) else []
    try:
        value = _read(answer, right, words)
    except Exception:  # of whatever kind: an answer can be any object
        found = shown(answer) if type(answer) is str else type(answer).__name__
        return Feedback(False, f"{_expected(right, words)} is expected; found {found}.")
    if value is None:
        return Feedback(False, "Nothing to check yet: replace the dots by your answer.")
    if value != value:
        return Feedback(False, "Nothing to check yet: your answer is NaN, not a number. Where does it come from?")
    if _same(value, right, within):
        return Feedback(True, entry["yes"].format_map(names))
    for code, reason in mistakes.items():
        mistake = _evaluate(code, names | {"answer": value})
        # With the numbers of some fits a mistake leads to the right answer, and is none.
        if mistake is True or (_same(value, mistake, within) and not _same(right, mistake, 2 * within)):
            return Feedback(False, reason.format_map(names))
    return Feedback(False, f"Not yet. {entry['look']}")


@cache
def exercises() -> dict[str, dict]:
    """All entries, by id."""
    tables = [tomllib.loads(path.read_text("utf8")) for path in sorted(Path(__file__).parent.glob("*.toml"))]
    return {id: entry for table in tables for id, entry in table.items()}


def _names(id: str, entry: dict, fits: dict) -> dict:
    """What the expressions and sentences of an entry see: what is given, and the right answer."""
    needs, names = entry.get("needs", []), _KNOWN | fits
    try:
        for name, value in (entry.get("given", {}) | {"right": entry["right"]}).items():
            names[name] = _evaluate(value, names) if isinstance(value, str) else value
    except Exception as error:
        if not needs:
            raise
        found = ["another fit" if isinstance(fits[name], xr.DataTree) else shown(fits[name]) for name in needs]
        raise ValueError(
            f"{' and '.join(needs)} must be what chapter {int(id[3:5])} fits, which {id!r} asks about; "
            f"found {' and '.join(found)}."
        ) from error
    return names


def _evaluate(code: str, names: dict):
    """The value of an expression of an entry."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return eval(code, names)


def _read(answer, right, words: list[str]) -> float | str | frozenset | tuple | None:
    """The answer as something of the right one's kind; None where it is blank."""
    if isinstance(right, tuple):
        return labels(answer) or None
    value = single(answer)
    if value is None or value is ... or (isinstance(value, str) and not value.strip(". \n")):
        return None
    if isinstance(right, frozenset):
        return formula(value)
    return word(value, words) if isinstance(right, str) else number(value)


def _expected(right, words: list[str]) -> str:
    """What kind of answer is expected."""
    if isinstance(right, frozenset):
        return "A formula in quotes, with a tilde, a + between terms, and every bracket closed,"
    if isinstance(right, tuple):
        return "A list of schools' labels"
    return f"One of {', '.join(map(repr, sorted(words, key=str.casefold)))}" if words else "A single number"


def _same(value, other, within: float) -> bool:
    """Equal words or formulas, or numbers that are close enough."""
    return bool(value == other or (isinstance(value, Real) and abs(value - other) <= within * (1 + 1e-6)))
