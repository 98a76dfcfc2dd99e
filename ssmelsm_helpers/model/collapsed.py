"""The collapsed posterior on an unconstrained scale, in NumPy.

x holds gamma, eta, log tau, the correlations' parameters and, with a Beta prior on it, logit pi: for the
intercept-only model five numbers, whatever the number of schools. Both samplers work on this object, so
that neither compiles anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit, logit

from ..spec.inclusion import Beta
from ..spec.model_priors import ModelPriors
from ..spec.options import Model
from ..spec.standard import DATA_UNITS, Units
from . import kernel, quadrature
from .covariance import Conditional, EffectCovariance
from .gradient import by_conditional, by_variance, mixture_means, moments_of_u, spike_means
from .kernel import Component, Components
from .sums import StudentSums, SummarySums, Sums

# Draw-school pairs evaluated at once: with 18 nodes each, an array takes just under a megabyte and stays
# in a core's cache. (Threads were slower: operations this short contend for the interpreter's lock.)
_BLOCK = 6400
# The same for draws and students.
_STUDENTS_BLOCK = 100_000


def blocks(total: int, size: int) -> list[slice]:
    """Slices of at most `size` that cover range(total)."""
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]


class Local(NamedTuple):
    """The schools at one or several points x: sums, components, and the directions of u."""

    sums: Sums
    both: Components
    conditional: Conditional
    directions: Components  #: F (..., J, K, K) of the spike and of the slab


class CollapsedPosterior:
    """log p(gamma, eta, tau, Omega | y) with u, t and delta integrated out.

    Parameters
    ----------
    sums : SummarySums or StudentSums
    blocks : tuple of tuples of int
        The effects that are correlated with each other; the scale effect is the last of all.
    inclusion_prior : float or Beta
        pi, the prior probability that a school's scale effect is in the slab, or pi's own prior.
    priors : ModelPriors
    units : Units
        The scale of `sums`, `priors` and x; log likelihoods are those of the data in their own units.
    """

    def __init__(self, sums, blocks, inclusion_prior: float | Beta, priors: ModelPriors, units: Units = DATA_UNITS):
        self.sums = sums
        self.covariance = EffectCovariance(blocks)
        self.inclusion_prior = inclusion_prior
        self.priors = priors
        self.units = units
        sizes = [len(sums.location_terms), len(sums.scale_terms), self.covariance.size]
        sizes += [1] if isinstance(inclusion_prior, Beta) else []
        ends = np.cumsum([0, *sizes])
        self.gamma, self.eta, self.effects = (slice(*ends[i : i + 2]) for i in range(3))
        self.size = int(ends[-1])
        self.tau_t = self.effects.start + self.covariance.effects - 1  # where log tau_t stands in x

        first = self.effects.start + self.covariance.effects
        self.correlations = np.arange(first, self.effects.stop)  # their atanh in x
        correlations = first + np.array(self.covariance.with_last, dtype=int)
        learned = [self.size - 1] if isinstance(inclusion_prior, Beta) else []
        #: coordinates that play no part where tau_t is zero: there they keep their prior
        self.of_scale = np.array([self.tau_t, *correlations, *learned])

    @property
    def n_schools(self) -> int:
        """Number of schools."""
        return len(self.sums.n)

    def log_odds(self, x):
        """logit pi, from x (..., size)."""
        return x[..., -1] if isinstance(self.inclusion_prior, Beta) else logit(self.inclusion_prior)

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """A point near the mode, and the Cholesky factor of a rough covariance around it."""
        found = self.sums.start()
        x, factor = np.zeros(self.size), 0.3 * np.eye(self.size)
        x[self.gamma], x[self.eta] = found["gamma"], found["eta"]
        taus = np.append(found["tau_u"], found["tau_t"])
        x[self.effects.start : self.tau_t + 1] = np.log(taus)
        factor[self.gamma, self.gamma], factor[self.eta, self.eta] = found["gamma_factor"], found["eta_factor"]
        if isinstance(self.inclusion_prior, Beta):
            x[-1] = logit(self.inclusion_prior.mean)
        return x, factor

    def log_prior(self, x):
        """log prior density of x (..., size), with the Jacobian of the transformation."""
        coefficients = self.priors.gamma.log_density(x[..., self.gamma]) + self.priors.eta.log_density(x[..., self.eta])
        return coefficients + self.log_prior_of(x, range(self.effects.start, self.size))

    def log_prior_of(self, x, positions):
        """The part of `log_prior` that is about some coordinates after the coefficients: all independent."""
        return sum((self._log_prior_at(at, x[..., at]) for at in positions), start=np.zeros(x.shape[:-1]))

    def _log_prior_at(self, at: int, x):
        """log prior density of one coordinate: of a log tau, the atanh of a correlation, or logit pi."""
        effect = at - self.effects.start
        if effect < self.covariance.effects:
            return self.priors.tau[effect].log_density(np.exp(x)) + x
        if at < self.effects.stop:
            return self.covariance.log_lkj_of(effect - self.covariance.effects, x, self.priors.omega_shape)
        return self.inclusion_prior.log_density_of_logit(x)

    def draw_from_prior(self, positions, draws: int, rng) -> np.ndarray:
        """Correlations' atanh and logit pi, those at `positions`, from their priors (S, positions)."""
        x, first = np.empty((draws, len(positions))), self.effects.start + self.covariance.effects
        for column, at in enumerate(positions):
            if at < self.effects.stop:
                x[:, column] = self.covariance.draw_lkj(at - first, self.priors.omega_shape, draws, rng)
            else:
                x[:, column] = logit(rng.beta(self.inclusion_prior.a, self.inclusion_prior.b, size=draws))
        return x

    def _log_prior_gradient(self, x):
        gradient = np.zeros(self.size)
        gradient[self.effects] = self.covariance.log_lkj_gradient(x[self.effects], self.priors.omega_shape)
        gradient[self.gamma] = self.priors.gamma.gradient(x[self.gamma])
        gradient[self.eta] = self.priors.eta.gradient(x[self.eta])
        for at, prior in enumerate(self.priors.tau, start=self.effects.start):
            tau = np.exp(x[at])
            gradient[at] = prior.gradient(tau) * tau + 1
        if isinstance(self.inclusion_prior, Beta):
            gradient[-1] = self.inclusion_prior.gradient_by_logit(x[-1])
        return gradient

    def _null_log_prior(self, x):
        return self.log_prior(x) - self.log_prior_of(x, self.of_scale)

    def null_log_density(self, x) -> np.ndarray:
        """log density of the other coordinates and the data where tau_t is zero, of draws x (S, size)."""
        log_p = self._null_log_prior(x)
        for draws, schools in self.blocks(len(x)):
            local = self.at(x[draws], schools)
            log_p[draws] += (self._constant(local) + kernel.log_spike(local.both.spike)).sum(axis=-1)
        return log_p

    def null_log_density_and_gradient(self, x) -> tuple[float, np.ndarray]:
        """The same at one point x (size,), with its gradient, which is zero along `of_scale`."""
        log_p, gradient = self._null_log_prior(x), self._log_prior_gradient(x)
        for schools in blocks(self.n_schools, _BLOCK):
            here = self.at(x, schools)
            spike = here.both.spike
            log_p += (self._constant(here) + kernel.log_spike(spike)).sum()
            means = spike_means(np.ones(len(spike.n)), spike)
            moments = moments_of_u(means, here.directions.spike, here.conditional.spike, None)
            by_gamma, by_eta = self.sums.pull_back(here.sums, schools, means.s, *moments)
            gradient[self.gamma] += by_gamma
            gradient[self.eta] += by_eta
            by_spike = by_variance(means, here.directions.spike)
            nothing = np.zeros(len(by_spike)), np.zeros_like(by_spike)
            by_effects = Conditional(*nothing, by_spike, np.zeros(()))
            gradient[self.effects] += self.covariance.pull_back(x[self.effects], by_effects)
        gradient[self.of_scale] = 0.0
        return float(log_p), gradient

    def at(self, x, schools=slice(None)) -> Local:
        """Sums and components at x (..., size), with a last axis for the schools."""
        sums = self.sums.at(x[..., self.gamma], x[..., self.eta], schools)
        conditional = self.covariance.conditional(x[..., self.effects])
        schools_axis = (slice(None),) * (x.ndim - 1) + (None,)
        per_school = Conditional(*(value[schools_axis] for value in conditional))
        slab, slab_directions = _component(sums, per_school, per_school.slab, per_school.slope)
        spike, spike_directions = _component(sums, per_school, per_school.spike, None)
        return Local(sums, Components(spike, slab), per_school, Components(spike_directions, slab_directions))

    def blocks(self, draws: int, progress=None) -> Iterator[tuple[slice, slice]]:
        """Draw and school slices that cover all pairs, small enough for the cache."""
        schools = blocks(self.n_schools, _BLOCK)
        together = min(_BLOCK // self.n_schools, _STUDENTS_BLOCK // self.sums.rows_per_draw)
        jobs = [(d, s) for d in blocks(draws, max(1, together)) for s in schools]
        for job in jobs:
            yield job
            if progress is not None:  # steps add up to one pass but for rounding, and tqdm warns beyond its total
                progress.update(min(1 / len(jobs), progress.total - progress.n))

    def evaluate(self, x, progress=None) -> Iterator[tuple[tuple[slice, slice], Local, quadrature.Quadrature]]:
        """All draws x (S, size) and schools, block by block: where, the schools there, and their likelihoods."""
        for draws, schools in self.blocks(len(x), progress):
            local = self.at(x[draws], schools)
            yield (draws, schools), local, quadrature.spike_and_slab(local.both)

    def log_density(self, x, progress=None) -> np.ndarray:
        """log posterior density (up to log p(y)) of draws x (S, size)."""
        log_p = self.log_prior(x)
        for (draws, _), local, found in self.evaluate(x, progress):
            log_p[draws] += self.log_likelihood(x[draws], local, found).sum(axis=-1)
        return log_p

    def log_likelihood_by_school(self, x) -> np.ndarray:
        """log p(y_j | hyperparameters) of draws x (S, size), as (S, J)."""
        values = np.empty((len(x), self.n_schools))
        for where, local, found in self.evaluate(x):
            values[where] = self.log_likelihood(x[where[0]], local, found)
        return values

    def log_likelihood(self, x, here: Local, found: quadrature.Quadrature) -> np.ndarray:
        """log p(y_j | hyperparameters) per draw and school (S, J)."""
        log_odds = np.expand_dims(self.log_odds(x), -1)
        mixture = np.logaddexp(log_expit(log_odds) + found.slab, log_expit(-log_odds) + found.spike)
        return self._constant(here) + mixture

    def _constant(self, here: Local) -> np.ndarray:
        """What spike and slab share; the outcome's unit included, which is part of a density."""
        return here.sums.constant - here.sums.n * np.log(self.units.unit)

    def log_density_and_gradient(self, x) -> tuple[float, np.ndarray]:
        """log posterior density and its gradient at one point x (size,).

        The gradient of a log mixture is the posterior mean of its components' gradients
        (Fisher's identity), over the same quadrature nodes as the density itself.
        """
        log_p, gradient = self.log_prior(x), self._log_prior_gradient(x)
        log_odds = self.log_odds(x)
        for schools in blocks(self.n_schools, _BLOCK):
            here = self.at(x, schools)
            mixture, means, inclusion = mixture_means(here.both, log_odds)
            log_p += (self._constant(here) + mixture).sum()
            moments = [
                moments_of_u(means.spike, here.directions.spike, here.conditional.spike, None),
                moments_of_u(means.slab, here.directions.slab, here.conditional.slab, here.conditional.slope),
            ]
            su, suu = (spike + slab for spike, slab in zip(*moments, strict=True))
            by_gamma, by_eta = self.sums.pull_back(here.sums, schools, means.spike.s + means.slab.s, su, suu)
            gradient[self.gamma] += by_gamma
            gradient[self.eta] += by_eta
            by_effects = by_conditional(means, here.directions)
            gradient[self.effects] += self.covariance.pull_back(x[self.effects], by_effects)
            if isinstance(self.inclusion_prior, Beta):
                gradient[-1] += (inclusion - expit(log_odds)).sum()
        return float(log_p), gradient


def _component(sums: Sums, conditional: Conditional, variance, slope) -> tuple[Component, np.ndarray]:
    """Spike or slab with u ~ Normal(slope z, variance), and its directions F."""
    size = sums.factor.shape[-1]
    if size == 1:
        root = sums.factor[..., 0, 0]
        loads, centres, directions = (variance[..., 0, 0] * root * root,), (sums.projection[..., 0],), sums.factor
        slopes = (0.0 * root,) if slope is None else (root * slope[..., 0],)
    else:
        # Directions in which both the prior of u and the school's information on it are diagonal.
        turned = np.swapaxes(sums.factor, -1, -2)
        values, basis = np.linalg.eigh(turned @ variance @ sums.factor)
        back = np.swapaxes(basis, -1, -2)
        loads = tuple(np.moveaxis(np.maximum(values, 0.0), -1, 0))
        centres = tuple(np.moveaxis((back @ sums.projection[..., None])[..., 0], -1, 0))
        directions = sums.factor @ basis
        along = 0.0 * values if slope is None else (back @ turned @ slope[..., None])[..., 0]
        slopes = tuple(np.moveaxis(along, -1, 0))
    return Component(sums.n, sums.sum_squares, conditional.tau_t, loads, centres, slopes), directions


def collapsed_posterior(model: Model) -> CollapsedPosterior:
    """The posterior of a model that can be collapsed, on the scale of its design."""
    design = model.design
    sums = StudentSums(design) if design.table is None else SummarySums(design.table)
    return CollapsedPosterior(sums, design.blocks, model.inclusion.single, model.priors, model.units)
