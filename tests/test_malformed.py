"""Malformed calls get one clear sentence: which argument, what was found, what is expected. Nothing is sampled first."""

import datetime
import re
import uuid
from functools import partial

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from posteriors import posterior_of

import ssmelsm_helpers as sm
from ssmelsm_helpers.fitting import fit as fitting
from ssmelsm_helpers.fitting import sampling_effects
from ssmelsm_helpers.fitting.importance import find_mode

LOCATION, SCALE = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
# The same with a covariate: another way through the package, with the same checks.
WITH_SES = ("score ~ ses + (1 | school)", "~ ses + (1 | school)")
SLOPES = ("score ~ ses + (1 + ses | school)", "~ ses + (1 + ses | school)")


@pytest.fixture(autouse=True)
def no_sampling(monkeypatch):
    """A sampler that starts has not been stopped in time."""

    def started(*_args, **_options):
        raise AssertionError("sampling started before the input was checked")

    monkeypatch.setattr(fitting, "sample_collapsed", started)
    monkeypatch.setattr(sampling_effects, "sample_effects_too", started)


def assert_refused(call, message: str, kind=ValueError) -> None:
    """By an error of this kind whose text is one sentence that holds the message."""
    with pytest.raises(kind) as raised:
        call()
    text = str(raised.value)
    assert message in text
    assert text.endswith(".")
    assert "\n" not in text
    assert not re.search(r"\. [A-Z]", text)
    assert len(text) < 600


def students(**columns) -> pd.DataFrame:
    """Three schools of two students, with some columns changed."""
    good = {"school": ["a", "a", "b", "b", "c", "c"], "score": [1.0, 2.0, 3.0, 5.0, 2.0, 2.5]}
    good |= {"ses": [0.1, -0.2, 0.3, 0.0, 0.7, -0.5]}
    return pd.DataFrame(good | columns)


def schools(index=("a", "b", "c"), **columns) -> pd.DataFrame:
    """Three schools, one of them with a single student, with some columns changed."""
    good = {"n": [10, 20, 1], "mean": [0.0, 0.5, 1.0], "sd": [1.0, 0.8, np.nan]}
    return pd.DataFrame(good | columns, index=pd.Index(index, tupleize_cols=False))


