"""Exercises: right answers pass in every reasonable form, mistakes get their reason, and nothing tells the answer."""

from __future__ import annotations

import inspect
import pydoc
import re
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise
from math import comb

import nbformat
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from book_ext.running import is_stub
from book_harness import ROOT
from scipy.special import logit

import ssmelsm_helpers as sm
from ssmelsm_helpers.data.messy import truly_deviating
from ssmelsm_helpers.exercises import feedback
from ssmelsm_helpers.exercises.answers import number
from ssmelsm_helpers.exercises.feedback import Feedback, exercises

BLANK = "✗ Nothing to check yet: replace the dots by your answer."
WHERE = re.compile(r"^Look again at (?:the \w+ in )?'([^']+)'")

# Per exercise, the right answer, worked out here once more, and mistakes with words of their reasons.
NUMBERS = {
    "ex-01-forty": (0.2805, {0.043: "twelve", 0.72: "below the factor", 561: "divide", 1.88: "typical district"}),
    "ex-01-smallest": (
        0.8163,
        {
            0.5: "stray further",
            0.472: "10 students alone",
            0.73: "largest SD",
            0.567: "both ends",
            0.183: "larger schools",
            0.868: "ddof=1",
        },
    ),
    "ex-02-alike": (0.4, {0.5: "one step too far", 0.3: "not yet more", 9: "number of schools"}),
    "ex-02-pooled": (0.5, {0.4: "below 1.2", 0.6: "first time", 0.96: "would report", 0.1: "start as equals"}),
    "ex-02-public": (
        1.496,
        {0.4: "is its exponential", 1.031: "hour", 2.238: "variance", 0.668: "other way round", 0.96: "location"}
        | {0.496: "more than 1"},
    ),
    "ex-02-left": (
        0.3057,
        {0.227: "has the type", 0.241: "location effects", 0.079: "difference", -0.325: "intercept"},
    ),
    "ex-03-tilt": (-0.9, {0.9: "sign", -0.054: "covariance itself", -0.6: "−0.036", -0.8: "not asked for"}),
    "ex-03-sides": (64, {7: "comes near zero", 26: "up and down", 0.15: "number of the school"}),
    "ex-03-strong": (0.6568, {0.343: "contrary", 1: "Nearly all", 2627: "share", -0.535: "mean of the draws"}),
    "ex-03-few": (0.6376, {0.373: "40 students", -0.386: "mean", -0.638: "lower end", 0.163: "four times"}),
    "ex-04-zeros": (14, {12: "expected", 106: "of their own", 60: "0.5", 0.9: "count"}),
    "ex-04-leak": (-0.03, {0: "exactly zero", -0.14: "before the indicator", -0.08: "its u"}),
    "ex-04-bump": (0.91, {0.93: "over all draws", 0.77: "at all", -0.1: "mean of t", 0.23: "share of zeros"}),
    "ex-04-more": (0.51, {0.68: "of the bump", 0.77: "however little", 0.4965: "its exponential", 0: "below"}),
    "ex-05-asks": (1.3, {1.2: "π = .5", 0.7: "below 1", 0.26: "PIP of a school", 0.07: "ordinary school"}),
    "ex-05-agree": (0.54, {0.48: "ordinary", 1.16: "Bayes factor", 1: "71 students", 0.11: "put it back"}),
    "ex-05-border": (
        1 / (1 + 3.476 / 3),
        {0.863: "prior odds", 0.305: "school 41", 3.476: "lift to 3", 0.537: "of the spike", 0.777: "at π = .5"},
    ),
    "ex-05-refit": (0.722, {0.695: "find its own", 0.873: "at π = .5", 7.81: "Bayes factor", 0.588: "school 95"}),
    "ex-09-reading": (5, {0: "worked subject", 8: "without SES", 35: "never flagged", 10: "both fits"}),
    "ex-09-science": (9, {4: "are left", 13: "without SES", 36: "not flagged", 8: "mathematics"}),
    "ex-10-strict": (
        0.78,
        {0.77: "One step further", 0.8: "lower threshold", 0.76: "almost one", 0.75: "begin", 0.5: "number of false"},
    ),
    "ex-10-prior": (0.75, {0.9: "all are flagged", 0.5: "begin", 0.8: "smaller π", 0.7: "about twenty"}),
    "ex-10-more": (108, {53: "Nearly", 115: "not flagged", 95: "twice as many", 158: "number of students"}),
    "ex-10-half": (0.73, {0.87: "at π = .5", 0.25: "That is π", 0.56: "school 95"}),
    "ex-10-size": (0.5, {0.4: "Nearly", 0.3: "begin", 0.6: "smaller SD", 0.7: "smaller SD"}),
    "ex-10-enough": (100, {40: "begin", 70: "Nearly", 150: "fewer students"}),
    "ex-10-calls": (4.89, {0.4: "for the visits", 20: "So many are flagged", 15.1: "true", 0.24: "share"}),
    "ex-10-public": (5, {7: "one half, or", 12: "one half and", 10: "equal costs", 0.9: "is the threshold"}),
    "ex-00-weight": (10, {20: "half way", 5: "still above", 40: "other way round", 12: "who pass", 0.5: "is to be"}),
    "ex-00-students": (160, {80: "just below", 320: "smaller number", 20: "starts", 0.6: "how many students"}),
    "ex-00-slab": (
        1 / (1 + 21 * comb(20, 16) / 2**20),
        {10.316: "Bayes factor", 0.09: "of the spike", 47.22: "not yet a probability", 0.98: "has to average"}
        | {0.8: "share that passes"},
    ),
    "ex-00-draws": (10_000, {100: "square it", 10**6: "SD is missing", 10**5: "squared, too", 1000: "under a root"}),
    "ex-01-ratio": (
        88 / 66,
        {22: "ratios", 0.75: "other way", 1.78: "variances", 0.33: "more than 1", 0.29: "undo the logarithm"},
    ),
    "ex-01-students": (51, {101: "2 under the root", 50: "one more", 6: "squared", 1.005: "share of 1"}),
    "ex-02-student": (
        np.exp(-0.35),
        {-0.35: "log SD", 0.5: "the variance", 0.84: "log variance", 0.95: "school is still", 0.58: "SES is still"}
        | {0.68: "on the log scale first"},
    ),
    "ex-02-variance": (
        np.exp(0.12),
        {1.27: "factor of the variance", 1.62: "halve it", 0.12: "its exponential", 0.24: "coefficient itself"},
    ),
    "ex-02-average": (
        np.exp(-0.07),
        {0.78: "median school", 1.12: "average variance", 1.05: "square of τ", -0.07: "undo the logarithm"},
    ),
    "ex-03-corner": (
        0.6,
        {0.2: "squares", 0.36: "root", 1.28: "subtract", -0.8: "lower left", 1: "upper left", -0.6: "positive"},
    ),
    "ex-03-covariance": (-0.02, {-0.4: "correlation", 0.02: "sign", 0.05: "is missing", -0.001: "take it twice"}),
    "ex-03-expected": (-0.06, {-0.03: "Divide by tau_u", -0.6: "multiply by tau_t", 0.06: "sign", -0.3: "units"}),
    "ex-04-sd": (0.2, {0.1: "not the SD", 0.04: "take the root", 0.4: "in the slab", 0.35: "not of the spike"}),
    "ex-04-kept": (0.1, {0: "after L", -0.1: "positive", 0.17: "switched off", 0.2: "switch on"}),
    "ex-05-count": (0.75, {15: "divide", 0.25: "spike", 3: "odds", 1: "not rounded"}),
    "ex-05-odds": (0.4, {0.86: "one half", 0.67: "posterior odds", 0.6: "not probabilities"}),
    "ex-05-least": (
        1 / (1 + np.sqrt(5)),
        {0.45: "least Bayes factor", 0.69: "spike", 0.17: "root is missing", 0: "small deviations"},
    ),
    "ex-06-largest": (61, {60: "positions count from 0", 493: "number of students", 80: "smallest"}),
    "ex-06-se": (1 / np.sqrt(140), {0.119: "of a mean", 0.1195: "of a mean", 0.0071: "variance"}),
    "ex-06-outside": (
        11.05,
        {19: "by chance: subtract", 7.95: "beyond that", 11: "no whole number", 8: "without rounding"},
    ),
    "ex-06-tails": (6, {4: "more outside than needed", 10: "fewer", 30: "nearly Normal", 19: "number of schools"}),
    "ex-06-file": (
        24 - 0.05 * 59,
        {24: "by chance: subtract", 2.95: "beyond that", 21: "single student", 32.05: "not those inside"},
    ),
    "ex-07-large": (0.804, {0.775: "all schools", 0.746: "without school 39", 0.96: "largest", 0.109: "is τ_t"}),
    "ex-07-small": (0.596, {0.744: "all schools", 0.031: "is τ_t", 0: "flagged", 0.404: "spike"}),
    "ex-08-narrower": (
        0.3141,
        {0.61: "common SD", 0.076: "wider", 0.39: "both directions", 0.017: "school 24", 0.5: "before the scores"},
    ),
    "ex-08-bet": (
        0.4766,
        {0.67: "worked part", 0.5: "common SD", 0.019: "wider", 0.173: "school 11"},
    ),
    "ex-08-mixture": (
        1 / (1 + 4 * np.exp(-1.5)),
        {4.48: "is the Bayes factor", 1.12: "posterior odds", 0.47: "spike", 0.82: "prior odds first"},
    ),
    "ex-08-terms": (16, {8: "doubles", 4: "number of indicators", 15: "All zeros"}),
    "ex-10-costs": (0.9, {9: "odds", 0.1: "other way round", 0.89: "Nearly", 0.75: "three times"}),
    "ex-10-threshold": (0.5, {0.75: "one half", 1: "posterior odds", 0.25: "prior probability"}),
    "ex-11-skewed": (
        32,
        {68: "not flagged", 96: "inside of their", 4: "outside of their", 26: "worked fit", 36: "band of chance"}
        | {0.32: "their share"},
    ),
    "ex-11-uniform": (99, {1: "are outside", 95: "if the model fits", 0.99: "their share", 0: "are flagged"}),
    "ex-12-students": (
        54,
        {53: "still below", 35: "must reach .75", 69: "stays at .75", 57: "smaller than the common"},
    ),
    "ex-12-hits": (
        50 * 0.419231,
        {209.62: "their share", 50: "not all of them", 0.0419: "by their number", 8.38: "two hundred"},
    ),
    "ex-12-public": (
        1.277,
        {-1.277: "other sign", 4.6247: "still found", 0.1064: "a share", 0.793: "still too many"}
        | {1.9357: "enough", 1.1194: "saved"},
    ),
    "ex-12-half": (
        56,
        {55: "just below", 27: "one school", 32: "first network", 122: "equal to the share"},
    ),
    "ex-13-omega": (6, {4: "number of effects", 12: "twice", 16: "cells", 2: "those of the scale"}),
    "ex-13-hangs": (
        38,
        {10: "SD is the largest", 40: "stays", 16: "stays above", 32: "below .95 before", 11: "less variable"},
    ),
    "ex-13-without": (
        0.3273,
        {0.9998: "with the two", 0.5335: "whole file", 0.6727: "spike", 0.7713: "another school"},
    ),
    "ex-14-units": (1, {100: "ratio of two SDs", 0.01: "not divided", 4.605: "added to eta", 0: "which factor"}),
}
WORDS = {
    "ex-11-shape": (
        ("U", "u", " 'U' ", np.str_("U")),
        {"hump": "too wide", "Slope": "shifted", "flat": "right posterior"},
    ),
    "ex-14-wording": (
        ("c", "C", "(c)", "c:", np.array("c"), ["c"]),
        {"a": "quality", "B": "no size", "d.": "ordinary"},
    ),
}
LABELS = {
    "ex-14-codes": (truly_deviating(2), {"Ahornschule": "'Look'", ", ".join("abcdefgh"): "codes are still"}),
}
FORMULA = "ex-02-formula"
RIGHT_FORMULAS = (
    *("~ ses + public + (1 | school)", "~ public + ses + (1 | school)", "~ (1 | school) + public + ses"),
    *("~ses+public+(1|school)", "~ 1 + ses + public + (1 | school)", "  ~ ses + (1|school) + public  "),
    *("~ ses + public\n  + (1 | school)", "~ 1 + public + (1 | school) + ses", "~ ses + public + (1 || school)"),
    *(np.array("~ ses + public + (1 | school)"), "~ ses + public + ses + (1 | school)"),
)
WRONG_FORMULAS = {
    "score ~ ses + public + (1 | school)": "nothing before the tilde",
    "y ~ ses": "nothing before the tilde",
    "~ ses * public + (1 | school)": "interaction",
    "~ ses + public + ses:public + (1 | school)": "interaction",
    "~ ses + public": "schools themselves are still missing",
    "~ ses + public + (1 + ses | school)": "covariates are for all schools alike",
    "~ ses + public + (ses | school)": "covariates are for all schools alike",
    "~ 0 + ses + public + (1 | school)": "Without an intercept",
    "~ ses + public + (1 | school) - 1": "Without an intercept",
    "~ ses + (1 | school)": "Look again at the table",
    "~ ses + public + (1 | class)": "Look again at the table",
    "~ ses + public + age + (1 | school)": "Look again at the table",
    "ses + public + (1 | school)": "with a tilde",
    "~ ses + public + (1 | school": "every bracket closed",
    "~": "A formula in quotes",
    "~ ses + + ( | )": "A formula in quotes",
    "ses": "with a tilde",
}


