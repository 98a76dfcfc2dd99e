"""The marginal formulation: everything is sampled but the indicators, which are summed out."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from ...spec.design import Design
from ...spec.model_priors import ModelPriors
from ..marginal import configurations
from .parameters import (
    cholesky_factor,
    coefficients,
    coordinates,
    degrees_of_freedom,
    inclusion_probability,
    standard_deviations,
)


def marginal_model(
    design: Design, *, selected, inclusion_prior, priors: ModelPriors, family: str = "normal"
) -> pm.Model:
    """The SS-MELSM with delta summed out: per school, one likelihood for each configuration of its indicators.

    ``v`` are the effects before the indicators act; ``log_weight`` (school, configuration) holds each configuration's
    log prior plus log likelihood, from which delta is recovered.
    """
    deltas = configurations(selected)
    coords = coordinates(design, selected) | {"configuration": ["".join(map(str, row)) for row in deltas]}
    with pm.Model(coords=coords) as model:
        gamma, eta = coefficients(priors)
        tau = standard_deviations(priors)
        factor = cholesky_factor(design, priors)
        v = pm.Deterministic("v", _effects(design, selected, gamma, tau, factor), dims=("school", "effect"))
        pi = inclusion_probability(inclusion_prior)
        log_prior = (deltas * pt.log(pi) + (1 - deltas) * pt.log1p(-pi)).sum(axis=1)
        nu = degrees_of_freedom(priors) if family == "student" else None
        likelihood = _likelihood_of_sums if _has_sums(design, family) else _likelihood_of_students
        per_school = likelihood(design, gamma, eta, nu)
        columns = []
        for delta in deltas:
            in_force = np.ones(len(design.effects))
            in_force[list(selected)] = delta
            columns.append(per_school(v * in_force))
        log_weight = pm.Deterministic(
            "log_weight", log_prior + pt.stack(columns, axis=1), dims=("school", "configuration")
        )
        pm.Potential("schools", pt.logsumexp(log_weight, axis=1), dims="school")
    return model


def _effects(design: Design, selected, gamma, tau, factor):
    """v (school, effect), in the parametrisation that the sampler likes.

    The students say much about a school's location, so that its own coefficient gamma + u is a better coordinate than
    z (the centred parametrisation); they say little about t, where z is. With an indicator on it, u may be as unknown.
    """
    K, M, J = len(design.location_effects), len(design.effects), len(design.labels)
    if any(at < K for at in selected):
        z = pm.Normal("z", 0, 1, dims=("school", "effect"))
        return tau * (z @ factor.T)
    level = pm.Flat("level", shape=(J, K))
    u = pt.stack([level[:, k] - _fixed_part(design, gamma, k) for k in range(K)], axis=1)
    z = []  # forward substitution: u = tau L z
    for k in range(K):
        left = u[:, k] / tau[k] - sum((factor[k, m] * z[m] for m in range(k)), start=0.0)
        z.append(left / factor[k, k])
    z_u = pt.stack(z, axis=1)
    log_volume = pt.log(tau[:K]).sum() + pt.log(pt.diag(factor)[:K]).sum()
    pm.Potential("u_prior", -0.5 * (z_u**2).sum() - J * (log_volume + 0.5 * K * np.log(2 * np.pi)))
    z_t = pm.Normal("z_t", 0, 1, shape=(J, M - K))
    z = pt.concatenate([z_u, z_t], axis=1)
    return pt.concatenate([u, tau[K:] * (z @ factor[K:].T)], axis=1)


def _fixed_part(design: Design, gamma, k: int):
    """The coefficient around which location effect k varies, if the model has one."""
    name = design.location_effects[k]
    return gamma[design.location_terms.index(name)] if name in design.location_terms else 0.0


def _has_sums(design: Design, family: str) -> bool:
    """Whether a school's weighted sums are enough: normal students, and one t for all of a school."""
    return family == "normal" and len(design.scale_effects) == 1 and bool((design.S == 1).all())


def by_school(design: Design, values):
    """Sums per school."""
    return pt.zeros(len(design.labels))[design.school].inc(values)


def _likelihood_of_sums(design: Design, gamma, eta, _nu):
    """v -> log p(y_j | v) through sums of squares and products per school, whatever the number of students."""
    K = len(design.location_effects)
    residual = design.y - design.X @ gamma
    log_sd = design.W @ eta
    weight = pt.exp(-2 * log_sd)
    squares = by_school(design, weight * residual**2)
    moments = [by_school(design, weight * residual * z) for z in design.Z.T]
    products = [[by_school(design, weight * design.Z[:, k] * design.Z[:, m]) for m in range(k + 1)] for k in range(K)]
    constant = -0.5 * design.n * np.log(2 * np.pi) - by_school(design, log_sd)

    def log_likelihood(v):
        u, t = v[:, :K], v[:, K]
        misfit = squares - 2 * sum(u[:, k] * moments[k] for k in range(K))
        for k in range(K):
            for m in range(k + 1):
                misfit += (1 if m == k else 2) * u[:, k] * u[:, m] * products[k][m]
        return constant - design.n * t - 0.5 * pt.exp(-2 * t) * misfit

    return log_likelihood


def _likelihood_of_students(design: Design, gamma, eta, nu):
    """v -> log p(y_j | v) from every student: any effects in the scale, either family."""
    K, school = len(design.location_effects), design.school
    location, log_sd = design.X @ gamma, design.W @ eta

    def log_likelihood(v):
        mu = location + (design.Z * v[school, :K]).sum(axis=1)
        log_sigma = log_sd + (design.S * v[school, K:]).sum(axis=1)
        standard = (design.y - mu) * pt.exp(-log_sigma)
        if nu is None:
            density = -0.5 * standard**2 - 0.5 * np.log(2 * np.pi)
        else:
            constant = pt.gammaln((nu + 1) / 2) - pt.gammaln(nu / 2) - 0.5 * pt.log((nu - 2) * np.pi)
            density = constant - (nu + 1) / 2 * pt.log1p(standard**2 / (nu - 2))
        return by_school(design, density - log_sigma)

    return log_likelihood
