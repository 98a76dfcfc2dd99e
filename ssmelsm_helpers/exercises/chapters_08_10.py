"""The checks behind the exercises of chapters 8 to 10: formulations, covariates, and what they move."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit, logit

from ..results.pips import pip_table
from .feedback import Feedback, blank, compare


def check_mixture(answer, *, log_bf: float, inclusion_prior: float = 0.5) -> Feedback:
    """Chapter 8: P(delta = 1 | y) from a log Bayes factor.

    Examples
    --------
    >>> check_mixture(0.75, log_bf=1.0986)
    ✓ Yes: odds of 3 to 1 are a probability of 0.750.
    """
    right = float(expit(log_bf + logit(inclusion_prior)))
    odds = float(np.exp(log_bf) * inclusion_prior / (1 - inclusion_prior))
    wrong = {
        float(np.exp(log_bf)): "That is the Bayes factor: turn posterior odds into a probability, odds / (1 + odds).",
        odds: "Those are the posterior odds: a probability is odds / (1 + odds).",
        1 - right: "That is the probability of the spike.",
        float(expit(log_bf)): "That takes the prior odds to be 1; multiply by the prior odds first.",
    }
    yes = f"Yes: odds of {odds:.3g} to 1 are a probability of {right:.3f}."
    return compare(answer, right, yes, wrong, tolerance=0.004)


def check_terms(answer, *, n_selected: int) -> Feedback:
    """Chapter 8: how many terms the sum over the indicators of one school has.

    Examples
    --------
    >>> check_terms(8, n_selected=3)
    ✓ Yes: 2^3 = 8 combinations of zeros and ones for each school.
    """
    right = 2.0**n_selected
    wrong = {
        2.0 * n_selected: "Indicators combine: each new one doubles the number of combinations.",
        float(n_selected): "That is the number of indicators; each of them is 0 or 1.",
    }
    yes = f"Yes: 2^{n_selected} = {right:.0f} combinations of zeros and ones for each school."
    return compare(answer, right, yes, wrong, tolerance=1e-6)


def check_sd_factor(answer, fit: xr.DataTree, *, term: str, units: float) -> Feedback:
    """Chapter 9: the factor of the SD that goes with some units of a scale covariate.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> students = sm.simulate_schools(n_schools=20, n_students=20, random_seed=1).students.assign(x=range(400))
    >>> fit = sm.fit("score ~ x + (1 | school)", "~ x + (1 | school)", students, sampler="importance", random_seed=1)
    >>> check_sd_factor(..., fit, term="x", units=100)
    ✗ Nothing to check yet: replace the dots by your answer.
    """
    eta = float(fit["posterior"]["eta"].sel(scale_term=term).mean())
    right = float(np.exp(units * eta))
    wrong = {
        float(np.exp(2 * units * eta)): "That is the factor of the variance; the link is the log of the SD.",
        float(np.exp(units * eta / 2)): "That is half of the way: the two are twice as far apart.",
        float(np.exp(eta)): "That is the factor of one unit; how many units are the two apart?",
        units * eta: "That is the difference of the log SDs: undo the logarithm.",
    }
    yes = f"Yes: exp({units:.2f} × {eta:.3f}) = {right:.3f}, or {100 * (right - 1):+.1f} %."
    return compare(answer, right, yes, wrong, tolerance=0.004)


def check_moved_most(answer, before: xr.DataTree, after: xr.DataTree) -> Feedback:
    """Chapter 9: the school whose PIP changed most from one fit to another.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> schools = sm.simulate_schools(n_schools=20, random_seed=1).schools
    >>> before, after = (
    ...     sm.fit_schools(schools, inclusion_prior=pi, sampler="importance", random_seed=1) for pi in (0.5, 0.2)
    ... )
    >>> check_moved_most(99, before, after)
    ✗ There is no school 99 in these fits.
    """
    if unanswered := blank(answer):
        return unanswered
    if not pd.api.types.is_scalar(answer):
        return Feedback(False, f"The label of one school is expected; found {type(answer).__name__}.")
    change = pip_table(after)["pip"] - pip_table(before)["pip"]
    right = change.abs().idxmax()
    if answer not in change.index:
        return Feedback(False, f"There is no school {answer} in these fits.")
    if answer == right:
        return Feedback(True, f"Yes: the PIP of school {right} changes by {change[right]:+.3f}.")
    if answer in (change.idxmax(), change.idxmin()):
        return Feedback(False, f"School {answer} moved most in one direction only; look at the size of the change.")
    return Feedback(False, f"School {answer} changes by {change[answer]:+.3f}; another one changes more.")
