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

from ..spec.options import Model
from . import kernel, quadrature
from .covariance import Conditional
from .gradient import by_conditional, mixture_means, moments_of_u
from .hyperparameters import Hyperparameters
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
    root: tuple[np.ndarray, np.ndarray]  #: tau and L, without the schools' axis
    both: Components
    conditional: Conditional
    directions: Components  #: F (..., J, K, K) of the spike and of the slab


class CollapsedPosterior(Hyperparameters):
    """log p(gamma, eta, tau, Omega | y) with u, t and delta integrated out.

    Parameters
    ----------
    model : Model
        One that can be collapsed, on the scale of its design; log likelihoods are those of the data in their own units.
    """

    def __init__(self, model: Model):
        super().__init__(model)
        design, self.units = model.design, model.units
        self.sums = StudentSums(design) if design.table is None else SummarySums(design.table)
        first = self.effects.start + self.covariance.effects
        self.tau_t = first - 1  # where log tau_t stands in x
        self.correlations = np.arange(first, self.effects.stop)  # their atanh in x
        #: coordinates that play no part where tau_t is zero: there they keep their prior
        with_t = [first + at for at in self.covariance.with_last]
        self.of_scale = np.array([self.tau_t, *with_t, *range(self.pi.start, self.pi.stop)])

    @property
    def n_schools(self) -> int:
        """Number of schools."""
        return len(self.sums.n)

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """A point near the mode, and the Cholesky factor of a rough covariance around it."""
        found = self.sums.start()
        x, factor = np.zeros(self.size), 0.3 * np.eye(self.size)
        x[self.gamma], x[self.eta] = found["gamma"], found["eta"]
        taus = np.append(found["tau_u"], found["tau_t"])
        x[self.effects.start : self.tau_t + 1] = np.log(taus)
        factor[self.gamma, self.gamma], factor[self.eta, self.eta] = found["gamma_factor"], found["eta_factor"]
        if self.learns_pi:
            x[self.pi] = logit(self.inclusion.prior.mean)
        return x, factor

    def draw_from_prior(self, positions, draws: int, rng) -> np.ndarray:
        """Correlations' atanh and logit pi, those at `positions`, from their priors (S, positions)."""
        drawn = [self.prior_at(at).sample(draws, rng) for at in positions]
        return np.reshape(drawn, (len(positions), draws)).T

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
        log_p, gradient = self.log_likelihood_and_gradient(x, -np.inf)
        gradient += self.log_prior_gradient(x)
        gradient[self.of_scale] = 0.0
        return float(log_p + self._null_log_prior(x)), gradient

    def at(self, x, schools=slice(None)) -> Local:
        """Sums and components at x (..., size), with a last axis for the schools."""
        sums = self.sums.at(x[..., self.gamma], x[..., self.eta], schools)
        root = self.covariance.constrain(x[..., self.effects])
        schools_axis = (slice(None),) * (x.ndim - 1) + (None,)
        per_school = Conditional(*(value[schools_axis] for value in self.covariance.conditional(*root)))
        slab, slab_directions = _component(sums, per_school, per_school.slab, per_school.slope)
        spike, spike_directions = _component(sums, per_school, per_school.spike, None)
        return Local(sums, root, Components(spike, slab), per_school, Components(spike_directions, slab_directions))

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
        """log posterior density and its gradient at one point x (size,)."""
        log_p, gradient = self.log_likelihood_and_gradient(x, self.log_odds(x))
        return float(log_p + self.log_prior(x)), gradient + self.log_prior_gradient(x)

    def log_likelihood_and_gradient(self, x, log_odds: float) -> tuple[float, np.ndarray]:
        """log p(y | hyperparameters) and its gradient at one point x (size,), given logit pi: -inf where all t are zero.

        The gradient of a log mixture is the posterior mean of its components' gradients
        (Fisher's identity), over the same quadrature nodes as the density itself.
        """
        log_p, gradient = 0.0, np.zeros(self.size)
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
            gradient[self.effects] += self.covariance.pull_back(*here.root, by_conditional(means, here.directions))
            if self.learns_pi:
                gradient[self.pi] += (inclusion - expit(log_odds)).sum()
        return log_p, gradient


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