STUDENTS = {
    "missing outcome column": (
        students().rename(columns={"score": "points"}),
        "outcome needs the column 'score', which data lacks; its columns are ['school', 'points', 'ses'].",
    ),
    "missing school column": (
        students().rename(columns={"school": "class"}),
        "school needs the column 'school', which data lacks; its columns are ['class', 'score', 'ses'].",
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
        "every school has a single student: there is no within-school spread to model, or the column is one of students.",
    ),
    "complex numbers": (students(score=1j), "outcome='score' must be numeric; found"),
    "lists as labels": (
        students(school=[["a"], ["b"]] * 3),
        "school='school' must hold labels that do not change, such as texts or numbers",
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
    assert_refused(lambda: sm.fit(LOCATION, SCALE, data, sampler=sampler, progressbar=False), message)


@pytest.mark.parametrize("case", STUDENTS)
def test_the_pymc_model_checks_too(case):
    data, message = STUDENTS[case]
    assert_refused(lambda: sm.build_model(LOCATION, SCALE, data), message)


STUDENTS_WITH_SES = {
    "no covariate": (
        students().drop(columns="ses"),
        "location needs the column 'ses', which data lacks; its columns are ['school', 'score'].",
    ),
    "no school": (
        students().drop(columns="school"),
        "location needs the column 'school', which data lacks; its columns are ['score', 'ses'].",
    ),
    "no outcome": (students().drop(columns="score"), "location needs the column 'score', which data lacks"),
    "text": (
        students(score=list("abcdef")),
        "outcome='score' must be numeric; found String, such as 'a' in 1 row, 'b'",
    ),
    "booleans": (students(score=[True, False] * 3), "outcome='score' must be numeric; found Boolean."),
    "missing covariate": (
        students(ses=[0.1, np.nan, 0.3, 0.0, np.nan, 1.0]),
        "data has 2 rows with missing values in ['ses'] (first rows, counted from 0: [1, 4]); remove them or pass missing='drop'.",
    ),
    "missing here and there": (
        students(ses=[0.1, np.nan, 0.3, 0.0, 0.2, 1.0], school=["a", "a", None, "b", "c", "c"]),
        "data has 2 rows with missing values in ['school', 'ses'] (first rows, counted from 0: [1, 2]); remove them",
    ),
    "infinite outcome": (
        students(score=[1.0, 2, np.inf, 5, 2, 2.5]),
        "data has 1 row with an infinite 'score' (first rows, counted from 0: [2])",
    ),
    "infinite covariate": (
        students(ses=[0.1, np.inf, 0.3, 0.0, 0.2, 1.0]),
        "location: ['ses'] must be finite, but for 1 student it is",
    ),
    "covariate without variation": (
        students(ses=2.0),
        "location: 'ses' is determined by ['Intercept']; leave one of them out.",
    ),
    "a level for each student": (
        students(ses=list("abcdef")),
        "location must have fewer columns than there are students, 6; found 6.",
    ),
    "covariate of zeros": (students(ses=0), "location: 'ses' is zero for every student."),
    "covariate of one level": (
        students(ses="low"),
        "location: 'ses' has a single level, so that there is no effect to estimate.",
    ),
    "covariate of dates": (
        students(ses=pd.Timestamp("2020-01-01")),
        "location needs numbers, true or false, texts or categories in the column 'ses'",
    ),
    "no rows": (students().iloc[:0], "data must hold at least two schools in 'school'; found 0."),
    "one school": (students(school="a"), "data must hold at least two schools in 'school'; found 1."),
    "lists as labels": (
        students(school=[["a"], ["b"]] * 3),
        "school='school' must hold labels that do not change, such as texts or numbers",
    ),
    "single students": (
        students(school=list("abcdef")),
        "every school has a single student: there is no within-school spread to model, or the column is one of students.",
    ),
    "constant in schools": (
        students(score=[1.0, 1, 2, 2, 3, 3]),
        "the outcome is constant within every school: there is no spread to model.",
    ),
}


@pytest.mark.parametrize("case", STUDENTS_WITH_SES)
@pytest.mark.parametrize("formulation", [None, "marginal", "sampled"])
def test_malformed_students_with_a_covariate(case, formulation):
    data, message = STUDENTS_WITH_SES[case]
    assert_refused(lambda: sm.fit(*WITH_SES, data, formulation=formulation, progressbar=False), message)
    assert_refused(lambda: sm.build_model(*WITH_SES, data, formulation=formulation), message)


FORMULAS = [
    (
        "score ~ ses",
        SCALE,
        "location needs random effects of the schools, joined to the other terms by '+', like 'score ~ ses + (1 | school)'; "
        "found 'score ~ ses'.",
    ),
    (
        LOCATION,
        "score ~ 1 + (1 | school)",
        "scale must not have an outcome, like '~ ses + (1 | school)'; found 'score ~",
    ),
    (
        LOCATION,
        "~ 1 + (1 | town)",
        "location and scale must have one and the same grouping factor; found ['school', 'town'].",
    ),
    (
        "score ~ (1 | town/school)",
        SCALE,
        "location must have each bar in its own ( ), with one column right of it, not nested or crossed; found",
    ),
    (
        "score ~ (1 | school) + (1 | town)",
        SCALE,
        "location and scale must have one and the same grouping factor; found",
    ),
    (
        "score ~ ses + I(2 * ses) + (1 | school)",
        SCALE,
        "location: 'I(2 * ses)' is determined by ['ses']; leave one of them out.",
    ),
    (
        LOCATION,
        "~ ses + I(ses / 3) + (1 | school)",
        "scale: 'I(ses / 3)' is determined by ['ses']; leave one of them out.",
    ),
    (
        "score ~ ses ses + (1 | school)",
        SCALE,
        "location cannot be read to its end, as if an operator or a term were missing",
    ),
    (
        "score ~ score + (1 | school)",
        SCALE,
        "location must not use the outcome 'score' as a covariate; found '1 + score'.",
    ),
    (
        "score ~ lag(ses) + (1 | school)",
        SCALE,
        "location uses lag(), which need not give every student their own value; known are",
    ),
    (
        "score ~ np.log(ses) + (1 | school)",
        SCALE,
        "location: ['np.log(ses)'] must be finite, but for 3 students it is missing",
    ),
    ("score ~ 0 + (1 | school)", SCALE, "location needs at least one term, if only the intercept 1"),
    (
        "score ~ (1 | score)",
        "~ (1 | score)",
        "location must have an outcome that is not its grouping factor, too; found 'score'.",
    ),
]


@pytest.mark.parametrize(("location", "scale", "message"), FORMULAS)
def test_malformed_formulas(location, scale, message):
    """More of them in test_formulas.py and test_design.py."""
    assert_refused(lambda: sm.fit(location, scale, students(), progressbar=False), message)
    assert_refused(lambda: sm.build_model(location, scale, students()), message)
    parameters = {"gamma": 0, "eta": 0, "tau": [1, 1]}
    assert_refused(lambda: sm.simulate_outcomes(location, scale, students(), **parameters), message)


def test_formulas_and_data_the_wrong_way_round():
    assert_refused(
        lambda: sm.fit(students(), *WITH_SES), "location must be a formula (a string); found DataFrame", TypeError
    )
    assert_refused(
        lambda: sm.fit(LOCATION, None, students()),
        "scale must be a formula (a string); found NoneType.",
        TypeError,
    )
    message = "data must be a data frame (pandas, Polars, ...); found"
    for wrong in (None, {"score": [1.0]}, [1.0], pd.concat([students(), students()], axis=1)):
        for formulas in ((LOCATION, SCALE), WITH_SES):
            assert_refused(lambda wrong=wrong, formulas=formulas: sm.fit(*formulas, wrong), message, TypeError)
            assert_refused(lambda wrong=wrong, formulas=formulas: sm.build_model(*formulas, wrong), message, TypeError)


SCHOOLS = {
    "no sd": (
        schools().drop(columns="sd"),
        "a school summary needs the column 'sd', which schools lacks; its columns are ['n', 'mean'].",
    ),
    "text n": (schools(n=list("123")), "schools['n'] must be numeric; found"),
    "boolean n": (schools(n=True), "schools['n'] must be numeric; found bool."),
    "complex mean": (schools(mean=1j), "schools['mean'] must be numeric; found complex128."),
    "column twice": (
        pd.concat([schools(), schools()[["sd"]]], axis=1),
        "schools must have each column once; found ['sd'].",
    ),
    "two levels of labels": (
        schools().set_axis(pd.MultiIndex.from_product([["x"], list("abc")], names=["town", "school"])),
        "schools must have one label per school in its index; found ['town', 'school'].",
    ),
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
        "every school has a single student: there is no within-school spread to model, or the column is one of students.",
    ),
    "constant": (
        schools(sd=[0.0, 0.0, np.nan], mean=1.0),
        "the outcome is constant within every school and all means are equal: there is no spread to model.",
    ),
}


@pytest.mark.parametrize("case", SCHOOLS)
def test_malformed_summaries(case):
    data, message = SCHOOLS[case]
    assert_refused(lambda: sm.fit_schools(data, sampler="importance", progressbar=False), message)


UNSAVED = {
    "Period": pd.period_range("2020-01", periods=3, freq="M"),
    "Interval": pd.interval_range(0, 3),
    "Timestamp": pd.date_range("2020-01-01", periods=3, tz="Europe/Berlin"),
    "date": [datetime.date(2020, 1, day) for day in (1, 2, 3)],
    "UUID": [uuid.UUID(int=number) for number in (1, 2, 3)],
    "frozenset": [frozenset({number}) for number in (1, 2, 3)],
    "int": [1, 2, 2**70],
}


@pytest.mark.parametrize("kind", UNSAVED)
@pytest.mark.parametrize("dtype", [None, object, "category"])
def test_labels_that_no_file_holds(kind, dtype):
    """`to_netcdf` is xarray's, and would say something else, after the fit."""
    labels = pd.Series([label for label in UNSAVED[kind] for _ in range(2)], dtype=dtype)
    message = f" must hold labels that a saved fit can hold, such as texts or numbers; found {kind}, such as '"
    for formulas in (LOCATION, SCALE), WITH_SES:
        data = students(school=labels)
        assert_refused(
            lambda formulas=formulas, data=data: sm.fit(*formulas, data, progressbar=False), f"school='school'{message}"
        )
    assert len(sm.summarise_schools(data, outcome="score", school="school")) == 3
    with pytest.raises(AssertionError, match="sampling started"):
        sm.fit(*WITH_SES, data.assign(school=data["school"].astype(str)), progressbar=False)
    table = schools(index=pd.Index(labels[::2]))
    assert_refused(lambda: sm.fit_schools(table, progressbar=False), f"the index of schools{message}")


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
        ValueError, match=r"school needs the column 'id', which schools lacks; its columns are \['n', 'mean', 'sd'\]"
    ):
        sm.fit_schools(schools(), school="id")
    with pytest.raises(ValueError, match=r"school needs the column \['n'\], which schools lacks"):
        sm.fit_schools(schools(), school=["n"])


