r"""The school likelihood of the collapsed model: one formula for NumPy and PyTensor.

A school's students enter through a few numbers (`SchoolTerms`), whatever their count. Given
the hyperparameters, the school's location effect ``u`` is integrated out analytically. In the
spike nothing else is left; in the slab the scale effect is ``t = tau_t z`` with ``z ~ Normal(0, 1)``,
and the integral over ``z`` is a trapezoidal sum between limits that are found for each school:

.. math::

    \log p(y_j \mid t) = c - n t - \tfrac12 \Big( Q e^{-2t}
        + \frac{w\,(\bar r - m_t)^2}{1 + V_t w} + \log(1 + V_t w) \Big), \qquad w = A e^{-2t},

with :math:`m_t = \tau_u \rho z,\ V_t = \tau_u^2 (1 - \rho^2)` in the slab and :math:`0,\ \tau_u^2`
in the spike. For a smooth integrand that vanishes at both limits the trapezoidal rule converges
exponentially, and it needs neither a mode nor a curvature, so that schools of one student and of
100,000 go through the same lines (Trefethen & Weideman, 2014, *SIAM Review*, 56, 385).

Every function takes ``xp``, the array module: `numpy` or `pytensor.tensor`. Arrays broadcast;
quadrature nodes stand on an axis of their own before all others, so that inner loops run over schools.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

# The sum stops where the integrand has fallen to exp(-16), about 1e-7, of its peak: the tails
# beyond hold less than 1e-8 of the integral.
LOG_DROP = 16.0
_LOG_2PI = math.log(2 * math.pi)
_SCAN_NODES = 32
_SCAN_ROUNDS = 3
# (largest tau_t, nodes) after a scan: more slab SD, more skewness. Each row holds the error in a log
# Bayes factor below 1e-6 (tests/test_kernel.py measures it over the whole documented range).
_NODE_TABLE = ((0.12, 20), (0.45, 44), (1.2, 64), (math.inf, 112))
# Where the integrand is close to a Gaussian, limits are guessed, seven SDs to either side, and twenty
# nodes do: for a small slab SD always, for a larger one in schools of enough students.
_QUICK_TAU, _QUICK_SLOPE, _QUICK_N = 0.18, 80, 30
_GUESSED_SDS = 7.0
_USUAL_MEAN = 4.2  # SDs of a school's mean
QUICK_NODES = 20
# |t| beyond 150 is a school SD of e^150: no data ask for it, and exp(2 t) stays finite.
_LARGEST_T = 150.0


class SchoolTerms(NamedTuple):
    """What a school's students say, given gamma and eta (all arrays broadcast).

    With residuals r_i = y_i - x_i'gamma and weights w_i = exp(-2 w_i'eta):
    """

    n: Any  #: students
    precision: Any  #: A = sum w_i, the precision of `mean` at t = 0
    mean: Any  #: B / A, the weighted mean residual
    sum_squares: Any  #: Q = C - B^2 / A, weighted squared deviations around `mean`
    constant: Any  #: -n/2 log(2 pi) - sum w_i'eta


class Effects(NamedTuple):
    """SDs of the location and scale effects (tau_t: log-SD units) and their correlation."""

    tau_u: Any
    tau_t: Any
    rho: Any


def intercept_terms(n, mean, sum_squares, gamma, eta, xp=np) -> SchoolTerms:
    """Terms of the intercept-only model from a school's n, mean and sum of squared deviations."""
    inverse_variance = xp.exp(-2 * eta)
    constant = -0.5 * n * _LOG_2PI - n * eta
    return SchoolTerms(n, n * inverse_variance, mean - gamma, sum_squares * inverse_variance, constant)


def log_likelihood_given_t(t, conditional_mean, conditional_variance, terms, xp=np):
    """log p(y_j | t), without the constant: ``u`` given ``t`` is Normal(mean, variance).

    Written with the precision w of the school's mean, so that one division and two
    transcendental functions per node are enough: this line is where the time goes.
    """
    w = terms.precision * xp.exp(-2 * t)
    inflation = 1 + conditional_variance * w  # the mean's variance is inflation / w
    deviation = terms.mean - conditional_mean
    misfit = w * (terms.sum_squares / terms.precision + deviation * deviation / inflation)
    return -0.5 * (misfit + xp.log(inflation)) - terms.n * t