@pytest.fixture(scope="module")
def fits(importance_fit):
    """What the chapters fit, as arguments of `check`: small, but of the same models and with schools of the same names."""
    few = importance_fit.isel(draw=slice(200), missing_dims="ignore")
    rng = np.random.default_rng(1)
    students = pd.DataFrame({"school_id": np.repeat(np.arange(1, 31), 20), "ses": rng.normal(size=600)})
    students["school_ses"] = np.repeat(rng.normal(scale=0.5, size=30), 20)
    with_ses = "score ~ ses * school_ses + (1 | school_id)", "~ ses * school_ses + (1 | school_id)"
    truth = {"gamma": [0, 0.1, 0.5, 0], "eta": [-0.25, 0.05, 0.4, 0], "tau": [0.3, 0.2]}
    made = sm.simulate_outcomes(*with_ses, students, **truth, random_seed=1).students
    quick = {"sampler": "importance", "random_seed": 1, "progressbar": False}
    before = sm.fit("score ~ 1 + (1 | school_id)", "~ 1 + (1 | school_id)", made, **quick)
    slopes = "score ~ ses + (1 | school_id)", "~ ses + (1 + ses || school_id)"
    truth = {"gamma": [0, 0.3], "eta": [-0.25, 0.05], "tau": [0.4, 0.32, 0.32]}
    made_13 = sm.simulate_outcomes(*slopes, students, **truth, inclusion=0.5, random_seed=37).students
    pi = {"scale[Intercept]": 0.5, "scale[ses]": 0.25}
    short = {"draws": 60, "tune": 60, "chains": 1, "random_seed": 1, "progressbar": False}
    return {
        "07": {"fit": few},
        "09": {"fit": sm.fit(*with_ses, made, **quick), "before": before},
        "11": {"fit": few},
        "13": {"fit": with_clear_answers(sm.fit(*slopes, made_13, inclusion_prior=pi, **short))},
    }


