"""Is the posterior the right one? Simulation-based calibration, coverage, and log p(y) by plain Monte Carlo.

Simulation-based calibration (Talts et al., 2018): hyperparameters drawn from the prior, data drawn from the model;
then every posterior must, on average, treat the truth as one of its own draws. An error anywhere between the prior
and the recovered effects shows.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logsumexp

import ssmelsm_helpers as sm

PRIORS = sm.Priors(
    gamma_intercept_mean=0.3,
    gamma_intercept_sd=0.5,
    eta_sd=0.4,
    tau_df=5.0,
    tau_u_scale=0.4,
    tau_t_scale=0.4,
    omega_shape=2.0,
)
REPLICATIONS = 150
KEPT = 59  # ranks 0 to 59
BINS = 10
COUNTS = [3, 5, 8, 12, 20, 30, 40, 60, 80, 1]


class Truth(NamedTuple):
    gamma: float
    eta: float
    tau_u: float
    tau_t: float
    rho: float


def from_the_prior(rng) -> Truth:
    """Hyperparameters from `PRIORS`, drawn here, not by the package."""
    tau_u, tau_t = np.abs(rng.standard_t(PRIORS.tau_df, size=2)) * [PRIORS.tau_u_scale, PRIORS.tau_t_scale]
    rho = 2 * rng.beta(PRIORS.omega_shape, PRIORS.omega_shape) - 1
    gamma = PRIORS.gamma_intercept_mean + PRIORS.gamma_intercept_sd * rng.normal()
    return Truth(gamma, PRIORS.eta_sd * rng.normal(), tau_u, tau_t, rho)


def hyperparameters(fit) -> np.ndarray:
    """Draws (S, 5), in the order of `Truth`."""
    posterior = fit["posterior"].to_dataset()
    parts = [posterior["gamma"], posterior["eta"], posterior["tau"], posterior["rho"].expand_dims(one=1, axis=-1)]
    return np.concatenate([part.to_numpy().reshape(posterior["rho"].size, -1) for part in parts], axis=1)


@pytest.fixture(scope="module")
def calibration():
    """Ranks of the five hyperparameters and of one school's u and SD; delta and PIP of every school."""
    ranks, deltas, pips = [], [], []
    for seed in range(REPLICATIONS):
        truth = from_the_prior(np.random.default_rng([7, seed]))
        data = sm.simulate_schools(n_schools=10, n_students=COUNTS, inclusion=0.4, random_seed=seed, **truth._asdict())
        fit = sm.fit_schools(
            data.schools,
            sampler="importance",
            inclusion_prior=0.4,
            priors=PRIORS,
            draws=600,
            chains=1,
            keep=KEPT,
            random_seed=seed,
            progressbar=False,
        )
        posterior = fit["posterior"].to_dataset().isel(chain=0)
        school = posterior.isel(school=4)
        sd = np.exp(posterior["eta"].isel(scale_term=0) + school["t"])
        draws = np.column_stack([hyperparameters(fit), school["u"], sd])
        planted = [*truth, data.truth["u"].iloc[4], data.truth["sd"].iloc[4]]
        ranks.append((draws < planted).sum(axis=0))
        deltas.append(data.truth["delta"])
        pips.append(sm.pip_table(fit)["pip"])
    return np.array(ranks), np.array(deltas), np.array(pips)


