"""Charts of effects: schools with a common SD beside schools with their own, and two effects per school."""

from __future__ import annotations

import json
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_count, shown
from ..data.labels import texts
from ..fitting.tree import evenly_spaced
from ..model.simulate import Simulation
from ..results.pips import pip_table, posterior_of_fit, selected_names
from .style import COLOURS, DASHED, GREY, HEIGHT, LEGEND, SHAPES, WIDTH, checked_threshold, error_ends, threshold_slider

_WORLDS = ("common SD", "own SD, larger", "own SD, smaller")


def common_and_own_sd(common: Simulation, own: Simulation, *, schools: int = 12) -> alt.LayerChart:
    """The same simulated schools twice: with the SD they have in common, and with SDs of their own.

    Parameters
    ----------
    common, own : Simulation
        What `simulate_schools` returned for the same schools, such as ``tau_t=0`` and ``tau_t=0.3`` with the same seed.
    schools : int, default 12
        How many to show, evenly spaced among all in the order of their own planted SD.

    Returns
    -------
    altair.LayerChart
        Per school two columns of students' scores, each with a bar from one observed SD below the observed mean to
        one above.

    Raises
    ------
    ValueError, TypeError
        The simulations are not of the same schools, or `schools` is not a positive whole number.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> plan = {"n_schools": 20, "n_students": 30, "inclusion": 1, "random_seed": 1}
    >>> common, own = (sm.simulate_schools(tau_t=tau_t, **plan) for tau_t in (0, 0.3))
    >>> "12 of 20 simulated schools" in sm.plot.common_and_own_sd(common, own).to_dict()["description"]
    True
    """
    check_count("schools", schools)
    _check_same_schools(common, own)
    order = _evenly_spaced(own.truth["sd"], schools)
    students, bars = _columns(common, own, order)
    axis = alt.Axis(labelAngle=0)
    x = alt.X("label:N", sort=[str(label) for label in order], title="School, in the order of its own SD", axis=axis)
    side = alt.XOffset("side:N", sort=["common", "own"])
    domain, shapes = list(_WORLDS), [SHAPES[3], *SHAPES[:2]]
    colour = alt.Color("world:N", scale=alt.Scale(domain=domain, range=[GREY, *COLOURS[:2]]), legend=LEGEND)
    score = alt.Y("score:Q", title="Score", scale=alt.Scale(zero=False))
    dots = alt.Chart(students).mark_circle(size=14, opacity=0.35, aria=False).encode(x, score, side, colour)
    base = alt.Chart(bars)
    ends = alt.Y("low:Q", title="Score"), alt.Y2("high")
    rules = base.mark_rule(strokeWidth=3, aria=False).encode(x, *ends, side, colour)
    numbers = [alt.Tooltip(f"{name}:Q", format=".2f") for name in ("planted_sd", "observed_sd", "mean")]
    means = base.mark_point(filled=True, size=70, opacity=1, aria=False).encode(
        x,
        alt.Y("mean:Q"),
        side,
        colour,
        alt.Shape("world:N", scale=alt.Scale(domain=domain, range=shapes), legend=LEGEND),
        tooltip=[alt.Tooltip("label:N", title="school"), "world:N", *numbers],
    )
    chart = alt.layer(dots, rules, means)
    return chart.properties(width=WIDTH, height=HEIGHT, description=_describe_worlds(bars, order, len(own.truth)))


def _check_same_schools(common, own) -> None:
    for name, simulation in (("common", common), ("own", own)):
        if not isinstance(simulation, Simulation) or "sd" not in simulation.truth:
            raise TypeError(f"{name} must be what simulate_schools() returned; found {type(simulation).__name__}.")
    if not common.truth.index.equals(own.truth.index):
        raise ValueError(f"common and own must hold the same schools; found {len(common.truth)} and {len(own.truth)}.")


def _evenly_spaced(sd: pd.Series, count: int) -> list:
    """Labels of some schools, from the smallest to the largest SD."""
    ordered = sd.sort_values(kind="stable").index
    places = evenly_spaced(len(ordered), min(count, len(ordered)))
    return [ordered[place] for place in places]


