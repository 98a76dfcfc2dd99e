"""Three formulations, one posterior: their PIPs and parameters differ by Monte Carlo error only."""

import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm
from ssmelsm_helpers.results.draws import mcse_of_mean

PLAIN = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
# The largest of a hundred standard Normal numbers exceeds 4.5 once in 1,500 times.
LARGEST_Z = 4.5


def simulated(formulas, n_students, random_seed, **options) -> pd.DataFrame:
    """Schools with a covariate at the students' level and one of the schools'."""
    rng = np.random.default_rng(random_seed)
    school = np.repeat(np.arange(len(n_students)), n_students)
    x = rng.normal(size=len(school)).round(1)
    data = pd.DataFrame({"school": school, "x": x, "w": rng.normal(size=len(n_students))[school]})
    return sm.simulate_outcomes(*formulas, data, random_seed=random_seed, **options).students


SES = "score ~ x + w + (1 | school)", "~ x + (1 | school)"
SLOPES = "score ~ x + (1 + x | school)", "~ 1 + (1 | school)"
CASES = {
    "intercepts only": (PLAIN, [25] * 14, {"gamma": [0.2], "eta": [-0.3], "tau": [0.4, 0.4]}, {}),
    "unbalanced, pi = .2": (
        PLAIN,
        [1, 2, 4, 6, 8, 12, 20, 30, 40, 50],
        {"gamma": [0.0], "eta": [0.0], "tau": [0.5, 0.5], "omega": 0.5},
        {"inclusion_prior": 0.2},
    ),
    "covariates": (
        SES,
        [20] * 12,
        {"gamma": [0.0, 0.3, 0.5], "eta": [-0.2, 0.2], "tau": [0.3, 0.4], "omega": -0.4},
        {},
    ),
    "slopes in the location": (SLOPES, [20] * 10, {"gamma": [0.1, 0.3], "eta": [-0.2], "tau": [0.4, 0.3, 0.4]}, {}),
    "pi learned": (
        PLAIN,
        [30] * 12,
        {"gamma": [0.0], "eta": [-0.2], "tau": [0.3, 0.5]},
        {"inclusion_prior": sm.Beta(2, 3)},
    ),
}


def numbers(fit) -> pd.DataFrame:
    """Posterior means and their Monte Carlo standard errors: hyperparameters, the schools' effects, PIPs."""
    found = {}
    for name in ("gamma", "eta", "tau", "rho", "omega", "pi", "u", "t"):
        if name in fit["posterior"]:
            draws = fit["posterior"][name].transpose("chain", "draw", ...)
            draws = draws.copy(data=draws).expand_dims("one", axis=-1) if draws.ndim == 2 else draws
            means, errors = draws.mean(("chain", "draw")).to_numpy(), mcse_of_mean(fit, draws)
            for at in np.ndindex(means.shape):
                if errors[at] > 1e-10:  # Omega's diagonal is one
                    found[f"{name}{list(at)}"] = means[at], errors[at]
    table = sm.pip_table(fit)
    found |= {f"PIP {school}": (row["pip"], max(row["pip_mcse"], 0.002)) for school, row in table.iterrows()}
    return pd.DataFrame.from_dict(found, orient="index", columns=["mean", "mcse"])


def largest_z(one, other) -> float:
    """The largest difference of two fits, in its standard errors."""
    one, other = numbers(one), numbers(other)
    assert list(one.index) == list(other.index)
    return float((abs(one["mean"] - other["mean"]) / np.hypot(one["mcse"], other["mcse"])).max())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the prior counts for more")
@pytest.mark.parametrize("name", CASES)
def test_formulations_agree_on_simulated_schools(name):
    formulas, n_students, planted, options = CASES[name]
    data = simulated(formulas, n_students, 3, inclusion=0.5, **planted)
    options |= {"random_seed": 4, "progressbar": False}
    collapsed = sm.fit(*formulas, data, sampler="importance", draws=2000, **options)
    assert collapsed.attrs["formulation"] == "collapsed"
    assert collapsed.attrs["pareto_k"] < 0.7
    for formulation, draws in {"marginal": 500, "sampled": 2000}.items():
        other = sm.fit(*formulas, data, formulation=formulation, chains=2, draws=draws, tune=500, **options)
        assert largest_z(collapsed, other) < LARGEST_Z, formulation


@pytest.mark.slow
def test_formulations_agree_on_the_saeb_schools(importance_fit, saeb_students):
    formulas = "math_proficiency ~ 1 + (1 | school_id)", "~ 1 + (1 | school_id)"
    for formulation in ("marginal", "sampled"):
        other = sm.fit(*formulas, saeb_students, formulation=formulation, chains=2, random_seed=5, progressbar=False)
        assert largest_z(importance_fit, other) < LARGEST_Z, formulation
