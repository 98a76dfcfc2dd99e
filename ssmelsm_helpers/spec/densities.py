"""Univariate prior densities, each with its slope and the text that a reader is shown."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

_LOG_2PI = math.log(2 * math.pi)


class Form(NamedTuple):
    """A log density but for a constant, as compiled loops know it: a v - q v^2 / 2 - n log(1 + e^v) at v = factor x + shift."""

    factor: float
    shift: float
    q: float
    a: float
    n: float


@dataclass(frozen=True)
class NormalPrior:
    """Normal(mean, sd)."""

    mean: float
    sd: float

    def log_density(self, x):
        """log density at x, any shape."""
        return -0.5 * ((x - self.mean) / self.sd) ** 2 - math.log(self.sd) - 0.5 * _LOG_2PI

    def gradient(self, x):
        """Derivative of the log density."""
        return (self.mean - x) / self.sd**2

    @property
    def form(self) -> Form:
        """Of x."""
        return Form(1 / self.sd, -self.mean / self.sd, 1.0, 0.0, 0.0)

    def of_multiple(self, factor: float, shift: float = 0.0) -> "NormalPrior":
        """The prior of x where this is the prior of factor x + shift."""
        return NormalPrior((self.mean - shift) / factor, self.sd / abs(factor))

    def __str__(self) -> str:
        return f"Normal({self.mean:.4g}, {self.sd:.4g})"


@dataclass(frozen=True)
class HalfStudentTPrior:
    """Half-Student-t(df, scale) on x > 0."""

    df: float
    scale: float

    def log_density(self, x):
        """log density at x > 0, any shape."""
        constant = math.lgamma((self.df + 1) / 2) - math.lgamma(self.df / 2) - 0.5 * math.log(self.df * math.pi)
        return constant + math.log(2 / self.scale) - (self.df + 1) / 2 * np.log1p((x / self.scale) ** 2 / self.df)

    def gradient(self, x):
        """Derivative of the log density."""
        return -(self.df + 1) * x / (self.df * self.scale**2 + x * x)

    def sample(self, draws: int, rng) -> np.ndarray:
        """Independent draws (S,)."""
        return self.scale * np.abs(rng.standard_t(self.df, size=draws))

    @property
    def form(self) -> Form:
        """Of log x."""
        return Form(2.0, -2 * math.log(self.scale) - math.log(self.df), 0.0, 0.5, (self.df + 1) / 2)

    def of_multiple(self, factor: float) -> "HalfStudentTPrior":
        """The prior of x where this is the prior of factor x."""
        return replace(self, scale=self.scale / factor)

    def __str__(self) -> str:
        return f"half-t({self.df:g}, {self.scale:.4g})"


@dataclass(frozen=True)
class GammaPrior:
    """Gamma(shape, rate) on x - above, for x > above."""

    shape: float
    rate: float
    above: float

    def log_density(self, x):
        """log density at x > above, any shape."""
        constant = self.shape * math.log(self.rate) - math.lgamma(self.shape)
        return constant + (self.shape - 1) * np.log(x - self.above) - self.rate * (x - self.above)

    def gradient(self, x):
        """Derivative of the log density."""
        return (self.shape - 1) / (x - self.above) - self.rate

    def __str__(self) -> str:
        return f"{self.above:g} + Gamma({self.shape:g}, {self.rate:g})"


@lru_cache(maxsize=64)  # a fit asks for the same distribution on two scales, and when it is given
def _compiled(distribution) -> list:
    """A distribution's log density, and its derivative, as functions."""
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    x = pt.dvector("x")
    log_density = pm.logp(distribution, x)
    slope = pytensor.grad(log_density.sum(), x)
    # A few scalars are evaluated, often: compiling to machine code would not pay.
    return [pytensor.function([x], out, mode="FAST_COMPILE") for out in (log_density, slope)]


@dataclass(frozen=True, eq=False)
class DistributionPrior:
    """A univariate PyMC distribution, of a multiple of x."""

    distribution: Any
    factor: float = 1.0
    form = None  #: PyMC's density is called from Python

    def _at(self, which: int, x):
        return np.reshape(_compiled(self.distribution)[which](self.factor * np.atleast_1d(np.ravel(x))), np.shape(x))

    def log_density(self, x):
        """log density at x, any shape."""
        return self._at(0, x) + math.log(self.factor)

    def gradient(self, x):
        """Derivative of the log density."""
        return self.factor * self._at(1, x)

    def sample(self, draws: int, rng) -> np.ndarray:
        """Independent draws (S,)."""
        import pymc as pm

        return np.asarray(pm.draw(self.distribution, draws, random_seed=rng)) / self.factor

    def of_multiple(self, factor: float) -> "DistributionPrior":
        """The prior of x where this is the prior of factor x."""
        return replace(self, factor=self.factor * factor)

    def __str__(self) -> str:
        return _in_words(self.distribution)


def is_distribution(value) -> bool:
    """Whether PyMC can draw from it and resize it; the result of arithmetic with a distribution is none."""
    owner = getattr(value, "owner", None)
    return owner is not None and hasattr(owner.op, "dist_params")


def _in_words(distribution) -> str:
    """A PyMC distribution's name and parameters, which may be distributions (of a mixture)."""
    node = distribution.owner
    name = getattr(node.op, "_print_name", (type(node.op).__name__,))[0]
    try:
        parameters = node.op.dist_params(node)
    except ValueError:  # some truncated distributions do not say which of their inputs are parameters
        parameters = ()
    found = [_in_words(p) if is_distribution(p) else p.eval() for p in parameters]
    texts = [p if isinstance(p, str) else f"{p:g}" if np.ndim(p) == 0 else str(p.tolist()) for p in found]
    return f"{name}({', '.join(texts)})"


ScalarPrior = NormalPrior | HalfStudentTPrior | GammaPrior | DistributionPrior
