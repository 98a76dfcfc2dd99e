"""What follows a fit: other values of pi, evidence, log likelihoods, replicated SDs, schools not seen."""

import warnings

import arviz as az
import brute_force
import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from brute_force import TIGHT, log_evidence_by_plain_monte_carlo
from scipy import stats

import ssmelsm_helpers as sm

PLAIN = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
SES = "score ~ x + (1 | school)", "~ x + (1 | school)"
QUIET = {"random_seed": 3, "progressbar": False}


@pytest.fixture(scope="module")
def students() -> pd.DataFrame:
    """25 schools of 5 to 40 students with a covariate, rows in no order."""
    rng = np.random.default_rng(6)
    school = np.repeat(np.arange(25), rng.integers(5, 40, size=25))
    data = pd.DataFrame({"school": school, "x": rng.normal(size=len(school))})
    planted = {"gamma": [0.1, 0.4], "eta": [-0.2, 0.15], "tau": [0.4, 0.4], "omega": 0.3}
    made = sm.simulate_outcomes(*SES, data, inclusion=0.5, random_seed=6, **planted).students
    return made.sample(frac=1, random_state=1, ignore_index=True)


@pytest.fixture(scope="module")
def plain(students):
    return sm.fit(*PLAIN, students, sampler="importance", **QUIET)


@pytest.fixture(scope="module")
def ses(students):
    return sm.fit(*SES, students, sampler="importance", **QUIET)


@pytest.fixture(scope="module")
def heavy(students):
    """A Student-t model, briefly: what is computed from its draws is tested, not the draws."""
    return sm.fit(*SES, students, family="student", draws=60, tune=80, chains=2, **QUIET)


# Other values of pi


@pytest.mark.parametrize("model", ["plain", "ses"])
def test_reweighted_is_refitted(model, students, request):
    """PIPs and hyperparameters under pi = .35, reweighted from .5, against a new fit: 4.5 of their standard errors."""
    fit = request.getfixturevalue(model)
    moved = sm.with_inclusion_prior(fit, 0.35)
    again = sm.fit(*(PLAIN if model == "plain" else SES), students, sampler="importance", inclusion_prior=0.35, **QUIET)
    assert moved.attrs["pareto_k"] < 0.7
    one, other = sm.pip_table(moved), sm.pip_table(again)
    assert (abs(one["pip"] - other["pip"]) < 4.5 * np.hypot(one["pip_mcse"], other["pip_mcse"])).all()
    assert abs(sm.pip_table(fit)["pip"] - other["pip"]).max() > 0.05
    one, other = sm.convergence(moved), sm.convergence(again)
    assert (abs(one["mean"] - other["mean"]) < 4.5 * np.hypot(one["mcse"], other["mcse"])).all()
    assert np.array_equal(moved["posterior"]["t"] == 0, moved["posterior"]["delta"] == 0)


def test_reweighting_too_far_is_said(plain):
    with pytest.warns(RuntimeWarning, match=r"from pi = 0.5 to 0.001 is unreliable: Pareto k-hat .* Fit again with"):
        sm.with_inclusion_prior(plain, 0.001)


