"""pi, the prior probability of inclusion: one number, one per effect, or learned. This is the place that knows which."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy.special import expit, gammaln, log_expit, logit

from ..arguments import check_probability, in_order_of, is_number, require


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
        for name, value in vars(self).items():
            require(is_number(value) and value > 0, f"Beta: {name} must be a positive finite number", value)

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


@dataclass(frozen=True)
class Inclusion:
    """pi of the selected effects."""

    effects: tuple[str, ...]
    prior: tuple[float, ...] | Beta  #: one number per effect, or the prior of the one pi that they share

    @classmethod
    def of(cls, value, effects: Sequence[str]) -> "Inclusion":
        """From what a caller gave: a number, one number per effect (in order, or by name), or a Beta."""
        effects = tuple(effects)
        if isinstance(value, Beta):
            return cls(effects, value)
        if np.iterable(value) and not isinstance(value, str):
            values = in_order_of(effects, "inclusion_prior", value, "selected effect")
            named = zip(effects, values, strict=True)
            return cls(effects, tuple(check_probability(f"inclusion_prior[{name!r}]", pi) for name, pi in named))
        demand = "inclusion_prior must be a number between 0 and 1, one per selected effect, or sm.Beta(a, b)"
        require(isinstance(value, Real), demand, value)
        return cls(effects, (check_probability("inclusion_prior", value),) * len(effects))

    @classmethod
    def of_fit(cls, attributes: Mapping) -> "Inclusion":
        """From the attributes of a fit, which may have been saved."""
        effects = tuple(json.loads(attributes["select"]))
        if "inclusion_beta" in attributes:
            return cls(effects, Beta(*(float(value) for value in attributes["inclusion_beta"])))
        return cls(effects, tuple(np.broadcast_to(attributes["inclusion_prior"], len(effects)).tolist()))

    def attributes(self) -> dict:
        """For the attributes of a fit, as files can hold them; of a learned pi, its prior mean too."""
        same = len(set(self.means)) == 1
        found = {"select": json.dumps(self.effects), "inclusion_prior": self.means[0] if same else list(self.means)}
        return found | ({"inclusion_beta": [self.prior.a, self.prior.b]} if self.learned else {})

    @property
    def learned(self) -> bool:
        """Whether pi is a parameter."""
        return isinstance(self.prior, Beta)

    @property
    def means(self) -> tuple[float, ...]:
        """The prior probability of each selected effect."""
        return (self.prior.mean,) * len(self.effects) if self.learned else self.prior

    def mean_of(self, effect: str) -> float:
        """The prior probability of one selected effect."""
        return self.means[self.effects.index(effect)]

    @property
    def log_odds(self):
        """logit of the numbers: of one effect a number, of several an array."""
        return logit(self.prior[0] if len(self.prior) == 1 else self.prior)

    def at(self, draws, effect: str):
        """pi of an effect in the draws of a fit: its number, or what was learned."""
        return draws["pi"] if self.learned else self.mean_of(effect)

    def __str__(self) -> str:
        if self.learned:
            return f"Beta({self.prior.a:g}, {self.prior.b:g})"
        return ", ".join(f"{pi:g}" for pi in dict.fromkeys(self.prior))
