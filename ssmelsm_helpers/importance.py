"""Pareto-smoothed importance sampling from the Laplace approximation: draws without compilation.

A Student-t around the posterior mode proposes; weights correct it; the weighted draws' mean and
covariance make the next, better proposal (Vehtari et al., 2024, *JMLR*, 25(72)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import gammaincinv, gammaln, logsumexp, ndtri
from scipy.stats.qmc import Halton

from .posterior import CollapsedPosterior

GOOD_PARETO_K = 0.7
_DF = 7.0
_LEAST_PILOT_DRAWS = 500
_PILOT_DRAWS_FROM_START = 300
# So many schools make the posterior nearly Normal: one round of pilot draws is enough.
_MANY_SCHOOLS = 4_000
# Log ratios closer than this differ by rounding.
_EQUAL_LOG_RATIOS = 1e-9
_NO_DENSITY = (
    "priors must have a finite density around the values that fit the data; found none there, as of a distribution whose "
    "range leaves them out."
)


class WeightedDraws(NamedTuple):
    """Draws (S, d), their normalised log weights (S,), and what the weights say of the proposal."""

    x: np.ndarray
    log_weights: np.ndarray
    pareto_k: float
    log_evidence: float

    @property
    def ess(self) -> float:
        """Number of equally weighted draws that would be as precise."""
        return float(1 / np.exp(2 * self.log_weights).sum())


def find_mode(posterior: CollapsedPosterior) -> tuple[np.ndarray, np.ndarray]:
    """The mode of the unconstrained posterior and the Laplace approximation's covariance."""

    start, factor = posterior.start()

    def negative(y):
        value, gradient = posterior.log_density_and_gradient(start + factor @ y)
        return -value, -(factor.T @ gradient)

    if not np.isfinite(posterior.log_density_and_gradient(start)[0]):
        raise ValueError(_NO_DENSITY)
    # Far from the mode a step may leave the floating-point range; the line search then turns back.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mode = minimize(negative, np.zeros(len(start)), jac=True, method="BFGS").x
    step = 1e-4
    columns = [(negative(mode + step * e)[1] - negative(mode - step * e)[1]) / (2 * step) for e in np.eye(len(mode))]
    hessian = np.array(columns)
    if not np.isfinite(hessian).all():
        raise ValueError(_NO_DENSITY)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    # A direction the data leave flat gets a wide but finite proposal.
    vectors = factor @ vectors
    return start + factor @ mode, vectors / np.maximum(values, 0.01) @ vectors.T


class Proposal(NamedTuple):
    """A multivariate Student-t with this mean and Cholesky factor of the scale matrix."""

    location: np.ndarray
    factor: np.ndarray

    @classmethod
    def matching(cls, mean, covariance) -> Proposal:
        """Student-t with this mean and, for safety in the tails, slightly more covariance."""
        return cls(mean, cholesky(covariance * (_DF - 2) / _DF * 1.1, lower=True))

    def sample(self, draws: int, rng) -> np.ndarray:
        """Draws (S, d) from scrambled Halton points: more even than random ones, so less noisy means."""
        uniform = Halton(len(self.location) + 1, rng=rng).random(draws)
        mixing = np.sqrt(2 * gammaincinv(_DF / 2, uniform[:, -1]) / _DF)
        return self.location + ndtri(uniform[:, :-1]) @ self.factor.T / mixing[:, None]

    def log_density(self, x) -> np.ndarray:
        """log density at x (S, d)."""
        size = len(self.location)
        standard = solve_triangular(self.factor, (x - self.location).T, lower=True)
        constant = gammaln((_DF + size) / 2) - gammaln(_DF / 2) - 0.5 * size * np.log(_DF * np.pi)
        log_volume = np.log(np.diag(self.factor)).sum()
        return constant - log_volume - (_DF + size) / 2 * np.log1p((standard**2).sum(axis=0) / _DF)


def adapt(posterior: CollapsedPosterior, rng, start: Proposal | None = None) -> Proposal:
    """A proposal improved by weighted pilot draws, from the Laplace approximation or a nearer `start`."""
    if start is not None:  # one round does then what two or three do from the mode
        return _improved(start, posterior, _PILOT_DRAWS_FROM_START, rng)
    proposal = Proposal.matching(*find_mode(posterior))
    # A covariance has about d^2 / 2 entries to learn; beyond a handful of dimensions a third round pays.
    draws = max(_LEAST_PILOT_DRAWS, 10 * posterior.size**2)
    rounds = 2 if posterior.size <= 6 else 3
    for _ in range(1 if posterior.n_schools >= _MANY_SCHOOLS else rounds):
        proposal = _improved(proposal, posterior, draws, rng)
    return proposal


def _improved(proposal: Proposal, posterior: CollapsedPosterior, draws: int, rng) -> Proposal:
    x = proposal.sample(draws, rng)
    weighted = weigh(x, posterior.log_density(x) - proposal.log_density(x))
    # So few draws in effect have no covariance; the final weights' k-hat will tell that the proposal is poor.
    return moments(weighted) if weighted.ess > posterior.size + 1 else proposal


def moments(draws: WeightedDraws, widen: float = 1.0) -> Proposal:
    """A proposal with the mean of weighted draws and `widen` times their covariance."""
    weights = np.exp(draws.log_weights)
    mean = weights @ draws.x
    return Proposal.matching(mean, widen * (draws.x - mean).T * weights @ (draws.x - mean))


def weigh(x, log_ratio) -> WeightedDraws:
    """Pareto-smoothed weights of draws whose log posterior/proposal ratio is given."""
    from arviz_stats.base import array_stats

    # Where the density cannot be computed, far outside, a draw gets no weight.
    log_ratio = np.where(np.isnan(log_ratio), -np.inf, log_ratio)
    if np.ptp(log_ratio) < _EQUAL_LOG_RATIOS:  # equal weights have no tail to be smoothed
        return WeightedDraws(x, np.full(len(x), -np.log(len(x))), 0.0, float(log_ratio[0]))
    # psislw reads log-likelihoods, whose importance ratios are the inverse: hence the sign.
    log_weights, pareto_k = array_stats.psislw(-log_ratio)
    log_evidence = logsumexp(log_ratio) - np.log(len(x))
    return WeightedDraws(x, log_weights - logsumexp(log_weights), float(pareto_k), float(log_evidence))


def resample(draws: WeightedDraws, size: int, rng) -> np.ndarray:
    """Indices of `size` equally weighted draws, by systematic resampling, in random order."""
    positions = (rng.random() + np.arange(size)) / size
    cumulative = np.cumsum(np.exp(draws.log_weights))
    chosen = np.searchsorted(cumulative / cumulative[-1], positions)
    return rng.permutation(np.minimum(chosen, len(cumulative) - 1))
