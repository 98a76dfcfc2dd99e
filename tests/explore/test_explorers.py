"""Explorers without a browser: pure views, the static twin's states, and the live shell's events."""

from __future__ import annotations

import gc
import json
import math
import tracemalloc
from decimal import Decimal
from itertools import product

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from book_ext.figures import for_the_page
from bs4 import BeautifulSoup
from scipy.stats import beta

import ssmelsm_helpers as sm
from ssmelsm_helpers.explore.explorer import Control, Explorer, View, as_sent, records
from ssmelsm_helpers.results.sensitivity import reweighted_table

NAMES = ["threshold", "power", "card", "grid"]  # those that compute in the browser are tested there


def make(name: str, fit) -> Explorer:
    """An explorer of its own: nothing that one test moves is seen by another."""
    if name == "threshold":
        return sm.explore.threshold(fit)
    return sm.explore.school_card(fit, 39) if name == "card" else getattr(sm.explore, name)()


@pytest.fixture(params=NAMES)
def explorer(request, importance_fit):
    return make(request.param, importance_fit)


def other(control: Control):
    """Another position than the start."""
    return next(value for value in reversed(control.values) if value != control.start)


def test_the_same_settings_give_the_same_view(explorer):
    one, again = explorer.view(), explorer.view(**explorer.settings)
    assert one.sentence == again.sentence
    assert one.signals == again.signals
    assert all(one.data[name].equals(again.data[name]) for name in one.data)


def test_every_control_changes_the_view(explorer):
    """What the page shows, in numbers or in words, depends on each control."""
    start = explorer.view()
    for control in explorer.controls:
        moved = explorer.view(**{control.name: other(control)})
        data_moved = any(not moved.data[name].equals(start.data[name]) for name in start.data)
        assert moved.sentence != start.sentence, control.name
        assert data_moved or moved.signals != start.signals, control.name


def test_settings_are_checked(explorer):
    with pytest.raises(ValueError, match="'colour' is no setting of this explorer; it has"):
        explorer.view(colour="red")
    name = explorer.controls[0].name
    with pytest.raises(ValueError, match=f"{name} must be one of .* found -17"):
        explorer.view(**{name: -17})


def test_charts_read_what_views_provide(explorer):
    """Every named data set and parameter of a view is one of the specification, and the other way round."""
    view, spec = explorer.view(), explorer.spec()
    text = json.dumps(spec)
    assert all(f'"name": "{name}"' in text for name in view.data)
    assert set(view.signals) == {p["name"] for p in spec.get("params", []) if "value" in p and "select" not in p}
    assert all(math.isfinite(value) for value in view.signals.values())


def test_the_twin_holds_every_view(explorer):
    """A state per position of the page's controls, each the view that Python computes there."""
    shown = json.loads(for_the_page(explorer))
    assert shown["text/plain"] == explorer.view().sentence
    assert explorer._widget is None, "a page needs none"
    figure = BeautifulSoup(shown["text/html"], "html.parser").figure
    book = json.loads(figure.script.string)
    controls = [control for control in explorer.controls if control.static]
    drawn = [(c["name"], c["label"], tuple(c["values"]), c["start"]) for c in book["controls"]]
    assert drawn == [(c.name, c.label, c.static, c.start) for c in controls]
    assert all(control.start in control.static for control in controls)
    assert len(book["states"]) == math.prod(len(control.static) for control in controls)
    settings = [*product(*(control.static or [control.start] for control in explorer.controls))]
    for at in np.linspace(0, len(settings) - 1, 7).astype(int):
        references, signals, sentence, marked = book["states"][at]
        view = explorer.view(**dict(zip(explorer.settings, settings[at], strict=True)))
        assert (signals, sentence, tuple(marked)) == (view.signals, view.sentence, view.marked)
        assert {name: book["tables"][i] for name, i in references.items()} == {
            n: records(t) for n, t in view.data.items()
        }
    assert figure.select_one(".explorer-sentence").get_text() == explorer.view().sentence
    assert len(str(figure)) < 500_000


# Live


