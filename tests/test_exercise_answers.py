"""Every check answers every answer with a sentence: also what is no answer, and where a fit has an extreme in it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ssmelsm_helpers as sm
from ssmelsm_helpers.exercises.feedback import Feedback

SCALE = "~ ses + (1 | school)"
EFFECT = "scale[Intercept]"
# Per check, its arguments after the answer. A function takes a fit of the Saeb schools.
ARGUMENTS = {
    "any_effect": lambda fit: ((fit,), {"school": 46}),
    "average_sd": ((), {"eta": -0.25, "tau_t": 0.6}),
    "bayes_factor": lambda fit: ((fit,), {"school": 46}),
    "cholesky_corner": ((), {"rho": -0.8}),
    "common_sd": lambda fit: ((fit,), {}),
    "correlations": ((), {"effects": 4}),
    "effect_bayes_factor": lambda fit: ((fit,), {"school": 46, "effect": EFFECT}),
    "effect_covariance": ((), {"tau_u": 0.5, "tau_t": 0.1, "rho": -0.4}),
    "expected_hits": ((), {"n_schools": 500, "share": 0.1, "tpr": 0.5}),
    "expected_t": ((), {"u": 0.75, "tau_u": 0.5, "tau_t": 0.1, "rho": -0.4}),
    "false_flags": lambda fit: ((fit,), {}),
    "kept_sd": ((), {"tau_t": 0.2, "rho": -0.5}),
    "least_pip": ((), {"n": 51, "tau_t": 0.2}),
    "log_sd_error": ((), {"n": 71}),
    "mixture": ((), {"log_bf": 1.5, "inclusion_prior": 0.2}),
    "mixture_sd": ((), {"tau_t": 0.4, "inclusion_prior": 0.25}),
    "moved_most": lambda fit: ((fit, fit), {}),
    "outside_band": ((), {}),
    "pip_for_bayes_factor": ((), {"bayes_factor": 6, "inclusion_prior": 0.1}),
    "pip_from_draws": (([1, 0, 1, 0, 1],), {}),
    "pupils_needed": ((), {"error": 0.1}),
    "rank": ((np.arange(10), 3.5), {}),
    "rank_shape": ((), {}),
    "scale_formula": ((SCALE,), {}),
    "sd_factor": lambda fit: ((fit,), {"term": "Intercept", "units": 0.5}),
    "sd_ratio": ((), {"larger": 88, "smaller": 66}),
    "single_student": ((), {}),
    "student_sd": ((), {"eta": [-0.25, 0.1], "ses": 2, "t": -0.3}),
    "students_needed": ((), {"sd_ratio": 1.4, "tau_t": 0.2, "power": 0.8}),
    "terms": ((), {"n_selected": 4}),
    "unit_change": ((), {"factor": 100}),
    "variance_coefficient": ((), {"coefficient": 0.24}),
    "wording": ((), {}),
}
NO_ANSWERS = (
    *("80", "", "~ (", np.str_("c"), b"c", [], [1, 2], (1,), {1}, {"a": 1}, range(3), object(), len, float),
    *(np.nan, np.inf, -np.inf, 10**400, -(10**400), 1j, np.complex128(1), np.float32("nan")),
    *(True, np.True_, pd.NA, pd.NaT, np.datetime64("2026-01-01"), np.timedelta64(3, "D"), Decimal("0.5")),
    *(np.array(3.0), np.array(3), np.array("c"), np.array([1.0, 2.0]), np.empty(0), np.ma.masked),
    *(pd.Series([1.0, 2.0]), pd.Series([46]), pd.DataFrame({"a": [1]}), pd.Index([46]), xr.DataArray(1.0)),
)
NUMBERS = (0, 0.0, -1, 46, 10**20, 1e300, Fraction(1, 3), np.float32(0.1), np.int8(-128), np.uint8(200), np.float64(46))


# Checks of words and labels, of which some of these could be right.
WORDS = ("moved_most", "rank_shape", "scale_formula", "wording")


@pytest.fixture(scope="module")
def fit(importance_fit):
    """Few draws, as it is summarised for each answer anew."""
    return importance_fit.isel(draw=slice(20), missing_dims="ignore")


@pytest.fixture(scope="module")
def ask(fit):
    """Calls a check, by its name without "check_"."""

    def call(name: str, answer):
        found = ARGUMENTS[name]
        positional, named = found(fit) if callable(found) else found
        return getattr(sm, f"check_{name}")(answer, *positional, **named)

    return call


def test_every_check_is_asked():
    assert set(ARGUMENTS) == {name.removeprefix("check_") for name in sm.__all__ if name.startswith("check_")}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_any_answer_gets_a_sentence(ask, name):
    for blank in (..., None):
        assert repr(ask(name, blank)) == "✗ Nothing to check yet: replace the dots by your answer."
    for answer in (*NO_ANSWERS, *NUMBERS):
        feedback = ask(name, answer)
        assert isinstance(feedback, Feedback), answer
        assert isinstance(feedback.correct, bool), answer
        assert feedback.message.strip(), answer
        # Identity, as arrays among them have no single truth.
        number = any(answer is one for one in NUMBERS)
        assert number or name in WORDS or not feedback.correct, answer


@pytest.mark.parametrize("answer", [[46], np.array(46), pd.Series([46])])
def test_a_label_is_one_label(ask, answer):
    assert ask("moved_most", answer).message.startswith("The label of one school is expected; found ")


@pytest.mark.parametrize(
    ("name", "arguments", "right"),
    [
        ("terms", {"n_selected": 1}, 2),
        ("cholesky_corner", {"rho": 0.0}, 1),
        ("effect_covariance", {"tau_u": 0.5, "tau_t": 0.1, "rho": 0.0}, 0),
        ("expected_t", {"u": 0.5, "tau_u": 0.5, "tau_t": 1.0, "rho": 0.4}, 0.4),
        ("kept_sd", {"tau_t": 0.2, "rho": 1.0}, 0.2),
        ("mixture", {"log_bf": 1.5, "inclusion_prior": 0.5}, 1 / (1 + np.exp(-1.5))),
        ("mixture_sd", {"tau_t": 0.4, "inclusion_prior": 0.5}, 0.4 * np.sqrt(0.5)),
        ("pip_for_bayes_factor", {"bayes_factor": 3, "inclusion_prior": 0.5}, 0.75),
        ("pip_from_draws", {"draws": [1, 1, 1]}, 1),
        ("pip_from_draws", {"draws": [1, 0]}, 0.5),
    ],
)
def test_a_mistake_that_happens_to_be_right_is_right(name, arguments, right):
    assert getattr(sm, f"check_{name}")(right, **arguments).correct


@pytest.fixture(scope="module")
def certain_fit(fit):
    """The data leave no doubt about two schools: PIPs of 1 and 0."""
    fit = fit.copy(deep=True)
    log_bf = fit["posterior"]["log_bf"]
    fit["posterior"]["log_bf"] = log_bf.where(log_bf["school"] != 46, np.inf).where(log_bf["school"] != 9, -np.inf)
    return fit


@pytest.mark.parametrize("check", [sm.check_bayes_factor, partial(sm.check_effect_bayes_factor, effect=EFFECT)])
@pytest.mark.parametrize(("school", "pip", "right", "named"), [(46, 1, np.inf, "infinite"), (9, 0, 0, "0")])
def test_bayes_factors_without_doubt(certain_fit, check, school, pip, right, named):
    sentence = f"this fit, the PIP of school {school} is {pip}: its Bayes factor is {named}, as its posterior odds are."
    assert repr(check(right, certain_fit, school=school)) == f"✓ Yes: in {sentence}"
    for answer in (1, 20.0, -np.inf):
        assert repr(check(answer, certain_fit, school=school)) == f"✗ In {sentence}"
    for answer in (np.nan, "20", [np.inf]):
        assert "number is expected" in check(answer, certain_fit, school=school).message
    assert "replace the dots" in check(..., certain_fit, school=school).message


def test_false_flags_where_nobody_is_flagged(fit):
    def check(answer):
        return sm.check_false_flags(answer, fit, threshold=1 - 1e-12)

    assert repr(check(0)) == "✓ Yes: no school reaches 1, so that no flag can be false."
    assert "only flagged ones" in check((1 - sm.pip_table(fit)["pip"]).sum()).message
    assert "too large" in check(1.5).message


@pytest.mark.parametrize("answer", [10**7, 10**30, 10**400])
def test_no_school_has_so_many_students(answer):
    feedback = sm.check_students_needed(answer, sd_ratio=1.4, tau_t=0.2, power=0.8)
    assert "at most a million" in feedback.message
