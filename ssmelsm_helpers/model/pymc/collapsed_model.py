"""The collapsed formulation as a PyMC model: u, t and delta are integrated out, a few hyperparameters are left."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from ...data.schools import sum_of_squares
from ...spec.design import Design
from ...spec.options import Model
from .. import kernel
from ..kernel import Component
from .marginal_model import by_school
from .parameters import cholesky_factor, coefficients, coordinates, inclusion_probability, standard_deviations


def collapsed_model(model: Model) -> pm.Model:
    """Free variables gamma, eta, tau, rho or omega's parts, and pi where it has a prior.

    The schools' likelihood is the potential ``schools``.
    """
    design, priors = model.design, model.priors
    with pm.Model(coords=coordinates(design)) as pymc_model:
        gamma, eta = coefficients(priors)
        tau = standard_deviations(priors)
        factor = cholesky_factor(design, priors)
        pi = inclusion_probability(model.inclusion.single)
        if len(design.location_effects) == 1:
            log_spike, log_slab, constant = _one_effect(design, gamma, eta, tau, factor[1, 0])
        else:
            log_spike, log_slab, constant = _several_effects(design, gamma, eta, tau, factor)
        pm.Potential("schools", constant + kernel.log_mixture(log_spike, log_slab, pi, pt), dims="school")
    return pymc_model


def _one_effect(design: Design, gamma, eta, tau, rho):
    """Both components by the kernel that NumPy uses too."""
    n = design.n.astype(float)
    if design.table is None:
        precision, moment, squares, constant = _sums(design, gamma, eta)
        precision, moment = precision[..., 0, 0], moment[..., 0]
        mean = moment / pt.switch(precision > 0, precision, 1.0)
        terms = kernel.SchoolTerms(n, precision, mean, squares - precision * mean**2, constant)
    else:
        terms = kernel.intercept_terms(n, design.y, sum_of_squares(design.table), gamma[0], eta[0], pt)
    both = kernel.one_effect(terms, kernel.Effects(tau[0], tau[1], rho), pt)
    # Where the nodes stand hardly moves the integral, so the gradient need not follow them.
    limits = [disconnected_grad(limit) for limit in kernel.slab_limits(both.slab, pt)]
    slab = kernel.log_slab(both.slab, limits, kernel.node_count(tau[1], pt), pt)
    return kernel.log_spike(both.spike, pt), slab, terms.constant


def _sums(design: Design, gamma, eta):
    """Per school: sums of w z z' (J, K, K), w r z (J, K), w r^2 (J,), and the constant."""
    residual, log_sd = design.y - design.X @ gamma, design.W @ eta
    weight = pt.exp(-2 * log_sd)
    columns = list(design.Z.T)
    moment = pt.stack([by_school(design, weight * residual * z) for z in columns], axis=-1)
    precision = [pt.stack([by_school(design, weight * a * b) for b in columns], axis=-1) for a in columns]
    constant = -0.5 * design.n * np.log(2 * np.pi) - by_school(design, log_sd)
    return pt.stack(precision, axis=-2), moment, by_school(design, weight * residual**2), constant


def _several_effects(design: Design, gamma, eta, tau, factor):
    """Both components with a K x K Cholesky factor per school and node."""
    K = len(design.location_effects)
    precision, moment, squares, constant = _sums(design, gamma, eta)
    scaled = tau[:K, None] * factor[:K, :K]
    row = factor[K, :K]
    slope = scaled @ row
    root = scaled @ pt.linalg.cholesky(pt.eye(K) - pt.outer(row, row))
    n, tau_t = design.n.astype(float), tau[K]

    def component(root, slope):
        """log p(y_j | t = tau_t z) as a function of z, u ~ Normal(slope z, root root')."""
        inner = root.T @ precision @ root
        at_zero = moment @ root
        by_z = (precision @ slope) @ root
        linear, quadratic = moment @ slope, (precision @ slope) @ slope

        def log_p(z):
            s = pt.exp(-2 * tau_t * z)
            pull = [at_zero[:, k] - by_z[:, k] * z for k in range(K)]
            explained, log_volume = _quadratic_form(s, inner, pull)
            misfit = s * (squares - 2 * z * linear + z * z * quadratic) - s * s * explained
            return -0.5 * (misfit + log_volume) - n * tau_t * z

        return log_p

    limits = _limits(precision, moment, squares, slope, root, n, tau_t)
    count = kernel.node_count(tau_t, pt)
    z = kernel.nodes_between(limits, count, pt)
    slab = kernel.log_sum(component(root, slope)(z) - 0.5 * z * z, limits, count, pt)
    return component(scaled, 0.0 * slope)(0.0 * squares), slab, constant


def _quadratic_form(s, inner, pull):
    """pull' (I + s inner)^-1 pull and log det(I + s inner), by a Cholesky factor written out over K."""
    factor, solved, explained, log_volume = {}, [], 0.0, 0.0
    for i, value in enumerate(pull):
        for j in range(i + 1):
            left = s * inner[:, i, j] + (1.0 if i == j else 0.0)
            left -= sum((factor[i, m] * factor[j, m] for m in range(j)), start=0.0)
            factor[i, j] = pt.sqrt(left) if i == j else left / factor[j, j]
        solved.append((value - sum((factor[i, m] * solved[m] for m in range(i)), start=0.0)) / factor[i, i])
        explained += solved[-1] ** 2
        log_volume += 2 * pt.log(factor[i, i])
    return explained, log_volume


def _limits(precision, moment, squares, slope, root, n, tau_t):
    """Limits of z, by the kernel's scan along the directions in which the data are independent.

    Eigenvectors have no gradient where eigenvalues meet, and none is needed: the limits' is not followed.
    """
    precision, moment, squares, slope, root = map(disconnected_grad, (precision, moment, squares, slope, root))
    values, vectors = pt.linalg.eigh(precision)
    known = values > 1e-12 * values[:, -1:]
    half = vectors * pt.sqrt(pt.switch(known, values, 0.0))[:, None, :]
    along = (vectors * moment[:, :, None]).sum(axis=1)
    projection = pt.switch(known, along / pt.sqrt(pt.switch(known, values, 1.0)), 0.0)
    turned = half.dimshuffle(0, 2, 1)
    loads, basis = pt.linalg.eigh(turned @ (root @ root.T) @ half)
    centres = (basis * projection[:, :, None]).sum(axis=1)
    slopes = (basis * (turned @ slope)[:, :, None]).sum(axis=1)
    left = pt.maximum(squares - (projection**2).sum(axis=1), 0.0)
    K = range(precision.type.shape[-1])
    parts = [tuple(value[:, k] for k in K) for value in (pt.maximum(loads, 0.0), centres, slopes)]
    slab = Component(n, left, tau_t, *parts)
    return [disconnected_grad(limit) for limit in kernel.slab_limits(slab, pt)]
