"""The school likelihood a second time: written from the model's definition, integrated without haste.

Nothing here comes from the package, so that an error in its kernel cannot hide in the comparison.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.special import logsumexp

LOG_2PI = np.log(2 * np.pi)


class Case(NamedTuple):
    """A school's data and the hyperparameters: numbers, or arrays of one shape."""

    n: Any
    mean: Any
    sum_squares: Any
    gamma: Any
    eta: Any
    tau_u: Any
    tau_t: Any
    rho: Any


def log_normal_pdf(x, mean, variance):
    """log density of Normal(mean, variance)."""
    return -0.5 * (LOG_2PI + np.log(variance) + (x - mean) ** 2 / variance)


def log_p_given_t(case: Case, t, u_mean, u_variance):
    """log density of all n scores given t, the Normal u summed into the school mean's variance.

    The product of n Normals is the density of the deviations from the school's mean times that of the mean.
    """
    log_sd = case.eta + t
    deviations = -0.5 * (case.n - 1) * LOG_2PI - (case.n - 1) * log_sd - 0.5 * np.log(case.n)
    deviations = deviations - 0.5 * case.sum_squares * np.exp(-2 * log_sd)
    mean_variance = np.exp(2 * log_sd) / case.n + u_variance
    return deviations + log_normal_pdf(case.mean, case.gamma + u_mean, mean_variance)


def log_spike(case: Case):
    """log p(scores | delta = 0): t is 0, u is Normal(0, tau_u^2)."""
    return log_p_given_t(case, 0.0 * case.mean, 0.0, case.tau_u**2)


def log_slab_integrand(case: Case, z):
    """log of p(scores | t = tau_t z) Normal(z; 0, 1); u given t has mean tau_u rho z."""
    u_mean, u_variance = case.tau_u * case.rho * z, case.tau_u**2 * (1 - case.rho**2)
    return log_p_given_t(case, case.tau_t * z, u_mean, u_variance) + log_normal_pdf(z, 0.0, 1.0)


def widest(case: Case):
    """An interval of z that surely holds the slab's mass: the prior's bulk, and what SD and mean ask for."""
    df = np.maximum(case.n - 1, 1)
    own = np.where(case.n > 1, 0.5 * np.log(np.maximum(case.sum_squares, 1e-300) / df) - case.eta, 0.0) / case.tau_t
    by_mean = np.minimum(np.abs(case.mean - case.gamma) / case.tau_u, 30.0)
    return np.minimum(own, 0) - 12.0 - by_mean, np.maximum(own, 0) + 12.0 + by_mean


def zoom(case: Case, count: int, drop: float = 60.0, rounds: int = 3):
    """Shrink the interval, round by round, to where the integrand is within exp(-drop) of its peak."""
    low, high = widest(case)
    for _ in range(rounds):
        z = np.linspace(low, high, count)
        values = log_slab_integrand(case, z)
        matters = values > values.max(axis=0) - drop
        step = (high - low) / (count - 1)
        low = np.where(matters, z, np.inf).min(axis=0) - step
        high = np.where(matters, z, -np.inf).max(axis=0) + step
    return low, high


def log_slab_dense(case: Case, count: int = 801):
    """log p(scores | delta = 1) of arrays of cases, by a very dense sum between generous limits."""
    low, high = zoom(case, count)
    values = log_slab_integrand(case, np.linspace(low, high, count))
    peak = values.max(axis=0)
    return peak + np.log(np.exp(values - peak).sum(axis=0) * (high - low) / (count - 1))


def log_slab_quad(case: Case) -> float:
    """log p(scores | delta = 1) of one case, by adaptive quadrature with breakpoints around the mode."""
    low, high = (float(limit) for limit in zoom(case, 4001, drop=80.0))
    z = np.linspace(low, high, 4001)
    values = log_slab_integrand(case, z)
    peak = values.max()
    breaks = sorted({*np.interp(np.linspace(0, 1, 9), np.linspace(0, 1, 4001), z), z[values.argmax()]})
    parts = [
        quad(lambda at: np.exp(log_slab_integrand(case, at) - peak), *ends, epsabs=1e-13, epsrel=1e-11, limit=200)[0]
        for ends in pairwise(breaks)
    ]
    return float(peak + np.log(sum(parts)))


