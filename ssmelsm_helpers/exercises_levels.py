"""The checks behind the exercises of chapter 1: ratios of SDs, and the luck in them."""

from __future__ import annotations

import math

from .exercises import Feedback, _compare


def check_sd_ratio(answer, *, larger: float, smaller: float) -> Feedback:
    """Chapter 1: how many times more widely one school spreads than another.

    Examples
    --------
    >>> check_sd_ratio(22, larger=88, smaller=66)
    ✗ That is the difference; SDs compare by ratios.
    """
    right = larger / smaller
    wrong = {
        larger - smaller: "That is the difference; SDs compare by ratios.",
        smaller / larger: "That is the other way round: the factor from the larger to the smaller.",
        right**2: "That is the ratio of the variances.",
        right - 1: "That is by how much it is more than 1; the factor itself is asked for.",
        math.log(right): "That is the difference of the logs: undo the logarithm.",
    }
    return _compare(answer, right, f"Yes: {larger:g} / {smaller:g} = {right:.2f}.", wrong, tolerance=0.006)


def check_pupils_needed(answer, *, error: float) -> Feedback:
    """Chapter 1: how many pupils it takes for an SD to be known with a relative error.

    Examples
    --------
    >>> check_pupils_needed(51, error=0.1)
    ✓ Yes: 1 + 1 / (2 × 0.1²) = 51 pupils.
    """
    right = 1 + 1 / (2 * error**2)
    wrong = {
        1 + 1 / error**2: "The 2 under the root is missing.",
        1 / (2 * error**2): "Nearly: n - 1 is 1 / (2 × error²), so one more.",
        1 + 1 / (2 * error): "The error must be squared.",
    }
    return _compare(answer, right, f"Yes: 1 + 1 / (2 × {error:g}²) = {right:.0f} pupils.", wrong, tolerance=0.004)
