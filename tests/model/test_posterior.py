"""The collapsed posterior: the same density as the PyMC model, a right gradient, proper priors, a true mode."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from posteriors import model_of, posterior_of
from scipy import stats
from scipy.integrate import quad
from tqdm import tqdm

from ssmelsm_helpers import Priors, load_saeb_schools, simulate_schools
from ssmelsm_helpers.data.schools import check_summary
from ssmelsm_helpers.fitting.importance import find_mode
from ssmelsm_helpers.model.collapsed import CollapsedPosterior
from ssmelsm_helpers.model.pymc.collapsed_model import collapsed_model
from ssmelsm_helpers.spec.design import Design
from ssmelsm_helpers.spec.standard import Margins

INFORMED = Priors(
    gamma_intercept_mean=0.2,
    gamma_intercept_sd=0.7,
    eta_sd=0.8,
    tau_df=5.0,
    tau_u_scale=0.4,
    tau_t_scale=0.2,
    omega_shape=2.5,
)


@pytest.fixture(scope="module")
def schools() -> pd.DataFrame:
    """Uneven schools, one of a single student, one without any spread."""
    counts = [1, 2, 5, 20, 60, 200, 500, 30, 30, 30]
    table = simulate_schools(n_schools=10, n_students=counts, inclusion=0.4, tau_t=0.5, random_seed=5).schools
    table.loc[2, "sd"] = 0.0
    return check_summary(table)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """Unconstrained points: plausible ones, and large or tiny effects with strong correlation."""
    centre = np.array([0.1, -0.25, np.log(0.35), np.log(0.1), 0.0])
    near = centre + np.random.default_rng(1).normal(size=(6, 5)) * [0.2, 0.2, 0.4, 0.8, 0.5]
    far = centre + np.array([[1.0, 1.0, 1.0, 2.5, 1.8], [-1.0, -1.0, -1.0, -2.0, -1.8]])
    return np.vstack([near, far])


def compiled(model):
    """Log density and gradient of a PyMC model at an unconstrained point, without a compiler's wait."""
    import pytensor

    return pytensor.function(model.value_vars, [model.logp(), model.dlogp()], mode="FAST_COMPILE")


@pytest.mark.parametrize(("priors", "inclusion_prior"), [(Priors(), 0.5), (INFORMED, 0.2)])
def test_density_and_gradient_are_those_of_the_pymc_model(schools, points, priors, inclusion_prior):
    """Two implementations, one in PyTensor with autodiff. PyMC's scale for rho is log((1 + rho) / (1 - rho)).

    That is twice atanh(rho), so its log density differs by log 2, and its derivative by rho is half as large.
    """
    model = collapsed_model(model_of(schools, inclusion_prior, priors))
    # A flat rho is uniform on its interval, any other (rho + 1) / 2 has a Beta prior on the logit's scale: the same scale.
    last = "rho_interval__" if priors.omega_shape == 1 else "rho_half_logodds__"
    assert [v.name for v in model.value_vars] == ["gamma", "eta", "tau_log__", last]
    evaluate = compiled(model)
    posterior = posterior_of(schools, inclusion_prior, priors)
    for x in points:
        expected, expected_gradient = evaluate(x[:1], x[1:2], x[2:4], 2 * x[4])
        found, gradient = posterior.log_density_and_gradient(x)
        assert found == pytest.approx(float(expected) + np.log(2), rel=1e-9, abs=1e-6)
        in_pymc_scale = gradient * [1, 1, 1, 1, 0.5]
        np.testing.assert_allclose(in_pymc_scale, expected_gradient, rtol=1e-6, atol=1e-5)


def test_gradient_is_the_slope_of_the_density(schools, points):
    """Central differences of the density that importance sampling uses; this needs no PyMC.

    With step h the differences err by h^2 times the third derivative, about 1e-6 of the gradient's size, and
    by the quadrature's 1e-8 over h where the two functions place their nodes differently.
    """
    posterior = posterior_of(schools, 0.3, INFORMED)
    step = 1e-4
    for x in points:
        _, gradient = posterior.log_density_and_gradient(x)
        above, below = (posterior.log_density(x + sign * step * np.eye(5)) for sign in (1, -1))
        np.testing.assert_allclose(gradient, (above - below) / (2 * step), rtol=1e-4, atol=1e-2)


