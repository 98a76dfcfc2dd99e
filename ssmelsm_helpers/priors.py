"""Priors of the model, as numbers, so that every engine reads the same ones."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real

import numpy as np

_LOG_2PI = math.log(2 * math.pi)


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

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            positive = field.name != "gamma_intercept_mean"
            number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
            if not number or (positive and value <= 0):
                expected = "a positive finite number" if positive else "a finite number"
                raise ValueError(f"Priors: {field.name} must be {expected}; found {value!r}.")

    def resolve(self, mean: float, sd: float) -> Priors:
        """The same priors with the data-based defaults filled in."""
        intercept_mean = mean if self.gamma_intercept_mean is None else self.gamma_intercept_mean
        intercept_sd = 3 * sd if self.gamma_intercept_sd is None else self.gamma_intercept_sd
        return replace(self, gamma_intercept_mean=float(intercept_mean), gamma_intercept_sd=float(intercept_sd))

    def as_dict(self) -> dict[str, float]:
        """The numbers by name (for a fit's attributes)."""
        return {name: None if value is None else float(value) for name, value in asdict(self).items()}


def check_priors(priors) -> None:
    """A Priors object, or None for the defaults."""
    if not isinstance(priors, Priors | None):
        raise TypeError(f"priors must be a Priors object or None; found {type(priors).__name__}.")


def log_normal(x, mean, sd):
    """log density of Normal(mean, sd)."""
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * _LOG_2PI


def log_half_student_t(x, df, scale):
    """log density of the half-Student-t on x > 0."""
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi) + math.log(2 / scale)
    return constant - (df + 1) / 2 * np.log1p((x / scale) ** 2 / df)


def log_lkj_pair(rho, shape, xp=np):
    """log density of the correlation in a 2 x 2 LKJ(shape) matrix: (rho + 1) / 2 ~ Beta(shape, shape)."""
    log_beta = 2 * math.lgamma(shape) - math.lgamma(2 * shape)
    return (shape - 1) * xp.log((1 - rho**2) / 4) - log_beta - math.log(2)