@pytest.mark.parametrize("draws", [1, 2, 6, 20])
def test_draws_too_few_for_a_tail_are_reweighted_and_not_trusted(draws, students):
    """Their weights are taken as they are; the explorer, which fits anew, begins at the mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        fit = sm.fit(*PLAIN, students, sampler="importance", chains=1, draws=draws, **QUIET)
        moved, table = sm.with_inclusion_prior(fit, 0.4), sm.sensitivity_table(fit, [0.4])
        sm.influence(fit, students)
    assert sm.pip_table(moved)["pip"].between(0, 1).all()
    assert not table["trusted"].any()
    flagged = sm.explore.threshold(fit).view(pi=0.05).data["schools"]
    assert flagged["pip"].between(0, 1).all()


def test_the_sensitivity_table_says_what_the_fits_say(plain):
    table = sm.sensitivity_table(plain, [0.35, 0.5]).set_index(["inclusion_prior", "school"])
    own = sm.pip_table(plain)
    np.testing.assert_allclose(table.loc[0.5, "pip"], own["pip"], atol=1e-12)
    np.testing.assert_allclose(table.loc[0.5, "bayes_factor"], own["bayes_factor"])
    moved = sm.pip_table(sm.with_inclusion_prior(plain, 0.35))
    error = np.hypot(table.loc[0.35, "pip_mcse"], moved["pip_mcse"])
    assert (abs(table.loc[0.35, "pip"] - moved["pip"]) < 4.5 * error).all()
    assert table["trusted"].all()
    assert np.isnan(table.loc[0.5, "pareto_k"]).all()
    expected = table.loc[0.35, "pip"] / (1 - table.loc[0.35, "pip"]) * 0.65 / 0.35
    np.testing.assert_allclose(table.loc[0.35, "bayes_factor"], expected)


# Evidence


@pytest.mark.filterwarnings("ignore:the prior counts for more")
def test_heterogeneity_is_a_ratio_of_evidences():
    """Three tiny schools; both evidences again by plain Monte Carlo from the prior."""
    schools = pd.DataFrame({"n": [3, 1, 5], "mean": [0.4, -0.6, 0.1], "sd": [0.3, np.nan, 2.2]}, index=list("abc"))
    fit = sm.fit_schools(schools, sampler="importance", inclusion_prior=0.3, priors=sm.Priors(**TIGHT), **QUIET)
    found = sm.heterogeneity(fit, draws=10_000)
    rng = np.random.default_rng(5)
    (with_t, e1), (without, e0) = (log_evidence_by_plain_monte_carlo(schools, pi, 1_000_000, rng) for pi in (0.3, 0.0))
    assert found.pareto_k < 0.7
    assert abs(found.log_bayes_factor - (with_t - without)) < 4 * np.sqrt(e1**2 + e0**2 + found.mcse**2)
    assert found.bayes_factor == pytest.approx(np.exp(found.log_bayes_factor))
    assert abs(found.log_bayes_factor) > 0.05  # else the comparison shows nothing


# Log likelihoods


def test_log_likelihood_of_a_school_is_its_mixture(plain):
    """For three draws and all schools: spike and slab by dense sums of the definition."""
    tree = sm.pointwise_log_likelihood(plain, draws=3 * 4)
    values = tree["log_likelihood"]["outcome"]
    observed = plain["observed_data"]
    for at in range(3):
        draw = tree["posterior"].to_dataset().isel(chain=1, draw=at)
        gamma, eta, rho = float(draw["gamma"][0]), float(draw["eta"][0]), float(draw["rho"])
        n, mean, sd = (observed[name].to_numpy() for name in ("n", "mean", "sd"))
        case = brute_force.Case(n, mean, (n - 1) * sd**2, gamma, eta, *draw["tau"].to_numpy(), rho)
        expected = np.logaddexp(brute_force.log_spike(case), brute_force.log_slab_dense(case)) + np.log(0.5)
        np.testing.assert_allclose(values.isel(chain=1, draw=at), expected, atol=1e-6)


@pytest.mark.parametrize("model", ["ses", "heavy"])
def test_log_likelihood_of_a_student(model, students, request):
    """In the order of the data, from u, t and coefficients; a Student-t with SD sigma."""
    fit = request.getfixturevalue(model)
    tree = sm.pointwise_log_likelihood(fit, students, unit="student", draws=10)
    draw = tree["posterior"].to_dataset().isel(chain=-1, draw=-1)
    school = xr.DataArray(students["school"].to_numpy())
    mu = draw["gamma"].to_numpy() @ [np.ones(len(students)), students["x"]] + draw["u"].sel(school=school).to_numpy()
    log_sd = draw["eta"].to_numpy() @ [np.ones(len(students)), students["x"]] + draw["t"].sel(school=school).to_numpy()
    if model == "heavy":
        nu = float(draw["nu"])
        expected = stats.t.logpdf(students["score"], nu, mu, np.exp(log_sd) * np.sqrt((nu - 2) / nu))
    else:
        expected = stats.norm.logpdf(students["score"], mu, np.exp(log_sd))
    np.testing.assert_allclose(tree["log_likelihood"]["outcome"].isel(chain=-1, draw=-1), expected, atol=1e-10)
    without = sm.pointwise_log_likelihood(fit, unit="student", draws=10)
    xr.testing.assert_allclose(without["log_likelihood"]["outcome"], tree["log_likelihood"]["outcome"])


def test_leaving_a_school_out_is_the_ratio_of_evidences(students):
    """PSIS-LOO of a school against log p(y) - log p(y without the school), each from its own fit."""
    schools = sm.summarise_schools(students, outcome="score", school="school")
    priors = sm.Priors(gamma_intercept_mean=0.0, gamma_intercept_sd=1.0)  # the default looks at the data
    fit = sm.fit_schools(schools, sampler="importance", priors=priors, **QUIET)
    tree = sm.pointwise_log_likelihood(fit)
    loo = az.loo(tree, pointwise=True)
    assert "another school" in tree["log_likelihood"].attrs["question"]
    for label in (0, 7, 19):
        rest = sm.fit_schools(schools.drop(label), sampler="importance", priors=priors, **QUIET)
        exact = fit.attrs["log_evidence"] - rest.attrs["log_evidence"]
        error = np.sqrt(sum(1 / one.attrs["importance_ess"] for one in (fit, rest)))
        assert abs(float(loo.elpd_i.sel(school=label)) - exact) < 4.5 * error + 0.02


# Replicated SDs


def simulated_sds(fit, students, label, rng) -> np.ndarray:
    """SDs of a school's students, once per draw, as the model is written."""
    posterior = fit["posterior"].to_dataset().stack(sample=("chain", "draw")).transpose("sample", ...)
    x = students.loc[students["school"] == label, "x"].to_numpy()
    columns = np.stack([np.ones_like(x), x])[: posterior.sizes["location_term"]]
    mu = posterior["gamma"].to_numpy() @ columns + posterior["u"].sel(school=label).to_numpy()[:, None]
    log_sd = posterior["eta"].to_numpy() @ columns + posterior["t"].sel(school=label).to_numpy()[:, None]
    noise = rng.normal(size=mu.shape)
    if "nu" in posterior:
        nu = posterior["nu"].to_numpy()[:, None]
        noise = rng.standard_t(nu, size=mu.shape) * np.sqrt((nu - 2) / nu)
    return (mu + np.exp(log_sd) * noise).std(axis=1, ddof=1)


