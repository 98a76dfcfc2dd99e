"""The published simulation study and its unbalanced sister, and what one replication of them reports."""

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
_DEVIATIONS = {"p_slab": (0.0, 0.05, 0.10, 0.25), "sd_slab": (0.312, 0.437, 0.668, 0.901)}
_LEAST_STUDENTS = 2


def published() -> Design:
    """Study 1: 144 conditions, 36 of them without a deviating school.

    Students per school 50, 75, 150; schools 50, 150, 300; share of deviating schools 0, .05, .10, .25; SD of their t
    .312, .437, .668, .901; log SD -.25, SD of the school means .33, rho 0. Each replication is fitted with pi = .5
    and flags at PIP >= .75; the two-stage method is its baseline.

    Returns
    -------
    Design
        For `sm.study.run`. Per replication, of the SS-MELSM and, with the prefix ``two_stage_``, of the two-stage method:

        - ``hits``, ``false_flags``: schools that deviate, and that do not, flagged by the method's own rule (PIP >= .75,
          95 %);
        - ``matched_hits``: hits by the lowest cut-off that has no more false flags than the SS-MELSM;
        - ``auc``: area under the ROC curve, missing where all schools deviate or none.

        Of the schools: ``deviating`` and ``ordinary``, how many do and do not. In classes of the PIP, 0 to 4 (bounds 0,
        .25, .5, .75, .9, 1): ``class0_schools``, ``class0_pips`` (their sum), ``class0_deviating``, and so on. Of the
        fit: ``tau_t`` (posterior mean, log-SD units), ``pareto_k`` and ``ess``.

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
    return _crossed("published study", n_students=(50, 75, 150), n_schools=(50, 150, 300))


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
    return _crossed("unbalanced study", mean_students=(10, 30), n_schools=(25, 50))


def _crossed(name: str, **sizes) -> Design:
    factors = sizes | _DEVIATIONS
    conditions = pd.MultiIndex.from_product(factors.values(), names=factors).to_frame(index=False)
    return Design(name, conditions, replicate)


def replicate(condition: dict, seed: int) -> dict:
    """One replication of either study: simulated, fitted by both methods, compared with what was planted."""
    n_schools, n_students = condition["n_schools"], condition.get("n_students")
    if n_students is None:
        counts = np.random.default_rng([seed, 1]).poisson(condition["mean_students"], size=n_schools)
        n_students = np.maximum(counts, _LEAST_STUDENTS)
    planted = _PLANTED | {"tau_t": condition["sd_slab"], "inclusion": condition["p_slab"]}
    simulation = simulate_schools(n_schools=n_schools, n_students=n_students, random_seed=seed, **planted)
    deviates = simulation.truth["delta"].to_numpy() == 1
    fit, classical = quick_fit(simulation.schools, random_seed=seed), two_stage(simulation.schools)
    flagged, z = fit.pip >= THRESHOLD, classical["z"].abs().to_numpy()
    report = {"deviating": deviates.sum(), "ordinary": (~deviates).sum()}
    for method, score, flags in (("", fit.pip, flagged), ("two_stage_", z, classical["flagged"].to_numpy())):
        report[f"{method}hits"] = flags[deviates].sum()
        report[f"{method}false_flags"] = flags[~deviates].sum()
        # Both by the most generous cut-off with so many false flags: a cut-off chosen with the truth at hand finds a
        # little more than the rule itself, and the two methods should have the same advantage.
        report[f"{method}matched_hits"] = hits_at(score, deviates, report["false_flags"])
        report[f"{method}auc"] = area_under_roc(score, deviates)
    classes = np.digitize(fit.pip, PIP_CLASSES[1:-1])
    for at in range(len(PIP_CLASSES) - 1):
        inside = classes == at
        report[f"class{at}_schools"] = inside.sum()
        report[f"class{at}_pips"] = fit.pip[inside].sum()
        report[f"class{at}_deviating"] = deviates[inside].sum()
    return report | {"tau_t": fit.tau_t, "pareto_k": fit.pareto_k, "ess": fit.ess}


def hits_at(score, deviates, false_flags: int) -> int:
    """Deviating schools found by the lowest cut-off of a score that flags no more than `false_flags` others.

    >>> hits_at(np.array([5.0, 4.0, 3.0, 2.0]), np.array([True, False, True, False]), 0)
    1
    """
    others = np.sort(np.append(score[~deviates], -np.inf))[::-1]
    return int((score[deviates] > others[false_flags]).sum())


def area_under_roc(score, deviates) -> float:
    """Probability that a deviating school scores higher than another one; ties count half; NaN without both kinds.

    >>> area_under_roc(np.array([5.0, 4.0, 3.0, 2.0]), np.array([True, False, True, False]))
    0.75
    """
    higher = np.heaviside(np.subtract.outer(score[deviates], score[~deviates]), 0.5)
    return float(higher.mean()) if higher.size else float("nan")
