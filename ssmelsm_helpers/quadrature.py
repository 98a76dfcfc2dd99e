"""Quadrature over the scale effect for many draws and schools at once, in NumPy: quick where that is proven.

For most schools the integrand is close to a Gaussian, and limits guessed from one do. The others are
found out by their nodes' values and get limits by scanning (`kernel.slab_limits`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .kernel import (
    LARGEST_T,
    LOG_DROP,
    Component,
    Components,
    asked_by_location,
    asked_by_spread,
    log_integrand,
    log_spike,
    log_sum,
    node_count,
    nodes_between,
    slab_limits,
)

# Where the integrand is close to a Gaussian, limits are guessed, seven SDs to either side, and twenty
# nodes do: for a small slab SD always, for a larger one in schools of enough students.
_QUICK_TAU, _QUICK_SLOPE, _QUICK_N = 0.18, 80, 30
_GUESSED_SDS = 7.0
_USUAL_MEAN = 4.2  # SDs of a school's mean
QUICK_NODES = 20


def guess_limits(slab: Component):
    """Limits of z from a Gaussian approximation, seven of its SDs to either side (NumPy)."""
    from_location, pull = asked_by_location(slab)
    from_spread = 2 * np.maximum(slab.n - len(slab.loads), 0) * slab.tau_t**2
    curvature = 1 + from_spread + from_location
    centre = (from_spread * asked_by_spread(slab, np) + pull) / curvature
    half_width = _GUESSED_SDS / np.sqrt(curvature)
    bound = LARGEST_T / slab.tau_t
    return np.maximum(centre - half_width, -bound), np.minimum(centre + half_width, bound)


def unproven(values, both: Components):
    """Where guessed limits do not show the whole peak, well resolved: those need `slab_limits`."""
    matters = values > values.max(axis=0) - LOG_DROP
    seen = ~matters[0] & ~matters[-1] & (matters.sum(axis=0) >= len(values) // 2)
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
    values: np.ndarray  #: log integrand at the nodes, which stand on the first axis

    @property
    def log_slab(self) -> np.ndarray:
        """log p(y_j | slab), without the constant."""
        return log_sum(self.values, self.limits, len(self.values))


def select(where, part: Component) -> Component:
    """A component (1-D arrays) of some schools."""
    return Component(*(tuple(v[where] for v in value) if isinstance(value, tuple) else value[where] for value in part))


def flatten(part: Component, shape) -> Component:
    """All arrays of a component broadcast to one shape, and raveled."""

    def flat(value):
        return np.broadcast_to(value, shape).ravel()

    return Component(*(tuple(map(flat, value)) if isinstance(value, tuple) else flat(value) for value in part))


def guessed_piece(slab: Component, where=slice(None)) -> Piece:
    """Quadrature between guessed limits."""
    limits = guess_limits(slab)
    return Piece(where, slab, limits, log_integrand(nodes_between(limits, QUICK_NODES), slab))


def scanned_piece(slab: Component, where=slice(None)) -> Piece:
    """Quadrature between limits found by scanning: slower, and right for every school."""
    limits = slab_limits(slab)
    count = int(node_count(slab.tau_t.max()))
    return Piece(where, slab, limits, log_integrand(nodes_between(limits, count), slab))


def pieces_of(both: Components) -> list[Piece]:
    """Quadrature of 1-D components: guessed limits where they prove themselves, scanned ones elsewhere."""
    guess = guessed_piece(both.slab)
    hard = unproven(guess.values, both)
    if not hard.any():
        return [guess]
    pieces = [scanned_piece(select(hard, both.slab), hard)]
    if not hard.all():
        easy = ~hard
        kept = tuple(limit[easy] for limit in guess.limits)
        pieces.insert(0, Piece(easy, select(easy, both.slab), kept, guess.values[:, easy]))
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
    return Quadrature(log_spike(both.spike).reshape(shape), slab.reshape(shape), pieces)