@pytest.mark.parametrize("model", ["plain", "ses", "heavy"])
def test_replicated_sds_are_those_of_simulated_students(model, students, request):
    """Quantiles of 2,000 SDs (of 120 for Student-t) against as many of the test's own.

    A median's SD is 1.25 / sqrt(count) SDs of what it is the median of; the 2.5 and 97.5 % quantiles' about twice that.
    """
    fit = request.getfixturevalue(model)
    found, rng = sm.replicated_sds(fit, replicates=2000), np.random.default_rng(4)
    schools = sm.summarise_schools(students, outcome="score", school="school")
    np.testing.assert_allclose(found["sd"], schools["sd"])
    assert found["p_value"].between(0, 1).all()
    assert found["sd"].between(found["lower"], found["upper"]).mean() > 0.8
    for label in (0, 7, 16):
        own = simulated_sds(fit, students, label, rng)
        error = own.std() * np.sqrt(1 / min(len(own), 2000) + 1 / len(own))
        assert abs(found.loc[label, "median"] - np.median(own)) < 4.5 * 1.25 * error
        for name, level in (("lower", 0.025), ("upper", 0.975)):
            assert abs(found.loc[label, name] - np.quantile(own, level)) < 4.5 * 3 * error


def test_new_schools_spread_as_the_slab_says(plain):
    """Without data of its own, a school's SD is less certain than its own effect would have it; it follows tau_t and pi.

    By 1.29 times in the mean; the schools' mean ratio has a Monte Carlo error of about .01.
    """
    same, new = (sm.replicated_sds(plain, schools=which, replicates=2000) for which in ("same", "new"))
    assert ((new["upper"] - new["lower"]) / (same["upper"] - same["lower"])).mean() > 1.2
    posterior = plain["posterior"]
    rng = np.random.default_rng(1)
    eta, tau_t = posterior["eta"].to_numpy().ravel(), posterior["tau"].to_numpy()[..., 1].ravel()
    label = new["n"].idxmax()
    n = new.loc[label, "n"]
    t = tau_t * rng.normal(size=len(eta)) * (rng.random(len(eta)) < 0.5)
    sds = np.exp(eta + t) * np.sqrt(rng.chisquare(n - 1, size=len(eta)) / (n - 1))
    np.testing.assert_allclose(
        new.loc[label, ["lower", "median", "upper"]], np.quantile(sds, [0.025, 0.5, 0.975]), rtol=0.08
    )


# Schools not seen


