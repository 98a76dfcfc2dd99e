"""The priors of one model's parameters: what was given, and for the rest what the data's units ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .densities import NormalPrior, ScalarPrior
from .priors import Priors
from .standard import DATA_UNITS, Columns, Margins, Units

# SDs of the defaults: of a location coefficient in units of sd(y) / sd(x), of a scale coefficient in units of 1 / sd(x).
_INTERCEPT, _SLOPE, _SCALE = 3.0, 1000.0, 3.0
# A posterior leans on its prior where this brings more of its precision, or moves it by more of its SDs. So many draws are
# enough to see it, and fewer than these do not tell.
_MOST_SHARE, _MOST_PULL = 0.5, 1.25
_ENOUGH, _FEW = 1000, 100


@dataclass(frozen=True, eq=False)
class CoefficientPriors:
    """Independent priors of combinations of a submodel's coefficients g: of rows @ g + offset."""

    terms: tuple[str, ...]
    rows: np.ndarray  #: (P, P), invertible
    offset: np.ndarray  #: (P,)
    priors: tuple[ScalarPrior, ...]

    @cached_property
    def plain(self) -> bool:
        """Whether they are about the coefficients themselves."""
        return not self.offset.any() and np.array_equal(self.rows, np.eye(len(self.rows)))

    @cached_property
    def log_volume(self) -> float:
        """What the combinations add to a log density."""
        return float(np.linalg.slogdet(self.rows)[1])

    def combinations(self, coefficients) -> np.ndarray:
        """What the priors are about, from coefficients (..., P)."""
        return coefficients if self.plain else coefficients @ self.rows.T + self.offset

    def log_density(self, coefficients):
        """log density at coefficients (..., P)."""
        values = self.combinations(coefficients)
        total = sum(prior.log_density(values[..., at]) for at, prior in enumerate(self.priors))
        return total + self.log_volume

    def gradient(self, coefficients) -> np.ndarray:
        """Its gradient at coefficients (P,)."""
        values = self.combinations(coefficients)
        slopes = np.array([float(prior.gradient(values[at])) for at, prior in enumerate(self.priors)])
        return slopes if self.plain else slopes @ self.rows


class ModelPriors(NamedTuple):
    """Priors of all hyperparameters of a model, on the scale of its design."""

    gamma: CoefficientPriors
    eta: CoefficientPriors
    tau: tuple[ScalarPrior, ...]  #: location effects first
    omega_shape: float
    nu: ScalarPrior

    @classmethod
    def of(cls, given: Priors, margins: Margins, units: Units = DATA_UNITS) -> "ModelPriors":
        """In the data's units, or on the standard scale that `units` may be."""
        m, log_sd, standard = margins, float(np.log(margins.sd)), units.margins is not None
        sds, log_sds = (_INTERCEPT * m.sd, _SLOPE * m.sd), (_SCALE, _SCALE)
        gamma = given.of_coefficients("gamma", m.mean, sds[0])
        eta = given.of_coefficients("eta", log_sd, log_sds[0])
        taus = [given.of_tau("tau_u", m.sd / size) for size in m.location_sizes]
        taus += [given.of_tau("tau_t", 1 / size) for size in m.scale_sizes]
        if standard:
            taus = [prior.of_multiple(size) for prior, size in zip(taus, units.effect_sizes, strict=True)]
        return cls(
            _coefficients(m.location, gamma, m.mean, sds, units.shift, units.unit, standard),
            _coefficients(m.scale, eta, log_sd, log_sds, np.log(units.unit), 1.0, standard),
            tuple(taus),
            float(given.omega_shape),
            given.of_nu(),
        )

    def by_name(self, effects: Sequence[str]) -> dict[str, CoefficientPriors]:
        """Those of gamma, eta and tau."""
        size = len(effects)
        tau = CoefficientPriors(tuple(effects), np.eye(size), np.zeros(size), self.tau)
        return {"gamma": self.gamma, "eta": self.eta, "tau": tau}

    def texts(self, effects: Sequence[str], family: str) -> dict[str, str]:
        """Every prior in words, by parameter."""
        found = {}
        for name, part in self.by_name(effects).items():
            for term, row, prior in zip(part.terms, part.rows, part.priors, strict=True):
                about = "" if np.count_nonzero(row) == 1 else " at the means of the other columns"
                found[f"{name}[{term}]"] = f"{prior}{about}"
        found["omega"] = f"LKJ({self.omega_shape:g})"
        return found | ({"nu": str(self.nu)} if family == "student" else {})


def leaning_on(priors: ModelPriors, effects, posterior) -> list[str]:
    """Coefficients and SDs of effects whose posterior (draws in the units of `priors`) leans on the prior, in words.

    The prior's share of the posterior's precision is its mean curvature times the posterior's variance; its pull is its
    mean slope times the posterior's SD, the SDs by which it moves a posterior that is nearly Normal.
    """
    found = []
    for name, part in priors.by_name(effects).items():
        draws = posterior[name].transpose("chain", "draw", ...).to_numpy()
        values = part.combinations(draws.reshape(-1, len(part.terms)))
        for term, density, value in zip(part.terms, part.priors, values.T, strict=True):
            text = _leaning(density, value[:: max(len(value) // _ENOUGH, 1)])
            found += [f"{name}[{term}] ~ {density} ({text})"] if text else []
    return found


def _leaning(density: ScalarPrior, values: np.ndarray) -> str:
    """Why a posterior leans on its prior; an empty text where it does not."""
    sd, step = values.std(), 1e-3 * np.where(values > 0, np.minimum(values, values.std()), values.std())
    if len(values) < _FEW or not sd > 0:
        return ""
    with np.errstate(all="ignore"):
        slope = density.gradient(values)
        curvature = (density.gradient(values - step) - density.gradient(values + step)) / (2 * step)
        share, pull = np.mean(curvature) * sd**2, abs(np.mean(slope)) * sd
    if share > _MOST_SHARE:
        return f"{min(share, 1):.0%} of the posterior's precision"
    return f"which moves it by {pull:.1f} posterior SDs" if pull > _MOST_PULL else ""


def _coefficients(columns: Columns, given, centre, sds, shift, unit, standard: bool) -> CoefficientPriors:
    """Priors of a submodel's coefficients.

    `given` are priors of an intercept and of other coefficients, or None; `centre` and `sds` make the defaults: a constant
    predictor's value, and the SDs of an intercept and of a coefficient of a column of SD 1. On the standard scale the
    formula's coefficients are unit A^-1 g + shift b, where A centres and divides by the columns' sizes.
    """
    identity, moved = np.eye(len(columns.terms)), shift * columns.constant
    of_given, of_default, scale = identity, columns.centring, np.ones(len(columns.terms))
    if standard:
        of_given, of_default, scale = unit * columns.uncentring / columns.size, identity, unit / columns.size
    rows, offset, priors = identity.copy(), np.zeros(len(scale)), []
    for k, is_constant in enumerate(columns.is_constant):
        own, sd = (given[0], sds[0]) if is_constant else (given[1], sds[1])
        default = NormalPrior(centre * columns.constant[k], sd / columns.size[k])
        priors.append(own or default.of_multiple(scale[k], moved[k]))
        rows[k], offset[k] = (of_given[k], moved[k]) if own else (of_default[k], 0.0)
    return CoefficientPriors(columns.terms, rows, offset, tuple(priors))