def with_clear_answers(fit: xr.DataTree) -> xr.DataTree:
    """The fit, with draws of two schools that tell the right answers of chapter 13 from all mistakes.

    Of school 27, 40 % of the draws have the intercept alone in the slab, 25 % the slope alone, 15 % both.
    """
    delta, log_bf = fit["posterior"]["delta"], fit["posterior"]["log_bf"]
    share = (np.arange(delta.sizes["draw"]) + 0.5) / delta.sizes["draw"]
    delta.loc[{"school": 27}] = np.stack([share < 0.55, (share > 0.4) & (share < 0.8)], axis=-1)
    log_bf.loc[{"school": 27}] = [logit(0.55) - logit(0.5), logit(0.4) - logit(0.25)]
    log_bf.loc[{"school": 28}] = [0.0, logit(0.8) - logit(0.25)]
    return fit


@pytest.fixture(scope="module")
def numbers(fits):
    """`NUMBERS`, and the same of the exercises about a fit."""
    table = sm.pip_table(fits["07"]["fit"])
    pip, pips = table.loc[46, "pip"], table["pip"]
    strict, loose = pips[pips >= 0.9], pips[pips >= 0.75]
    eta = float(fits["07"]["fit"]["posterior"]["eta"].mean())
    rho = fits["11"]["fit"]["posterior"]["rho"].to_numpy()
    fit, before = fits["09"]["fit"], fits["09"]["before"]
    slope = float(fit["posterior"]["eta"].sel(scale_term="school_ses").mean())
    ses = fit["constant_data"]["W"].sel(scale_term="school_ses").to_numpy()
    change = 2 * np.std(ses[::20], ddof=1) * slope
    moved = sm.pip_table(fit)["pip"] - sm.pip_table(before)["pip"]
    other = moved.idxmin() if moved.abs().idxmax() == moved.idxmax() else moved.idxmax()
    effects = [sm.pip_table(fits["13"]["fit"], effect=f"scale[{name}]")["pip"] for name in ("Intercept", "ses")]
    p, (p_0, p_1) = effects[1][28], (one[27] for one in effects)
    delta = fits["13"]["fit"]["posterior"]["delta"].sel(school=27)
    either, both = (float(found.mean()) for found in (delta.max("scale_effect"), delta.min("scale_effect")))
    return NUMBERS | {
        "ex-07-sd": (np.exp(eta), {eta: "eta itself", np.exp(2 * eta): "variance", np.exp(eta / 2): "log variance"}),
        "ex-07-bf": (
            pip / (1 - pip),
            {pip: "is the PIP", (1 - pip) / pip: "leaving the effect out", 2 * pip: "ratio of probabilities"},
        ),
        "ex-07-false": (
            (1 - strict).sum(),
            {strict.sum(): "true flags", (1 - pips).sum(): "all schools", 0.1 * len(strict): "at the threshold"}
            | {(1 - strict).mean(): "their share", (1 - loose).sum(): "stricter"},
        ),
        "ex-09-factor": (
            np.exp(change),
            {np.exp(2 * change): "variance", np.exp(change / 2): "half of the way", np.exp(slope): "one unit"}
            | {np.exp(-change): "other way round", change: "its exponential"},
        ),
        "ex-09-moved": (
            moved.abs().idxmax(),
            {other: "one direction only", moved.abs().idxmin(): "moved least"},
        ),
        "ex-11-rank": (
            (rho < 0).sum(),
            {(rho >= 0).sum(): "above", (rho < 0).sum() + 1: "begin at 0", (rho < 0).mean(): "share"},
        ),
        "ex-13-bf": (
            3 * p / (1 - p),
            {p / (1 - p): "not 1 here", 4 * p: "ratio of probabilities", (1 - p) / p / 3: "leaving the effect out"}
            | {p: "is the PIP", p / (1 - p) / 3: "instead of multiplying"},
        ),
        "ex-13-any": (
            either,
            {p_0 + p_1: "sum of the PIPs", both: "one is enough", 1 - either: "none is in the slab"}
            | {max(p_0, p_1): "larger PIP", 1 - (1 - p_0) * (1 - p_1): "independent given the data"},
        ),
    }


