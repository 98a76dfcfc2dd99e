"""The collapsed formulation as a PyMC model: u, t and delta are integrated out, a few hyperparameters are left."""

import warnings
from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import generate_fallback_impl, numba_funcify

from ...spec.options import Model
from ..collapsed import CollapsedPosterior
from .parameters import axes, coefficients, correlations, effect_sds, factor_of, inclusion_probability


def collapsed_model(model: Model) -> pm.Model:
    """Free variables gamma, eta, tau, rho or omega's parts, and pi where it has a prior.

    The schools' likelihood is the potential ``schools``, the sum over schools that `model.school` computes, with its gradient.
    """
    design, priors, inclusion = model.design, model.priors, model.inclusion
    with pm.Model(coords=axes(design)) as pymc_model:
        gamma, eta = coefficients(priors)
        tau = effect_sds(priors)
        partials = correlations(design, priors)
        pi = inclusion_probability(inclusion)
        factor_of(design, partials)
        posterior = CollapsedPosterior(replace(model, design=replace(design, evaluators=None)))
        x = [gamma, eta, pt.log(tau), pt.arctanh(partials)]
        x += [pt.log(pi)[None] - pt.log1p(-pi)[None]] if inclusion.learned else []
        pm.Potential("schools", SchoolsLikelihood(posterior)(pt.concatenate(x))[0])
    return pymc_model


class SchoolsLikelihood(Op):
    """log p(y | x) of a collapsed posterior, and its gradient by x: one operation to PyTensor."""

    itypes = (pt.dvector,)
    otypes = (pt.dscalar, pt.dvector)

    def __init__(self, posterior: CollapsedPosterior):
        self.posterior = posterior

    def perform(self, node, inputs, outputs):
        (x,) = inputs
        log_p, gradient = self.posterior.log_likelihood_and_gradient(x)
        outputs[0][0], outputs[1][0] = np.array(log_p), gradient

    def pullback(self, inputs, outputs, cotangents):
        return [cotangents[0] * outputs[1]]


@numba_funcify.register(SchoolsLikelihood)
def _called_from_numba(op, node=None, **options):
    with warnings.catch_warnings():  # of Numba's way to call Python, which is meant here
        warnings.simplefilter("ignore", UserWarning)
        return generate_fallback_impl(op, node, **options)
