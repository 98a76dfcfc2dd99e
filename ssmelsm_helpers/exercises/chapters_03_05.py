"""The checks behind the exercises of chapters 3 to 5: the Cholesky construction, the indicator, and PIPs."""

from __future__ import annotations

import numpy as np

from .feedback import Feedback, compare


def check_cholesky_corner(answer, *, rho: float) -> Feedback:
    """Chapter 3: the lower right element of L for two effects.

    Examples
    --------
    >>> check_cholesky_corner(0.8, rho=0.6)
    ✓ Yes: √(1 − 0.6²) = 0.800, so that the second row of L has length one.
    """
    right = float(np.sqrt(1 - rho**2))
    wrong = {
        1 - abs(rho): "The squares of the row's elements add up to 1, not the elements themselves.",
        1 - rho**2: "That is its square: take the root.",
        float(rho): "That is the element beside it, in the lower left.",
        1.0: "That is the upper left element; the second row shares its length of one with rho.",
        -right: "The diagonal of a Cholesky factor is positive.",
    }
    yes = f"Yes: √(1 − {abs(rho):g}²) = {right:.3f}, so that the second row of L has length one."
    return compare(answer, right, yes, wrong, tolerance=0.004)


def check_effect_covariance(answer, *, tau_u: float, tau_t: float, rho: float) -> Feedback:
    """Chapter 3: the covariance of u and t.

    Examples
    --------
    >>> check_effect_covariance(-0.4, tau_u=0.5, tau_t=0.1, rho=-0.4)
    ✗ That is the correlation; a covariance has both sizes in it.
    """
    right = tau_u * tau_t * rho
    wrong = {
        float(rho): "That is the correlation; a covariance has both sizes in it.",
        -right: "Check the sign.",
        tau_u * tau_t: "That is the product of the sizes; the correlation is missing.",
        tau_u**2 * tau_t**2 * rho: "Covariances take each tau once, variances take it twice.",
    }
    yes = f"Yes: {tau_u:g} × {tau_t:g} × {rho:g} = {right:.3f}."
    return compare(answer, right, yes, wrong, tolerance=0.01)


def check_expected_t(answer, *, u: float, tau_u: float, tau_t: float, rho: float) -> Feedback:
    """Chapter 3: the t that is expected of a school whose u is known.

    Examples
    --------
    >>> check_expected_t(-0.06, u=0.75, tau_u=0.5, tau_t=0.1, rho=-0.4)
    ✓ Yes: 1.5 tau_u above the average, so -0.4 × 1.5 tau_t, or -0.060.
    """
    right = tau_t * rho * u / tau_u
    wrong = {
        tau_t * rho * u: "Divide by tau_u first: how many tau_u is the school above the average?",
        rho * u / tau_u: "That is in units of tau_t; multiply by tau_t.",
        -right: "Check the sign: with a negative rho, a high mean goes with a small spread.",
        rho * u: "Put u into units of tau_u, and the result into units of tau_t.",
    }
    yes = f"Yes: {u / tau_u:g} tau_u above the average, so {rho:g} × {u / tau_u:g} tau_t, or {right:.3f}."
    return compare(answer, right, yes, wrong, tolerance=0.01)


def check_mixture_sd(answer, *, tau_t: float, inclusion_prior: float) -> Feedback:
    """Chapter 4: the SD of t over all schools, spike and slab together.

    Examples
    --------
    >>> check_mixture_sd(0.1, tau_t=0.4, inclusion_prior=0.25)
    ✗ It is the variance that is multiplied by pi, not the SD.
    """
    right = tau_t * float(np.sqrt(inclusion_prior))
    wrong = {
        tau_t * inclusion_prior: "It is the variance that is multiplied by pi, not the SD.",
        tau_t**2 * inclusion_prior: "That is the variance: take the root.",
        float(tau_t): "That is the SD in the slab; the zeros belong to all schools, too.",
        tau_t * float(np.sqrt(1 - inclusion_prior)): "pi is the probability of the slab, not of the spike.",
    }
    yes = f"Yes: {tau_t:g} × √{inclusion_prior:g} = {right:.3f}."
    return compare(answer, right, yes, wrong, tolerance=0.002)


def check_kept_sd(answer, *, tau_t: float, rho: float) -> Feedback:
    """Chapter 4: the SD of t in the spike, when the indicator stands before the Cholesky factor.

    Examples
    --------
    >>> check_kept_sd(0, tau_t=0.2, rho=-0.5)
    ✗ That holds when the indicator stands after L; before it, a part of t is not switched off.
    """
    right = tau_t * abs(rho)
    wrong = {
        0.0: "That holds when the indicator stands after L; before it, a part of t is not switched off.",
        -right: "An SD is positive, whatever the sign of rho.",
        tau_t * float(np.sqrt(1 - rho**2)): "That is the part that *is* switched off.",
        float(tau_t): "That is the SD with the switch on.",
    }
    yes = f"Yes: {tau_t:g} × {abs(rho):g} = {right:.2f}, the part of t that follows from u."
    return compare(answer, right, yes, wrong, tolerance=0.002)


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
    yes = f"Yes: posterior odds of {odds:.3g} to 1 are a PIP of {right:.3f}."
    return compare(answer, right, yes, wrong, tolerance=0.004)


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
    yes = f"Yes: {on} of the {len(draws)} draws are 1, a PIP of {right:.2f}."
    return compare(answer, right, yes, wrong, tolerance=0.004)


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
    return compare(answer, right, yes, wrong, tolerance=0.006)
