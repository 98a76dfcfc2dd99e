"""From draws to statements: Bayes factors, FDR, verdicts, Monte Carlo errors, and whether to believe them."""

import numpy as np
import pandas as pd
import pytest
from arviz_stats import ess, rhat
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit

import ssmelsm_helpers as sm
from ssmelsm_helpers.results.pips import verdicts

COLUMNS = [
    "n",
    "mean",
    "pip",
    "pip_mcse",
    "bayes_factor",
    "sd",
    "sd_lower",
    "sd_upper",
    "sd_ratio",
    "prob_more_variable",
    "verdict",
]


@pytest.fixture(scope="module")
def small_schools() -> pd.DataFrame:
    """Twenty schools of 15 to 90 students, a single-student school at the end."""
    counts = [*np.linspace(15, 90, 19).astype(int), 1]
    return sm.simulate_schools(n_schools=20, n_students=counts, inclusion=0.3, tau_t=0.4, random_seed=8).schools


def test_bayes_factor_is_posterior_odds_over_prior_odds():
    assert sm.bayes_factor(0.75) == pytest.approx(3)
    assert sm.bayes_factor(0.2, inclusion_prior=0.2) == pytest.approx(1)
    assert sm.bayes_factor(0.5, inclusion_prior=0.1) == pytest.approx(9)
    assert sm.bayes_factor(1.0) == np.inf
    assert sm.bayes_factor(0.0) == 0
    np.testing.assert_allclose(sm.bayes_factor(np.array([0.5, 0.9])), [1, 9])
    pips = pd.Series([0.5, 0.75], index=["a", "b"])
    assert sm.bayes_factor(pips).tolist() == pytest.approx([1, 3])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    pip=st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=1, max_size=30),
    level=st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.5]),
)
def test_fdr_threshold_by_brute_force(pip, level):
    """Twenty-first parts make many ties. A threshold flags every school that reaches it, ties included."""
    pip = np.array(pip)
    rates = {candidate: np.mean(1 - pip[pip >= candidate]) for candidate in np.unique(pip)}
    assume(all(abs(rate - level) > 1e-9 for rate in rates.values()))
    allowed = [candidate for candidate, rate in rates.items() if rate <= level]
    assert sm.fdr_threshold(pip, level=level) == (min(allowed) if allowed else np.inf)


def test_fdr_threshold_may_flag_nobody():
    assert sm.fdr_threshold([0.4, 0.9], level=0.05) == np.inf
    assert sm.fdr_threshold([0.4, 0.96], level=0.05) == 0.96


@pytest.mark.parametrize(
    ("pip", "mcse", "more", "expected"),
    [
        (0.90, 0.01, 0.99, "more variable"),
        (0.90, 0.01, 0.01, "less variable"),
        (0.60, 0.01, 0.99, "not flagged"),
        (0.75, 0.00, 0.99, "unresolved"),  # exactly at the threshold: no error, but no distance either
        (0.7601, 0.005, 0.99, "more variable"),
        (0.7599, 0.005, 0.99, "unresolved"),
        (0.7401, 0.005, 0.99, "unresolved"),
        (0.7399, 0.005, 0.99, "not flagged"),
        (0.10, 0.00, np.nan, "not flagged"),  # no draw in the slab: no direction either
    ],
)
def test_verdicts(pip, mcse, more, expected):
    """Flagged at or above the threshold; unresolved where it lies within two Monte Carlo errors of the PIP."""
    table = pd.DataFrame({"pip": [pip], "pip_mcse": [mcse], "prob_more_variable": [more]})
    assert verdicts(table, threshold=0.75).tolist() == [expected]


def test_pip_table_columns_and_labels(either_fit, saeb_schools):
    table = sm.pip_table(either_fit)
    assert list(table) == COLUMNS
    assert table.index.equals(saeb_schools.index)
    assert table.index.name == "school_id"
    pd.testing.assert_frame_equal(table[["n", "mean"]], saeb_schools[["n", "mean"]])
    assert table.attrs["threshold"] == 0.75
    assert set(table["verdict"]) <= set(sm.pip_table(either_fit, threshold=0.5)["verdict"])
    assert not table.drop(columns="verdict").isna().any(axis=None)


def test_pip_table_says_what_the_draws_say(either_fit):
    """Every column from the draws of one flagged school, spelled out."""
    posterior = either_fit["posterior"].to_dataset().sel(school=39)
    row = sm.pip_table(either_fit).loc[39]
    t = posterior["t"].to_numpy().ravel()
    delta = posterior["delta"].to_numpy().ravel()
    sd = np.exp(posterior["eta"].to_numpy().ravel() + t)
    assert row["pip"] == pytest.approx(expit(posterior["log_bf"].to_numpy()).mean())
    assert row["bayes_factor"] == pytest.approx(row["pip"] / (1 - row["pip"]))
    assert row["sd"] == pytest.approx(sd.mean())
    assert (row["sd_lower"], row["sd_upper"]) == pytest.approx(tuple(np.quantile(sd, [0.025, 0.975])))
    assert row["sd_ratio"] == pytest.approx(np.exp(t).mean())
    assert row["prob_more_variable"] == pytest.approx((t[delta == 1] > 0).mean())
    # The averaged probability and the share of slab draws estimate the same number: independent coins' error.
    assert abs(delta.mean() - row["pip"]) < 4.5 * np.sqrt(row["pip"] * (1 - row["pip"]) / len(delta))


def test_prior_inclusion_probability_enters_the_table(small_schools):
    fit = sm.fit_schools(small_schools, sampler="importance", inclusion_prior=0.2, random_seed=1, progressbar=False)
    table = sm.pip_table(fit)
    expected = expit(fit["posterior"]["log_bf"] + logit(0.2)).mean(("chain", "draw"))
    np.testing.assert_allclose(table["pip"], expected)
    np.testing.assert_allclose(table["bayes_factor"], table["pip"] / (1 - table["pip"]) * 4)


