"""The marginal posterior on an unconstrained scale, in NumPy: only the indicators are summed out.

x holds gamma, eta, log tau, the correlations' parameters, then logit pi and log(nu - 2) where they are estimated, and
the schools' own coordinates. It is the density of `pymc.marginal_model`, with its gradient written out: a gradient takes
a millisecond, and nothing is compiled.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.special import digamma, expit, gammaln, log_expit, logit

from ..spec.options import Model
from ..spec.priors import LEAST_NU
from .cells import cells_of
from .hyperparameters import Hyperparameters
from .linear import solve_lower, solve_upper
from .start import Start

_LOG_2PI = np.log(2 * np.pi)


def configurations(selected, effects: int) -> tuple[np.ndarray, np.ndarray]:
    """All values of a school's indicators (2^R, R), the last effect's changing fastest; and which effects are in (2^R, M)."""
    deltas = np.array(list(product((0, 1), repeat=len(selected))))
    in_force = np.ones((len(deltas), effects))
    in_force[:, list(selected)] = deltas
    return deltas, in_force


class MarginalPosterior(Hyperparameters):
    """log p(gamma, eta, tau, Omega, (pi, nu,) v | y) with delta summed out.

    The students say much about a school's location, so that its own coefficients gamma + u are better coordinates than
    standardised z (the centred parametrisation); they say little about t, where z is. With an indicator on it, u may
    be as unknown as t, and z serves for all effects.

    Parameters
    ----------
    model : Model
        On the scale of its design.
    """

    def __init__(self, model: Model):
        super().__init__(model)
        design = self.design = model.design
        self.cells = cells_of(design, model.family)
        self.rows = np.bincount(self.cells.school)  # per school
        self.starts = np.concatenate([[0], np.cumsum(self.rows)[:-1]])
        self.K, self.M, self.J = len(design.location_effects), len(design.effects), len(design.labels)
        self.centred = not any(at < self.K for at in model.selected)
        self.deltas, self.in_force = configurations(model.selected, self.M)
        self.schools = slice(self.size, self.size + self.J * self.M)
        self.size = self.schools.stop
        terms = list(design.location_terms)
        #: where the coefficient stands around which each location effect varies, if there is one
        self._fixed = [terms.index(name) if name in terms else None for name in design.location_effects]

    def start(self) -> np.ndarray:
        """Least squares and moments; chains that start here do not get lost."""
        design, x = self.design, np.zeros(self.size)
        found = Start.of(self.cells)
        scale_tau = found.tau_t / np.sqrt((design.S**2).mean(axis=0))
        x[self.gamma], x[self.eta] = found.gamma, found.eta
        x[self.effects][: self.M] = np.log([*found.tau_u, *scale_tau])
        if self.learns_pi:
            x[self.pi] = logit(self.inclusion.prior.mean)
        if self.student:
            x[self.nu] = np.log(20.0)
        if self.centred:
            residual = design.y - design.X @ found.gamma
            tau_u = found.tau_u[0]
            shrink = tau_u**2 / (tau_u**2 + residual.var() / design.n)
            schools = x[self.schools].reshape(self.J, self.M)
            schools[:, 0] = shrink * np.bincount(design.school, residual) / design.n
            for k, fixed in enumerate(self._fixed):
                schools[:, k] += 0.0 if fixed is None else found.gamma[fixed]
        return x

    def constrain(self, x) -> dict[str, np.ndarray]:
        """All parameters at one point x, among them v (J, M), the effects before the indicators act."""
        gamma, (tau, factor) = x[self.gamma], self.covariance.constrain(x[self.effects])
        z = x[self.schools].reshape(self.J, self.M)
        if self.centred:
            fixed = np.array([0.0 if at is None else gamma[at] for at in self._fixed])
            z_u = solve_lower(tau[: self.K, None] * factor[: self.K, : self.K], z[:, : self.K] - fixed)
            z = np.concatenate([z_u, z[:, self.K :]], axis=1)
        found = {"gamma": gamma, "eta": x[self.eta], "tau": tau, "factor": factor, "z": z, "v": tau * (z @ factor.T)}
        found |= {"pi": expit(self.log_odds(x))} if self.learns_pi else {}
        return found | ({"nu": LEAST_NU + np.exp(x[self.nu][0])} if self.student else {})

    def log_prior_of_configurations(self, log_odds) -> np.ndarray:
        """log prior probability of each configuration (C,), from logit pi, one for all effects or one each."""
        log_odds = np.broadcast_to(log_odds, self.deltas.shape[1])
        return (self.deltas * log_expit(log_odds) + (1 - self.deltas) * log_expit(-log_odds)).sum(axis=1)

    def log_likelihoods(self, found) -> tuple[np.ndarray, list[tuple]]:
        """log p(y_j | v, configuration) (C, J), and per configuration what the gradient needs, row by row."""
        cells, nu = self.cells, found.get("nu")
        location, log_scale = cells.X @ found["gamma"], cells.W @ found["eta"]
        values, students = np.empty((len(self.deltas), self.J)), []
        for c, on in enumerate(self.in_force):
            v = (found["v"] * on)[cells.school]
            residual = cells.mean - location - (cells.Z * v[:, : self.K]).sum(axis=1)
            log_sd = log_scale + (cells.S * v[:, self.K :]).sum(axis=1)
            precision = np.exp(-log_sd)
            standard = residual * precision
            if nu is None:
                squared = cells.n * standard * standard + cells.sum_squares * precision * precision
                density, weight = -0.5 * squared - 0.5 * _LOG_2PI * cells.n, cells.n
            else:
                squared = standard * standard / (nu - 2)
                density = _student_constant(nu) - (nu + 1) / 2 * np.log1p(squared)
                weight = (nu + 1) / (nu - 2) / (1 + squared)
            values[c] = np.add.reduceat(density - cells.n * log_sd, self.starts)
            students.append((standard, precision, weight, squared))
        return values, students

    def log_density_and_gradient(self, x) -> tuple[float, np.ndarray]:
        """log posterior density, up to log p(y), and its gradient at one point x (size,)."""
        found = self.constrain(x)
        log_odds = self.log_odds(x)
        values, students = self.log_likelihoods(found)
        joint = self.log_prior_of_configurations(log_odds)[:, None] + values
        peak = joint.max(axis=0)
        mixture = peak + np.log(np.exp(joint - peak).sum(axis=0))
        probability = np.exp(joint - mixture)
        gradient = self.log_prior_gradient(x)
        by_v, by_nu = self._pull_back_students(probability, students, found, gradient)
        log_p = mixture.sum() + self._pull_back_effects(found, by_v, gradient)
        included = (probability.T @ self.deltas).sum(axis=0)
        gradient[self.pi] += (included - self.J * expit(log_odds)).sum()
        if self.student:
            gradient[self.nu] += by_nu * (found["nu"] - 2)
        return float(log_p + self.log_prior(x)), gradient

    def _pull_back_students(self, probability, students, found, gradient):
        """Gradient by gamma and eta (added), by v (J, M) and by nu: means over the configurations."""
        cells, nu = self.cells, found.get("nu")
        by_mu = by_log_sd = by_nu = 0.0
        by_v = np.zeros((self.J, self.M))
        for on, p, (standard, precision, weight, squared) in zip(self.in_force, probability, students, strict=True):
            p = np.repeat(p, self.rows)
            pull = p * weight * standard
            mu = pull * precision
            log_sd = p * (squared - cells.n) if nu is None else pull * standard - p
            for k in np.flatnonzero(on):
                column, source = (cells.Z[:, k], mu) if k < self.K else (cells.S[:, k - self.K], log_sd)
                by_v[:, k] += np.add.reduceat(source * column, self.starts)
            by_mu, by_log_sd = by_mu + mu, by_log_sd + log_sd
            if nu is not None:
                tail = (nu + 1) / (nu - 2) * squared / (1 + squared) - np.log1p(squared)
                by_nu += 0.5 * (p @ tail + p.sum() * (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / (nu - 2)))
        gradient[self.gamma] += by_mu @ cells.X
        gradient[self.eta] += by_log_sd @ cells.W
        return by_v, by_nu

    def _pull_back_effects(self, found, by_v, gradient) -> float:
        """Gradient of likelihood and prior of v by tau, Omega and the schools' coordinates (added); log prior of v."""
        K, tau, factor, z = self.K, found["tau"], found["factor"], found["z"]
        by_scaled = by_v * tau
        schools = gradient[self.schools].reshape(self.J, self.M)
        log_p = -0.5 * (z**2).sum() - 0.5 * z.size * _LOG_2PI
        first = K if self.centred else 0
        by_factor = np.zeros((self.M, self.M))
        by_factor[first:] = by_scaled[:, first:].T @ z
        by_tau = np.zeros(self.M)
        by_tau[first:] = (by_v[:, first:] * (z @ factor.T)[:, first:]).sum(axis=0)
        by_z = by_scaled[:, first:] @ factor[first:] - z
        schools[:, first:] += by_z[:, first:]
        if self.centred:
            # u = T z_u with T = diag(tau) L: its density has the volume of T, and z_u follows u.
            root = tau[:K, None] * factor[:K, :K]
            back = solve_upper(np.broadcast_to(root, (self.J, K, K)), by_z[:, :K])
            by_u = by_v[:, :K] + back
            by_root = -back.T @ z[:, :K] - self.J * np.diag(1 / np.diag(root))
            by_tau[:K] += (by_root * factor[:K, :K]).sum(axis=1)
            by_factor[:K, :K] += tau[:K, None] * np.tril(by_root)
            schools[:, :K] += by_u
            for k, fixed in enumerate(self._fixed):
                if fixed is not None:
                    gradient[self.gamma.start + fixed] -= by_u[:, k].sum()
            log_p -= self.J * np.log(np.diag(root)).sum()
        gradient[self.effects] += self.covariance.pull_back_factor(tau, factor, by_tau, by_factor)
        return float(log_p)


def _student_constant(nu: float) -> float:
    """Constant of the log density of a Student-t with SD 1."""
    return float(gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log((nu - 2) * np.pi))