PROBABILITY = "inclusion_prior must be a number between 0 and 1"
SEED = "random_seed must be None or a whole number from 0 to 2^63 - 1"
ARGUMENTS = [
    ({"inclusion_prior": 0}, f"{PROBABILITY}, both excluded; found 0."),
    ({"inclusion_prior": 1.0}, f"{PROBABILITY}, both excluded; found 1.0."),
    ({"inclusion_prior": np.nan}, f"{PROBABILITY}, both excluded; found nan."),
    ({"inclusion_prior": True}, f"{PROBABILITY}, both excluded; found True."),
    ({"inclusion_prior": "half"}, f"{PROBABILITY}, one per selected effect, or sm.Beta(a, b); found 'half'."),
    ({"inclusion_prior": None}, f"{PROBABILITY}, one per selected effect, or sm.Beta(a, b); found None."),
    (
        {"inclusion_prior": np.array(0.5)},
        f"{PROBABILITY}, one per selected effect, or sm.Beta(a, b); found array(0.5).",
    ),
    ({"inclusion_prior": sm.Beta}, f"{PROBABILITY}, one per selected effect, or sm.Beta(a, b); found Beta."),
    (
        {"inclusion_prior": [0.5, 0.5]},
        "inclusion_prior must have one number per selected effect ['scale[Intercept]']; found [0.5, 0.5].",
    ),
    (
        {"inclusion_prior": pd.Series([0.5, 0.5])},
        "inclusion_prior must have one number per selected effect, with the keys ['scale[Intercept]']; found [0, 1].",
    ),
    (
        {"inclusion_prior": {0.5}},
        "inclusion_prior must have one number per selected effect ['scale[Intercept]']; found {0.5}.",
    ),
    (
        {"inclusion_prior": [1.5]},
        "inclusion_prior['scale[Intercept]'] must be a number between 0 and 1, both excluded; found 1.5.",
    ),
    (
        {"inclusion_prior": {"Intercept": 0.5}},
        "inclusion_prior must have one number per selected effect, with the keys ['scale[Intercept]']; found ['Intercept'].",
    ),
    (
        {"inclusion_prior": {"scale[Intercept]": 2}},
        "inclusion_prior['scale[Intercept]'] must be a number between 0 and 1, both excluded; found 2.",
    ),
    ({"draws": 0}, "draws must be a whole number of at least 1; found 0."),
    ({"draws": 10**30}, "draws must be a whole number of at most 100,000,000; found 10000000"),
    ({"draws": 10.5}, "draws must be a whole number of at least 1; found 10.5."),
    ({"draws": None}, "draws must be a whole number of at least 1; found None."),
    ({"chains": 0}, "chains must be a whole number of at least 1; found 0."),
    ({"chains": True}, "chains must be a whole number of at least 1; found True."),
    ({"tune": -5}, "tune must be a whole number of at least 1; found -5."),
    ({"keep": 0}, "keep must be a whole number of at least 1; found 0."),
    ({"keep": "all"}, "keep must be a whole number of at least 1; found 'all'."),
    ({"sampler": "gibbs"}, "sampler must be 'nuts' or 'importance'; found 'gibbs'."),
    ({"sampler": None}, "sampler must be 'nuts' or 'importance'; found None."),
    ({"formulation": "exact"}, "; found 'exact'"),
    ({"random_seed": -1}, f"{SEED}; found -1."),
    ({"random_seed": "one"}, f"{SEED}; found 'one'."),
    ({"random_seed": 2**63}, f"{SEED}; found 9223372036854775808."),
]


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS)
def test_malformed_arguments(arguments, message):
    """From the summary, from the students, and with a covariate alike."""
    assert_refused(lambda: sm.fit_schools(schools(), progressbar=False, **arguments), message)
    assert_refused(lambda: sm.fit(LOCATION, SCALE, students(), progressbar=False, **arguments), message)
    assert_refused(lambda: sm.fit(*WITH_SES, students(), progressbar=False, **arguments), message)


