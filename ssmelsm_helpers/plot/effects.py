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
from . import style
from .style import COLOURS, GREY, HEIGHT, SHAPES, WIDTH

_WORLDS = ["common SD", "own SD, larger", "own SD, smaller"]


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
    for name, simulation in (("common", common), ("own", own)):
        if not isinstance(simulation, Simulation) or "sd" not in simulation.truth:
            raise TypeError(f"{name} must be what simulate_schools() returned; found {type(simulation).__name__}.")
    if not common.truth.index.equals(own.truth.index):
        raise ValueError(f"common and own must hold the same schools; found {len(common.truth)} and {len(own.truth)}.")
    ordered = own.truth["sd"].sort_values(kind="stable").index
    order = ordered[evenly_spaced(len(ordered), min(schools, len(ordered)))]
    larger = (own.truth["sd"] >= common.truth["sd"])[order]
    parts = [_side("common", common, order, _WORLDS[0]), _side("own", own, order, np.where(larger, *_WORLDS[1:]))]
    students, bars = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    (low, high), (own_low, own_high) = bars.groupby("side")["observed_sd"].agg(["min", "max"]).to_numpy()
    description = (
        f"Strip plot of students' scores (vertical) in {len(order)} of {len(ordered)} simulated schools (horizontal), from the smallest "
        f"to the largest SD of its own (school {order[0]} to school {order[-1]}). Each school has two columns. In the left one all "
        f"schools have the same true SD, and observed SDs run by chance from {low:.2f} to {high:.2f}; in the right one each has "
        f"its own, and observed SDs run from {own_low:.2f} to {own_high:.2f}: the columns grow from left to right."
    )
    axis = alt.Axis(labelAngle=0)
    x = alt.X("label:N", sort=list(order.map(str)), title="School, in the order of its own SD", axis=axis)
    side = alt.XOffset("side:N", sort=["common", "own"])
    colour, shape = style.by_group("world:N", _WORLDS, [GREY, *COLOURS[:2]], [SHAPES[3], *SHAPES[:2]])
    score = alt.Y("score:Q", title="Score", scale=alt.Scale(zero=False))
    dots = alt.Chart(students).mark_circle(size=14, opacity=0.35, aria=False).encode(x, score, side, colour)
    base = alt.Chart(bars).encode(x, alt.Y("mean:Q", title="Score"), side, colour)
    rules = style.bars(base, "y", "low", "high", strokeWidth=3, opacity=1)
    tooltip = style.told("world", label="school") + style.told("planted_sd", "observed_sd", "mean", form=".2f")
    means = style.points(base, shape, tooltip=tooltip, size=70, opacity=1)
    return alt.layer(dots, rules, means).properties(width=WIDTH, height=HEIGHT, description=description)


def _side(side: str, simulation: Simulation, order: pd.Index, world) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The chosen schools' students in one simulation, and a row per school."""
    mean, sd = (simulation.schools.loc[order, name] for name in ("mean", "sd"))
    schools = pd.DataFrame({"label": order.map(str), "side": side, "world": world}, index=order)
    students = simulation.students.join(schools, on="school", how="inner").drop(columns="school").round({"score": 3})
    planted = simulation.truth.loc[order, "sd"]
    return students, schools.assign(mean=mean, observed_sd=sd, planted_sd=planted, low=mean - sd, high=mean + sd)


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
    threshold = style.checked_threshold(threshold)
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
    look = {"scale": alt.Scale(domain=[0, 1]), "axis": alt.Axis(tickCount=10, format=".1f")}
    x, y = alt.X("pip_x:Q", title=f"PIP of {first}", **look), alt.Y("pip_y:Q", title=f"PIP of {second}", **look)
    base = base.encode(x, y)
    colour, shape = style.by_group("flagged:N", groups, _GROUP_COLOURS, _GROUP_SHAPES)
    tooltip = style.told(label="school", n="students")
    for axis, effect in (("x", first), ("y", second)):
        tooltip += style.told(form=".3f", **{f"pip_{axis}": f"PIP of {effect}"})
        tooltip += style.told(form=".2f", **{f"bf_{axis}": f"Bayes factor of {effect}"})
    chart = alt.layer(
        style.dashed_line(base, "x"),
        style.dashed_line(base, "y"),
        style.bars(base, "x", "x_low", "x_high", colour),
        style.bars(base, "y", "y_low", "y_high", colour),
        style.points(base, colour, shape, tooltip=tooltip, size=75),
        style.labels(base, "datum.flagged != 'neither'", "marked:N", align="right", dx=-6, dy=-9),
    )
    chart = chart.add_params(style.threshold_slider(threshold))
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
        low, high = style.error_ends(table)
        columns |= {f"pip_{axis}": table["pip"], f"bf_{axis}": table["bayes_factor"].clip(upper=1e6)}
        columns |= {f"{axis}_low": low, f"{axis}_high": high}
        columns[f"arrow_{axis}"] = np.where(table["prob_more_variable"] >= 0.5, "▲", "▼")
    return pd.DataFrame(columns).assign(label=texts(table.index), n=table["n"]).reset_index(drop=True)


def _describe_two(table: pd.DataFrame, first: str, second: str, threshold: float) -> str:
    at_x, at_y = table["pip_x"] >= threshold, table["pip_y"] >= threshold
    x_only, y_only, both = (
        style.listed(table.loc[which, "label"]) for which in (at_x & ~at_y, at_y & ~at_x, at_x & at_y)
    )
    return (
        f"Scatter plot of two PIPs of {len(table)} schools: {first} (horizontal, 0 to 1) and {second} (vertical, 0 to 1), with "
        f"dashed lines at the threshold {threshold:g}, which cut the square into four. At or above it in {first} only: schools "
        f"{x_only}; in {second} only: {y_only}; in both: {both}; in neither: "
        f"{int((~at_x & ~at_y).sum())} schools, with median PIPs {table['pip_x'].median():.2f} and {table['pip_y'].median():.2f} "
        f"over all schools."
    )
