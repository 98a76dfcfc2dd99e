r"""A design on a standard scale, and the way back: neither units nor origins of the data may matter to a fit.

The outcome is counted in its SDs from its mean, and columns are centred and divided by their SDs. With columns x_k and
coefficients g_k, centring is a matrix T: the coefficients of the centred columns are T g. (For a covariate beside an
intercept that is all it says: the intercept of the centred design is the expected outcome at the covariate's mean.)
A product such as x:z, or a power, is what is left of it after its own parts x and z: else the coefficient of x, which
is the slope where z is zero, would depend on where z is counted from.
"""

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..data.schools import pooled_moments
from .design import Design

# Columns add up to a constant, where they do, but for rounding.
_ROUNDING = 1e-9


class Columns(NamedTuple):
    """The columns of one submodel, as its coefficients' priors and the standard scale see them."""

    terms: tuple[str, ...]
    constant: np.ndarray  #: b (P,): sum of b_k x_k is 1; zeros if no constant is a combination of the columns
    centring: np.ndarray  #: T (P, P)
    size: np.ndarray  #: (P,) SD of each centred column; of a constant column its size
    is_constant: np.ndarray  #: (P,)

    @classmethod
    def of(cls, names, values: np.ndarray) -> "Columns":
        """From named columns (N, P) that are linearly independent."""
        is_constant = np.ptp(values, axis=0) == 0
        constant = _weights_of_constant(values, is_constant)
        # Means first: years, and their products, are large numbers that differ little.
        means = np.array([column.mean() if constant.any() else 0.0 for column in values.T])
        moves, centred = np.zeros((len(names), len(names))), values - means
        centred[:, constant != 0] = values[:, constant != 0]
        for k in np.flatnonzero(constant == 0):
            parts = _parts(names, k)
            others = values[:, parts] - means[parts]
            slopes = np.linalg.lstsq(others, centred[:, k], rcond=None)[0]
            centred[:, k] -= others @ slopes
            moves[parts, k] = slopes
            moves[:, k] += constant * (means[k] - means[parts] @ slopes)
        size = sizes_of(centred)
        return cls(tuple(names), constant, np.linalg.inv(np.eye(len(names)) - moves), size, is_constant)

    @property
    def uncentring(self) -> np.ndarray:
        """T^-1."""
        return np.linalg.inv(self.centring)

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """The columns, centred and divided by their sizes."""
        return values @ self.uncentring / self.size

    def to_data(self, coefficients, shift: float, unit: float) -> np.ndarray:
        """Coefficients (..., P) of the columns as they are, from those of the standardised ones."""
        return (coefficients * unit / self.size) @ self.uncentring.T + shift * self.constant

    def to_standard(self, coefficients, shift: float, unit: float) -> np.ndarray:
        """The way back."""
        return (coefficients - shift * self.constant) @ self.centring.T * self.size / unit


def _weights_of_constant(values, is_constant) -> np.ndarray:
    """b with sum of b_k x_k = 1: by a constant column, else by all columns (of the levels of a factor, say)."""
    if is_constant.any():
        at = np.argmax(is_constant)
        return np.eye(len(is_constant))[at] / values[0, at]
    largest = np.abs(values).max(axis=0)
    weights = np.linalg.lstsq(values / largest, np.ones(len(values)), rcond=None)[0]
    is_one = np.abs(values / largest @ weights - 1).max() <= _ROUNDING
    return np.where(is_one & (np.abs(weights) > _ROUNDING), weights / largest, 0.0)


def _parts(names, k: int) -> list[int]:
    """Positions of the columns that are parts of a product or of a function: x and z of x:z, x of I(x ** 2)."""
    own = _components(names[k])
    words = set(re.findall(r"[^\W\d][\w.]*", re.sub(r"\[[^\]]*\]", "", names[k])))  # levels stand in brackets
    others = [(at, _components(name)) for at, name in enumerate(names)]
    return [at for at, its in others if its != own and len(its) <= len(own) and words.union(own).issuperset(its)]


def _components(name: str) -> list[str]:
    """What a product's name is made of: colons that stand neither in brackets nor in parentheses nor in backticks."""
    return re.findall(r"(?:[^:\[\](){}`]|`[^`]*`|\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\)|[({\])}])+", name)


def sizes_of(columns: np.ndarray) -> np.ndarray:
    """SD of each column (N, K) of random effects; of a constant one its size."""
    constant = np.ptp(columns, axis=0) == 0
    return np.where(constant, np.abs(columns[0]), columns.std(axis=0, ddof=1))


class Margins(NamedTuple):
    """What default priors and the standard scale need to know of the data."""

    mean: float  #: of the outcome
    sd: float
    location: Columns
    scale: Columns
    location_sizes: np.ndarray  #: of the random effects' columns
    scale_sizes: np.ndarray

    @classmethod
    def of(cls, design: Design) -> "Margins":
        """Of a design."""
        y = design.y
        moments = (float(y.mean()), float(y.std(ddof=1))) if design.table is None else pooled_moments(design.table)
        columns = Columns.of(design.location_terms, design.X), Columns.of(design.scale_terms, design.W)
        return cls(*moments, *columns, sizes_of(design.Z), sizes_of(design.S))


class Units:
    """The standard scale of some data; ``Units(None)`` is the scale they have.

    Where the formulas have no constant, a shift or another unit of the outcome is another model: then the outcome stays
    as it is.
    """

    def __init__(self, margins: Margins | None):
        self.margins = margins
        self.shift = margins.mean if margins and margins.location.constant.any() else 0.0
        self.unit = margins.sd if margins and margins.scale.constant.any() else 1.0

    def of_design(self, design: Design) -> Design:
        """The design on this scale."""
        m, table = self.margins, design.table
        if table is not None:
            table = table.assign(mean=(table["mean"] - self.shift) / self.unit, sd=table["sd"] / self.unit)
        return replace(
            design,
            y=(design.y - self.shift) / self.unit,
            X=m.location.standardised(design.X),
            W=m.scale.standardised(design.W),
            Z=design.Z / m.location_sizes,
            S=design.S / m.scale_sizes,
            evaluators=None,
            table=table,
        )

    @property
    def effect_sizes(self) -> np.ndarray:
        """What one unit of each random effect on this scale is in the data's units, location effects first."""
        return np.concatenate([self.unit / self.margins.location_sizes, 1 / self.margins.scale_sizes])

    def to_data(self, draws: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Draws by name, from this scale to the data's units."""
        sizes, K = self.effect_sizes, len(self.margins.location_sizes)
        moved = {
            "gamma": self.margins.location.to_data(draws["gamma"], self.shift, self.unit),
            "eta": self.margins.scale.to_data(draws["eta"], np.log(self.unit), 1.0),
            "tau": draws["tau"] * sizes,
            "u": draws["u"] * sizes[:K],
            "t": draws["t"] * sizes[K:],
        }
        return draws | moved

    def to_standard(self, gamma, eta, tau) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """gamma, eta and tau (..., size), from the data's units to this scale."""
        gamma = self.margins.location.to_standard(gamma, self.shift, self.unit)
        eta = self.margins.scale.to_standard(eta, np.log(self.unit), 1.0)
        return gamma, eta, tau / self.effect_sizes


DATA_UNITS = Units(None)
