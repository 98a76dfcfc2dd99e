"""Charts, data and reports of chapters 11, 12 and 14."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from book_harness import browser  # noqa: F401 (a fixture)
from bs4 import BeautifulSoup

import ssmelsm_helpers as sm

EXAMPLES = {"patients": ("patient", "systolic"), "teams": ("team", "days"), "wards": ("ward", "wait")}


def fitted(name: str):
    """An example, fitted in its own units."""
    group, outcome = EXAMPLES[name]
    groups = sm.summarise_schools(sm.load_example(name), outcome=outcome, school=group, missing="drop")
    return sm.fit_schools(groups, sampler="importance", random_seed=1, progressbar=False)


@pytest.mark.filterwarnings("ignore:one student makes")
@pytest.mark.parametrize("name", EXAMPLES)
def test_data_that_are_not_schools_go_from_file_to_report(name, tmp_path):
    """Through a CSV, as a reader's own would."""
    group, outcome = EXAMPLES[name]
    sm.load_example(name).to_csv(tmp_path / "own.csv", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "own.csv"), sm.load_example(name))
    fit = fitted(name)
    table = sm.pip_table(fit)
    page = sm.report(fit, tmp_path / "report.html", units=name)
    assert "school" not in page.read_text("utf8").lower()
    text = BeautifulSoup(page.read_text("utf8"), "html.parser")
    assert text.h1.string == f"Which {name} are unusually consistent?"
    rows = [row.th.string for row in text.find("table").find_all("tr")[1:]]
    assert set(rows) == set(table.index[table["verdict"] != "not flagged"])
    again = pd.read_csv(page.with_suffix(".csv"), index_col=group)
    pd.testing.assert_frame_equal(again, table, check_exact=False)
    assert outcome in sm.load_example(name)


def test_deviating_groups_of_the_examples_are_found():
    """Steady and restless patients are flagged, and mean nothing but their spread: rho is not far from zero."""
    table = sm.pip_table(fitted("patients"))
    assert (table["verdict"] == "more variable").sum() >= 3
    assert (table["verdict"] == "less variable").sum() >= 3


def test_a_page_needs_nothing_else(importance_fit, tmp_path):
    page = sm.report(importance_fit, tmp_path / "saeb.html")
    text = page.read_text("utf8")
    assert "<script" not in text
    addresses = set(re.findall(r"""(?:src|href|url\()\s*=?\s*["']?([a-z]+:[^"')\s]+)""", text))
    assert {address for address in addresses if not address.startswith("data:")} == set()
    parsed = BeautifulSoup(text, "html.parser")
    assert [len(figure.find_all("svg")) for figure in parsed.find_all("figure")] == [1, 1]
    labels = [figure.div["aria-label"] for figure in parsed.find_all("figure")]
    assert len(set(labels)) == 2
    assert all("160 schools" in label for label in labels)
    assert "no ranking" in parsed.get_text()
    table = sm.pip_table(importance_fit)
    expected = (1 - table["pip"])[table["pip"] >= 0.75].sum()
    assert f"about {expected:.1f} of these flags" in " ".join(parsed.get_text().split())
    assert "k-hat" in text


@pytest.mark.browser
def test_a_page_is_accessible_and_prints(browser, importance_fit, tmp_path):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    page = sm.report(importance_fit, tmp_path / "saeb.html", title="A < B & C")
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto(page.as_uri())
    found = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    assert [violation["id"] for violation in found if violation["impact"] in ("serious", "critical")] == []
    assert tab.title() == tab.locator("h1").inner_text() == "A < B & C"
    tab.close()


@pytest.mark.filterwarnings("ignore:the prior counts for more")
def test_reports_of_other_fits(tmp_path):
    """pi learned, NUTS, nobody flagged, odd labels."""
    schools = sm.simulate_schools(n_schools=12, n_students=10, inclusion=0.0, random_seed=1).schools
    schools.index = pd.Index([f"<b>{label}</b>" for label in schools.index], name="A & B")
    learned = sm.fit_schools(
        schools, inclusion_prior=sm.Beta(1, 4), draws=200, chains=2, random_seed=1, progressbar=False
    )
    text = sm.report(learned, tmp_path / "a.html").read_text("utf8")
    assert "None of the schools is flagged" in text
    assert "cannot be reweighted" in text
    assert "Beta(1, 4)" in text
    assert "R-hat" in text
    assert "<b>1</b>" not in text


def test_reports_that_are_refused(importance_fit, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in .html; found '.*saeb.pdf'"):
        sm.report(importance_fit, tmp_path / "saeb.pdf")
    sm.report(importance_fit, tmp_path / "saeb.html")
    with pytest.raises(FileExistsError, match="is there already; pass overwrite=True"):
        sm.report(importance_fit, tmp_path / "saeb.html")
    sm.report(importance_fit, tmp_path / "saeb.html", overwrite=True)
    with pytest.raises(ValueError, match="threshold must be"):
        sm.report(importance_fit, tmp_path / "b.html", threshold=1.5)
    with pytest.raises(ValueError, match="name must be 'patients', 'teams', 'wards' or 'messy'; found 'pupils'"):
        sm.load_example("pupils")
    with pytest.raises(ValueError, match=r"name must be 'published', .*; found 'mine'"):
        sm.study.load("mine")


def test_rank_chart_counts_every_data_set():
    table = sm.study.run(sm.study.calibration(), replications=6, random_seed=1, progressbar=False)
    spec = sm.plot.ranks({"one": table, "two": table}, quantities=["rho", "eta"]).to_dict()
    rows = pd.DataFrame(next(iter(spec["datasets"].values())))
    assert (rows.groupby(["study", "quantity"])["count"].sum() == 6).all()
    assert len(rows) == 2 * 2 * 20
    with pytest.raises(ValueError, match="quantities must be among"):
        sm.plot.ranks({"one": table}, quantities=["pi"])
