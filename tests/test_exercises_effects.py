"""Exercises of chapters 2 and 13: blank stubs fail, solutions pass, the common mistakes get their own sentence."""

import numpy as np
import pytest

import ssmelsm_helpers as sm

SCALE = "~ ses + public + (1 | school)"


@pytest.fixture(scope="module")
def fit():
    """A short fit with two selected effects and a prior probability for each."""
    rng = np.random.default_rng(1)
    students = sm.simulate_schools(n_schools=12, n_students=20, tau_t=0.5, inclusion=0.5, random_seed=1).students
    students["ses"] = rng.normal(size=len(students))
    formulas = "score ~ ses + (1 | school)", "~ ses + (1 + ses || school)"
    pi = {"scale[Intercept]": 0.4, "scale[ses]": 0.25}
    return sm.fit(
        *formulas, students, inclusion_prior=pi, draws=60, tune=60, chains=1, random_seed=1, progressbar=False
    )


@pytest.fixture(scope="module")
def cases(fit):
    """(check, right answer, {wrong answer: words of its explanation})."""
    pips = {name: sm.pip_table(fit, effect=name).loc[3, "pip"] for name in ("scale[Intercept]", "scale[ses]")}
    p, odds = pips["scale[ses]"], pips["scale[ses]"] / (1 - pips["scale[ses]"])
    delta = fit["posterior"]["delta"].sel(school=5)
    either = float(delta.max("scale_effect").mean())
    log_sd = -0.25 + 0.1 * 2 - 0.3
    return {
        "student": (
            lambda answer: sm.check_student_sd(answer, eta=[-0.25, 0.1], ses=2, t=-0.3),
            np.exp(log_sd),
            {
                log_sd: "the log SD",
                np.exp(2 * log_sd): "the variance",
                np.exp(log_sd / 2): "log variance",
                np.exp(-0.05): "school is still missing",
                np.exp(-0.55): "SES is still missing",
                np.exp(-0.25) + 0.1 * 2 - 0.3: "on the log scale first",
            },
        ),
        "variance": (
            lambda answer: sm.check_variance_coefficient(answer, coefficient=0.24),
            np.exp(0.12),
            {
                np.exp(0.24): "factor of the variance",
                np.exp(0.48): "halve it",
                0.12: "exponential",
                0.24: "coefficient itself",
            },
        ),
        "average": (
            lambda answer: sm.check_average_sd(answer, eta=-0.25, tau_t=0.6),
            np.exp(-0.07),
            {
                np.exp(-0.25): "median school",
                np.exp(0.11): "average variance",
                np.exp(0.05): "square of τ",
                -0.07: "a log SD",
                3.0: "too large",
            },
        ),
        "correlations": (
            lambda answer: sm.check_correlations(answer, effects=4),
            6,
            {4: "number of effects", 12: "every pair twice", 16: "cells of the matrix", 2: "those of the scale"},
        ),
        "bayes factor": (
            lambda answer: sm.check_effect_bayes_factor(answer, fit, school=3, effect="scale[ses]"),
            3 * odds,
            {
                odds: "prior odds are not 1",
                p / 0.25: "ratio of probabilities",
                1 / (3 * odds): "leaving the effect out",
                odds / 3: "instead of multiplying",
                odds / (0.4 / 0.6): "the other effect",
            },
        ),
        "any": (
            lambda answer: sm.check_any_effect(answer, fit, school=5),
            either,
            {
                sum(sm.pip_table(fit, effect=name).loc[5, "pip"] for name in pips): "sum of the PIPs",
                1 - either: "none is in the slab",
            },
        ),
    }


NAMES = ["student", "variance", "average", "correlations", "bayes factor", "any"]


@pytest.mark.parametrize("name", NAMES)
def test_blank_stub_fails(cases, name):
    for blank in (..., None):
        feedback = cases[name][0](blank)
        assert not feedback.correct
        assert "replace the dots" in feedback.message


@pytest.mark.parametrize("name", NAMES)
def test_right_answer_passes(cases, name):
    check, right, _wrong = cases[name]
    assert repr(check(right)).startswith("✓ Yes"), check(right)


@pytest.mark.parametrize("name", NAMES)
def test_common_mistakes_get_their_reason(cases, name):
    check, _right, wrong = cases[name]
    for answer, words in wrong.items():
        feedback = check(answer)
        assert not feedback.correct
        assert words in feedback.message, (answer, feedback)


@pytest.mark.parametrize("name", NAMES)
def test_not_a_number(cases, name):
    for answer in ("80", [1, 2], np.nan, True):
        feedback = cases[name][0](answer)
        assert not feedback.correct
        assert "number is expected" in feedback.message


@pytest.mark.parametrize("answer", [SCALE, "~public+ses+(1|school)", "~ 1 + ses + public + (1 | school)"])
def test_any_way_to_write_the_formula_passes(answer):
    assert sm.check_scale_formula(answer, SCALE).correct, sm.check_scale_formula(answer, SCALE)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (..., "replace the dots"),
        (3, "as text in quotes"),
        ("ses + public + (1 | school)", "begins with a tilde"),
        ("score ~ ses + public + (1 | school)", "nothing before the tilde"),
        ("~ ses + public", "cannot be read"),
        ("~ ses * public + (1 | school)", "adds an interaction"),
        ("~ ses + public + (1 + ses | school)", "for all schools alike"),
        ("~ ses + (1 | school)", "The covariates should be ['public', 'ses']"),
        ("~ ses + public + (1 | class)", "is called school"),
    ],
)
def test_formula_mistakes_get_their_reason(answer, words):
    feedback = sm.check_scale_formula(answer, SCALE)
    assert not feedback.correct
    assert words in feedback.message, feedback
