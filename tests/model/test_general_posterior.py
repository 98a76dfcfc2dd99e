"""Covariates, several effects, selections: densities against brute force, against each other, and against PyMC."""

import copy

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from posteriors import model_of, posterior_of
from scipy import stats

import ssmelsm_helpers as sm
from ssmelsm_helpers.model.marginal import MarginalPosterior
from ssmelsm_helpers.model.pymc import build as models
from ssmelsm_helpers.spec.design import build_design
from ssmelsm_helpers.spec.formulas import parse_formulas

PRIORS = sm.Priors(
    gamma_intercept_mean=0.1, gamma_intercept_sd=1.3, gamma_sd=2.0, eta_sd=0.8, tau_t_scale=0.4, omega_shape=2.0
)


@pytest.fixture(scope="module")
def students() -> pd.DataFrame:
    """Eight schools of one to a dozen students, with a covariate."""
    rng = np.random.default_rng(4)
    school = np.repeat(list("abcdefgh"), [1, 2, 3, 4, 6, 8, 10, 12])
    return pd.DataFrame({"g": school, "x": rng.normal(size=len(school)), "y": rng.normal(size=len(school))})


def design_of(location, scale, data):
    return build_design(parse_formulas(location, scale), data)


def effects_grid(tau, omega, reach, count):
    """Effects v = diag(tau) L z and log weights on a grid of standard Normals z, flattened."""
    z = np.linspace(-reach, reach, count)
    log_weight = stats.norm.logpdf(z) + np.log(z[1] - z[0])
    axes = np.stack([axis.ravel() for axis in np.meshgrid(*[z] * len(tau), indexing="ij")])
    weights = sum(axis.ravel() for axis in np.meshgrid(*[log_weight] * len(tau), indexing="ij"))
    return tau[:, None] * (np.linalg.cholesky(omega) @ axes), weights


def log_p_by_grid(design, j, gamma, eta, v, weights, t_on):
    """log p(y_j) by a plain sum over the grid of effects: the definition, nothing else."""
    rows = design.school == j
    total = weights.copy()
    for y, x, w, z in zip(design.y[rows], design.X[rows], design.W[rows], design.Z[rows], strict=True):
        sd = np.exp(w @ eta + t_on * v[-1])
        total += stats.norm.logpdf(y, x @ gamma + z @ v[:-1], sd)
    peak = total.max()
    return peak + np.log(np.exp(total - peak).sum())


MODELS = {
    "covariates": ("y ~ x + (1 | g)", "~ x + (1 | g)", [-0.9, -1.2], 401),
    "a slope without an intercept": ("y ~ 1 + (0 + x | g)", "~ x + (1 | g)", [-0.5, -0.7], 401),
    "two effects": ("y ~ x + (1 + x | g)", "~ 1 + (1 | g)", [-0.9, -0.7, -0.8], 81),
    "two independent effects": ("y ~ x + (x || g)", "~ x + (1 | g)", [-0.9, -0.7, -0.8], 81),
}


@pytest.mark.parametrize("name", MODELS)
def test_collapsed_likelihood_is_the_integral_over_the_effects(name, students):
    """Spike and slab of every school, to 1e-6, K = 1 and 2; a sum over a fine grid of z is exact for smooth integrands."""
    location, scale, log_tau, count = MODELS[name]
    design = design_of(location, scale, students[students["g"] <= "e"])
    posterior = posterior_of(design, 0.3, PRIORS)
    x = np.random.default_rng(1).normal(scale=0.4, size=posterior.size)
    x[posterior.effects][: len(log_tau)] = log_tau
    log_spike, log_slab = posterior.likelihoods(x[None])
    tau, factor = posterior.covariance.constrain(x[posterior.effects])
    v, weights = effects_grid(tau, factor @ factor.T, 8.5, count)
    for j in range(design.n_schools):
        for value, t_on in ((log_spike[0, j], 0.0), (log_slab[0, j], 1.0)):
            exact = log_p_by_grid(design, j, x[posterior.gamma], x[posterior.eta], v, weights, t_on)
            assert value == pytest.approx(exact, abs=1e-6), (name, j, t_on)


