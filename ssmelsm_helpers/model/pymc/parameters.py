"""Parameters that all formulations share, with their priors, as PyMC variables."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.shape_utils import change_dist_size

from ...spec.densities import DistributionPrior, HalfStudentTPrior, NormalPrior, ScalarPrior
from ...spec.design import Design
from ...spec.inclusion import Inclusion
from ...spec.model_priors import CoefficientPriors, ModelPriors
from ..covariance import EffectCovariance


def axes(design: Design, selected=()) -> dict[str, list]:
    """Names along the axes."""
    names = list(design.effects)
    return {
        "location_term": list(design.location_terms),
        "scale_term": list(design.scale_terms),
        "effect": names,
        "effect_bis": names,
        "selected": [names[at] for at in selected],
        "school": design.labels.to_numpy(),
    }


def coefficients(priors: ModelPriors) -> tuple[pt.TensorVariable, pt.TensorVariable]:
    """gamma and eta."""
    return _coefficients("gamma", "location_term", priors.gamma), _coefficients("eta", "scale_term", priors.eta)


def _coefficients(name: str, dims: str, found: CoefficientPriors) -> pt.TensorVariable:
    """The coefficients, which their priors may be about by themselves or in combinations, as of centred columns."""
    if found.plain:
        return _independent(name, found.priors, dims)
    centred = _independent(f"{name}_centred", found.priors, dims)
    back = np.linalg.inv(found.rows)  # in sums: a matrix product takes PyTensor long to compile
    return pm.Deterministic(name, (back * (centred - found.offset)).sum(axis=1), dims=dims)


def _independent(name: str, priors, dims: str) -> pt.TensorVariable:
    """One variable with independent elements; one variable per element where their priors are of several kinds."""
    if all(isinstance(prior, NormalPrior) for prior in priors):
        return pm.Normal(name, *(np.array([getattr(p, v) for p in priors]) for v in ("mean", "sd")), dims=dims)
    if all(isinstance(prior, HalfStudentTPrior) for prior in priors):
        return pm.HalfStudentT(name, nu=priors[0].df, sigma=np.array([prior.scale for prior in priors]), dims=dims)
    if isinstance(priors[0], DistributionPrior) and all(prior is priors[0] for prior in priors):
        model, distribution = pm.modelcontext(None), priors[0].distribution
        return model.register_rv(change_dist_size(distribution, (len(priors),)), name, dims=dims)
    parts = [_variable(f"{name}_{at}", prior) for at, prior in enumerate(priors)]
    return pm.Deterministic(name, pt.stack(parts), dims=dims)


def _variable(name: str, prior: ScalarPrior) -> pt.TensorVariable:
    """One variable, a user's distribution (of a multiple of it) or one of ours."""
    if isinstance(prior, DistributionPrior):
        return pm.modelcontext(None).register_rv(change_dist_size(prior.distribution, ()), name) / prior.factor
    if isinstance(prior, NormalPrior):
        return pm.Normal(name, prior.mean, prior.sd)
    return pm.HalfStudentT(name, nu=prior.df, sigma=prior.scale)


def effect_sds(priors: ModelPriors) -> pt.TensorVariable:
    """tau, location effects first."""
    return _independent("tau", priors.tau, "effect")


def cholesky_factor(design: Design, priors: ModelPriors) -> pt.TensorVariable:
    """L, lower triangular, with Omega = L L' ~ LKJ in each block of correlated effects."""
    return factor_of(design, correlations(design, priors))


def correlations(design: Design, priors: ModelPriors) -> pt.TensorVariable:
    """Partial correlations p = 2 b - 1, which under LKJ are independent, b ~ Beta(a, a); of two effects that is rho."""
    a = np.array(EffectCovariance(design.blocks).lkj_shapes(priors.omega_shape))
    if len(design.effects) > 2:
        return 2 * pm.Beta("partial_half", a, a) - 1
    if priors.omega_shape == 1:
        return pm.Uniform("rho", -1.0, 1.0)[None]
    return pm.Deterministic("rho", 2 * pm.Beta("rho_half", *a, *a) - 1)[None]


def factor_of(design: Design, partials) -> pt.TensorVariable:
    """L from the partial correlations; Omega is recorded where it is more than rho."""
    covariance, unit = EffectCovariance(design.blocks), np.eye(len(design.effects))
    entries = covariance.entries(partials, pt.sqrt)
    factor = sum(value * np.outer(unit[i], unit[j]) for (i, j), value in entries.items())
    if len(unit) > 2:
        omega = (factor[:, None, :] * factor).sum(axis=-1)
        pm.Deterministic("omega", omega, dims=("effect", "effect_bis"))
    return factor


def inclusion_probability(inclusion: Inclusion):
    """pi: numbers as they are, or one variable with its Beta prior."""
    if inclusion.learned:
        return pm.Beta("pi", inclusion.prior.a, inclusion.prior.b)
    return np.array(inclusion.prior)


def degrees_of_freedom(priors: ModelPriors) -> pt.TensorVariable:
    """nu > 2 of the Student-t family."""
    if isinstance(priors.nu, DistributionPrior):
        return _variable("nu", priors.nu)
    above = pm.Gamma("nu_above_two", priors.nu.shape, priors.nu.rate)
    return pm.Deterministic("nu", priors.nu.above + above)