def test_prior_predictive_is_the_prior():
    found = sm.prior_predictive(sm.Priors(tau_t_scale=0.4, tau_df=5), inclusion_prior=0.3, draws=40_000, random_seed=1)
    assert found["delta"].mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 40_000))
    assert stats.kstest(found["tau_t"] / 0.4, lambda x: 2 * stats.t.cdf(x, 5) - 1).pvalue > 1e-4
    on = found[found["delta"] == 1]
    assert stats.kstest(on["t"] / on["tau_t"], "norm").pvalue > 1e-4
    assert (found.loc[found["delta"] == 0, "sd_ratio"] == 1).all()
    np.testing.assert_allclose(found["sd_ratio"], np.exp(found["t"]))
    given = sm.prior_predictive(sm.Priors(tau_t=pm.HalfNormal.dist(0.2)), draws=20_000, random_seed=1)
    assert stats.kstest(given["tau_t"], stats.halfnorm(0, 0.2).cdf).pvalue > 1e-4
    learned = sm.prior_predictive(inclusion_prior=sm.Beta(1, 3), draws=40_000, random_seed=1)
    assert learned["delta"].mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.19 / 40_000))


def test_a_new_school_without_covariates(plain):
    found = sm.predict_school(plain)
    assert len(found) == 4000
    posterior = plain["posterior"]
    assert found["delta[scale[Intercept]]"].mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(4000))
    u = found["mean"] - posterior["gamma"].to_numpy().ravel()
    standard = u / posterior["tau"].to_numpy()[..., 0].ravel()
    assert stats.kstest(standard, "norm").pvalue > 1e-4
    t = np.log(found["sd_ratio"])
    on = found["delta[scale[Intercept]]"] == 1
    z = (t / posterior["tau"].to_numpy()[..., 1].ravel())[on]
    assert stats.kstest(z, "norm").pvalue > 1e-4
    # Given rho, the product of the two standardised effects has mean rho.
    product = z * standard[on]
    assert abs((product - posterior["rho"].to_numpy().ravel()[on.to_numpy()]).mean()) < 4 * product.std() / np.sqrt(
        on.sum()
    )
    np.testing.assert_allclose(np.log(found["sd"]) - t, posterior["eta"].to_numpy().ravel())


def test_a_new_school_with_covariates(ses, students):
    """The same seed, two schools whose students differ in x: exactly the coefficients lie between them."""
    low, high = (
        sm.predict_school(ses, pd.DataFrame({"x": [value, value + 0.2]}), data=students) for value in (-1.0, 1.0)
    )
    gamma, eta = (ses["posterior"][name].to_numpy()[..., 1].ravel() for name in ("gamma", "eta"))
    np.testing.assert_allclose(high["mean"] - low["mean"], 2 * gamma)
    np.testing.assert_allclose(np.log(high["sd"] / low["sd"]), 2 * eta)
    np.testing.assert_allclose(high["sd_ratio"], low["sd_ratio"])


@pytest.mark.parametrize("formulas", [PLAIN, SES])
def test_the_rows_that_a_fit_dropped_may_stay_in_its_data(formulas, students, capsys):
    """Silently: the fit has reported them. A fit that had none to drop refuses them."""
    gaps = students.assign(x=students["x"].where(students.index % 50 != 7))
    gaps.loc[3, "score"] = np.nan
    complete = gaps.dropna(subset=["score"] if formulas == PLAIN else ["score", "x"])
    brief = {"sampler": "importance", "draws": 100, **QUIET}
    fit, expected = sm.fit(*formulas, gaps, missing="drop", **brief), sm.fit(*formulas, complete, **brief)
    assert "left out" in capsys.readouterr().out
    tree, other = (
        sm.pointwise_log_likelihood(one, data, unit="student", draws=10)["log_likelihood"]["outcome"]
        for one, data in ((fit, gaps), (expected, complete.reset_index(drop=True)))
    )
    np.testing.assert_array_equal(tree, other)
    assert tree["student"].to_numpy().tolist() == complete.index.tolist()
    new = pd.DataFrame({"x": [0.3]})
    pd.testing.assert_frame_equal(
        sm.predict_school(fit, new, data=gaps), sm.predict_school(expected, new, data=complete)
    )
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match=r"^data has \d+ rows? with missing values in \["):
        sm.pointwise_log_likelihood(expected, gaps, unit="student")


# Saving


