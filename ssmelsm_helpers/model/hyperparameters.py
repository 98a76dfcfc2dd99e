"""Hyperparameters as one unconstrained vector x, each coordinate with its prior: what both compiled posteriors share."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from ..spec.densities import Form, ScalarPrior
from ..spec.inclusion import Beta
from ..spec.options import Model
from ..spec.priors import LEAST_NU
from .covariance import EffectCovariance
from .start import Start


@dataclass(frozen=True)
class LogScale:
    """The prior of x where exp(x) + least has this prior: of a log SD, or of log(nu - 2)."""

    prior: ScalarPrior
    least: float = 0.0

    def log_density(self, x):
        """log density at x, any shape, with the Jacobian."""
        return self.prior.log_density(self.least + np.exp(x)) + x

    def gradient(self, x):
        """Derivative of the log density."""
        return self.prior.gradient(self.least + np.exp(x)) * np.exp(x) + 1

    @property
    def form(self) -> Form | None:
        """As the prior has it."""
        return self.prior.form


@dataclass(frozen=True)
class LogitScale:
    """The prior of x where the logistic function of factor x is Beta: of logit pi, or of the atanh of a correlation.

    A correlation is p = 2 b - 1 with b ~ Beta, and then logit b is twice atanh p.
    """

    prior: Beta
    factor: float = 1.0

    def log_density(self, x):
        """log density at x, any shape, with the Jacobian."""
        return self.prior.log_density_of_logit(self.factor * x) + np.log(self.factor)

    def gradient(self, x):
        """Derivative of the log density."""
        return self.factor * self.prior.gradient_by_logit(self.factor * x)

    @property
    def form(self) -> Form:
        """Of x."""
        return Form(self.factor, 0.0, 0.0, self.prior.a, self.prior.a + self.prior.b)

    def sample(self, draws: int, rng) -> np.ndarray:
        """Independent draws (S,)."""
        # A correlation of one has no atanh.
        return logit(np.clip(rng.beta(self.prior.a, self.prior.b, size=draws), 5e-16, 1 - 5e-16)) / self.factor


class Hyperparameters:
    """Where gamma, eta, the effects' covariance, pi and nu stand in x, and their priors there.

    Parameters
    ----------
    model : Model
        On the scale of its design.
    """

    def __init__(self, model: Model):
        design, priors = model.design, model.priors
        self.model, self.priors, self.inclusion = model, priors, model.inclusion
        self.covariance = EffectCovariance(design.blocks)
        self.learns_pi, self.student = self.inclusion.learned, model.family == "student"
        terms = len(design.location_terms), len(design.scale_terms)
        ends = np.cumsum([0, *terms, self.covariance.size, self.learns_pi, self.student])
        self.gamma, self.eta, self.effects, self.pi, self.nu = map(slice, ends[:-1], ends[1:])
        self.size = int(ends[-1])
        #: of every coordinate after the coefficients: all independent
        self.scalar_priors = [LogScale(prior) for prior in priors.tau]
        self.scalar_priors += [LogitScale(Beta(a, a), 2.0) for a in self.covariance.lkj_shapes(priors.omega_shape)]
        self.scalar_priors += [LogitScale(self.inclusion.prior)] if self.learns_pi else []
        self.scalar_priors += [LogScale(priors.nu, LEAST_NU)] if self.student else []

    def start_from(self, found: Start, scale_tau) -> np.ndarray:
        """x at rough estimates, with SDs of the scale effects."""
        x = np.zeros(self.size)
        x[self.gamma], x[self.eta] = found.gamma, found.eta
        x[self.effects][: self.covariance.effects] = np.log([*found.tau_u, *scale_tau])
        if self.learns_pi:
            x[self.pi] = logit(self.inclusion.prior.mean)
        if self.student:
            x[self.nu] = np.log(20.0)
        return x

    def prior_at(self, at: int) -> LogScale | LogitScale:
        """The prior of one coordinate after the coefficients."""
        return self.scalar_priors[at - self.effects.start]

    def log_odds(self, x):
        """logit pi, from x (..., size)."""
        return x[..., self.pi.start] if self.learns_pi else self.inclusion.log_odds

    def log_prior(self, x):
        """log prior density of x (..., size), with the Jacobian of the transformation."""
        coefficients = self.priors.gamma.log_density(x[..., self.gamma]) + self.priors.eta.log_density(x[..., self.eta])
        return coefficients + self.log_prior_of(x, range(self.effects.start, self.nu.stop))

    def log_prior_of(self, x, positions):
        """The part of `log_prior` that is about some coordinates after the coefficients."""
        return sum((self.prior_at(at).log_density(x[..., at]) for at in positions), start=np.zeros(x.shape[:-1]))

    def log_prior_gradient(self, x) -> np.ndarray:
        """Gradient of `log_prior` at one point x (size,)."""
        gradient = np.zeros(self.size)
        gradient[self.gamma] = self.priors.gamma.gradient(x[self.gamma])
        gradient[self.eta] = self.priors.eta.gradient(x[self.eta])
        for at in range(self.effects.start, self.nu.stop):
            gradient[at] = self.prior_at(at).gradient(x[at])
        return gradient

    def prior_forms(self) -> tuple[np.ndarray, np.ndarray, float]:
        """All priors for compiled loops: `Form` by `Form`, of rows @ x; shift, q, a and n of each; and the constant.

        No rows where a prior is a PyMC distribution.
        """
        coefficients = self.priors.gamma, self.priors.eta
        priors = [*coefficients[0].priors, *coefficients[1].priors, *self.scalar_priors]
        if any(prior.form is None for prior in priors):
            return np.empty((0, self.size)), np.empty((0, 4)), 0.0
        rows, forms, constant = np.eye(self.size), np.zeros((self.size, 4)), 0.0
        for where, part in zip((self.gamma, self.eta), coefficients, strict=True):
            rows[where, where], forms[where, 0] = part.rows, part.offset
            constant += part.log_volume
        for at, prior in enumerate(priors):
            factor, shift, *form = prior.form
            rows[at], forms[at] = factor * rows[at], [factor * forms[at, 0] + shift, *form]
            constant += prior.log_density(-shift / factor) + form[-1] * np.log(2)  # at v = 0
        return rows, forms, float(constant)
