"""Cholesky factors and triangular systems of many tiny matrices: loops over K, vectorised over all else."""

from __future__ import annotations

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


def solve_lower(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x (..., K) with factor x = right."""
    x = np.empty_like(right)
    for i in range(right.shape[-1]):
        x[..., i] = (right[..., i] - (factor[..., i, :i] * x[..., :i]).sum(axis=-1)) / factor[..., i, i]
    return x


def solve_upper(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x (..., K) with factor' x = right."""
    x = np.empty_like(right)
    for i in reversed(range(right.shape[-1])):
        x[..., i] = (right[..., i] - (factor[..., i + 1 :, i] * x[..., i + 1 :]).sum(axis=-1)) / factor[..., i, i]
    return x


def of_rho(rho: np.ndarray) -> np.ndarray:
    """Correlation matrices (..., 2, 2) of two effects."""
    omega = np.ones((*np.shape(rho), 2, 2))
    omega[..., 0, 1] = omega[..., 1, 0] = rho
    return omega
