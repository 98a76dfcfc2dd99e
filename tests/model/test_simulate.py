"""Simulated schools follow the model's text, and their planted truth is the truth."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

import ssmelsm_helpers as sm

SETTING = {"gamma": 0.5, "eta": -0.4, "tau_u": 0.6, "tau_t": 0.4, "rho": -0.7, "inclusion": 0.3}


@pytest.fixture(scope="module")
def many():
    """20,000 schools of six students."""
    return sm.simulate_schools(n_schools=20_000, n_students=6, **SETTING, random_seed=1)


def test_effects_have_the_models_distribution(many):
    """Each at p > 1e-3 under a fixed seed; t is exactly zero in the spike, and u is not touched by the indicator."""
    truth = many.truth
    slab = truth[truth["delta"] == 1]
    spike = truth[truth["delta"] == 0]
    assert stats.binomtest(len(slab), len(truth), SETTING["inclusion"]).pvalue > 1e-3
    assert (spike["t"] == 0).all()
    assert stats.kstest(truth["u"] / SETTING["tau_u"], "norm").pvalue > 1e-3
    assert stats.kstest(spike["u"] / SETTING["tau_u"], "norm").pvalue > 1e-3
    assert stats.kstest(slab["t"] / SETTING["tau_t"], "norm").pvalue > 1e-3
    # Fisher's z of the correlation has SD 1 / sqrt(n - 3).
    z = np.arctanh(slab["u"].corr(slab["t"])) - np.arctanh(SETTING["rho"])
    assert abs(z) * np.sqrt(len(slab) - 3) < 3.3


def test_students_have_their_schools_mean_and_sd(many):
    """Standardised by the planted truth, all 120,000 residuals are Normal(0, 1)."""
    truth = many.truth.loc[many.students["school"]]
    residual = many.students["score"].to_numpy() - SETTING["gamma"] - truth["u"].to_numpy()
    assert stats.kstest(residual / truth["sd"].to_numpy(), "norm").pvalue > 1e-3
    np.testing.assert_allclose(truth["sd"], np.exp(SETTING["eta"] + truth["t"]))


def test_tables_belong_together():
    counts = [5, 1, 8]
    simulation = sm.simulate_schools(n_schools=3, n_students=counts, random_seed=1)
    assert simulation.schools["n"].tolist() == counts
    assert simulation.truth.index.equals(simulation.schools.index)
    assert list(simulation.truth) == ["u", "t", "delta", "sd"]
    again = sm.summarise_schools(simulation.students, outcome="score", school="school")
    pd.testing.assert_frame_equal(again, simulation.schools, check_index_type=False, rtol=1e-14)


def test_seeds_decide():
    first, same, other = (sm.simulate_schools(n_schools=4, random_seed=seed).students for seed in (1, 1, 2))
    assert first.equals(same)
    assert not first.equals(other)


def test_extremes_are_allowed():
    """No slab, only slab, no heterogeneity, perfect correlation."""
    none = sm.simulate_schools(n_schools=50, inclusion=0.0, random_seed=1).truth
    assert (none["delta"] == 0).all()
    every = sm.simulate_schools(n_schools=50, inclusion=1.0, rho=1.0, tau_u=0.5, tau_t=0.25, random_seed=1).truth
    assert (every["delta"] == 1).all()
    np.testing.assert_allclose(every["t"], every["u"] / 2)
    flat = sm.simulate_schools(n_schools=50, tau_u=0.0, tau_t=0.0, inclusion=1.0, random_seed=1).truth
    assert (flat[["u", "t"]] == 0).all(axis=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_schools": 0}, "n_schools must be a whole number of at least 1; found 0."),
        ({"n_schools": 2.5}, "n_schools must be a whole number of at least 1; found 2.5."),
        ({"n_students": 0}, "n_students must be whole numbers of at least 1, one or 4; found 0."),
        ({"n_students": 7.5}, "n_students must be whole numbers of at least 1, one or 4; found 7.5."),
        ({"n_students": [5, 5]}, "n_students must be whole numbers of at least 1, one or 4; found [5, 5]."),
        (
            {"n_students": [5, 5, -1, 5]},
            "n_students must be whole numbers of at least 1, one or 4; found [-1.0].",
        ),
        (
            {"n_students": [[1, 2], [3]]},
            "n_students must be whole numbers of at least 1, one or 4; found [[1, 2], [3]].",
        ),
        ({"n_students": np.ones((4, 1))}, "n_students must be whole numbers of at least 1, one or 4; found array("),
        ({"n_students": True}, "n_students must be whole numbers of at least 1, one or 4; found True."),
        ({"n_students": 10**12}, "n_students, added up, must be a whole number of at most 100,000,000; found 4000000"),
        ({"n_schools": 10**12}, "n_schools must be a whole number of at most 100,000,000; found 1000000000000."),
        ({"tau_u": -0.1}, "tau_u must be a finite number of at least 0; found -0.1."),
        ({"tau_t": np.inf}, "tau_t must be a finite number of at least 0; found inf."),
        ({"rho": 1.1}, "rho must be a finite number from -1 to 1; found 1.1."),
        ({"rho": np.nan}, "rho must be a finite number from -1 to 1; found nan."),
        ({"inclusion": -0.1}, "inclusion must be a finite number from 0 to 1; found -0.1."),
    ],
)
def test_malformed_settings(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.simulate_schools(**({"n_schools": 4, "random_seed": 1} | arguments))


# --- the outcome of given students -------------------------------------------------------------------------------

LOCATION, SCALE = "score ~ ses + (1 + ses | school)", "~ ses * public + (1 | school)"
OMEGA = [[1.0, 0.4, -0.5], [0.4, 1.0, 0.2], [-0.5, 0.2, 1.0]]
TRUE = {
    "gamma": {"ses": -0.5, "Intercept": 2.0},
    "eta": [-0.3, 0.2, 0.1, -0.1],
    "tau": [0.6, 0.3, 0.4],
    "omega": OMEGA,
}


def students_of(n_schools: int, n_students: int) -> pd.DataFrame:
    """Covariates and schools, in no order, with an index of their own."""
    rng = np.random.default_rng(3)
    size = n_schools * n_students
    data = {"school": rng.permutation(np.repeat(np.arange(n_schools), n_students)), "ses": rng.normal(size=size)}
    return pd.DataFrame(data | {"public": rng.random(size) < 0.4}, index=rng.integers(0, 9, size))


@pytest.fixture(scope="module")
def outcomes():
    """5,000 schools of eight students, with an indicator for the location's slope and the scale's intercept."""
    chosen = {
        "select": ["location[ses]", "scale[Intercept]"],
        "inclusion": {"scale[Intercept]": 0.3, "location[ses]": 0.6},
    }
    return sm.simulate_outcomes(LOCATION, SCALE, students_of(5000, 8), **TRUE, **chosen, random_seed=1)


def standard_residuals(simulation, gamma=(2.0, -0.5), eta=TRUE["eta"]) -> np.ndarray:
    """Outcomes standardised by the planted truth, from the model's text and nothing else."""
    students, ses, public = simulation.students, simulation.students["ses"], simulation.students["public"]
    effects = simulation.truth.loc[students["school"]].reset_index(drop=True).set_axis(students.index)
    mu = gamma[0] + effects["location[Intercept]"] + (gamma[1] + effects["location[ses]"]) * ses
    log_sd = eta[0] + eta[1] * ses + eta[2] * public + eta[3] * ses * public + effects["scale[Intercept]"]
    return ((students["score"] - mu) / np.exp(log_sd)).to_numpy()