SELECT = "select must be 'scale', 'location', 'both', or names among ['location[Intercept]', 'scale[Intercept]'], each once; found"
MODEL_ARGUMENTS = [
    ({"formulation": "exact"}, "formulation must be None, 'collapsed', 'marginal' or 'sampled'; found 'exact'."),
    (
        {"formulation": ["collapsed"]},
        "formulation must be None, 'collapsed', 'marginal' or 'sampled'; found ['collapsed'].",
    ),
    (
        {"formulation": np.array(["collapsed"])},
        "formulation must be None, 'collapsed', 'marginal' or 'sampled'; found array(",
    ),
    ({"family": "t"}, "family must be 'normal' or 'student'; found 't'."),
    (
        {"family": "student", "formulation": "collapsed"},
        "formulation='collapsed' does not apply: it needs family='normal'; found 'student'.",
    ),
    ({"indicator": "between"}, "indicator must be 'after' or 'before'; found 'between'."),
    (
        {"indicator": "before", "formulation": "marginal"},
        "indicator='before' needs formulation='sampled'; found 'marginal'.",
    ),
    ({"select": "slope"}, f"{SELECT} 'slope'."),
    ({"select": []}, f"{SELECT} []."),
    ({"select": None}, f"{SELECT} None."),
    ({"select": ["scale[ses]"]}, f"{SELECT} ['scale[ses]']."),
    ({"select": ["scale", "location"]}, f"{SELECT} ['scale', 'location']."),
    ({"select": np.array(["scale[Intercept]"])}, f"{SELECT} array(['scale[Intercept]']"),
    ({"select": np.array(["scale", "location"])}, f"{SELECT} array(['scale', 'location']"),
    (
        {"select": "both", "formulation": "collapsed"},
        "formulation='collapsed' does not apply: it selects 'scale[Intercept]' and nothing else; found select=['location[Intercept]',",
    ),
    (
        {"select": "both", "inclusion_prior": [0.5]},
        "inclusion_prior must have one number per selected effect ['location[Intercept]', 'scale",
    ),
    ({"missing": "ignore"}, "missing must be 'raise' or 'drop'; found 'ignore'."),
]


@pytest.mark.parametrize(("arguments", "message"), MODEL_ARGUMENTS)
def test_malformed_arguments_of_the_model(arguments, message):
    """By fit and by build_model, whose default is another formulation."""
    for formulas in ((LOCATION, SCALE), WITH_SES):
        assert_refused(lambda formulas=formulas: sm.fit(*formulas, students(), progressbar=False, **arguments), message)
        options = {"formulation": None} | arguments
        assert_refused(
            lambda formulas=formulas, options=options: sm.build_model(*formulas, students(), **options), message
        )


IMPORTANCE = "sampler='importance' needs formulation='collapsed'"
NO_OTHER = "it needs a random intercept in the scale and no other effect there; found ['Intercept', 'ses']"


