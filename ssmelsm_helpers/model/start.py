"""Rough estimates by least squares and moments: a point from which the mode is a few steps away."""

from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from .cells import Cells


class Start(NamedTuple):
    """Estimates, and Cholesky factors of rough covariances of the coefficients."""

    gamma: np.ndarray
    eta: np.ndarray
    tau_u: np.ndarray  #: (K,)
    tau_t: float  #: of an intercept
    gamma_factor: np.ndarray
    eta_factor: np.ndarray

    @classmethod
    def of(cls, cells: Cells) -> "Start":
        """From students, those alike in all covariates counted once."""
        starts, n = np.flatnonzero(np.diff(cells.school, prepend=-1)), cells.n
        students = np.add.reduceat(n, starts)
        gamma = _weighted_least_squares(cells.X, cells.mean, n)
        residuals = cells.mean - cells.X @ gamma
        mean = np.add.reduceat(n * residuals, starts) / students
        squares = cells.sum_squares + n * (residuals - mean[cells.school]) ** 2
        sd = np.sqrt(squares.sum() / max(n.sum() - len(students), 1))
        # The mean of log chi-square; a residual near zero must not count as a huge one.
        log_size = 0.5 * (np.log(np.maximum(squares / n, (0.01 * sd) ** 2)) - digamma(n / 2) + np.log(n / 2))
        eta = _weighted_least_squares(cells.W, log_size, n)
        many = students > 1
        df = students[many] - 1
        scaled = np.add.reduceat(squares * np.exp(-2 * cells.W @ eta), starts)[many]
        log_sd = 0.5 * np.log(np.maximum(scaled / df, 1e-12))
        centre = np.average(log_sd, weights=df)
        eta += _weighted_least_squares(cells.W, np.full(len(n), centre), n)
        between = ((mean - mean.mean()) ** 2 - sd**2 / students).mean()
        excess = np.average((log_sd - centre) ** 2 - 1 / (2 * df), weights=df)
        tau_u, tau_t = np.sqrt(max(between, (0.1 * sd) ** 2)), np.sqrt(np.clip(excess, 0.05**2, 1.0))
        # A slope's effects get the intercepts' size, spread over the column's own.
        sizes = np.sqrt(np.average(cells.Z**2, axis=0, weights=n))
        sizes[1:] *= 2
        factors = _step_factor(cells.X, cells, starts, sd**2, tau_u), _step_factor(cells.W, cells, starts, 0.5, tau_t)
        return cls(gamma, eta, tau_u / sizes, float(tau_t), *factors)


def _weighted_least_squares(columns, values, n) -> np.ndarray:
    root = np.sqrt(n)
    return np.linalg.lstsq(columns * root[:, None], values * root, rcond=None)[0]


def _step_factor(columns, cells: Cells, starts, variance: float, tau: float) -> np.ndarray:
    """Cholesky factor of the coefficients' covariance by generalised least squares with random intercepts."""
    weighted = columns * cells.n[:, None]
    sums = np.add.reduceat(weighted, starts, axis=0)
    shrink = 1 / (variance / tau**2 + np.add.reduceat(cells.n, starts))
    information = (columns.T @ weighted - (sums * shrink[:, None]).T @ sums) / variance
    return np.linalg.cholesky(np.linalg.inv(information))