def log_spike(terms: SchoolTerms, effects: Effects, xp=np):
    """log p(y_j | delta_j = 0), without constants shared with the slab: ``t`` is exactly zero."""
    return log_likelihood_given_t(0.0 * terms.mean, 0.0, effects.tau_u**2, terms, xp)


def log_integrand(z, terms: SchoolTerms, effects: Effects, xp=np):
    """log of p(y_j | t = tau_t z) exp(-z^2 / 2), the slab's integrand."""
    slope = effects.tau_u * effects.rho
    variance = effects.tau_u**2 * (1 - effects.rho**2)
    return log_likelihood_given_t(effects.tau_t * z, slope * z, variance, terms, xp) - 0.5 * z * z


def nodes_between(limits, count, xp=np):
    """Equally spaced nodes from the lower to the upper limits, on a new first axis."""
    low, high = limits
    places = xp.arange(count, dtype=low.dtype).reshape((-1,) + (1,) * low.ndim)
    return low + (high - low) / (count - 1) * places


def _asked_by_spread(terms, effects, xp):
    """The z that the school's own SD asks for; zero where it has none (one student, no spread)."""
    has_spread = (terms.n > 1) & (terms.sum_squares > 0)
    ratio = xp.where(has_spread, terms.sum_squares, 1.0) / xp.where(has_spread, terms.n - 1, 1.0)
    return xp.clip(0.5 * xp.log(ratio), -60.0, 60.0) / effects.tau_t


def _tighten(limits, count, terms, effects, xp):
    """One scan: shrink the limits to the nodes that matter, plus one step on either side."""
    low, high = limits
    step = (high - low) / (count - 1)
    z = nodes_between(limits, count, xp)
    values = log_integrand(z, terms, effects, xp)
    matters = values > xp.max(values, axis=0) - LOG_DROP
    low = xp.min(xp.where(matters, z, np.inf), axis=0) - step
    high = xp.max(xp.where(matters, z, -np.inf), axis=0) + step
    return (low, high), matters


def slab_limits(terms: SchoolTerms, effects: Effects, xp=np):
    """Limits of z between which the integrand matters, found by scanning.

    The first interval holds the prior's bulk around z = 0 and the values that the school's SD alone and,
    through rho, its mean alone ask for; each scan shrinks it around the peak by up to a factor fifteen.
    """
    by_spread = _asked_by_spread(terms, effects, xp) + 0.0 * terms.mean
    by_mean = effects.tau_u * effects.rho * terms.mean / (effects.tau_u**2 + 1 / terms.precision)
    bound = _LARGEST_T / effects.tau_t
    low = xp.maximum(xp.minimum(xp.minimum(by_spread, by_mean), 0.0) - 8.0, -bound)
    high = xp.minimum(xp.maximum(xp.maximum(by_spread, by_mean), 0.0) + 8.0, bound)
    for _ in range(_SCAN_ROUNDS):
        (low, high), _matters = _tighten((low, high), _SCAN_NODES, terms, effects, xp)
    return low, high


def node_count(tau_t, xp=np):
    """Trapezoidal nodes that a slab SD needs."""
    count = _NODE_TABLE[-1][1]
    for largest, nodes in reversed(_NODE_TABLE[:-1]):
        count = xp.where(tau_t <= largest, nodes, count)
    return count


def log_sum(values, limits, count, xp=np):
    """log of the trapezoidal sum of exp(values), values at `nodes_between(limits, count)`."""
    low, high = limits
    peak = xp.max(values, axis=0)
    return peak + xp.log(xp.sum(xp.exp(values - peak), axis=0) * (high - low) / (count - 1)) - 0.5 * _LOG_2PI


def log_slab(terms: SchoolTerms, effects: Effects, limits, count, xp=np):
    """log p(y_j | delta_j = 1), without the constants that `log_spike` leaves out too."""
    return log_sum(log_integrand(nodes_between(limits, count, xp), terms, effects, xp), limits, count, xp)


def log_mixture(spike, slab, inclusion_prior, xp=np):
    """log( pi exp(slab) + (1 - pi) exp(spike) )."""
    return xp.logaddexp(xp.log(inclusion_prior) + slab, xp.log1p(-inclusion_prior) + spike)


