"""The sampled formulation: the model as it is written, the indicators included."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from ...spec.options import Model
from ..cells import Cells, cells_of
from .parameters import axes, cholesky_factor, coefficients, degrees_of_freedom, effect_sds, inclusion_probability


def sampled_model(model: Model) -> pm.Model:
    """The SS-MELSM line by line.

    `model.indicator` says where delta stands. "after" the Cholesky product: the model.
    "before": v = tau L (delta z), as the authors' earlier slides print it; there a
    school in the spike keeps the part of t that follows from its u.
    """
    design, priors, selected = model.design, model.priors, model.selected
    students = cells_of(design, model.family)  # alike in all covariates: as one
    X, W, Z, S, school = students[:5]
    K = len(design.location_effects)

    with pm.Model(coords=axes(design, selected)) as pymc_model:
        gamma, eta = coefficients(priors)  # Normal
        tau = effect_sds(priors)  # half-Student-t
        L = cholesky_factor(design, priors)  # Omega = L L' ~ LKJ
        z = pm.Normal("z", 0, 1, dims=("school", "effect"))
        pi = inclusion_probability(model.inclusion)
        delta = pm.Bernoulli("delta", pi, dims=("school", "selected"))
        # Effects that have no indicator are always in.
        delta = with_ones(delta, selected, len(design.effects))

        if model.indicator == "after":
            v = (tau * times(L, z)) * delta
        else:
            v = tau * times(L, delta * z)
        u, t = v[:, :K], v[:, K:]

        mu = linear(X, gamma) + (Z * u[school]).sum(axis=1)
        log_sigma = linear(W, eta) + (S * t[school]).sum(axis=1)
        if model.family == "normal":
            normal_students("y", mu, log_sigma, students)
        else:
            nu = degrees_of_freedom(priors)
            scale = pt.exp(log_sigma) * pt.sqrt((nu - 2) / nu)  # sigma is the SD
            pm.StudentT("y", nu=nu, mu=mu, sigma=scale, observed=students.mean)
    return pymc_model


def times(L, z):
    """L z_j of every school j, z_j the rows of z: z @ L.T, without a matrix product."""
    return (L * z[:, None, :]).sum(axis=-1)


def linear(columns, coefficients):
    """columns @ coefficients, in sums and products: matrix products take PyTensor half a minute to compile."""
    return sum(columns[:, k] * coefficients[k] for k in range(columns.shape[1]))


def with_ones(delta, selected, size: int):
    """delta (school, selected) with a column of ones for each effect that has no indicator.

    In sums and products, because joined columns take several seconds longer to compile.
    """
    places = np.eye(size)[list(selected)]  # of each indicator among the effects
    return 1 - places.sum(axis=0) + sum(delta[:, k, None] * place for k, place in enumerate(places))


def normal_students(name: str, mu, log_sigma, cells: Cells):
    """y_ij ~ Normal(mu_ij, sigma_ij) for all students: one term for the n students of a cell."""
    if (cells.n == 1).all():
        return pm.Normal(name, mu, pt.exp(log_sigma), observed=cells.mean)
    return pm.Potential(name, normal_density(cells, mu, log_sigma))


def normal_density(cells: Cells, mu, log_sigma):
    """Joint log density of the students of each cell."""
    squares = cells.sum_squares + cells.n * (cells.mean - mu) ** 2
    return -0.5 * (cells.n * np.log(2 * np.pi) + squares * pt.exp(-2 * log_sigma)) - cells.n * log_sigma
