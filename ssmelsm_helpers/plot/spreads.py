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
from . import style
from .style import COLOURS, GREY, HEIGHT, SHAPES, WIDTH


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
    rows = _slab_ratios(fit).nlargest(schools, "pip").sort_values("ratio")
    first, last = rows.loc[rows["ratio"].idxmin()], rows.loc[rows["ratio"].idxmax()]
    description = (
        f"Interval plot of the SD ratio (horizontal, 1 is the common SD) of the top {len(rows)} {units} by PIP (vertical, sorted "
        f"by ratio): from {first['ratio']:.2f} ({first['label']}) to {last['ratio']:.2f} ({last['label']}), each given the slab. "
        f"A ring at 1 shows the probability of no deviation at all; it is smallest for {rows.loc[rows['pip'].idxmax(), 'label']}."
    )
    tooltip = style.told(label=fit.attrs.get("school", "school"))
    tooltip += style.told("ratio", "lower", "upper", "pip", "spike", form=".3f")
    colour, shape = (alt.condition("datum.ratio >= 1", *map(alt.value, looks[:2])) for looks in (COLOURS, SHAPES))
    scale = alt.Scale(type="log", nice=False, padding=10)
    x = alt.X("ratio:Q", title="SD ratio, given the slab (95 % interval)", scale=scale)
    y = alt.Y("label:N", sort=rows["label"].tolist(), title=units.capitalize())
    opacity = alt.Opacity("pip:Q", scale=None)  # the PIP is the opacity
    base = alt.Chart(rows).encode(x, y, opacity, color=colour)
    bars = style.bars(base, "x", "lower", "upper", strokeWidth=2.5)
    means = base.mark_point(filled=True, size=55, aria=False).encode(shape=shape, tooltip=tooltip)
    legend = alt.Legend(orient="bottom", values=[0.05, 0.2, 0.5], format=".2f")
    area = alt.Size("spike:Q", scale=alt.Scale(domain=[0, 1], range=[0, 600]), title="Spike (1 - PIP)", legend=legend)
    rings = alt.Chart(rows).mark_point(shape="circle", color=GREY, strokeWidth=1.5, aria=False)
    rings = rings.encode(alt.XDatum(1), y, area, tooltip=tooltip)
    return alt.layer(bars, rings, means).properties(width=WIDTH, height=15 * len(rows), description=description)


def _slab_ratios(fit: xr.DataTree) -> pd.DataFrame:
    """Mean and 95 % interval of exp(t) given delta = 1, per school; NaN where the slab was never visited."""
    t = style.draws_of_t(fit)
    in_slab = fit["posterior"]["delta"] == 1
    ratios = pd.DataFrame(np.exp(t.where(in_slab)).to_numpy().reshape(-1, t.sizes["school"]))
    table = pip_table(fit)
    columns = {"label": texts(table.index), "pip": table["pip"].to_numpy(), "ratio": ratios.mean()}
    columns |= {"lower": ratios.quantile(0.025), "upper": ratios.quantile(0.975)}
    return pd.DataFrame(columns).assign(spike=1 - columns["pip"])


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
    low, high = chance_band(sizes, sd_within, level=level)
    x = alt.X("n:Q", title="Number of students" if units == "schools" else "n", scale=alt.Scale(type="log", nice=False))
    sd = {"title": f"Observed SD within {units}", "scale": alt.Scale(zero=True)}
    band = alt.Chart(pd.DataFrame({"n": sizes, "low": low, "high": high})).mark_area(
        opacity=0.18, color=GREY, aria=False
    )
    base = alt.Chart(rows).encode(x, alt.Y("sd:Q", **sd))
    colour, shape = style.by_group("position:N", POSITIONS, [*COLOURS[:2], GREY], [*SHAPES[:2], SHAPES[3]])
    tooltip = style.told(label=table.index.name or "label", n="n", position="position") + style.told("sd", form=".3f")
    chart = alt.layer(
        band.encode(x, alt.Y("low:Q", **sd), alt.Y2("high")),
        style.dashed_line(base, "y", sd_within),
        style.points(base, colour, shape, tooltip=tooltip, size=55),
    )
    return chart.properties(width=WIDTH, height=HEIGHT, description=description)
