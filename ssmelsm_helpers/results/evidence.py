"""What one school's students say about its indicator, the hyperparameters being known."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from ..arguments import FINITE, NOT_NEGATIVE, POSITIVE, check_numbers, check_probability, whole_numbers
from ..model.school_density import packed
from ..model.school_effects import NO_EFFECTS, likelihoods_and_effects


class Evidence(NamedTuple):
    """Log likelihoods of a school's scores under spike and slab, and what follows from them."""

    log_spike: np.ndarray  #: log p(scores | delta = 0)
    log_slab: np.ndarray  #: log p(scores | delta = 1)
    log_bf: np.ndarray  #: their difference, the log Bayes factor of inclusion
    inclusion: np.ndarray  #: P(delta = 1 | scores)


def school_evidence(
    n, mean=0.0, sd=1.0, *, gamma=0.0, eta=0.0, tau_u=0.3, tau_t=0.1, rho=0.0, inclusion_prior: float = 0.5
) -> Evidence:
    """Spike against slab for one school, or for many: the intercept-only model at given hyperparameters.

    Nothing is estimated here. A fit averages these numbers over the posterior of the hyperparameters, which all
    schools inform.

    Parameters
    ----------
    n : int or array of int
        Students, at least 1. All arrays broadcast.
    mean, sd : float or array
        Mean and SD (denominator n - 1) of the school's scores; the SD of a single student is not used.
    gamma : float or array, default 0
        Mean of an average school (outcome's units).
    eta : float or array, default 0
        Log SD of a school with t = 0.
    tau_u : float or array, default 0.3
        SD of the schools' means (outcome's units).
    tau_t : float or array, default 0.1
        SD of t in the slab (log-SD units).
    rho : float or array, default 0
        Correlation of u and t, between -1 and 1.
    inclusion_prior : float, default 0.5
        pi = P(delta = 1) before the data.

    Returns
    -------
    Evidence
        Arrays of the arguments' common shape.

    Raises
    ------
    ValueError
        A number is outside of its range.

    Notes
    -----
    u is integrated out analytically, t by quadrature, with an error in log_bf below 1e-6.

    Examples
    --------
    >>> found = school_evidence(71, sd=[1.0, 1.2, 1.4], tau_t=0.2)
    >>> found.inclusion.round(2)
    array([0.28, 0.78, 1.  ])
    """
    check_probability("inclusion_prior", inclusion_prior)
    values = {"n": n, "mean": mean, "sd": sd, "gamma": gamma, "eta": eta, "tau_u": tau_u, "tau_t": tau_t, "rho": rho}
    values = {name: check_numbers(name, value, *_RANGES.get(name, FINITE)) for name, value in values.items()}
    log_spike, log_slab = _likelihoods(*np.broadcast_arrays(*values.values()))
    log_bf = log_slab - log_spike
    return Evidence(log_spike, log_slab, log_bf, expit(log_bf + logit(inclusion_prior)))


def _likelihoods(n, *others) -> np.ndarray:
    """log p(scores | spike) and log p(scores | slab) (2, ...) of schools, each at its own hyperparameters."""
    shape = np.shape(n)
    n, mean, sd, gamma, eta, tau_u, tau_t, rho = (np.array(values, dtype=float).ravel() for values in (n, *others))
    x = np.stack([gamma, eta, np.log(tau_u), np.log(tau_t), np.arctanh(rho)], axis=1)
    one, none, cells = np.ones((1, len(n))), np.empty((0, 0)), [n, mean, (n - 1) * sd**2]
    data = packed(none, none, [[0.0, 0.0]], [[1, 0]], one, one, one, cells, [np.arange(len(n) + 1)], none, none)
    found = np.empty((2, len(n), 1))
    likelihoods_and_effects(data, np.ascontiguousarray(x), True, False, 0, *found, *NO_EFFECTS)
    return found.reshape(2, *shape)


_RANGES = {
    "n": whole_numbers(1),
    "sd": NOT_NEGATIVE,
    "tau_u": POSITIVE,
    "tau_t": POSITIVE,
    "rho": (lambda v: abs(v) < 1, "numbers between -1 and 1, both excluded"),
}
