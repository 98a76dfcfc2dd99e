"""A fit's page says no more than the data do."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import ssmelsm_helpers as sm

PLAIN = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
OPTIONS = {"sampler": "importance", "random_seed": 1, "progressbar": False}


def read(page) -> tuple[str, dict[str, pd.DataFrame]]:
    """Text of a page in one line, and its tables as texts by the beginning of their captions."""
    parsed = BeautifulSoup(page.read_text("utf8"), "html.parser")
    tables = {}
    for table in parsed.find_all("table"):
        head, *rows = ([cell.get_text() for cell in row.find_all(["th", "td"])] for row in table.find_all("tr"))
        tables[table.caption.get_text().split(",")[0]] = pd.DataFrame(rows, columns=head).set_index(head[0])
    return " ".join(parsed.get_text().split()), tables


@pytest.fixture(scope="module")
def few():
    """Twelve schools, some of which deviate, and their students."""
    return sm.simulate_schools(n_schools=12, n_students=30, tau_t=0.5, inclusion=0.5, random_seed=6)


@pytest.fixture(scope="module")
def few_fit(few):
    return sm.fit(*PLAIN, few.students, **OPTIONS)


def test_flags_by_the_prior_alone_are_counted_apart(saeb_schools, tmp_path):
    fit = sm.fit_schools(saeb_schools, inclusion_prior=0.75, **OPTIONS)
    text, tables = read(sm.report(fit, tmp_path / "a.html"))
    table = sm.pip_table(fit)
    flags = tables["Flagged"]
    assert (flags["Bayes factor"].astype(float) >= 3).all()
    assert len(flags) < 10 < (table["pip"] >= 0.75).sum()
    assert "At the threshold by the prior alone (a Bayes factor below 3" in text
    by_pi = tables["PIP of at least 0.75"]
    assert by_pi.loc["0.75", "by the prior alone"].endswith("the smallest of n = 1")
    assert by_pi.loc["0.5", "by the prior alone"] == "0"
    which = by_pi.loc["0.75", "flags with evidence (Bayes factor)"]
    assert which.startswith(f"{len(flags)}: ")
    assert f"39 ({table.loc[39, 'bayes_factor']:.1f})" in which


def test_without_prior_flags_nothing_is_said_of_them(importance_fit, tmp_path):
    text, tables = read(sm.report(importance_fit, tmp_path / "a.html"))
    assert "by the prior alone (" not in text
    assert "SD" in tables["Flagged"]
    assert "What was found in the data" not in text
    # Of 160 schools tau_t is known well: its prior's scale does not matter.
    assert "change the Bayes factors of the flags by less than 10%" in text


def test_the_outcomes_unit_stands_at_the_sds(few_fit, tmp_path):
    _text, tables = read(sm.report(few_fit, tmp_path / "a.html", unit="points"))
    assert {"SD (points)", "95 % interval (points)", "SD ratio"} <= set(tables["Flagged"])


def test_groups_and_members_are_called_as_asked(few, tmp_path):
    data = few.students.rename(columns={"school": "patient"})
    fit = sm.fit("score ~ 1 + (1 | patient)", "~ 1 + (1 | patient)", data, **OPTIONS)
    text, tables = read(sm.report(fit, tmp_path / "a.html", units=("patients", "readings"), data=data))
    assert re.search("school|student|member", text, re.I) is None
    assert "12 patients with 360 readings in all" in text
    assert {"readings", "PIP without one reading", "readings that carry the flag"} <= set(tables["Flagged"])


def test_the_scale_of_the_prior_is_shown_where_it_matters(tmp_path):
    """Where a few schools, of which one deviates, say little of tau_t."""
    schools = sm.simulate_schools(n_schools=12, n_students=30, tau_t=0.5, inclusion=0.15, random_seed=5).schools
    _text, tables = read(sm.report(sm.fit_schools(schools, **OPTIONS), tmp_path / "a.html"))
    found = tables["Bayes factors"]
    assert list(found) == ["half the scale", "this fit", "twice the scale"]
    assert list(found.index) == list(tables["Flagged"].index)
    assert (found["half the scale"].astype(float) < found["twice the scale"].astype(float)).all()
    assert found["this fit"].tolist() == tables["Flagged"]["Bayes factor"].tolist()


def test_priors_that_cannot_be_read_are_said(few, tmp_path):
    import pymc as pm

    fit = sm.fit(*PLAIN, few.students, priors=sm.Priors(tau_t=pm.HalfNormal.dist(0.5)), **OPTIONS)
    assert "cannot be read back" in read(sm.report(fit, tmp_path / "a.html"))[0]


@pytest.mark.parametrize("by_summaries", [True, False])
def test_students_who_carry_a_flag(few, few_fit, by_summaries, tmp_path):
    fit, named = few_fit, {}
    if by_summaries:
        fit, named = sm.fit_schools(few.schools, **OPTIONS), {"outcome": "score"}
        with pytest.raises(ValueError, match="outcome must name a column of data"):
            sm.report(fit, tmp_path / "a.html", data=few.students)
        assert not (tmp_path / "a.html").exists()
    _text, tables = read(sm.report(fit, tmp_path / "a.html", data=few.students, **named))
    flags = tables["Flagged"]
    found = sm.influence(fit, few.students, **named)
    for school, one in found.groupby("school", sort=False):
        row = flags.loc[str(school)]
        assert row["PIP without one student"] == f"{one['pip'].min():.2f}"
        gone = one[one["removal"].notna()].sort_values("removal")["row"]
        said, carried = row["students that carry the flag"], one["students_to_unflag"].iloc[0]
        assert said == ("more than 10" if pd.isna(carried) else f"{carried}: row {', '.join(map(str, gone))}")


def test_a_ceiling_is_asked_about(tmp_path):
    made = sm.simulate_schools(n_schools=60, n_students=60, inclusion=0.1, random_seed=1).students
    made["score"] = np.minimum(made["score"], made["score"].quantile(0.75))
    text, tables = read(sm.report(sm.fit(*PLAIN, made, **OPTIONS), tmp_path / "a.html"))
    assert "less variable, ceiling?" in set(tables["Flagged"]["verdict"])
    assert "more variable, ceiling?" not in set(tables["Flagged"]["verdict"])
    assert "Does the outcome's scale end there?" in text


def test_findings_that_remain_are_listed(importance_fit, tmp_path):
    columns = ["kind", "column", "where", "count", "why", "mend"]
    findings = pd.DataFrame([["a pile", "score", "A < B", 28, "999 is no score", "x"]], columns=columns)
    text, tables = read(sm.report(importance_fit, tmp_path / "a.html", findings=findings))
    assert "What was found in the data" in text
    assert tables["Looked for before the fit"].loc["a pile"].tolist() == ["score", "A < B", "28", "999 is no score"]
    text, _tables = read(sm.report(importance_fit, tmp_path / "b.html", findings=findings.iloc[:0]))
    assert "What was found in the data Nothing." in text
    with pytest.raises(ValueError, match=r"findings must have the columns \['kind', .*; found \['kind'\]"):
        sm.report(importance_fit, tmp_path / "c.html", findings=findings[["kind"]])
    with pytest.raises(TypeError, match=r"findings must be a DataFrame with the columns .* found list"):
        sm.report(importance_fit, tmp_path / "c.html", findings=[])
