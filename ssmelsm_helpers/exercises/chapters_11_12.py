"""The checks behind the exercises of chapters 11 and 12: ranks, and plans."""

from __future__ import annotations

import numpy as np

from ..arguments import shown
from ..study.planning import detection_probability
from .feedback import Feedback, blank, choose, compare

_SHAPES = {
    "u": "Yes: a posterior that is too narrow leaves the truth outside too often, at rank 0 or at the highest.",
    "hump": "That is a posterior that is too wide: the truth then sits in its middle too often.",
    "slope": "That is a posterior that is shifted: the truth then lies on one side too often.",
    "flat": "That is the right posterior.",
}
# Beyond it the quadrature has nothing to add: everybody who is to be found is.
_MOST_STUDENTS = 1_000_000


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
    return compare(answer, right, yes, wrong, tolerance=1e-6)


def check_rank_shape(answer) -> Feedback:
    """Chapter 11: the shape of the ranks when posteriors are too narrow.

    Examples
    --------
    >>> check_rank_shape("flat")
    ✗ That is the right posterior.
    """
    return choose(answer, _SHAPES, "u")


def check_students_needed(answer, *, sd_ratio: float, tau_t: float, power: float) -> Feedback:
    """Chapter 12: the least number of students per school with which a school is found with a probability.

    Right within two students: who searches in steps of five should not be far off, but off.

    Examples
    --------
    >>> check_students_needed(30, sd_ratio=1.4, tau_t=0.2, power=0.8)
    ✗ Too few: with 30 students the probability is 0.68.
    """
    if unanswered := blank(answer):
        return unanswered
    if isinstance(answer, bool | np.timedelta64) or not isinstance(answer, int | np.integer) or answer < 2:
        return Feedback(False, f"A whole number of at least 2 is expected; found {shown(answer)}.")
    if answer > _MOST_STUDENTS:
        return Feedback(False, "No school has that many: answer with at most a million.")
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
    return compare(answer, right, yes, wrong, tolerance=0.02)
