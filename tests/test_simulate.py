"""Simulated schools follow the model's text, and their planted truth is the truth."""

import re

import numpy as np
import pytest
from scipy import stats

import ssmelsm_helpers as sm

SETTING = {"gamma": 0.5, "eta": -0.4, "tau_u": 0.6, "tau_t": 0.4, "rho": -0.7, "inclusion": 0.3}


@pytest.fixture(scope="module")
def many():
    """20,000 schools of six students."""
    return sm.simulate_schools(n_schools=20_000, n_students=6, **SETTING, random_seed=1)


def test_effects_have_the_models_distribution(many):
    """Each at p > 1e-3 under a fixed seed; t is exactly zero in the spike, and u is not touched by the indicator."""
    truth = many.truth
    slab = truth[truth["delta"] == 1]
    spike = truth[truth["delta"] == 0]
    assert stats.binomtest(len(slab), len(truth), SETTING["inclusion"]).pvalue > 1e-3
    assert (spike["t"] == 0).all()
    assert stats.kstest(truth["u"] / SETTING["tau_u"], "norm").pvalue > 1e-3
    assert stats.kstest(spike["u"] / SETTING["tau_u"], "norm").pvalue > 1e-3
    assert stats.kstest(slab["t"] / SETTING["tau_t"], "norm").pvalue > 1e-3
    # Fisher's z of the correlation has SD 1 / sqrt(n - 3).
    z = np.arctanh(slab["u"].corr(slab["t"])) - np.arctanh(SETTING["rho"])
    assert abs(z) * np.sqrt(len(slab) - 3) < 3.3


def test_students_have_their_schools_mean_and_sd(many):
    """Standardised by the planted truth, all 120,000 residuals are Normal(0, 1)."""
    truth = many.truth.loc[many.students["school"]]
    residual = many.students["score"].to_numpy() - SETTING["gamma"] - truth["u"].to_numpy()
    assert stats.kstest(residual / truth["sd"].to_numpy(), "norm").pvalue > 1e-3
    np.testing.assert_allclose(truth["sd"], np.exp(SETTING["eta"] + truth["t"]))


def test_tables_belong_together():
    counts = [5, 1, 8]
    simulation = sm.simulate_schools(n_schools=3, n_students=counts, random_seed=1)
    assert simulation.schools["n"].tolist() == counts
    assert simulation.truth.index.equals(simulation.schools.index)
    assert list(simulation.truth) == ["u", "t", "delta", "sd"]
    again = sm.summarise_schools(simulation.students, outcome="score", school="school")
    assert again.equals(simulation.schools)


def test_seeds_decide():
    first, same, other = (sm.simulate_schools(n_schools=4, random_seed=seed).students for seed in (1, 1, 2))
    assert first.equals(same)
    assert not first.equals(other)


def test_extremes_are_allowed():
    """No slab, only slab, no heterogeneity, perfect correlation."""
    none = sm.simulate_schools(n_schools=50, inclusion=0.0, random_seed=1).truth
    assert (none["delta"] == 0).all()
    every = sm.simulate_schools(n_schools=50, inclusion=1.0, rho=1.0, tau_u=0.5, tau_t=0.25, random_seed=1).truth
    assert (every["delta"] == 1).all()
    np.testing.assert_allclose(every["t"], every["u"] / 2)
    flat = sm.simulate_schools(n_schools=50, tau_u=0.0, tau_t=0.0, inclusion=1.0, random_seed=1).truth
    assert (flat[["u", "t"]] == 0).all(axis=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_schools": 0}, "n_schools must be a whole number of at least 1; found 0."),
        ({"n_schools": 2.5}, "n_schools must be a whole number of at least 1; found 2.5."),
        ({"n_students": 0}, "n_students must be whole numbers of at least 1, one or 4; found 0."),
        ({"n_students": 7.5}, "n_students must be whole numbers of at least 1, one or 4; found 7.5."),
        ({"n_students": [5, 5]}, "n_students must be whole numbers of at least 1, one or 4; found [5, 5]."),
        (
            {"n_students": [5, 5, -1, 5]},
            "n_students must be whole numbers of at least 1, one or 4; found [5, 5, -1, 5].",
        ),
        ({"tau_u": -0.1}, "tau_u must be a finite number of at least 0; found -0.1."),
        ({"tau_t": np.inf}, "tau_t must be a finite number of at least 0; found inf."),
        ({"rho": 1.1}, "rho must be a finite number from -1 to 1; found 1.1."),
        ({"rho": np.nan}, "rho must be a finite number from -1 to 1; found nan."),
        ({"inclusion": -0.1}, "inclusion must be a finite number from 0 to 1; found -0.1."),
    ],
)
def test_malformed_settings(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.simulate_schools(**({"n_schools": 4, "random_seed": 1} | arguments))
