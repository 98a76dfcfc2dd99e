"""The checks behind the exercises of chapters 2 and 13: log-SD coefficients, formulas, several effects."""

from __future__ import annotations

import numpy as np
import xarray as xr

from .exercises import Feedback, _compare
from .formulas import parse_formulas
from .inclusion import bayes_factor, check_effect, pip_table, prior_inclusion, selected_names


def check_student_sd(answer, *, eta, ses: float, t: float) -> Feedback:
    """Chapter 2: the residual SD of a student with some SES in a school with some t.

    Examples
    --------
    >>> check_student_sd(0.7047, eta=[-0.25, 0.1], ses=2, t=-0.3)
    ✓ Yes: exp(-0.25 + 0.1 × 2 - 0.3) = 0.705; all three parts are log SDs, and add up before the exponential.
    """
    log_sd = eta[0] + eta[1] * ses + t
    right = float(np.exp(log_sd))
    wrong = {
        log_sd: "That is the log SD: undo the logarithm.",
        float(np.exp(2 * log_sd)): "That is the variance: the link is the log of the SD.",
        float(np.exp(log_sd / 2)): "That treats the sum as a log variance; here it is a log SD.",
        float(np.exp(eta[0] + eta[1] * ses)): "The school is still missing: add its t before you undo the logarithm.",
        float(np.exp(eta[0] + t)): "The student's SES is still missing: add its coefficient times its value.",
        float(
            np.exp(eta[0]) + eta[1] * ses + t
        ): "Add the parts on the log scale first, and undo the logarithm of their sum.",
    }
    signed = f"{'+' if t >= 0 else '-'} {abs(t):g}"
    yes = f"Yes: exp({eta[0]:g} + {eta[1]:g} × {ses:g} {signed}) = {right:.3f}; all three parts are log SDs, and add up before the exponential."
    return _compare(answer, right, yes, wrong, tolerance=0.005)


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
    yes = f"Yes: a log-variance coefficient of {coefficient:g} is a log-SD coefficient of {coefficient / 2:g}, a factor of {right:.3f}."
    return _compare(answer, right, yes, wrong, tolerance=0.004)


def check_average_sd(answer, *, eta: float, tau_t: float) -> Feedback:
    """Chapter 2: the average SD over schools whose log SDs are Normal(eta, tau_t).

    Examples
    --------
    >>> check_average_sd(0.88, eta=-0.25, tau_t=0.5).correct
    True
    """
    right = float(np.exp(eta + tau_t**2 / 2))
    wrong = {
        float(np.exp(eta)): "That is the SD of a school with t = 0, the median school; the average is larger.",
        float(
            np.exp(eta + tau_t**2)
        ): "That is the root of the average variance; the average SD has half of τ² in the exponent.",
        float(np.exp(eta + tau_t / 2)): "Nearly: the square of τ belongs into the exponent.",
        eta + tau_t**2 / 2: "That is a log SD: undo the logarithm.",
    }
    yes = f"Yes: about {right:.2f}, where exp(η) is {np.exp(eta):.2f}; large SDs pull the average up more than small ones pull it down."
    return _compare(answer, right, yes, wrong, tolerance=0.01)


def check_scale_formula(answer, expected: str) -> Feedback:
    """Chapter 2: a scale formula in words, written in lme4's notation.

    Examples
    --------
    >>> check_scale_formula("~ public + ses + (1 | school)", "~ ses + public + (1 | school)").correct
    True
    >>> check_scale_formula("score ~ ses + public + (1 | school)", "~ ses + public + (1 | school)")
    ✗ The scale formula has nothing before the tilde: there is no outcome to repeat, what it models is the log SD.
    """
    if answer is ... or answer is None:
        return Feedback(False, "Nothing to check yet: replace the dots by your answer.")
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
    fixed = (term.strip() for term in formulas.scale.fixed.split("+"))
    groups = frozenset(("".join(term.split()), correlated) for term, correlated in formulas.scale.groups)
    return frozenset(term for term in fixed if term not in ("1", "")), groups, formulas.school


def _group_of(formula: str) -> str:
    """A random intercept for the grouping factor of a formula, which the location must share."""
    return f"(1 | {formula.rpartition('|')[2].strip(' )')})" if "|" in formula else "(1 | school)"


