"""Pareto-smoothed importance sampling from the Laplace approximation: draws without compilation.

A Student-t around the posterior mode proposes, and another along the ridge at tau_t = 0; weights correct it; the
weighted draws' moments make the next, better proposal (Vehtari et al., 2024, *JMLR*, 25(72)).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky
from scipy.optimize import minimize
from scipy.special import gammaincinv, gammaln, logsumexp, ndtri, softmax
from scipy.stats.qmc import Halton

from ..model.collapsed import CollapsedPosterior
from ..model.hyperparameters import LogitScale
from .ridge import LowTail
from .weights import WeightedDraws, weigh

_DF = 7.0
# So near the mode, in units of rough SDs, the search ends.
_GRADIENT = 1e-3
# Least share of the draws that either part of a proposal gets, whatever the pilot draws say.
_LEAST_SHARE = 0.1
# A location effect whose log SD is so uncertain has a ridge too, which is sought at an SD so many times smaller.
_UNCERTAIN, _SMALLER = 0.2, 5.0
# Fewer make proposals of which one fit's replicates do not know how far another fit's are from them.
_LEAST_PILOT_DRAWS = 500
# So many schools make the posterior nearly Normal: one round of fewer pilot draws is enough, as from a start nearby.
_MANY_SCHOOLS, _FEW_PILOT_DRAWS = 4_000, 300
# Independent replicates of the proposals: an SD from 128 is right to a sixteenth. Fewer draws than these have no even spread.
_MOST_REPLICATES, _LEAST_REPLICATE = 128, 30
_NO_DENSITY = "priors must have a finite density around the values that fit the data; found none there."


def find_mode(posterior: CollapsedPosterior) -> tuple[np.ndarray, np.ndarray]:
    """The mode of the unconstrained posterior and the Laplace approximation's covariance."""
    start, factor = posterior.start()
    return _mode(posterior.log_density_and_gradient, start, factor, np.arange(posterior.size))


def _mode(density_and_gradient, start, factor, free) -> tuple[np.ndarray, np.ndarray]:
    """Mode and covariance of the coordinates `free`; the others stay where they start."""
    at_start, factor = start[free], factor[np.ix_(free, free)]

    def negative(y):
        x = start.copy()
        x[free] = at_start + factor @ y
        value, gradient = density_and_gradient(x)
        return -value, -(factor.T @ gradient[free])

    if not np.isfinite(density_and_gradient(start)[0]):
        raise ValueError(_NO_DENSITY)
    # Far from the mode a step may leave the floating-point range; the line search then turns back.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mode = minimize(negative, np.zeros(len(free)), jac=True, method="BFGS", options={"gtol": _GRADIENT}).x
    step = 1e-4
    columns = [(negative(mode + step * e)[1] - negative(mode - step * e)[1]) / (2 * step) for e in np.eye(len(mode))]
    hessian = np.array(columns)
    if not np.isfinite(hessian).all():
        raise ValueError(_NO_DENSITY)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    # A direction the data leave flat gets a wide but finite proposal.
    vectors = factor @ vectors
    return at_start + factor @ mode, vectors / np.maximum(values, 0.01) @ vectors.T


@lru_cache(maxsize=32)
def _even(count: int, size: int) -> np.ndarray:
    """Points (count, size) that fill the unit cube evenly, always the same ones."""
    return Halton(size, rng=0).random(count)


class StudentT(NamedTuple):
    """A multivariate Student-t with this mean and Cholesky factor of the scale matrix."""

    location: np.ndarray
    factor: np.ndarray

    @classmethod
    def matching(cls, mean, covariance) -> "StudentT":
        """Student-t with this mean and, for safety in the tails, slightly more covariance."""
        return cls(mean, cholesky(covariance * (_DF - 2) / _DF * 1.1, lower=True))

    def sample(self, draws: int, rng) -> np.ndarray:
        """Draws (S, d) from even points that are shifted at random: less noisy means than those of random ones."""
        points = _even(draws, len(self.location) + 1)
        uniform = np.maximum((points + rng.random(points.shape[1])) % 1.0, np.finfo(float).tiny)
        mixing = np.sqrt(2 * gammaincinv(_DF / 2, uniform[:, -1]) / _DF)
        return self.location + ndtri(uniform[:, :-1]) @ self.factor.T / mixing[:, None]

    def log_density(self, x) -> np.ndarray:
        """log density at x (S, d)."""
        size = len(self.location)
        # Not by a triangular solver: BLAS would wake threads that spin afterwards.
        standard = np.linalg.inv(self.factor) @ (x - self.location).T
        constant = gammaln((_DF + size) / 2) - gammaln(_DF / 2) - 0.5 * size * np.log(_DF * np.pi)
        log_volume = np.log(np.diag(self.factor)).sum()
        return constant - log_volume - (_DF + size) / 2 * np.log1p((standard**2).sum(axis=0) / _DF)

    def fitted(self, x, weights) -> "StudentT":
        """The same with the weighted draws' moments, unless they are too few in effect to have a covariance."""
        total = weights.sum()
        if total == 0 or total**2 / (weights**2).sum() <= len(self.location) + 1:
            return self  # the final weights' k-hat will tell that the proposal is poor
        return moments(x, weights / total)


