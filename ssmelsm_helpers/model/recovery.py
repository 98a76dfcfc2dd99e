"""School effects u, t and delta, drawn exactly given every draw of the hyperparameters.

``delta`` is Bernoulli with the collapsed model's own probability. In the slab ``t`` has a density on
a line: proposals come from its piecewise linear interpolation between the quadrature nodes, and are
accepted so that the result follows the density itself, not the nodes. ``u`` given ``t`` is Normal.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from . import kernel, quadrature
from .collapsed import CollapsedPosterior, Local
from .linear import cholesky, solve_lower, solve_upper

# Upper bound of density / interpolation wherever the slab holds mass (tests/model/test_recovery.py).
_BOUND = 1.22


def recover_effects(posterior: CollapsedPosterior, x: np.ndarray, rng, progress=None) -> dict[str, np.ndarray]:
    """Per draw of x (S, size) and school: log_bf, delta, t (S, J) and u (S, J, K); and log_density (S,).

    ``t`` and ``u`` are the effects in force: ``t`` is exactly zero where ``delta`` is.
    """
    shape = (len(x), posterior.n_schools)
    result = {name: np.empty(shape) for name in ("log_bf", "t")}
    result["u"] = np.empty((*shape, posterior.covariance.effects - 1))
    result |= {"delta": np.empty(shape, dtype=np.int8), "log_density": posterior.log_prior(x)}
    log_odds = np.expand_dims(posterior.log_odds(x), -1) + np.zeros((len(x), 1))
    for here, local, found in posterior.evaluate(x, progress):
        draws = here[0]
        delta = rng.random(found.spike.shape) < expit(found.log_bf + log_odds[draws])
        t = _draw_t(found, delta, rng)
        result["log_bf"][here], result["delta"][here], result["t"][here] = found.log_bf, delta, t
        result["u"][here] = _draw_u(t, delta, local, rng)
        result["log_density"][draws] += posterior.log_likelihood(x[draws], local, found).sum(axis=-1)
    return result


def _draw_t(found: quadrature.Quadrature, delta, rng) -> np.ndarray:
    """t in the slab where delta is 1, and 0 elsewhere."""
    t = np.zeros(delta.size)
    positions = np.arange(delta.size)
    for piece in found.pieces:
        wanted = delta.ravel()[piece.where]
        if wanted.any():
            part = quadrature.part_of(piece, wanted)
            t[positions[piece.where][wanted]] = part.slab.tau_t * draw_slab(part, rng)
    return t.reshape(delta.shape)


def draw_slab(piece: quadrature.Piece, rng) -> np.ndarray:
    """One z per school of the piece from the slab's density, by rejection."""
    (low, high), peak, density = piece.limits, piece.peak, piece.density
    step = (high - low) / (len(density) - 1)
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
        here = quadrature.select(waiting, piece.slab)
        target = np.exp(kernel.log_integrand(proposal, here) - peak[waiting])
        accepted = accept * _BOUND * (left + fraction * (right - left)) < target
        z[waiting[accepted]] = proposal[accepted]
        waiting = waiting[~accepted]
    return z


def _draw_u(t, delta, local: Local, rng) -> np.ndarray:
    """u given t (..., K): its conditional Normal prior, updated by what the school's students say.

    With prior covariance V = A A' and information s R R': u = mean + A w, and w has precision I + s A' R R' A.
    """
    sums, conditional = local.sums, local.conditional
    slab = delta[..., None, None]
    root = np.where(slab, cholesky(conditional.slab), cholesky(conditional.spike))
    z = t / conditional.tau_t  # zero in the spike
    prior_mean = conditional.slope * z[..., None]
    turned = np.swapaxes(sums.factor, -1, -2)
    seen = turned @ root
    s = np.exp(-2 * t)[..., None]
    surprise = sums.projection - (turned @ prior_mean[..., None])[..., 0]
    pull = s * (np.swapaxes(seen, -1, -2) @ surprise[..., None])[..., 0]
    size = prior_mean.shape[-1]
    factor = cholesky(np.eye(size) + s[..., None] * (np.swapaxes(seen, -1, -2) @ seen))
    noise = rng.normal(size=pull.shape)
    w = solve_upper(factor, solve_lower(factor, pull) + noise)
    return prior_mean + (root @ w[..., None])[..., 0]
