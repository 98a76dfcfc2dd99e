"""A school's effects delta, t and u given the hyperparameters, compiled: drawn exactly, beside its likelihoods."""

import math

import numpy as np

from .compiled import compiled, helper
from .school import AT, CENTRE, DENSITY, LOAD, PULL, F, add_up, empty_room, log_integrand, spike_and_slab

# Upper bound of density / interpolation wherever the slab holds mass (tests/model/test_effects.py).
BOUND = 1.22
# One of so many proposals is accepted, but for a density that is none: such a draw gets no weight.
_TRIES = 1000


@compiled
def draw_effects(students, points, roots, log_odds, seed, log_spike, log_slab, delta, t, u):
    """delta, t and u of draws and schools (S, J), from their distribution given the hyperparameters; the likelihoods, too.

    All are set. u given t is a draw from its prior, whose Cholesky factors are `roots` (2, S, K, K) of spike and slab, moved
    by what the students' sums say beside sums drawn from it (Matheron's rule).
    """
    np.random.seed(seed)
    X, W, Z, _, n_, mean, squares, starts = students
    gammas, etas, slopes, slabs, spikes, tau_ts = points
    K = len(Z)
    rows, seen, spike, slab, nodes = empty_room(starts, K)
    flat, noise, spot = np.zeros(K), np.empty(K), np.empty((PULL, 1))
    for d in range(len(tau_ts)):
        gamma, eta, slope, slab_V, spike_V, tau_t = gammas[d], etas[d], slopes[d], slabs[d], spikes[d], tau_ts[d]
        for j in range(len(starts) - 1):
            first, size = starts[j], starts[j + 1] - starts[j]
            n, Q, c = add_up(X, W, Z, n_, mean, squares, first, size, gamma, eta, rows, seen)
            found = spike_and_slab(n, Q, seen, flat, slope, spike_V, slab_V, tau_t, spike, slab, nodes)
            l0, l1, step, count, total, peak = found
            log_spike[d, j], log_slab[d, j] = c + l0, c + l1
            if np.random.random() < 1 / (1 + math.exp(min(l0 - l1 - log_odds[d], 700.0))):
                z = _draw_z(n, Q, tau_t, slab, step, count, total, peak, nodes, spot)
                delta[d, j], t[d, j] = 1, tau_t * z
                _draw_u(z, math.exp(-2 * tau_t * z), slope, roots[1, d], slab, noise, u[d, j])
            else:
                delta[d, j], t[d, j] = 0, 0.0
                _draw_u(0.0, 1.0, slope, roots[0, d], spike, noise, u[d, j])


@helper
def _draw_u(z, s, slope, root, part, noise, u):
    """u of one school given z, s = exp(-2 tau_t z)."""
    K = len(slope)
    for k in range(K):
        noise[k] = np.random.normal()
        u[k] = slope[k] * z
        for m in range(k + 1):
            u[k] += root[k, m] * noise[m]
    for k in range(K):
        beside = part[CENTRE, k] - np.random.normal() / math.sqrt(s)
        for m in range(K):
            beside -= part[F + m, k] * u[m]
        noise[k] = s * beside / (1 + part[LOAD, k] * s)
    for k in range(K):
        for m in range(K):
            u[k] += part[F + K + k, m] * noise[m]


@helper
def _draw_z(n, Q, tau_t, slab, step, count, total, peak, nodes, spot):
    """z from the slab's density itself: from the linear interpolation between its nodes, by rejection."""
    low, ends, z = nodes[AT, 0], nodes[DENSITY, 0] + nodes[DENSITY, count - 1], 0.0
    for _ in range(_TRIES):
        place, i = np.random.random() * (2 * total - ends), 0
        while i < count - 2 and place > nodes[DENSITY, i] + nodes[DENSITY, i + 1]:
            place -= nodes[DENSITY, i] + nodes[DENSITY, i + 1]
            i += 1
        left, right = nodes[DENSITY, i], nodes[DENSITY, i + 1]
        share = min(place / (left + right), 1.0)
        # Inverse of a linear density's distribution function, in the form without cancellation.
        fraction = share * (left + right) / (left + math.sqrt(left**2 + share * (right**2 - left**2)))
        z = low + (i + fraction) * step
        log_p = log_integrand(z, 0.0, np.int64(1), n, Q, tau_t, slab, spot)
        if np.random.random() * BOUND * (left + fraction * (right - left)) < math.exp(log_p - peak):
            break
    return z
