"""The collapsed posterior on an unconstrained scale.

x holds gamma, eta, log tau, the correlations' parameters and, with a Beta prior on it, logit pi: for the
intercept-only model five numbers, whatever the number of schools. Both samplers work on this object.
"""

from copy import copy

import numpy as np
from scipy.special import log_expit

from ..spec.options import Model
from .cells import Cells, cells_of, students_of
from .compiled import in_threads, usable_cores
from .hyperparameters import Hyperparameters
from .school_density import density, packed
from .school_effects import NO_EFFECTS, likelihoods_and_effects
from .start import Start

# Draw-school pairs and draw-student pairs that a thread evaluates at once.
_PAIRS, _ROWS = 40_000, 400_000
# Few draws are shared all the same. (Not by the number of cores, which must not change a draw.)
_LEAST_JOBS = 4


def copied(x) -> np.ndarray:
    """For compiled functions, which are compiled once more for arrays that are read-only, or parts of others."""
    return np.array(x, dtype=float, order="C")


def blocks(total: int, size: int) -> list[slice]:
    """Slices of at most `size` that cover range(total)."""
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]


class CollapsedPosterior(Hyperparameters):
    """log p(gamma, eta, tau, Omega | y) with u, t and delta integrated out.

    Parameters
    ----------
    model : Model
        One that can be collapsed, on the scale of its design; log likelihoods are those of the data in their own units.
    cores : int, optional
        Threads that share draws. Default: the cores this process may use.
    """

    def __init__(self, model: Model, cores: int | None = None):
        super().__init__(model)
        self.units, self.cores = model.units, cores or usable_cores()
        self.forms = self.prior_forms()
        #: whether a prior's density is known to PyMC alone
        self.by_pymc = not len(self.forms[0])
        self._see(cells_of(model.design))
        first = self.effects.start + self.covariance.effects
        self.tau_t = first - 1  # where log tau_t stands in x
        self.correlations = np.arange(first, self.effects.stop)  # their atanh in x
        #: coordinates that play no part where tau_t is zero: there they keep their prior
        with_t = [first + at for at in self.covariance.with_last]
        self.of_scale = np.array([self.tau_t, *with_t, *range(self.pi.start, self.pi.stop)])

    def _see(self, cells: Cells) -> None:
        self.cells = cells
        n = np.bincount(cells.school, cells.n)
        self.n_schools = len(n)
        #: the outcome's unit is part of a density (J,)
        self.log_unit = n * np.log(self.units.unit)
        self.data = self.seen_from(np.zeros(self.size), np.eye(self.size))

    def of_cells(self, cells: Cells) -> "CollapsedPosterior":
        """The same hyperparameters with the same priors, on the same scale, of other students."""
        other = copy(self)
        other._see(cells)
        return other

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """A point near the mode, and the Cholesky factor of a rough covariance around it."""
        found, factor = Start.of(self.cells), 0.3 * np.eye(self.size)
        factor[self.gamma, self.gamma], factor[self.eta, self.eta] = found.gamma_factor, found.eta_factor
        return self.start_from(found, [found.tau_t]), factor

    def log_mixture(self, x, log_spike, log_slab) -> np.ndarray:
        """log p(y_j | hyperparameters) (S, J) of draws x (S, size)."""
        log_odds = np.expand_dims(self.log_odds(x), -1)
        return np.logaddexp(log_expit(log_odds) + log_slab, log_expit(-log_odds) + log_spike)

    def likelihoods(self, x, null: bool = False) -> np.ndarray:
        """log p(y_j | spike) and log p(y_j | slab) (2, S, J) of draws x (S, size)."""
        values = np.empty((2, len(x), self.n_schools))
        likelihoods_and_effects(self.data, copied(x), False, null, 0, *values, *NO_EFFECTS)
        return values - self.log_unit

    def over_draws(self, work, draws: int, progress=None) -> None:
        """work(slice) of slices that cover all draws, in threads."""
        size = max(1, min(_PAIRS // self.n_schools, _ROWS // len(self.cells.n), -(-draws // _LEAST_JOBS)))
        jobs = blocks(draws, size)
        # To a place, not by a step: where rounded steps end, tqdm warns or paints its bar red.
        before = 0 if progress is None else progress.n
        for done, _ in enumerate(in_threads(work, jobs, self.cores), 1):
            if progress is not None:
                progress.update(before + done / len(jobs) - progress.n)

    def log_density(self, x, progress=None) -> np.ndarray:
        """log posterior density (up to log p(y)) of draws x (S, size)."""
        return self._with_likelihood(self.log_prior(x), x, progress)

    def _with_likelihood(self, log_p, x, progress=None, null: bool = False) -> np.ndarray:
        def add(draws):
            log_p[draws] += self.log_mixture(x[draws], *self.likelihoods(x[draws], null)).sum(axis=1)

        self.over_draws(add, len(x), progress)
        return log_p

    def log_likelihood_by_school(self, x) -> np.ndarray:
        """log p(y_j | hyperparameters) of draws x (S, size), as (S, J)."""
        return self.log_mixture(x, *self.likelihoods(x))

    def draw_effects(self, x, rng, progress=None) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Per draw of x (S, size) and school: log_bf, delta, t (S, J) and u (S, J, K), drawn exactly; and the log density (S,).

        ``t`` and ``u`` are the effects in force: ``t`` is exactly zero where ``delta`` is. The same `rng` gives the same
        draws on any number of cores.
        """
        shape = (len(x), self.n_schools)
        delta, t, u = np.empty(shape, dtype=np.int8), np.empty(shape), np.empty((*shape, self.cells.Z.shape[1]))
        log_bf, log_p = np.empty(shape), self.log_prior(x)
        seeds = rng.integers(2**32, size=len(x))

        def draw(draws):
            values, effects = np.empty((2, *t[draws].shape)), (delta[draws], t[draws], u[draws])
            likelihoods_and_effects(self.data, copied(x[draws]), False, False, seeds[draws.start], *values, *effects)
            log_bf[draws] = values[1] - values[0]
            log_p[draws] += self.log_mixture(x[draws], *(values - self.log_unit)).sum(axis=1)

        self.over_draws(draw, len(x), progress)
        return {"log_bf": log_bf, "delta": delta, "t": t, "u": u}, log_p

    def null_log_density(self, x) -> np.ndarray:
        """log density of the other coordinates and the data where tau_t is zero, of draws x (S, size)."""
        return self._with_likelihood(self.log_prior(x) - self.log_prior_of(x, self.of_scale), x, null=True)

    def seen_from(self, mode, factor) -> np.ndarray:
        """All that compiled code needs to know, in one array; its callback's coordinates are x = mode + factor @ them."""
        X, W, Z, _, *cells, starts = students_of(self.cells)
        rows, forms, constant = self.forms
        numbers = [0.0 if self.learns_pi else self.inclusion.log_odds, self.learns_pi, constant, -self.log_unit.sum()]
        return packed(rows, forms, [numbers], self.covariance.places, X, W, Z, cells, [starts], [mode], factor)

    def null_log_density_and_gradient(self, x) -> tuple[float, np.ndarray]:
        """The same at one point x (size,), with its gradient, which is zero along `of_scale`."""
        log_p, gradient = self.log_density_and_gradient(x, null=True)
        gradient[self.of_scale] = 0.0
        return log_p - float(self.log_prior_of(x, self.of_scale)), gradient

    def log_density_and_gradient(self, x, null: bool = False) -> tuple[float, np.ndarray]:
        """log posterior density and its gradient at one point x (size,)."""
        log_p, gradient = self._at(x, True, null)
        if self.by_pymc:
            return float(log_p + self.log_prior(x)), gradient + self.log_prior_gradient(x)
        return log_p, gradient

    def log_likelihood_and_gradient(self, x) -> tuple[float, np.ndarray]:
        """log p(y | hyperparameters) and its gradient at one point x (size,)."""
        return self._at(x, False, False)

    def _at(self, x, whole: bool, null: bool):
        gradient = np.empty(self.size)
        return density(self.data, copied(x), whole, null, gradient), gradient
