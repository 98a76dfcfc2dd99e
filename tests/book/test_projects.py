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
LISTED = 0.25  # the good report's threshold
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


def flagged(table: pd.DataFrame, threshold: float = 0.75) -> list[str]:
    """Labels of the flagged."""
    return sorted(table.index[table["pip"] >= threshold])


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
    assert flagged(found, LISTED) == sorted(truth["deviating"])
    assert f"from a PIP of {LISTED} on".replace("0.", ".") in TEXT
    assert f"{len(table):,} rows" in TEXT
    assert f"{len(table) - len(data)} pupils have no score" in TEXT
    assert f"so that {len(data):,} in {data['school'].nunique()} schools remain" in TEXT
    ratio = {school: f"{value:.2f}" for school, value in found["sd_ratio"].items()}
    first, second, third, fourth = (
        str(one) for one in found.loc[[*truth["deviating"]], "sd_ratio"].sort_values().index
    )
    assert f"in {fourth} and {third} (SD {ratio[fourth]} and {ratio[third]} times the common one)" in TEXT
    assert f"closer together in {first} and {second} ({ratio[first]} and {ratio[second]})" in TEXT
    others = found["pip"].drop(list(truth["deviating"])).max()
    assert found["pip"][list(truth["deviating"])].min() > 0.99
    assert f"no other exceeds {others:.2f}".replace("0.", ".") in TEXT
    other_prior = sm.pip_table(sm.fit(*model, data, inclusion_prior=0.1, **quiet))
    assert flagged(other_prior, LISTED) == sorted(truth["deviating"])
    hangs = sm.influence(fit, data, threshold=LISTED, most=10).groupby("school")["students_to_unflag"].first()
    assert hangs.isna().all()
    assert "Each of them stays on the list without the ten pupils who carry its flag most" in TEXT
    mixed = truth["explained"].split(":")[0]
    assert f"{mixed}'s readers are far apart as well ({pips('schools', data)['sd_ratio'][mixed]:.2f})" in TEXT
    assert f"nothing remains: {mixed} takes in" in TEXT


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_bad_report_is_what_comes_out():
    table, _ = projects.draw(WORD, "schools")
    scores = pd.to_numeric(table["reading"], errors="coerce")
    found = pips("schools", table.assign(reading=scores))
    words = re.search(r"found (\d+) significant schools.*remaining (\d+) schools", TEXT)
    assert len(flagged(found)) == int(words[1])
    assert len(found) == int(words[1]) + int(words[2])
    assert f"there are not {len(found)} schools" in TEXT
    sizes = re.search(r"(\w+) deviates by ([\d.]+ %), (\w+) by ([\d.]+ %).*SD ratios: ([\d.]+) and ([\d.]+)\.", TEXT)
    for school, percent, ratio in ((sizes[1], sizes[2], sizes[5]), (sizes[3], sizes[4], sizes[6])):
        assert percent == f"{found['pip'][school]:.0%}".replace("%", " %")
        assert ratio == f"{found['sd_ratio'][school]:.2f}"
    consistent = re.search(r"(\w+) \(PIP 1\.00\) is one of the most consistent", TEXT)[1]
    assert consistent in {*found["sd_ratio"].nsmallest(3).index}
    assert f"{found['pip'][consistent]:.2f}" == "1.00"
    assert f"{consistent} is flagged because others have a −99, and it has none" in TEXT
    assert consistent not in {*table.loc[scores == -99, "school"]}
    without = flagged(pips("schools", table.assign(reading=scores.replace(-99, np.nan))))
    kept = {*without} & {*flagged(found)}
    assert consistent not in without
    assert f"Without them {len(without)} schools would be flagged" in TEXT
    assert f"with them {words[1]} are, and only {len(kept)} of the {len(without)} is among those" in TEXT
    twice = re.search(r"(\w+) is in the table twice, once as consistent and once not", TEXT)[1]
    assert flagged(found.loc[[twice, twice + " "]]) == [twice + " "]
    assert found["sd_ratio"][twice + " "] < 1
