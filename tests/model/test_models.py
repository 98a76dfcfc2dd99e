"""The PyMC models: the sampled one is the definition that the marginal one sums, priors replaced, indicators recovered."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from posteriors import model_of
from pymc.sampling.mcmc import assign_step_methods
from scipy import stats
from scipy.special import expit, logsumexp

import ssmelsm_helpers as sm
from ssmelsm_helpers.fitting.sampling_effects import _effects_in_force, _recovered
from ssmelsm_helpers.model.covariance import EffectCovariance
from ssmelsm_helpers.model.hyperparameters import LogitScale
from ssmelsm_helpers.model.marginal import MarginalPosterior
from ssmelsm_helpers.model.pymc import build as models
from ssmelsm_helpers.spec.design import build_design
from ssmelsm_helpers.spec.formulas import parse_formulas
from ssmelsm_helpers.spec.inclusion import Beta

# PyTensor keeps numbers like 2.0 in single precision, which puts about 2e-8 into the constants of PyMC's densities.
# These have no short binary fraction, stay in double precision, and let identities be tested to 1e-8.
NU = {"nu_shape": 2.3, "nu_rate": 0.1}
PRIORS = sm.Priors(
    0.1, 1.3, gamma_sd=2.1, eta_sd=0.8, tau_df=3.3, tau_u_scale=1.1, tau_t_scale=0.4, omega_shape=1.7, **NU
)
SES = "y ~ x + (1 | g)", "~ x + (1 | g)"
TWO = "y ~ x + (1 | g)", "~ x + (1 + x | g)"
PLAIN = "y ~ 1 + (1 | g)", "~ 1 + (1 | g)"
BLOCKS = "y ~ x + (x || g)", "~ x + (1 | g)"


@pytest.fixture(scope="module")
def students() -> pd.DataFrame:
    """Three schools of one, three and five students: 2^6 values of two indicators each can be listed."""
    rng = np.random.default_rng(8)
    school = np.repeat(list("abc"), [1, 3, 5])
    return pd.DataFrame({"g": school, "x": rng.normal(size=len(school)), "y": rng.normal(size=len(school))})


def posterior_of(formulas, data, *, select="scale", pi=0.3, family="normal", priors=PRIORS):
    design = build_design(parse_formulas(*formulas), data)
    return MarginalPosterior(model_of(design, pi, priors, formulation="marginal", select=select, family=family))


def sampled_of(posterior, indicator="after"):
    return models.model_of(replace(posterior.model, formulation="sampled", indicator=indicator))


def density_of(model):
    """values by name -> log density on the unconstrained scale."""
    function = pytensor.function(model.value_vars, model.logp(), mode="FAST_COMPILE")
    return lambda values: float(function(*(np.asarray(values[v.name], dtype=v.dtype) for v in model.value_vars)))


def unconstrained(posterior, x) -> dict[str, np.ndarray]:
    """Values of the sampled model's variables at x; PyMC's logit of (1 + p) / 2 is twice our atanh p."""
    found = posterior.constrain(x)
    partials = x[posterior.effects][posterior.M :]
    values = {"gamma": found["gamma"], "eta": found["eta"], "tau_log__": np.log(found["tau"]), "z": found["z"]}
    values |= {"partial_half_logodds__": 2 * partials}
    values |= dict.fromkeys(["rho_half_logodds__", "rho_interval__"], 2 * partials[:1].sum())
    for name in ("gamma", "eta"):
        values[f"{name}_centred"] = getattr(posterior.priors, name).combinations(found[name])
    return values | {
        "pi_logodds__": x[posterior.pi].sum(),
        "nu_above_two_log__": x[posterior.nu].sum(),
    }


def log_volume(posterior, x) -> float:
    """log |d (sampled model's coordinates) / dx|: z for the centred coordinates, and a factor two per correlation."""
    tau, factor = posterior.covariance.constrain(x[posterior.effects])
    K = posterior.centred
    scaled = np.log(tau[:K]).sum() + np.log(np.diag(factor)[:K]).sum()
    return posterior.covariance.size * np.log(2) - posterior.M * np.log(2) - posterior.J * scaled


def somewhere(posterior, seed=3):
    return posterior.start() + np.random.default_rng(seed).normal(scale=0.3, size=posterior.size)


CASES = {
    "scale": (PLAIN, {}),
    "covariates": (SES, {}),
    "location": (SES, {"select": "location"}),
    "both": (SES, {"select": "both", "pi": (0.2, 0.7)}),
    "two in the scale, one pi each": (TWO, {"pi": {"scale[Intercept]": 0.2, "scale[x]": 0.6}}),
    "one of two": (TWO, {"select": ["scale[x]"]}),
    "an effect on its own": (BLOCKS, {"select": ["location[x]", "scale[Intercept]"]}),
    "both, Student": (SES, {"select": "both", "family": "student"}),
    "pi learned, LKJ(1)": (TWO, {"pi": sm.Beta(2, 3), "priors": sm.Priors(0.1, 1.3, tau_df=3.3, tau_t_scale=0.4)}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_marginal_density_is_the_sampled_one_summed_over_delta(name, students):
    """All 2^(schools x effects) values of delta in the printed PyMC model; exact, so only rounding is allowed."""
    formulas, options = CASES[name]
    posterior = posterior_of(formulas, students, **options)
    x = somewhere(posterior)
    values, density = unconstrained(posterior, x), density_of(sampled_of(posterior))
    shape = (posterior.J, posterior.deltas.shape[1])
    every = product((0, 1), repeat=posterior.J * shape[1])
    total = logsumexp([density(values | {"delta": np.reshape(delta, shape)}) for delta in every])
    assert posterior.log_density_and_gradient(x)[0] == pytest.approx(total + log_volume(posterior, x), abs=1e-6)


@pytest.mark.parametrize("indicator", ["after", "before"])
def test_where_the_indicator_stands(indicator, students):
    """In the spike: t = 0 after the Cholesky product; before it, the part tau_t rho z_1 that follows from u stays."""
    posterior = posterior_of(SES, students)
    x = somewhere(posterior)
    found, design = posterior.constrain(x), posterior.design
    density = density_of(sampled_of(posterior, indicator))
    rho, z, tau = found["factor"][1, 0], found["z"], found["tau"]
    assert abs(rho) > 0.05
    delta = np.array([[0], [1], [0]])
    kept = 0.0 if indicator == "after" else tau[1] * rho * z[:, 0]
    t = np.where(delta[:, 0] == 1, tau[1] * (rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1]), kept)
    u = tau[0] * z[:, 0]
    sd = np.exp(design.W @ found["eta"] + t[design.school])
    log_p = stats.norm.logpdf(design.y, design.X @ found["gamma"] + u[design.school], sd).sum()
    # What remains of the joint density are priors, which do not depend on where delta stands.
    rest = density(unconstrained(posterior, x) | {"delta": delta}) - log_p
    other = density_of(sampled_of(posterior, "after"))
    on = np.ones_like(delta)
    t_on = tau[1] * (rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1])
    sd_on = np.exp(design.W @ found["eta"] + t_on[design.school])
    log_p_on = stats.norm.logpdf(design.y, design.X @ found["gamma"] + u[design.school], sd_on).sum()
    flips = 2 * (np.log1p(-0.3) - np.log(0.3))
    assert rest == pytest.approx(other(unconstrained(posterior, x) | {"delta": on}) - log_p_on + flips, abs=1e-8)
    omega = np.broadcast_to(rho, (1, 1))
    values = {"rho": omega, "tau": tau[None, None], "z": z[None, None], "delta": delta[None, None]}
    v = _effects_in_force(values, replace(posterior.model, indicator=indicator))[0, 0]
    np.testing.assert_allclose(v, np.column_stack([u, t]), atol=1e-12)


@pytest.mark.parametrize("name", ["covariates", "both", "two in the scale, one pi each", "pi learned, LKJ(1)"])
def test_the_bayes_factor_averages_over_the_other_indicators(name, students):
    """P(delta_k = 1 | rest) = expit(log_bf_k + logit pi_k), and delta is drawn from the joint conditional."""
    formulas, options = CASES[name]
    posterior = posterior_of(formulas, students, **options)
    x = somewhere(posterior)
    log_odds = posterior.log_odds(x)
    joint = posterior.log_joint(posterior.constrain(x), log_odds).T
    weights = np.exp(joint - logsumexp(joint, axis=0))
    count = 1000
    draws = _recovered(posterior, np.tile(x, (count, 1)), np.random.default_rng(1))
    np.testing.assert_allclose(expit(draws["log_bf"][0] + log_odds), weights.T @ posterior.deltas, atol=1e-12)
    delta = draws["delta"]
    for c, configuration in enumerate(posterior.deltas):
        share = (delta == configuration).all(axis=2).mean(axis=0)
        error = np.sqrt(weights[c] * (1 - weights[c]) / count)
        assert (abs(share - weights[c]) < 4.5 * error + 1e-9).all()


@pytest.mark.parametrize("name", ["covariates", "two in the scale, one pi each", "both, Student"])
def test_configuration_weights_are_those_of_the_pymc_model(name, students):
    formulas, options = CASES[name]
    posterior = posterior_of(formulas, students, **options)
    x = somewhere(posterior)
    found = posterior.constrain(x)
    joint = posterior.log_joint(found, posterior.log_odds(x))
    model = models.model_of(posterior.model)
    known = unconstrained(posterior, x)
    log_weight = model.replace_rvs_by_values([model["log_weight"]])[0]
    function = pytensor.function(model.value_vars, log_weight, mode="FAST_COMPILE", on_unused_input="ignore")
    in_pymc = function(*(np.asarray(known[v.name], dtype=v.dtype) for v in model.value_vars))
    np.testing.assert_allclose(in_pymc, joint, atol=1e-9)


OTHER_PRIORS = {
    "gamma_intercept": (
        lambda: pm.StudentT.dist(4.3, mu=0.2, sigma=1.6),
        lambda f: stats.t.logpdf(f["gamma"][0], 4.3, 0.2, 1.6),
    ),
    "gamma": (lambda: pm.Laplace.dist(0, 0.7), lambda f: stats.laplace.logpdf(f["gamma"][1], 0, 0.7)),
    "eta": (lambda: pm.Logistic.dist(0, 0.4), lambda f: stats.logistic.logpdf(f["eta"], 0, 0.4).sum()),
    "tau_u": (lambda: pm.HalfNormal.dist(0.6), lambda f: stats.halfnorm.logpdf(f["tau"][0], 0, 0.6)),
    "tau_t": (lambda: pm.Gamma.dist(2.2, 8.1), lambda f: stats.gamma.logpdf(f["tau"][1], 2.2, scale=1 / 8.1)),
    "nu": (lambda: pm.Pareto.dist(1.3, 2.1), lambda f: stats.pareto.logpdf(f["nu"], 1.3, scale=2.1)),
}
NUMBERS = {
    "gamma_intercept": lambda f: stats.norm.logpdf(f["gamma"][0], 0.1, 1.3),
    "gamma": lambda f: stats.norm.logpdf(f["gamma"][1], 0, 2.1),
    "eta": lambda f: stats.norm.logpdf(f["eta"], 0, 0.8).sum(),
    "tau_u": lambda f: np.log(2) + stats.t.logpdf(f["tau"][0], 3.3, 0, 1.1),
    "tau_t": lambda f: np.log(2) + stats.t.logpdf(f["tau"][1], 3.3, 0, 0.4),
    "nu": lambda f: stats.gamma.logpdf(f["nu"] - 2, 2.3, scale=10),
}


@pytest.mark.parametrize("name", OTHER_PRIORS)
def test_a_pymc_distribution_replaces_the_numbers(name, students):
    """The log density changes by exactly the difference of the two priors, in NumPy and in PyMC's sampled model."""
    make, log_density = OTHER_PRIORS[name]
    family = "student" if name == "nu" else "normal"
    before = posterior_of(SES, students, family=family)
    after = posterior_of(SES, students, family=family, priors=replace(PRIORS, **{name: make()}))
    x = somewhere(before)
    found = before.constrain(x)
    change = log_density(found) - NUMBERS[name](found)
    in_numpy = after.log_density_and_gradient(x)[0] - before.log_density_and_gradient(x)[0]
    assert in_numpy == pytest.approx(change, abs=1e-8)
    values = unconstrained(before, x) | {"delta": np.array([[1], [0], [1]])}
    # Variables of their own, where kinds of priors differ; all on a log scale but gamma and eta.
    values |= {f"gamma_{at}": value for at, value in enumerate(found["gamma"])}
    values |= {f"tau_{at}_log__": np.log(value) for at, value in enumerate(found["tau"])}
    log_volume = 0.0
    if name == "nu":  # PyMC counts nu from the lower end of its prior, the NumPy density from 2
        values |= {"nu_interval__": np.log(found["nu"] - 2.1)}
        log_volume = np.log(found["nu"] - 2.1) - np.log(found["nu"] - 2)
    in_pymc = density_of(sampled_of(after))(values) - density_of(sampled_of(before))(values)
    assert in_pymc == pytest.approx(change + log_volume, abs=1e-8)


def test_blocks_share_no_correlation(students):
    """Omega of the PyMC model is that of the NumPy density, zero between effects of different blocks."""
    posterior = posterior_of(BLOCKS, students)
    assert posterior.design.blocks == ((0, 2), (1,))
    model = sampled_of(posterior)
    x = somewhere(posterior)
    omega = model.replace_rvs_by_values([model["omega"]])[0]
    function = pytensor.function(model.value_vars, omega, mode="FAST_COMPILE", on_unused_input="ignore")
    known = unconstrained(posterior, x) | {"delta": np.ones((3, 1))}
    found = function(*(np.asarray(known[v.name], dtype=v.dtype) for v in model.value_vars))
    factor = posterior.constrain(x)["factor"]
    np.testing.assert_allclose(found, factor @ factor.T, atol=1e-12)
    assert (found[1, [0, 2]] == 0).all()
    assert abs(found[0, 2]) > 0.01


@pytest.mark.parametrize(("size", "shape"), [(3, 1.0), (3, 2.5), (4, 1.0)])
def test_correlations_have_the_lkj_prior(size, shape):
    """Partial correlations times their Jacobian: the density of Omega is proportional to det(Omega)^(shape - 1)."""
    covariance = EffectCovariance((tuple(range(size)),))
    rng, shapes = np.random.default_rng(2), covariance.lkj_shapes(shape)
    constants = []
    for _ in range(4):
        x = np.concatenate([np.zeros(size), rng.normal(scale=0.6, size=covariance.size - size)])
        _tau, factor = covariance.constrain(x)
        below = np.tril_indices(size, -1)
        step = 1e-6
        jacobian = np.empty((len(below[0]), covariance.size - size))
        for at in range(covariance.size - size):
            ends = [covariance.constrain(x + sign * step * np.eye(len(x))[size + at])[1] for sign in (1, -1)]
            jacobian[:, at] = ((ends[0] @ ends[0].T - ends[1] @ ends[1].T) / (2 * step))[below]
        log_det = 2 * np.log(np.diag(factor)).sum()
        log_volume = np.linalg.slogdet(jacobian)[1]
        log_lkj = sum(LogitScale(Beta(a, a), 2.0).log_density(at) for a, at in zip(shapes, x[size:], strict=True))
        constants.append(log_lkj - (shape - 1) * log_det - log_volume)
    np.testing.assert_allclose(constants, constants[0], atol=1e-7)


def test_more_than_four_selected_effects_are_summed_by_nobody(students):
    formulas = "y ~ x + (1 + x + I(x**2) | g)", "~ x + (1 + x | g)"
    with pytest.raises(ValueError, match="select must name at most 4 effects"):
        posterior_of(formulas, students, select="both")
    model = sm.build_model(*formulas, students, formulation="sampled", select="both")
    assert model.eval_rv_shapes()["delta"] == (3, 5)


def test_the_sampled_model_runs_with_pymcs_own_steps():
    """NUTS and a binary Gibbs step; u and t in force are zero exactly where delta is."""
    data = sm.simulate_schools(n_schools=6, n_students=8, tau_t=0.5, random_seed=1).students
    formulas = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
    model = sm.build_model(*formulas, data, formulation="sampled")
    _, steps = assign_step_methods(model)
    found = {step: {model.values_to_rvs[value].name for value in values} for step, values in steps.items()}
    assert found == {pm.NUTS: {"gamma", "eta", "tau", "rho", "z"}, pm.BinaryGibbsMetropolis: {"delta"}}
    run = {"draws": 40, "tune": 60, "chains": 2, "random_seed": 1, "progressbar": False}
    fit = sm.fit(*formulas, data, formulation="sampled", **run)
    posterior = fit["posterior"]
    assert "log_bf" not in posterior
    assert dict(posterior.sizes) == {
        "chain": 2,
        "draw": 40,
        "location_term": 1,
        "scale_term": 1,
        "effect": 2,
        "school": 6,
    }
    np.testing.assert_array_equal(posterior["t"] == 0, posterior["delta"] == 0)
    assert set(np.unique(posterior["delta"])) == {0, 1}
