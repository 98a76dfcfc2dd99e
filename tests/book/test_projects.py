"""The projects' files: what is true in them can be found, by who mends them, and the reports on the page are about them."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import projects
import pytest
from course_plan import PAGES

import ssmelsm_helpers as sm

TEXT = " ".join((PAGES / "projects.md").read_text("utf8").replace("\n> ", "\n").split())
WORD = "example"
COLUMNS = {"schools": ("reading", "school"), "clinics": ("systolic", "clinic"), "teams": ("km", "team")}


def mended(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """What a careful student makes of a file."""
    table = table.copy()
    if name == "schools":
        table["school"] = table["school"].str.strip(" .").str.capitalize()
        table["reading"] = pd.to_numeric(table["reading"].replace("absent", np.nan)).replace(-99, np.nan)
    elif name == "clinics":
        table = table.drop_duplicates()
        table["systolic"] = table["systolic"].replace(999, np.nan)
        table.loc[table["systolic"] < 40, "systolic"] *= 7.50062
        table.loc[table["systolic"] > 400, "systolic"] /= 10
    else:
        table = table[(table["position"] != "goal") & (table["team"] != "Average")].drop_duplicates("player")
        table["km"] = table["km"].str.replace(",", ".").astype(float)
    return table.dropna(subset=COLUMNS[name][0])


def pips(name: str, table: pd.DataFrame, **options) -> pd.DataFrame:
    """PIPs of the groups of a file as it is."""
    outcome, group = COLUMNS[name]
    summary = sm.summarise_schools(table.dropna(subset=outcome), outcome=outcome, school=group)
    return sm.pip_table(sm.fit_schools(summary, sampler="importance", random_seed=1, progressbar=False, **options))


def flagged(table: pd.DataFrame) -> list[str]:
    """Labels of the flagged."""
    return sorted(table.index[table["pip"] >= 0.75])


@pytest.mark.parametrize("name", projects.PROJECTS)
@pytest.mark.parametrize("word", [WORD, "stats2027"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_who_mends_a_file_finds_the_truth(word, name):
    table, truth = projects.draw(word, name)
    found = {*flagged(pips(name, mended(name, table)))}
    mixed = {truth["explained"].split(":")[0]} if "explained" in truth else set()
    assert found == {*truth["deviating"]} | mixed


@pytest.mark.parametrize("name", projects.PROJECTS)
def test_a_file_as_it_comes_is_called_into_question(name):
    table, _ = projects.draw(WORD, name)
    outcome, group = COLUMNS[name]
    assert len(sm.inspect(table, outcome=outcome, school=group)) >= 2


def test_one_word_gives_the_same_bytes_and_another_gives_others(tmp_path):
    for folder, word in (("a", WORD), ("b", WORD), ("c", "another")):
        projects.write(word, tmp_path / folder)
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) == 4
    for file in files:
        bytes_ = [(tmp_path / folder / file).read_bytes() for folder in "abc"]
        assert bytes_[0] == bytes_[1] != bytes_[2]
    truth = json.loads((tmp_path / "a" / "solutions" / "projects.json").read_text("utf8"))
    assert {*truth} == {*projects.PROJECTS}
    for name, facts in truth.items():
        text = (tmp_path / "a" / "student" / "projects" / f"{name}.csv").read_text("utf8")
        assert all(group in text for group in facts["deviating"])
        assert f"`{name}.csv`: `{COLUMNS[name][1]}`" in TEXT


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_good_report_is_true(capsys):
    table, truth = projects.draw(WORD, "schools")
    data = mended("schools", table)
    model = "reading ~ ses + (1 | school)", "~ 1 + (1 | school)"
    quiet = {"sampler": "importance", "random_seed": 1, "progressbar": False}
    fit = sm.fit(*model, data, **quiet)
    found = sm.pip_table(fit)
    assert flagged(found) == sorted(truth["deviating"])
    assert f"{len(table):,} rows" in TEXT
    assert f"{len(table) - len(data)} pupils have no score" in TEXT
    assert f"so that {len(data):,} in {data['school'].nunique()} schools remain" in TEXT
    ratio = {school: f"{value:.2f}" for school, value in found["sd_ratio"].items()}
    assert f"in Hazel and Spruce (SD {ratio['Hazel']} and {ratio['Spruce']} times the common one)" in TEXT
    assert f"in Hawthorn and Holly ({ratio['Hawthorn']} and {ratio['Holly']})" in TEXT
    others = found["pip"].drop(list(truth["deviating"])).max()
    assert found["pip"][list(truth["deviating"])].min() > 0.99
    assert f"no other exceeds {others:.2f}".replace("0.", ".") in TEXT
    assert flagged(sm.pip_table(sm.fit(*model, data, inclusion_prior=0.1, **quiet))) == sorted(truth["deviating"])
    hangs = sm.influence(fit, data).groupby("school")["students_to_unflag"].first()
    assert hangs.fillna(10).min() >= 10
    assert "At least ten pupils would have to go" in TEXT
    mixed = truth["explained"].split(":")[0]
    assert f"{mixed}'s readers are far apart as well ({pips('schools', data)['sd_ratio'][mixed]:.2f})" in TEXT


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_bad_report_is_what_comes_out():
    table, _ = projects.draw(WORD, "schools")
    found = pips("schools", table.assign(reading=pd.to_numeric(table["reading"], errors="coerce")))
    words = re.search(r"found (\d+) significant schools.*remaining (\d+) schools", TEXT)
    assert len(flagged(found)) == int(words[1])
    assert len(found) == int(words[1]) + int(words[2])
    for school in ("Walnut", "Chestnut"):
        assert (
            f"{school} deviates by {found['pip'][school]:.0%}".replace("%", " %") in TEXT
            or f"{school} by {found['pip'][school]:.0%}".replace("%", " %") in TEXT
        )
    consistent = found[found["pip"] >= 0.75]["sd_ratio"]
    assert consistent.idxmin() == "Maple"
    assert found["sd_ratio"]["Hazel"] > 1 > found["sd_ratio"]["HAZEL"]
    codes = table.loc[table["reading"] == "-99", "school"]
    assert "Maple" not in {*codes}
