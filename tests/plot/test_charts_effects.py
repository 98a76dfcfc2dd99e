"""Charts of several effects: the plotted numbers are the fit's, the text is made from them, bad arguments are refused."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm

PLAN = {"n_schools": 20, "n_students": 30, "inclusion": 1, "random_seed": 1}
EFFECTS = ["location[Intercept]", "scale[Intercept]"]


@pytest.fixture(scope="module")
def worlds():
    """The same schools with a common SD and with their own."""
    return tuple(sm.simulate_schools(tau_t=tau_t, **PLAN) for tau_t in (0, 0.4))


@pytest.fixture(scope="module")
def fit():
    """A short fit with two indicators per school."""
    students = sm.simulate_schools(n_schools=10, n_students=20, tau_t=0.6, inclusion=0.5, random_seed=1).students
    formulas = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
    return sm.fit(*formulas, students, select="both", draws=50, tune=50, chains=1, random_seed=1, progressbar=False)


def data_with(chart, column) -> pd.DataFrame:
    """Rows of the data set of a chart that has a column."""
    (rows,) = (rows for rows in chart.to_dict()["datasets"].values() if column in rows[0])
    return pd.DataFrame(rows)


def test_common_and_own_show_the_simulated_students(worlds):
    chart = sm.plot.common_and_own_sd(*worlds, schools=5)
    bars = data_with(chart, "observed_sd").set_index(["side", "label"])
    assert len(bars) == 10
    for side, simulation in zip(("common", "own"), worlds, strict=True):
        shown = bars.loc[side]
        expected = simulation.schools.loc[shown.index.astype(int)]
        np.testing.assert_allclose(shown["observed_sd"], expected["sd"])
        np.testing.assert_allclose((shown["high"] + shown["low"]) / 2, expected["mean"])
        planted = shown["planted_sd"].to_numpy()
        assert (np.diff(planted) >= 0).all()
    assert len(data_with(chart, "score")) == 2 * 5 * PLAN["n_students"]


def test_direction_has_a_shape(worlds):
    bars = data_with(sm.plot.common_and_own_sd(*worlds), "observed_sd")
    own = bars[bars["side"] == "own"].set_index("label")
    common_sd = worlds[0].truth["sd"].iloc[0]
    assert ((own["planted_sd"] > common_sd) == (own["world"] == "own SD, larger")).all()
    assert {"own SD, larger", "own SD, smaller"} == set(own["world"])
    encoding = next(
        layer["encoding"]
        for layer in sm.plot.common_and_own_sd(*worlds).to_dict()["layer"]
        if "shape" in layer["encoding"]
    )
    assert len(set(encoding["shape"]["scale"]["range"])) == len(set(encoding["color"]["scale"]["range"])) == 3


def test_description_of_common_and_own_is_made_from_the_data(worlds):
    text = sm.plot.common_and_own_sd(*worlds, schools=20).to_dict()["description"]
    for simulation in worlds:
        sd = simulation.schools["sd"]
        assert f"from {sd.min():.2f} to {sd.max():.2f}" in text
    assert "20 of 20 simulated schools" in text


def test_more_schools_than_there_are(worlds):
    assert "20 of 20" in sm.plot.common_and_own_sd(*worlds, schools=99).to_dict()["description"]


def test_common_and_own_must_be_the_same_schools(worlds):
    other = sm.simulate_schools(n_schools=3, n_students=5, random_seed=1)
    with pytest.raises(ValueError, match=r"common and own must hold the same schools; found .20, 3."):
        sm.plot.common_and_own_sd(worlds[0], other)
    with pytest.raises(ValueError, match="schools must be a whole number of at least 1; found 0"):
        sm.plot.common_and_own_sd(*worlds, schools=0)


def test_two_effects_are_those_of_the_tables(fit):
    rows = data_with(sm.plot.two_effects(fit, EFFECTS), "x")
    for axis, effect in zip("xy", EFFECTS, strict=True):
        table = sm.pip_table(fit, effect=effect)
        np.testing.assert_allclose(rows[axis], table["pip"])
        np.testing.assert_allclose(rows[f"{axis}_high"], (table["pip"] + 2 * table["pip_mcse"]).clip(upper=1))
        assert (rows[f"{axis}_arrow"] == np.where(table["prob_more_variable"] >= 0.5, "▲", "▼")).all()


def test_the_effects_can_change_places(fit):
    default, turned = sm.plot.two_effects(fit), sm.plot.two_effects(fit, EFFECTS[::-1])
    np.testing.assert_allclose(data_with(default, "x")["x"], data_with(turned, "x")["y"])
    assert default.to_dict()["description"] != turned.to_dict()["description"]


@pytest.mark.parametrize("threshold", [0.5, 0.75, 0.9])
def test_groups_drawn_are_those_described(fit, threshold):
    """The Vega expressions, evaluated by Vega itself, agree with the tables and with the text."""
    vl_convert = pytest.importorskip("vl_convert")
    chart = sm.plot.two_effects(fit, EFFECTS, threshold=threshold)
    first, second = (sm.pip_table(fit, effect=effect)["pip"] >= threshold for effect in EFFECTS)
    arrows = pd.DataFrame(
        {e: sm.pip_table(fit, effect=e)["prob_more_variable"].ge(0.5).map({True: "▲", False: "▼"}) for e in EFFECTS}
    )
    marked = set(re.findall(r">(\d+ [▲▼ ]+)</text>", vl_convert.vegalite_to_svg(json.dumps(chart.to_dict()))))
    expected = {
        " ".join(
            [
                str(school),
                *(arrows.loc[school, e] for e, on in zip(EFFECTS, (first, second), strict=True) if on[school]),
            ]
        )
        for school in first.index[first | second]
    }
    assert marked == expected
    both = ", ".join(map(str, first.index[first & second])) or "none"
    assert f"in both: {both};" in chart.to_dict()["description"]


def test_groups_have_shapes_and_colours_of_their_own(fit):
    layers = sm.plot.two_effects(fit).to_dict()["layer"]
    encoding = next(layer["encoding"] for layer in layers if "shape" in layer["encoding"])
    assert len(set(encoding["shape"]["scale"]["range"])) == len(set(encoding["color"]["scale"]["range"])) == 4


def test_slider_starts_at_the_threshold(fit):
    (parameter,) = sm.plot.two_effects(fit, threshold=0.8).to_dict()["params"]
    assert (parameter["name"], parameter["value"], parameter["bind"]["input"]) == ("threshold", 0.8, "range")


@pytest.mark.parametrize(
    "effects", [["scale[Intercept]"], "scale[Intercept]", ["scale[Intercept]"] * 2, ["scale[x]", EFFECTS[0]], []]
)
def test_two_known_effects_are_needed(fit, effects):
    with pytest.raises(ValueError, match="effects must name two of the selected effects"):
        sm.plot.two_effects(fit, effects)


def test_two_effect_chart_needs_a_fit_with_two(importance_fit, saeb_schools):
    with pytest.raises(ValueError, match=r"effects must name two of the selected effects \['scale\[Intercept\]'\]"):
        sm.plot.two_effects(importance_fit)
    with pytest.raises(TypeError, match="fit must be a DataTree"):
        sm.plot.two_effects(saeb_schools)
