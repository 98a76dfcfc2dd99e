r"""SDs and correlations of the random effects on an unconstrained scale.

Omega = L L' is block-diagonal. Within a block, row i of the Cholesky factor L is made from canonical
partial correlations p_ij = tanh(x_ij): the LKJ prior makes them independent, (p_ij + 1) / 2 ~ Beta(a, a)
with a = shape + (size - 2 - j) / 2 (Lewandowski, Kurowicka & Joe, 2009, *Journal of Multivariate
Analysis*, 100, 1989-2001). For two effects p is their correlation rho itself.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .linear import cholesky


class Conditional(NamedTuple):
    """Location effects u before and after conditioning on the standardised scale effect z (t = tau_t z)."""

    slope: np.ndarray  #: (..., K) E[u | z] / z
    slab: np.ndarray  #: (..., K, K) Cov(u | z)
    spike: np.ndarray  #: (..., K, K) Cov(u)
    tau_t: np.ndarray  #: (...)


class EffectCovariance:
    """The map from unconstrained x to tau, L, and what the collapsed likelihood needs of them.

    Parameters
    ----------
    blocks : tuple of tuples of int
        Positions of the effects that are correlated with each other; the scale effect is the last of all.

    x holds log tau of all effects, then the atanh of the partial correlations, block by block, row by row.
    """

    def __init__(self, blocks: tuple[tuple[int, ...], ...]):
        self.blocks = blocks
        self.effects = sum(map(len, blocks))
        #: per partial correlation: its block, row, column
        self.partials = [(b, i, j) for b in blocks for i in range(len(b)) for j in range(i)]
        self.size = self.effects + len(self.partials)
        #: partial correlations with the last effect, which is the scale's: they matter only where that has an SD
        self.with_last = [at for at, (b, i, _j) in enumerate(self.partials) if b[i] == self.effects - 1]

    def constrain(self, x) -> tuple[np.ndarray, np.ndarray]:
        """tau (..., M) and the Cholesky factor L (..., M, M) from x (..., size), real or complex."""
        partial = np.tanh(x[..., self.effects :])
        factor = np.zeros((*x.shape[:-1], self.effects, self.effects), dtype=x.dtype)
        left = np.ones((*x.shape[:-1], self.effects), dtype=x.dtype)  # of each row's unit length, squared
        for at, (block, i, j) in enumerate(self.partials):
            p = partial[..., at]
            factor[..., block[i], block[j]] = p * np.sqrt(left[..., block[i]])
            left[..., block[i]] *= 1 - p * p
        diagonal = np.arange(self.effects)
        factor[..., diagonal, diagonal] = np.sqrt(left)
        return np.exp(x[..., : self.effects]), factor

    def unconstrain(self, tau, omega) -> np.ndarray:
        """x (..., size) from tau (..., M) and Omega (..., M, M)."""
        factor = cholesky(omega)
        left = np.ones(tau.shape)
        partial = np.empty((*tau.shape[:-1], len(self.partials)))
        for at, (block, i, j) in enumerate(self.partials):
            p = factor[..., block[i], block[j]] / np.sqrt(left[..., block[i]])
            left[..., block[i]] *= 1 - p * p
            partial[..., at] = np.arctanh(p)
        return np.concatenate([np.log(tau), partial], axis=-1)

    def conditional(self, x) -> Conditional:
        """u given z, from x (..., size)."""
        if self.size == 3:  # one location effect, correlated with t: the usual case, and a few times faster
            tau, rho = np.exp(x[..., :2]), np.tanh(x[..., 2:])
            variance = (tau[..., :1] ** 2)[..., None]
            return Conditional(tau[..., :1] * rho, variance * (1 - rho * rho)[..., None], variance, tau[..., 1])
        tau, factor = self.constrain(x)
        scaled = tau[..., :-1, None] * factor[..., :-1, :-1]
        row = factor[..., -1, :-1]
        slope = (scaled * row[..., None, :]).sum(axis=-1)
        spike = scaled @ np.swapaxes(scaled, -1, -2)
        remaining = np.eye(self.effects - 1) - row[..., :, None] * row[..., None, :]
        return Conditional(slope, scaled @ remaining @ np.swapaxes(scaled, -1, -2), spike, tau[..., -1])

    def pull_back(self, x, gradient: Conditional) -> np.ndarray:
        """Gradient by x (size,) of a function whose gradient by `conditional(x)` is given.

        By a complex step: exact to rounding, and the map is small.
        """
        if self.size == 3:
            tau_u, tau_t, rho = math.exp(x[0]), math.exp(x[1]), math.tanh(x[2])
            by_slope, by_slab, by_spike = (float(np.ravel(g)[0]) for g in gradient[:3])
            free = 1 - rho * rho
            by_tau_u = by_slope * rho + 2 * tau_u * (free * by_slab + by_spike)
            by_rho = tau_u * by_slope - 2 * rho * tau_u**2 * by_slab
            return np.array([by_tau_u * tau_u, float(gradient.tau_t) * tau_t, by_rho * free])
        step = 1e-30
        moved = self.conditional(x + 1j * step * np.eye(self.size))
        moves = [m.imag.reshape(self.size, -1) @ np.ravel(g) for m, g in zip(moved, gradient, strict=True)]
        return sum(moves) / step

    def pull_back_factor(self, x, by_tau, by_factor) -> np.ndarray:
        """Gradient by x (size,) of a function whose gradients by tau (M,) and L (M, M) are given; by a complex step."""
        step = 1e-30
        tau, factor = self.constrain(x + 1j * step * np.eye(self.size))
        return (tau.imag @ by_tau + factor.imag.reshape(self.size, -1) @ by_factor.ravel()) / step

    def _lkj_shape(self, at: int, shape: float) -> float:
        """a of the Beta(a, a) prior of one (p + 1) / 2."""
        block, _i, j = self.partials[at]
        return shape + (len(block) - 2 - j) / 2

    def log_lkj(self, x, shape: float) -> np.ndarray:
        """log LKJ density of the partial correlations, with the Jacobian of tanh."""
        parts = [self.log_lkj_of(at, x[..., self.effects + at], shape) for at in range(len(self.partials))]
        return sum(parts, start=np.zeros(x.shape[:-1]))

    def log_lkj_of(self, at: int, x, shape: float) -> np.ndarray:
        """The part of one of them, x its atanh."""
        a = self._lkj_shape(at, shape)
        log_beta = 2 * math.lgamma(a) - math.lgamma(2 * a)
        return a * np.log1p(-(np.tanh(x) ** 2)) - (2 * a - 1) * math.log(2) - log_beta

    def draw_lkj(self, at: int, shape: float, draws: int, rng) -> np.ndarray:
        """atanh of one partial correlation, from its prior."""
        a = self._lkj_shape(at, shape)
        return np.arctanh(np.clip(2 * rng.beta(a, a, size=draws) - 1, -1 + 1e-15, 1 - 1e-15))

    def log_lkj_gradient(self, x, shape: float) -> np.ndarray:
        """Its gradient by x (size,)."""
        gradient = np.zeros(self.size)
        for at in range(len(self.partials)):
            gradient[self.effects + at] = -2 * self._lkj_shape(at, shape) * np.tanh(x[self.effects + at])
        return gradient
