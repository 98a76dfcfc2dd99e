"""School effects u, t and delta, drawn exactly given every draw of the hyperparameters.

``delta`` is Bernoulli with the collapsed model's own probability. In the slab ``t`` has a density on
a line: proposals come from its piecewise linear interpolation between the quadrature nodes, and are
accepted so that the result follows the density itself, not the nodes. ``u`` given ``t`` is Normal.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from . import kernel
from .posterior import CollapsedPosterior

# Upper bound of density / interpolation wherever the slab holds mass (tests/test_recovery.py).
_BOUND = 1.2


def recover_effects(posterior: CollapsedPosterior, x: np.ndarray, rng, progress=None) -> dict[str, np.ndarray]:
    """Per draw of x (S, 5) and school: log_bf, delta, t and u, arrays (S, J); and log_density (S,).

    ``t`` and ``u`` are the effects in force: ``t`` is exactly zero where ``delta`` is.
    """
    shape = (len(x), len(posterior.n))
    result = {name: np.empty(shape) for name in ("log_bf", "u", "t")}
    result |= {"delta": np.empty(shape, dtype=np.int8), "log_density": posterior.log_prior(x)}
    log_odds = logit(posterior.inclusion_prior)
    for draws, schools in posterior.blocks(len(x), progress):
        terms, effects = posterior.pieces(x[draws], schools)
        found = kernel.spike_and_slab(terms, effects)
        delta = rng.random(found.spike.shape) < expit(found.log_bf + log_odds)
        t = _draw_t(found, delta, rng)
        here = (draws, schools)
        result["log_bf"][here], result["delta"][here], result["t"][here] = found.log_bf, delta, t
        result["u"][here] = _draw_u(t, delta, terms, effects, rng)
        result["log_density"][draws] += posterior.log_likelihood(terms, found.spike, found.slab)
    return result


def _draw_t(found: kernel.Quadrature, delta, rng) -> np.ndarray:
    """t in the slab where delta is 1, and 0 elsewhere."""
    t = np.zeros(delta.size)
    positions = np.arange(delta.size)
    for piece in found.pieces:
        wanted = delta.ravel()[piece.where]
        if wanted.any():
            terms, effects = kernel.select(wanted, piece.terms, piece.effects)
            limits = tuple(limit[wanted] for limit in piece.limits)
            z = draw_slab(terms, effects, limits, piece.values[:, wanted], rng)
            t[positions[piece.where][wanted]] = effects.tau_t * z
    return t.reshape(delta.shape)


def draw_slab(terms: kernel.SchoolTerms, effects: kernel.Effects, limits, values, rng) -> np.ndarray:
    """One z per school (1-D arrays) from the slab's density, by rejection.

    `values` (nodes, schools) is the log integrand at equally spaced nodes between the limits.
    """
    low, high = limits
    step = (high - low) / (len(values) - 1)
    peak = values.max(axis=0)
    density = np.exp(values - peak)
    cumulative = np.cumsum(density[1:] + density[:-1], axis=0)
    z = np.empty(len(low))
    waiting = np.arange(len(low))
    while len(waiting):
        place, accept = rng.random((2, len(waiting)))
        place *= cumulative[-1, waiting]
        cell = (cumulative[:, waiting] < place).sum(axis=0)
        left, right = density[cell, waiting], density[cell + 1, waiting]
        # What is left of `place` within the cell, as a share of the cell's mass, is uniform again.
        share = np.clip(1 - (cumulative[cell, waiting] - place) / (left + right), 0.0, 1.0)
        # Inverse of a linear density's distribution function, in the form without cancellation.
        fraction = share * (left + right) / (left + np.sqrt(left**2 + share * (right**2 - left**2)))
        proposal = low[waiting] + (cell + fraction) * step[waiting]
        here = kernel.SchoolTerms(*(v[waiting] for v in terms)), kernel.Effects(*(v[waiting] for v in effects))
        target = np.exp(kernel.log_integrand(proposal, *here) - peak[waiting])
        accepted = accept * _BOUND * (left + fraction * (right - left)) < target
        z[waiting[accepted]] = proposal[accepted]
        waiting = waiting[~accepted]
    return z


def _draw_u(t, delta, terms, effects, rng) -> np.ndarray:
    """u given t: its conditional Normal prior, updated by the school's mean."""
    slope = np.where(delta, effects.tau_u * effects.rho / effects.tau_t, 0.0)
    prior_variance = effects.tau_u**2 * np.where(delta, 1 - effects.rho**2, 1.0)
    data_precision = terms.precision * np.exp(-2 * t)
    variance = 1 / (data_precision + 1 / prior_variance)
    mean = variance * (data_precision * terms.mean + slope * t / prior_variance)
    return mean + np.sqrt(variance) * rng.normal(size=t.shape)
