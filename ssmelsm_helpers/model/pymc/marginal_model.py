"""The marginal formulation: everything is sampled but the indicators, which are summed out."""

import pymc as pm
import pytensor.tensor as pt

from ...spec.options import Model
from ..cells import cells_of
from ..marginal import configurations
from . import parameters
from .sampled_model import linear, normal_density, times


def marginal_model(model: Model) -> pm.Model:
    """The SS-MELSM with delta summed out: per school, one likelihood for each configuration of its indicators.

    ``v`` are the effects before the indicators act; ``log_weight`` (school, configuration) holds each configuration's
    log prior plus log likelihood, from which delta is recovered.
    """
    design, priors, family = model.design, model.priors, model.family
    students = cells_of(design, family)
    X, W, Z, S, school = students[:5]
    K = len(design.location_effects)
    deltas, in_force = configurations(model.selected, len(design.effects))
    names = ["".join(map(str, row)) for row in deltas]
    with pm.Model(coords=parameters.axes(design, model.selected) | {"configuration": names}) as pymc_model:
        gamma, eta = parameters.coefficients(priors)
        tau = parameters.effect_sds(priors)
        L = parameters.cholesky_factor(design, priors)
        z = pm.Normal("z", 0, 1, dims=("school", "effect"))
        v = pm.Deterministic("v", tau * times(L, z), dims=("school", "effect"))
        pi = parameters.inclusion_probability(model.inclusion)
        log_prior = (deltas * pt.log(pi) + (1 - deltas) * pt.log1p(-pi)).sum(axis=1)
        nu = parameters.degrees_of_freedom(priors) if family == "student" else None

        def log_likelihood(v):
            """log p(y_j | v) of every school, v being in force."""
            mu = linear(X, gamma) + (Z * v[school, :K]).sum(axis=1)
            log_sigma = linear(W, eta) + (S * v[school, K:]).sum(axis=1)
            if family == "normal":
                density = normal_density(students, mu, log_sigma)
            else:
                scale = pt.exp(log_sigma) * pt.sqrt((nu - 2) / nu)
                density = pm.logp(pm.StudentT.dist(nu=nu, mu=mu, sigma=scale), students.mean)
            return pt.zeros(design.n_schools)[school].inc(density)

        log_weight = log_prior + pt.stack([log_likelihood(v * on) for on in in_force], axis=1)
        pm.Deterministic("log_weight", log_weight, dims=("school", "configuration"))
        pm.Potential("schools", pt.logsumexp(log_weight, axis=1), dims="school")
    return pymc_model
