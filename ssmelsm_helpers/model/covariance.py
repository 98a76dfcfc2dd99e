r"""SDs and correlations of the random effects on an unconstrained scale.

Omega = L L' is block-diagonal. Within a block, row i of the Cholesky factor L is made from canonical
partial correlations p_ij = tanh(x_ij): the LKJ prior makes them independent, (p_ij + 1) / 2 ~ Beta(a, a)
with a = shape + (size - 2 - j) / 2 (Lewandowski, Kurowicka & Joe, 2009, *Journal of Multivariate
Analysis*, 100, 1989-2001). For two effects p is their correlation rho itself.
"""

from __future__ import annotations

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
        """tau (..., M) and the Cholesky factor L (..., M, M) from x (..., size)."""
        factor = np.zeros((*x.shape[:-1], self.effects, self.effects))
        for (i, j), value in self.entries(np.moveaxis(np.tanh(x[..., self.effects :]), -1, 0)).items():
            factor[..., i, j] = value
        return np.exp(x[..., : self.effects]), factor

    def entries(self, partials, sqrt=np.sqrt) -> dict:
        """The elements of L by row and column, from a sequence of partial correlations: arrays or tensors."""
        found, left = {}, [1.0] * self.effects  # of each row's unit length, squared
        for p, (block, i, j) in zip(partials, self.partials, strict=True):
            found[block[i], block[j]] = p * sqrt(left[block[i]])
            left[block[i]] = left[block[i]] * (1 - p * p)
        return found | {(i, i): sqrt(rest) for i, rest in enumerate(left)}

    def unconstrain(self, tau, omega) -> np.ndarray:
        """x (..., size) from tau (..., M) and Omega (..., M, M)."""
        factor, partials = cholesky(omega), []
        for block, i, j in self.partials:
            rest = (factor[..., block[i], block[j] :] ** 2).sum(axis=-1)
            partials.append(np.arctanh(factor[..., block[i], block[j]] / np.sqrt(rest)))
        return np.concatenate([np.log(tau), np.moveaxis(np.reshape(partials, (-1, *tau.shape[:-1])), 0, -1)], axis=-1)

    def conditional(self, x) -> Conditional:
        """u given z, from x (..., size)."""
        tau, factor = self.constrain(x)
        scaled, row = tau[..., :-1, None] * factor[..., :-1, :-1], factor[..., -1, :-1]
        turned = np.swapaxes(scaled, -1, -2)
        remaining = np.eye(self.effects - 1) - row[..., :, None] * row[..., None, :]
        slope = (scaled * row[..., None, :]).sum(axis=-1)
        return Conditional(slope, scaled @ remaining @ turned, scaled @ turned, tau[..., -1])

    def pull_back(self, x, gradient: Conditional) -> np.ndarray:
        """Gradient by x (size,) of a function whose gradient by `conditional(x)` is given."""
        tau, factor = self.constrain(x)
        scaled, row = tau[:-1, None] * factor[:-1, :-1], factor[-1, :-1]
        # Cov(u | z) is Cov(u) less the outer square of the slope.
        by_slope = gradient.slope - 2 * gradient.slab @ (scaled @ row)
        by_scaled = 2 * (gradient.slab + gradient.spike) @ scaled + np.outer(by_slope, row)
        by_factor = np.zeros_like(factor)
        by_factor[:-1, :-1], by_factor[-1, :-1] = tau[:-1, None] * by_scaled, by_slope @ scaled
        by_tau = np.append((by_scaled * factor[:-1, :-1]).sum(axis=1), gradient.tau_t)
        return self.pull_back_factor(x, by_tau, by_factor)

    def pull_back_factor(self, x, by_tau, by_factor) -> np.ndarray:
        """Gradient by x (size,) of a function whose gradients by tau (M,) and L (M, M) are given."""
        tau, factor = self.constrain(x)
        gradient = np.append(by_tau * tau, np.zeros(len(self.partials)))
        for at, (block, i, j) in enumerate(self.partials, start=self.effects):
            row, column, p = block[i], block[j], np.tanh(x[at])
            # p moves its own element, and scales all that follow in the row by sqrt(1 - p^2).
            left = np.sqrt((factor[row, column:] ** 2).sum())
            gradient[at] = by_factor[row, column] * left * (1 - p * p)
            gradient[at] -= p * (by_factor[row, column + 1 :] @ factor[row, column + 1 :])
        return gradient

    def lkj_shapes(self, shape: float) -> list[float]:
        """a of the Beta(a, a) prior of each (p + 1) / 2."""
        return [shape + (len(block) - 2 - j) / 2 for block, _i, j in self.partials]
