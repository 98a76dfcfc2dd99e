"""The checks behind the exercises of chapter 10: what a rule promises."""

from __future__ import annotations

import pandas as pd

from .exercises import Feedback, _compare


def check_expected_false_flags(answer, table: pd.DataFrame, *, threshold: float) -> Feedback:
    """Chapter 10: how many of the flagged schools are expected to be false flags.

    Examples
    --------
    >>> table = pd.DataFrame({"pip": [0.95, 0.9, 0.5]})
    >>> check_expected_false_flags(0.15, table, threshold=0.9)
    ✓ Yes: 0.15 of the 2 flagged schools are expected to be false flags.
    """
    pip = table["pip"]
    flagged = pip[pip >= threshold]
    right = float((1 - flagged).sum())
    wrong = {
        len(flagged) * (1 - threshold): "That takes every flagged school to sit on the threshold; most are above it.",
        float((1 - flagged).mean()): "That is the expected share; multiply by the number of flagged schools.",
        float((1 - pip).sum()): "That is the sum over all schools; only the flagged ones can be false flags.",
        float(flagged.sum()): "That is the expected number of right flags.",
        float(len(flagged)): "That is the number of flagged schools.",
    }
    yes = f"Yes: {right:.2f} of the {len(flagged)} flagged schools are expected to be false flags."
    return _compare(answer, right, yes, wrong, tolerance=0.01)


def check_pip_for_bayes_factor(answer, *, bayes_factor: float, inclusion_prior: float) -> Feedback:
    """Chapter 10: the PIP at which a Bayes factor is reached, for a prior probability.

    Examples
    --------
    >>> check_pip_for_bayes_factor(0.5, bayes_factor=3, inclusion_prior=0.25)
    ✓ Yes: posterior odds of 1 to 1 are a PIP of 0.500.
    """
    odds = bayes_factor * inclusion_prior / (1 - inclusion_prior)
    right = odds / (1 + odds)
    wrong = {
        bayes_factor / (1 + bayes_factor): "That is the PIP at a prior probability of one half.",
        odds: "Those are the posterior odds; a probability is odds / (1 + odds).",
        bayes_factor * inclusion_prior: "A Bayes factor multiplies odds, not probabilities.",
    }
    wrong = {key: reason for key, reason in wrong.items() if abs(key - right) > 1e-9}
    yes = f"Yes: posterior odds of {odds:.3g} to 1 are a PIP of {right:.3f}."
    return _compare(answer, right, yes, wrong, tolerance=0.004)