@pytest.fixture(scope="module")
def names(fits):
    """What an entry gives, and the right answer: computed once for thousands of answers."""

    given = feedback._names

    @cache
    def of(id: str) -> dict:
        return given(id, exercises()[id], {"fit": None, "before": None} | fits.get(id[3:5], {}))

    return of


@pytest.fixture(scope="module")
def ask(fits, names):
    """`sm.check` with the fits that the exercise's chapter has."""

    def check(id: str, answer) -> Feedback:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(feedback, "_names", lambda id, *_: names(id))
            return sm.check(id, answer, **fits.get(id[3:5], {}))

    return check


@pytest.fixture(scope="module")
def values(names):
    """The right answer of an entry, and its mistakes, as the package computes them."""

    def of(id: str):
        return names(id)["right"], [feedback._evaluate(code, names(id)) for code in exercises()[id]["mistakes"]]

    return of


def numeric() -> list[str]:
    return [id for id in exercises() if id not in (*WORDS, *LABELS, FORMULA, "ex-14-files")]


def forms(right: float, decimals: int) -> list:
    """A number as readers write it: in all kinds of types and texts, and as exact as the text asks."""
    rounded = round(float(right), decimals)
    exact = [right, float(right), np.float64(right), np.array(right), np.array([right]), [right], (right,)]
    exact += [pd.Series([right]), pd.Series([right], index=["a"]), xr.DataArray(right), xr.DataArray([[right]])]
    exact += [
        Decimal(repr(float(right))),
        Fraction(float(right)),
        repr(float(right)),
        pd.Series([right], dtype="Float64"),
    ]
    short = [rounded, np.float32(rounded), f"{rounded:.{decimals}f}", f"  {rounded:.{decimals}f} \n"]
    short += [f"{rounded:.{decimals}f}".replace("-", "−"), f"{rounded:.{decimals}f}".replace(".", ",")]
    return [*exact, *short, f"{100 * float(right)} %", f"{100 * float(right)}%"]