class Defence(NamedTuple):
    """A Student-t in which some coordinates follow their priors: where the data say little of them.

    A ridge, where one effect's SD is nearly zero, has that SD's prior below a bound, too. At tau_t = 0 the data say nothing
    of the correlations of t, nor of pi.
    """

    others: StudentT
    free: np.ndarray  #: their positions
    fixed: dict[int, LowTail | LogitScale]  #: by position, what the coordinates that are not free are drawn from

    def sample(self, draws: int, rng) -> np.ndarray:
        """Draws (S, d)."""
        x = np.empty((draws, len(self.free) + len(self.fixed)))
        x[:, self.free] = self.others.sample(draws, rng)
        for at in sorted(self.fixed):
            x[:, at] = self.fixed[at].sample(draws, rng)
        return x

    def log_density(self, x) -> np.ndarray:
        """log density at x (S, d)."""
        by_prior = (density.log_density(x[:, at]) for at, density in self.fixed.items())
        return sum(by_prior, start=self.others.log_density(x[:, self.free]))

    def fitted(self, x, weights) -> "Defence":
        """The same with the others' moments from weighted draws."""
        return self._replace(others=self.others.fitted(x[:, self.free], weights))


class Proposal(NamedTuple):
    """Where draws are proposed: around the mode, and, as a defence, along the ridges where an effect's SD is near zero.

    A ridge falls off slowly on the log scale, or, where the prior's scale is small, holds much or all of the posterior far
    from the mode; a proposal that never visits it cannot know.
    """

    posterior: CollapsedPosterior
    parts: tuple[StudentT | Defence, ...]  #: the body, the ridge at tau_t = 0, further defences
    shares: np.ndarray
    null: StudentT  #: around the mode where tau_t is zero; the ridge may move away from it

    def sample(self, draws: int, rng, sets: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Independent sets of so many draws each (S, d), and the log densities there that the parts add (parts, S).

        The shares are those that can be had of so many draws; every part has one draw at least.
        """
        counts = np.maximum(np.round(self.shares * draws), 1).astype(int)
        counts[0] = draws - counts[1:].sum()
        both = list(zip(self.parts, counts, strict=True))
        x = np.concatenate([part.sample(count, rng) for _ in range(sets) for part, count in both])
        return x, np.stack([part.log_density(x) + np.log(count / draws) for part, count in both])

    def weighted(self, draws: int, rng) -> WeightedDraws:
        """Draws with the posterior's weights."""
        x, log_parts = self.sample(draws, rng)
        return weigh(x, self.posterior.log_density(x) - logsumexp(log_parts, axis=0))

    def replicated(self, draws: int, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """At least so many draws in independent replicates, whose differences show the Monte Carlo error.

        x (S, d), their log densities (S,), and which replicate each is of.
        """
        replicates = min(_MOST_REPLICATES, draws // _LEAST_REPLICATE)
        each = -(-draws // replicates)
        x, log_parts = self.sample(each, rng, replicates)
        return x, logsumexp(log_parts, axis=0), np.repeat(np.arange(replicates), each)

    def improved(self, draws: int, rng) -> "Proposal":
        """Fitted to weighted pilot draws, each part to those that it explains."""
        x, log_parts = self.sample(draws, rng)
        weights = weigh(x, self.posterior.log_density(x) - logsumexp(log_parts, axis=0)).weights
        explained = weights * softmax(log_parts, axis=0)
        parts = tuple(part.fitted(x, share) for part, share in zip(self.parts, explained, strict=True))
        shares = np.maximum(explained.sum(axis=1), _LEAST_SHARE)
        return self._replace(parts=parts, shares=shares / shares.sum())


def first_proposal(posterior: CollapsedPosterior, body: StudentT | None = None) -> Proposal:
    """Laplace approximations of all parts, or a nearer `body`."""
    body = body or StudentT.matching(*find_mode(posterior))
    effects = range(posterior.effects.start, posterior.tau_t)
    uncertain = [at for at in effects if np.linalg.norm(body.factor[at]) > _UNCERTAIN]
    defences = [_ridge(posterior, body, at) for at in (posterior.tau_t, *uncertain)]
    defences += [_wide_correlations(posterior, body)] if len(posterior.correlations) else []
    shares = np.full(1 + len(defences), _LEAST_SHARE)
    shares[0] = 1 - shares[1:].sum()
    return Proposal(posterior, (body, *defences), shares, defences[0].others)


def _ridge(posterior: CollapsedPosterior, body: StudentT, at: int) -> Defence:
    """The ridge of one effect below its usual size, by the mode of the others there."""
    start, factor = posterior.start()
    tail = LowTail.of(posterior.priors.tau[at - posterior.effects.start], np.exp(max(body.location[at], start[at])))
    if at == posterior.tau_t:
        density, by_prior = posterior.null_log_density_and_gradient, posterior.of_scale[1:]
    else:
        density, by_prior = posterior.log_density_and_gradient, ()
        start = np.where(np.arange(len(start)) == at, body.location[at] - np.log(_SMALLER), body.location)
    fixed = {other: posterior.prior_at(other) for other in by_prior} | {at: tail}
    free = np.delete(np.arange(posterior.size), [*fixed])
    return Defence(StudentT.matching(*_mode(density, start, factor, free)), free, fixed)


def _wide_correlations(posterior: CollapsedPosterior, body: StudentT) -> Defence:
    """The body with correlations from their prior: few schools, or few in the slab, say little about them."""
    free = np.delete(np.arange(posterior.size), posterior.correlations)
    scale = (body.factor @ body.factor.T)[np.ix_(free, free)]
    others = StudentT(body.location[free], cholesky(scale, lower=True))
    return Defence(others, free, {at: posterior.prior_at(at) for at in posterior.correlations})


def adapt(posterior: CollapsedPosterior, rng, body: StudentT | None = None) -> Proposal:
    """A proposal improved by weighted pilot draws, from Laplace approximations or from a nearer `body`."""
    proposal = first_proposal(posterior, body)
    if body is not None:  # one round does then what two or three do from the mode
        return proposal.improved(_FEW_PILOT_DRAWS, rng)
    if posterior.n_schools >= _MANY_SCHOOLS:
        return proposal.improved(max(_FEW_PILOT_DRAWS, 10 * posterior.size**2), rng)
    # A covariance has about d^2 / 2 entries to learn; beyond a handful of dimensions a third round pays.
    for _ in range(2 if posterior.size <= 6 else 3):
        proposal = proposal.improved(max(_LEAST_PILOT_DRAWS, 10 * posterior.size**2), rng)
    return proposal


def null_evidence(proposal: Proposal, draws: int, rng) -> WeightedDraws:
    """Draws of the model in which tau_t is zero, and its evidence."""
    posterior, others = proposal.posterior, proposal.null
    pilots = [] if posterior.n_schools >= _MANY_SCHOOLS else 2 * [min(_LEAST_PILOT_DRAWS, draws)]
    for size in (*pilots, draws):  # there is no quadrature here: pilots cost little
        wide, few = StudentT(others.location, 2 * others.factor), size // 5  # for other SDs that may be small
        free = np.concatenate([others.sample(size - few, rng), wide.sample(few, rng)])
        x = np.tile(posterior.start()[0], (size, 1))
        x[:, proposal.parts[1].free] = free
        body, tails = others.log_density(free) + np.log(1 - few / size), wide.log_density(free) + np.log(few / size)
        found = weigh(x, posterior.null_log_density(x) - np.logaddexp(body, tails))
        others = others.fitted(free, found.weights)
    return found


def moments(x, weights, widen: float = 1.0) -> StudentT:
    """A Student-t with the mean of weighted draws and `widen` times their covariance."""
    # Not by BLAS, whose threads would spin afterwards and keep a core from the schools.
    mean = np.einsum("s,si->i", weights, x)
    return StudentT.matching(mean, widen * np.einsum("s,si,sj->ij", weights, x - mean, x - mean))
