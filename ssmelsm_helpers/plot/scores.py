"""Students' scores, school by school: level and consistency in one picture."""

import json

import altair as alt
import numpy as np
import pandas as pd

from ..arguments import check_count, require
from ..data.frames import refuse_missing, table_of
from ..data.labels import texts
from ..fitting.tree import evenly_spaced
from ..model.simulate import Simulation
from . import style
from .naming import Called, Names, title

_MOST = 6
_ROW, _DOT, _COLUMNS = 90, 8, 75  # pixels of a school and a dot, and how many dots fit side by side
_WORLDS = ["common SD", "own SD, larger", "own SD, smaller"]


def few_schools(
    students: pd.DataFrame, *, outcome: str, school: str, units: Called = "schools", unit: str | None = None
) -> alt.LayerChart:
    """Scores of two to six schools: every student a dot in a heap, the mean a tick, one SD to either side a bar.

    Parameters
    ----------
    students : data frame
        One row per student.
    outcome, school : str
        Columns with the scores and the schools' labels.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.
    unit : str, optional
        The outcome's unit, such as "points", for means and SDs.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        A column is missing, there are too few or too many schools, or one has fewer than two students.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> students = pd.DataFrame({"school": ["A", "A", "B", "B"], "score": [1.0, 3.0, 0.0, 4.0]})
    >>> sm.plot.few_schools(students, outcome="score", school="school").to_dict()["description"][:60]
    'Scores of 2 schools, a row each. School A: 2 students, mean '
    """
    names = Names.of(units)
    require(outcome != school, "outcome and school must be different columns", outcome)
    table = table_of(students, {outcome: "outcome", school: "school"}, argument="students", outcome=outcome)
    refuse_missing(table[[school]], table[school].isna(), "students")
    by_school = table.groupby(school, sort=False)
    found = by_school[outcome].agg(n="size", mean="mean", sd="std")
    sizes = found["n"].to_dict()
    fine = 2 <= len(sizes) <= _MOST and min(sizes.values()) >= 2
    require(fine, f"students must be of 2 to {_MOST} schools with at least 2 students each", sizes)
    labels = texts(found.index)
    bars = found.assign(school=labels, low=found["mean"] - found["sd"], high=found["mean"] + found["sd"])
    words = f"{title(names.group)} {{school}}: {{n}} {names.members}, mean {{mean:.2f}}, SD {{sd:.2f}}"
    parts = bars.apply(words.format_map, axis=1)
    description = f"Scores of {len(found)} {names.groups}, a row each. {'; '.join(parts)}."
    dots = pd.DataFrame({"school": np.array(labels)[by_school.ngroup()], "score": table[outcome].round(3)})
    # Students with about the same score stand on each other, and a school is a heap: in pixels, its row from above.
    width = (dots["score"].max() - dots["score"].min()) / _COLUMNS or 1.0
    dots["height"] = dots.groupby([dots["school"], dots["score"].floordiv(width)]).cumcount()
    step = min(_DOT, 0.6 * _ROW / (dots["height"].max() + 1))
    rows = dict(zip(labels, range(0, _ROW * len(labels), _ROW), strict=True))
    dots["height"] = dots["school"].map(rows) + 0.7 * _ROW - step * dots["height"]
    bars["height"] = [at + 0.85 * _ROW for at in rows.values()]
    written = f"{json.dumps(labels)}[floor(datum.value / {_ROW})]"
    axis = alt.Axis(values=[at + _ROW / 2 for at in rows.values()], labelExpr=written, grid=False, ticks=False)
    scale = alt.Scale(domain=[_ROW * len(labels), 0], nice=False)
    y = alt.Y("height:Q", title=title(names.group), axis=axis, scale=scale)
    x = {"title": title("score", unit), "scale": alt.Scale(zero=False)}
    points = alt.Chart(dots).mark_point(size=0.7 * step**2, filled=True, opacity=0.85, color=style.GREY, aria=False)
    base = alt.Chart(bars).encode(alt.X("mean:Q", **x), y, tooltip=style.tooltip({}, {"mean": "mean", "sd": "sd"}))
    rule = style.bars(base, "x", "low", "high", strokeWidth=7, color=style.GREEN)
    tick = base.mark_tick(thickness=3, size=_ROW / 4, opacity=1, color=style.PINK, aria=False)
    points = points.encode(alt.X("score:Q", **x), y)
    return style.chart(description, points, rule, tick, height=_ROW * len(found))


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
    ValueError
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
    lengths = [len(common.truth), len(own.truth)]
    require(common.truth.index.equals(own.truth.index), "common and own must hold the same schools", lengths)
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
    x = alt.X("label:N", sort=list(order.map(str)), title="School, in the order of its own SD").axis(labelAngle=0)
    side = alt.XOffset("side:N", sort=["common", "own"])
    colour, shape = style.by_group("world:N", _WORLDS, [style.LOOKS[at] for at in (3, 0, 1)])
    score = alt.Y("score:Q", title="Score", scale=alt.Scale(zero=False))
    dots = alt.Chart(students).mark_circle(size=14, opacity=0.85, aria=False).encode(x, score, side, colour)
    base = alt.Chart(bars).encode(x, alt.Y("mean:Q", title="Score"), side, colour)
    numbers = {name: name for name in ("planted_sd", "observed_sd", "mean")}
    tooltip = style.tooltip({"label": "school", "world": "world"}, numbers)
    rules = style.bars(base, "y", "low", "high", strokeWidth=6)
    return style.chart(description, dots, rules, style.points(base, shape, tooltip=tooltip, size=70, opacity=1))


def _side(side: str, simulation: Simulation, order: pd.Index, world) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The chosen schools' students in one simulation, and a row per school."""
    mean, sd = (simulation.schools.loc[order, name] for name in ("mean", "sd"))
    schools = pd.DataFrame({"label": order.map(str), "side": side, "world": world}, index=order)
    students = simulation.students.join(schools, on="school", how="inner").drop(columns="school").round({"score": 3})
    planted = simulation.truth.loc[order, "sd"]
    return students, schools.assign(mean=mean, observed_sd=sd, planted_sd=planted, low=mean - sd, high=mean + sd)