def test_both_density_functions_agree(schools, points):
    """Draws in blocks and one point at a time give the same density."""
    posterior = posterior_of(schools, 0.3, Priors())
    one_by_one = [posterior.log_density_and_gradient(x)[0] for x in points]
    np.testing.assert_allclose(posterior.log_density(points), one_by_one, rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize("priors", [Priors(gamma_intercept_mean=0.1, gamma_intercept_sd=2.0), INFORMED])
def test_log_prior_is_that_of_scipy(schools, points, priors):
    """Every factor by its name in `scipy.stats`, and the Jacobians of log tau and atanh rho."""
    posterior = posterior_of(schools, 0.5, priors)
    gamma, eta, log_tau_u, log_tau_t, atanh_rho = points.T
    rho = np.tanh(atanh_rho)
    expected = stats.norm.logpdf(gamma, priors.gamma_intercept_mean, priors.gamma_intercept_sd)
    sd = Margins.of(Design.of_schools(schools)).sd
    expected += stats.norm.logpdf(eta, *((np.log(sd), 3.0) if priors.eta_sd is None else (0.0, priors.eta_sd)))
    for log_tau, scale in ((log_tau_u, priors.tau_u_scale or sd), (log_tau_t, priors.tau_t_scale or 1.0)):
        expected += np.log(2) + stats.t.logpdf(np.exp(log_tau), priors.tau_df, scale=scale) + log_tau
    expected += stats.beta.logpdf((1 + rho) / 2, priors.omega_shape, priors.omega_shape) - np.log(2)
    expected += np.log1p(-(rho**2))
    np.testing.assert_allclose(posterior.log_prior(points), expected, rtol=1e-12)


@pytest.mark.parametrize("priors", [Priors(), INFORMED])
def test_prior_integrates_to_one(schools, priors):
    """A product over coordinates: each one's integral, the others held fixed, must multiply to one."""
    posterior = posterior_of(schools, 0.5, priors)
    centre = np.array([0.2, 0.0, -1.0, -1.0, 0.1])
    log_value = float(posterior.log_prior(centre))

    def along(i, value):
        x = centre.copy()
        x[i] = value
        return np.exp(float(posterior.log_prior(x)) - log_value)

    widths = [40.0, 40.0, 30.0, 30.0, 18.0]
    integrals = [
        quad(lambda value, i=i: along(i, value), c - w, c + w, points=[c], limit=400, epsabs=1e-12)[0]
        for i, (c, w) in enumerate(zip(centre, widths, strict=True))
    ]
    assert np.log(integrals).sum() + log_value == pytest.approx(0, abs=1e-6)


def test_mode_is_a_stationary_point_and_a_maximum(schools):
    """The Laplace approximation needs both; "stationary" is measured in posterior SDs."""
    for table in (schools, check_summary(load_saeb_schools())):
        posterior = posterior_of(table, 0.5, Priors())
        mode, covariance = find_mode(posterior)
        top, gradient = posterior.log_density_and_gradient(mode)
        factor = np.linalg.cholesky(covariance)
        assert np.abs(factor.T @ gradient).max() < 1e-3
        around = mode + 0.3 * np.vstack([factor.T, -factor.T])
        assert (posterior.log_density(around) < top).all()


def test_laplace_covariance_is_close_to_the_posteriors():
    """On the Saeb schools, the SDs of gamma, eta and log tau_u within a tenth of the known posterior SDs."""
    _, covariance = find_mode(posterior_of(check_summary(load_saeb_schools()), 0.5, Priors()))
    sd = np.sqrt(np.diag(covariance))[:3]
    np.testing.assert_allclose(sd, [0.029, 0.0089, 0.0229 / 0.3404], rtol=0.1)


def test_cores_share_the_draws_and_change_none(schools, points):
    """Densities and effects are those of one core, to the last bit."""
    posteriors = [CollapsedPosterior(model_of(schools), cores) for cores in (1, 2, 5)]
    draws = np.repeat(points, 2000, axis=0)
    found = [posterior.draw_effects(draws, np.random.default_rng(1))[0] for posterior in posteriors]
    for other in found[1:]:
        for name, value in found[0].items():
            np.testing.assert_array_equal(value, other[name])
    np.testing.assert_array_equal(posteriors[0].log_density(draws), posteriors[1].log_density(draws))


def test_every_prior_is_checked():
    """One sentence that names the field, from the constructor on."""
    for name, value in [
        ("eta_sd", 0.0),
        ("tau_df", -1),
        ("tau_t_scale", np.inf),
        ("omega_shape", "2"),
        ("gamma_sd", "1"),
    ]:
        with pytest.raises(ValueError, match=rf"Priors: {name} must be a positive finite number; found"):
            Priors(**{name: value})
    with pytest.raises(ValueError, match="Priors: gamma_intercept_mean must be a finite number; found nan"):
        Priors(gamma_intercept_mean=np.nan)


@pytest.mark.parametrize("jobs", range(1, 60))
def test_a_bar_ends_where_a_pass_ends(jobs):
    """Exactly: a notebook paints a bar red that is closed a rounding error below its total."""
    one_draw_a_job = SimpleNamespace(n_schools=10**6, cells=SimpleNamespace(n=[1]), cores=1)
    with tqdm(total=2, file=io.StringIO()) as bar:
        for passes in (1, 2):
            CollapsedPosterior.over_draws(one_draw_a_job, lambda _draws: None, jobs, bar)
            assert bar.n == passes
