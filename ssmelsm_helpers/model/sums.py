r"""What a school's students say, given gamma and eta: weighted sums of their residuals.

With residuals r_i = y_i - x_i'gamma, weights w_i = exp(-2 w_i'eta) and the rows z_i of the location effects:

.. math::  M = \sum w_i z_i z_i', \quad b = \sum w_i r_i z_i, \quad C = \sum w_i r_i^2.

Given u and t the school's log likelihood is linear in them, so they are sufficient, and the gradient needs no
more than the posterior means of s, s u and s u u' with s = exp(-2 t) (Fisher's identity).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..data.schools import sum_of_squares
from ..spec.design import Design
from .kernel import SchoolTerms, intercept_terms

_LOG_2PI = np.log(2 * np.pi)
# Directions of u about which a school's students say less than this, relative to the best known one, count as unknown.
_RANK = 1e-12


class Sums(NamedTuple):
    """Per draw and school: M = R R', the projection p = R^+ b, and what is left of C."""

    n: np.ndarray
    factor: np.ndarray  #: R (..., K, K)
    projection: np.ndarray  #: p (..., K)
    sum_squares: np.ndarray  #: Q = C - p'p
    constant: np.ndarray  #: -n/2 log 2 pi - sum w_i'eta
    students: Any = None  #: residuals and weights, for the gradient


def single(terms: SchoolTerms, students=None) -> Sums:
    """`Sums` of one location effect, where R is the root of the precision."""
    root, projection = terms.root[..., None, None], terms.projection[..., None]
    return Sums(terms.n, root, projection, terms.sum_squares, terms.constant, students)


class SummarySums:
    """The intercept-only model: a school's n, mean and SD are sufficient."""

    def __init__(self, schools: pd.DataFrame):
        self.n = schools["n"].to_numpy(dtype=float)
        self.mean = schools["mean"].to_numpy(dtype=float)
        self.sum_of_squares = sum_of_squares(schools)
        self.rows_per_draw = len(self.n)

    def at(self, gamma, eta, schools=slice(None)) -> Sums:
        """Sums at gamma (..., 1) and eta (..., 1), with a last axis for the schools."""
        data = (values[schools] for values in (self.n, self.mean, self.sum_of_squares))
        return single(intercept_terms(*data, gamma, eta))

    def pull_back(self, sums: Sums, schools, s, su, suu) -> tuple[np.ndarray, np.ndarray]:
        """Gradient by gamma (1,) and eta (1,), from the posterior means of s (J,), s u (J, 1), s u u' (J, 1, 1)."""
        root, projection = sums.factor[:, 0, 0], sums.projection[:, 0]
        precision, moment = root * root, root * projection
        squares = s @ (sums.sum_squares + projection**2)
        by_gamma = s @ moment - su[:, 0] @ precision
        by_eta = squares - 2 * (su[:, 0] @ moment) + suu[:, 0, 0] @ precision - sums.n.sum()
        return np.array([by_gamma]), np.array([by_eta])

    def start(self) -> dict[str, np.ndarray]:
        """Moment estimates: a point from which the mode is a few steps away, and the steps' sizes."""
        many = self.n > 1
        df = self.n[many] - 1
        log_sd = 0.5 * np.log(np.maximum(self.sum_of_squares[many] / df, 1e-12))
        eta = 0.5 * np.log(self.sum_of_squares.sum() / df.sum())
        gamma = self.mean.mean()
        tau_u, tau_t = _start_taus(self.n, self.mean - gamma, df, log_sd - eta, np.exp(eta))
        gamma_variance = tau_u**2 / len(self.n) + np.exp(2 * eta) / self.n.sum()
        eta_variance = tau_t**2 / len(self.n) + 0.5 / df.sum()
        factors = {"gamma_factor": np.sqrt([[gamma_variance]]), "eta_factor": np.sqrt([[eta_variance]])}
        return {"gamma": gamma, "eta": eta, "tau_u": tau_u, "tau_t": tau_t, **factors}


def _start_taus(n, mean, df, log_sd, sd) -> tuple[float, float]:
    """Moment estimates of tau_u and tau_t from centred school means and log SDs."""
    between = (mean**2 - sd**2 / n).mean()
    excess = np.average(log_sd**2 - 1 / (2 * df), weights=df)
    return float(np.sqrt(max(between, (0.1 * sd) ** 2))), float(np.sqrt(np.clip(excess, 0.05**2, 1.0)))


