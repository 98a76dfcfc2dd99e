"""Charts say what they show, and the verdict computed in the browser is the table's."""

import json

import altair as alt
import numpy as np
import pandas as pd
import pytest

import ssmelsm_helpers as sm
from ssmelsm_helpers.data.chance import chance_band
from ssmelsm_helpers.plot.pip_charts import with_verdict

FIT_CHARTS = [sm.plot.pips, sm.plot.funnel, sm.plot.outcomes, sm.plot.caterpillar]


@pytest.fixture(scope="module")
def charts(importance_fit, saeb_schools):
    found = {make.__name__: make(importance_fit) for make in FIT_CHARTS}
    return found | {"school_sds": sm.plot.school_sds(saeb_schools)}


def test_every_chart_is_valid_and_describes_itself(charts):
    descriptions = [chart.to_dict()["description"] for chart in charts.values()]
    assert len(set(descriptions)) == len(descriptions)
    assert all(len(text) > 120 for text in descriptions)


def test_descriptions_come_from_the_data(importance_fit):
    """Another threshold flags other schools, and the text follows."""
    table = sm.pip_table(importance_fit, threshold=0.9)
    text = sm.plot.pips(importance_fit, threshold=0.9).to_dict()["description"]
    flagged = table.index[table["verdict"] == "more variable"]
    assert f"as more variable: {', '.join(map(str, flagged))};" in text


def test_nothing_is_jittered(importance_fit, charts):
    """The plotted values are the table's, in its order."""
    rows = _data_with(charts["funnel"], "pip_low")
    table = sm.pip_table(importance_fit)
    np.testing.assert_allclose([row["pip"] for row in rows], table["pip"])
    np.testing.assert_allclose([row["sd"] for row in rows], table["sd"])
    half = [(row["pip_high"] - row["pip_low"]) / 2 for row in rows if row["pip_low"] > 0 and row["pip_high"] < 1]
    assert np.allclose(half, 2 * table["pip_mcse"][[0 < p < 1 for p in table["pip"]]], atol=1e-12)


def test_slider_starts_at_the_threshold(importance_fit):
    for make in (sm.plot.pips, sm.plot.funnel):
        (parameter,) = make(importance_fit, threshold=0.8).to_dict()["params"]
        assert parameter["name"] == "threshold"
        assert parameter["value"] == 0.8
        assert parameter["bind"]["input"] == "range"


@pytest.mark.parametrize("threshold", [0.5, 0.7513, 0.75, 0.9, 0.99])
def test_verdict_expression_is_that_of_the_table(importance_fit, threshold):
    """The Vega expression, evaluated by Vega itself, agrees with `pip_table` at any threshold."""
    vl_convert = pytest.importorskip("vl_convert")
    table = sm.pip_table(importance_fit, threshold=threshold)
    rows = table.drop(columns="verdict").reset_index(drop=True)
    rows["place"] = range(len(rows))
    chart = with_verdict(alt.Chart(rows)).mark_text().encode(x="place:Q", y="pip:Q", text="verdict:N")
    spec = chart.add_params(alt.param(name="threshold", value=threshold)).to_dict()
    svg = vl_convert.vegalite_to_svg(json.dumps(spec))
    for verdict in ("more variable", "less variable", "unresolved", "not flagged"):
        assert svg.count(f">{verdict}</text>") == (table["verdict"] == verdict).sum(), verdict


def test_caterpillar_shows_slab_and_spike_apart(importance_fit, charts):
    rows = pd.DataFrame(_data_with(charts["caterpillar"], "ratio"))
    assert len(rows) == 30
    assert (rows["lower"] < rows["ratio"]).all()
    assert (rows["ratio"] < rows["upper"]).all()
    np.testing.assert_allclose(rows["spike"], 1 - rows["pip"])


def test_school_sd_chart_leaves_out_and_counts_single_students(saeb_schools, charts):
    rows = _data_with(charts["school_sds"], "sd")
    assert len(rows) == (saeb_schools["n"] > 1).sum()
    without = sm.plot.school_sds(saeb_schools[saeb_schools["n"] > 1]).to_dict()["description"]
    assert "single student" not in without


def test_chance_band_holds_what_it_says():
    """Of 20,000 SDs of equal schools, 95 % fall in the band, within four binomial standard errors."""
    sizes = np.full(20_000, 12)
    schools = sm.simulate_schools(n_schools=20_000, n_students=sizes, inclusion=0, eta=0.0, random_seed=3).schools
    low, high = chance_band(12, 1.0)
    share = schools["sd"].between(low, high).mean()
    assert abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 20_000)


@pytest.mark.parametrize("make", FIT_CHARTS[:3])
@pytest.mark.parametrize("threshold", [0, 1, 1.2, "high", np.nan])
def test_bad_threshold(importance_fit, make, threshold):
    with pytest.raises(ValueError, match="threshold must be a number between 0 and 1"):
        make(importance_fit, threshold=threshold)


def test_bad_arguments(importance_fit, saeb_schools):
    with pytest.raises(ValueError, match="schools must be a whole number of at least 1; found 0"):
        sm.plot.caterpillar(importance_fit, schools=0)
    with pytest.raises(ValueError, match="level must be a number between 0 and 1"):
        sm.plot.school_sds(saeb_schools, level=95)
    for wrong in ([1, 2], 2.5, True, np.nan):
        with pytest.raises(ValueError, match="n must be whole numbers of at least 2"):
            chance_band(wrong, 1.0)
    with pytest.raises(ValueError, match="sd must be a positive finite number; found"):
        chance_band(10, [1, 2])
    with pytest.raises(TypeError, match="fit must be a DataTree"):
        sm.plot.pips(saeb_schools)


def test_few_schools_that_print_alike_are_drawn_apart():
    students = pd.DataFrame({"school": pd.Series([1, "1"] * 3, dtype=object), "score": [1.0, 5.0, 2.0, 7.0, 3.0, 9.0]})
    chart = sm.plot.few_schools(students, outcome="score", school="school")
    assert "School 1 (int): 3 students, mean 2.00, SD 1.00; School 1 (str): 3 students, mean 7.00" in chart.description
    rows = pd.DataFrame(_data_with(chart, "score")).groupby("school")["score"].apply(list)
    assert rows.to_dict() == {"1 (int)": [1, 2, 3], "1 (str)": [5, 7, 9]}
    with pytest.raises(ValueError, match=r"students has 2 rows with missing values in \['school'\]"):
        sm.plot.few_schools(
            students.assign(school=["a", "", "b", " ", "a", "b"]),
            outcome="score",
            school="school",
        )


def _data_with(chart, column):
    """Rows of the first data set of a chart that has a column."""
    for rows in chart.to_dict()["datasets"].values():
        if column in rows[0]:
            return rows
    raise AssertionError(f"no data set has {column}")


def test_words_without_numbers_that_are_none(importance_fit, saeb_schools):
    """Nobody flagged, or a school that never was in the slab: the description says it instead of "nan"."""
    assert "None has a PIP of 0.99 or more" in sm.plot.outcomes(importance_fit, threshold=0.99).to_dict()["description"]
    few = sm.fit_schools(saeb_schools, sampler="importance", draws=1, chains=3, inclusion_prior=0.1, random_seed=2)
    never = few["posterior"]["school"][(few["posterior"]["delta"].sum(("chain", "draw")) == 0).to_numpy()].to_numpy()
    assert "nan" not in sm.plot.caterpillar(few, schools=160).to_dict()["description"]
    assert "all draws at zero" in sm.plot.spike_and_bump(few, never[:1]).to_dict()["description"]
