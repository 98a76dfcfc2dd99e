"""Schools without spread have no posterior: refused by name before anything runs, or left out and reported."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm
from ssmelsm_helpers.spec.constant import without_spread

PLAIN = ("score ~ 1 + (1 | school)", "~ 1 + (1 | school)")
WITH_X = ("score ~ x + (1 | school)", "~ x + (1 | school)")
SLOPES = ("score ~ x + (1 + x | school)", "~ x + (1 + girl | school)")
QUIET = {"progressbar": False, "random_seed": 1}


@pytest.fixture
def students() -> pd.DataFrame:
    """31 schools of twenty."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"school": np.repeat([f"S{j:02d}" for j in range(31)], 20)})
    data["x"] = rng.normal(size=len(data))
    data["girl"] = np.tile([0, 1], 310)
    data["score"] = 0.3 * data["x"] + rng.normal(size=len(data))
    return data


def of(data: pd.DataFrame, label: str) -> pd.Series:
    return data["school"] == label


WAYS = [
    *[(formulas, {"sampler": "importance"}) for formulas in (PLAIN, WITH_X)],
    *[
        (formulas, {"formulation": kind})
        for formulas in (PLAIN, WITH_X)
        for kind in ("collapsed", "marginal", "sampled")
    ],
    (SLOPES, {}),
]


@pytest.mark.parametrize(("formulas", "options"), WAYS)
def test_one_of_31_is_refused_at_once(formulas, options, students):
    students.loc[of(students, "S07"), "score"] = 2.5
    begin = time.perf_counter()
    message = r"^data has 1 school of 31 without spread: 'S07' \(20 students\)\. .* or pass constant='drop'\.$"
    for call in (sm.fit, sm.build_model):
        with pytest.raises(ValueError, match=message):
            call(*formulas, students, **({k: v for k, v in options.items() if k != "sampler" or call is sm.fit}))
    assert time.perf_counter() - begin < 1


def test_a_table_of_schools_is_asked_too(students):
    students.loc[of(students, "S07") | of(students, "S30"), "score"] = 2.5
    table = sm.summarise_schools(students, outcome="score", school="school")
    with pytest.raises(ValueError, match=r"schools has 2 schools of 31 without spread: 'S07' .*, 'S30' "):
        sm.fit_schools(table, **QUIET)


@pytest.mark.parametrize("formulas", [PLAIN, WITH_X])
def test_left_out_they_are_reported_and_change_nothing_else(formulas, students, capsys):
    """The fit of the others; and data with the school in them are the data of the fit."""
    students.loc[of(students, "S07"), "score"] = 2.5
    fit = sm.fit(*formulas, students, sampler="importance", constant="drop", **QUIET)
    assert capsys.readouterr().out == "data: left out 1 school of 31 without spread: 'S07' (20 students).\n"
    others = sm.fit(*formulas, students[~of(students, "S07")], sampler="importance", **QUIET)
    pd.testing.assert_frame_equal(sm.pip_table(fit), sm.pip_table(others))
    assert "left out" not in capsys.readouterr().out
    found = sm.pointwise_log_likelihood(fit, students, unit="student", draws=8)["log_likelihood"]["outcome"]
    assert found.sizes["student"] == 600
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="constant must be 'raise' or 'drop'; found 'ignore'"):
        sm.fit(*formulas, students, constant="ignore")


CONSTANT = {
    "but for rounding": (PLAIN, lambda d: 0.1 + 0.2 + 1e-12 * d["x"]),
    "in single precision": (PLAIN, lambda d: (2.5 + 1e-9 * d["x"]).astype("float32").astype(float)),
    "printed once too often": (PLAIN, lambda d: np.where(d.index % 20 == 3, 2.501, 2.5)),
    "a line in its covariate": (WITH_X, lambda d: 2 + 3 * d["x"]),
    "a line, rounded": (WITH_X, lambda d: (2 + 3 * d["x"]).round(3)),
    "one half of it, where the halves have SDs of their own": (
        SLOPES,
        lambda d: np.where(d["girl"] == 1, 2.5, d["score"]),
    ),
}


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.parametrize("unit", [1.0, 1e7])
def test_what_counts_as_constant(name, unit, students):
    """Whatever the unit and the origin."""
    formulas, make = CONSTANT[name]
    rows = of(students, "S07")
    students.loc[rows, "score"] = np.asarray(make(students))[rows]
    students["score"] = unit * students["score"] + 3 * unit
    with pytest.raises(ValueError, match="1 school of 31 without spread: 'S07'"):
        sm.fit(*formulas, students)


def test_pairs_that_one_coefficient_fits(students):
    """Two equal scores beside a covariate leave nothing over; several such schools do: one slope, zero, fits them all."""
    rng = np.random.default_rng(1)
    pairs = pd.DataFrame({"school": np.repeat(["P1", "P2", "P3"], 2), "x": rng.normal(size=6), "girl": 0})
    pairs["score"] = np.repeat([0.5, 1.5, 1.0], 2)
    one = pd.concat([students, pairs[:2]], ignore_index=True)
    assert sm.build_model(*WITH_X, one, formulation="marginal") is not None
    with pytest.raises(ValueError, match=r"3 schools of 34 without spread: 'P1' \(2 students\)"):
        sm.build_model(*WITH_X, pd.concat([students, pairs], ignore_index=True), formulation="marginal")


ORDINARY = {
    "a single student": lambda d: d[~(of(d, "S07") & (d.index % 20 > 0))],
    "two students a hair apart": lambda d: d[~(of(d, "S07") & (d.index % 20 > 1))].assign(
        score=lambda k: np.where(of(k, "S07"), 1 + 1e-4 * (k.index % 20), k["score"])
    ),
    "very even": lambda d: d.assign(score=np.where(of(d, "S07"), 0.02 * d["score"], d["score"])),
    "very uneven": lambda d: d.assign(score=np.where(of(d, "S07"), 1e4 * d["score"], d["score"])),
    "marks": lambda d: d.assign(score=(2 * d["score"]).round()),
    "right or wrong": lambda d: d.assign(score=(d["score"] > 0).astype(int)),
}


@pytest.mark.parametrize("name", ORDINARY)
@pytest.mark.parametrize("formulas", [PLAIN, WITH_X])
def test_what_does_not(name, formulas, students):
    sm.build_model(*formulas, ORDINARY[name](students), formulation="marginal")


def test_chance_does_not_look_like_rounding():
    """A million ordinary schools of two to six students: fewer than five are taken for constant (one in ten million is meant)."""
    rng = np.random.default_rng(1)
    df = rng.integers(1, 6, size=1_000_000)
    assert without_spread(df, np.sqrt(rng.chisquare(df) / df)).sum() < 5
