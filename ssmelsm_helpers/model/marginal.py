"""The marginal posterior on an unconstrained scale: only the indicators are summed out.

x holds gamma, eta, log tau, the correlations' parameters, then logit pi and log(nu - 2) where they are estimated, and
the schools' own coordinates. It is the density of `pymc.marginal_model` in other coordinates, with its gradient. What
the schools say is compiled; priors, which may be PyMC's, are not.
"""

from itertools import product

import numpy as np
from scipy.special import digamma, expit, log_expit

from ..spec.options import Model
from ..spec.priors import LEAST_NU
from .cells import cells_of, students_of
from .hyperparameters import Hyperparameters
from .school_given_effects import all_schools, joint_of_draws
from .start import Start


def configurations(selected, effects: int) -> tuple[np.ndarray, np.ndarray]:
    """All values of a school's indicators (2^R, R), the last effect's changing fastest; and which effects are in (2^R, M)."""
    deltas = np.array(list(product((0, 1), repeat=len(selected))))
    in_force = np.ones((len(deltas), effects))
    in_force[:, list(selected)] = deltas
    return deltas, in_force


class MarginalPosterior(Hyperparameters):
    """log p(gamma, eta, tau, Omega, (pi, nu,) v | y) with delta summed out.

    The students say much about a school's mean, so that the mean itself is a better coordinate of it than standardised
    z (the centred parametrisation): gamma_0 + u_0, and what their mean covariates add to it. They say little about t,
    and often about slopes, where z is. With an indicator on it, u_0 may be as unknown, and z serves for all effects.

    Parameters
    ----------
    model : Model
        On the scale of its design.
    """

    def __init__(self, model: Model):
        super().__init__(model)
        design = self.design = model.design
        self.cells = cells_of(design, model.family)
        self.K, self.M, self.J = len(design.location_effects), len(design.effects), len(design.labels)
        self.deltas, self.in_force = configurations(model.selected, self.M)
        self.schools = slice(self.size, self.size + self.J * self.M)
        self.size = self.schools.stop
        #: how many effects, the first ones, are centred, and the coefficients (J, centred, P) of gamma in their coordinates
        self.centred = int(design.location_effects[0] == "Intercept" and min(model.selected) >= self.K)
        self.around = np.ascontiguousarray(design.school_means(design.X)[:, None][:, : self.centred])
        *students, starts = students_of(self.cells)
        # Unsigned: compiled loops need not ask whether an index counts from the end.
        self._students = tuple(students), starts.astype(np.uintp)
        self._indicators = np.array(model.selected), self.in_force

    def start(self) -> np.ndarray:
        """Least squares and moments; chains that start here do not get lost."""
        design, found = self.design, Start.of(self.cells)
        x = self.start_from(found, found.tau_t / np.sqrt((design.S**2).mean(axis=0)))
        if self.centred:
            residual, tau_u = design.y - design.X @ found.gamma, found.tau_u[0]
            shrink = tau_u**2 / (tau_u**2 + residual.var() / design.n)
            u = shrink * np.bincount(design.school, residual) / design.n
            x[self.schools].reshape(self.J, self.M)[:, 0] = u + self.around[:, 0] @ found.gamma
        return x

    def constrain(self, x) -> dict[str, np.ndarray]:
        """All parameters at points x (..., size), among them v (..., J, M), the effects before the indicators act."""
        gamma, (tau, factor) = x[..., self.gamma], self.covariance.constrain(x[..., self.effects])
        root, first = tau[..., None] * factor, slice(self.centred)
        z = x[..., self.schools].reshape(*x.shape[:-1], self.J, self.M).copy()
        u = z[..., first] - np.einsum("jkp,...p->...jk", self.around, gamma)
        z[..., first] = u @ np.swapaxes(np.linalg.inv(root[..., first, first]), -1, -2)
        v = z @ np.swapaxes(root, -1, -2)
        found = {"gamma": gamma, "eta": x[..., self.eta], "tau": tau, "factor": factor, "z": z, "v": v}
        found |= {"pi": expit(self.log_odds(x))} if self.learns_pi else {}
        return found | ({"nu": LEAST_NU + np.exp(x[..., self.nu.start])} if self.student else {})

    def log_prior_of_configurations(self, log_odds) -> np.ndarray:
        """log prior probability of each configuration (..., C), from logit pi (..., R), or (..., 1) for all effects."""
        log_odds = np.atleast_1d(log_odds)[..., None, :]
        return (self.deltas * log_expit(log_odds) + (1 - self.deltas) * log_expit(-log_odds)).sum(axis=-1)

    def log_joint(self, found, log_odds) -> np.ndarray:
        """log p(y_j, configuration | v) (..., J, C), of points as `constrain` gives them and logit pi (..., R)."""
        points = found["v"].shape[:-2]

        def listed(values, *shape):
            return np.array(np.broadcast_to(values, points + shape), dtype=float, order="C").reshape(-1, *shape)

        log_prior = listed(self.log_prior_of_configurations(log_odds), len(self.deltas))
        known = [listed(found[name], found[name].shape[-1]) for name in ("gamma", "eta")]
        nu, v = listed(found.get("nu", np.inf)), listed(found["v"], self.J, self.M)
        return joint_of_draws(*self._students, *self._indicators, log_prior, *known, nu, v).reshape(*points, self.J, -1)

    def log_density_and_gradient(self, x) -> tuple[float, np.ndarray]:
        """log posterior density, up to log p(y), and its gradient at one point x (size,)."""
        x, log_odds = np.array(x, dtype=float), self.log_odds(x)
        nu = float(LEAST_NU + np.exp(x[self.nu][0])) if self.student else np.inf
        indicators = *self._indicators, self.log_prior_of_configurations(log_odds)
        known, schools = (x[self.gamma], x[self.eta], nu), x[self.schools].reshape(self.J, self.M)
        effects = self.covariance.places, x[self.effects]
        found = all_schools(*self._students, indicators, known, *effects, self.around, schools)
        log_p, by_gamma, by_eta, by_nu, by_effects, by_schools, included = found
        gradient = self.log_prior_gradient(x)
        gradient[self.gamma] += by_gamma
        gradient[self.eta] += by_eta
        gradient[self.effects] += by_effects
        gradient[self.pi] += (included @ self.deltas - self.J * expit(log_odds)).sum()
        if self.student:
            constant = 0.5 * (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / (nu - 2))
            gradient[self.nu] += (by_nu + len(self.design.y) * constant) * (nu - 2)
        gradient[self.schools] = by_schools.ravel()
        return float(log_p + self.log_prior(x)), gradient
