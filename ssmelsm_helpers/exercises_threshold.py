"""The checks behind the exercises of chapters 5 and 10: probabilities, odds, and what a rule asks for."""

from __future__ import annotations

import numpy as np

from .exercises import Feedback, _compare


def check_pip_for_bayes_factor(answer, *, bayes_factor: float, inclusion_prior: float) -> Feedback:
    """Chapters 5 and 10: the PIP at which a Bayes factor is reached, for a prior probability.

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


def check_pip_from_draws(answer, draws) -> Feedback:
    """Chapter 5: the PIP from draws of an indicator.

    Examples
    --------
    >>> check_pip_from_draws(0.75, [1, 0, 1, 1])
    ✓ Yes: 3 of the 4 draws are 1, a PIP of 0.75.
    """
    draws = np.asarray(draws)
    right, on = float(draws.mean()), int(draws.sum())
    wrong = {
        float(on): "That is the number of ones; divide by the number of draws.",
        1 - right: "That is the probability of the spike.",
        on / max(len(draws) - on, 1): "Those are the odds, ones against zeros.",
        float(round(right)): "The indicator of each draw is 0 or 1; their mean lies between, and is not rounded.",
    }
    wrong = {key: reason for key, reason in wrong.items() if abs(key - right) > 1e-9}
    yes = f"Yes: {on} of the {len(draws)} draws are 1, a PIP of {right:.2f}."
    return _compare(answer, right, yes, wrong, tolerance=0.004)


def check_least_pip(answer, *, n: int, tau_t: float) -> Feedback:
    """Chapter 5: the least PIP that a school of n students can have at pi = .5, tau_t being known.

    Examples
    --------
    >>> check_least_pip(0.42, n=71, tau_t=0.08)
    ✓ Yes: 1 / (1 + √(1 + 0.08² / 0.0845²)) = 0.421.
    """
    se = float(np.sqrt(1 / (2 * (n - 1))))
    root = float(np.sqrt(1 + tau_t**2 / se**2))
    right = 1 / (1 + root)
    wrong = {
        1 / root: "That is the least Bayes factor; turn it into a probability, BF / (1 + BF).",
        root / (1 + root): "That is the probability of the spike.",
        1 / (1 + root**2): "The root is missing.",
        0.0: "Not so low: an SD ratio of exactly 1 is what small deviations look like, too.",
    }
    yes = f"Yes: 1 / (1 + √(1 + {tau_t:g}² / {se:.3g}²)) = {right:.3f}."
    return _compare(answer, right, yes, wrong, tolerance=0.006)
