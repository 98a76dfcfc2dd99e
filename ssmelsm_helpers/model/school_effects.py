"""A school's effects delta, t and u given the hyperparameters, compiled: drawn exactly, beside its likelihoods."""

import math

import numpy as np

from .compiled import compiled, helper
from .school import AT, CENTRE, DENSITY, LOAD, PULL, F, add_up, empty_room, integrand, spike_and_slab
from .school_density import LEARNED, LOG_ODDS, NUMBERS, PARTIALS, constrain, part, students_in

# Upper bound of density / interpolation wherever the slab holds mass (tests/model/test_effects.py).
BOUND = 1.22
# One of so many proposals is accepted, but for a density that is none: such a draw gets no weight.
_TRIES = 1000
#: instead of delta, t and u: likelihoods alone
NO_EFFECTS = np.empty((0, 0), np.int8), np.empty((0, 0)), np.empty((0, 0, 0))


@compiled
def likelihoods_and_effects(data, x, paired, null, seed, log_spike, log_slab, delta, t, u):
    """log p(y_j | spike) and log p(y_j | slab) at points x (S, size), of all schools (S, J), or of each point's own (S, 1).

    And, unless `NO_EFFECTS` are wanted, delta, t and u (S, J), from their distribution given the hyperparameters. All are
    set. Where `null`, tau_t is zero, there is no slab, and both likelihoods are the spike's. (One function for both: each
    would take the compiler a second.)
    """
    np.random.seed(seed)
    students, partials, numbers = students_in(data), part(data, PARTIALS), part(data, NUMBERS)[0]
    P, Q, K, starts = len(students[0]), len(students[1]), len(students[2]), students[4]
    rows, seen, spike, slab, nodes = empty_room(starts, K)
    flat, noise, spot, roots = np.zeros(K), np.empty(K), np.empty((PULL, 1)), np.zeros((2, K, K))
    tau, L, slope, V = np.empty(K + 1), np.zeros((K + 1, K + 1)), np.empty(K), np.empty((2, K, K))
    for d in range(len(x)):
        gamma, eta = x[d, :P], x[d, P : P + Q]
        constrain(partials, x[d, P + Q :], tau, L, slope, V[1], V[0])
        _cholesky(V[0], roots[0])
        _cholesky(V[1], roots[1])
        log_odds, tau_t = x[d, -1] if numbers[LEARNED] else numbers[LOG_ODDS], 0.0 if null else tau[K]
        for at in range(log_spike.shape[1]):
            j = d if paired else at
            n, Q_j, c = add_up(students, j, gamma, eta, rows, seen)
            found = spike_and_slab(n, Q_j, seen, flat, slope, V[0], V[1], tau_t, spike, slab, nodes)
            l0, l1, step, count, total, log_unit = found
            log_spike[d, at], log_slab[d, at] = c + l0, c + l1
            if len(delta) == 0:
                continue
            if np.random.random() < 1 / (1 + math.exp(min(l0 - l1 - log_odds, 700.0))):
                z = _draw_z(n, Q_j, tau_t, slab, step, count, total, log_unit, nodes, spot)
                delta[d, j], t[d, j] = 1, tau_t * z
                _draw_u(z, math.exp(-2 * tau_t * z), slope, roots[1], slab, noise, u[d, j])
            else:
                delta[d, j], t[d, j] = 0, 0.0
                _draw_u(0.0, 1.0, slope, roots[0], spike, noise, u[d, j])


@helper
def _cholesky(V, root):
    """Set the lower factor of a covariance, which rounding may have made singular."""
    for i in range(len(V)):
        for j in range(i + 1):
            left = V[i, j]
            for k in range(j):
                left -= root[i, k] * root[j, k]
            if i == j:
                root[i, i] = math.sqrt(max(left, 0.0))
            else:
                root[i, j] = left / root[j, j] if root[j, j] > 0 else 0.0


@helper
def _draw_u(z, s, slope, root, part, noise, u):
    """u of one school given z, s = exp(-2 tau_t z): Matheron's rule.

    A draw from the prior, and sums drawn from it; what the students' own sums say beside these moves the draw.
    """
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
def _draw_z(n, Q, tau_t, slab, step, count, total, log_unit, nodes, spot):
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
        found, density, _ = integrand(z, 0.0, np.int64(1), n, Q, tau_t, slab, spot)
        if np.random.random() * BOUND * (left + fraction * (right - left)) < density * math.exp(found - log_unit):
            break
    return z
