"""Where tau_t is nearly zero: a second place where a posterior can be, known well enough to test a sampler against.

There the data say nothing of tau_t, which follows its prior, and the evidence is that of the model without differences in
spread. So the posterior probability of a small tau_t is known twice: from the draws, and from two evidences (Dickey,
1971, *Annals of Mathematical Statistics*, 42, 204-223). A sampler that has missed one of the places shows it here.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from scipy.stats import chi2

from .weights import WeightedDraws

# Cells of log tau_t, downwards from the bound: e^-60 of it is zero for any purpose.
_CELLS, _DEPTH = 6000, 60.0
# How much the log likelihood may change between tau_t = 0 and a "small" tau_t, and standard errors that are no contradiction.
_CHANGE, _ERRORS = 0.1, 5.0
_GRID = np.log(10) * np.arange(-9.0, 1.0, 0.25)


class LowTail(NamedTuple):
    """The prior of tau_t below a bound, as masses of cells of log tau_t."""

    edges: np.ndarray
    mass: np.ndarray  #: prior probability of each cell

    @classmethod
    def of(cls, prior, bound: float) -> "LowTail":
        """Below `bound`; where the prior has nothing there, over all values."""
        top = np.log(bound)
        for highest in (top, 20.0):
            edges = np.linspace(top - _DEPTH, highest, _CELLS + 1)
            middle = (edges[1:] + edges[:-1]) / 2
            mass = np.exp(prior.log_density(np.exp(middle)) + middle) * np.diff(edges)
            if mass.sum() > 0:
                break
        return cls(edges, mass)

    def sample(self, draws: int, rng) -> np.ndarray:
        """log tau_t (S,)."""
        cell = rng.choice(_CELLS, size=draws, p=self.mass / self.mass.sum())
        return self.edges[cell] + np.diff(self.edges)[cell] * rng.random(draws)

    def log_density(self, log_tau) -> np.ndarray:
        """log density of log tau_t (S,); minus infinity beyond the bound."""
        cell = np.searchsorted(self.edges, log_tau, side="right") - 1
        inside = (cell >= 0) & (cell < _CELLS)
        with np.errstate(divide="ignore"):
            values = np.log(self.mass / self.mass.sum() / np.diff(self.edges))
        return np.where(inside, values[np.clip(cell, 0, _CELLS - 1)], -np.inf)

    def below(self, log_tau: float) -> float:
        """Prior probability of values below."""
        return float(np.interp(log_tau, self.edges, np.append(0.0, np.cumsum(self.mass))))


def compare(proposal, null: WeightedDraws, draws: WeightedDraws, ess: float) -> dict[str, float]:
    """Draws, in effect so many, against `null`, those of the model without differences in spread.

    For the record of a fit: the posterior probability that tau_t is below a bound, as it is expected from the evidence of
    the models with and without differences in spread (above 1: they contradict), as found among the draws, and whether
    these agree.
    """
    posterior, ridge = proposal.posterior, proposal.parts[1]
    tail, at_mode = ridge.fixed[posterior.tau_t], null.x[np.argmax(null.log_weights)]
    grid = np.tile(at_mode, (len(_GRID), 1))
    grid[:, posterior.of_scale] = 0.0
    grid[:, posterior.tau_t] = _GRID
    change = posterior.log_density(grid) - posterior.log_prior_of(grid, posterior.of_scale)
    change -= posterior.null_log_density(at_mode[None])
    small = np.flatnonzero(np.abs(change) > _CHANGE)
    bound = min(_GRID[max(small[0] - 1, 0)] if len(small) else _GRID[-1], tail.edges[-1])
    expected = np.exp(min(null.log_evidence - draws.log_evidence, 300.0)) * tail.below(bound)
    found = float(draws.weights[draws.x[:, posterior.tau_t] < bound].sum())
    likely = min(expected, 1.0)
    error = np.sqrt(max(likely * (1 - likely), found * (1 - found), 1 / ess) / ess)
    error += likely / np.sqrt(min(ess, null.ess))
    agrees = abs(expected - found) <= 2 * _CHANGE * expected + _ERRORS * error and expected < 2.0
    values = {"bound": np.exp(bound), "expected": expected, "found": found, "agrees": agrees}
    return {f"near_zero_{name}": float(value) for name, value in values.items()}


def evidence_of_draws(x, log_density) -> float:
    """log p(y) from unweighted draws x (S, d), by what they visit: a Normal's core, seen through their densities."""
    half = len(x) // 2
    mean, covariance = x[:half].mean(axis=0), np.cov(x[:half], rowvar=False)
    factor = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(mean)))  # chains that do not move have no covariance
    squared = (np.linalg.solve(factor, (x[half:] - mean).T) ** 2).sum(axis=0)
    core = np.median(squared)
    inside = squared <= core
    size = x.shape[1]
    log_normal = -0.5 * squared - np.log(np.diag(factor)).sum() - 0.5 * size * np.log(2 * np.pi)
    log_ratio = log_normal[inside] - chi2.logcdf(core, size) - log_density[half:][inside]
    return float(np.log(len(squared)) - logsumexp(log_ratio))
