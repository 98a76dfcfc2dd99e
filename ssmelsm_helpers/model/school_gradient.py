"""The schools' log likelihood, delta summed out, and its gradient by the hyperparameters, compiled."""

import math

import numpy as np

from .compiled import helper, inlined
from .school import AT, CENTRE, DENSITY, LOAD, PULL, SLOPE, SQUARES, F, N, S, add_up, empty_room, spike_and_slab


@inlined
def log_likelihood_and_gradient(students, point, log_odds):
    """log p(y | hyperparameters); its gradient by gamma, eta, slope, slab, spike and tau_t; the sum of P(delta = 1).

    logit pi may be minus infinity. Fisher's identity: the gradient of a log mixture is the posterior mean of its components'
    gradients. The means are taken over the nodes of the integral itself.
    """
    gamma, eta, slope, slab_V, spike_V, tau_t = point
    starts, K = students[-1], len(slope)
    rows, seen, spike, slab, nodes = empty_room(starts, K)
    by_gamma, by_eta, by_slope = np.zeros(len(gamma)), np.zeros(len(eta)), np.zeros(K)
    by_slab, by_spike, flat, su, suu = np.zeros((K, K)), np.zeros((K, K)), np.zeros(K), np.zeros(K), np.zeros((K, K))
    log_pi, log_rest = -math.log1p(math.exp(-log_odds)), -math.log1p(math.exp(log_odds))
    log_p = by_tau_t = included = 0.0
    for j in range(len(starts) - 1):
        n, Q, c = add_up(students, j, gamma, eta, rows, seen)
        l0, l1, _, count, total, _ = spike_and_slab(n, Q, seen, flat, slope, spike_V, slab_V, tau_t, spike, slab, nodes)
        larger = max(log_pi + l1, log_rest + l0)
        mixture = larger + math.log(math.exp(log_pi + l1 - larger) + math.exp(log_rest + l0 - larger))
        inclusion = math.exp(log_pi + l1 - mixture)
        log_p += c + mixture
        included += inclusion
        s, su[:], suu[:] = 0.0, 0.0, 0.0
        if inclusion > 0 and count > 0:
            s, by_t = _pull_back(inclusion / total, count, n, Q, slope, slab_V, slab, nodes, by_slope, by_slab, su, suu)
            by_tau_t += by_t
        nodes[AT, 0], nodes[S, 0], nodes[DENSITY, 0] = 0.0, 1.0, 1.0
        s += _pull_back(1 - inclusion, np.int64(1), n, Q, flat, spike_V, spike, nodes, by_slope, by_spike, su, suu)[0]
        _pull_back_students(students, j, rows, s, su, suu, by_gamma, by_eta)
    return log_p, by_gamma, by_eta, by_slope, by_slab, by_spike, by_tau_t, included


@helper
def _pull_back(weight, count, n, Q, slope, V, part, nodes, by_slope, by_V, su, suu):
    """Posterior means of s and of z d log p / dt over a spike or slab; added: those of s u, s u u', and two gradients.

    Given z, u has the mean slope z + V F a and the covariance V - V F diag(b) F'V.
    """
    K = len(slope)
    mean_s = by_tau_t = 0.0
    for i in range(count):
        nodes[DENSITY, i] *= weight
        mean_s += nodes[DENSITY, i] * nodes[S, i]
        by_tau_t += nodes[DENSITY, i] * nodes[AT, i] * (nodes[S, i] * Q - n)
    for k in range(K):
        load, centre, along = part[LOAD, k], part[CENTRE, k], part[SLOPE, k]
        for i in range(count):
            inflation, deviation = 1 + load * nodes[S, i], centre - along * nodes[AT, i]
            b = nodes[S, i] / inflation
            nodes[PULL + k, i], nodes[PULL + K + k, i] = deviation * b, b
            by_tau_t += nodes[DENSITY, i] * nodes[AT, i] * (deviation * b * deviation / inflation + load * b)
    for k in range(K):
        for i in range(count):
            u = slope[k] * nodes[AT, i]
            for m in range(K):
                u += part[F + K + k, m] * nodes[PULL + m, i]
            nodes[PULL + 2 * K + k, i] = u
    for k in range(K):
        za = sb = mean_b = mean_su = 0.0
        for i in range(count):
            p, s, b = nodes[DENSITY, i], nodes[S, i], nodes[PULL + K + k, i]
            za += p * nodes[AT, i] * nodes[PULL + k, i]
            mean_b += p * b
            sb += p * s * b
            mean_su += p * s * nodes[PULL + 2 * K + k, i]
        su[k] += mean_su
        for m in range(K):
            by_slope[m] += part[F + m, k] * za
            aa = mean_suu = 0.0
            for i in range(count):
                aa += nodes[DENSITY, i] * nodes[PULL + k, i] * nodes[PULL + m, i]
                mean_suu += nodes[DENSITY, i] * nodes[S, i] * nodes[PULL + 2 * K + k, i] * nodes[PULL + 2 * K + m, i]
            if m == k:
                aa -= mean_b
            suu[k, m] += mean_suu + V[k, m] * mean_s
            for i in range(K):
                suu[m, i] -= part[F + K + m, k] * sb * part[F + K + i, k]
                for q in range(K):
                    by_V[i, q] += 0.5 * part[F + i, k] * aa * part[F + q, m]
    return mean_s, by_tau_t


@helper
def _pull_back_students(students, j, rows, s, su, suu, by_gamma, by_eta):
    """Gradient by gamma and eta (added), from the posterior means of s, s u and s u u'."""
    X, W, Z, cells, starts = students
    K, first, size = len(Z), starts[j], starts[j + 1] - starts[j]
    for i in range(size):
        r, w, fitted, spread = rows[0, i], rows[1, i], 0.0, 0.0
        for k in range(K):
            fitted += Z[k, first + i] * su[k]
            for m in range(K):
                spread += Z[k, first + i] * suu[k, m] * Z[m, first + i]
        rows[0, i] = w * (s * r - fitted)
        n, squares = cells[N, first + i], cells[SQUARES, first + i]
        rows[1, i] = w * (r * (s * r - 2 * fitted) + spread + s * squares / n) - n
    for k in range(len(by_gamma)):
        for i in range(size):
            by_gamma[k] += rows[0, i] * X[k, first + i]
    for k in range(len(by_eta)):
        for i in range(size):
            by_eta[k] += rows[1, i] * W[k, first + i]
