"""A sampler that knows: places where an effect's SD is nearly zero are visited, and contradictions are called out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from posteriors import posterior_of
from scipy import stats
from scipy.integrate import quad

import ssmelsm_helpers as sm
from ssmelsm_helpers.fitting.importance import StudentT, find_mode, first_proposal, null_evidence
from ssmelsm_helpers.fitting.ridge import LowTail, compare, evidence_of_draws
from ssmelsm_helpers.fitting.weights import WeightedDraws, weigh
from ssmelsm_helpers.spec.densities import HalfStudentTPrior

pytestmark = pytest.mark.filterwarnings("ignore:the prior counts for more")
QUIET = {"progressbar": False, "random_seed": 1}
SCALES = [1e-6, 1e-3, 0.003, 0.01, 1.0]


@pytest.fixture(scope="module")
def fits(saeb_schools):
    """The Saeb schools under slabs of which the narrow ones have a second place, at tau_t = 0, or only that."""
    return {
        scale: sm.fit_schools(saeb_schools, sampler="importance", priors=sm.Priors(tau_t_scale=scale), **QUIET)
        for scale in SCALES
    }


def test_the_evidence_is_right_where_it_used_to_be_off(fits, saeb_schools):
    """Integrated over tau_t: p(y) = integral of p(y | tau_t) p(tau_t), with p(y | tau_t) from fits of one narrow prior each.

    A prior that puts tau_t between two close values knows p(y | tau_t) at once: importance sampling has no ridge there.
    """
    import pymc as pm

    log_tau = np.linspace(np.log(1e-3), np.log(0.25), 23)
    given = []
    for at in log_tau:
        prior = sm.Priors(tau_t=pm.LogNormal.dist(at, 0.01))
        given.append(
            sm.fit_schools(saeb_schools, sampler="importance", priors=prior, draws=250, **QUIET).attrs["log_evidence"]
        )
    given = np.array(given)
    for scale, fit in fits.items():
        prior = HalfStudentTPrior(3.0, scale)
        values = given + prior.log_density(np.exp(log_tau)) + log_tau
        above = np.trapezoid(np.exp(values - given[0]), log_tau)
        below = quad(lambda t, p=prior: np.exp(p.log_density(t)), 0, 1e-3, points=[min(scale, 5e-4)], limit=200)[0]
        expected = given[0] + np.log(above + below)
        assert fit.attrs["log_evidence"] == pytest.approx(expected, abs=0.1), scale


def test_the_draws_are_where_the_evidence_says(fits):
    """The posterior probability of a small tau_t, in two ways; and PIPs stay at pi where nothing but the ridge is left."""
    for scale, fit in fits.items():
        expected, found = (fit.attrs[f"near_zero_{name}"] for name in ("expected", "found"))
        assert found == pytest.approx(expected, abs=0.05), scale
        assert sm.convergence(fit)["ok"].all()
    assert fits[1e-6].attrs["near_zero_found"] > 0.99
    assert 0.5 < fits[1e-3].attrs["near_zero_found"] < 0.95
    assert fits[1.0].attrs["near_zero_found"] < 0.01
    assert (sm.pip_table(fits[1e-6])["pip"] - 0.5).abs().max() < 0.01


def test_a_sampler_that_misses_the_ridge_is_called_out(saeb_schools):
    """The body alone, as it was: k-hat is content, the evidence off by more than twenty, and the check says so."""
    posterior = posterior_of(saeb_schools, 0.5, sm.Priors(tau_t_scale=1e-6), standard=True)
    rng = np.random.default_rng(1)
    body = StudentT.matching(*find_mode(posterior))
    x = body.sample(2000, rng)
    weighted = weigh(x, posterior.log_density(x) - body.log_density(x))
    weights = np.exp(weighted.log_weights)
    for _ in range(2):
        body = body.fitted(x, weights)
        x = body.sample(2000, rng)
        weighted = weigh(x, posterior.log_density(x) - body.log_density(x))
        weights = np.exp(weighted.log_weights)
    assert weighted.pareto_k < 0.7
    proposal = first_proposal(posterior, body)
    null = null_evidence(proposal, 500, rng)
    found = compare(proposal, null, weighted, weighted.ess)
    assert null.log_evidence - weighted.log_evidence > 20
    assert not found["near_zero_agrees"]
    # Chains that stayed there say the same through the evidence of what they visited.
    chain = x[rng.choice(len(x), size=1000, p=weights)]
    own = evidence_of_draws(chain, posterior.log_density(chain))
    assert own == pytest.approx(weighted.log_evidence, abs=0.3)
    draws = WeightedDraws(chain, np.full(1000, -np.log(1000)), 0.0, own)
    assert not compare(proposal, null, draws, 200)["near_zero_agrees"]


def test_a_contradiction_is_a_warning_and_not_ok(saeb_schools, monkeypatch):
    from ssmelsm_helpers.fitting import sampling

    def contradictory(*arguments):
        return compare(*arguments) | {"near_zero_expected": 1.7, "near_zero_agrees": False}

    monkeypatch.setattr(sampling, "compare", contradictory)
    with pytest.warns(
        RuntimeWarning, match=r"the draws contradict the evidence: .* of them have tau_t below .* 1.7 of them"
    ):
        fit = sm.fit_schools(saeb_schools.head(40), sampler="importance", **QUIET)
    table = sm.convergence(fit)
    assert table.attrs["contradiction"]
    assert not table["ok"].any()


def test_divergences_are_not_ok(nuts_fit):
    fit = nuts_fit.copy(deep=True)
    assert sm.convergence(fit)["ok"].all()
    fit["sample_stats"]["diverging"][0, 0] = True
    table = sm.convergence(fit)
    assert table.attrs["divergences"] == 1
    assert not table["ok"].any()


def test_a_random_slope_may_be_nearly_zero():
    """Importance sampling against chains where the slopes' SD has mass at zero: its lowest quantiles agree."""
    rng = np.random.default_rng(6)
    school = np.repeat(np.arange(30), 25)
    data = pd.DataFrame({"school": school, "x": rng.normal(size=len(school))})
    data["score"] = (0.3 + 0.08 * rng.normal(size=30)[school]) * data["x"] + rng.normal(size=len(school))
    formulas = "score ~ x + (1 + x | school)", "~ 1 + (1 | school)"
    quick = sm.fit(*formulas, data, sampler="importance", **QUIET)
    chains = sm.fit(*formulas, data, draws=1000, chains=2, **QUIET)
    tau = {
        name: fit["posterior"]["tau"].sel(effect="location[x]").to_numpy().ravel()
        for name, fit in (("q", quick), ("c", chains))
    }
    ess = float(sm.convergence(chains).loc["tau[location[x]]", "ess_tail"])
    for q in (0.02, 0.1, 0.5):
        share = (tau["q"] < np.quantile(tau["c"], q)).mean()
        error = np.sqrt(q * (1 - q) * (1 / ess + 1 / quick.attrs["importance_ess"]))
        assert abs(share - q) <= 4.5 * error, q


def test_the_low_tail_is_the_prior_below_a_bound():
    """Masses, draws and densities of the cells against the half-t's own."""
    prior = HalfStudentTPrior(3.0, 0.4)
    tail = LowTail.of(prior, 0.3)
    inside = 2 * stats.t.cdf(0.3 / 0.4, 3) - 1
    assert tail.mass.sum() == pytest.approx(inside, rel=1e-3)
    assert tail.below(np.log(0.1)) == pytest.approx(2 * stats.t.cdf(0.1 / 0.4, 3) - 1, rel=1e-2)
    draws = np.exp(tail.sample(4000, np.random.default_rng(1)))
    truncated = stats.kstest(draws, lambda t: (2 * stats.t.cdf(t / 0.4, 3) - 1) / inside)
    assert truncated.pvalue > 1e-3
    at = np.log([0.01, 0.1, 0.29])
    np.testing.assert_allclose(tail.log_density(at), prior.log_density(np.exp(at)) + at - np.log(inside), atol=0.06)
    assert tail.log_density(np.log([0.31]))[0] == -np.inf