def check_correlations(answer, *, effects: int) -> Feedback:
    """Chapter 13: how many correlations some random effects have among them.

    Examples
    --------
    >>> check_correlations(6, effects=4)
    ✓ Yes: 4 effects form 6 pairs, and each pair has a correlation to be estimated.
    """
    right = effects * (effects - 1) // 2
    wrong = {
        effects: "That is the number of effects, and of their SDs; each pair of effects has a correlation.",
        effects * (effects - 1): "You have counted every pair twice: the matrix is symmetric.",
        effects**2: "That is the number of cells of the matrix; its diagonal is 1, and its halves are the same.",
        2: "Effects of the location are correlated with those of the scale, too: count all pairs.",
    }
    yes = f"Yes: {effects} effects form {right} pairs, and each pair has a correlation to be estimated."
    return _compare(answer, right, yes, wrong, tolerance=1e-6)


def check_effect_bayes_factor(answer, fit: xr.DataTree, *, school, effect: str) -> Feedback:
    """Chapter 13: the Bayes factor of one effect of a school, at that effect's own prior probability.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", inclusion_prior=0.3, random_seed=1)
    >>> check_effect_bayes_factor(..., result, school=39, effect="scale[Intercept]")
    ✗ Nothing to check yet: replace the dots by your answer.
    """
    check_effect(fit, effect)
    pip, prior = pip_table(fit, effect=effect).loc[school, "pip"], prior_inclusion(fit, effect)
    right = float(bayes_factor(pip, inclusion_prior=prior))
    others = {prior_inclusion(fit, name) for name in selected_names(fit)} - {prior}
    wrong = {
        float(
            pip / (1 - pip)
        ): f"Those are the posterior odds; the prior odds are not 1 but {prior:g} / {1 - prior:g}: divide by them.",
        float(pip / prior): "That is a ratio of probabilities; a Bayes factor is a ratio of odds.",
        1 / right: "That is the Bayes factor for leaving the effect out; turn it round.",
        float(pip): "That is the PIP; turn it into odds first.",
        float(pip / (1 - pip) * prior / (1 - prior)): "Divide by the prior odds instead of multiplying.",
    }
    wrong |= {
        float(bayes_factor(pip, inclusion_prior=p)): "That uses the prior of the other effect."
        for p in others
        if p != 0.5
    }
    yes = f"Yes: at the prior probability {prior:g}, a PIP of {pip:.2f} means that the data raise the odds by a factor of {right:.1f}."
    return _compare(answer, right, yes, wrong, tolerance=0.02)


def check_any_effect(answer, fit: xr.DataTree, *, school) -> Feedback:
    """Chapter 13: the posterior probability that at least one effect of a school is in the slab.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> students = sm.simulate_schools(n_schools=8, n_students=20, tau_t=0.5, inclusion=0.5, random_seed=1).students
    >>> result = sm.fit("score ~ 1 + (1 | school)", "~ 1 + (1 | school)", students, select="both",
    ...                 draws=20, tune=20, chains=1, random_seed=1)
    >>> check_any_effect(1.7, result, school=3).correct
    False
    """
    delta = fit["posterior"]["delta"].sel(school=school)
    axis = next(name for name in delta.dims if name not in ("chain", "draw"))
    right = float(delta.max(axis).mean())
    pips = [float(pip_table(fit, effect=name).loc[school, "pip"]) for name in selected_names(fit)]
    both = float(delta.min(axis).mean())
    wrong = {
        sum(pips): "That is the sum of the PIPs, which counts draws with both effects twice and may exceed 1.",
        both: "That is the probability that all effects are in the slab; one is enough here.",
        1 - right: "That is the probability that none is in the slab.",
        max(pips): "That is the larger PIP; draws with only the other effect count, too.",
        float(
            1 - np.prod(1 - np.array(pips))
        ): "That would be right if the indicators were independent given the data; count draws.",
    }
    yes = f"Yes: {right:.2f}, although the PIPs are {' and '.join(f'{p:.2f}' for p in pips)}: either effect may carry the deviation."
    return _compare(answer, right, yes, wrong, tolerance=0.005)
