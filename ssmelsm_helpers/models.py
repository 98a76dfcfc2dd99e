"""The model as PyMC models, one function per formulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from . import kernel
from .arguments import check_probability
from .data import check_summary, pooled_moments, sum_of_squares, summarise_schools
from .design import parse_intercept_only
from .priors import Priors, check_priors, log_lkj_pair

if TYPE_CHECKING:
    import pymc as pm

COORDS = {
    "location_term": ["Intercept"],
    "scale_term": ["Intercept"],
    "effect": ["location[Intercept]", "scale[Intercept]"],
}


def build_model(
    location: str,
    scale: str,
    data,
    *,
    formulation: str = "collapsed",
    inclusion_prior: float = 0.5,
    priors: Priors | None = None,
    missing: str = "raise",
) -> pm.Model:
    """The SS-MELSM as a PyMC model, to read, to extend, or to sample in one's own way.

    Parameters
    ----------
    location, scale, data, formulation, inclusion_prior, priors, missing
        As in `fit`.

    Returns
    -------
    pymc.Model
        Free variables gamma, eta (log-SD units), tau, rho; the schools' likelihood is the potential ``schools``.

    Raises
    ------
    ValueError, TypeError
        As in `fit`.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> students = sm.simulate_schools(n_schools=10, n_students=20, random_seed=1).students
    >>> model = build_model("score ~ 1 + (1 | school)", "~ 1 + (1 | school)", students)
    >>> [variable.name for variable in model.free_RVs]
    ['gamma', 'eta', 'tau', 'rho']
    """
    design = parse_intercept_only(location, scale)
    check_formulation(formulation)
    check_probability("inclusion_prior", inclusion_prior)
    check_priors(priors)
    schools = summarise_schools(data, outcome=design.outcome, school=design.school, missing=missing)
    return collapsed_model(check_summary(schools), inclusion_prior=inclusion_prior, priors=priors)


def check_formulation(formulation: str) -> str:
    """The formulations that exist."""
    if formulation != "collapsed":
        raise ValueError(f"formulation must be 'collapsed'; found {formulation!r}.")
    return formulation


def collapsed_model(schools: pd.DataFrame, *, inclusion_prior: float, priors: Priors | None) -> pm.Model:
    """The intercept-only model with u, t and delta integrated out."""
    import pymc as pm
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad

    priors = (priors or Priors()).resolve(*pooled_moments(schools))
    n, mean = schools["n"].to_numpy(dtype=float), schools["mean"].to_numpy()
    with pm.Model(coords=COORDS | {"school": schools.index.to_numpy()}) as model:
        gamma = pm.Normal("gamma", priors.gamma_intercept_mean, priors.gamma_intercept_sd, dims="location_term")
        eta = pm.Normal("eta", 0.0, priors.eta_sd, dims="scale_term")
        scales = [priors.tau_u_scale, priors.tau_t_scale]
        tau = pm.HalfStudentT("tau", nu=priors.tau_df, sigma=scales, dims="effect")
        rho = pm.Uniform("rho", -1.0, 1.0)
        if priors.omega_shape != 1:  # LKJ(1) is the uniform that is there already
            pm.Potential("omega", log_lkj_pair(rho, priors.omega_shape, pt) - log_lkj_pair(0.0, 1.0))
        terms = kernel.intercept_terms(n, mean, sum_of_squares(schools), gamma[0], eta[0], pt)
        effects = kernel.Effects(tau[0], tau[1], rho)
        # Where the nodes stand hardly moves the integral, so the gradient need not follow them.
        limits = [disconnected_grad(limit) for limit in kernel.slab_limits(terms, effects, pt)]
        spike = kernel.log_spike(terms, effects, pt)
        slab = kernel.log_slab(terms, effects, limits, kernel.node_count(tau[1], pt), pt)
        log_p = terms.constant + kernel.log_mixture(spike, slab, inclusion_prior, pt)
        pm.Potential("schools", log_p, dims="school")
    return model