@pytest.mark.filterwarnings("ignore:the prior counts for more")
@pytest.mark.parametrize(
    ("sampler", "options", "seeds"),
    [("importance", {"draws": 250}, 24), ("nuts", {"draws": 80, "tune": 100, "chains": 2}, 8)],
)
def test_reported_monte_carlo_error_is_honest(small_schools, sampler, options, seeds):
    """The spread of PIPs over seeds is what they say.

    Per school, sum (PIP - mean)^2 / MCSE^2 is chi-square with seeds - 1 degrees of freedom; schools share their draws,
    so their average is, at the worst, one such number. Its 99.9 % point is 2.2 per degree of freedom for 24 seeds: an
    error reported at two thirds of the truth is found. (Schools whose PIP is 1 to the last digit have no error to compare.)
    """
    schools = small_schools.iloc[-8:]
    fits = [
        sm.fit_schools(schools, sampler=sampler, random_seed=seed, progressbar=False, **options)
        for seed in range(seeds)
    ]
    tables = pd.concat([sm.pip_table(fit) for fit in fits], keys=range(seeds))
    pip, mcse = (tables[column].unstack().to_numpy() for column in ("pip", "pip_mcse"))
    open_to_doubt = mcse.mean(axis=0) > 1e-6
    assert open_to_doubt.sum() >= 6
    ratio = ((pip - pip.mean(axis=0)) ** 2).sum(axis=0) / (mcse**2).mean(axis=0)
    low, high = stats.chi2.ppf([0.001, 0.999], seeds - 1)
    assert low < ratio[open_to_doubt].mean() < high


def test_the_error_of_importance_sampling_is_neither_too_small_nor_too_large(saeb_schools):
    """Over 20 seeds the spread of a PIP is between .7 and 1.4 of its reported error, for nine schools in ten.

    (An SD from 20 seeds errs by a sixth, so that this leaves the reported one little room.)
    """
    tables = [
        sm.pip_table(sm.fit_schools(saeb_schools, sampler="importance", random_seed=seed, progressbar=False))
        for seed in range(20)
    ]
    spread = np.std([table["pip"] for table in tables], axis=0, ddof=1)
    for table in tables[:5]:
        assert (spread / table["pip_mcse"]).between(0.7, 1.4).mean() >= 0.9


def test_a_good_fit_is_called_good(nuts_fit, importance_fit):
    """And the numbers are ArviZ's own, tails at 5 and 95 % as in Vehtari et al. (2021)."""
    nuts = sm.convergence(nuts_fit)
    names = ["gamma[Intercept]", "eta[Intercept]", "tau[location[Intercept]]", "tau[scale[Intercept]]", "rho"]
    assert nuts.index.tolist() == names
    assert list(nuts) == ["mean", "sd", "mcse", "ess_bulk", "ess_tail", "r_hat", "ok"]
    assert nuts["ok"].all()
    assert nuts.attrs["divergences"] == 0
    posterior = nuts_fit["posterior"].to_dataset()[["gamma", "eta", "tau", "rho"]]
    for column, expected in {
        "ess_bulk": ess(posterior, method="bulk"),
        "ess_tail": ess(posterior, method="tail", prob=(0.05, 0.95)),
        "r_hat": rhat(posterior),
    }.items():
        flat = np.concatenate([np.atleast_1d(expected[name].to_numpy()) for name in posterior])
        np.testing.assert_allclose(nuts[column], flat, rtol=1e-6)
    importance = sm.convergence(importance_fit)
    assert list(importance) == ["mean", "sd", "mcse", "ess_bulk", "ess_tail", "pareto_k", "ok"]
    assert importance["ok"].all()
    assert (importance["ess_bulk"] == importance_fit.attrs["importance_ess"]).all()


def test_a_bad_fit_is_called_bad(small_schools):
    """Twenty draws after twenty of warm-up are not 400 effective ones."""
    fit = sm.fit_schools(small_schools, sampler="nuts", draws=20, tune=20, chains=2, random_seed=1, progressbar=False)
    assert not sm.convergence(fit)["ok"].any()


def test_stuck_chains_are_called_bad(nuts_fit):
    """A chain that sits elsewhere fails by R-hat, however many draws there are."""
    fit = nuts_fit.copy(deep=True)
    fit["posterior"]["rho"][0] += 1.0
    table = sm.convergence(fit)
    assert table.loc["rho", "r_hat"] > 1.1
    assert table["ok"].tolist() == [True, True, True, True, False]


def test_a_bad_k_hat_is_called_bad(importance_fit):
    fit = importance_fit.copy()
    fit.attrs["pareto_k"] = 0.8
    assert not sm.convergence(fit)["ok"].any()


@pytest.mark.filterwarnings("ignore:the prior counts for more")
def test_a_single_student_leaves_the_prior_where_it_was():
    """With rho held at zero and a narrow slab, one score says nothing about t: PIP = pi, whatever pi is.

    The evidence that is left is of the order tau_t^2, and tau_t is about 0.01 in schools that do not differ.
    """
    schools = sm.simulate_schools(n_schools=20, n_students=[60] * 19 + [1], inclusion=0.0, random_seed=8).schools
    priors = sm.Priors(omega_shape=1e5, tau_t_scale=0.01)
    for pi in (0.2, 0.5):
        fit = sm.fit_schools(
            schools, sampler="importance", inclusion_prior=pi, priors=priors, random_seed=1, progressbar=False
        )
        assert sm.pip_table(fit)["pip"].iloc[-1] == pytest.approx(pi, abs=1e-3)
