"""The checks behind the exercises of chapters 6 and 7: the Saeb data and their fit."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..data.chance import compare_with_chance
from ..data.saeb import load_saeb_schools
from ..results.pips import bayes_factor, pip_table
from .feedback import Feedback, certain_bayes_factor, compare, number_in


def check_log_sd_error(answer, *, n: int) -> Feedback:
    """Chapter 6: the standard error of log SD among n students.

    Examples
    --------
    >>> check_log_sd_error(0.0845, n=71)
    ✓ Yes: with 71 students, chance alone moves an SD by about 8 % (one standard error).
    """
    right, of_mean = 1 / np.sqrt(2 * (n - 1)), "That is the standard error of a mean in SD units"
    wrong = {
        np.sqrt(2) * right: f"{of_mean}; a log SD is better known by a factor √2.",
        1 / np.sqrt(n): f"{of_mean}; look at the formula of a log SD again.",
        1 / (2 * (n - 1)): "That is its variance: take the square root.",
    }
    yes = f"Yes: with {n} students, chance alone moves an SD by about {right:.0%} (one standard error)."
    return compare(answer, right, yes.replace("%", " %"), wrong, tolerance=0.01)


def check_outside_band(answer) -> Feedback:
    """Chapter 6: how many more Saeb schools lie outside the 95 % chance band than chance would put there.

    Examples
    --------
    >>> check_outside_band(...)
    ✗ Nothing to check yet: replace the dots by your answer.
    """
    table = compare_with_chance(load_saeb_schools())
    outside, expected = int((table["position"] != "inside").sum()), 0.05 * len(table)
    wrong = {
        outside: f"{outside} lie outside, but about {expected:.0f} would do so by chance: subtract those.",
        expected: f"{expected:.0f} is what chance alone would give; how many are there beyond that?",
        outside - 0.05 * len(load_saeb_schools()): "Nearly: the school with a single student has no SD to be outside.",
    }
    yes = (
        f"Yes: {outside} lie outside, chance would put {expected:.2f} there. "
        "Which ones are the surplus, the band cannot say."
    )
    return compare(answer, outside - expected, yes, wrong, tolerance=0.001)


def check_single_student(answer) -> Feedback:
    """Chapter 6: the label of the Saeb school with one student.

    Examples
    --------
    >>> check_single_student(80).correct
    True
    """
    value = number_in(answer)
    if isinstance(value, Feedback):
        return value
    schools = load_saeb_schools()
    label = schools.index[schools["n"] == 1][0]
    if value == label:
        return Feedback(True, f"Yes: school {label}. Its mean counts, its SD does not exist.")
    if value in schools.index:
        return Feedback(False, f"School {value:g} has {schools.loc[value, 'n']} students; look for n equal to 1.")
    return Feedback(False, f"There is no school {value:g} in the table.")


def check_bayes_factor(answer, fit: xr.DataTree, *, school) -> Feedback:
    """Chapter 7: the Bayes factor of a school at the fit's prior probability.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> check_bayes_factor(0.96, result, school=39).correct
    False
    """
    pip = pip_table(fit).loc[school, "pip"]
    if feedback := certain_bayes_factor(answer, pip, school=school):
        return feedback
    prior = fit.attrs["inclusion_prior"]
    right = bayes_factor(pip, inclusion_prior=prior)
    wrong = {
        pip: "That is the PIP. Turn it into odds: p / (1 - p).",
        1 / right: "That is the Bayes factor for leaving the effect out; turn it round.",
        pip / prior: "That is a ratio of probabilities; a Bayes factor is a ratio of odds.",
    }
    yes = f"Yes: the data raise the odds that school {school} needs its own SD by a factor of {right:.0f}."
    return compare(answer, right, yes, wrong, tolerance=0.02)


def check_false_flags(answer, fit: xr.DataTree, *, threshold: float = 0.75) -> Feedback:
    """Chapters 7 and 10: the expected number of false flags among the flagged schools.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> check_false_flags(8, result).message[:9]
    'Not yet: '
    """
    pip = pip_table(fit, threshold=threshold)["pip"]
    flagged = pip[pip >= threshold]
    count = len(flagged)
    right, hits = float((1 - flagged).sum()), float(flagged.sum())
    wrong = {
        hits: "That is the expected number of true flags; the false ones are what is missing to the count.",
        float((1 - pip).sum()): "That sums over all schools; only flagged ones can be false flags.",
        (1 - threshold) * count: "That takes every flag to be at the threshold; use each school's own PIP.",
        right / max(count, 1): "That is their share (the Bayesian false discovery rate); the number is asked for.",
    }
    yes = (
        f"Yes: of {count} schools at or above {threshold:g}, about {right:.1f} are expected to need no SD of their own."
    )
    if not count:
        yes = f"Yes: no school reaches {threshold:g}, so that no flag can be false."
    return compare(answer, right, yes, wrong, tolerance=0.01)


def check_common_sd(answer, fit: xr.DataTree) -> Feedback:
    """Chapter 7: the SD of a school with t = 0.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> check_common_sd(0.79, result).correct
    True
    """
    eta = float(fit["posterior"]["eta"].mean())
    wrong = {
        eta: "That is eta itself, a log SD; undo the logarithm.",
        np.exp(2 * eta): "That is the variance; the model's link is the log of the SD.",
        np.exp(eta / 2): "That treats eta as a log variance; here it is a log SD.",
    }
    yes = f"Yes: exp({eta:.3f}) = {np.exp(eta):.3f}, in the units of the test score."
    return compare(answer, float(np.exp(eta)), yes, wrong, tolerance=0.01)
