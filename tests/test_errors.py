"""Bad input gets one clear sentence: which argument, what was found, what is expected. Nothing is computed first."""

import re

import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm
from ssmelsm_helpers import fitting

LOCATION, SCALE = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"


@pytest.fixture(autouse=True)
def no_sampling(monkeypatch):
    """A sampler that starts has not been stopped in time."""

    def started(*_):
        raise AssertionError("sampling started before the input was checked")

    monkeypatch.setattr(fitting, "run_importance", started)
    monkeypatch.setattr(fitting, "run_nuts", started)


def students(**columns) -> pd.DataFrame:
    """Three schools of two students, with some columns changed."""
    good = {"school": ["a", "a", "b", "b", "c", "c"], "score": [1.0, 2.0, 3.0, 5.0, 2.0, 2.5]}
    return pd.DataFrame(good | columns)


def schools(index=("a", "b", "c"), **columns) -> pd.DataFrame:
    """Three schools, one of them with a single student, with some columns changed."""
    good = {"n": [10, 20, 1], "mean": [0.0, 0.5, 1.0], "sd": [1.0, 0.8, np.nan]}
    return pd.DataFrame(good | columns, index=pd.Index(index, tupleize_cols=False))


STUDENTS = {
    "missing outcome column": (
        students().rename(columns={"score": "points"}),
        "outcome='score' is not a column of data; its columns are ['school', 'points'].",
    ),
    "missing school column": (
        students().rename(columns={"school": "class"}),
        "school='school' is not a column of data; its columns are ['class', 'score'].",
    ),
    "text": (students(score=list("123456")), "outcome='score' must be numeric; found"),
    "booleans": (students(score=[True, False] * 3), "outcome='score' must be numeric; found Boolean."),
    "missing": (
        students(score=[1.0, np.nan, 3.0, None, 2.0, 2.5]),
        "data has 2 rows with a missing 'score' (first rows, counted from 0: [1, 3]); "
        "remove them or pass missing='drop'.",
    ),
    "infinite": (
        students(score=[1.0, 2.0, np.inf, 5.0, 2.0, -np.inf]),
        "data has 2 rows with an infinite 'score' (first rows, counted from 0: [2, 5]); "
        "remove them or pass missing='drop'.",
    ),
    "no label": (
        students(school=["a", "a", None, "b", "c", "c"]),
        "data has 1 row with a missing 'school' (first rows, counted from 0: [2]); remove them or pass missing='drop'.",
    ),
    "no rows": (students().iloc[:0], "schools must hold at least two schools; found 0."),
    "one school": (students(school="a"), "schools must hold at least two schools; found 1."),
    "single students": (
        students(school=list("abcdef")),
        "every school has a single student: there is no within-school spread to model.",
    ),
    "constant": (
        students(score=2.0),
        "the outcome is constant within every school and all means are equal: there is no spread to model.",
    ),
    "constant in schools": (
        students(score=[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]),
        "the outcome is constant within every school: there is no spread to model.",
    ),
}