def test_outcomes_follow_the_models_text(outcomes):
    assert stats.kstest(standard_residuals(outcomes), "norm").pvalue > 1e-3


def test_effects_of_given_students_have_the_models_distribution(outcomes):
    """Where both indicators are 1, Normal(0, diag(tau) Omega diag(tau)); exactly zero where one is 0."""
    truth = outcomes.truth
    deltas = ["delta[location[ses]]", "delta[scale[Intercept]]"]
    assert list(truth) == ["location[Intercept]", "location[ses]", "scale[Intercept]", *deltas]
    for name, pi in zip(deltas, (0.6, 0.3), strict=True):
        assert stats.binomtest(int(truth[name].sum()), len(truth), pi).pvalue > 1e-3
        effect = name.removeprefix("delta[").removesuffix("]")
        assert ((truth[effect] == 0) == (truth[name] == 0)).all()
    both = truth[(truth[deltas] == 1).all(axis=1)].to_numpy()[:, :3]
    whitened = np.linalg.solve(np.linalg.cholesky(OMEGA), (both / TRUE["tau"]).T)
    for component in whitened:
        assert stats.kstest(component, "norm").pvalue > 1e-3
    z = np.arctanh(np.corrcoef(whitened)[np.triu_indices(3, 1)]) * np.sqrt(len(both) - 3)
    assert (np.abs(z) < 3.5).all()
    # The indicator acts after the product: the intercept does not feel it.
    assert stats.kstest(truth["location[Intercept]"] / 0.6, "norm").pvalue > 1e-3