@pytest.mark.parametrize("model", ["ses", "heavy"])
def test_a_saved_fit_answers_the_same_questions(model, students, request, tmp_path):
    fit = request.getfixturevalue(model)
    fit.to_netcdf(tmp_path / "fit.nc")
    back = xr.open_datatree(tmp_path / "fit.nc")
    pd.testing.assert_frame_equal(sm.pip_table(back), sm.pip_table(fit), check_index_type=False)
    pd.testing.assert_frame_equal(
        sm.replicated_sds(back, replicates=20), sm.replicated_sds(fit, replicates=20), check_index_type=False
    )
    new = pd.DataFrame({"x": [0.3]})
    pd.testing.assert_frame_equal(
        sm.predict_school(back, new, data=students), sm.predict_school(fit, new, data=students)
    )
    if model == "ses":
        assert sm.heterogeneity(back, draws=500) == sm.heterogeneity(fit, draws=500)
        pd.testing.assert_frame_equal(sm.sensitivity_table(back, [0.4]), sm.sensitivity_table(fit, [0.4]))


def test_certain_schools_have_pips_of_one():
    """Weights that add up to one but for rounding must not lift a PIP above it."""
    sds = [1.0] * 12 + [9.0, 0.05]
    schools = pd.DataFrame({"n": 400, "mean": np.linspace(-1, 1, 14), "sd": sds})
    fit = sm.fit_schools(schools, sampler="importance", **QUIET)
    table = sm.sensitivity_table(fit, np.linspace(0.3, 0.7, 9))
    assert table["pip"].max() <= 1.0
    assert (table.loc[table["school"] >= 12, "pip"] > 1 - 1e-9).all()


def test_schools_not_seen_need_the_model(students):
    """With the indicator before the Cholesky product there is no "school not seen" of the model."""
    fit = sm.fit(*PLAIN, students, formulation="sampled", indicator="before", draws=20, tune=20, chains=1, **QUIET)
    for question in (sm.predict_school, lambda fit: sm.replicated_sds(fit, schools="new")):
        with pytest.raises(ValueError, match="fit must have indicator='after' for schools not seen; found 'before'"):
            question(fit)


def test_what_cannot_be_collapsed_is_said_first(students):
    """Several selected effects have several pi: that is not what is wrong with them here."""
    options = {"select": "both", "inclusion_prior": [0.3, 0.6], "draws": 20, "tune": 20, "chains": 1}
    fit = sm.fit(*PLAIN, students, **options, **QUIET)
    for question in (sm.heterogeneity, sm.pointwise_log_likelihood):
        with pytest.raises(ValueError, match="fit must be of a model that can be collapsed: it selects"):
            question(fit)


def test_verdicts_of_location_effects_speak_of_the_level(students):
    fit = sm.fit(*PLAIN, students, select="location", draws=60, tune=200, chains=1, **QUIET)
    flagged = sm.pip_table(fit, threshold=0.5).query("pip > 0.6")
    assert {"higher", "lower"} >= set(flagged["verdict"]) - {"unresolved"}
    assert len(flagged) > 3
    for chart in (sm.plot.pips, sm.plot.caterpillar, lambda fit: sm.plot.spike_and_bump(fit, [1])):
        with pytest.raises(ValueError, match="one selected effect, a scale effect, for this chart"):
            chart(fit)


def test_new_schools_need_the_plain_random_effects(students):
    """With a random slope alone there is no school that is known without its students; nor an SD without u."""
    slope = "score ~ 1 + (0 + x | school)", PLAIN[1]
    fit = sm.fit(*slope, students, sampler="importance", draws=200, **QUIET)
    with pytest.raises(ValueError, match="students and data must both be given"):
        sm.predict_school(fit)
    with pytest.raises(ValueError, match="schools='new' needs a random intercept in the location"):
        sm.replicated_sds(fit, schools="new")


def test_inclusion_priors_follow_the_order_of_select(students):
    names = ["scale[Intercept]", "location[Intercept]"]
    options = {"select": names, "draws": 10, "tune": 10, "chains": 1}
    fit = sm.fit(*PLAIN, students, inclusion_prior=[0.9, 0.1], **options, **QUIET)
    again = sm.fit(*PLAIN, students, inclusion_prior=dict(zip(names, [0.9, 0.1], strict=True)), **options, **QUIET)
    for found in (fit, again):
        table = sm.pip_table(found, effect="scale[Intercept]")
        odds = table["pip"] / (1 - table["pip"])
        np.testing.assert_allclose(table["bayes_factor"], odds / 9)
    xr.testing.assert_identical(fit["posterior"].to_dataset(), again["posterior"].to_dataset())