def test_every_exercise_is_asked(numbers):
    assert {*numbers, *WORDS, *LABELS, FORMULA, "ex-14-files"} == set(exercises())


@pytest.mark.parametrize("id", numeric())
def test_right_numbers_pass_in_every_form(ask, numbers, id):
    right = numbers[id][0]
    decimals = round(-np.log10(2 * exercises()[id].get("within", 0.005)))
    for answer in (*forms(right, decimals), *forms(right, 6)):
        assert ask(id, answer).correct, (answer, ask(id, answer))
    assert repr(ask(id, right)).startswith("✓ Yes: ")


@pytest.mark.parametrize("id", numeric())
def test_mistaken_numbers_get_their_reason(ask, numbers, id):
    for answer, words in numbers[id][1].items():
        for form in (answer, np.array([answer]), str(answer)):
            found = ask(id, form)
            assert not found.correct
            assert words in found.message, (answer, found)


@pytest.mark.parametrize("id", numeric())
def test_other_numbers_get_a_place_to_look_whichever_side_they_are_on(ask, values, id):
    right, mistakes = values(id)
    entry = exercises()[id]
    within = entry.get("within", 0.005)
    sides = [ask(id, answer) for answer in (-777.7, 1e6 + 0.3, right + 9999.5, -np.inf, "-777,7", 10.0**300)]
    sides += [
        ask(id, right + step)
        for step in (-3.1 * within, 3.1 * within, -0.037, 0.083)
        if all(abs(right + step - other) > within for other in (right, *mistakes))
    ]
    assert {one.message for one in sides} == {f"Not yet. {entry['look']}"}
    assert not any(one.correct for one in sides)