def test_student_t_residuals_have_the_same_sd(outcomes):
    heavy = sm.simulate_outcomes(LOCATION, SCALE, students_of(5000, 8), **TRUE, nu=5, random_seed=2)
    residuals = standard_residuals(heavy)
    assert stats.kstest(residuals / np.sqrt(3 / 5), stats.t(5).cdf).pvalue > 1e-3
    # Var of the sample variance of a t with 5 degrees of freedom: kurtosis 9, so (9 - 1) / n.
    assert abs(residuals.var() - 1) < 4 * np.sqrt(8 / len(residuals))
    assert stats.kstest(residuals, "norm").pvalue < 1e-6


def test_students_are_kept_as_they_come():
    """Rows, index and columns; the outcome is added, or written over; the data themselves stay."""
    data = students_of(20, 5)
    before = data.copy()
    new = sm.simulate_outcomes(LOCATION, SCALE, data, **TRUE, random_seed=1)
    pd.testing.assert_frame_equal(data, before)
    pd.testing.assert_frame_equal(new.students.drop(columns="score"), data)
    over = sm.simulate_outcomes(LOCATION, SCALE, data.assign(score="none"), **TRUE, random_seed=1)
    np.testing.assert_array_equal(over.students["score"], new.students["score"])
    polars = sm.simulate_outcomes(LOCATION, SCALE, pl.from_pandas(data).lazy(), **TRUE, random_seed=1)
    np.testing.assert_array_equal(polars.students["score"], new.students["score"])
    assert new.truth.index.equals(new.schools.index)
    pd.testing.assert_frame_equal(new.schools, sm.summarise_schools(new.students, outcome="score", school="school"))
    assert not sm.simulate_outcomes(LOCATION, SCALE, data, **TRUE, random_seed=2).students.equals(new.students)


