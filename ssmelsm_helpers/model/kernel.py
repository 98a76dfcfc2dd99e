r"""The school likelihood of the collapsed model: one formula for NumPy and PyTensor.

A school's students enter through a few numbers, whatever their count. Given the hyperparameters, the
school's location effects ``u`` are integrated out analytically, along directions in which the school's
data are independent (one direction for a random intercept). In the spike nothing else is left; in the
slab the scale effect is ``t = tau_t z`` with ``z ~ Normal(0, 1)``, and the integral over ``z`` is a
trapezoidal sum between limits that are found for each school:

.. math::

    \log p(y_j \mid t) = c - n t - \tfrac12 \sum_k \Big( \log(1 + \lambda_k s)
        + \frac{s\,(d_k - b_k z)^2}{1 + \lambda_k s} \Big) - \tfrac12 s\,Q, \qquad s = e^{-2t}.

For a random intercept, with :math:`A` the precision of the school's mean residual :math:`\bar r` at
:math:`t = 0`: :math:`d = \sqrt A\,\bar r,\ b = \sqrt A\,\tau_u \rho,\ \lambda = A \tau_u^2 (1 - \rho^2)` in the
slab, and :math:`b = 0,\ \lambda = A \tau_u^2` in the spike. For a smooth integrand that vanishes at both
limits the trapezoidal rule converges exponentially, and it needs neither a mode nor a curvature, so that
schools of one student and of 100,000 go through the same lines (Trefethen & Weideman, 2014, *SIAM
Review*, 56, 385).

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
# Bayes factor below 1e-6 (tests/model/test_kernel.py measures it over the whole documented range).
_NODE_TABLE = ((0.12, 20), (0.45, 44), (1.2, 64), (math.inf, 112))
# |t| beyond 150 is a school SD of e^150: no data ask for it, and exp(2 t) stays finite.
LARGEST_T = 150.0


class SchoolTerms(NamedTuple):
    """What a school's students say of one location effect, given gamma and eta (all arrays broadcast).

    With residuals r_i = y_i - x_i'gamma and weights w_i = exp(-2 w_i'eta):
    """

    n: Any  #: students
    root: Any  #: sqrt(A), A = sum w_i the precision of the mean residual at t = 0
    projection: Any  #: B / sqrt(A), B = sum w_i r_i: the mean residual in its own SDs
    sum_squares: Any  #: Q = C - B^2 / A, C = sum w_i r_i^2: weighted squared deviations around the mean residual
    constant: Any  #: -n/2 log(2 pi) - sum w_i'eta


class Effects(NamedTuple):
    """SDs of the location and scale effects (tau_t: log-SD units) and their correlation."""

    tau_u: Any
    tau_t: Any
    rho: Any


class Component(NamedTuple):
    """Spike or slab of a school, its location effects along independent directions (tuples of K arrays)."""

    n: Any
    sum_squares: Any  #: Q, at t = 0
    tau_t: Any  #: slab SD of t; not used in the spike
    loads: tuple  #: lambda_k: prior variance times the data's information
    centres: tuple  #: d_k: the school's standardised mean residuals
    slopes: tuple  #: b_k: how they follow z


class Components(NamedTuple):
    """Both components of a school's mixture."""

    spike: Component
    slab: Component


def intercept_terms(n, mean, sum_squares, gamma, eta, xp=np) -> SchoolTerms:
    """Terms of the intercept-only model from a school's n, mean and sum of squared deviations."""
    inverse_variance = xp.exp(-2 * eta)
    root = xp.sqrt(n * inverse_variance)
    constant = -0.5 * n * _LOG_2PI - n * eta
    return SchoolTerms(n, root, root * (mean - gamma), sum_squares * inverse_variance, constant)


def one_effect(terms: SchoolTerms, effects: Effects) -> Components:
    """Spike and slab of the model with one random location effect."""
    load = (terms.root * effects.tau_u) ** 2
    slope = terms.root * (effects.tau_u * effects.rho)
    spike = Component(terms.n, terms.sum_squares, effects.tau_t, (load,), (terms.projection,), (0.0 * slope,))
    return Components(spike, spike._replace(loads=(load * (1 - effects.rho**2),), slopes=(slope,)))