@pytest.mark.parametrize("name", MODELS)
def test_collapsed_likelihood_is_the_marginal_one_integrated(name, students):
    """The marginal formulation's log p(y_j | v), mixed over delta and summed over the same grid, to 1e-6."""
    location, scale, log_tau, _ = MODELS[name]
    design = design_of(location, scale, students[students["g"] <= "c"])
    posterior = posterior_of(design, 0.3, PRIORS)
    x = np.random.default_rng(2).normal(scale=0.3, size=posterior.size)
    x[posterior.effects][: len(log_tau)] = log_tau
    marginal = MarginalPosterior(model_of(design, 0.3, PRIORS, formulation="marginal"))
    tau, factor = posterior.covariance.constrain(x[posterior.effects])
    # Beyond 6.5 SDs lie 1e-10 of a Normal; a step of 0.2 is fine enough for schools of three students.
    v, weights = effects_grid(tau, factor @ factor.T, 6.5, 161 if len(tau) == 2 else 61)
    everywhere = np.repeat(v.T[:, None], design.n_schools, axis=1)
    points = {"gamma": x[posterior.gamma], "eta": x[posterior.eta], "v": everywhere}
    joint = marginal.log_joint(points, marginal.log_odds(x))
    exact = np.logaddexp.reduce(np.logaddexp.reduce(joint, axis=-1) + weights[:, None])
    np.testing.assert_allclose(posterior.log_likelihood_by_school(x[None])[0], exact, atol=1e-6)


ANY = {
    "covariates": ("y ~ x + (1 | g)", "~ x + (1 | g)", "scale", "normal", 0.3),
    "two in the location": ("y ~ x + (1 + x | g)", "~ x + (1 | g)", "scale", "normal", 0.3),
    "independent, pi learned": ("y ~ (x || g)", "~ x + (1 | g)", "scale", "normal", sm.Beta(2, 3)),
    "two in each": ("y ~ x + (1 + x | g)", "~ x + (1 + x | g)", "scale", "normal", [0.3, 0.6]),
    "both selected, Student": ("y ~ x + (1 + x | g)", "~ x + (1 | g)", "both", "student", 0.4),
    "scale slopes, Student, pi learned": ("y ~ x + (1 | g)", "~ (1 + x | g)", "scale", "student", sm.Beta(1, 2)),
    "location selected": ("y ~ x + (0 + x | g)", "~ (1 | g)", "location", "normal", 0.5),
}


def marginal_of(name, students):
    location, scale, select, family, pi = ANY[name]
    design = design_of(location, scale, students)
    posterior = MarginalPosterior(model_of(design, pi, PRIORS, formulation="marginal", select=select, family=family))
    return posterior, posterior.start() + np.random.default_rng(3).normal(scale=0.3, size=posterior.size)


def central_differences(density, x, step=1e-5):
    return np.array([(density(x + step * e) - density(x - step * e)) / (2 * step) for e in np.eye(len(x))])