def test_shares_in_per_cent_are_told_from_wrong_ones(ask, values):
    ids = [id for id in numeric() if "round(100 * right)" in exercises()[id]["mistakes"]]
    assert len(ids) >= 7
    for id in ids:
        whole = round(100 * values(id)[0])
        assert "per cent" in ask(id, whole).message
        assert ask(id, f"{100 * values(id)[0]} %").correct
        assert "per cent" not in ask(id, whole + 3).message


@pytest.mark.parametrize("id", WORDS)
def test_words(ask, id):
    right, wrong = WORDS[id]
    for answer in right:
        assert repr(ask(id, answer)).startswith("✓ Yes"), answer
    for answer, words in wrong.items():
        assert not ask(id, answer).correct
        assert words in ask(id, answer).message
    for answer in ("e", "shape", 3, True, ["a", "b"]):
        assert ask(id, answer).message.startswith(
            "One of 'a', 'b'" if id == "ex-14-wording" else "One of 'flat', 'hump'"
        )


@pytest.mark.parametrize("id", LABELS)
def test_labels(ask, id):
    right, wrong = LABELS[id]
    for answer in (
        right,
        right[::-1],
        tuple(right),
        np.array(right),
        pd.Index(right),
        pd.Series(right),
        ", ".join(right),
    ):
        assert ask(id, answer).correct
    for answer in (right[:3], [*right, "Rosenschule"], ["?"], 4):
        assert not ask(id, answer).correct
    for answer, words in wrong.items():
        assert words in ask(id, answer).message


def test_files(ask):
    """Each file has a reason of its own."""
    right = {file: truly_deviating(file) for file in (1, 3, 4, 5)}
    assert ask("ex-14-files", right).correct
    assert ask("ex-14-files", {str(file): ", ".join(labels[::-1]) for file, labels in right.items()}).correct
    assert "dictionary" in ask("ex-14-files", right[1]).message
    assert "'Total' is no school" in ask("ex-14-files", right | {4: [*right[4], "Total"]}).message
    for file, words in {1: "one way", 3: "numbers", 4: "twice", 5: "no spread"}.items():
        for wrong in (right | {file: right[file][:3]}, {one: right[one] for one in right if one != file}):
            message = ask("ex-14-files", wrong).message
            assert message.startswith(f"File {file} is not right yet: ")
            assert words in message


@pytest.mark.parametrize("answer", RIGHT_FORMULAS)
def test_formulas_have_no_order(ask, answer):
    assert ask(FORMULA, answer).correct, ask(FORMULA, answer)


@pytest.mark.parametrize("answer", WRONG_FORMULAS)
def test_wrong_formulas_get_their_reason(ask, answer):
    found = ask(FORMULA, answer)
    assert not found.correct
    assert WRONG_FORMULAS[answer] in found.message, found


class Broken:
    """Nothing works."""

    def _fail(self, *_):
        raise RuntimeError("broken")

    __repr__ = __str__ = __float__ = __eq__ = __bool__ = __len__ = __array__ = __getattr__ = __iter__ = _fail
    __hash__ = object.__hash__


