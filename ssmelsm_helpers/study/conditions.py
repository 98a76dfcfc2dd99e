"""The published simulation study and its unbalanced sister, and what one replication of them reports."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from ..fitting.quick import quick_fit
from ..model.simulate import simulate_schools
from .baseline import two_stage
from .runs import Design

THRESHOLD = 0.75
# Bounds of the PIPs' classes, for their calibration.
PIP_CLASSES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
_PLANTED = {"gamma": 0.0, "eta": -0.25, "tau_u": 0.33, "rho": 0.0}
_SD_SLAB = (0.312, 0.437, 0.668, 0.901)
_P_SLAB = (0.0, 0.05, 0.10, 0.25)
_LEAST_STUDENTS = 2


def published() -> Design:
    """Study 1: 144 conditions, 36 of them without a deviating school.

    Students per school 50, 75, 150; schools 50, 150, 300; share of deviating schools 0, .05, .10, .25; SD of their t
    .312, .437, .668, .901; log SD -.25, SD of the school means .33, rho 0. Each replication is fitted with pi = .5
    and flags at PIP >= .75; the two-stage method is its baseline.

    Returns
    -------
    Design
        For `sm.study.run`. Per replication: numbers of schools that deviate and do not; hits and false flags of the
        SS-MELSM and of the two-stage method by their own rules (PIP >= .75, 95 %), and hits of both by the lowest
        cut-off that has no more false flags than the SS-MELSM; areas under the ROC curves; sums of PIPs and of deviating schools in classes of the PIP;
        tau_t, k-hat and ESS of the fit.

    References
    ----------
    Carmo, Williams & Rast (2026), *Journal of Educational and Behavioral Statistics*,
    doi 10.3102/10769986261426004.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> len(sm.study.published().conditions)
    144
    """
    grid = product((50, 75, 150), (50, 150, 300), _P_SLAB, _SD_SLAB)
    conditions = pd.DataFrame(grid, columns=["n_students", "n_schools", "p_slab", "sd_slab"])
    return Design("published study", conditions, replicate_published)


def unbalanced() -> Design:
    """Study 2: few students, and not the same number in every school: Poisson(10 or 30), at least 2; 25 or 50 schools.

    Shares and SDs of the deviating schools, the rest and the reported numbers are those of `sm.study.published`.

    Returns
    -------
    Design
        For `sm.study.run`; 64 conditions.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> len(sm.study.unbalanced().conditions)
    64
    """
    grid = product((10, 30), (25, 50), _P_SLAB, _SD_SLAB)
    conditions = pd.DataFrame(grid, columns=["mean_students", "n_schools", "p_slab", "sd_slab"])
    return Design("unbalanced study", conditions, replicate_unbalanced)


def replicate_published(condition: dict, seed: int) -> dict:
    """One replication of Study 1."""
    return _replicate(condition, condition["n_students"], seed)


def replicate_unbalanced(condition: dict, seed: int) -> dict:
    """One replication of Study 2."""
    counts = np.random.default_rng([seed, 1]).poisson(condition["mean_students"], size=condition["n_schools"])
    return _replicate(condition, np.maximum(counts, _LEAST_STUDENTS), seed)


def _replicate(condition: dict, n_students, seed: int) -> dict:
    simulation = simulate_schools(
        n_schools=condition["n_schools"],
        n_students=n_students,
        tau_t=condition["sd_slab"],
        inclusion=condition["p_slab"],
        random_seed=seed,
        **_PLANTED,
    )
    deviates = simulation.truth["delta"].to_numpy() == 1
    fit = quick_fit(simulation.schools, random_seed=seed)
    classical = two_stage(simulation.schools)
    z, flagged = classical["z"].abs().to_numpy(), classical["flagged"].to_numpy()
    false = int((fit.pip >= THRESHOLD)[~deviates].sum())
    return {
        "deviating": int(deviates.sum()),
        "ordinary": int((~deviates).sum()),
        "hits": int((fit.pip >= THRESHOLD)[deviates].sum()),
        "false_flags": false,
        "two_stage_hits": int(flagged[deviates].sum()),
        "two_stage_false_flags": int(flagged[~deviates].sum()),
        # Both by the most generous cut-off with so many false flags: a cut-off chosen with the truth at hand finds a
        # little more than the rule itself, and the two methods should have the same advantage.
        "matched_hits": hits_at(fit.pip, deviates, false),
        "two_stage_matched_hits": hits_at(z, deviates, false),
        "auc": area_under_roc(fit.pip, deviates),
        "two_stage_auc": area_under_roc(z, deviates),
        **_calibration(fit.pip, deviates),
        "tau_t": fit.tau_t,
        "pareto_k": fit.pareto_k,
        "ess": fit.ess,
    }


def hits_at(score, deviates, false_flags: int) -> int:
    """Deviating schools found by the lowest cut-off of a score that flags no more than `false_flags` others.

    >>> hits_at(np.array([5.0, 4.0, 3.0, 2.0]), np.array([True, False, True, False]), 0)
    1
    """
    others = np.sort(score[~deviates])[::-1]
    cutoff = others[false_flags] if false_flags < len(others) else -np.inf
    return int((score[deviates] > cutoff).sum())


def area_under_roc(score, deviates) -> float:
    """Probability that a deviating school scores higher than another one; ties count half; NaN without both kinds.

    >>> area_under_roc(np.array([5.0, 4.0, 3.0, 2.0]), np.array([True, False, True, False]))
    0.75
    """
    if deviates.all() or not deviates.any():
        return float("nan")
    ranks = pd.Series(score).rank().to_numpy()
    ones, zeros = deviates.sum(), (~deviates).sum()
    return float((ranks[deviates].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _calibration(pip, deviates) -> dict:
    """Per class of the PIP: number of schools, sum of their PIPs, and how many deviate."""
    which = np.clip(np.searchsorted(PIP_CLASSES, pip, side="right") - 1, 0, len(PIP_CLASSES) - 2)
    result = {}
    for at in range(len(PIP_CLASSES) - 1):
        inside = which == at
        result |= {
            f"class{at}_schools": int(inside.sum()),
            f"class{at}_pips": float(pip[inside].sum()),
            f"class{at}_deviating": int(deviates[inside].sum()),
        }
    return result
