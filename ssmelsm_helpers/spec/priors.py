"""What is believed before the data: numbers, or PyMC distributions in their place, for any design."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..arguments import is_number, require
from .densities import DistributionPrior, GammaPrior, HalfStudentTPrior, NormalPrior, ScalarPrior, is_distribution
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
            name, value = field.name, getattr(self, field.name)
            if value is field.default:
                continue
            if name in _DISTRIBUTIONS:
                _check_distribution(name, value)
            elif name == "centred":
                require(isinstance(value, bool), "Priors: centred must be True or False", value)
            elif name.endswith("_mean"):
                require(is_number(value), f"Priors: {name} must be a finite number", value)
            else:
                require(is_number(value) and value > 0, f"Priors: {name} must be a positive finite number", value)

    @classmethod
    def reference(cls) -> "Priors":
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
        found = dict(vars(self))
        for name, value in found.items():
            if name in _DISTRIBUTIONS and value is not None:
                found[name] = str(DistributionPrior(value))
            elif not isinstance(value, bool | None):
                found[name] = float(value)
        return found

    def of_coefficients(self, name: str, mean: float, sd: float) -> tuple[ScalarPrior | None, ScalarPrior | None]:
        """What was given for an intercept and for the other coefficients of "gamma" or "eta".

        Its mean and SD stand for what is left out of an intercept's numbers.
        """
        others_sd, *numbers = (getattr(self, f"{name}_{of}") for of in ("sd", "intercept_mean", "intercept_sd"))
        others = self._distribution(name) or (None if others_sd is None else NormalPrior(0.0, others_sd))
        # The scale's intercept is one of its coefficients, unless it has numbers of its own.
        intercept = others if name == "eta" else None
        if numbers != [None, None] or (intercept is None and not self.centred):
            intercept = NormalPrior(_or(numbers[0], mean), _or(numbers[1], sd))
        own = self._distribution("gamma_intercept") if name == "gamma" else None
        return own or intercept, others

    def of_tau(self, name: str, scale: float = 1.0) -> ScalarPrior:
        """Prior of a random effect's SD, "tau_u" or "tau_t"; the scale is for where none was given."""
        scale = _or(getattr(self, f"{name}_scale"), scale)
        return self._distribution(name) or HalfStudentTPrior(self.tau_df, scale)

    def of_nu(self) -> ScalarPrior:
        """Prior of the degrees of freedom."""
        return self._distribution("nu") or GammaPrior(self.nu_shape, self.nu_rate, LEAST_NU)

    def _distribution(self, name: str) -> DistributionPrior | None:
        given = getattr(self, name)
        return None if given is None else DistributionPrior(given)


_DISTRIBUTIONS = ("gamma_intercept", "gamma", "eta", "tau_u", "tau_t", "nu")


def _or(value: float | None, default: float) -> float:
    return float(default if value is None else value)


def _check_distribution(name: str, value) -> None:
    """A univariate continuous PyMC distribution; on positive values where only those make sense."""
    fine = is_distribution(value) and value.ndim == 0 and str(value.dtype).startswith("float")
    kind = "a univariate continuous PyMC distribution, like pm.HalfNormal.dist(0.3)"
    require(fine, f"Priors: {name} must be None or {kind}", value)
    prior, below = DistributionPrior(value), LEAST_NU if name == "nu" else 0.0
    outside = below - np.array([1e-6, 0.1, 0.5, 2.0, 10.0])
    must = f"Priors: {name} must be a distribution"
    try:  # PyMC finds its parameters to be wrong here, PyTensor that there is no derivative
        density, _slope = prior.log_density(outside), prior.gradient(outside)
    except Exception as error:
        why = reason(error).split("Backtrace")[0] or "no derivative"
        raise ValueError(f"{must} with a density and its derivative; found {prior} ({why}).") from error
    if name in ("tau_u", "tau_t", "nu") and np.isfinite(density).any():
        raise ValueError(f"{must} on values above {below:g}; found {prior}.")
