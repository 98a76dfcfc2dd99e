"""Is the posterior the right one? Simulation-based calibration, coverage, and log p(y) by plain Monte Carlo."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from brute_force import TIGHT, log_evidence_by_plain_monte_carlo
from scipy import stats

import ssmelsm_helpers as sm

REPLICATIONS = 100
OPTIONS = {"replications": REPLICATIONS, "random_seed": 7, "progressbar": False}


class Truth(NamedTuple):
    gamma: float
    eta: float
    tau_u: float
    tau_t: float
    rho: float


def hyperparameters(fit) -> np.ndarray:
    """Draws (S, 5), in the order of `Truth`."""
    posterior = fit["posterior"].to_dataset()
    parts = [posterior["gamma"], posterior["eta"], posterior["tau"], posterior["rho"].expand_dims(one=1, axis=-1)]
    return np.concatenate([part.to_numpy().reshape(posterior["rho"].size, -1) for part in parts], axis=1)


@pytest.fixture(scope="module")
def right():
    """100 data sets, with fits of the prior they are from."""
    return sm.study.run(sm.study.calibration(), **OPTIONS)


@pytest.fixture(scope="module")
def wrong():
    """Half as many with a prior of tau_t four times too narrow: that is to be noticed sooner."""
    return sm.study.run(sm.study.calibration(wrong_prior=True), **OPTIONS | {"replications": REPLICATIONS // 2})


def test_a_right_posterior_is_calibrated(right):
    """Ranks of eleven quantities and PIPs in four classes, 1 % for a false alarm in all of them.

    `make sbc` does the same with 500, for all formulations and samplers; data/study_sbc.csv holds its results.
    """
    assert right["error"].isna().all()
    verdict = sm.study.calibration_verdict(right, bins=10)
    assert len(verdict) == 15
    assert verdict["passes"].all(), verdict


def test_a_wrong_prior_is_noticed(wrong):
    """The negative control."""
    verdict = sm.study.calibration_verdict(wrong, bins=10)
    assert not verdict.loc["tau_t", "passes"]


def test_what_was_run_at_length_is_calibrated():
    """The committed results of `make sbc`: 500 data sets per sampler of the collapsed formulation, 200 of the others."""
    found = sm.study.load("sbc")
    kinds = found.groupby(["formulation", "sampler", "wrong_prior"])
    assert set(kinds.groups) == {
        ("collapsed", "importance", False),
        ("collapsed", "importance", True),
        ("collapsed", "nuts", False),
        ("marginal", "nuts", False),
        ("sampled", "nuts", False),
    }
    assert found.loc[found["formulation"] == "collapsed", "replications"].eq(500).all()
    assert found["replications"].min() >= 60
    assert found.loc[~found["wrong_prior"], "passes"].all()
    assert not found.loc[found["wrong_prior"] & (found["quantity"] == "tau_t"), "passes"].any()


def test_the_verdict_itself():
    """Uniform ranks and independent coins pass; ranks pushed to one side, or PIPs that promise too much, do not."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"rank_a": rng.integers(100, size=400), "surplus_0_1": rng.normal(size=400), "error": None})
    assert sm.study.calibration_verdict(table)["passes"].all()
    pushed = table.assign(rank_a=np.sqrt(table["rank_a"] * 99).astype(int))
    assert sm.study.calibration_verdict(pushed)["passes"].tolist() == [False, True]
    promised = table.assign(surplus_0_1=table["surplus_0_1"] - 0.4)
    assert sm.study.calibration_verdict(promised)["passes"].tolist() == [True, False]


def test_the_summary_of_a_calibration_is_its_verdict(right, wrong):
    """Of several, each one's: their ranks are not to be mixed."""
    pd.testing.assert_frame_equal(sm.study.summarise(right), sm.study.calibration_verdict(right))
    both = sm.study.summarise(pd.concat([right, wrong]))
    assert both.index.names == ["formulation", "sampler", "wrong_prior", "quantity"]
    pd.testing.assert_frame_equal(both.loc["collapsed", "importance", True], sm.study.calibration_verdict(wrong))
    only = sm.study.summarise(pd.concat([right, wrong]), ["wrong_prior"])
    pd.testing.assert_frame_equal(only.loc[False], sm.study.calibration_verdict(right))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"bins": 7}, r"bins must be one of \[2, 4, 5, 10, .*\]; found 7"), ({"level": 0}, "level must be")],
)
def test_malformed_verdicts(options, message):
    table = pd.DataFrame({"rank_a": [1, 2], "error": None})
    with pytest.raises(ValueError, match=message):
        sm.study.calibration_verdict(table, **options)
    with pytest.raises(ValueError, match="table must be a calibration study's"):
        sm.study.calibration_verdict(pd.DataFrame({"a": [1]}))
    with pytest.raises(
        ValueError, match=r"formulation and sampler must be one of .*; found \('sampled', 'importance'\)"
    ):
        sm.study.calibration(formulation="sampled")


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


@pytest.mark.filterwarnings("ignore:the prior counts for more")
def test_log_evidence_is_the_log_of_p_of_y():
    """Three tiny schools, tight priors, all constants: four joint Monte Carlo errors."""
    schools = pd.DataFrame({"n": [3, 1, 4], "mean": [0.4, -0.6, 0.1], "sd": [0.5, np.nan, 2.2]}, index=list("abc"))
    expected, error = log_evidence_by_plain_monte_carlo(schools, 0.3, 1_000_000, np.random.default_rng(2))
    assert error < 0.01
    fit = sm.fit_schools(
        schools,
        sampler="importance",
        inclusion_prior=0.3,
        priors=sm.Priors(**TIGHT),
        draws=2500,
        random_seed=1,
        progressbar=False,
    )
    own_error = np.sqrt(1 / fit.attrs["importance_ess"] - 1 / 10_000)
    assert own_error < 0.02
    assert abs(fit.attrs["log_evidence"] - expected) <= 4 * np.hypot(error, own_error)
