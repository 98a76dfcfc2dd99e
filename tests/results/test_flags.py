"""What a flag rests on: evidence or prior, the scale of tau_t's prior, the end of the outcome's scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm
from ssmelsm_helpers.results.flags import end_of_scale, has_evidence, with_tau_t_scale

PLAIN = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
OPTIONS = {"sampler": "importance", "random_seed": 1, "progressbar": False}


def test_evidence_is_a_bayes_factor_of_three():
    """At pi = .5 a PIP of .75, at .75 one of .9; what Monte Carlo error leaves open counts."""
    table = pd.DataFrame({"pip": [0.74, 0.75, 0.8, 0.91], "pip_mcse": [0.001, 0.0, np.nan, 0.0]})
    assert has_evidence(table, 0.5).tolist() == [False, True, True, True]
    assert has_evidence(table, 0.75).tolist() == [False, False, False, True]
    assert has_evidence(table.assign(pip_mcse=0.01), 0.5).tolist() == [True] * 4


def test_most_flags_of_a_large_pi_are_the_priors(saeb_schools):
    fit = sm.fit_schools(saeb_schools, inclusion_prior=0.75, **OPTIONS)
    table = sm.pip_table(fit)
    flagged = table["pip"] >= 0.75
    assert flagged.sum() > 40
    assert 4 <= (flagged & has_evidence(table, 0.75)).sum() <= 8


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_another_scale_of_the_prior_is_another_fit(factor):
    """Of few schools, where the scale matters; within the Monte Carlo error of both."""
    schools = sm.simulate_schools(n_schools=15, n_students=30, tau_t=0.4, inclusion=0.5, random_seed=4).schools
    priors = sm.Priors(tau_t_scale=0.4)
    fit = sm.fit_schools(schools, priors=priors, **OPTIONS)
    found = with_tau_t_scale(fit, factor)
    assert found.trusted
    assert found.scale == pytest.approx(0.4 * factor)
    again = sm.fit_schools(schools, priors=replace(priors, tau_t_scale=0.4 * factor), **OPTIONS | {"random_seed": 2})
    error = np.hypot(*(sm.pip_table(one)["pip_mcse"] for one in (fit, again)))
    pip = found.bayes_factor / (1 + found.bayes_factor)
    # The weights, which are between 1 / 2 and 8 by their ratio, make few draws of many.
    assert ((pip - sm.pip_table(again)["pip"]).abs() < 6 * error).all()


def test_priors_that_cannot_be_read_have_no_scale(saeb_schools):
    import pymc as pm

    fit = sm.fit_schools(saeb_schools, priors=sm.Priors(tau_t=pm.HalfNormal.dist(0.3)), **OPTIONS)
    assert with_tau_t_scale(fit, 2.0) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_where_the_scale_ends(sign):
    """A quarter of the students at the highest score: steady schools with high means are asked about; others never."""
    made = sm.simulate_schools(n_schools=60, n_students=60, inclusion=0.1, random_seed=1).students
    made["score"] *= sign
    free = sm.fit(*PLAIN, made, **OPTIONS)
    assert (end_of_scale(free, sm.pip_table(free)) == "").all()
    limit = (made["score"] * sign).quantile(0.75)
    ended = sm.fit(*PLAIN, made.assign(score=sign * np.minimum(sign * made["score"], limit)), **OPTIONS)
    table = sm.pip_table(ended)
    marks = end_of_scale(ended, table)
    assert set(marks) == {"", "ceiling?" if sign > 0 else "floor?"}
    asked = table[marks != ""]
    assert (asked["verdict"] == "less variable").sum() >= 4
    assert (sign * asked["mean"] > (sign * table["mean"]).median()).all()