def log_likelihood_given_t(t, z, part: Component, xp=np, s=None):
    """log p(y_j | t), without the constant, at t = tau_t z; s = exp(-2 t), where it is known already.

    One exponential, and a division and a logarithm per direction: this is where the time goes.
    """
    s = xp.exp(-2 * t) if s is None else s
    misfit, log_volume = part.sum_squares, 0.0
    for load, centre, slope in zip(part.loads, part.centres, part.slopes, strict=True):
        inflation = 1 + load * s
        deviation = centre - slope * z
        misfit = misfit + deviation * deviation / inflation
        log_volume = log_volume + xp.log(inflation)
    return -0.5 * (s * misfit + log_volume) - part.n * t


def log_spike(spike: Component, xp=np):
    """log p(y_j | delta_j = 0), without constants shared with the slab: ``t`` is exactly zero."""
    return log_likelihood_given_t(0.0, 0.0, spike, xp)


def log_integrand(z, slab: Component, xp=np, s=None):
    """log of p(y_j | t = tau_t z) exp(-z^2 / 2), the slab's integrand."""
    return log_likelihood_given_t(slab.tau_t * z, z, slab, xp, s) - 0.5 * z * z


def nodes_between(limits, count, xp=np):
    """Equally spaced nodes from the lower to the upper limits, on a new first axis."""
    low, high = limits
    places = xp.arange(count, dtype=low.dtype).reshape((-1,) + (1,) * low.ndim)
    return low + (high - low) / (count - 1) * places


def asked_by_spread(slab: Component, xp):
    """The z that the school's own SD asks for; zero where it has none (too few students, no spread)."""
    df = slab.n - len(slab.loads)
    has_spread = (df > 0) & (slab.sum_squares > 0)
    ratio = xp.where(has_spread, slab.sum_squares, 1.0) / xp.where(has_spread, df, 1.0)
    return xp.minimum(xp.maximum(0.5 * xp.log(ratio), -60.0), 60.0) / slab.tau_t


def asked_by_location(slab: Component):
    """Precision and precision-weighted mean of z as the location effects see it, through rho, at t = 0."""
    by = [slope / (1 + load) for load, slope in zip(slab.loads, slab.slopes, strict=True)]
    precision = sum(b * slope for b, slope in zip(by, slab.slopes, strict=True))
    return precision, sum(b * centre for b, centre in zip(by, slab.centres, strict=True))


def _tighten(limits, count, slab: Component, xp):
    """One scan: shrink the limits to the nodes that matter, plus one step on either side."""
    low, high = limits
    step = (high - low) / (count - 1)
    z = nodes_between(limits, count, xp)
    values = log_integrand(z, slab, xp)
    matters = values > xp.max(values, axis=0) - LOG_DROP
    low = xp.min(xp.where(matters, z, np.inf), axis=0) - step
    high = xp.max(xp.where(matters, z, -np.inf), axis=0) + step
    return low, high


def slab_limits(slab: Component, xp=np):
    """Limits of z between which the integrand matters, found by scanning.

    The first interval holds the prior's bulk around z = 0 and the values that the school's SD alone and,
    through rho, its mean alone ask for; each scan shrinks it around the peak by up to a factor fifteen.
    """
    by_spread = asked_by_spread(slab, xp)
    precision, pull = asked_by_location(slab)
    by_mean = pull / (1 + precision)
    bound = LARGEST_T / slab.tau_t
    low = xp.maximum(xp.minimum(xp.minimum(by_spread, by_mean), 0.0) - 8.0, -bound)
    high = xp.minimum(xp.maximum(xp.maximum(by_spread, by_mean), 0.0) + 8.0, bound)
    for _ in range(_SCAN_ROUNDS):
        low, high = _tighten((low, high), _SCAN_NODES, slab, xp)
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


def log_slab(slab: Component, limits, count, xp=np):
    """log p(y_j | delta_j = 1), without the constants that `log_spike` leaves out too."""
    return log_sum(log_integrand(nodes_between(limits, count, xp), slab, xp), limits, count, xp)


def log_mixture(spike, slab, inclusion_prior, xp=np):
    """log( pi exp(slab) + (1 - pi) exp(spike) )."""
    return xp.logaddexp(xp.log(inclusion_prior) + slab, xp.log1p(-inclusion_prior) + spike)
