"""Explorers that compute in the browser: their modules in Chromium, against the package and NumPy."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from book_ext.figures import for_the_page
from book_harness import browser  # noqa: F401
from explorer_oracles import ORACLES

import ssmelsm_helpers as sm
from ssmelsm_helpers.explore.explorer import BrowserExplorer

pytestmark = pytest.mark.browser

CALL = """async ([source, name, settings, constants]) => {
  const module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return settings.map(one => module[name](...one, constants));
}"""


@pytest.fixture(scope="module")
def blank(browser):  # noqa: F811
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture(params=ORACLES)
def explorer(request) -> BrowserExplorer:
    return getattr(sm.explore, request.param)()


def settings_of(explorer, count: int) -> list[dict]:
    """The start, and others drawn from all positions of the controls."""
    rng = np.random.default_rng(7)
    places = [
        [c.values[at] for c in explorer.controls for at in [rng.integers(len(c.values))]] for _ in range(count - 1)
    ]
    return [explorer.settings, *(dict(zip(explorer.settings, place, strict=True)) for place in places)]


def called(blank, explorer, name: str, *arguments) -> list:
    return blank.evaluate(CALL, [explorer.book()["module"], name, arguments, explorer.constants])


def views(blank, explorer, *settings) -> list[dict]:
    return called(blank, explorer, "view", *([one] for one in settings))


def test_numbers_and_words_are_those_of_the_package(explorer, blank):
    """At thirty settings: numbers to 1e-6, and the same sentence."""
    settings = settings_of(explorer, 30)
    for chosen, view in zip(settings, views(blank, explorer, *settings), strict=True):
        data, sentence = ORACLES[explorer.module.removesuffix(".js")](explorer.constants, **chosen)
        assert {*view["data"]} == {*data}
        for name, table in data.items():
            found = pd.DataFrame(view["data"][name], columns=table.columns)
            if name == "asked":  # in any order
                found, table = (t.sort_values(["n", "side"]).reset_index(drop=True) for t in (found, table))
            pd.testing.assert_frame_equal(found, table.reset_index(drop=True), check_dtype=False, atol=1e-6, rtol=1e-6)
        assert view["sentence"] == sentence.replace("-0.00", "0.00") or view["sentence"] == sentence


def test_every_control_changes_the_view(explorer, blank):
    start, *moved = views(
        blank, explorer, explorer.settings, *(explorer.settings | {c.name: c.values[-1]} for c in explorer.controls)
    )
    for view in moved:
        assert view["sentence"] != start["sentence"]
        assert view["data"] != start["data"] or view["signals"] != start["signals"]


def test_charts_read_what_modules_provide(explorer, blank):
    (view,) = views(blank, explorer, explorer.settings)
    spec = explorer.spec()
    text = json.dumps(spec)
    assert all(f'"name": "{name}"' in text for name in view["data"])
    assert {*view["signals"]} == {p["name"] for p in spec.get("params", [])}


def test_the_spike_is_at_zero_after_l_and_leaks_before_it(blank):
    explorer = sm.explore.construction()
    after, before = views(blank, explorer, explorer.settings, explorer.settings | {"indicator": "before L"})
    assert all(row["y"] == 0 for row in after["data"]["in_force"] if row["state"] == "spike")
    for place, z in zip(before["data"]["in_force"], before["data"]["z"], strict=True):
        if place["state"] == "spike":
            assert place["y"] == pytest.approx(0.2 * 0.6 * z["x"], abs=1e-12)


@pytest.mark.parametrize("panel", ["z", "correlated", "scaled"])
def test_a_pulled_school_ends_where_it_is_pulled_to(panel, blank):
    explorer = sm.explore.construction()
    settings = explorer.settings | {"rho": -0.4, "tau_t": 0.35}
    x, y = (0.31, -0.42) if panel == "scaled" else (1.3, -0.8)
    (change,) = called(blank, explorer, "pull", [f"{panel}_thumb", x, y, {"school": 7}, settings])
    (view,) = views(blank, explorer, settings | change)
    assert [view["data"][panel][6][axis] for axis in "xy"] == pytest.approx([x, y], abs=1e-9)
    (other,) = called(blank, explorer, "pull", [panel, x, y, {"school": 26}, settings])
    assert other == {"school": 26}
    (settled,) = called(blank, explorer, "settle", [settings | change, settings | change | other])
    assert settled == settings | other | {"pull_1": 0, "pull_2": 0}


def test_a_pulled_bar_ends_where_it_is_pulled_to(blank):
    explorer = sm.explore.melsm()
    for handle, school, y in (("high", 12, 1.1), ("low", 1, -0.9), ("mean", 4, 0.5)):
        (change,) = called(blank, explorer, "pull", [handle, None, y, {"school": school}, explorer.settings])
        (view,) = views(blank, explorer, explorer.settings | change)
        assert view["data"]["schools"][school - 1][handle] == pytest.approx(y, abs=1e-9)


def test_schools_that_are_alike_look_alike(blank):
    explorer = sm.explore.melsm()
    alike, other = views(blank, explorer, explorer.settings | {"tau_t": 0}, explorer.settings)
    assert {row["own"] for row in alike["data"]["schools"]} == {"common SD"}
    for row in other["data"]["schools"]:
        assert (row["own"] == "own SD, larger") == (row["sd"] > np.exp(-0.25))


def test_a_page_holds_the_module_and_no_views(explorer):
    shown = json.loads(for_the_page(explorer))
    assert len(shown["text/html"]) < 60_000
    assert shown["text/plain"].startswith(f"{explorer.name}: ")


def test_a_notebook_gets_a_widget_that_needs_no_kernel(explorer):
    assert "application/vnd.jupyter.widget-view+json" in explorer._repr_mimebundle_()[0]
    widget = explorer.widget()
    assert widget.book["module"]
    assert widget.update == {}
    assert explorer.at(**settings_of(explorer, 2)[1]).settings == settings_of(explorer, 2)[1]
