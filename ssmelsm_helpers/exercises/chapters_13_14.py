"""The checks behind the exercises of chapters 13 and 14: several effects, and words for a report."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..results.pips import bayes_factor, check_effect, pip_table, prior_inclusion, selected_names
from .feedback import Feedback, certain_bayes_factor, choose, compare

_WORDINGS = {
    "a": "That is a verdict on quality; the model knows nothing about it.",
    "b": "A PIP is no size: it says how sure one can be, not how much.",
    "c": "Yes: it says what was compared, how sure one can be, how large the difference is, and on what it depends.",
    "d": "Not flagged is not the same as ordinary; with few measurements nobody is flagged.",
}


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
    return compare(answer, right, yes, wrong, tolerance=1e-6)


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
    if feedback := certain_bayes_factor(answer, pip, school=school):
        return feedback
    right, odds = float(bayes_factor(pip, inclusion_prior=prior)), float(pip / (1 - pip))
    wrong = {
        odds: f"Those are the posterior odds; the prior odds are not 1 but {prior:g} / {1 - prior:g}: divide by them.",
        float(pip / prior): "That is a ratio of probabilities; a Bayes factor is a ratio of odds.",
        1 / right: "That is the Bayes factor for leaving the effect out; turn it round.",
        float(pip): "That is the PIP; turn it into odds first.",
        odds * prior / (1 - prior): "Divide by the prior odds instead of multiplying.",
    }
    # At one half the odds are 1: who uses it divides by nothing, which has its own sentence above.
    others = {prior_inclusion(fit, name) for name in selected_names(fit)} - {prior, 0.5}
    wrong |= {bayes_factor(pip, inclusion_prior=other): "That uses the prior of the other effect." for other in others}
    yes = (
        f"Yes: at the prior probability {prior:g}, a PIP of {pip:.2f} means that "
        f"the data raise the odds by a factor of {right:.1f}."
    )
    return compare(answer, right, yes, wrong, tolerance=0.02)


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
    axes = [name for name in delta.dims if name not in ("chain", "draw")]  # none, where one effect is selected
    right, both = float(delta.max(axes).mean()), float(delta.min(axes).mean())
    pips = [float(pip_table(fit, effect=name).loc[school, "pip"]) for name in selected_names(fit)]
    independent = 1 - float(np.prod(1 - np.array(pips)))
    wrong = {
        sum(pips): "That is the sum of the PIPs, which counts draws with both effects twice and may exceed 1.",
        both: "That is the probability that all effects are in the slab; one is enough here.",
        1 - right: "That is the probability that none is in the slab.",
        max(pips): "That is the larger PIP; draws with only the other effect count, too.",
        independent: "That would be right if the indicators were independent given the data; count draws.",
    }
    listed = " and ".join(f"{pip:.2f}" for pip in pips)
    yes = f"Yes: {right:.2f}, although the PIPs are {listed}: either effect may carry the deviation."
    return compare(answer, right, yes, wrong, tolerance=0.005)


def check_wording(answer) -> Feedback:
    """Chapter 14: which of four sentences may stand in a report.

    Examples
    --------
    >>> check_wording("b")
    ✗ A PIP is no size: it says how sure one can be, not how much.
    """
    return choose(answer, _WORDINGS, "c")


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
    return compare(answer, 1.0, "Yes: 1. Units cancel in a ratio; eta takes them up.", wrong, tolerance=0.004)