@pytest.mark.parametrize(
    ("formulas", "arguments", "message"),
    [
        (
            WITH_SES,
            {"sampler": "importance", "formulation": "marginal"},
            f"{IMPORTANCE}; found 'marginal'.",
        ),
        (
            WITH_SES,
            {"sampler": "importance", "family": "student"},
            f"{IMPORTANCE}, which does not apply: it needs family='normal'; found 'student'.",
        ),
        (
            WITH_SES,
            {"sampler": "importance", "indicator": "before"},
            f"{IMPORTANCE}, which does not apply: it needs indicator='after'; found",
        ),
        (SLOPES, {"sampler": "importance"}, f"{IMPORTANCE}, which does not apply: {NO_OTHER}."),
        (SLOPES, {"formulation": "collapsed"}, f"formulation='collapsed' does not apply: {NO_OTHER}."),
        (
            (SLOPES[0], "~ (1 + ses + I(ses**2) | school)"),
            {"select": "both"},
            "select must name at most 4 effects unless formulation='sampled'; found ['location[Intercept]', 'location[ses]', 'scale",
        ),
    ],
)
def test_choices_that_do_not_go_together(formulas, arguments, message):
    assert_refused(lambda: sm.fit(*formulas, students(), progressbar=False, **arguments), message)


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


@pytest.mark.parametrize("pip", [1.2, -0.1, np.nan, [0.5, 1.5], True, "a", {0.5}, [[0.1], [0.2, 0.3]], []])
def test_pips_outside_their_range(pip):
    for call in (sm.bayes_factor, sm.fdr_threshold):
        with pytest.raises(ValueError, match="pip must be numbers from 0 to 1; found"):
            call(pip)


OF_A_FIT = [
    sm.pip_table,
    sm.convergence,
    sm.predict_school,
    sm.replicated_sds,
    sm.heterogeneity,
    sm.pointwise_log_likelihood,
    sm.sensitivity_table,
    partial(sm.with_inclusion_prior, inclusion_prior=0.3),
]


@pytest.mark.parametrize("function", OF_A_FIT)
def test_something_that_is_no_fit(function, plain_fit):
    for wrong in (plain_fit["posterior"], schools(), None, 3, {}):
        message = f"fit must be a DataTree as fit() returns it; found {type(wrong).__name__}."
        assert_refused(lambda wrong=wrong: function(wrong), message, TypeError)


def test_unknown_effect(importance_fit):
    with pytest.raises(
        ValueError, match=re.escape("effect must be one of the selected effects ['scale[Intercept]']; found 'slope'.")
    ):
        sm.pip_table(importance_fit, effect="slope")


def test_students_cannot_be_made_of_a_malformed_summary():
    with pytest.raises(ValueError, match="with a negative sd: 'b'"):
        sm.students_from_summary(schools(sd=[1.0, -0.5, np.nan]))
    with pytest.raises(
        ValueError,
        match=r"covariate='ses' needs the column 'ses_mean', which schools lacks; its columns are \['n', 'mean', 'sd'\]",
    ):
        sm.students_from_summary(schools(), covariate="ses")
    for options in ({"outcome": "school"}, {"covariate": "outcome"}, {"outcome": "town"}):
        table = schools(town="x", outcome_mean=0.0, outcome_sd=1.0, outcome_cor=0.0)
        with pytest.raises(
            ValueError, match="outcome, covariate, label and other columns must have different names; found"
        ):
            sm.students_from_summary(table, **options)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("ses_mean", [0.0, np.nan, 0.0], "1 school with a ses_mean that is missing or infinite: 'b'; found [nan]."),
        (
            "ses_sd",
            [1.0, -1.0, np.nan],
            "1 school with a ses_sd that is missing, infinite or negative: 'b'; found [-1.0].",
        ),
        ("ses_cor", [0.3, 1.5, np.nan], "1 school with a ses_cor outside of -1 to 1: 'b'; found [1.5]."),
        ("ses_cor", list("abc"), "schools['ses_cor'] must be numeric; found"),
    ],
)
def test_students_with_a_malformed_covariate(column, values, message):
    good = {"ses_mean": 0.0, "ses_sd": [1.0, 1.0, np.nan], "ses_cor": [0.3, np.nan, np.nan]}
    assert len(sm.students_from_summary(schools(**good), covariate="ses")) == 31
    assert_refused(lambda: sm.students_from_summary(schools(**good | {column: values}), covariate="ses"), message)


def test_within_between_refuses_what_it_cannot_split():
    with pytest.raises(
        ValueError,
        match=r"column needs the column 'sex', which data lacks; its columns are \['school', 'score', 'ses'\]",
    ):
        sm.within_between(students(), "sex", group="school")
    for wrong, found in (
        (list("123456"), "numeric"),
        ([True, False] * 3, "numeric"),
        (1j, "numeric"),
        (np.inf, "finite"),
    ):
        with pytest.raises(ValueError, match=f"column='ses' must be {found}; found"):
            sm.within_between(students(ses=wrong), "ses", group="school")
    with pytest.raises(ValueError, match="group='school' must hold labels that do not change"):
        sm.within_between(students(school=[["a"], ["b"]] * 3), "ses", group="school")
    with pytest.raises(
        ValueError, match=r"data has 1 row with missing values in \['score'\] \(.*\[1\]\); remove them first"
    ):
        sm.within_between(students(score=[1.0, None, 3.0, 5.0, 2.0, 2.5]), "score", group="school")


