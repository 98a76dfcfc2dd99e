"""The marginal formulation: everything is sampled but the indicators, which are summed out."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from ...spec.design import Design
from ...spec.inclusion import Inclusion
from ...spec.model_priors import ModelPriors
from ..cells import cells_of
from ..marginal import configurations
from . import parameters
from .sampled_model import linear, normal_density


def marginal_model(
    design: Design, *, selected, inclusion: Inclusion, priors: ModelPriors, family: str = "normal"
) -> pm.Model:
    """The SS-MELSM with delta summed out: per school, one likelihood for each configuration of its indicators.

    ``v`` are the effects before the indicators act; ``log_weight`` (school, configuration) holds each configuration's
    log prior plus log likelihood, from which delta is recovered.
    """
    deltas, in_force = configurations(selected, len(design.effects))
    coords = parameters.coordinates(design, selected) | {"configuration": ["".join(map(str, row)) for row in deltas]}
    with pm.Model(coords=coords) as model:
        gamma, eta = parameters.coefficients(priors)
        tau = parameters.standard_deviations(priors)
        factor = parameters.cholesky_factor(design, priors)
        v = pm.Deterministic("v", _effects(design, selected, gamma, tau, factor), dims=("school", "effect"))
        pi = parameters.inclusion_probability(inclusion)
        log_prior = (deltas * pt.log(pi) + (1 - deltas) * pt.log1p(-pi)).sum(axis=1)
        nu = parameters.degrees_of_freedom(priors) if family == "student" else None
        per_school = _likelihood(design, gamma, eta, nu)
        log_weight = log_prior + pt.stack([per_school(v * on) for on in in_force], axis=1)
        pm.Deterministic("log_weight", log_weight, dims=("school", "configuration"))
        pm.Potential("schools", pt.logsumexp(log_weight, axis=1), dims="school")
    return model


def _effects(design: Design, selected, gamma, tau, factor):
    """v (school, effect), in the parametrisation that the sampler likes.

    The students say much about a school's location, so that its own coefficient gamma + u is a better coordinate than
    z (the centred parametrisation); they say little about t, where z is. With an indicator on it, u may be as unknown.
    """
    K, M, J = len(design.location_effects), len(design.effects), design.n_schools
    if any(at < K for at in selected):
        z = pm.Normal("z", 0, 1, dims=("school", "effect"))
        return tau * (z @ factor.T)
    terms = list(design.location_terms)
    # The coefficients around which the location effects vary, as far as the model has them.
    fixed = pt.stack([gamma[terms.index(name)] if name in terms else 0.0 for name in design.location_effects])
    root = tau[:K, None] * factor[:K, :K]
    level = pm.MvNormal("level", fixed, chol=root, shape=(J, K))
    z_u = pt.linalg.solve_triangular(root, (level - fixed).T, lower=True).T
    z_t = pm.Normal("z_t", 0, 1, shape=(J, M - K))
    z = pt.concatenate([z_u, z_t], axis=1)
    return pt.concatenate([level - fixed, tau[K:] * (z @ factor[K:].T)], axis=1)


def by_school(design: Design, school, values):
    """Sums per school, of rows that belong to these schools."""
    return pt.zeros(design.n_schools)[school].inc(values)


def _likelihood(design: Design, gamma, eta, nu):
    """v -> log p(y_j | v): any effects in the scale, either family."""
    students = cells_of(design, "normal" if nu is None else "student")
    X, W, Z, S, school = students[:5]
    K, location, log_sd = len(design.location_effects), linear(X, gamma), linear(W, eta)

    def log_likelihood(v):
        mu = location + (Z * v[school, :K]).sum(axis=1)
        log_sigma = log_sd + (S * v[school, K:]).sum(axis=1)
        if nu is None:
            return by_school(design, school, normal_density(students, mu, log_sigma))
        squared = ((students.mean - mu) * pt.exp(-log_sigma)) ** 2 / (nu - 2)
        constant = pt.gammaln((nu + 1) / 2) - pt.gammaln(nu / 2) - 0.5 * pt.log((nu - 2) * np.pi)
        return by_school(design, school, constant - (nu + 1) / 2 * pt.log1p(squared) - log_sigma)

    return log_likelihood
