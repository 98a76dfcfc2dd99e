"""What is believed before the data: numbers, or PyMC distributions in their place, for any design."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import numpy as np

from ..arguments import shown
from .densities import DistributionPrior, GammaPrior, HalfStudentTPrior, NormalPrior, ScalarPrior
from .formulas import reason

LEAST_NU = 2.0  # below, a Student-t has no SD


@dataclass(frozen=True)
class Priors:
    """Priors of the SS-MELSM; what is left out is relative to the data, so that no unit matters.

    A number that is given is taken as it is, in the data's units, and is about the formula's own coefficient. What is left
    out is made from the data: from sd(y), the SD of all students' outcomes, and sd(x), the SD of a column. The intercepts'
    defaults are about the centred design: about the expected outcome, and the log SD, at the covariates' means.
    (A product or a power counts as what is left of it after its own parts.)

    Parameters
    ----------
    gamma_intercept_mean, gamma_intercept_sd : float, optional
        Normal prior of the location intercept. Left out: the outcome's mean, and 3 sd(y), of the centred design; with one
        of the two given, of the intercept as the formula has it.
    gamma_sd : float, optional
        SD of the Normal(0, .) prior of every other location coefficient. Left out: 1000 sd(y) / sd(x).
    eta_sd : float, optional
        SD of the Normal(0, .) prior of every scale coefficient (log-SD units), the intercept included unless it has numbers
        of its own. Left out: 3 / sd(x).
    tau_df : float, default 3
        Degrees of freedom of the half-Student-t priors of the random-effect SDs.
    tau_u_scale, tau_t_scale : float, optional
        Their scales: location effects (outcome's units), scale effects (log-SD units). Left out: sd(y) and 1; of a slope
        on x, sd(y) / sd(x) and 1 / sd(x).
    omega_shape : float, default 1
        LKJ shape of the effects' correlation matrix; 1 is uniform.
    nu_shape, nu_rate : float, default 2 and 0.1
        Gamma prior of nu - 2, where nu are the degrees of freedom of ``family="student"``.
    eta_intercept_mean, eta_intercept_sd : float, optional
        Normal prior of the scale intercept (log-SD units). Left out: log sd(y) and 3, of the centred design.
    centred : bool, default True
        Whether what is left out for an intercept is about the centred design, or about the covariates' zero.
    gamma_intercept, gamma, eta, tau_u, tau_t, nu : PyMC distribution, optional
        Univariate, made by ``.dist()``, such as ``pm.HalfNormal.dist(0.3)``: replaces the numbers above.

    Raises
    ------
    ValueError
        A value is not a finite number, or not positive where it must be.

    Notes
    -----
    The prior that a fit used stands in its attribute ``priors``, in the data's units.

    Examples
    --------
    >>> Priors(tau_t_scale=0.3).tau_t_scale
    0.3
    """

    gamma_intercept_mean: float | None = None
    gamma_intercept_sd: float | None = None
    gamma_sd: float | None = None
    eta_sd: float | None = None
    tau_df: float = 3.0
    tau_u_scale: float | None = None
    tau_t_scale: float | None = None
    omega_shape: float = 1.0
    nu_shape: float = 2.0
    nu_rate: float = 0.1
    eta_intercept_mean: float | None = None
    eta_intercept_sd: float | None = None
    centred: bool = True
    gamma_intercept: Any = None
    gamma: Any = None
    eta: Any = None
    tau_u: Any = None
    tau_t: Any = None
    nu: Any = None

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in DISTRIBUTIONS:
                _check_distribution(field.name, value)
                continue
            if field.name == "centred":
                if not isinstance(value, bool):
                    raise ValueError(f"Priors: centred must be True or False; found {shown(value)}.")
                continue
            if value is None and field.default is None:
                continue
            positive = not field.name.endswith("_mean")
            number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
            if not number or (positive and value <= 0):
                expected = "a positive finite number" if positive else "a finite number"
                raise ValueError(f"Priors: {field.name} must be {expected}; found {shown(value)}.")

    @classmethod
    def reference(cls) -> Priors:
        """The reference implementation's priors, the R package ``ivd``'s: numbers that look at no unit.

        They suit outcomes and covariates whose mean is near 0 and whose SD is near 1.

        Returns
        -------
        Priors
            Normal(mean(y), 3 sd(y)) for the location intercept and Normal(0, 3) for that of the scale, both at the
            covariates' zero; Normal(0, 1000) and Normal(0, 3) for the other coefficients; half-t(3, 1) for every tau.

        Examples
        --------
        >>> Priors.reference().tau_u_scale
        1.0
        """
        return cls(gamma_sd=1000.0, eta_sd=3.0, tau_u_scale=1.0, tau_t_scale=1.0, centred=False)

    def as_dict(self) -> dict[str, float | bool | str | None]:
        """What was given, by name; distributions as text."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value
            if value is None or isinstance(value, bool)
            else _describe(value)
            if name in DISTRIBUTIONS
            else float(value)
            for name, value in values.items()
        }

    def of_gamma(self, mean: float, sd: float) -> tuple[ScalarPrior | None, ScalarPrior | None]:
        """What was given for the location's intercept and for its other coefficients; the outcome's mean and SD help."""
        intercept = given_density(self.gamma_intercept)
        numbers = self.gamma_intercept_mean, self.gamma_intercept_sd
        if intercept is None and (numbers != (None, None) or not self.centred):
            intercept = NormalPrior(_or(numbers[0], mean), _or(numbers[1], 3 * sd))
        other = NormalPrior(0.0, self.gamma_sd) if self.gamma_sd is not None else None
        return intercept, given_density(self.gamma) or other

    def of_eta(self, sd: float) -> tuple[ScalarPrior | None, ScalarPrior | None]:
        """The same for the scale."""
        other = given_density(self.eta) or (NormalPrior(0.0, self.eta_sd) if self.eta_sd is not None else None)
        numbers = self.eta_intercept_mean, self.eta_intercept_sd
        if numbers != (None, None) or (other is None and not self.centred):
            return NormalPrior(_or(numbers[0], math.log(sd)), _or(numbers[1], 3.0)), other
        return other, other

    def of_tau_u(self, default: float) -> ScalarPrior:
        """Prior of a location effect's SD; `default` is the scale where none was given."""
        return given_density(self.tau_u) or HalfStudentTPrior(self.tau_df, _or(self.tau_u_scale, default))

    def of_tau_t(self, default: float = 1.0) -> ScalarPrior:
        """Prior of a scale effect's SD."""
        return given_density(self.tau_t) or HalfStudentTPrior(self.tau_df, _or(self.tau_t_scale, default))

    def of_nu(self) -> ScalarPrior:
        """Prior of the degrees of freedom."""
        return given_density(self.nu) or GammaPrior(self.nu_shape, self.nu_rate, LEAST_NU)


DISTRIBUTIONS = ("gamma_intercept", "gamma", "eta", "tau_u", "tau_t", "nu")


def _or(value: float | None, default: float) -> float:
    return float(default if value is None else value)


def given_density(distribution) -> DistributionPrior | None:
    """The density of a PyMC distribution that was given."""
    return None if distribution is None else DistributionPrior(distribution, _describe(distribution))


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
