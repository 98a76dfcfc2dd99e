"""Charts of chapters 1, 3, 4, 5 and 10."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm


def test_few_schools_chart_draws_what_it_says():
    students = pd.DataFrame({"school": list("AAABBB"), "score": [1.0, 2.0, 3.0, 0.0, 2.0, 4.0]})
    spec = sm.plot.few_schools(students, outcome="score", school="school").to_dict()
    assert "School A: 3 students, mean 2.00, SD 1.00; School B: 3 students, mean 2.00, SD 2.00" in spec["description"]
    bars = next(rows for rows in spec["datasets"].values() if "low" in rows[0])
    assert [(row["low"], row["high"]) for row in bars] == [(1.0, 3.0), (0.0, 4.0)]


@pytest.mark.parametrize(
    ("students", "message"),
    [
        (pd.DataFrame({"school": ["A"] * 3, "score": [1.0, 2, 3]}), "students must be of 2 to 6 schools"),
        (
            pd.DataFrame({"school": list("ABB"), "score": [1.0, 2, 3]}),
            "at least 2 students each; found {'A': 1, 'B': 2}",
        ),
        (pd.DataFrame({"school": list("AABB")}), "outcome needs the column 'score'"),
    ],
)
def test_few_schools_chart_refuses(students, message):
    with pytest.raises(ValueError, match=message):
        sm.plot.few_schools(students, outcome="score", school="school")


def test_spike_and_bump_share_the_draws(importance_fit):
    """Bars of the bump and the spike add up to one; the spike is the share of zeros."""
    spec = sm.plot.spike_and_bump(importance_fit, [46, 1]).to_dict()
    rows = pd.DataFrame(next(iter(spec["datasets"].values())))
    total = rows.groupby("school")["share"].sum()
    np.testing.assert_allclose(total, 1.0)
    t = importance_fit["posterior"]["t"].sel(school=46)
    spike = rows.query("part == 'spike' and school == 'School 46'")["share"].item()
    assert spike == float((t == 0).mean())
    assert f"school 46: {spike:.0%} of the draws at zero" in spec["description"]


@pytest.mark.parametrize("schools", [[], "46", [1, 2, 3, 4, 5, 6], [1000]])
def test_spike_and_bump_refuses(importance_fit, schools):
    with pytest.raises(ValueError, match="schools must be"):
        sm.plot.spike_and_bump(importance_fit, schools)
