"""Draws with Pareto-smoothed importance weights (Vehtari et al., 2024, *JMLR*, 25(72))."""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

GOOD_PARETO_K = 0.7
# Log ratios closer than this differ by rounding.
_EQUAL_LOG_RATIOS = 1e-9
# The largest fifth of fewer is no tail to be smoothed.
_LEAST_DRAWS = 21


class WeightedDraws(NamedTuple):
    """Draws (S, d), their normalised log weights (S,), and what the weights say of the proposal."""

    x: np.ndarray
    log_weights: np.ndarray
    pareto_k: float
    log_evidence: float

    @property
    def weights(self) -> np.ndarray:
        """They add up to one, but for rounding."""
        return np.exp(self.log_weights)

    @property
    def ess(self) -> float:
        """Number of equally weighted draws that would be as precise."""
        return float(1 / np.exp(2 * self.log_weights).sum())


def weigh(x, log_ratio) -> WeightedDraws:
    """Pareto-smoothed weights of draws whose log posterior/proposal ratio is given."""
    from arviz_stats.base import array_stats

    # Where the density cannot be computed, far outside, a draw gets no weight.
    log_ratio = np.where(np.isnan(log_ratio), -np.inf, log_ratio)
    if len(x) > 1 and np.ptp(log_ratio) < _EQUAL_LOG_RATIOS:  # equal weights have no tail to be smoothed
        return WeightedDraws(x, np.full(len(x), -np.log(len(x))), 0.0, float(log_ratio[0]))
    log_weights, pareto_k = log_ratio, np.inf
    if len(x) >= _LEAST_DRAWS:
        # psislw reads log-likelihoods, whose importance ratios are the inverse: hence the sign.
        smooth, k = array_stats.psislw(-log_ratio)
        if not np.isnan(smooth).any():  # else hardly a draw has any weight: there is no tail to be smoothed
            log_weights, pareto_k = smooth, k
    log_evidence = logsumexp(log_ratio) - np.log(len(x))
    return WeightedDraws(x, log_weights - logsumexp(log_weights), float(pareto_k), float(log_evidence))


def resample(draws: WeightedDraws, size: int, rng) -> np.ndarray:
    """Indices of `size` equally weighted draws, by systematic resampling in their order, then in random order."""
    positions = (rng.random() + np.arange(size)) / size
    cumulative = np.cumsum(np.exp(draws.log_weights))
    chosen = np.searchsorted(cumulative / cumulative[-1], positions)
    return rng.permutation(np.minimum(chosen, len(cumulative) - 1))
