"""What a check answers, and the comparisons that all checks share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from ..arguments import shown


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


def blank(answer) -> Feedback | None:
    """Feedback for a stub that is still blank; None where there is an answer.

    Examples
    --------
    >>> blank(...)
    ✗ Nothing to check yet: replace the dots by your answer.
    >>> blank(0) is None
    True
    """
    if answer is ... or answer is None:
        return Feedback(False, "Nothing to check yet: replace the dots by your answer.")
    return None


def number_in(answer, *, infinite: bool = False) -> float | Feedback:
    """The answer as a number, or feedback where there is none.

    Parameters
    ----------
    answer : object
        What the reader wrote.
    infinite : bool, default False
        Whether infinity counts as a number.

    Examples
    --------
    >>> number_in(3), number_in("3")
    (3.0, ✗ A single number is expected; found str.)
    """
    value = _as_float(answer)
    if math.isfinite(value) or (infinite and math.isinf(value)):
        return value
    return blank(answer) or Feedback(False, f"A single number is expected; found {type(answer).__name__}.")


def _as_float(answer) -> float:
    """NaN where the answer is no number; NumPy's scalars are, True and time differences are not."""
    if isinstance(answer, bool | np.timedelta64) or not isinstance(answer, Real):
        return math.nan
    try:
        return float(answer)
    except OverflowError:  # a whole number of more than 308 digits
        return math.nan


def compare(answer, right: float, yes: str, wrong: dict[float, str], *, tolerance: float) -> Feedback:
    """Right within a relative tolerance, a known wrong answer, or neither.

    Parameters
    ----------
    answer : object
        What the reader wrote.
    right : float
        The right answer.
    yes : str
        The sentence about the right answer.
    wrong : dict of float to str
        Likely mistakes, and a sentence about each that helps. With some arguments of an exercise a mistake leads to
        the right answer; it may stay in the list, for the right answer is looked at first.
    tolerance : float
        How far an answer may be off, as a share of what it is compared with.

    Examples
    --------
    >>> compare(4, 2, "Yes: the root of 4.", {4: "That is the square: take the root."}, tolerance=0.01)
    ✗ That is the square: take the root.
    >>> compare(4, 4, "Yes: 2 + 2.", {4: "That is 2 × 2: add them."}, tolerance=0.01)
    ✓ Yes: 2 + 2.
    """
    value = number_in(answer)
    if isinstance(value, Feedback):
        return value
    if np.isclose(value, right, rtol=tolerance, atol=1e-9):
        return Feedback(True, yes)
    for mistaken, reason in wrong.items():
        if np.isclose(value, mistaken, rtol=tolerance, atol=1e-9):
            return Feedback(False, reason)
    return Feedback(False, f"Not yet: {value:g} is too {'large' if value > right else 'small'}.")


def choose(answer, options: dict[str, str], right: str) -> Feedback:
    """One of a few words, whatever its case.

    Parameters
    ----------
    answer : object
        What the reader wrote.
    options : dict of str to str
        The words, in lower case, and a sentence about each.
    right : str
        The right one of them.

    Examples
    --------
    >>> choose("B", {"a": "That is the mean.", "b": "Yes: the SD."}, "b")
    ✓ Yes: the SD.
    """
    if unanswered := blank(answer):
        return unanswered
    word = str(answer).strip().lower()
    if word not in options:
        names = ", ".join(repr(option) for option in options)
        return Feedback(False, f"One of {names} is expected; found {shown(answer)}.")
    return Feedback(word == right, options[word])


def certain_bayes_factor(answer, pip: float, *, school) -> Feedback | None:
    """Feedback on a Bayes factor where the PIP is 0 or 1; None elsewhere.

    Posterior odds are then 0 or infinite, and the usual mistakes cannot be told apart.

    Examples
    --------
    >>> certain_bayes_factor(20, 1.0, school=3)
    ✗ In this fit, the PIP of school 3 is 1: its Bayes factor is infinite, as its posterior odds are.
    >>> certain_bayes_factor(20, 0.9, school=3) is None
    True
    """
    if 0 < pip < 1:
        return None
    value = number_in(answer, infinite=True)
    if isinstance(value, Feedback):
        return value
    right, named = (math.inf, "infinite") if pip else (0.0, "0")
    correct = value == right
    sentence = f"the PIP of school {school} is {pip:g}: its Bayes factor is {named}, as its posterior odds are."
    return Feedback(correct, f"{'Yes: in' if correct else 'In'} this fit, {sentence}")