NO_ANSWERS = (
    *("", "~ (", "(((", b"c", "x" * 10_000, "%", ",", "1,234", "1.2.3", "- 1", "one", "∞"),
    *([], [1, 2], (1, 2), {1}, {"a": 1}, {}, range(3), range(10**12), object(), len, float, Broken(), [Broken()]),
    *(10**400, -(10**400), 1j, np.complex128(1), True, np.True_, [True], pd.Series([True])),
    *(pd.NA, pd.NaT, np.datetime64("2026-01-01"), np.timedelta64(3, "D"), pd.Timedelta(1), Decimal("sNaN")),
    *(np.array([1.0, 2.0]), np.empty(0), np.ma.masked, np.zeros((1, 2)), (x for x in (1, 2))),
    *(pd.Series([1.0, 2.0]), pd.DataFrame({"a": [1, 2]}), pd.DataFrame(), xr.Dataset(), pd.Index([46, 9])),
)


@pytest.mark.parametrize("id", exercises())
def test_any_answer_gets_a_sentence(ask, id):
    for blank in (..., None, "", "  ", "...", " … ".replace("…", "..."), [None], np.array(None)):
        assert repr(ask(id, blank)) == BLANK
    for answer in NO_ANSWERS:
        found = ask(id, answer)
        assert isinstance(found, Feedback), type(answer)
        assert found.correct is False, type(answer)
        assert found.message.endswith("."), type(answer)
        assert len(found.message) < 500


@pytest.mark.parametrize("nan", [np.nan, np.float32("nan"), Decimal("NaN"), "nan", np.array([np.nan]), -np.nan])
def test_nan_is_no_answer_yet(ask, nan):
    assert ask("ex-01-ratio", nan).message.startswith("Nothing to check yet: your answer is NaN")


TEXTS = {"0.29": 0.29, " .29 ": 0.29, "0,29": 0.29, "0,290": 0.29, "29 %": 0.29, "29%": 0.29, "1e3": 1000, "+2": 2}
TEXTS |= {"−0,3": -0.3, "1234,5": 1234.5, "2,5 %": 0.025, "1,234": None, "1,234,567": None, "1.234,5": None}


@pytest.mark.parametrize(("text", "value"), TEXTS.items())
def test_numbers_in_texts(text, value):
    if value is not None:
        assert number(text) == pytest.approx(value, rel=1e-12)
    else:
        with pytest.raises(ValueError, match="could not convert"):
            number(text)


@pytest.mark.parametrize("id", numeric())
def test_mistakes_differ_from_the_right_answer_and_from_each_other(values, id):
    right, mistakes = values(id)
    within = exercises()[id].get("within", 0.005)
    for one, other in combinations([right, *mistakes], 2):
        assert abs(one - other) > 2 * within, (one, other)


@pytest.mark.parametrize("id", numeric())
def test_no_reply_to_a_wrong_answer_tells_the_right_one(ask, values, id):
    right, mistakes = values(id)
    within = exercises()[id].get("within", 0.005)
    for answer in (*mistakes, -777.7, "no number", ...):
        told = re.findall(r"-?\d*\.?\d+", ask(id, answer).message)
        assert not any(abs(float(text) - right) <= within for text in told), ask(id, answer)


def test_no_reply_tells_the_formula(ask):
    for answer in WRONG_FORMULAS:
        assert not {"ses", "public", "school"} & set(re.findall(r"\w+", ask(FORMULA, answer).message.split("found")[0]))


def test_a_mistake_that_leads_to_the_right_answer_in_some_fit_is_right(fits):
    """Data that leave no doubt: PIPs of 1 and 0."""
    fit = fits["07"]["fit"].copy(deep=True)
    log_bf = fit["posterior"]["log_bf"]
    for sure, right in ((np.inf, np.inf), (-np.inf, 0)):
        fit["posterior"]["log_bf"] = log_bf.where(log_bf["school"] != 46, sure)
        assert sm.check("ex-07-bf", right, fit).correct
        for answer in (20.0, -np.inf, 1.0, ...):
            assert not sm.check("ex-07-bf", answer, fit).correct
    fit["posterior"]["log_bf"] = xr.full_like(log_bf, -np.inf)
    assert sm.check("ex-07-false", 0, fit).correct  # nobody is flagged


@pytest.mark.parametrize("id", ["ex-03-korner", "ex-03-", "ex-03-corner ", "03", None, 3, ["ex-03-corner"]])
def test_unknown_exercises_are_named(id):
    with pytest.raises(
        ValueError, match=r"^id must be one of .*'ex-03-corner', 'ex-03-covariance', 'ex-03-expected'"
    ) as at:
        sm.check(id, 1)
    assert ("ex-04" in str(at.value)) == (str(id)[:6] != "ex-03-")