def test_two_effects_take_a_correlation():
    """rho, as in simulate_schools; and with labels that cannot be sorted."""
    data = pd.DataFrame({"id": [("a", 1), 2, "c"] * 2000})
    data["id"] = [(label, i // 6) for i, label in enumerate(data["id"])]
    model = ("y ~ 1 + (1 | id)", "~ 1 + (1 | id)", data)
    truth = sm.simulate_outcomes(*model, gamma=0, eta=[0], tau=[1, 2], omega=-0.8, inclusion=1, random_seed=1).truth
    z = np.arctanh(np.corrcoef(truth["location[Intercept]"], truth["scale[Intercept]"])[0, 1]) - np.arctanh(-0.8)
    assert abs(z) * np.sqrt(len(truth) - 3) < 3.3
    assert (truth["delta[scale[Intercept]]"] == 1).all()
    none = sm.simulate_outcomes(*model, gamma=0, eta=0, tau=[1, 2], inclusion=0, random_seed=1).truth
    assert (none["scale[Intercept]"] == 0).all()
    every = sm.simulate_outcomes(
        *model, gamma=0, eta=0, tau=[1, 2], inclusion=[0, 1], select="both", random_seed=1
    ).truth
    assert (every["location[Intercept]"] == 0).all()
    assert (every["scale[Intercept]"] != 0).all()


EFFECTS = "['location[Intercept]', 'location[ses]', 'scale[Intercept]']"
MATRIX = f"omega must be a positive definite correlation matrix of the 3 effects {EFFECTS}, zero between the blocks [{EFFECTS}]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": [1.0]}, "gamma must have one number per location term ['Intercept', 'ses']; found [1.0]."),
        ({"gamma": 1.0}, "gamma must have one number per location term ['Intercept', 'ses']; found 1.0."),
        (
            {"gamma": {"Intercept": 1, "sex": 2}},
            "gamma must have one number per location term, with the keys ['Intercept', 'ses']; found ['Intercept', 'sex'].",
        ),
        (
            {"gamma": pd.Series({"ses": 1.0, "sex": 2.0})},
            "gamma must have one number per location term, with the keys ['Intercept', 'ses']; found ['ses', 'sex'].",
        ),
        (
            {"gamma": pd.Series([1.0, 2.0, 3.0], index=["ses", "ses", "Intercept"])},
            "gamma must have one number per location term, with the keys",
        ),
        ({"gamma": {3.0, 1.0}}, "gamma must have one number per location term ['Intercept', 'ses']; found {"),
        ({"gamma": [1.0, np.nan]}, "gamma['ses'] must be a finite number; found nan."),
        ({"gamma": "ab"}, "gamma must have one number per location term ['Intercept', 'ses']; found 'ab'."),
        (
            {"eta": [0.0, 0.0]},
            "eta must have one number per scale term ['Intercept', 'ses', 'public', 'ses:public']; found [0.0, 0.0].",
        ),
        ({"eta": [[0.0]] * 4}, "eta['Intercept'] must be a finite number; found [0.0]."),
        ({"tau": [1, 1]}, f"tau must have one number per effect {EFFECTS}; found [1, 1]."),
        ({"tau": [1, -1, 1]}, "tau['location[ses]'] must be a finite number of at least 0; found -1."),
        ({"omega": 0.3}, f"{MATRIX}; found 0.3."),
        ({"omega": np.eye(2)}, f"{MATRIX}; found array([[1., 0.], [0., 1.]])."),
        ({"omega": np.diag([1.0, 2, 1])}, f"{MATRIX}; found array([[1., 0., 0.], [0., 2., 0.],"),
        ({"omega": [[1, 0.5, 0], [0, 1, 0], [0, 0, 1]]}, f"{MATRIX}; found [[1, 0.5, 0], [0, 1, 0], [0, 0, 1]]."),
        ({"omega": [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]}, f"{MATRIX}; found [[1, 0.9, -0.9]"),
        ({"omega": np.full((3, 3), np.nan)}, f"{MATRIX}; found array([[nan"),
        ({"inclusion": 1.2}, "inclusion['scale[Intercept]'] must be a finite number from 0 to 1; found 1.2."),
        (
            {"inclusion": [0.5, 0.5]},
            "inclusion must have one number per selected effect ['scale[Intercept]']; found [0.5, 0.5].",
        ),
        ({"inclusion": "often"}, "inclusion['scale[Intercept]'] must be a finite number from 0 to 1; found 'often'."),
        ({"inclusion": None}, "inclusion['scale[Intercept]'] must be a finite number from 0 to 1; found None."),
        ({"select": "slope"}, "select must be 'scale', 'location', 'both', or names among"),
        ({"nu": 2}, "nu must be above 2, where a Student-t has a variance; found 2."),
        ({"nu": np.inf}, "nu must be a finite number; found inf."),
        ({"random_seed": -1}, "random_seed must be None or a whole number from 0 to 2^63 - 1; found -1."),
    ],
)
def test_malformed_parameters(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.simulate_outcomes(LOCATION, SCALE, students_of(4, 5), **(TRUE | {"random_seed": 1} | arguments))


def test_a_series_is_read_by_its_labels():
    given = ([100.0, 0.0], pd.Series({"ses": 0.0, "Intercept": 100.0}), {"ses": 0.0, "Intercept": 100.0})
    first, *others = (
        sm.simulate_outcomes(LOCATION, SCALE, students_of(4, 5), **(TRUE | {"random_seed": 1, "gamma": gamma})).students
        for gamma in given
    )
    for other in others:
        pd.testing.assert_frame_equal(other, first)


def test_effects_of_independent_blocks_are_not_correlated():
    arguments = TRUE | {"gamma": [2.0, -0.5]}
    message = (
        "omega must be a positive definite correlation matrix of the 3 effects ['location[Intercept]', 'location[ses]', "
        "'scale[Intercept]'], zero between the blocks [['location[Intercept]', 'scale[Intercept]'], ['location[ses]']]; found"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.simulate_outcomes("score ~ ses + (ses || school)", SCALE, students_of(4, 5), **arguments)
    arguments["omega"] = [[1, 0, 0.5], [0, 1, 0], [0.5, 0, 1]]
    assert len(sm.simulate_outcomes("score ~ ses + (ses || school)", SCALE, students_of(4, 5), **arguments).truth) == 4


def test_students_that_cannot_be_simulated():
    """The checks of a fit, without its advice on missing values."""
    data = students_of(4, 5)
    data.iloc[3, 1] = np.nan
    with pytest.raises(
        ValueError, match=re.escape("data has 1 row with missing values in ['ses'] (first rows, counted from 0: [3]).")
    ):
        sm.simulate_outcomes(LOCATION, SCALE, data, **TRUE)
    with pytest.raises(ValueError, match="location needs the column 'ses', which data lacks"):
        sm.simulate_outcomes(LOCATION, SCALE, data[["school"]], **TRUE)
    with pytest.raises(TypeError, match="data must be a data frame"):
        sm.simulate_outcomes(LOCATION, SCALE, {"school": [1]}, **TRUE)
