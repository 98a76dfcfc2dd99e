"""The collapsed formulation as a PyMC model: u, t and delta are integrated out, a few hyperparameters are left."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import generate_fallback_impl, numba_funcify

from ...spec.design import Design
from ...spec.options import Model
from .. import kernel
from ..cells import cells_of
from ..collapsed import CollapsedPosterior
from .marginal_model import by_school
from .parameters import coefficients, coordinates, correlations, factor_of, inclusion_probability, standard_deviations


def collapsed_model(model: Model) -> pm.Model:
    """Free variables gamma, eta, tau, rho or omega's parts, and pi where it has a prior.

    The schools' likelihood is the potential ``schools``: school by school with one location effect, where it can be read
    here; with several their sum, which the posterior in NumPy computes.
    """
    design, priors, inclusion = model.design, model.priors, model.inclusion
    with pm.Model(coords=coordinates(design)) as pymc_model:
        gamma, eta = coefficients(priors)
        tau = standard_deviations(priors)
        partials = correlations(design, priors)
        pi = inclusion_probability(inclusion)
        if len(design.location_effects) == 1:
            log_spike, log_slab, constant = _one_effect(design, gamma, eta, tau, partials[0])
            pm.Potential("schools", constant + kernel.log_mixture(log_spike, log_slab, pi, pt), dims="school")
        else:
            factor_of(design, partials)
            posterior = CollapsedPosterior(replace(model, design=replace(design, evaluators=None)))
            x = [gamma, eta, pt.log(tau), pt.arctanh(partials)]
            x += [pt.log(pi)[None] - pt.log1p(-pi)[None]] if inclusion.learned else []
            pm.Potential("schools", SchoolsLikelihood(posterior)(pt.concatenate(x))[0])
    return pymc_model


def _one_effect(design: Design, gamma, eta, tau, rho):
    """Both components by the kernel that NumPy uses too."""
    X, W, Z, _S, school, n, mean, squares = cells_of(design)
    residual, log_sd = mean - X @ gamma, W @ eta
    weight, z = pt.exp(-2 * log_sd), Z[:, 0]

    def total(values):
        return by_school(design, school, values)

    root = pt.sqrt(total(n * weight * z**2))
    projection = total(n * weight * residual * z) / pt.switch(root > 0, root, 1.0)
    left = pt.maximum(total(weight * (n * residual**2 + squares)) - projection**2, 0.0)
    constant = -0.5 * design.n * np.log(2 * np.pi) - total(n * log_sd)
    terms = kernel.SchoolTerms(design.n.astype(float), root, projection, left, constant)
    both = kernel.one_effect(terms, kernel.Effects(tau[0], tau[1], rho))
    # Where the nodes stand hardly moves the integral, so the gradient need not follow them.
    limits = [disconnected_grad(limit) for limit in kernel.slab_limits(both.slab, pt)]
    slab = kernel.log_slab(both.slab, limits, kernel.node_count(tau[1], pt), pt)
    return kernel.log_spike(both.spike, pt), slab, constant


class SchoolsLikelihood(Op):
    """log p(y | x) of a collapsed posterior, and its gradient by x: one operation to PyTensor, computed in NumPy."""

    itypes = (pt.dvector,)
    otypes = (pt.dscalar, pt.dvector)

    def __init__(self, posterior: CollapsedPosterior):
        self.posterior = posterior

    def perform(self, node, inputs, outputs):
        (x,) = inputs
        log_p, gradient = self.posterior.log_likelihood_and_gradient(x, self.posterior.log_odds(x))
        outputs[0][0], outputs[1][0] = np.array(log_p), gradient

    def pullback(self, inputs, outputs, cotangents):
        return [cotangents[0] * outputs[1]]


@numba_funcify.register(SchoolsLikelihood)
def _called_from_numba(op, node=None, **options):
    with warnings.catch_warnings():  # of Numba's way to call Python, which is meant here
        warnings.simplefilter("ignore", UserWarning)
        return generate_fallback_impl(op, node, **options)