@pytest.mark.parametrize("case", STUDENTS)
@pytest.mark.parametrize("sampler", ["nuts", "importance"])
def test_malformed_students(case, sampler):
    data, message = STUDENTS[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.fit(LOCATION, SCALE, data, sampler=sampler, progressbar=False)


@pytest.mark.parametrize("case", ["text", "one school", "missing outcome column"])
def test_the_pymc_model_checks_too(case):
    data, message = STUDENTS[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.build_model(LOCATION, SCALE, data)


SCHOOLS = {
    "no sd": (schools().drop(columns="sd"), "schools lacks the columns ['sd']; its columns are ['n', 'mean']."),
    "text n": (schools(n=list("123")), "schools['n'] must be numeric; found"),
    "negative n": (
        schools(n=[10, -3, 1]),
        "schools: 1 school with an n that is not a positive whole number: 'b'; found [-3].",
    ),
    "zero n": (
        schools(n=[0, 20, 1]),
        "schools: 1 school with an n that is not a positive whole number: 'a'; found [0].",
    ),
    "fractional n": (
        schools(n=[10.5, 2.5, 1]),
        "schools: 2 schools with an n that is not a positive whole number: 'a', 'b'; found [10.5, 2.5].",
    ),
    "missing n": (
        schools(n=[10, np.nan, 1]),
        "schools: 1 school with an n that is not a positive whole number: 'b'; found [nan].",
    ),
    "missing mean": (
        schools(mean=[0.0, np.nan, 1.0]),
        "schools: 1 school with a mean that is missing or infinite: 'b'; found [nan].",
    ),
    "missing sd": (
        schools(sd=[1.0, np.nan, np.nan]),
        "schools: 1 school with more than one student but no finite sd: 'b'; found [nan].",
    ),
    "negative sd": (schools(sd=[1.0, -0.5, np.nan]), "schools: 1 school with a negative sd: 'b'; found [-0.5]."),
    "sd of one student": (
        schools(sd=[1.0, 0.8, 0.3]),
        "schools: 1 school with one student and yet an sd (expected NaN): 'c'; found [0.3].",
    ),
    "duplicates": (
        schools(index=("a", "b", "a")),
        "schools: 1 school with a label that occurred before: 'a'.",
    ),
    "duplicate tuples": (
        schools(index=(("a", 1), ("a", 1), ("b", 1))),
        "schools: 1 school with a label that occurred before: ('a', 1).",
    ),
    "missing label": (schools(index=("a", None, "b")), "schools: 1 school without a label:"),
    "one school": (schools().iloc[:1], "schools must hold at least two schools; found 1."),
    "single students": (
        schools(n=1, sd=np.nan),
        "every school has a single student: there is no within-school spread to model.",
    ),
    "constant": (
        schools(sd=[0.0, 0.0, np.nan], mean=1.0),
        "the outcome is constant within every school and all means are equal: there is no spread to model.",
    ),
}


@pytest.mark.parametrize("case", SCHOOLS)
def test_malformed_summaries(case):
    data, message = SCHOOLS[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.fit_schools(data, sampler="importance", progressbar=False)


def test_long_lists_of_bad_schools_are_cut():
    """The count, and the first five: a sentence, not a page."""
    table = pd.DataFrame({"n": 5, "mean": 0.0, "sd": [-1.0] * 9}, index=list("abcdefghi"))
    with pytest.raises(
        ValueError, match=r"9 schools with a negative sd: 'a', 'b', 'c', 'd', 'e'; found \[(-1.0(, )?){5}\]"
    ):
        sm.fit_schools(table)


def test_a_summary_must_be_a_table():
    with pytest.raises(TypeError, match="schools must be a pandas DataFrame with columns n, mean, sd; found dict"):
        sm.fit_schools({"n": [1]})
    with pytest.raises(
        ValueError, match=r"school='id' is not a column of schools; its columns are \['n', 'mean', 'sd'\]"
    ):
        sm.fit_schools(schools(), school="id")


ARGUMENTS = [
    ({"inclusion_prior": 0}, "inclusion_prior must be a number between 0 and 1, both excluded; found 0."),
    ({"inclusion_prior": 1.0}, "inclusion_prior must be a number between 0 and 1, both excluded; found 1.0."),
    ({"inclusion_prior": np.nan}, "inclusion_prior must be a number between 0 and 1, both excluded; found nan."),
    ({"inclusion_prior": "half"}, "inclusion_prior must be a number between 0 and 1, both excluded; found 'half'."),
    ({"draws": 0}, "draws must be a whole number of at least 1; found 0."),
    ({"draws": 10.5}, "draws must be a whole number of at least 1; found 10.5."),
    ({"chains": 0}, "chains must be a whole number of at least 1; found 0."),
    ({"chains": True}, "chains must be a whole number of at least 1; found True."),
    ({"tune": -5}, "tune must be a whole number of at least 1; found -5."),
    ({"keep": 0}, "keep must be a whole number of at least 1; found 0."),
    ({"sampler": "gibbs"}, "sampler must be 'nuts' or 'importance'; found 'gibbs'."),
    ({"formulation": "exact"}, "formulation must be 'collapsed'; found 'exact'."),
    ({"random_seed": -1}, "random_seed must be None or a whole number from 0 to 2^63 - 1; found -1."),
    ({"random_seed": "one"}, "random_seed must be None or a whole number from 0 to 2^63 - 1; found 'one'."),
]


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS)
def test_malformed_arguments(arguments, message):
    """From the summary and from the students alike."""
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.fit_schools(schools(), progressbar=False, **arguments)
    with pytest.raises(ValueError, match=re.escape(message)):
        sm.fit(LOCATION, SCALE, students(), progressbar=False, **arguments)


def test_missing_must_be_known():
    with pytest.raises(ValueError, match="missing must be 'raise' or 'drop', not 'ignore'"):
        sm.fit(LOCATION, SCALE, students(), missing="ignore")


@pytest.mark.parametrize("value", [0, 1, -0.2, 1.2, np.nan, "high", True])
def test_probabilities_outside_their_range(value, importance_fit):
    """threshold, level, pi: each by its name."""
    calls = {
        "threshold": lambda: sm.pip_table(importance_fit, threshold=value),
        "level": lambda: sm.fdr_threshold([0.5, 0.9], level=value),
        "inclusion_prior": lambda: sm.bayes_factor(0.5, inclusion_prior=value),
    }
    for name, call in calls.items():
        expected = re.escape(f"{name} must be a number between 0 and 1, both excluded; found {value!r}.")
        with pytest.raises(ValueError, match=expected):
            call()


@pytest.mark.parametrize("pip", [1.2, -0.1, np.nan, [0.5, 1.5]])
def test_pips_outside_their_range(pip):
    for call in (sm.bayes_factor, sm.fdr_threshold):
        with pytest.raises(ValueError, match="pip must lie between 0 and 1; found"):
            call(pip)


@pytest.mark.parametrize("function", [sm.pip_table, sm.convergence])
def test_something_that_is_no_fit(function):
    with pytest.raises(TypeError, match=r"fit must be a DataTree as fit\(\) returns it; found DataFrame"):
        function(schools())


def test_unknown_effect(importance_fit):
    with pytest.raises(ValueError, match=re.escape("effect must be one of ['scale[Intercept]']; found 'slope'.")):
        sm.pip_table(importance_fit, effect="slope")


def test_students_cannot_be_made_of_a_malformed_summary():
    with pytest.raises(ValueError, match="with a negative sd: 'b'"):
        sm.students_from_summary(schools(sd=[1.0, -0.5, np.nan]))
    with pytest.raises(ValueError, match=r"covariate='ses' needs the columns \['ses_mean', 'ses_sd', 'ses_cor'\]"):
        sm.students_from_summary(schools(), covariate="ses")


def test_within_between_refuses_what_it_cannot_split():
    with pytest.raises(
        ValueError, match=r"column='ses' is not a column of data; its columns are \['school', 'score'\]"
    ):
        sm.within_between(students(), "ses", group="school")
    with pytest.raises(ValueError, match="column='school' must be numeric; found"):
        sm.within_between(students(), "school", group="school")
    with pytest.raises(ValueError, match="data has 1 missing values in 'score' or 'school'; remove those rows first"):
        sm.within_between(students(score=[1.0, None, 3.0, 5.0, 2.0, 2.5]), "score", group="school")


def test_priors_take_any_real_number_and_nothing_else():
    assert sm.Priors(tau_df=np.int64(4)).as_dict()["tau_df"] == 4.0
    for wrong in (True, "1", np.nan, 0, None):
        with pytest.raises(ValueError, match="Priors: tau_t_scale must be a positive finite number"):
            sm.Priors(tau_t_scale=wrong)
    with pytest.raises(TypeError, match="priors must be a Priors object or None; found dict"):
        sm.fit_schools(sm.load_saeb_schools(), priors={"tau_t_scale": 1.0})