def test_a_notebook_gets_a_live_widget(explorer):
    assert "application/vnd.jupyter.widget-view+json" in explorer._repr_mimebundle_()[0]
    widget = explorer.widget()
    assert explorer.widget() is widget
    for control in explorer.controls:
        widget.settings = widget.settings | {control.name: other(control)}
        assert widget.update["sentence"] == explorer.view(**widget.settings).sentence
    widget.settings = explorer.settings
    assert widget.update["sentence"] == explorer.view().sentence


def test_an_explorer_may_start_elsewhere(explorer):
    moved = {control.name: other(control) for control in explorer.controls}
    there = explorer.at(**moved)
    assert there.settings == moved
    assert there.view().sentence == explorer.view(**moved).sentence
    assert there.widget() is not explorer.widget()
    assert all(control.start in control.static for control in there.controls if control.static)
    assert explorer.settings != moved
    with pytest.raises(ValueError, match="'colour' is no setting"):
        explorer.at(colour="red")


def test_two_explorers_are_independent():
    one, two = sm.explore.grid(), sm.explore.grid()
    before = two.widget().update
    one.widget().settings = one.settings | {"n": 40}
    assert two.widget().update == before
    assert two.widget().settings["n"] == 20


def test_an_error_is_said_and_the_next_move_works():
    def view(size: int) -> View:
        if size == 2:
            raise RuntimeError("two is too many")
        return View({}, {}, f"size {size}")

    charts = sm.explore.melsm()._charts
    widget = Explorer("Broken", "", [Control("size", "Size", (1, 2, 3), 1)], charts, view).widget()
    widget.settings = {"size": 2}
    assert widget.update["sentence"] == "RuntimeError: two is too many"
    widget.settings = {"size": 3}
    assert widget.update["sentence"] == "size 3"


def test_memory_does_not_grow(importance_fit):
    """500 moves after 60 to warm up leave less than half a megabyte; between, caches fill and are emptied."""
    explorer = sm.explore.threshold(importance_fit)
    widget, control = explorer.widget(), explorer.controls[0]
    values = [value for value in control.values if value != control.start]

    def move(times):
        for at in range(times):
            widget.settings = widget.settings | {control.name: values[at % len(values)]}

    move(60)
    gc.collect()  # what waits to be collected has not grown
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    move(500)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 500_000


# The threshold explorer's numbers


SETTINGS = [
    *((level, rule, 0.5) for level in (0.6, 0.75, 0.9) for rule in ("PIP", "Bayes factor", "false flags")),
    (0.75, "PIP", 0.4),
    (0.9, "Bayes factor", 0.4),
    (0.8, "false flags", 0.75),
]


@pytest.mark.parametrize(("level", "rule", "pi"), SETTINGS)
def test_numbers_on_screen_are_those_of_the_pip_table(level, rule, pi, importance_fit):
    """Exactly at the fit's own pi; elsewhere `with_inclusion_prior` resamples, which moves PIPs by up to .01."""
    view = sm.explore.threshold(importance_fit).view(threshold=level, rule=rule, pi=pi)
    shown = view.data["schools"].set_index("label")
    fit = importance_fit if pi == 0.5 else sm.with_inclusion_prior(importance_fit, pi)
    table = sm.pip_table(fit).rename(str)
    tolerance = 1e-12 if pi == 0.5 else 0.01
    for name in ("n", "mean", "pip", "sd", "sd_ratio"):
        np.testing.assert_allclose(shown[name], table[name], atol=tolerance)
    own = shown["pip"]
    if rule == "PIP":
        expected = own >= level
    elif rule == "Bayes factor":
        expected = sm.bayes_factor(own, inclusion_prior=pi) >= level / (1 - level) - 1e-9
    else:
        expected = own >= sm.fdr_threshold(own, level=1 - level)
    assert list(view.marked) == list(own.index[expected])
    assert list(own.index[own.map(as_sent) >= view.signals["cutoff"]]) == list(view.marked)
    assert f"Flagged: {expected.sum()} of 160" in view.sentence
    assert f"; expected false flags among them: {(1 - own[expected]).sum():.1f}." in view.sentence


