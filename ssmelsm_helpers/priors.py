"""Priors of the model: numbers, or PyMC distributions in their place, that every engine reads alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import expit, gammaln, log_expit

from .arguments import shown
from .expressions import reason

_LOG_2PI = math.log(2 * math.pi)
LEAST_NU = 2.0  # below, a Student-t has no SD


@dataclass(frozen=True)
class Priors:
    """Priors of the SS-MELSM; the defaults are those of the reference implementation.

    Parameters
    ----------
    gamma_intercept_mean, gamma_intercept_sd : float or None
        Normal prior of the location intercept. None (default): the outcome's mean, and three times its SD.
    gamma_sd : float, default 1000
        SD of the Normal(0, .) prior of every other location coefficient.
    eta_sd : float, default 3
        SD of the Normal(0, .) prior of every scale coefficient (log-SD units).
    tau_df : float, default 3
        Degrees of freedom of the half-Student-t priors of the random-effect SDs.
    tau_u_scale, tau_t_scale : float, default 1
        Their scales: location effects (outcome's units), scale effects (log-SD units).
    omega_shape : float, default 1
        LKJ shape of the effects' correlation matrix; 1 is uniform.
    nu_shape, nu_rate : float, default 2 and 0.1
        Gamma prior of nu - 2, where nu are the degrees of freedom of ``family="student"``.
    gamma_intercept, gamma, eta, tau_u, tau_t, nu : PyMC distribution, optional
        Univariate, made by ``.dist()``, such as ``pm.HalfNormal.dist(0.3)``: replaces the numbers above.

    Raises
    ------
    ValueError
        A value is not a finite number, or not positive where it must be.

    Examples
    --------
    >>> Priors(tau_t_scale=0.3).tau_t_scale
    0.3
    """

    gamma_intercept_mean: float | None = None
    gamma_intercept_sd: float | None = None
    gamma_sd: float = 1000.0
    eta_sd: float = 3.0
    tau_df: float = 3.0
    tau_u_scale: float = 1.0
    tau_t_scale: float = 1.0
    omega_shape: float = 1.0
    nu_shape: float = 2.0
    nu_rate: float = 0.1
    gamma_intercept: Any = None
    gamma: Any = None
    eta: Any = None
    tau_u: Any = None
    tau_t: Any = None
    nu: Any = None

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _DISTRIBUTIONS:
                _check_distribution(field.name, value)
                continue
            if value is None and field.default is None:
                continue
            positive = field.name != "gamma_intercept_mean"
            number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
            if not number or (positive and value <= 0):
                expected = "a positive finite number" if positive else "a finite number"
                raise ValueError(f"Priors: {field.name} must be {expected}; found {shown(value)}.")

    def resolve(self, mean: float, sd: float) -> Priors:
        """The same priors with the data-based defaults filled in."""
        intercept_mean = mean if self.gamma_intercept_mean is None else self.gamma_intercept_mean
        intercept_sd = 3 * sd if self.gamma_intercept_sd is None else self.gamma_intercept_sd
        return replace(self, gamma_intercept_mean=float(intercept_mean), gamma_intercept_sd=float(intercept_sd))

    def as_dict(self) -> dict[str, float | str | None]:
        """The numbers by name, distributions as text (for a fit's attributes)."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: v if v is None else _describe(v) if k in _DISTRIBUTIONS else float(v) for k, v in values.items()}

    def of_coefficients(self, location_terms, n_scale_terms: int) -> list[ScalarPrior]:
        """Priors of gamma and eta, one per coefficient; the data-based numbers must be filled in."""
        mean, sd = self.gamma_intercept_mean, self.gamma_intercept_sd
        intercept = NormalPrior(mean, sd) if self.gamma_intercept is None else DistributionPrior(self.gamma_intercept)
        other = NormalPrior(0.0, self.gamma_sd) if self.gamma is None else DistributionPrior(self.gamma)
        scale = NormalPrior(0.0, self.eta_sd) if self.eta is None else DistributionPrior(self.eta)
        return [intercept if term == "Intercept" else other for term in location_terms] + n_scale_terms * [scale]

    def of_taus(self, n_location: int, n_scale: int) -> list[ScalarPrior]:
        """Priors of tau, one per effect, location effects first."""
        u = HalfStudentTPrior(self.tau_df, self.tau_u_scale) if self.tau_u is None else DistributionPrior(self.tau_u)
        t = HalfStudentTPrior(self.tau_df, self.tau_t_scale) if self.tau_t is None else DistributionPrior(self.tau_t)
        return n_location * [u] + n_scale * [t]

    def of_nu(self) -> ScalarPrior:
        """Prior of the degrees of freedom."""
        return GammaPrior(self.nu_shape, self.nu_rate, LEAST_NU) if self.nu is None else DistributionPrior(self.nu)


_DISTRIBUTIONS = ("gamma_intercept", "gamma", "eta", "tau_u", "tau_t", "nu")


def _check_distribution(name: str, value) -> None:
    """None, or a univariate continuous PyMC distribution; on positive values where only those make sense."""
    if value is None:
        return
    if not _is_distribution(value) or value.ndim != 0 or not str(value.dtype).startswith("float"):
        raise ValueError(
            f"Priors: {name} must be None or a univariate continuous PyMC distribution, like pm.HalfNormal.dist(0.3); "
            f"found {shown(value)}."
        )
    below = LEAST_NU if name == "nu" else 0.0
    outside = below - np.array([1e-6, 0.1, 0.5, 2.0, 10.0])
    prior = DistributionPrior(value)
    try:  # PyMC finds its parameters to be wrong here, PyTensor that there is no derivative
        density, _slope = prior.log_density(outside), prior.gradient(outside)
    except Exception as error:
        why = reason(error).split("Backtrace")[0] or "no derivative"
        raise ValueError(
            f"Priors: {name} must be a distribution with a density and its derivative; found {_describe(value)} ({why})."
        ) from error
    if name in ("tau_u", "tau_t", "nu") and np.isfinite(density).any():
        raise ValueError(f"Priors: {name} must be a distribution on values above {below:g}; found {_describe(value)}.")


def _is_distribution(value) -> bool:
    """Whether PyMC can draw from it and resize it; the result of arithmetic with a distribution is none."""
    owner = getattr(value, "owner", None)
    return owner is not None and hasattr(owner.op, "dist_params")


def _describe(distribution) -> str:
    """A PyMC distribution as text: its name and parameters, which may be distributions (of a mixture)."""
    node = distribution.owner
    name = getattr(node.op, "_print_name", (type(node.op).__name__,))[0]
    try:
        parameters = node.op.dist_params(node)
    except ValueError:  # some truncated distributions do not say which of their inputs are parameters
        parameters = ()
    found = [_describe(p) if _is_distribution(p) else p.eval() for p in parameters]
    texts = [p if isinstance(p, str) else f"{p:g}" if np.ndim(p) == 0 else str(p.tolist()) for p in found]
    return f"{name}({', '.join(texts)})"


class NormalPrior:
    """Normal(mean, sd): log density and its derivative."""

    def __init__(self, mean: float, sd: float):
        self.mean, self.sd = mean, sd

    def log_density(self, x):
        """log density at x, any shape."""
        return -0.5 * ((x - self.mean) / self.sd) ** 2 - math.log(self.sd) - 0.5 * _LOG_2PI

    def gradient(self, x):
        """Derivative of the log density."""
        return (self.mean - x) / self.sd**2


class HalfStudentTPrior:
    """Half-Student-t(df, scale) on x > 0."""

    def __init__(self, df: float, scale: float):
        self.df, self.scale = df, scale
        self._constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)

    def log_density(self, x):
        """log density at x > 0, any shape."""
        tail = (self.df + 1) / 2 * np.log1p((x / self.scale) ** 2 / self.df)
        return self._constant + math.log(2 / self.scale) - tail

    def gradient(self, x):
        """Derivative of the log density."""
        return -(self.df + 1) * x / (self.df * self.scale**2 + x * x)


class GammaPrior:
    """Gamma(shape, rate) on x - above, for x > above."""

    def __init__(self, shape: float, rate: float, above: float):
        self.shape, self.rate, self.above = shape, rate, above
        self._constant = shape * math.log(rate) - math.lgamma(shape)

    def log_density(self, x):
        """log density at x > above, any shape."""
        return self._constant + (self.shape - 1) * np.log(x - self.above) - self.rate * (x - self.above)

    def gradient(self, x):
        """Derivative of the log density."""
        return (self.shape - 1) / (x - self.above) - self.rate


class DistributionPrior:
    """A univariate PyMC distribution."""

    def __init__(self, distribution):
        self.distribution = distribution

    @cached_property
    def _compiled(self):
        import pymc as pm
        import pytensor
        import pytensor.tensor as pt

        x = pt.dvector("x")
        log_density = pm.logp(self.distribution, x)
        slope = pytensor.grad(log_density.sum(), x)
        # A few scalars are evaluated, often: compiling to machine code would not pay.
        return [pytensor.function([x], out, mode="FAST_COMPILE") for out in (log_density, slope)]

    def log_density(self, x):
        """log density at x, any shape."""
        return np.reshape(self._compiled[0](np.atleast_1d(np.ravel(x))), np.shape(x))

    def gradient(self, x):
        """Derivative of the log density."""
        return np.reshape(self._compiled[1](np.atleast_1d(np.ravel(x))), np.shape(x))


ScalarPrior = NormalPrior | HalfStudentTPrior | GammaPrior | DistributionPrior


@dataclass(frozen=True)
class Beta:
    """A Beta(a, b) prior on pi, which the data then inform.

    Parameters
    ----------
    a, b : float
        Positive; a / (a + b) is the prior mean of pi.

    Raises
    ------
    ValueError
        A parameter is not a positive finite number.

    Examples
    --------
    >>> Beta(1, 3).mean
    0.25
    """

    a: float
    b: float

    def __post_init__(self):
        for name, value in (("a", self.a), ("b", self.b)):
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
                raise ValueError(f"Beta: {name} must be a positive finite number; found {shown(value)}.")

    @property
    def mean(self) -> float:
        """Prior mean of pi."""
        return self.a / (self.a + self.b)

    def log_density_of_logit(self, x):
        """log density of x = logit pi."""
        log_beta = gammaln(self.a) + gammaln(self.b) - gammaln(self.a + self.b)
        return self.a * log_expit(x) + self.b * log_expit(-x) - log_beta

    def gradient_by_logit(self, x):
        """Derivative of `log_density_of_logit`."""
        return self.a - (self.a + self.b) * expit(x)


def check_priors(priors) -> None:
    """A Priors object, or None for the defaults."""
    if not isinstance(priors, Priors | None):
        raise TypeError(f"priors must be a Priors object or None; found {type(priors).__name__}.")
