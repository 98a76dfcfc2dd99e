"""The collapsed posterior of the intercept-only model on an unconstrained scale, in NumPy.

Five numbers, whatever the number of schools: gamma, eta, log tau_u, log tau_t and atanh rho. Both
samplers work on this object, so that neither compiles anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from . import kernel
from .data import pooled_moments, sum_of_squares
from .priors import Priors, log_half_student_t, log_lkj_pair, log_normal

SIZE = 5
# Draw-school pairs evaluated at once: with 20 nodes each, an array is half a megabyte and stays in
# a core's cache. (Threads were slower: operations this short contend for the interpreter's lock.)
_BLOCK = 3200


def blocks(total: int, size: int) -> list[slice]:
    """Slices of at most `size` that cover range(total)."""
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]


class CollapsedPosterior:
    """log p(gamma, eta, tau, rho | y) with u, t and delta integrated out.

    Parameters
    ----------
    schools : pandas.DataFrame
        A checked school summary.
    inclusion_prior : float
        pi, the prior probability that a school's scale effect is in the slab.
    priors : Priors
    """

    def __init__(self, schools: pd.DataFrame, inclusion_prior: float, priors: Priors):
        self.n = schools["n"].to_numpy(dtype=float)
        self.mean = schools["mean"].to_numpy(dtype=float)
        self.sum_of_squares = sum_of_squares(schools)
        self.inclusion_prior = inclusion_prior
        self.priors = priors.resolve(*pooled_moments(schools))

    def constrain(self, x):
        """gamma, eta and the effects (tau_u, tau_t, rho) from unconstrained x, (5,) or (S, 5)."""
        gamma, eta, log_tau_u, log_tau_t, atanh_rho = x.T
        return gamma, eta, kernel.Effects(np.exp(log_tau_u), np.exp(log_tau_t), np.tanh(atanh_rho))

    def start(self) -> np.ndarray:
        """Moment estimates: a point from which the mode is a few steps away."""
        many = self.n > 1
        df = self.n[many] - 1
        log_sd = 0.5 * np.log(np.maximum(self.sum_of_squares[many] / df, 1e-12))
        eta = 0.5 * np.log(self.sum_of_squares.sum() / df.sum())
        excess = np.average((log_sd - eta) ** 2 - 1 / (2 * df), weights=df)
        gamma = self.mean.mean()
        between = ((self.mean - gamma) ** 2 - np.exp(2 * eta) / self.n).mean()
        tau_u = np.sqrt(max(between, (0.1 * np.exp(eta)) ** 2))
        return np.array([gamma, eta, np.log(tau_u), 0.5 * np.log(np.clip(excess, 0.05**2, 1.0)), 0.0])

    def log_prior(self, x):
        """log prior density of x, (5,) or (S, 5), with the Jacobian of the transformation."""
        p = self.priors
        gamma, eta, effects = self.constrain(x)
        return (
            log_normal(gamma, p.gamma_intercept_mean, p.gamma_intercept_sd)
            + log_normal(eta, 0.0, p.eta_sd)
            + log_half_student_t(effects.tau_u, p.tau_df, p.tau_u_scale)
            + log_half_student_t(effects.tau_t, p.tau_df, p.tau_t_scale)
            + log_lkj_pair(effects.rho, p.omega_shape)
            + np.log(effects.tau_u * effects.tau_t)
            + np.log1p(-(effects.rho**2))
        )

    def _log_prior_gradient(self, x):
        p = self.priors
        gamma, eta, effects = self.constrain(x)
        tau = np.array([effects.tau_u, effects.tau_t])
        scale = np.array([p.tau_u_scale, p.tau_t_scale])
        by_tau = -(p.tau_df + 1) * tau / (p.tau_df * scale**2 + tau**2)
        by_location = (p.gamma_intercept_mean - gamma) / p.gamma_intercept_sd**2
        return np.array([by_location, -eta / p.eta_sd**2, *(by_tau * tau + 1), -2 * effects.rho * p.omega_shape])

    def terms(self, gamma, eta, schools=slice(None)) -> kernel.SchoolTerms:
        """What the schools' students say, given gamma and eta."""
        return kernel.intercept_terms(self.n[schools], self.mean[schools], self.sum_of_squares[schools], gamma, eta)

    def pieces(self, x, schools=slice(None)):
        """Terms and effects for draws x (S, 5), with an axis for the schools."""
        gamma, eta, effects = self.constrain(x)
        effects = kernel.Effects(*(value[:, None] for value in effects))
        return self.terms(gamma[:, None], eta[:, None], schools), effects

    def blocks(self, draws: int, progress=None) -> Iterator[tuple[slice, slice]]:
        """Draw and school slices that cover all pairs, small enough for the cache."""
        schools = blocks(len(self.n), _BLOCK)
        jobs = [(d, s) for d in blocks(draws, max(1, _BLOCK // len(self.n))) for s in schools]
        for job in jobs:
            yield job
            if progress is not None:
                progress.update(1 / len(jobs))

    def log_density(self, x, progress=None) -> np.ndarray:
        """log posterior density (up to log p(y)) of draws x (S, 5)."""
        log_p = self.log_prior(x)
        for draws, schools in self.blocks(len(x), progress):
            terms, effects = self.pieces(x[draws], schools)
            found = kernel.spike_and_slab(terms, effects)
            log_p[draws] += self.log_likelihood(terms, found.spike, found.slab)
        return log_p

    def log_likelihood(self, terms, spike, slab) -> np.ndarray:
        """log p(y | hyperparameters) per draw (S,), from arrays (S, J)."""
        return (terms.constant + kernel.log_mixture(spike, slab, self.inclusion_prior)).sum(axis=-1)

    def log_density_and_gradient(self, x) -> tuple[float, np.ndarray]:
        """log posterior density and its gradient at one point x (5,).

        The gradient of a log mixture is the posterior mean of its components' gradients
        (Fisher's identity), over the same quadrature nodes as the density itself.
        """
        gamma, eta, effects = self.constrain(x)
        log_p, gradient = 0.0, np.zeros(SIZE)
        for schools in blocks(len(self.n), _BLOCK):
            for terms, nodes in _node_groups(self.terms(gamma, eta, schools), effects):
                part, part_gradient = self._mixture_and_gradient(terms, effects, *nodes)
                log_p, gradient = log_p + part, gradient + part_gradient
        gradient[1] -= self.n.sum()  # the derivative of the constants
        gradient *= np.array([1.0, 1.0, effects.tau_u, effects.tau_t, 1 - effects.rho**2])
        return float(log_p + self.log_prior(x)), gradient + self._log_prior_gradient(x)

    def _mixture_and_gradient(self, terms, effects, limits, z, density, partials):
        """Sum over schools of the log mixture, and its gradient by gamma, eta, tau_u, tau_t, rho."""
        peak = density.max(axis=0)
        weight = np.exp(density - peak)
        total = weight.sum(axis=0)
        slab = peak + np.log(total * (limits[1] - limits[0]) / (len(z) - 1)) - 0.5 * np.log(2 * np.pi)
        uncorrelated = effects._replace(rho=0.0)
        spike, spike_partials = _integrand_and_partials(0.0, terms, uncorrelated)
        inclusion = expit(slab - spike + logit(self.inclusion_prior))
        weight *= inclusion / total
        gradient = _contract(weight, z, partials, effects)
        gradient += _contract(1 - inclusion, 0.0, spike_partials, uncorrelated)
        return self.log_likelihood(terms, spike, slab), gradient


def _node_groups(terms: kernel.SchoolTerms, effects: kernel.Effects):
    """Schools grouped by how their nodes are found: (terms, (limits, nodes, integrand, partials))."""
    limits = kernel.guess_limits(terms, effects)
    z = kernel.nodes_between(limits, kernel.QUICK_NODES)
    density, partials = _integrand_and_partials(z, terms, effects)
    hard = kernel.unproven(density, terms, effects)
    if not hard.any():
        yield terms, (limits, z, density, partials)
        return
    for where, find, count in (
        (~hard, kernel.guess_limits, kernel.QUICK_NODES),
        (hard, kernel.slab_limits, int(kernel.node_count(effects.tau_t))),
    ):
        if where.any():
            there = kernel.SchoolTerms(*(value[where] for value in terms))
            limits = find(there, effects)
            z = kernel.nodes_between(limits, count)
            yield there, (limits, z, *_integrand_and_partials(z, there, effects))


def _integrand_and_partials(z, terms: kernel.SchoolTerms, effects: kernel.Effects):
    """`kernel.log_integrand` and its derivatives by the conditional mean, variance and t."""
    w = terms.precision * np.exp((-2 * effects.tau_t) * z)
    variance = effects.tau_u**2 * (1 - effects.rho**2)
    inflation = 1 + variance * w
    shrunk = w / inflation
    deviation = terms.mean - (effects.tau_u * effects.rho) * z
    by_mean = deviation * shrunk
    by_variance = 0.5 * (by_mean * by_mean - shrunk)
    residual = w * (terms.sum_squares / terms.precision)
    density = -0.5 * (residual + deviation * by_mean + np.log(inflation) + z * z) - (effects.tau_t * z) * terms.n
    # eta acts as t does: both scale every residual.
    by_eta = residual + by_mean * deviation / inflation + variance * shrunk
    return density, (by_mean, by_variance, by_eta, terms.n)


def _contract(weight, z, partials, effects: kernel.Effects) -> np.ndarray:
    """Weighted sum of the gradient by gamma, eta, tau_u, tau_t, rho (the constant left out)."""
    by_mean, by_variance, by_eta, n = partials
    weighted_z = weight * z
    by_mean_z, by_variance = np.vdot(weighted_z, by_mean), np.vdot(weight, by_variance)
    free = 1 - effects.rho**2
    return np.array(
        [
            np.vdot(weight, by_mean),
            np.vdot(weight, by_eta),
            effects.rho * by_mean_z + 2 * effects.tau_u * free * by_variance,
            np.vdot(weighted_z, by_eta) - np.sum(weighted_z * n),
            effects.tau_u * by_mean_z - 2 * effects.rho * effects.tau_u**2 * by_variance,
        ]
    )
