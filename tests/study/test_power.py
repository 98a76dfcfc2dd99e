"""Probabilities of detection: against simulated schools, and against the simulation study."""

import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm


@pytest.mark.parametrize(
    ("n", "sd_ratio", "tau_t", "pi", "threshold"),
    [
        (71, 1.3, 0.1, 0.5, 0.75),
        (20, 0.6, 0.3, 0.5, 0.75),
        (3, 0.5, 1.0, 0.5, 0.6),
        (300, 1.0, 0.05, 0.2, 0.5),
        (40, 1.4, 0.2, 0.25, 0.9),
    ],
)
def test_against_simulated_schools(n, sd_ratio, tau_t, pi, threshold):
    """60,000 schools with known hyperparameters: four standard errors, and .002 for the quadrature over the mean."""
    rng = np.random.default_rng(n)
    size, tau_u = 60_000, 0.4
    mean = rng.normal(size=size) * np.sqrt(tau_u**2 + sd_ratio**2 / n)
    sd = sd_ratio * np.sqrt(rng.chisquare(n - 1, size=size) / (n - 1))
    options = {"tau_t": tau_t, "inclusion_prior": pi}
    reached = (sm.school_evidence(n, mean, sd, tau_u=tau_u, **options).inclusion >= threshold).mean()
    found = sm.study.detection_probability(n, sd_ratio=sd_ratio, threshold=threshold, tau_u=tau_u, **options)
    assert isinstance(found, float)
    assert found == pytest.approx(reached, abs=4 * np.sqrt(reached * (1 - reached) / size) + 0.002)


def test_arguments_broadcast_and_more_students_find_more():
    found = sm.study.detection_probability([[20], [80], [320]], sd_ratio=[0.7, 1.4], tau_t=0.2)
    assert found.shape == (3, 2)
    assert (np.diff(found, axis=0) > 0).all()


def test_out_of_reach_and_always_reached():
    """With 5 students and a narrow slab nothing reaches .99; with pi = .9 everybody starts above .75."""
    assert sm.study.detection_probability(5, sd_ratio=1.5, tau_t=0.02, threshold=0.99) == pytest.approx(0, abs=1e-3)
    assert sm.study.detection_probability(5, sd_ratio=1.0, tau_t=0.02, inclusion_prior=0.9) == pytest.approx(1)


def test_the_slab_that_many_schools_teach(monkeypatch):
    """2,000 schools: the fitted tau_t is the one predicted, within four posterior SDs; and it is below the planted SD."""
    data = sm.simulate_schools(n_schools=2000, n_students=75, tau_t=0.437, inclusion=0.1, eta=0.0, random_seed=4)
    fit = sm.fit_schools(data.schools, sampler="importance", draws=250, random_seed=1, progressbar=False)
    tau_t = fit["posterior"]["tau"].isel(effect=1).to_numpy()
    expected = sm.study.learned_tau_t(75, size=0.437, share=0.1)
    assert abs(tau_t.mean() - expected) < 4 * tau_t.std()
    assert expected < 0.3 < 0.437


def test_design_table_against_the_simulation_study():
    """All 108 conditions with deviating schools. The formula takes the hyperparameters as known: its errors are largest
    where 50 schools, few of them deviating, teach little. It is meant for planning; its errors are asserted here."""
    study = sm.study.load("published").query("p_slab > 0").rename(columns={"p_slab": "share", "sd_slab": "size"})
    parts = [
        sm.study.design_table(sorted(study["n_students"].unique()), size=sorted(study["size"].unique()), share=share)
        for share in sorted(study["share"].unique())
    ]
    keys = ["n_students", "share", "size"]
    both = study.merge(pd.concat(parts)[[*keys, "tpr", "fpr"]], on=keys, suffixes=("", "_planned"))
    assert len(both) == 108
    error = both["tpr_planned"] - both["tpr"]
    assert error.abs().mean() < 0.03
    assert error.abs().max() < 0.16
    large = both["n_schools"] >= 150
    assert error[large].abs().max() < 0.08
    assert (both["fpr_planned"] - both["fpr"]).abs().max() < 0.02


@pytest.mark.parametrize("n", [2, 3, 5, 20])
@pytest.mark.parametrize("size", [0.1, 0.6, 0.9])
def test_a_table_is_the_mean_over_t(n, size):
    """Of the probability at each t, whose few points are enough: equal steps of as many were .02 off with few students."""
    z = np.linspace(-4.5, 4.5, 181)
    found = sm.study.detection_probability(n, sd_ratio=np.exp(size * z), tau_t=size)
    expected = np.average(found, weights=np.exp(-0.5 * z**2))
    table = sm.study.design_table(n, size=size, tau_t=size).loc[0]
    assert table["tpr"] == pytest.approx(expected, abs=0.005)
    assert table["fpr"] == pytest.approx(sm.study.detection_probability(n, sd_ratio=1.0, tau_t=size), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1}, "n must be whole numbers of at least 2; found 1."),
        ({"n": 4.5}, "n must be whole numbers of at least 2; found 4.5."),
        ({"sd_ratio": 0}, "sd_ratio must be positive finite numbers; found 0."),
        ({"tau_t": "x"}, "tau_t must be positive finite numbers; found 'x'"),
        ({"threshold": 1}, "threshold must be a number between 0 and 1"),
        ({"n": [10, 20], "sd_ratio": [1, 2, 3]}, "cannot be broadcast"),
    ],
)
def test_malformed_calls(options, message):
    with pytest.raises(ValueError, match=message):
        sm.study.detection_probability(**({"n": 20, "sd_ratio": 1.2, "tau_t": 0.1} | options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": -1}, "size must be positive"),
        ({"share": 1.2}, "share must be a number between 0 and 1"),
        ({"n_schools": 0}, "n_schools must be"),
        ({"n_students": 1}, "n must be|n_students must be"),
        ({"n_students": [[1], [2, 3]]}, r"n_students must be whole numbers of at least 2; found \[\[1\], \[2, 3\]\]"),
        ({"size": {0.3}}, "size must be positive finite numbers; found {0.3}"),
        ({"size": []}, r"size must be positive finite numbers; found \[\]"),
    ],
)
def test_malformed_designs(options, message):
    with pytest.raises(ValueError, match=message):
        sm.study.design_table(**({"n_students": 20, "size": 0.3} | options))


def test_power_chart_wants_one_surface():
    table = sm.study.design_table([20, 80], size=[0.2, 0.5], share=[0.1, 0.2])
    with pytest.raises(ValueError, match="table must hold one value of share"):
        sm.plot.power(table)
    with pytest.raises(ValueError, match="table must be one of design_table, with the columns"):
        sm.plot.power(pd.DataFrame({"tpr": [1]}))


def test_pi_and_schools_of_a_plan_are_checked():
    for options, message in (
        ({"inclusion_prior": 1.5}, "inclusion_prior must be a number between 0 and 1"),
        ({"n_schools": 10.5}, "n_schools must be a whole number of at least 1; found 10.5"),
        ({"tau_t": -1}, "tau_t must be"),
    ):
        with pytest.raises(ValueError, match=message):
            sm.study.design_table(50, size=0.4, **options)
    with pytest.raises(ValueError, match="share must be a number between 0 and 1"):
        sm.study.learned_tau_t(50, size=0.4, share=0)
