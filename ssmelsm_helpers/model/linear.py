"""Cholesky factors of many tiny matrices, and the correlation matrix of two effects."""

import numpy as np


def cholesky(matrix: np.ndarray) -> np.ndarray:
    """Lower factors of positive semidefinite matrices (..., K, K).

    Unlike LAPACK's it accepts a matrix that rounding has made singular.
    """
    factor = np.zeros_like(matrix)
    for i in range(matrix.shape[-1]):
        for j in range(i + 1):
            left = matrix[..., i, j] - (factor[..., i, :j] * factor[..., j, :j]).sum(axis=-1)
            if i == j:
                factor[..., i, i] = np.sqrt(np.maximum(left, 0.0))
            else:
                pivot = factor[..., j, j]
                factor[..., i, j] = np.where(pivot > 0, left / np.where(pivot > 0, pivot, 1.0), 0.0)
    return factor


def of_rho(rho: np.ndarray) -> np.ndarray:
    """Correlation matrices (..., 2, 2) of two effects."""
    omega = np.ones((*np.shape(rho), 2, 2))
    omega[..., 0, 1] = omega[..., 1, 0] = rho
    return omega
