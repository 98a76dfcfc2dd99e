"""Charts of the schools' spread."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_count, check_probability, check_text
from ..data.chance import POSITIONS, against_chance, chance_band, pooled
from ..data.labels import texts
from ..data.schools import check_summary
from ..results.pips import pip_table
from .style import COLOURS, DASHED, GREY, HEIGHT, LEGEND, SHAPES, WIDTH, check_scale_effect, label_tooltip


def caterpillar(fit: xr.DataTree, *, schools: int = 30, units: str = "schools") -> alt.LayerChart:
    """SD ratios with their intervals, and the spike's mass at a ratio of one.

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    schools : int, default 30
        How many schools to show: those with the highest PIPs, sorted by SD ratio.
    units : str, default "schools"
        What the groups are, in the plural: "clinics", "patients".

    Returns
    -------
    altair.LayerChart
        Per school: the slab's mean and central 95 % interval of exp(t), more opaque the higher the PIP, and
        a ring at 1 whose area is the spike's mass, 1 - PIP.

    Raises
    ------
    ValueError, TypeError
        `schools` is not a positive whole number, `units` is no text, or `fit` is no fit with one selected scale effect.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> "top 5" in sm.plot.caterpillar(result, schools=5).to_dict()["description"]
    True
    """
    check_count("schools", schools)
    check_text("units", units)
    check_scale_effect(fit)
    rows = _slab_ratios(fit).nlargest(schools, "pip").sort_values("ratio")
    first, last = rows.loc[rows["ratio"].idxmin()], rows.loc[rows["ratio"].idxmax()]
    description = (
        f"Interval plot of the SD ratio (horizontal, 1 is the common SD) of the top {len(rows)} {units} by PIP (vertical, sorted "
        f"by ratio): from {first['ratio']:.2f} ({first['label']}) to {last['ratio']:.2f} ({last['label']}), each given the slab. "
        f"A ring at 1 shows the probability of no deviation at all; it is smallest for {rows.loc[rows['pip'].idxmax(), 'label']}."
    )
    base = alt.Chart(rows).encode(alt.Y("label:N", sort=rows["label"].tolist(), title=units.capitalize()))
    opacity = alt.Opacity("pip:Q", scale=None)  # the PIP is the opacity
    colour = alt.condition("datum.ratio >= 1", alt.value(COLOURS[0]), alt.value(COLOURS[1]))
    tooltip = [label_tooltip(fit), *(alt.Tooltip(f"{c}:Q", format=".3f") for c in _RATIO_COLUMNS)]
    x = alt.X(
        "lower:Q", title="SD ratio, given the slab (95 % interval)", scale=alt.Scale(type="log", nice=False, padding=10)
    )
    bars = base.mark_rule(strokeWidth=2.5, aria=False).encode(x, alt.X2("upper"), opacity=opacity, color=colour)
    shape = alt.condition("datum.ratio >= 1", alt.value(SHAPES[0]), alt.value(SHAPES[1]))
    means = base.mark_point(filled=True, size=55, aria=False).encode(
        alt.X("ratio:Q"), opacity=opacity, color=colour, shape=shape, tooltip=tooltip
    )
    legend = alt.Legend(orient="bottom", values=[0.05, 0.2, 0.5], format=".2f")
    area = alt.Size("spike:Q", scale=alt.Scale(domain=[0, 1], range=[0, 600]), title="Spike (1 - PIP)", legend=legend)
    rings = base.mark_point(shape="circle", color=GREY, strokeWidth=1.5, aria=False).encode(
        x=alt.datum(1), size=area, tooltip=tooltip
    )
    return alt.layer(bars, rings, means).properties(width=WIDTH, height=15 * len(rows), description=description)


_RATIO_COLUMNS = ["ratio", "lower", "upper", "pip", "spike"]


def _slab_ratios(fit) -> pd.DataFrame:
    """Mean and 95 % interval of exp(t) given delta = 1, per school; NaN where the slab was never visited."""
    posterior = fit["posterior"].to_dataset()
    sample = ("chain", "draw")
    in_slab = posterior["delta"] == 1
    visited = in_slab.any(sample)
    # A mean of no draws would warn; its place is taken before, and left empty after.
    ratio = np.exp(posterior["t"].where(in_slab)).where(visited, 1.0)
    lower, upper = ratio.quantile([0.025, 0.975], dim=sample).where(visited).to_numpy()
    table = pip_table(fit)
    mean = ratio.mean(sample).where(visited).to_numpy()
    columns = {"ratio": mean, "lower": lower, "upper": upper, "pip": table["pip"].to_numpy()}
    return pd.DataFrame(columns).assign(spike=1 - columns["pip"], label=texts(table.index))


def school_sds(schools: pd.DataFrame, *, level: float = 0.95, units: str = "schools") -> alt.LayerChart:
    """Observed school SDs against school size, with the band that chance alone would give.

    Parameters
    ----------
    schools : pandas.DataFrame
        A school summary (n, mean, sd). Schools of a single student have no SD and are left out; the
        description counts them.
    level : float, default 0.95
        Share of schools that the band holds if all had the pooled SD and normal scores.
    units : str, default "schools"
        What the groups are, in the plural: "clinics", "patients".

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        The summary is malformed, the level is not between 0 and 1, or `units` is no text.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> chart = sm.plot.school_sds(sm.load_saeb_schools())
    >>> "Left out: 1 with n = 1." in chart.to_dict()["description"]
    True
    """
    check_probability("level", level)
    check_text("units", units)
    table = check_summary(schools, school=None)
    rows = against_chance(table, level)
    rows = rows.assign(label=texts(rows.index)).reset_index(drop=True)
    sd_within = pooled(table)
    single = int((table["n"] == 1).sum())
    outside = int((rows["position"] != "inside").sum())
    left_out = f" Left out: {single} with n = 1." if single else ""
    description = (
        f"Scatter plot of the observed SD (vertical) against n (horizontal, logarithmic) of {len(rows)} {units}, with "
        f"the band around the pooled SD {sd_within:.2f} that would hold {level:.0%} of them by chance. The band narrows "
        f"as n grows; {outside} {units} lie outside, where chance would put {(1 - level) * len(rows):.0f}.{left_out}"
    )
    sizes = np.unique(np.geomspace(2, rows["n"].max(), 80).round().astype(int))
    band = pd.DataFrame(
        {"n": sizes, **dict(zip(("low", "high"), chance_band(sizes, sd_within, level=level), strict=True))}
    )
    x = alt.X("n:Q", title="Number of students" if units == "schools" else "n", scale=alt.Scale(type="log", nice=False))
    sd = alt.Y("low:Q", title=f"Observed SD within {units}", scale=alt.Scale(zero=True))
    area = alt.Chart(band).mark_area(opacity=0.18, color=GREY, aria=False).encode(x, sd, alt.Y2("high"))
    line = alt.Chart(pd.DataFrame({"one": [1]})).mark_rule(**DASHED).encode(y=alt.datum(sd_within))
    domain = list(POSITIONS)
    colours, shapes = [COLOURS[0], COLOURS[1], GREY], [SHAPES[0], SHAPES[1], SHAPES[3]]
    label = alt.Tooltip("label:N", title=table.index.name or "label")
    tooltip = [label, "n:Q", alt.Tooltip("sd:Q", format=".3f"), "position:N"]
    points = (
        alt.Chart(rows)
        .mark_point(filled=True, size=55, opacity=0.85, aria=False)
        .encode(
            x,
            alt.Y("sd:Q"),
            alt.Color("position:N", scale=alt.Scale(domain=domain, range=colours), legend=LEGEND),
            alt.Shape("position:N", scale=alt.Scale(domain=domain, range=shapes), legend=LEGEND),
            tooltip=tooltip,
        )
    )
    return alt.layer(area, line, points).properties(width=WIDTH, height=HEIGHT, description=description)