def guess_limits(terms: SchoolTerms, effects: Effects):
    """Limits of z from a Gaussian approximation, seven of its SDs to either side (NumPy)."""
    slope = effects.tau_u * effects.rho
    mean_variance = 1 / terms.precision + effects.tau_u**2 * (1 - effects.rho**2)
    from_spread = 2 * (terms.n - 1) * effects.tau_t**2
    curvature = 1 + from_spread + slope**2 / mean_variance
    asked = _asked_by_spread(terms, effects, np)
    centre = (from_spread * asked + slope * terms.mean / mean_variance) / curvature
    half_width = _GUESSED_SDS / np.sqrt(curvature)
    bound = _LARGEST_T / effects.tau_t
    return np.maximum(centre - half_width, -bound), np.minimum(centre + half_width, bound)


def unproven(values, terms: SchoolTerms, effects: Effects):
    """Where guessed limits do not show the whole peak, well resolved: those need `slab_limits`."""
    matters = values > values.max(axis=0) - LOG_DROP
    seen = ~matters[0] & ~matters[-1] & (matters.sum(axis=0) >= len(values) // 2)
    # A mean far from the others may pull, through rho, against the school's SD: then a second peak can hide.
    usual = terms.mean**2 <= _USUAL_MEAN**2 * (effects.tau_u**2 + 1 / terms.precision)
    enough = np.minimum(_QUICK_SLOPE * (effects.tau_t - _QUICK_TAU), _QUICK_N)
    return ~(seen & usual & (terms.n >= enough))


class Piece(NamedTuple):
    """The slab's quadrature for some of the schools (1-D arrays): those at `where`."""

    where: Any
    terms: SchoolTerms
    effects: Effects
    limits: tuple[np.ndarray, np.ndarray]
    values: np.ndarray  #: log integrand at the nodes, which stand on the first axis

    @property
    def log_slab(self) -> np.ndarray:
        """log p(y_j | slab), without ``terms.constant``."""
        return log_sum(self.values, self.limits, len(self.values))


def select(where, terms: SchoolTerms, effects: Effects) -> tuple[SchoolTerms, Effects]:
    """Terms and effects (1-D arrays) of some schools."""
    return SchoolTerms(*(v[where] for v in terms)), Effects(*(v[where] for v in effects))


def guessed_piece(terms: SchoolTerms, effects: Effects, where=slice(None)) -> Piece:
    """Quadrature between guessed limits."""
    limits = guess_limits(terms, effects)
    values = log_integrand(nodes_between(limits, QUICK_NODES), terms, effects)
    return Piece(where, terms, effects, limits, values)


def scanned_piece(terms: SchoolTerms, effects: Effects, where=slice(None)) -> Piece:
    """Quadrature between limits found by scanning: slower, and right for every school."""
    limits = slab_limits(terms, effects)
    count = int(node_count(effects.tau_t.max()))
    return Piece(where, terms, effects, limits, log_integrand(nodes_between(limits, count), terms, effects))


class Quadrature(NamedTuple):
    """log p(y_j | spike) and log p(y_j | slab), without ``terms.constant``, and how the latter was found."""

    spike: np.ndarray
    slab: np.ndarray
    pieces: list[Piece]

    @property
    def log_bf(self) -> np.ndarray:
        """log Bayes factor of inclusion."""
        return self.slab - self.spike


def spike_and_slab(terms: SchoolTerms, effects: Effects) -> Quadrature:
    """Both components' likelihoods, for NumPy arrays of any shapes that broadcast.

    The pieces' 1-D arrays run over the flattened result.
    """
    shape = np.broadcast_shapes(*(np.shape(v) for v in (*terms, *effects)))
    flat = [np.broadcast_to(v, shape).ravel() for v in (*terms, *effects)]
    terms, effects = SchoolTerms(*flat[:5]), Effects(*flat[5:])
    pieces = [guessed_piece(terms, effects)]
    hard = unproven(pieces[0].values, terms, effects)
    if hard.any():
        easy = ~hard
        guess = pieces[0]
        kept = tuple(limit[easy] for limit in guess.limits)
        pieces = [Piece(easy, *select(easy, terms, effects), kept, guess.values[:, easy])] if easy.any() else []
        pieces.append(scanned_piece(*select(hard, terms, effects), hard))
    slab = np.empty(len(terms.n))
    for piece in pieces:
        slab[piece.where] = piece.log_slab
    return Quadrature(log_spike(terms, effects).reshape(shape), slab.reshape(shape), pieces)