def _columns(common: Simulation, own: Simulation, order) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Students of the chosen schools in both simulations, and a row per school and simulation."""
    students, bars = [], []
    for side, simulation in (("common", common), ("own", own)):
        larger = own.truth.loc[order, "sd"] >= common.truth.loc[order, "sd"]
        world = (
            pd.Series(_WORLDS[0], index=order)
            if side == "common"
            else larger.map({True: _WORLDS[1], False: _WORLDS[2]})
        )
        rows = simulation.students[simulation.students["school"].isin(order)]
        columns = {"label": rows["school"].astype(str), "score": rows["score"].round(3), "side": side}
        students.append(pd.DataFrame(columns | {"world": rows["school"].map(world)}))
        mean, sd = (simulation.schools.loc[order, name] for name in ("mean", "sd"))
        columns = {
            "label": [str(label) for label in order],
            "side": side,
            "world": world,
            "mean": mean,
            "observed_sd": sd,
        }
        columns |= {"planted_sd": simulation.truth.loc[order, "sd"], "low": mean - sd, "high": mean + sd}
        bars.append(pd.DataFrame(columns))
    return pd.concat(students, ignore_index=True), pd.concat(bars, ignore_index=True)


def _describe_worlds(bars: pd.DataFrame, order, total: int) -> str:
    observed = bars.groupby("side")["observed_sd"].agg(["min", "max"])
    low, high = observed.loc["common"]
    own_low, own_high = observed.loc["own"]
    return (
        f"Strip plot of students' scores (vertical) in {len(order)} of {total} simulated schools (horizontal), from the smallest "
        f"to the largest SD of its own (school {order[0]} to school {order[-1]}). Each school has two columns. In the left one all "
        f"schools have the same true SD, and observed SDs run by chance from {low:.2f} to {high:.2f}; in the right one each has "
        f"its own, and observed SDs run from {own_low:.2f} to {own_high:.2f}: the columns grow from left to right."
    )


# A shape for each combination; the verdicts' triangles are left to directions.
_GROUP_SHAPES = ["circle", "square", "triangle-right", "cross"]
_GROUP_COLOURS = [GREY, "#00876C", "#B0568C", "#9C6A00"]


def two_effects(fit: xr.DataTree, effects: Sequence[str] | None = None, *, threshold: float = 0.75) -> alt.LayerChart:
    """PIPs of two effects of every school: which schools are unusual in one way, which in the other, which in both.

    Parameters
    ----------
    fit : xarray.DataTree
        A fit with at least two selected effects.
    effects : sequence of two str, optional
        The effects on the horizontal and the vertical axis, such as ``["scale[Intercept]", "scale[ses]"]``.
        Default: the only two.
    threshold : float, default 0.75
        Where the slider starts.

    Returns
    -------
    altair.LayerChart
        Error bars are two Monte Carlo standard errors; ▲ and ▼ beside a label are the directions of the flagged effects.

    Raises
    ------
    ValueError, TypeError
        The effects are not two of the selected ones, the threshold is not between 0 and 1, or `fit` is no fit.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> students = sm.simulate_schools(n_schools=8, n_students=20, tau_t=0.5, inclusion=0.5, random_seed=1).students
    >>> result = sm.fit("score ~ 1 + (1 | school)", "~ 1 + (1 | school)", students, select="both",
    ...                 draws=20, tune=20, chains=1, random_seed=1)
    >>> sm.plot.two_effects(result).to_dict()["description"][:37]
    'Scatter plot of two PIPs of 8 schools'
    """
    threshold = checked_threshold(threshold)
    first, second = _two_effects(fit, effects)
    table = _two_pips(fit, first, second)
    groups = ["neither", f"{first} only", f"{second} only", "both"]
    marked = (
        "(datum.pip_x >= threshold ? ' ' + datum.arrow_x : '') + (datum.pip_y >= threshold ? ' ' + datum.arrow_y : '')"
    )
    x_only, y_only = map(json.dumps, groups[1:3])  # names may hold quotes
    place = f"datum.pip_x >= threshold ? (datum.pip_y >= threshold ? 'both' : {x_only})"
    base = alt.Chart(table).transform_calculate(
        flagged=f"{place} : (datum.pip_y >= threshold ? {y_only} : 'neither')", marked=f"datum.label + {marked}"
    )
    whole = alt.Scale(domain=[0, 1])
    titles, axis = (f"PIP of {first}", f"PIP of {second}"), alt.Axis(tickCount=10, format=".1f")
    x = alt.X("pip_x:Q", title=titles[0], scale=whole, axis=axis)
    y = alt.Y("pip_y:Q", title=titles[1], scale=whole, axis=axis)
    colour = alt.Color("flagged:N", scale=alt.Scale(domain=groups, range=_GROUP_COLOURS), legend=LEGEND)
    shape = alt.Shape("flagged:N", scale=alt.Scale(domain=groups, range=_GROUP_SHAPES), legend=LEGEND)
    bar = base.mark_rule(opacity=0.6, aria=False)
    sideways = bar.encode(alt.X("x_low:Q", title=titles[0]), alt.X2("x_high"), y, colour)
    upright = bar.encode(x, alt.Y("y_low:Q", title=titles[1]), alt.Y2("y_high"), colour)
    points = base.mark_point(filled=True, size=75, opacity=0.85, aria=False).encode(
        x, y, colour, shape, tooltip=_two_effects_tooltip(first, second)
    )
    labels = base.transform_filter("datum.flagged != 'neither'").mark_text(
        align="right", dx=-6, dy=-9, fontSize=11, aria=False
    )
    chart = alt.layer(*_threshold_lines(*titles), sideways, upright, points, labels.encode(x, y, text="marked:N"))
    chart = chart.add_params(threshold_slider(threshold))
    return chart.properties(width=WIDTH, height=400, description=_describe_two(table, first, second, threshold))


def _two_effects(fit, effects) -> tuple[str, str]:
    posterior_of_fit(fit)
    known = selected_names(fit)
    chosen = known if effects is None else [effects] if isinstance(effects, str) else list(effects)
    if len(chosen) != 2 or len(set(chosen)) != 2 or any(name not in known for name in chosen):
        raise ValueError(f"effects must name two of the selected effects {known}; found {shown(effects)}.")
    return chosen[0], chosen[1]


def _two_pips(fit, first: str, second: str) -> pd.DataFrame:
    """PIPs, their error bars, Bayes factors and directions of both effects; one row per school."""
    columns = {}
    for axis, effect in (("x", first), ("y", second)):
        table = pip_table(fit, effect=effect)
        low, high = error_ends(table)
        columns |= {f"pip_{axis}": table["pip"], f"bf_{axis}": table["bayes_factor"].clip(upper=1e6)}
        columns |= {f"{axis}_low": low, f"{axis}_high": high}
        columns[f"arrow_{axis}"] = np.where(table["prob_more_variable"] >= 0.5, "▲", "▼")
    return pd.DataFrame(columns).assign(label=texts(table.index), n=table["n"]).reset_index(drop=True)


def _two_effects_tooltip(first: str, second: str) -> list[alt.Tooltip]:
    each = [
        (f"{column}_{axis}:{kind}", f"{word} of {effect}", form)
        for axis, effect in (("x", first), ("y", second))
        for column, kind, word, form in (("pip", "Q", "PIP", ".3f"), ("bf", "Q", "Bayes factor", ".2f"))
    ]
    shown_numbers = [alt.Tooltip(field, title=title, format=form) for field, title, form in each]
    return [alt.Tooltip("label:N", title="school"), alt.Tooltip("n:Q", title="students"), *shown_numbers]


def _threshold_lines(x: str, y: str) -> list[alt.Chart]:
    """A dashed line at the threshold of either axis."""
    one = alt.Chart(pd.DataFrame({"one": [1]})).transform_calculate(at="threshold")
    line = one.mark_rule(**DASHED)
    return [line.encode(alt.X("at:Q", title=x)), line.encode(alt.Y("at:Q", title=y))]


def _describe_two(table: pd.DataFrame, first: str, second: str, threshold: float) -> str:
    at_x, at_y = table["pip_x"] >= threshold, table["pip_y"] >= threshold

    def schools(which) -> str:
        return ", ".join(table.loc[which, "label"]) or "none"

    return (
        f"Scatter plot of two PIPs of {len(table)} schools: {first} (horizontal, 0 to 1) and {second} (vertical, 0 to 1), with "
        f"dashed lines at the threshold {threshold:g}, which cut the square into four. At or above it in {first} only: schools "
        f"{schools(at_x & ~at_y)}; in {second} only: {schools(at_y & ~at_x)}; in both: {schools(at_x & at_y)}; in neither: "
        f"{int((~at_x & ~at_y).sum())} schools, with median PIPs {table['pip_x'].median():.2f} and {table['pip_y'].median():.2f} "
        f"over all schools."
    )