class Grid(NamedTuple):
    """A school's posterior on a grid of (u, t), slab and spike apart."""

    log_spike: float
    log_slab: float
    sd_given_slab: float  #: posterior mean of exp(eta + t) in the slab
    u_given_slab: float  #: posterior mean of u in the slab
    u_given_spike: float  #: posterior mean of u in the spike


def integrate_students(scores, gamma, eta, tau_u, tau_t, rho, reach=9.0, count=901) -> Grid:
    """Two-dimensional integration over u and t with the students themselves: the definition, nothing else.

    v = diag(tau) L z with z on a fine grid of standard Normals; for a smooth integrand that vanishes at the
    borders a plain sum converges faster than any power of the step.
    """
    z = np.linspace(-reach, reach, count)
    log_weight = log_normal_pdf(z, 0.0, 1.0) + np.log(z[1] - z[0])
    z0, z1 = z[:, None], z[None, :]
    u = tau_u * z0 + 0 * z1
    t = tau_t * (rho * z0 + np.sqrt(1 - rho**2) * z1)
    slab = log_weight[:, None] + log_weight[None, :]
    slab = slab + sum(log_normal_pdf(y, gamma + u, np.exp(2 * (eta + t))) for y in scores)
    spike = log_weight + sum(log_normal_pdf(y, gamma + u[:, 0], np.exp(2 * eta)) for y in scores)
    p_slab, p_spike = np.exp(slab), np.exp(spike)
    return Grid(
        log_spike=float(np.log(p_spike.sum())),
        log_slab=float(np.log(p_slab.sum())),
        sd_given_slab=float((p_slab * np.exp(eta + t)).sum() / p_slab.sum()),
        u_given_slab=float((p_slab * u).sum() / p_slab.sum()),
        u_given_spike=float((p_spike * u[:, 0]).sum() / p_spike.sum()),
    )


# Numbers of tight priors, under which draws from the prior meet the data often enough.
TIGHT = {"gamma_intercept_mean": 0.0, "gamma_intercept_sd": 0.3, "eta_sd": 0.3, "tau_df": 4.0}
TIGHT |= {"tau_u_scale": 0.3, "tau_t_scale": 0.5, "omega_shape": 1.5}


def log_evidence_by_plain_monte_carlo(schools: pd.DataFrame, pi: float, draws: int, rng) -> tuple[float, float]:
    """log p(y) and its standard error: everything from the prior, u, t and delta included, as the model is written."""
    tau = np.abs(rng.standard_t(TIGHT["tau_df"], size=(2, draws))) * [[TIGHT["tau_u_scale"]], [TIGHT["tau_t_scale"]]]
    rho = 2 * rng.beta(TIGHT["omega_shape"], TIGHT["omega_shape"], size=draws) - 1
    gamma = TIGHT["gamma_intercept_mean"] + TIGHT["gamma_intercept_sd"] * rng.normal(size=draws)
    eta = TIGHT["eta_sd"] * rng.normal(size=draws)
    log_p = np.zeros(draws)
    for n, mean, sd in schools[["n", "mean", "sd"]].itertuples(index=False):
        z = rng.normal(size=(2, draws))
        u, t = tau[0] * z[0], tau[1] * (rho * z[0] + np.sqrt(1 - rho**2) * z[1]) * (rng.random(draws) < pi)
        squares = (n - 1) * np.nan_to_num(sd) ** 2 + n * (mean - gamma - u) ** 2
        log_p += -0.5 * n * np.log(2 * np.pi) - n * (eta + t) - 0.5 * squares * np.exp(-2 * (eta + t))
    log_mean = logsumexp(log_p) - np.log(draws)
    relative = np.exp(log_p - log_mean)
    return float(log_mean), float(relative.std() / np.sqrt(draws))
