"""Charts and exercises of chapters 1, 3, 4, 5 and 10."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm

CHECKS = {
    "ratio": (
        lambda a: sm.check_sd_ratio(a, larger=88, smaller=66),
        4 / 3,
        {22: "difference", 0.75: "other way round"},
    ),
    "pupils": (lambda a: sm.check_pupils_needed(a, error=0.1), 51, {101: "2 under the root", 50: "one more"}),
    "corner": (lambda a: sm.check_cholesky_corner(a, rho=-0.8), 0.6, {0.2: "squares", 0.36: "root", -0.6: "positive"}),
    "covariance": (
        lambda a: sm.check_effect_covariance(a, tau_u=0.5, tau_t=0.1, rho=-0.4),
        -0.02,
        {-0.4: "correlation", 0.02: "sign"},
    ),
    "expected": (
        lambda a: sm.check_expected_t(a, u=0.75, tau_u=0.5, tau_t=0.1, rho=-0.4),
        -0.06,
        {-0.03: "Divide by tau_u", -0.6: "multiply by tau_t", 0.06: "sign"},
    ),
    "mixture": (
        lambda a: sm.check_mixture_sd(a, tau_t=0.4, inclusion_prior=0.25),
        0.2,
        {0.1: "variance that is multiplied", 0.4: "SD in the slab"},
    ),
    "kept": (
        lambda a: sm.check_kept_sd(a, tau_t=0.2, rho=-0.5),
        0.1,
        {0: "after L", 0.2: "switch on", -0.1: "positive"},
    ),
    "counted": (
        lambda a: sm.check_pip_from_draws(a, [1, 0, 1, 0, 1]),
        0.6,
        {3: "divide", 0.4: "spike", 1.5: "odds", 1: "not rounded"},
    ),
    "odds": (
        lambda a: sm.check_pip_for_bayes_factor(a, bayes_factor=3, inclusion_prior=0.2),
        3 / 7,
        {0.75: "one half", 0.6: "not probabilities"},
    ),
    "least": (
        lambda a: sm.check_least_pip(a, n=51, tau_t=0.2),
        1 / (1 + np.sqrt(5)),
        {0: "small deviations", 0.69: "spike"},
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_checks_know_right_from_wrong(name):
    check, right, wrong = CHECKS[name]
    assert check(right).correct
    assert str(check(...)) == "✗ Nothing to check yet: replace the dots by your answer."
    for answer, reason in wrong.items():
        found = check(answer)
        assert not found.correct
        assert reason in str(found), (answer, str(found))
    assert not check(right + 17).correct


def test_few_schools_chart_draws_what_it_says():
    students = pd.DataFrame({"school": list("AAABBB"), "score": [1.0, 2.0, 3.0, 0.0, 2.0, 4.0]})
    spec = sm.plot.few_schools(students, outcome="score", school="school").to_dict()
    assert "School A: 3 students, mean 2.00, SD 1.00; School B: 3 students, mean 2.00, SD 2.00" in spec["description"]
    bars = next(rows for rows in spec["datasets"].values() if "low" in rows[0])
    assert [(row["low"], row["high"]) for row in bars] == [(1.0, 3.0), (0.0, 4.0)]


@pytest.mark.parametrize(
    ("students", "message"),
    [
        (pd.DataFrame({"school": ["A"] * 3, "score": [1.0, 2, 3]}), "students must be of 2 to 6 schools"),
        (
            pd.DataFrame({"school": list("ABB"), "score": [1.0, 2, 3]}),
            "at least 2 students each; found {'A': 1, 'B': 2}",
        ),
        (pd.DataFrame({"school": list("AABB")}), "outcome needs the column 'score'"),
    ],
)
def test_few_schools_chart_refuses(students, message):
    with pytest.raises(ValueError, match=message):
        sm.plot.few_schools(students, outcome="score", school="school")


def test_spike_and_bump_share_the_draws(importance_fit):
    """Bars of the bump and the spike add up to one; the spike is the share of zeros."""
    spec = sm.plot.spike_and_bump(importance_fit, [46, 1]).to_dict()
    rows = pd.DataFrame(next(iter(spec["datasets"].values())))
    total = rows.groupby("school")["share"].sum()
    np.testing.assert_allclose(total, 1.0)
    t = importance_fit["posterior"]["t"].sel(school=46)
    spike = rows.query("part == 'spike' and school == 'School 46'")["share"].item()
    assert spike == float((t == 0).mean())
    assert f"school 46: {spike:.0%} of the draws at zero" in spec["description"]


@pytest.mark.parametrize("schools", [[], "46", [1, 2, 3, 4, 5, 6], [1000]])
def test_spike_and_bump_refuses(importance_fit, schools):
    with pytest.raises(ValueError, match="schools must be"):
        sm.plot.spike_and_bump(importance_fit, schools)