@pytest.mark.parametrize("name", ANY)
def test_marginal_gradient_is_the_slope_of_the_density(name, students):
    """Differences err by about 1e-16 |log p| / step = 1e-8, and step^2 times a third derivative."""
    posterior, x = marginal_of(name, students)
    _, gradient = posterior.log_density_and_gradient(x)
    slope = central_differences(lambda at: posterior.log_density_and_gradient(at)[0], x)
    np.testing.assert_allclose(gradient, slope, atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("name", ["covariates", "two in the location", "independent, pi learned"])
def test_collapsed_gradient_is_the_slope_of_the_density(name, students):
    location, scale, _select, _family, pi = ANY[name]
    posterior = posterior_of(design_of(location, scale, students), pi, PRIORS)
    x = posterior.start()[0] + np.random.default_rng(5).normal(scale=0.3, size=posterior.size)
    value, gradient = posterior.log_density_and_gradient(x)
    slope = central_differences(lambda at: posterior.log_density_and_gradient(at)[0], x)
    np.testing.assert_allclose(gradient, slope, atol=1e-4, rtol=1e-5)
    assert posterior.log_density(x[None])[0] == pytest.approx(value, abs=1e-8)


def in_pymc(model, values: dict) -> float:
    """log density of a PyMC model at a point, from our names; each correlation's scale differs by a factor two."""
    import pytensor

    tau, partials = values["tau"], values["partials"]
    known = {"gamma": values["gamma"], "eta": values["eta"], "tau_log__": np.log(tau)}
    known |= {"partial_half_logodds__": 2 * partials} | dict.fromkeys(
        ["rho_half_logodds__", "rho_interval__"], 2 * partials[:1].sum()
    )
    known |= {name: values[name] for name in ("pi_logodds__", "nu_above_two_log__", "z") if name in values}
    function = pytensor.function(model.value_vars, model.logp(), mode="FAST_COMPILE")
    found = function(*[np.asarray(known[v.name], dtype=float) for v in model.value_vars])
    return float(found) + len(partials) * np.log(2)


@pytest.mark.parametrize("name", ANY)
def test_marginal_density_is_that_of_the_pymc_model(name, students):
    """Two implementations, one of them in PyTensor."""
    posterior, x = marginal_of(name, students)
    found = posterior.constrain(x)
    values = {"gamma": found["gamma"], "eta": found["eta"], "tau": found["tau"]}
    values |= {"partials": x[posterior.effects][posterior.M :], "z": found["z"]}
    values |= {"pi_logodds__": x[posterior.pi].sum(), "nu_above_two_log__": x[posterior.nu].sum()}
    model = models.model_of(posterior.model)
    # PyMC's model centres no effects.
    change = -posterior.J * np.log(found["tau"] * np.diag(found["factor"]))[: posterior.centred].sum()
    assert posterior.log_density_and_gradient(x)[0] == pytest.approx(in_pymc(model, values) + change, abs=1e-6)


@pytest.mark.parametrize("name", ["covariates", "two in the location", "independent, pi learned"])
def test_collapsed_density_is_that_of_the_pymc_model(name, students):
    location, scale, _select, _family, pi = ANY[name]
    design = design_of(location, scale, students)
    posterior = posterior_of(design, pi, PRIORS)
    x = posterior.start()[0] + np.random.default_rng(6).normal(scale=0.3, size=posterior.size)
    effects = x[posterior.effects]
    values = {
        "gamma": x[posterior.gamma],
        "eta": x[posterior.eta],
        "tau": np.exp(effects[: posterior.covariance.effects]),
    }
    values |= {"partials": effects[posterior.covariance.effects :], "pi_logodds__": x[-1]}
    found = in_pymc(models.model_of(model_of(design, pi, PRIORS)), values)
    assert posterior.log_density(x[None])[0] == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("name", ["covariates", "two in each", "both selected, Student"])
def test_marginal_likelihood_sums_the_sampled_one_over_all_indicators(name, students):
    """log sum over delta of p(y, delta | rest), with the sampled model's own density, school by school."""
    posterior, x = marginal_of(name, students)
    found = posterior.constrain(x)
    joint = posterior.log_joint(found, posterior.log_odds(x))
    design, K = posterior.design, posterior.K
    for c, on in enumerate(posterior.in_force):
        v = found["v"] * on
        mu = design.X @ found["gamma"] + (design.Z * v[design.school, :K]).sum(axis=1)
        sd = np.exp(design.W @ found["eta"] + (design.S * v[design.school, K:]).sum(axis=1))
        nu = found.get("nu")
        noise = stats.norm(mu, sd) if nu is None else stats.t(nu, mu, sd * np.sqrt((nu - 2) / nu))
        by_school = np.bincount(design.school, noise.logpdf(design.y))
        pi = np.array(posterior.inclusion.prior)
        log_prior = np.log(np.where(posterior.deltas[c] == 1, pi, 1 - pi)).sum()
        np.testing.assert_allclose(joint[:, c], by_school + log_prior, atol=1e-9)


def test_the_collapsed_model_of_several_effects_is_a_pymc_model(students):
    """Its likelihood is one operation: copied, saved, with a gradient, compiled as PyMC does by default."""
    location, scale, _select, _family, pi = ANY["independent, pi learned"]
    model = sm.build_model(location, scale, students, inclusion_prior=pi, priors=PRIORS)
    point = model.initial_point()
    sizes = np.cumsum([np.size(point[v.name]) for v in model.value_vars])[:-1]

    def at(x):
        parts = np.split(x, sizes)
        return {v.name: part.reshape(np.shape(point[v.name])) for v, part in zip(model.value_vars, parts, strict=True)}

    density, gradient = model.compile_logp(), model.compile_dlogp()
    x = np.concatenate([np.ravel(point[v.name]) for v in model.value_vars])
    slope = central_differences(lambda x: float(density(at(x))), x)
    np.testing.assert_allclose(gradient(point), slope, atol=1e-4, rtol=1e-5)
    for other in (copy.deepcopy(model), cloudpickle.loads(cloudpickle.dumps(model))):
        assert other.compile_logp()(point) == pytest.approx(density(point), abs=1e-10)
