r"""SDs and correlations of the random effects on an unconstrained scale.

Omega = L L' is block-diagonal. Within a block, row i of the Cholesky factor L is made from canonical
partial correlations p_ij = tanh(x_ij): the LKJ prior makes them independent, (p_ij + 1) / 2 ~ Beta(a, a)
with a = shape + (size - 2 - j) / 2 (Lewandowski, Kurowicka & Joe, 2009, *Journal of Multivariate
Analysis*, 100, 1989-2001). For two effects p is their correlation rho itself.
"""

import numpy as np

from .linear import cholesky


class EffectCovariance:
    """The map from unconstrained x to tau, L, both ways.

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
        #: the same, as rows and columns of L (., 2)
        self.places = np.reshape([(block[i], block[j]) for block, i, j in self.partials], (-1, 2)).astype(float)
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

    def lkj_shapes(self, shape: float) -> list[float]:
        """a of the Beta(a, a) prior of each (p + 1) / 2."""
        return [shape + (len(block) - 2 - j) / 2 for block, _i, j in self.partials]
