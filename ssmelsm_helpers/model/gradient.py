"""Posterior means over a school's spike and slab, of which the collapsed density's gradient is made.

Fisher's identity: the gradient of a log mixture is the posterior mean of its components' gradients. The slab's mean
is taken over the same quadrature nodes as its likelihood.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit

from . import kernel, quadrature
from .covariance import Conditional
from .kernel import Component, Components
from .quadrature import Piece


class Means(NamedTuple):
    """Weighted means per school, in the directions k of u; a_k is the pull of the data on u, b_k their information."""

    s: np.ndarray  #: (J,) of s = exp(-2 t)
    sz: np.ndarray
    szz: np.ndarray
    z_by_t: np.ndarray  #: z d log p / dt
    za: np.ndarray  #: (J, K)
    sa: np.ndarray
    sza: np.ndarray
    aa_b: np.ndarray  #: (J, K, K) a a' - diag(b)
    s_aa_b: np.ndarray


def _piece_between(limits, count: int, part: Component, where=slice(None)) -> Piece:
    """`quadrature.piece_between` with z, s, d log p / dt at its nodes, and per direction the pull a and information b."""
    z, s = kernel.nodes_between(limits, count), quadrature.precisions_between(limits, count, part.tau_t)
    residual = s * part.sum_squares
    misfit, by_t = residual + z * z, residual - part.n
    pulls, information = [], []
    for load, centre, slope in zip(part.loads, part.centres, part.slopes, strict=True):
        inflation = 1 + load * s
        b = s / inflation
        deviation = centre - slope * z
        a = deviation * b
        misfit += deviation * a + np.log(inflation)
        by_t += a * deviation / inflation + load * b
        pulls.append(a)
        information.append(b)
    misfit += (2 * part.n * part.tau_t) * z
    misfit *= -0.5  # now the log integrand
    peak = misfit.max(axis=0)
    return Piece(where, part, limits, peak, np.exp(misfit - peak), (z, s, by_t, *pulls, *information))


def _weighted(weight, at_nodes) -> Means:
    """Means over nodes (the first axis), with weights that sum to a component's posterior probability."""
    z, s, by_t, *directions = at_nodes
    pulls, information = directions[: len(directions) // 2], directions[len(directions) // 2 :]
    ws, wz = weight * s, weight * z
    wsz = ws * z

    def total(left, right):
        return np.einsum("zj,zj->j", left, right)

    shape = (len(s[0]), len(pulls))
    vectors = [np.empty(shape) for _ in range(3)]
    plain, scaled = np.empty((*shape, len(pulls))), np.empty((*shape, len(pulls)))
    for k, a in enumerate(pulls):
        for found, w in zip(vectors, (wz, ws, wsz), strict=True):
            found[:, k] = total(w, a)
        for m in range(k + 1):
            product = a * pulls[m]
            if m == k:
                product -= information[k]
            plain[:, k, m] = plain[:, m, k] = total(weight, product)
            scaled[:, k, m] = scaled[:, m, k] = total(ws, product)
    return Means(ws.sum(axis=0), wsz.sum(axis=0), total(wsz, z), total(wz, by_t), *vectors, plain, scaled)


def mixture_means(both: Components, log_odds: float) -> tuple[np.ndarray, Components, np.ndarray]:
    """log mixture (J,) without constants, means over the spike and the slab, and P(delta = 1) (J,), at one point x."""
    tau_t = np.broadcast_to(both.slab.tau_t, both.slab.n.shape)
    both = Components(both.spike, both.slab._replace(tau_t=tau_t))
    spike = kernel.log_spike(both.spike)
    slab, inclusion, found = np.empty(spike.shape), np.empty(spike.shape), []
    for piece in quadrature.pieces_of(both, _piece_between):
        where = piece.where
        slab[where] = piece.log_slab
        inclusion[where] = expit(slab[where] - spike[where] + log_odds)
        weight = piece.density * (inclusion[where] / piece.density.sum(axis=0))
        found.append((where, _weighted(weight, piece.at_nodes)))
    means = found[0][1] if len(found) == 1 else _joined(found, len(spike))
    mixture = np.logaddexp(log_expit(log_odds) + slab, log_expit(-log_odds) + spike)
    return mixture, Components(spike_means(1 - inclusion, both.spike), means), inclusion


def spike_means(weight, spike: Component) -> Means:
    """Means over the spike, where z is 0 and s is 1."""
    information = [1 / (1 + load) for load in spike.loads]
    pulls = [b * centre for b, centre in zip(information, spike.centres, strict=True)]
    a = np.stack(pulls, axis=-1)
    aa_b = a[:, :, None] * a[:, None, :]
    for k, b in enumerate(information):
        aa_b[:, k, k] -= b
    a, aa_b = a * weight[:, None], aa_b * weight[:, None, None]
    return Means(weight, 0.0, 0.0, 0.0, 0.0, a, 0.0, aa_b, aa_b)


def _joined(found, schools: int) -> Means:
    """Means of groups of schools, put in their places."""
    joined = Means(*(np.empty((schools, *value.shape[1:])) for value in found[0][1]))
    for where, means in found:
        for target, value in zip(joined, means, strict=True):
            target[where] = value
    return joined


def _product(left, right):
    """Matrix product of small matrices (..., K, K); for K = 1 without the cost of one."""
    return left * right if right.shape[-2] == 1 else left @ right


def moments_of_u(means: Means, directions, variance, slope):
    """Posterior means of s u and s u u' per school, with u = slope z + V F a, Cov(u) = V - V F diag(b) F' V."""
    turn = _product(variance, directions)
    su = _product(turn, means.sa[..., None])[..., 0]
    suu = _product(_product(turn, means.s_aa_b), np.swapaxes(turn, -1, -2)) + variance * means.s[:, None, None]
    if slope is not None:
        crossed = _product(turn, means.sza[..., None]) * slope[..., None, :]
        outer = slope[..., :, None] * slope[..., None, :]
        suu = suu + crossed + np.swapaxes(crossed, -1, -2) + outer * means.szz[:, None, None]
        su = su + slope * means.sz[:, None]
    return su, suu


def by_variance(means: Means, directions) -> np.ndarray:
    """Gradient by the prior covariance of u, summed over schools (K, K)."""
    return 0.5 * _product(_product(directions, means.aa_b), np.swapaxes(directions, -1, -2)).sum(axis=0)


def by_conditional(means: Components, directions: Components) -> Conditional:
    """Gradient by the location effects' moments and tau_t, summed over schools."""
    slope = _product(directions.slab, means.slab.za[..., None]).sum(axis=0)[:, 0]
    return Conditional(
        slope,
        by_variance(means.slab, directions.slab),
        by_variance(means.spike, directions.spike),
        means.slab.z_by_t.sum(),
    )