@pytest.mark.filterwarnings("ignore:importance sampling is unreliable:RuntimeWarning")
def test_a_bad_k_hat_fits_anew(importance_fit, saeb_schools):
    """Under pi = .1 the old draws say too little; the refit's PIPs are those of a fit from scratch."""
    found = reweighted_table(importance_fit, 0.1)
    assert found.pareto_k > 0.7
    assert found.refit_k <= 0.7
    anew = sm.fit_schools(saeb_schools, sampler="importance", inclusion_prior=0.1, random_seed=9, progressbar=False)
    table = sm.pip_table(anew)
    error = np.hypot(found.table["pip_mcse"], table["pip_mcse"])
    assert (abs(found.table["pip"] - table["pip"]) < 4.5 * error + 1e-4).all()
    assert "because reweighting had" in sm.explore.threshold(importance_fit).view(pi=0.1).sentence


def test_nobody_flagged():
    fit = sm.fit_schools(sm.load_saeb_schools().iloc[:20], sampler="importance", random_seed=1)
    view = sm.explore.threshold(fit).view(threshold=0.99, rule="false flags")
    assert view.marked == ()
    assert view.signals["cutoff"] > 1
    assert (
        "Flagged: 0 of 20 schools; expected false flags among them: 0.0. More variable: none; less variable: none."
        in view.sentence
    )


@pytest.mark.filterwarnings("ignore:the prior counts for more")
def test_a_fit_that_cannot_be_reweighted_is_refused_at_once():
    schools = sm.simulate_schools(n_schools=12, random_seed=1).schools
    learned = sm.fit_schools(schools, sampler="importance", inclusion_prior=sm.Beta(1, 1), random_seed=1)
    with pytest.raises(ValueError, match="fixed inclusion_prior to be reweighted"):
        sm.explore.threshold(learned)


# The others


@pytest.mark.parametrize("prior_students", [0, 2, 20, 100])
@pytest.mark.parametrize(("n", "share"), [(10, 0.0), (20, 0.6), (320, 0.9), (160, 1.0)])
def test_a_grid_finds_the_beta_posterior(n, share, prior_students):
    """A prior of students and a binomial likelihood have a Beta posterior, known exactly."""
    view = sm.explore.grid().view(n=n, share=share, prior_peak=0.3, prior_students=prior_students)
    passes = round(n * share)
    exact = beta(1 + 0.3 * prior_students + passes, 1 + 0.7 * prior_students + n - passes)
    low, high, mean = view.data["interval"].loc[0, ["low", "high", "mean"]]
    np.testing.assert_allclose([mean, low, high], [exact.mean(), *exact.ppf([0.025, 0.975])], atol=0.0015)
    assert float(view.sentence.split()[-1][:-1]) == pytest.approx(
        exact.sf(0.5), abs=0.0075
    )  # half a candidate, rounded
    assert view.sentence.startswith(f"{passes} of {n} students pass; prior ")
    for name in ("prior", "likelihood", "posterior"):
        assert view.data[name]["height"].between(0, 1).all()


def test_prior_students_count_like_students():
    """The posterior's peak is where prior and data meet, each pulling with its number of students."""
    for prior_students, peak in ((0, "0.60"), (10, "0.50"), (20, "0.45"), (100, "0.35")):
        sentence = sm.explore.grid().view(prior_peak=0.3, prior_students=prior_students).sentence
        assert f"peak at {peak}," in sentence


def test_a_card_needs_a_school_and_the_plain_model(importance_fit):
    with pytest.raises(ValueError, match="school must be one of the fit's schools; found 1000"):
        sm.explore.school_card(importance_fit, 1000)
    card = sm.explore.school_card(importance_fit, 80)
    assert card.view().sentence.startswith("School 80 has a single student")
    assert len(card.view().data["students"]) == 0  # no curve of an SD that does not exist


