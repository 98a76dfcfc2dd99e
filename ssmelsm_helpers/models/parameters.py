"""Parameters that all formulations share, with their priors, as PyMC variables."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.shape_utils import change_dist_size

from ..covariance import EffectCovariance
from ..design import Design
from ..priors import Beta, Priors


def coordinates(design: Design, selected=()) -> dict[str, list]:
    """Names along the axes."""
    names = list(design.effects)
    return {
        "location_term": list(design.location_terms),
        "scale_term": list(design.scale_terms),
        "effect": names,
        "effect_bis": names,
        "selected": [names[at] for at in selected],
        "school": list(range(len(names))) if design.labels is None else design.labels.to_numpy(),
    }


def _given(distribution, name: str, dims: str) -> pt.TensorVariable:
    """A user's univariate distribution, once per element of an axis."""
    model = pm.modelcontext(None)
    return model.register_rv(change_dist_size(distribution, (len(model.coords[dims]),)), name, dims=dims)


def coefficients(design: Design, priors: Priors) -> tuple[pt.TensorVariable, pt.TensorVariable]:
    """gamma and eta."""
    is_intercept = np.array([term == "Intercept" for term in design.location_terms])
    if priors.gamma_intercept is None and priors.gamma is None:
        mean = np.where(is_intercept, priors.gamma_intercept_mean, 0.0)
        sd = np.where(is_intercept, priors.gamma_intercept_sd, priors.gamma_sd)
        gamma = pm.Normal("gamma", mean, sd, dims="location_term")
    else:
        gamma = _mixed_gamma(is_intercept, priors)
    if priors.eta is not None:
        return gamma, _given(priors.eta, "eta", "scale_term")
    return gamma, pm.Normal("eta", 0.0, priors.eta_sd, dims="scale_term")


def _mixed_gamma(is_intercept, priors: Priors) -> pt.TensorVariable:
    """gamma whose intercept and slopes have priors of different kinds."""
    model, parts = pm.modelcontext(None), []
    intercept = priors.gamma_intercept
    if intercept is None:
        intercept = pm.Normal.dist(priors.gamma_intercept_mean, priors.gamma_intercept_sd)
    other = pm.Normal.dist(0.0, priors.gamma_sd) if priors.gamma is None else priors.gamma
    for at, distribution in enumerate(intercept if first else other for first in is_intercept):
        parts.append(model.register_rv(change_dist_size(distribution, ()), f"gamma_{at}"))
    return pm.Deterministic("gamma", pt.stack(parts), dims="location_term")


def standard_deviations(design: Design, priors: Priors) -> pt.TensorVariable:
    """tau, location effects first."""
    counts = len(design.location_effects), len(design.scale_effects)
    if priors.tau_u is None and priors.tau_t is None:
        scale = np.repeat([priors.tau_u_scale, priors.tau_t_scale], counts)
        return pm.HalfStudentT("tau", nu=priors.tau_df, sigma=scale, dims="effect")
    parts, model = [], pm.modelcontext(None)
    for name, given, scale, count in (
        ("tau_u", priors.tau_u, priors.tau_u_scale, counts[0]),
        ("tau_t", priors.tau_t, priors.tau_t_scale, counts[1]),
    ):
        distribution = pm.HalfStudentT.dist(nu=priors.tau_df, sigma=scale) if given is None else given
        parts.append(model.register_rv(change_dist_size(distribution, (count,)), name))
    return pm.Deterministic("tau", pt.concatenate(parts), dims="effect")


def cholesky_factor(design: Design, priors: Priors) -> pt.TensorVariable:
    """L, lower triangular, with Omega = L L' ~ LKJ in each block of correlated effects."""
    if len(design.effects) == 2 and len(design.blocks) == 1:
        # (rho + 1) / 2 ~ Beta(shape, shape) is what LKJ says of two effects.
        if priors.omega_shape == 1:
            rho = pm.Uniform("rho", -1.0, 1.0)
        else:
            half = pm.Beta("rho_half", priors.omega_shape, priors.omega_shape)
            rho = pm.Deterministic("rho", 2 * half - 1)
        corner, below, last = np.diag([1.0, 0.0]), np.array([[0.0, 0.0], [1.0, 0.0]]), np.diag([0.0, 1.0])
        return corner + rho * below + pt.sqrt(1 - rho**2) * last
    covariance = EffectCovariance(design.blocks)
    # Canonical partial correlations p = 2 b - 1 are independent under LKJ: b ~ Beta(a, a), a = shape + (size - 2 - column) / 2.
    a = np.array([priors.omega_shape + (len(block) - 2 - j) / 2 for block, _i, j in covariance.partials])
    if len(a) == 0:
        return pt.eye(len(design.effects))
    partial = 2 * pm.Beta("partial_half", a, a) - 1
    rows = [[0.0] * len(design.effects) for _ in design.effects]
    left = [1.0] * len(design.effects)  # of each row's unit length, squared
    for at, (block, i, j) in enumerate(covariance.partials):
        rows[block[i]][block[j]] = partial[at] * pt.sqrt(left[block[i]])
        left[block[i]] *= 1 - partial[at] ** 2
    for i, rest in enumerate(left):
        rows[i][i] = pt.sqrt(rest)
    factor = pt.stack([pt.stack(row) for row in rows])
    pm.Deterministic("omega", (factor[:, None, :] * factor).sum(axis=-1), dims=("effect", "effect_bis"))
    return factor


def inclusion_probability(inclusion_prior):
    """pi: numbers as they are, or one variable with its Beta prior."""
    if isinstance(inclusion_prior, Beta):
        return pm.Beta("pi", inclusion_prior.a, inclusion_prior.b)
    return np.asarray(inclusion_prior)


def degrees_of_freedom(priors: Priors) -> pt.TensorVariable:
    """nu > 2 of the Student-t family."""
    if priors.nu is not None:
        return pm.modelcontext(None).register_rv(change_dist_size(priors.nu, ()), "nu")
    above = pm.Gamma("nu_above_two", priors.nu_shape, priors.nu_rate)
    return pm.Deterministic("nu", 2 + above)