@pytest.mark.parametrize("id", [id for id, entry in exercises().items() if "needs" in entry])
def test_a_fit_that_is_none_is_named(fits, id):
    about = rf"must be what chapter {int(id[3:5])} fits, which '{id}' asks about; found "
    for wrong in (None, 3, {}, pd.DataFrame({"a": [1]}), "fit", xr.Dataset()):
        for answer in (..., 0.5):
            with pytest.raises(ValueError, match=about):
                sm.check(id, answer, wrong, wrong)
    other = fits["09" if id[3:5] == "13" else "13"]["fit"]
    with pytest.raises(ValueError, match=about + "another fit"):
        sm.check(id, 0.5, other, other)


def test_sentences_about_fits(fits):
    with pytest.raises(
        ValueError, match=r"^fit and before must be what chapter 9 fits, .*; found another fit and None\."
    ):
        sm.check("ex-09-moved", 3, fits["09"]["fit"])


def notebook(id: str) -> list:
    """The cells of an exercise's chapter."""
    (path,) = (ROOT / "notebooks").glob(f"{id[3:5]}_*.ipynb")
    return nbformat.read(path, as_version=4).cells


@cache
def stubs() -> dict[str, tuple[str, str, str]]:
    """By label, in the order of the book: the exercise's text, its stub, and its worked solution."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        asked, cells = "", notebook(f"ex-{path.name[:2]}")
        for cell, after in pairwise(cells):
            if "> **Exercise" in cell.source:
                asked = cell.source[cell.source.rindex("> **Exercise") :]
            if is_stub(cell):
                (label,) = re.findall(r'"(ex-[^"]+)"', cell.source)
                assert label not in found
                assert after.source.startswith("<details><summary>Solution</summary>"), label
                found[label] = asked, cell.source, after.source.split("</details>")[0]
    return found


def test_exercises_of_the_notebooks_and_of_the_table_are_the_same():
    assert [*stubs()] == [*exercises()]
    assert all(re.fullmatch(r"ex-\d\d-[a-z]+", id) for id in stubs())
    # A stub is this and nothing else: no answer can stand in it, and no number of the text either.
    handed_in = {("fit",): ", fit", ("fit", "before"): ", fit, before=without"}
    for id, (_, stub, _) in stubs().items():
        arguments = handed_in.get((*exercises()[id].get("needs", ()),), "")
        assert stub == f'answer = ...\nsm.check("{id}", answer{arguments})'


def test_help_and_signature_tell_nothing(values):
    assert [*inspect.signature(sm.check).parameters] == ["id", "answer", "fit", "before"]
    text = pydoc.plain(pydoc.render_doc(sm.check))
    told = [float(found) for found in re.findall(r"(?<![\w-])-?\d*\.?\d+(?![\w-])", text)]
    for id in numeric():
        right = values(id)[0]
        assert not any(abs(found - right) <= exercises()[id].get("within", 0.005) for found in told), id
    assert not any(found in text for found in ("'U'", "'c'", "(1 |", "(1|", "public"))


@pytest.mark.parametrize("id", exercises())
def test_the_place_to_look_is_a_section_of_the_chapter(id):
    text = "\n".join(cell["source"] for cell in notebook(id) if cell["cell_type"] == "markdown")
    (section,) = WHERE.findall(exercises()[id]["look"])
    assert re.search(rf"^#+ .*{re.escape(section)}$", text, flags=re.M)


@pytest.mark.parametrize("id", exercises())
def test_numbers_of_an_entry_are_those_of_its_exercise(id):
    asked, _, solved = stubs()[id]
    found = re.sub(r"(?<![\d.])\.(\d)", r"0.\1", asked + solved)
    for name, value in exercises()[id].get("given", {}).items():
        if not isinstance(value, str):
            spelled = {str(value), f"{100 * value:g} %"} if isinstance(value, int | float) else {str(value)}
            assert any(re.search(rf"(?<![\d.]){re.escape(one)}(?![\d])", found) for one in spelled), (name, value)


def test_entries_are_whole():
    keys = {"given", "needs", "right", "within", "yes", "look", "mistakes"}
    for id, entry in exercises().items():
        assert {"right", "yes", "look", "mistakes"} <= set(entry) <= keys, id
        code = " ".join([*map(str, entry.get("given", {}).values()), entry["right"]])
        assert {name for name in ("fit", "before") if re.search(rf"\b{name}\b", code)} == set(entry.get("needs", ())), (
            id
        )
        sentences = (*entry["mistakes"].values(), entry["yes"], entry["look"])
        assert all(sentence.endswith((".", "?")) for sentence in sentences), id
        assert entry["yes"].startswith("Yes: "), id
