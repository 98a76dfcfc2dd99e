"""The checks behind the exercises of chapters 11, 12 and 14: ranks, plans, and words."""

from __future__ import annotations

import numpy as np

from .exercises import Feedback, _compare
from .power import detection_probability

_SHAPES = {
    "u": "Yes: a posterior that is too narrow leaves the truth outside too often, at rank 0 or at the highest.",
    "hump": "That is a posterior that is too wide: the truth then sits in its middle too often.",
    "slope": "That is a posterior that is shifted: the truth then lies on one side too often.",
    "flat": "That is the right posterior.",
}
_WORDINGS = {
    "a": "That is a verdict on quality; the model knows nothing about it.",
    "b": "A PIP is no size: it says how sure one can be, not how much.",
    "c": "Yes: it says what was compared, how sure one can be, how large the difference is, and on what it depends.",
    "d": "Not flagged is not the same as ordinary; with few measurements nobody is flagged.",
}


def _choice(answer, options: dict[str, str], right: str) -> Feedback:
    """One of a few words."""
    if answer is ... or answer is None:
        return Feedback(False, "Nothing to check yet: replace the dots by your answer.")
    word = str(answer).strip().lower()
    if word not in options:
        return Feedback(False, f"One of {', '.join(repr(option) for option in options)} is expected; found {answer!r}.")
    return Feedback(word == right, options[word])


def check_rank(answer, draws, truth: float) -> Feedback:
    """Chapter 11: the rank of the truth among posterior draws.

    Examples
    --------
    >>> check_rank(2, [0.1, 0.4, 0.7], 0.5)
    ✓ Yes: 2 of the 3 draws lie below the truth.
    """
    draws = np.asarray(draws)
    right = int((draws < truth).sum())
    wrong = {
        float(len(draws) - right): "Those are the draws above the truth; count those below.",
        right + 1.0: "Ranks begin at 0: the rank is the number of draws below.",
        right / len(draws): "That is the share; the rank is the number of draws.",
    }
    yes = f"Yes: {right} of the {len(draws)} draws lie below the truth."
    return _compare(answer, right, yes, wrong, tolerance=1e-6)


def check_rank_shape(answer) -> Feedback:
    """Chapter 11: the shape of the ranks when posteriors are too narrow.

    Examples
    --------
    >>> check_rank_shape("flat")
    ✗ That is the right posterior.
    """
    return _choice(answer, _SHAPES, "u")


def check_students_needed(answer, *, sd_ratio: float, tau_t: float, power: float) -> Feedback:
    """Chapter 12: the least number of students per school with which a school is found with a probability.

    Right within two students: who searches in steps of five should not be far off, but off.

    Examples
    --------
    >>> check_students_needed(30, sd_ratio=1.4, tau_t=0.2, power=0.8)
    ✗ Too few: with 30 students the probability is 0.68.
    """
    if answer is ... or answer is None:
        return Feedback(False, "Nothing to check yet: replace the dots by your answer.")
    if isinstance(answer, bool) or not isinstance(answer, int | np.integer) or answer < 2:
        return Feedback(False, f"A whole number of at least 2 is expected; found {answer!r}.")
    found = float(detection_probability(int(answer), sd_ratio=sd_ratio, tau_t=tau_t))
    fewer = float(detection_probability(max(int(answer) - 3, 2), sd_ratio=sd_ratio, tau_t=tau_t))
    if found < power:
        return Feedback(False, f"Too few: with {answer} students the probability is {found:.2f}.")
    if fewer >= power:
        return Feedback(False, f"Enough, but fewer do: with {answer - 3} the probability is still {fewer:.2f}.")
    return Feedback(True, f"Yes: with {answer} students the probability is {found:.2f}.")


def check_expected_hits(answer, *, n_schools: int, share: float, tpr: float) -> Feedback:
    """Chapter 12: how many deviating schools a study finds, on average.

    Examples
    --------
    >>> check_expected_hits(6, n_schools=100, share=0.1, tpr=0.6)
    ✓ Yes: 100 × 0.1 × 0.60 = 6.0 schools.
    """
    right = n_schools * share * tpr
    wrong = {
        n_schools * tpr: "Only the deviating schools can be hits: multiply by their share.",
        n_schools * share: "That many deviate; not all of them are found.",
        share * tpr: "That is a share of the schools; multiply by their number.",
    }
    yes = f"Yes: {n_schools} × {share:g} × {tpr:.2f} = {right:.1f} schools."
    return _compare(answer, right, yes, wrong, tolerance=0.02)


def check_wording(answer) -> Feedback:
    """Chapter 14: which of four sentences may stand in a report.

    Examples
    --------
    >>> check_wording("b")
    ✗ A PIP is no size: it says how sure one can be, not how much.
    """
    return _choice(answer, _WORDINGS, "c")


def check_unit_change(answer, *, factor: float) -> Feedback:
    """Chapter 14: what becomes of a posterior SD ratio when all outcomes are multiplied by a factor.

    Examples
    --------
    >>> check_unit_change(10, factor=10)
    ✗ SDs are multiplied, but a ratio of two SDs is not.
    """
    wrong = {
        factor: "SDs are multiplied, but a ratio of two SDs is not.",
        1 / factor: "SDs are multiplied, but a ratio of two SDs is not.",
        float(np.log(factor)): "That is added to eta, the log of the common SD; t, and with it the ratio, stays.",
        0.0: "The question is by which factor the ratio changes.",
    }
    return _compare(answer, 1.0, "Yes: 1. Units cancel in a ratio; eta takes them up.", wrong, tolerance=0.004)