@pytest.mark.parametrize(
    ("distribution", "text"),
    [
        (lambda: pm.Gamma.dist(2, 4), "Gamma(2, 0.25)"),
        (
            lambda: pm.Mixture.dist([0.5, 0.5], [pm.HalfNormal.dist(1), pm.HalfNormal.dist(2)]),
            "Mixture([0.5, 0.5], HalfNormal(0, 1), HalfNormal(0, 2))",
        ),
        (lambda: pm.Truncated.dist(pm.Gamma.dist(2, 3), lower=0.1), "Truncated"),
    ],
)
def test_a_distribution_is_recorded_by_name(distribution, text):
    assert text in sm.Priors(tau_t=distribution()).as_dict()["tau_t"]


def test_priors_take_any_real_number():
    assert sm.Priors(tau_df=np.int64(4)).as_dict()["tau_df"] == 4.0


DENSITY = "must be a distribution with a density and its derivative; found"
DISTRIBUTION = "must be None or a univariate continuous PyMC distribution, like pm.HalfNormal.dist(0.3); found"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            ({"tau_t_scale": wrong}, "Priors: tau_t_scale must be a positive finite number; found")
            for wrong in (True, "1", np.nan, 0)
        ),
        ({"eta_sd": np.inf}, "Priors: eta_sd must be a positive finite number; found inf."),
        ({"nu_rate": -1}, "Priors: nu_rate must be a positive finite number; found -1."),
        ({"gamma_sd": schools()}, "Priors: gamma_sd must be a positive finite number; found n mean sd"),
        ({"gamma_intercept_mean": np.nan}, "Priors: gamma_intercept_mean must be a finite number; found nan."),
        ({"gamma": 3.0}, f"Priors: gamma {DISTRIBUTION} 3.0."),
        ({"eta": "normal"}, f"Priors: eta {DISTRIBUTION} 'normal'."),
        ({"tau_t": 2 * pm.HalfNormal.dist(0.5)}, f"Priors: tau_t {DISTRIBUTION} "),
        ({"tau_u": pm.HalfNormal}, f"Priors: tau_u {DISTRIBUTION} HalfNormal."),
        ({"eta": pm.Normal.dist(shape=2)}, f"Priors: eta {DISTRIBUTION} "),
        ({"gamma": pm.Poisson.dist(3)}, f"Priors: gamma {DISTRIBUTION} "),
        ({"tau_t": pm.Normal.dist()}, "Priors: tau_t must be a distribution on values above 0; found Normal(0, 1)."),
        (
            {"tau_u": pm.Uniform.dist(-0.2, 1)},
            "Priors: tau_u must be a distribution on values above 0; found Uniform(-0.2, 1).",
        ),
        ({"tau_t": pm.HalfNormal.dist(-1)}, f"Priors: tau_t {DENSITY} HalfNormal(0, -1) (sigma > 0)."),
        ({"eta": pm.Flat.dist()}, f"Priors: eta {DENSITY} Flat() (no derivative)."),
        ({"nu": pm.HalfNormal.dist()}, "Priors: nu must be a distribution on values above 2; found HalfNormal(0, 1)."),
    ],
)
def test_malformed_priors(arguments, message):
    assert_refused(lambda: sm.Priors(**arguments), message)


@pytest.mark.parametrize(
    "wrong", [{"eta": pm.Uniform.dist(10, 11)}, {"tau_t": pm.Uniform.dist(-20, -15)}, {"tau_t": pm.Pareto.dist(2, 5)}]
)
def test_priors_that_leave_out_the_data(wrong, saeb_schools):
    """Found where the mode is sought, which is before any draw."""
    posterior = posterior_of(saeb_schools, 0.5, sm.Priors(**wrong))
    assert_refused(
        lambda: find_mode(posterior), "priors must have a finite density around the values that fit the data"
    )


@pytest.mark.parametrize("priors", [{"tau_t_scale": 1.0}, "flat", sm.Priors, 3])
def test_priors_that_are_none(priors):
    message = f"priors must be a Priors object or None; found {type(priors).__name__}."
    for call in (
        lambda: sm.fit_schools(schools(), priors=priors),
        lambda: sm.fit(LOCATION, SCALE, students(), priors=priors),
        lambda: sm.fit(*WITH_SES, students(), priors=priors),
        lambda: sm.build_model(*WITH_SES, students(), priors=priors),
        lambda: sm.prior_predictive(priors),
    ):
        assert_refused(call, message, TypeError)


