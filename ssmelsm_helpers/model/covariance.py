r"""SDs and correlations of the random effects on an unconstrained scale.

Omega = L L' is block-diagonal. Within a block, row i of the Cholesky factor L is made from canonical
partial correlations p_ij = tanh(x_ij): the LKJ prior makes them independent, (p_ij + 1) / 2 ~ Beta(a, a)
with a = shape + (size - 2 - j) / 2 (Lewandowski, Kurowicka & Joe, 2009, *Journal of Multivariate
Analysis*, 100, 1989-2001). For two effects p is their correlation rho itself.
"""

import math

import numpy as np

from .linear import cholesky


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
        factor, partials = np.zeros((*x.shape[:-1], self.effects, self.effects)), np.tanh(x[..., self.effects :])
        for (i, j), value in self.entries(partials).items():
            factor[..., i, j] = value
        return np.exp(x[..., : self.effects]), factor

    def entries(self, partials, sqrt=np.sqrt) -> dict:
        """The elements of L by row and column, from partial correlations on the last axis of an array or a tensor."""
        found = {(i, i): 1.0 for i in range(self.effects)}
        for at, (block, i, j) in enumerate(self.partials):
            p, row = partials[..., at], block[i]
            found[row, block[j]] = p * found[row, row]  # what is left of the row's unit length
            found[row, row] = found[row, row] * sqrt(1 - p * p)
        return found

    def unconstrain(self, tau, omega) -> np.ndarray:
        """x (..., size) from tau (..., M) and Omega (..., M, M)."""
        factor, partials = cholesky(omega), []
        for block, i, j in self.partials:
            rest = (factor[..., block[i], block[j] :] ** 2).sum(axis=-1)
            partials.append(np.arctanh(factor[..., block[i], block[j]] / np.sqrt(rest)))
        return np.concatenate([np.log(tau), np.moveaxis(np.reshape(partials, (-1, *tau.shape[:-1])), 0, -1)], axis=-1)

    def conditional(self, tau, factor) -> tuple[np.ndarray, ...]:
        """Location effects u given the standardised scale effect z (t = tau_t z), from tau (..., M) and L (..., M, M).

        The slope E[u | z] / z (..., K), Cov(u | z) and Cov(u) (..., K, K), which are those of slab and spike, and tau_t (...).
        """
        scaled, row = tau[..., :-1, None] * factor[..., :-1, :-1], factor[..., -1, :-1]
        slope, spike = (scaled * row[..., None, :]).sum(axis=-1), scaled @ np.swapaxes(scaled, -1, -2)
        return slope, spike - slope[..., :, None] * slope[..., None, :], spike, tau[..., -1]

    def pull_back_factor(self, tau, factor, by_tau, by_factor) -> np.ndarray:
        """Gradient by x (size,) of a function whose gradients at tau (M,) and L (M, M) are given."""
        gradient = np.empty(self.size)
        gradient[: self.effects] = by_tau * tau
        for at, (block, i, j) in enumerate(self.partials, start=self.effects):
            row, column = block[i], block[j]
            # p moves its own element, and scales all that follow in the row by sqrt(1 - p^2).
            later = factor[row, column + 1 :]
            left = math.sqrt(factor[row, column] ** 2 + later @ later)
            p = factor[row, column] / left
            gradient[at] = by_factor[row, column] * left * (1 - p * p) - p * (by_factor[row, column + 1 :] @ later)
        return gradient

    def lkj_shapes(self, shape: float) -> list[float]:
        """a of the Beta(a, a) prior of each (p + 1) / 2."""
        return [shape + (len(block) - 2 - j) / 2 for block, _i, j in self.partials]
