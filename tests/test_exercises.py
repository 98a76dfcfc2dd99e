"""Exercises: a blank stub fails, the solution passes, the common mistakes get their own sentence."""

import numpy as np
import pytest

import ssmelsm_helpers as sm


@pytest.fixture(scope="module")
def cases(importance_fit, saeb_schools):
    """(check, right answer, {wrong answer: words of its explanation}) for every exercise."""
    table = sm.pip_table(importance_fit)
    pip = table["pip"]
    flagged = pip[pip >= 0.75]
    eta = float(importance_fit["posterior"]["eta"].mean())
    return {
        "single": (sm.check_single_student, 80, {39: "has 191 students", 999: "no school 999"}),
        "error": (
            lambda answer: sm.check_log_sd_error(answer, n=71),
            1 / np.sqrt(140),
            {1 / np.sqrt(71): "standard error of a mean", 1 / 140: "its variance", 0.5: "too large"},
        ),
        "outside": (sm.check_outside_band, 19 - 0.05 * 159, {19: "by chance", 19 - 8: "single student"}),
        "common sd": (
            lambda answer: sm.check_common_sd(answer, importance_fit),
            np.exp(eta),
            {eta: "eta itself", np.exp(2 * eta): "the variance", np.exp(eta / 2): "log variance"},
        ),
        "bayes factor": (
            lambda answer: sm.check_bayes_factor(answer, importance_fit, school=46),
            pip[46] / (1 - pip[46]),
            {
                pip[46]: "the PIP",
                (1 - pip[46]) / pip[46]: "leaving the effect out",
                pip[46] / 0.5: "ratio of probabilities",
            },
        ),
        "false flags": (
            lambda answer: sm.check_false_flags(answer, importance_fit),
            (1 - flagged).sum(),
            {flagged.sum(): "true flags", (1 - pip).sum(): "all schools", 0.25 * len(flagged): "at the threshold"},
        ),
    }


NAMES = ["single", "error", "outside", "common sd", "bayes factor", "false flags"]


@pytest.mark.parametrize("name", NAMES)
def test_blank_stub_fails(cases, name):
    for blank in (..., None):
        feedback = cases[name][0](blank)
        assert not feedback.correct
        assert "replace the dots" in feedback.message


@pytest.mark.parametrize("name", NAMES)
def test_right_answer_passes(cases, name):
    check, right, _wrong = cases[name]
    assert check(right).correct, check(right)
    assert repr(check(right)).startswith("✓ Yes")


@pytest.mark.parametrize("name", NAMES)
def test_common_mistakes_get_their_reason(cases, name):
    check, _right, wrong = cases[name]
    for answer, words in wrong.items():
        feedback = check(answer)
        assert not feedback.correct
        assert words in feedback.message


@pytest.mark.parametrize("name", NAMES)
def test_not_a_number(cases, name):
    for answer in ("80", [1, 2], np.nan, True):
        feedback = cases[name][0](answer)
        assert not feedback.correct
        assert "number is expected" in feedback.message