@pytest.mark.parametrize(
    ("a", "b", "message"), [(0, 1, "a"), (1, -1, "b"), ("1", 1, "a"), (1, np.nan, "b"), (True, 1, "a"), ([1], 1, "a")]
)
def test_malformed_beta(a, b, message):
    wrong = {"a": a, "b": b}[message]
    assert_refused(lambda: sm.Beta(a, b), f"Beta: {message} must be a positive finite number; found {wrong!r}.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draws": 0}, "draws must be a whole number of at least 1; found 0."),
        ({"inclusion_prior": 2}, "inclusion_prior must be a number between 0 and 1, both excluded; found 2."),
        (
            {"inclusion_prior": [0.1, 0.2]},
            "inclusion_prior must have one number per selected effect ['scale[Intercept]']; found [0.1, 0.2].",
        ),
    ],
)
def test_malformed_prior_predictive(arguments, message):
    assert_refused(lambda: sm.prior_predictive(**arguments), message)


# --- after the fit -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def some_students() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"school": np.repeat(np.arange(20), 15), "ses": rng.normal(size=300)})
    return sm.simulate_outcomes(*WITH_SES, data, gamma=[1, 0.5], eta=[0, 0.1], tau=[0.5, 0.3], random_seed=1).students


@pytest.fixture(scope="module")
def ses_fit(some_students):
    """A fit with a covariate; made before the samplers are blocked."""
    return sm.fit(*WITH_SES, some_students, sampler="importance", draws=100, random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def plain_fit(some_students):
    return sm.fit(LOCATION, SCALE, some_students, sampler="importance", draws=100, random_seed=1, progressbar=False)


def with_attributes(fit, **attributes):
    """A fit that says something else of itself."""
    changed = fit.copy()
    changed.attrs = fit.attrs | attributes
    return changed


OF_THE_FIT = "data must be the students of the fit (300 in 20 schools);"


def _spread(data: pd.DataFrame) -> pd.DataFrame:
    """The same means of the schools, and other SDs."""
    means = data.groupby("school")["score"].transform("mean")
    return data.assign(score=means + 1.5 * (data["score"] - means))


AFTER = {
    "new pi of 0": (
        lambda plain, ses, data: sm.with_inclusion_prior(plain, 0),
        "inclusion_prior must be a number between 0 and 1, both excluded; found 0.",
    ),
    "new pi learned": (
        lambda plain, ses, data: sm.with_inclusion_prior(plain, sm.Beta(1, 1)),
        "inclusion_prior must be a number between 0 and 1, both excluded; found Beta(a=1, b=1).",
    ),
    "reweighting indicators that were sampled": (
        lambda plain, ses, data: sm.with_inclusion_prior(with_attributes(ses, formulation="sampled"), 0.3),
        "fit must be of formulation='collapsed' to be reweighted; found 'sampled'.",
    ),
    "reweighting a pi that was learned": (
        lambda plain, ses, data: sm.with_inclusion_prior(with_attributes(ses, inclusion_beta=[1.0, 1.0]), 0.3),
        "fit must have a fixed inclusion_prior to be reweighted; found Beta(a=1.0, b=1.0).",
    ),
    "sensitivity of a pi that was learned": (
        lambda plain, ses, data: sm.sensitivity_table(with_attributes(ses, inclusion_beta=[1.0, 1.0])),
        "fit must have a fixed inclusion_prior to be reweighted; found Beta(a=1.0, b=1.0).",
    ),
    "sensitivity to a pi of 1": (
        lambda plain, ses, data: sm.sensitivity_table(plain, [0.5, 1]),
        "inclusion_priors[1] must be a number between 0 and 1, both excluded; found 1.",
    ),
    "sensitivity to one pi": (
        lambda plain, ses, data: sm.sensitivity_table(plain, 0.3),
        "inclusion_priors must be one or more numbers between 0 and 1; found 0.3.",
    ),
    "sensitivity to no pi": (
        lambda plain, ses, data: sm.sensitivity_table(plain, []),
        "inclusion_priors must be one or more numbers between 0 and 1; found [].",
    ),
    "sensitivity to a generator": (
        lambda plain, ses, data: sm.sensitivity_table(plain, (pi for pi in [0.5])),
        "inclusion_priors must be one or more numbers between 0 and 1; found <generator",
    ),
    "likelihood of students with other labels": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(
            plain, data=data.assign(school=data["school"] + 1), unit="student"
        ),
        f"{OF_THE_FIT} found other labels, outcomes or covariates.",
    ),
    "likelihood of students with other SDs": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(plain, data=_spread(data), unit="student"),
        f"{OF_THE_FIT} found other labels, outcomes or covariates.",
    ),
    "likelihood of students whose outcomes were exchanged": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(
            ses, data=data.assign(score=[*data["score"][:15][::-1], *data["score"][15:]]), unit="student"
        ),
        f"{OF_THE_FIT} found other labels, outcomes or covariates.",
    ),
    "a new school beside students with other covariates": (
        lambda plain, ses, data: sm.predict_school(ses, data.head(3), data=data.assign(ses=2 * data["ses"])),
        f"{OF_THE_FIT} found other labels, outcomes or covariates.",
    ),
    "sensitivity to a word": (
        lambda plain, ses, data: sm.sensitivity_table(plain, "half"),
        "inclusion_priors must be one or more numbers between 0 and 1; found 'half'.",
    ),
    "likelihood of students with a gap": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(plain, data=data.assign(score=np.nan), unit="student"),
        "data has 300 rows with missing values in ['score'] (first rows, counted from 0: [0, 1, 2, 3, 4]).",
    ),
    "a new school of nobody": (
        lambda plain, ses, data: sm.predict_school(ses, data.head(0), data=data),
        "students must have at least one row; found 0.",
    ),
    "a new school beside other students": (
        lambda plain, ses, data: sm.predict_school(ses, data.head(3), data=data.iloc[:150]),
        "data must be the students of the fit (300 in 20 schools); found 150 in 10 schools.",
    ),
    "likelihood of a class": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(ses, unit="class"),
        "unit must be 'school' or 'student'; found 'class'.",
    ),
    "likelihood of students unknown": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(plain, unit="student"),
        "data must be given for unit='student': this fit holds only the schools' summaries.",
    ),
    "likelihood of other students": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(plain, data=data.iloc[:150], unit="student"),
        "data must be the students of the fit (300 in 20 schools); found 150 in 10 schools.",
    ),
    "likelihood of no students": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(plain, data=data[["ses"]], unit="student"),
        "location needs the column 'score', which data lacks; its columns are ['ses'].",
    ),
    "likelihood of no draws": (
        lambda plain, ses, data: sm.pointwise_log_likelihood(ses, draws=0),
        "draws must be a whole number of at least 1; found 0.",
    ),
    "heterogeneity from no draws": (
        lambda plain, ses, data: sm.heterogeneity(plain, draws=0),
        "draws must be a whole number of at least 1; found 0.",
    ),
    "replicates of old schools": (
        lambda plain, ses, data: sm.replicated_sds(plain, schools="old"),
        "schools must be 'same' or 'new'; found 'old'.",
    ),
    "half a replicate": (
        lambda plain, ses, data: sm.replicated_sds(plain, replicates=0.5),
        "replicates must be a whole number of at least 1; found 0.5.",
    ),
    "a new school without covariates": (
        lambda plain, ses, data: sm.predict_school(ses),
        "students and data must both be given: the model has covariates (location 'score ~ ses + (1 | school)', scale",
    ),
    "a new school without the covariate": (
        lambda plain, ses, data: sm.predict_school(ses, data[["score"]], data=data),
        "students needs the column 'ses', which students lacks; its columns are ['score'].",
    ),
    "a new school with a gap": (
        lambda plain, ses, data: sm.predict_school(ses, data.head(3).assign(ses=[1.0, np.nan, 2.0]), data=data),
        "students has 1 row with missing values in ['ses'] (first rows, counted from 0: [1]).",
    ),
    "a new school of text": (
        lambda plain, ses, data: sm.predict_school(ses, data.head(3).assign(ses="high"), data=data),
        "students do not fit '1 + ses' of location:",
    ),
}