def test_a_card_shows_the_school_without_each_student(importance_fit, saeb_students):
    given = {"data": saeb_students, "outcome": "math_proficiency"}
    card = sm.explore.school_card(importance_fit, 53, **given)
    view, found = card.view(), sm.influence(importance_fit, school=53, draws=400, **given)
    pd.testing.assert_frame_equal(view.data["each"], found[["row", "outcome", "pip"]])
    first = found.iloc[0]
    assert (
        f"Without the student in row {first['row']} (outcome 2.474) its PIP would be {first['pip']:.2f}"
        in view.sentence
    )
    assert all(f'"name": "{name}"' in json.dumps(card.spec()) for name in view.data)
    assert len(card.view(school="80").data["each"]) == 1
    with pytest.raises(ValueError, match="data must be the students of the fit"):
        sm.explore.school_card(importance_fit, 53, data=saeb_students.iloc[1:], outcome="math_proficiency")


def test_a_card_of_labels_that_print_alike():
    """The label decides; where it only prints like several, they are named."""
    rng = np.random.default_rng(1)
    labels = [1, "1", ("2", "b"), "('2', 'b')", 3.0]
    schools = pd.DataFrame({"n": [10, 11, 12, 13, 14], "mean": rng.normal(size=5), "sd": rng.uniform(1, 2, 5)})
    schools.index = pd.Index(labels, tupleize_cols=False)
    with pytest.warns(UserWarning, match="look alike"):
        fit = sm.fit_schools(schools, sampler="importance", draws=200, random_seed=1, progressbar=False)
    for label, n in zip(labels, schools["n"], strict=True):
        assert f" has {n} students" in sm.explore.school_card(fit, label).view().sentence
    for label, n in (("3.0", 14), (np.int64(1), 10)):
        assert f" has {n} students" in sm.explore.school_card(fit, label).view().sentence
    card = sm.explore.school_card(fit, 1)
    assert card.view(school="1 (str)").sentence.startswith("School 1 (str) has 11 students")
    with pytest.raises(ValueError, match=r"found Decimal\('1'\)\.$"):
        sm.explore.school_card(fit, Decimal(1))
    rows = sm.explore.threshold(fit).view().data["schools"]
    assert rows["label"].is_unique
    described = sm.plot.spike_and_bump(fit, [1, "1"]).to_dict()["description"]
    assert "t of 2 schools" in described
    assert "school 1 (int): " in described


def test_picture_and_sentence_flag_the_same(importance_fit):
    """The browser compares rounded PIPs with the cut-off; also where that is itself a school's PIP."""
    explorer = sm.explore.threshold(importance_fit)
    levels = next(control for control in explorer.controls if control.name == "threshold").values
    for level in levels:
        view = explorer.view(threshold=level, rule="false flags")
        drawn = [row["label"] for row in records(view.data["schools"]) if row["pip"] >= view.signals["cutoff"]]
        assert drawn == list(view.marked)


def test_a_slider_s_rounding_does_not_matter(importance_fit):
    explorer = sm.explore.threshold(importance_fit)
    assert explorer.view(pi=0.1 + 0.2).sentence == explorer.view(pi=0.3).sentence


@pytest.mark.filterwarnings("ignore:importance sampling is unreliable:RuntimeWarning")
def test_a_bad_k_hat_is_said_where_the_priors_cannot_be_read_back(saeb_schools):
    priors = sm.Priors(tau_t=pm.HalfNormal.dist(1.0))
    fit = sm.fit_schools(saeb_schools, sampler="importance", draws=300, priors=priors, random_seed=1, progressbar=False)
    assert "not to be trusted: fit again" in sm.explore.threshold(fit).view(pi=0.05).sentence


def test_a_card_knows_the_pi_that_was_learned():
    counts = [30] * 19 + [1]
    schools = sm.simulate_schools(n_schools=20, n_students=counts, inclusion=0.3, tau_t=0.4, random_seed=8).schools
    fit = sm.fit_schools(schools, sampler="importance", inclusion_prior=sm.Beta(1, 9), random_seed=1)
    sentence = sm.explore.school_card(fit, 20).view().sentence
    assert f"is about the prior {float(fit['posterior']['pi'].mean()):.2g}." in sentence
