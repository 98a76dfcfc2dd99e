"""Quadrature over the scale effect for many draws and schools at once, in NumPy: quick where that is proven.

For most schools the integrand is close to a Gaussian, and limits guessed from one do. The others are
found out by their nodes' values and get limits by scanning (`kernel.slab_limits`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from . import kernel
from .kernel import Component, Components

# Where the integrand is close to a Gaussian, limits are guessed, about seven SDs to either side, and few
# nodes do: for a small slab SD always, for a larger one in schools of enough students.
_QUICK_TAU, _QUICK_SLOPE, _QUICK_N = 0.18, 80, 20
_GUESSED_SDS = 7.0
_USUAL_MEAN = 4.2  # SDs of a school's mean
_LEAST_DENSITY = np.exp(-kernel.LOG_DROP)
_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
QUICK_NODES = 18


def guess_limits(slab: Component):
    """Limits of z from a Gaussian approximation with a correction for its skewness (NumPy)."""
    from_location, pull = kernel.asked_by_location(slab)
    from_spread = 2 * np.maximum(slab.n - len(slab.loads), 0) * slab.tau_t**2
    curvature = 1 + from_spread + from_location
    centre = (from_spread * kernel.asked_by_spread(slab, np) + pull) / curvature
    width = _GUESSED_SDS / np.sqrt(curvature)
    # The data refute a t too low sooner than one as much too high: the log integrand, whose third derivative is
    # 2 tau_t from_spread, falls by as much at both of these limits.
    stretch = 1 + slab.tau_t * from_spread * width / (3 * curvature)
    bound = kernel.LARGEST_T / slab.tau_t
    return np.maximum(centre - width / stretch, -bound), np.minimum(centre + width * stretch, bound)


def unproven(density, both: Components):
    """Where guessed limits do not show the whole peak, well resolved: those need `slab_limits`.

    `density` holds the integrand at the nodes in units of its largest value there.
    """
    matters = density > _LEAST_DENSITY
    seen = ~matters[0] & ~matters[-1] & (matters.sum(axis=0) >= len(density) // 2)
    # A mean far from the others may pull, through rho, against the school's SD: then a second peak can hide.
    spike = both.spike
    surprise = sum(centre**2 / (1 + load) for load, centre in zip(spike.loads, spike.centres, strict=True))
    enough = np.minimum(_QUICK_SLOPE * (spike.tau_t - _QUICK_TAU), _QUICK_N)
    return ~(seen & (surprise <= _USUAL_MEAN**2) & (spike.n >= enough))


class Piece(NamedTuple):
    """The slab's quadrature for some of the schools (1-D arrays): those at `where`."""

    where: Any
    slab: Component
    limits: tuple[np.ndarray, np.ndarray]
    peak: np.ndarray  #: largest log integrand at a node
    density: np.ndarray  #: integrand at the nodes, which stand on the first axis, over its largest value
    at_nodes: tuple[np.ndarray, ...] = ()  #: what else is known there: for the gradient

    @property
    def log_slab(self) -> np.ndarray:
        """log p(y_j | slab), without the constant."""
        low, high = self.limits
        return self.peak + np.log(self.density.sum(axis=0) * (high - low) / (len(self.density) - 1)) - _HALF_LOG_2PI


def select(where, part: Component) -> Component:
    """A component (1-D arrays) of some schools."""
    return Component(*(tuple(v[where] for v in value) if isinstance(value, tuple) else value[where] for value in part))


def part_of(piece: Piece, where) -> Piece:
    """The quadrature of some of a piece's schools; `where` becomes the new piece's own."""
    limits = tuple(limit[where] for limit in piece.limits)
    at_nodes = tuple(values[:, where] for values in piece.at_nodes)
    return Piece(where, select(where, piece.slab), limits, piece.peak[where], piece.density[:, where], at_nodes)


def flatten(part: Component, shape) -> Component:
    """All arrays of a component broadcast to one shape, and raveled."""

    def flat(value):
        return np.broadcast_to(value, shape).ravel()

    return Component(*(tuple(map(flat, value)) if isinstance(value, tuple) else flat(value) for value in part))


def precisions_between(limits, count: int, tau_t) -> np.ndarray:
    """s = exp(-2 tau_t z) at `kernel.nodes_between(limits, count)`: a geometric series, without so many exponentials."""
    low, high = limits
    s = np.empty((count, *low.shape))
    s[0] = np.exp(-2 * tau_t * low)
    ratio, known = np.exp(-2 * tau_t * (high - low) / (count - 1)), 1
    while known < count:
        more = min(known, count - known)
        np.multiply(s[:more], ratio, out=s[known : known + more])
        ratio, known = ratio * ratio, known + more
    return s


def piece_between(limits, count: int, slab: Component, where=slice(None)) -> Piece:
    """Quadrature with so many nodes between these limits."""
    z = kernel.nodes_between(limits, count)
    values = kernel.log_integrand(z, slab, s=precisions_between(limits, count, slab.tau_t))
    peak = values.max(axis=0)
    return Piece(where, slab, limits, peak, np.exp(values - peak))


def pieces_of(both: Components, between=piece_between) -> list[Piece]:
    """Quadrature of 1-D components: guessed limits where they prove themselves, scanned ones elsewhere.

    `between` evaluates the integrand; it has the signature of `piece_between`.
    """
    guess = between(guess_limits(both.slab), QUICK_NODES, both.slab)
    hard = unproven(guess.density, both)
    if not hard.any():
        return [guess]
    slab = select(hard, both.slab)
    pieces = [between(kernel.slab_limits(slab), int(kernel.node_count(slab.tau_t.max())), slab, hard)]
    if not hard.all():
        pieces.insert(0, part_of(guess, ~hard))
    return pieces


class Quadrature(NamedTuple):
    """log p(y_j | spike) and log p(y_j | slab), without the constant, and how the latter was found."""

    spike: np.ndarray
    slab: np.ndarray
    pieces: list[Piece]

    @property
    def log_bf(self) -> np.ndarray:
        """log Bayes factor of inclusion."""
        return self.slab - self.spike


def spike_and_slab(both: Components) -> Quadrature:
    """Both components' likelihoods, for NumPy arrays of any shapes that broadcast.

    The pieces' 1-D arrays run over the flattened result.
    """
    leaves = [v for value in both.slab for v in (value if isinstance(value, tuple) else (value,))]
    shape = np.broadcast_shapes(*map(np.shape, leaves))
    both = Components(*(flatten(part, shape) for part in both))
    pieces = pieces_of(both)
    slab = np.empty(len(both.slab.n))
    for piece in pieces:
        slab[piece.where] = piece.log_slab
    return Quadrature(kernel.log_spike(both.spike).reshape(shape), slab.reshape(shape), pieces)