@pytest.mark.filterwarnings("ignore:importance sampling is unreliable:RuntimeWarning")
def test_ranks_of_the_truth_are_uniform(calibration):
    """Chi-square of 150 ranks in ten bins, seven quantities, each at p > 1e-3: one false alarm in 140 seeds."""
    names = [*Truth._fields, "u", "sd"]
    for name, ranks in zip(names, calibration[0].T, strict=True):
        observed = np.bincount(ranks * BINS // (KEPT + 1), minlength=BINS)
        assert stats.chisquare(observed).pvalue > 1e-3, (name, observed.tolist())


@pytest.mark.filterwarnings("ignore:importance sampling is unreliable:RuntimeWarning")
def test_inclusion_probabilities_are_calibrated(calibration):
    """Of the schools with a PIP near p, a share p has deviated: in all, and among the low, middle and high PIPs.

    Within a data set schools share their hyperparameters; data sets are independent, so their sums carry the error.
    """
    _, delta, pip = calibration
    for low, high in ((0, 1), (0, 0.3), (0.3, 0.6), (0.6, 1)):
        surplus = ((delta - pip) * ((pip >= low) & (pip <= high))).sum(axis=1)
        assert surplus.std() > 0
        assert abs(surplus.mean()) <= 4 * surplus.std(ddof=1) / np.sqrt(len(surplus)), (low, high)


def test_planted_parameters_are_covered():
    """Thirty data sets of one truth, default priors: 90 % intervals cover it as often as a binomial allows.

    Bayesian intervals of 60 schools are close to confidence intervals, not equal to them; 1e-3 on either side of
    Binomial(30, .9) leaves 21 to 30. The mean error, in posterior SDs, has SD 1 / sqrt(30); four of them.
    """
    truth = Truth(gamma=0.2, eta=-0.3, tau_u=0.4, tau_t=0.35, rho=0.3)
    covered, errors, hits = np.zeros(5), [], []
    for seed in range(30):
        data = sm.simulate_schools(n_schools=60, n_students=40, inclusion=0.5, random_seed=seed, **truth._asdict())
        fit = sm.fit_schools(data.schools, sampler="importance", draws=250, random_seed=seed, progressbar=False)
        draws = hyperparameters(fit)
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        covered += (low <= truth) & (truth <= high)
        errors.append((draws.mean(axis=0) - truth)[:2] / draws.std(axis=0)[:2])
        pip = sm.pip_table(fit)["pip"]
        hits.append((pip[data.truth["delta"] == 1].mean(), pip[data.truth["delta"] == 0].mean()))
    assert (stats.binom.cdf(covered, 30, 0.9) > 1e-3).all(), covered
    assert (np.abs(np.mean(errors, axis=0)) < 4 / np.sqrt(30)).all()
    deviating, ordinary = np.mean(hits, axis=0)
    assert deviating > ordinary + 0.2


TIGHT = sm.Priors(
    gamma_intercept_mean=0.0,
    gamma_intercept_sd=0.3,
    eta_sd=0.3,
    tau_df=4.0,
    tau_u_scale=0.3,
    tau_t_scale=0.5,
    omega_shape=1.5,
)


def log_evidence_by_plain_monte_carlo(schools: pd.DataFrame, pi: float, draws: int, rng) -> tuple[float, float]:
    """log p(y) and its standard error: everything from the prior, u, t and delta included, as the model is written."""
    tau = np.abs(rng.standard_t(TIGHT.tau_df, size=(2, draws))) * [[TIGHT.tau_u_scale], [TIGHT.tau_t_scale]]
    rho = 2 * rng.beta(TIGHT.omega_shape, TIGHT.omega_shape, size=draws) - 1
    gamma = TIGHT.gamma_intercept_mean + TIGHT.gamma_intercept_sd * rng.normal(size=draws)
    eta = TIGHT.eta_sd * rng.normal(size=draws)
    log_p = np.zeros(draws)
    for n, mean, sd in schools[["n", "mean", "sd"]].itertuples(index=False):
        z = rng.normal(size=(2, draws))
        u, t = tau[0] * z[0], tau[1] * (rho * z[0] + np.sqrt(1 - rho**2) * z[1]) * (rng.random(draws) < pi)
        squares = (n - 1) * np.nan_to_num(sd) ** 2 + n * (mean - gamma - u) ** 2
        log_p += -0.5 * n * np.log(2 * np.pi) - n * (eta + t) - 0.5 * squares * np.exp(-2 * (eta + t))
    log_mean = logsumexp(log_p) - np.log(draws)
    relative = np.exp(log_p - log_mean)
    return float(log_mean), float(relative.std() / np.sqrt(draws))


def test_log_evidence_is_the_log_of_p_of_y():
    """Three tiny schools, tight priors, all constants: four joint Monte Carlo errors."""
    schools = pd.DataFrame({"n": [3, 1, 4], "mean": [0.4, -0.6, 0.1], "sd": [0.5, np.nan, 2.2]}, index=list("abc"))
    expected, error = log_evidence_by_plain_monte_carlo(schools, 0.3, 1_000_000, np.random.default_rng(2))
    assert error < 0.01
    fit = sm.fit_schools(
        schools, sampler="importance", inclusion_prior=0.3, priors=TIGHT, draws=2500, random_seed=1, progressbar=False
    )
    own_error = np.sqrt(1 / fit.attrs["importance_ess"] - 1 / 10_000)
    assert own_error < 0.02
    assert abs(fit.attrs["log_evidence"] - expected) <= 4 * np.hypot(error, own_error)