class StudentSums:
    """Any covariates in both submodels, K random location effects, a random intercept in the scale."""

    def __init__(self, design: Design):
        self.design = design
        self.n = design.n.astype(float)
        self.rows_per_draw = len(design.y)
        self._scale_sums = np.add.reduceat(design.W, design.starts, axis=0)

    def _rows(self, schools: slice) -> slice:
        first, last, _ = schools.indices(len(self.n))
        starts = self.design.starts
        return slice(starts[first], starts[last] if last < len(starts) else len(self.design.y))

    def at(self, gamma, eta, schools=slice(None)) -> Sums:
        """Sums at gamma (..., P) and eta (..., Q), with a last axis for the schools."""
        design, rows = self.design, self._rows(schools)
        starts = design.starts[schools] - rows.start
        residuals = design.y[rows] - gamma @ design.X[rows].T
        weights = np.exp(-2 * (eta @ design.W[rows].T))

        def total(values):
            return np.add.reduceat(values, starts, axis=-1)

        z, weighted = design.Z[rows].T, weights * residuals
        squares = total(weighted * residuals)
        moment = [total(weighted * column) for column in z]
        n = self.n[schools]
        constant = -0.5 * n * _LOG_2PI - eta @ self._scale_sums[schools].T
        students = residuals, weights
        if len(z) == 1:
            precision = total(weights * z[0] * z[0])
            known = precision > 0
            projection = np.where(known, moment[0] / np.sqrt(np.where(known, precision, 1.0)), 0.0)
            left = np.maximum(squares - projection**2, 0.0)
            return single(SchoolTerms(n, np.sqrt(precision), projection, left, constant), students)
        precision = np.empty((*squares.shape, len(z), len(z)))
        for k, first in enumerate(z):
            for m, second in enumerate(z[: k + 1]):
                precision[..., k, m] = precision[..., m, k] = total(weights * (first * second))
        values, vectors = np.linalg.eigh(precision)
        known = values > _RANK * values[..., -1:]
        root = np.sqrt(np.where(known, values, 0.0))
        along = (np.swapaxes(vectors, -1, -2) @ np.stack(moment, axis=-1)[..., None])[..., 0]
        projection = np.where(known, along / np.where(known, root, 1.0), 0.0)
        left = np.maximum(squares - (projection**2).sum(axis=-1), 0.0)
        return Sums(n, vectors * root[..., None, :], projection, left, constant, students)

    def pull_back(self, sums: Sums, schools, s, su, suu) -> tuple[np.ndarray, np.ndarray]:
        """Gradient by gamma (P,) and eta (Q,), from the posterior means of s (J,), s u (J, K), s u u' (J, K, K)."""
        design, rows = self.design, self._rows(schools)
        residuals, weights = sums.students
        s, su, suu = (np.repeat(mean, design.n[schools], axis=0) for mean in (s, su, suu))
        z = design.Z[rows]
        fitted = (su * z).sum(axis=1)
        squares = (suu * z[:, :, None] * z[:, None, :]).sum(axis=(1, 2))
        scaled = s * residuals
        by_gamma = design.X[rows].T @ (weights * (scaled - fitted))
        misfit = weights * (residuals * (scaled - 2 * fitted) + squares)
        return by_gamma, design.W[rows].T @ (misfit - 1.0)

    def start(self) -> dict[str, np.ndarray]:
        """Least squares and moments: a point from which the mode is a few steps away, and the steps' sizes."""
        design = self.design
        gamma = np.linalg.lstsq(design.X, design.y, rcond=None)[0]
        residuals = design.y - design.X @ gamma
        mean = np.add.reduceat(residuals, design.starts) / self.n
        within = residuals - mean[design.school]
        sd = np.sqrt((within**2).sum() / max(len(within) - len(self.n), 1))
        # E log |Normal(0, 1)| is -0.635; a residual near zero must not count as a huge one.
        log_size = np.log(np.maximum(np.abs(within), 0.01 * sd)) + 0.635
        eta = np.linalg.lstsq(design.W, log_size, rcond=None)[0]
        scaled = np.add.reduceat((within * np.exp(-design.W @ eta)) ** 2, design.starts)
        many = self.n > 1
        df = self.n[many] - 1
        log_sd = 0.5 * np.log(np.maximum(scaled[many] / df, 1e-12))
        centre = np.average(log_sd, weights=df)
        if "Intercept" in self.design.scale_terms:
            eta[self.design.scale_terms.index("Intercept")] += centre
        tau_u, tau_t = _start_taus(self.n, mean - mean.mean(), df, log_sd - centre, sd)
        sizes = np.sqrt((design.Z**2).mean(axis=0))
        return {
            "gamma": gamma,
            "eta": eta,
            # A slope's effects get the intercepts' size, spread over the column's own.
            "tau_u": tau_u / sizes * np.where(np.arange(len(sizes)) == 0, 1.0, 0.5),
            "tau_t": tau_t,
            "gamma_factor": _step_factor(design.X, design, sd**2, tau_u),
            "eta_factor": _step_factor(design.W, design, 0.5, tau_t),
        }


def _step_factor(columns, design: Design, variance: float, tau: float) -> np.ndarray:
    """Cholesky factor of the coefficients' covariance by generalised least squares with random intercepts."""
    sums = np.add.reduceat(columns, design.starts, axis=0)
    shrink = 1 / (variance / tau**2 + design.n)
    information = (columns.T @ columns - (sums * shrink[:, None]).T @ sums) / variance
    return np.linalg.cholesky(np.linalg.inv(information))
