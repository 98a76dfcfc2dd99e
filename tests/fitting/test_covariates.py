"""The covariate model on simulated schools: planted coefficients are covered, and no chain is lost."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ssmelsm_helpers as sm

FORMULAS = "score ~ x * w + (1 | school)", "~ x * w + (1 | school)"
PLANTED = {"gamma": [0.1, 0.2, 0.5, -0.1], "eta": [-0.3, 0.1, 0.2, -0.1], "tau": [0.35, 0.3], "omega": -0.4}
DATA_SETS, LEVEL = 50, 0.9


def students(seed: int, n_schools: int = 40, n_students: int = 25) -> pd.DataFrame:
    """One data set: x within schools, w between them."""
    rng = np.random.default_rng([11, seed])
    school = np.repeat(np.arange(n_schools), n_students)
    x, w = rng.normal(size=len(school)), rng.normal(size=n_schools)[school]
    data = pd.DataFrame({"school": school, "x": x, "w": w})
    return sm.simulate_outcomes(*FORMULAS, data, inclusion=0.5, random_seed=seed, **PLANTED).students


@pytest.mark.slow
def test_planted_coefficients_are_covered():
    """90 % intervals over 50 data sets: each count is one of a Binomial(50, .9), at 1e-3; so is their sum.

    A coefficient's error in posterior SDs has SD 1, the mean of fifty 1 / sqrt(50): four of them are allowed.
    """
    planted = np.array(PLANTED["gamma"] + PLANTED["eta"])
    covered, errors = [], []
    for seed in range(DATA_SETS):
        fit = sm.fit(*FORMULAS, students(seed), sampler="importance", draws=500, random_seed=seed, progressbar=False)
        assert fit.attrs["pareto_k"] < 0.7
        draws = np.concatenate([fit["posterior"][name].to_numpy().reshape(-1, 4) for name in ("gamma", "eta")], axis=1)
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        covered.append((low <= planted) & (planted <= high))
        errors.append((draws.mean(axis=0) - planted) / draws.std(axis=0))
    counts, errors = np.sum(covered, axis=0), np.array(errors)
    for at, count in enumerate(counts):
        tails = stats.binom.cdf(count, DATA_SETS, LEVEL), stats.binom.sf(count - 1, DATA_SETS, LEVEL)
        assert min(tails) > 1e-3, (at, counts)
    assert stats.binom.cdf(counts.sum(), counts.size * DATA_SETS, LEVEL) > 1e-3, counts
    assert (abs(errors.mean(axis=0)) < 4 / np.sqrt(DATA_SETS)).all(), errors.mean(axis=0)


@pytest.mark.slow
def test_no_chain_is_stuck():
    """Twenty seeds, two short chains each: all of them are where importance sampling says the posterior is."""
    data = students(0)
    exact = sm.fit(*FORMULAS, data, sampler="importance", random_seed=1, progressbar=False)["posterior"]
    for seed in range(20):
        fit = sm.fit(*FORMULAS, data, sampler="nuts", draws=60, tune=100, chains=2, random_seed=seed, progressbar=False)
        assert float(fit["sample_stats"]["diverging"].mean()) < 0.02
        for name in ("gamma", "eta", "tau", "rho"):
            centre, sd = exact[name].mean(("chain", "draw")), exact[name].std(("chain", "draw"))
            away = abs(fit["posterior"][name].mean("draw") - centre) / sd
            # The mean of 60 correlated draws of one chain has an SD of about a quarter.
            assert float(away.max()) < 1.5, (seed, name)
