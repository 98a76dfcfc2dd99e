"""The checks behind the exercises of chapters 1 and 2: ratios of SDs, the luck in them, coefficients, formulas."""

from __future__ import annotations

import numpy as np

from ..spec.formulas import parse_formulas
from .feedback import Feedback, blank, compare


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
        float(np.log(right)): "That is the difference of the logs: undo the logarithm.",
    }
    return compare(answer, right, f"Yes: {larger:g} / {smaller:g} = {right:.2f}.", wrong, tolerance=0.006)


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
    return compare(answer, right, f"Yes: 1 + 1 / (2 × {error:g}²) = {right:.0f} pupils.", wrong, tolerance=0.004)


def check_student_sd(answer, *, eta, ses: float, t: float) -> Feedback:
    """Chapter 2: the residual SD of a student with some SES in a school with some t.

    Examples
    --------
    >>> check_student_sd(0.7047, eta=[-0.25, 0.1], ses=2, t=-0.3)
    ✓ Yes: exp(-0.25 + 0.1 × 2 - 0.3) = 0.705; all three parts are log SDs, and add up before the exponential.
    """
    log_sd = eta[0] + eta[1] * ses + t
    right, half_way = float(np.exp(log_sd)), float(np.exp(eta[0]) + eta[1] * ses + t)
    wrong = {
        log_sd: "That is the log SD: undo the logarithm.",
        float(np.exp(2 * log_sd)): "That is the variance: the link is the log of the SD.",
        float(np.exp(log_sd / 2)): "That treats the sum as a log variance; here it is a log SD.",
        float(np.exp(eta[0] + eta[1] * ses)): "The school is still missing: add its t before you undo the logarithm.",
        float(np.exp(eta[0] + t)): "The student's SES is still missing: add its coefficient times its value.",
        half_way: "Add the parts on the log scale first, and undo the logarithm of their sum.",
    }
    signed = f"{'+' if t >= 0 else '-'} {abs(t):g}"
    yes = (
        f"Yes: exp({eta[0]:g} + {eta[1]:g} × {ses:g} {signed}) = {right:.3f}; "
        "all three parts are log SDs, and add up before the exponential."
    )
    return compare(answer, right, yes, wrong, tolerance=0.005)


def check_variance_coefficient(answer, *, coefficient: float) -> Feedback:
    """Chapter 2: the factor of the SD that a coefficient of a log variance stands for.

    Examples
    --------
    >>> check_variance_coefficient(1.2712, coefficient=0.24)
    ✗ That is the factor of the variance; the SD is its square root.
    """
    right = float(np.exp(coefficient / 2))
    wrong = {
        float(np.exp(coefficient)): "That is the factor of the variance; the SD is its square root.",
        float(np.exp(2 * coefficient)): "You have doubled it; log SD is half of log variance, so halve it.",
        coefficient / 2: "That is the coefficient for the log SD; the factor is its exponential.",
        coefficient: "That is the coefficient itself; a factor is an exponential.",
    }
    yes = (
        f"Yes: a log-variance coefficient of {coefficient:g} is a log-SD coefficient of {coefficient / 2:g}, "
        f"a factor of {right:.3f}."
    )
    return compare(answer, right, yes, wrong, tolerance=0.004)


def check_average_sd(answer, *, eta: float, tau_t: float) -> Feedback:
    """Chapter 2: the average SD over schools whose log SDs are Normal(eta, tau_t).

    Examples
    --------
    >>> check_average_sd(0.88, eta=-0.25, tau_t=0.5).correct
    True
    """
    right, root_of_mean = float(np.exp(eta + tau_t**2 / 2)), float(np.exp(eta + tau_t**2))
    wrong = {
        float(np.exp(eta)): "That is the SD of a school with t = 0, the median school; the average is larger.",
        root_of_mean: "That is the root of the average variance; the average SD has half of τ² in the exponent.",
        float(np.exp(eta + tau_t / 2)): "Nearly: the square of τ belongs into the exponent.",
        eta + tau_t**2 / 2: "That is a log SD: undo the logarithm.",
    }
    yes = (
        f"Yes: about {right:.2f}, where exp(η) is {np.exp(eta):.2f}; "
        "large SDs pull the average up more than small ones pull it down."
    )
    return compare(answer, right, yes, wrong, tolerance=0.01)


def check_scale_formula(answer, expected: str) -> Feedback:
    """Chapter 2: a scale formula in words, written in lme4's notation.

    Examples
    --------
    >>> check_scale_formula("~ public + ses + (1 | school)", "~ ses + public + (1 | school)").correct
    True
    >>> check_scale_formula("score ~ ses + public + (1 | school)", "~ ses + public + (1 | school)")
    ✗ The scale formula has nothing before the tilde: there is no outcome to repeat, what it models is the log SD.
    """
    if unanswered := blank(answer):
        return unanswered
    if not isinstance(answer, str):
        return Feedback(False, f"A formula is expected, as text in quotes; found {type(answer).__name__}.")
    before, tilde, _ = answer.partition("~")
    if not tilde:
        return Feedback(False, "A formula begins with a tilde, ~, in quotes like any text.")
    if before.strip():
        reason = "there is no outcome to repeat, what it models is the log SD."
        return Feedback(False, f"The scale formula has nothing before the tilde: {reason}")
    try:
        found, right = (_parts(formula) for formula in (answer, expected))
    except ValueError as error:
        return Feedback(False, f"This cannot be read as a scale formula: {error}")
    if found == right:
        return Feedback(
            True, f"Yes: {' and '.join(sorted(right[0]))} shift the log SD, and each school shifts it once more."
        )
    if found[2] != right[2]:
        return Feedback(False, f"The column of the schools' labels is called {right[2]}; found {found[2]}.")
    if found[1] != right[1]:
        return Feedback(False, "The covariates are for all schools alike; the school's own shift is (1 | school).")
    if any("*" in term or ":" in term for term in found[0]):
        return Feedback(False, "a * b adds an interaction; two covariates that act separately are joined by +.")
    return Feedback(False, f"The covariates should be {sorted(right[0])}; found {sorted(found[0])}.")


def _parts(formula: str) -> tuple[frozenset[str], frozenset, str]:
    """Fixed terms and group terms of a scale formula, in no particular order, and its grouping factor."""
    formulas = parse_formulas(f"outcome ~ 1 + {_group_of(formula)}", formula)
    groups = frozenset(group.text for group in formulas.scale.groups)
    return frozenset(formulas.scale.fixed.text.split(" + ")) - {"1"}, groups, formulas.school


def _group_of(formula: str) -> str:
    """A random intercept for the grouping factor of a formula, which the location must share."""
    return f"(1 | {formula.rpartition('|')[2].strip(' )')})" if "|" in formula else "(1 | school)"
