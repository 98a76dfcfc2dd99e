"""Compiled loops: one version of each, a cache that may be absent or shared, and the same draws on any number of cores."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from posteriors import posterior_of

import ssmelsm_helpers as sm
from ssmelsm_helpers.fitting import sampling
from ssmelsm_helpers.model import compiled, school_density, school_effects

EVIDENCE = "import ssmelsm_helpers as sm; print(float(sm.school_evidence([5, 80], sd=[2.0, 1.2]).log_bf.sum()))"


def in_new_process(**variables) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", EVIDENCE],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def expected():
    found, problems = in_new_process().communicate(timeout=120)
    assert not problems
    return pytest.approx(float(found), rel=1e-9)  # sums may be taken in another order when compiled again


def test_a_cache_that_cannot_be_written_costs_time_only(expected):
    """Numba finds no directory: neither beside the file nor in the user's home."""
    nowhere = {"NUMBA_CACHE_DIR": "/dev/null/absent", "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    found, problems = in_new_process(**nowhere).communicate(timeout=120)
    assert (float(found), problems) == (expected, "")


def test_two_processes_may_fill_one_cache(expected, tmp_path):
    """At the same moment, as when a class opens the same notebook on one server."""
    processes = [in_new_process(NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    for process in processes:
        found, problems = process.communicate(timeout=180)
        assert (float(found), problems) == (expected, "")
    assert any(tmp_path.rglob("*likelihoods_and_effects*.nbc"))


def test_a_cache_does_not_outlive_a_change_in_another_file(tmp_path):
    """A compiled function calls one of another file, which changes; where nothing changes the cache serves."""
    known = "from ssmelsm_helpers.model.compiled import compiled, helper\n"
    entry = f"{known}from school_one import one\n@compiled\ndef two(x):\n    return 2 * one(x)\n"
    (tmp_path / "school_two.py").write_text(entry)
    code = "from school_two import two; print(two(0.0), sum(two.stats.cache_hits.values()))"
    found = []
    for value in (1, 5, None):
        if value:
            (tmp_path / "school_one.py").write_text(f"{known}@helper\ndef one(x):\n    return x + {value}\n")
        done = subprocess.run(
            [sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert not done.stderr
        found.append(done.stdout.strip())
    assert found == ["2.0 0", "10.0 0", "10.0 1"]


@pytest.mark.filterwarnings("ignore:the prior counts", "ignore:the draws contradict", "ignore:importance sampling")
def test_every_loop_is_compiled_once(saeb_schools, tmp_path):
    """Tables, students, fits from a file, NUTS: no array of another kind makes a reader wait again."""
    quiet = {"draws": 20, "random_seed": 1, "progressbar": False}
    students = sm.simulate_schools(n_schools=20, n_students=30, random_seed=1).students
    students["x"] = np.arange(len(students)) % 7
    read_only = saeb_schools.copy()
    for column in read_only:
        read_only[column].to_numpy().flags.writeable = False
    for table in (saeb_schools, read_only):
        sm.fit_schools(table, sampler="importance", **quiet)
    fit = sm.fit("score ~ x + (x | school)", "~ x + (1 | school)", students, chains=1, tune=20, **quiet)
    fit.to_netcdf(tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc") as saved:
        sm.pointwise_log_likelihood(saved, unit="school")
    posterior = posterior_of(saeb_schools)
    x = posterior.start()[0]
    x.flags.writeable = False
    posterior.log_density_and_gradient(x)
    posterior.log_density(x[None])
    sm.school_evidence(20, sd=[1.0, 1.2])
    entries = school_effects.likelihoods_and_effects, school_density.density
    for function in entries:
        assert len({*map(str, function.signatures)}) == 1, "\n".join(map(str, function.signatures))


@pytest.mark.parametrize("sampler", ["importance", "nuts"])
def test_cores_do_not_change_a_draw(sampler, saeb_schools):
    fits = [
        sm.fit_schools(saeb_schools, sampler=sampler, draws=200, random_seed=3, progressbar=False, cores=cores)
        for cores in (1, 2)
    ]
    for name, values in fits[0]["posterior"].data_vars.items():
        np.testing.assert_array_equal(values, fits[1]["posterior"][name])


def test_chains_call_no_python(saeb_schools, monkeypatch):
    """The installed nutpie takes addresses of compiled functions, and draws what it draws of the same density in Python."""
    options = {"draws": 30, "tune": 30, "random_seed": 2, "progressbar": False, "chains": 1, "sampler": "nuts"}
    with monkeypatch.context() as only:
        only.delattr(sampling, "_python_model")
        found = sm.fit_schools(saeb_schools, **options)
    monkeypatch.delattr(sampling, "_compiled_model")
    monkeypatch.setattr(sampling, "_CALLS_COMPILED", "another version")
    in_python = sm.fit_schools(saeb_schools, **options)
    np.testing.assert_allclose(found["posterior"]["tau"], in_python["posterior"]["tau"], rtol=1e-6)


@pytest.mark.parametrize("inclusion_prior", [0.2, sm.Beta(1, 3)])
def test_compiled_priors_are_those_in_python(saeb_schools, inclusion_prior):
    """By name, and as compiled loops know them; away from the mode, too."""
    given = sm.Priors(gamma_intercept_mean=0.3, gamma_intercept_sd=2.0, tau_df=5.0, tau_u_scale=0.4, omega_shape=2.5)
    posterior = posterior_of(saeb_schools, inclusion_prior, given)
    near = posterior.start()[0]
    for x in near + np.random.default_rng(1).normal(size=(8, posterior.size)):
        (density, slope), (likelihood, its_slope) = (
            at(x) for at in (posterior.log_density_and_gradient, posterior.log_likelihood_and_gradient)
        )
        assert density - likelihood == pytest.approx(posterior.log_prior(x), rel=1e-10, abs=1e-10 * abs(likelihood))
        largest = np.abs(slope).max()
        np.testing.assert_allclose(slope - its_slope, posterior.log_prior_gradient(x), rtol=1e-10, atol=1e-10 * largest)


def test_a_variable_limits_the_cores(monkeypatch):
    allowed = compiled.usable_cores()
    for asked, expected_cores in {"1": 1, "999": allowed, "0": allowed, "two": allowed}.items():
        monkeypatch.setenv("SSMELSM_CORES", asked)
        assert compiled.usable_cores() == expected_cores


def test_cores_are_checked(saeb_schools):
    with pytest.raises(ValueError, match="cores must be a"):
        sm.fit_schools(saeb_schools, cores=0)