@pytest.mark.parametrize("case", AFTER)
def test_malformed_calls_after_the_fit(case, plain_fit, ses_fit, some_students):
    call, message, *kind = AFTER[case]
    assert_refused(lambda: call(plain_fit, ses_fit, some_students), message, *kind)


def test_the_students_of_a_fit_may_come_in_another_order(plain_fit, ses_fit, some_students):
    """Then their log likelihoods follow them, and a new school's prediction is the same."""
    order = np.random.default_rng(1).permutation(len(some_students))
    shuffled = some_students.iloc[order]
    for fit in (plain_fit, ses_fit):
        there, here = (
            sm.pointwise_log_likelihood(fit, data=data, unit="student")["log_likelihood"]["outcome"].to_numpy()
            for data in (some_students, shuffled)
        )
        np.testing.assert_allclose(here, there[..., order])
    new = some_students.head(3)
    there, here = (sm.predict_school(ses_fit, new, data=data) for data in (some_students, shuffled))
    pd.testing.assert_frame_equal(here, there)


def test_a_new_school_that_is_no_data_frame(ses_fit, some_students):
    message = "must be a data frame (pandas, Polars, ...); found int."
    assert_refused(lambda: sm.predict_school(ses_fit, 3, data=some_students), f"students {message}", TypeError)
    assert_refused(lambda: sm.predict_school(ses_fit, some_students, data=3), f"data {message}", TypeError)


@pytest.mark.parametrize("seed", ["one", -1, 1.5, True])
def test_malformed_seeds(seed, plain_fit):
    for call in (
        lambda: sm.with_inclusion_prior(plain_fit, 0.45, random_seed=seed),
        lambda: sm.heterogeneity(plain_fit, random_seed=seed),
        lambda: sm.replicated_sds(plain_fit, random_seed=seed),
        lambda: sm.predict_school(plain_fit, random_seed=seed),
        lambda: sm.prior_predictive(random_seed=seed),
    ):
        assert_refused(call, f"random_seed must be None or a whole number from 0 to 2^63 - 1; found {seed!r}.")
