"""Charts of several fits: what they draw, what they say, what they refuse."""

import pytest

import ssmelsm_helpers as sm


@pytest.fixture(scope="module")
def fits():
    """The same thirty schools under two inclusion priors."""
    schools = sm.simulate_schools(n_schools=30, tau_t=0.5, inclusion=0.3, random_seed=4).schools
    return {
        f"pi = {pi}": sm.fit_schools(schools, inclusion_prior=pi, sampler="importance", random_seed=1)
        for pi in (0.5, 0.1)
    }


def test_pip_comparison_places_every_school_by_its_two_pips(fits):
    spec = sm.plot.pip_comparison(fits).to_dict()
    (points,) = [data for data in spec["datasets"].values() if len(data) == 30]
    tables = [sm.pip_table(fit) for fit in fits.values()]
    for row in points:
        school = int(row["label"])
        assert row["x"] == pytest.approx(tables[0].loc[school, "pip"])
        assert row["y"] == pytest.approx(tables[1].loc[school, "pip"])
    lost = tables[0].index[(tables[0]["pip"] >= 0.75) & (tables[1]["pip"] < 0.75)]
    assert f"Only in pi = 0.5: {', '.join(map(str, lost)) or 'none'}." in spec["description"]


def test_formulations_chart_has_a_point_per_school_and_fit(fits):
    spec = sm.plot.formulations(fits).to_dict()
    (points,) = [data for data in spec["datasets"].values() if len(data) == 60]
    assert {row["fit"] for row in points} == set(fits)
    assert all(0 <= row["pip_low"] <= row["pip"] <= row["pip_high"] <= 1 for row in points)
    first, second = (sm.pip_table(fit)["pip"] for fit in fits.values())
    assert f"{(first - second).abs().max():.3f}" in spec["description"]


def test_fits_that_cannot_be_compared_are_refused(fits):
    with pytest.raises(ValueError, match="fits must be a dict of 2 fits by name; found 1"):
        sm.plot.pip_comparison({"one": next(iter(fits.values()))})
    with pytest.raises(ValueError, match="fits must be a dict of 2 to 5 fits by name; found DataTree"):
        sm.plot.formulations(next(iter(fits.values())))
    other = sm.fit_schools(sm.simulate_schools(n_schools=8, random_seed=1).schools, sampler="importance", random_seed=1)
    with pytest.raises(ValueError, match="fits must be of the same schools, in the same order"):
        sm.plot.pip_comparison({"a": other, "b": next(iter(fits.values()))})
