"""Charts of the schools' spread: observed, estimated, and with the posterior of single schools."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_count, require, sequence
from ..data.chance import POSITIONS, against_chance, chance_band, pooled
from ..data.labels import texts
from ..data.schools import check_summary
from . import style
from .naming import Called, Names, title

_MOST = 5
_BINS = 41


def school_sds(
    schools: pd.DataFrame, *, level: float = 0.95, units: Called = "schools", unit: str | None = None
) -> alt.LayerChart:
    """Observed school SDs against school size, with the band that chance alone would give.

    Parameters
    ----------
    schools : pandas.DataFrame
        A school summary (n, mean, sd). Schools of a single student have no SD and are left out; the
        description counts them.
    level : float, default 0.95
        Share of schools that the band holds if all had the pooled SD and normal scores.
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
        The summary is malformed, or the level is not between 0 and 1.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> chart = sm.plot.school_sds(sm.load_saeb_schools())
    >>> "Left out: 1 with n = 1." in chart.to_dict()["description"]
    True
    """
    names, table = Names.of(units), check_summary(schools)
    rows, sd_within = against_chance(table, level), pooled(table)
    rows = rows.assign(label=texts(rows.index)).reset_index(drop=True)
    outside, single = (rows["position"] != "inside").sum(), len(table) - len(rows)
    left_out = f" Left out: {single} with n = 1." if single else ""
    description = (
        f"Scatter plot of the observed SD (vertical) against n (horizontal, logarithmic) of {len(rows)} {names.groups}, with "
        f"the band around the pooled SD {sd_within:.2f} that would hold {level:.0%} of them by chance. The band narrows "
        f"as n grows; {outside} {names.groups} lie outside, where chance would put {(1 - level) * len(rows):.0f}.{left_out}"
    )
    sizes = np.unique(np.geomspace(2, rows["n"].max(), 80).round().astype(int))
    low, high = chance_band(sizes, sd_within, level=level)
    band = pd.DataFrame({"n": sizes, "low": low, "high": high})
    x = alt.X("n:Q", title=f"Number of {names.members}", scale=alt.Scale(type="log", nice=False))
    sd = {"title": title(f"observed SD within {names.groups}", unit), "scale": alt.Scale(zero=True)}
    # Its edge is what counts, and has to be seen.
    area = alt.Chart(band).mark_area(fillOpacity=0.18, stroke=style.GREY, color=style.GREY, aria=False)
    base = alt.Chart(rows).encode(x, alt.Y("sd:Q", **sd))
    colour, shape = style.by_group("position:N", POSITIONS, [style.LOOKS[at] for at in (0, 1, 3)])
    words = {"label": names.group, "n": names.members, "position": "position"}
    return style.chart(
        description,
        area.encode(x, alt.Y("low:Q", **sd), alt.Y2("high")),
        *style.dashed_lines(base, "y", sd_within),
        style.points(base, colour, shape, tooltip=style.tooltip(words, {"sd": "sd"}), size=55),
    )


def caterpillar(fit: xr.DataTree, *, schools: int = 30, units: Called = "schools") -> alt.LayerChart:
    """SD ratios with their intervals, and the spike's mass at a ratio of one.

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    schools : int, default 30
        How many schools to show: those with the highest PIPs, sorted by SD ratio.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.

    Returns
    -------
    altair.LayerChart
        Per school: the slab's mean and central 95 % interval of exp(t), and a ring at 1 whose area is the spike's
        mass, 1 - PIP.

    Raises
    ------
    ValueError, TypeError
        `schools` is not a positive whole number, or `fit` is no fit with one selected scale effect.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> "top 5" in sm.plot.caterpillar(result, schools=5).to_dict()["description"]
    True
    """
    names = Names.of(units)
    check_count("schools", schools)
    t = style.draws_of_t(fit)
    # Where the slab was never visited, all is NaN.
    ratios = pd.DataFrame(np.exp(t.where(fit["posterior"]["delta"] == 1)).to_numpy().reshape(-1, t.sizes["school"]))
    rows = style.pip_rows(fit)[["label", "pip"]].reset_index(drop=True)
    rows = rows.assign(spike=1 - rows["pip"], ratio=ratios.mean())
    rows = rows.assign(lower=ratios.quantile(0.025), upper=ratios.quantile(0.975))
    rows = rows.nlargest(schools, "pip").sort_values("ratio")
    first, last = rows.loc[rows["ratio"].idxmin()], rows.loc[rows["ratio"].idxmax()]
    description = (
        f"Interval plot of the SD ratio (horizontal, 1 is the common SD) of the top {len(rows)} {names.groups} by PIP (vertical, sorted "
        f"by ratio): from {first['ratio']:.2f} ({first['label']}) to {last['ratio']:.2f} ({last['label']}), each given the slab. "
        f"A ring at 1 shows the probability of no deviation at all; it is smallest for {rows.loc[rows['pip'].idxmax(), 'label']}."
    )
    shown = {name: name for name in ("ratio", "lower", "upper", "pip", "spike")}
    tooltip = style.tooltip({"label": names.group}, shown)
    looks = zip(*style.LOOKS[:2], strict=True)
    colour, shape = (alt.condition("datum.ratio >= 1", *map(alt.value, look)) for look in looks)
    x = alt.X("ratio:Q", title="SD ratio, given the slab (95 % interval)").scale(type="log", nice=False, padding=10)
    y = alt.Y("label:N", sort=rows["label"].tolist(), title=title(names.groups))
    base = alt.Chart(rows).encode(x, y, color=colour)
    bars = style.bars(base, "x", "lower", "upper", strokeWidth=2.5)
    means = base.mark_point(filled=True, size=90, opacity=1, aria=False).encode(shape=shape, tooltip=tooltip)
    legend = alt.Legend(orient="bottom", values=[0.05, 0.2, 0.5], format=".2f")
    area = alt.Size("spike:Q", scale=alt.Scale(domain=[0, 1], range=[0, 600]), title="Spike (1 - PIP)", legend=legend)
    rings = alt.Chart(rows).mark_point(shape="circle", color=style.GREY, strokeWidth=1.5, opacity=1, aria=False)
    rings = rings.encode(alt.XDatum(1), y, area, tooltip=tooltip)
    return style.chart(description, bars, rings, means, height=15 * len(rows))


def spike_and_bump(fit: xr.DataTree, schools: Sequence, *, units: Called = "schools") -> alt.Chart:
    """The posterior of t of a few schools: the share of draws at exactly zero, and the others' distribution.

    Parameters
    ----------
    fit : xarray.DataTree
        A fit of a model with one random effect in the scale.
    schools : sequence
        Labels of one to five schools.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.

    Returns
    -------
    altair.Chart

    Raises
    ------
    ValueError, TypeError
        There are too few or too many schools, or one is not in the fit; the model has several effects in the scale.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> sm.plot.spike_and_bump(result, [46, 39]).to_dict()["description"][:53]
    'Posteriors of the scale effect t of 2 schools, a row '
    """
    names, t = Names.of(units), style.draws_of_t(fit)
    known, chosen = list(t["school"].to_numpy()), sequence(schools) or []
    fine = 1 <= len(chosen) <= _MOST and all(label in known for label in chosen)
    require(fine, f"schools must be one to {_MOST} labels of the fit's schools", schools)
    printed = texts(known)
    draws = {printed[at]: t.isel(school=at).to_numpy().ravel() for at in map(known.index, chosen)}
    reach = max(float(abs(values).max()) for values in draws.values()) or 1.0
    edges = np.linspace(-reach, reach, _BINS + 1)
    spike = 0.5 * reach / _BINS
    bars = {"low": [*edges[:-1], -spike], "high": [*edges[1:], spike], "part": ["slab"] * _BINS + ["spike"]}
    rows, words = [], []
    for label, values in draws.items():
        others, at_zero = values[values != 0], (values == 0).mean()
        share = [*np.histogram(others, bins=edges)[0] / len(values), at_zero]
        rows.append(pd.DataFrame(bars | {"share": share, "school": f"{title(names.group)} {label}"}))
        where = "all draws at zero"
        if len(others):
            where = f"{at_zero:.0%} of the draws at zero, the others around {others.mean():.2f}"
        words.append(f"{names.group} {label}: {where}")
    description = (
        f"Posteriors of the scale effect t of {len(draws)} {names.groups}, a row each, as a bar at zero and a histogram. "
        f"{'; '.join(words)}."
    )
    chart = alt.Chart(pd.concat(rows, ignore_index=True), width=style.WIDTH - 60, height=90, description=description)
    return chart.mark_bar(aria=False).encode(
        alt.X("low:Q", bin="binned", title="t (log-SD units)", scale=alt.Scale(nice=False)),
        alt.X2("high"),
        alt.Y("share:Q", title="Draws", axis=alt.Axis(format="%", tickCount=4), stack=None),
        alt.Y2Datum(0),
        alt.Color("part:N", legend=style.LEGEND).scale(domain=["spike", "slab"], range=[style.GREY, style.GREEN]),
        alt.Row("school:N", sort=[f"{title(names.group)} {label}" for label in draws], title=None),
    )
