"""Charts with the PIP on the vertical axis."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_text
from .style import (
    DASHED,
    HEIGHT,
    WIDTH,
    checked_threshold,
    flag_summary,
    in_order,
    rows,
    threshold_slider,
    tooltip,
    verdict_colour,
    verdict_shape,
    with_verdict,
)

_TITLE = "Posterior inclusion probability (PIP)"


def _points_at_pip(fit, table: pd.DataFrame, threshold: float, x: alt.X, description: str) -> alt.LayerChart:
    """Points with error bars, labels from the threshold upwards, the threshold's line and slider."""
    base = with_verdict(alt.Chart(table)).encode(x)
    pip = alt.Y("pip:Q", scale=alt.Scale(domain=[0, 1]), title=_TITLE)
    ends = alt.Y("pip_low:Q", title=_TITLE), alt.Y2("pip_high")
    bars = base.mark_rule(aria=False, opacity=0.6).encode(*ends, verdict_colour())
    points = base.mark_point(filled=True, size=60, opacity=0.85, aria=False).encode(
        pip, verdict_colour(), verdict_shape(), tooltip=tooltip(fit)
    )
    labels = (
        base.transform_filter("datum.verdict != 'not flagged'")
        .mark_text(dy=-11, fontSize=11, aria=False)
        .encode(pip, text="label:N")
    )
    one = pd.DataFrame({"one": [1]})
    line = alt.Chart(one).transform_calculate(at="threshold").mark_rule(**DASHED)
    chart = alt.layer(line.encode(alt.Y("at:Q", title=_TITLE)), bars, points, labels)
    chart = chart.add_params(threshold_slider(threshold))
    return chart.properties(width=WIDTH, height=HEIGHT, description=description)


def pips(fit: xr.DataTree, *, threshold: float = 0.75, units: str = "schools") -> alt.LayerChart:
    """The PIP of every school, with the threshold (the method poster's first figure).

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    threshold : float, default 0.75
        Where the slider starts.
    units : str, default "schools"
        What the groups are, in the plural: "clinics", "patients".

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        The threshold is not between 0 and 1, `units` is no text, or `fit` is no fit with one selected scale effect.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> sm.plot.pips(result).to_dict()["description"][:35]
    'Scatter plot of the PIP of 160 scho'
    """
    threshold = checked_threshold(threshold)
    check_text("units", units)
    table = rows(fit, threshold)
    description = (
        f"Scatter plot of the PIP of {len(table)} {units} (vertical, 0 to 1) in the order of the data (horizontal), with a "
        f"dashed line at the threshold. Most lie near the prior probability "
        f"{fit.attrs['inclusion_prior']:g}: their median PIP is {table['pip'].median():.2f}. {flag_summary(table, threshold)}"
    )
    return _points_at_pip(fit, table, threshold, in_order(units), description)


def funnel(fit: xr.DataTree, *, threshold: float = 0.75, units: str = "schools") -> alt.LayerChart:
    """PIP against the within-school SD: the V (the method poster's second figure).

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    threshold : float, default 0.75
        Where the slider starts.
    units : str, default "schools"
        What the groups are, in the plural: "clinics", "patients".

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        The threshold is not between 0 and 1, `units` is no text, or `fit` is no fit with one selected scale effect.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> sm.plot.funnel(result, threshold=0.9).params[0].value
    0.9
    """
    threshold = checked_threshold(threshold)
    check_text("units", units)
    table = rows(fit, threshold)
    low, high = (table.loc[position, "label"] for position in (table["sd"].idxmin(), table["sd"].idxmax()))
    description = (
        f"Scatter plot of PIP (vertical) against the posterior mean of the SD within {units} (horizontal) for "
        f"{len(table)} {units}. The points form a V: PIPs rise from the middle towards small SDs (down to "
        f"{table['sd'].min():.2f}: {low}) and large SDs (up to {table['sd'].max():.2f}: {high}). {flag_summary(table, threshold)}"
    )
    x = alt.X("sd:Q", title=f"SD within {units} (posterior mean)", scale=alt.Scale(zero=False, padding=12))
    return _points_at_pip(fit, table, threshold, x, description)


def outcomes(fit: xr.DataTree, *, threshold: float = 0.75, units: str = "schools") -> alt.LayerChart:
    """Mean outcome against PIP, coloured by SD ratio: is consistency a matter of level?

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    threshold : float, default 0.75
        Schools at or above it are labelled.
    units : str, default "schools"
        What the groups are, in the plural: "clinics", "patients".

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        The threshold is not between 0 and 1, `units` is no text, or `fit` is no fit with one selected scale effect.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> "correlation" in sm.plot.outcomes(result).to_dict()["description"]
    True
    """
    threshold = checked_threshold(threshold)
    check_text("units", units)
    table = rows(fit, threshold)
    cor = np.corrcoef(table["mean"], table["sd"])[0, 1]
    flagged = table[table["pip"] >= threshold]
    who = "None has a PIP of"
    if len(flagged):
        who = (
            f"With means from {flagged['mean'].min():.2f} to {flagged['mean'].max():.2f}, {len(flagged)} have a PIP of"
        )
    description = (
        f"Scatter plot of {len(table)} {units}: PIP (vertical) against mean outcome (horizontal), coloured by the ratio of "
        f"the SD to the common SD. {who} {threshold:g} or more; the correlation of mean and SD over all {units} is {cor:.2f}."
    )
    ratio = alt.Color(
        "sd_ratio:Q",
        title="SD ratio",
        scale=alt.Scale(type="log", scheme="blueorange", domainMid=1),
        legend=alt.Legend(orient="top", format=".2f", gradientLength=160),
    )
    base = alt.Chart(table).encode(
        alt.X("mean:Q", title="Mean outcome", scale=alt.Scale(zero=False, padding=12)),
        alt.Y("pip:Q", scale=alt.Scale(domain=[0, 1]), title="Posterior inclusion probability (PIP)"),
    )
    points = base.mark_point(filled=True, size=70, stroke="#6E6E6E", strokeWidth=1, aria=False).encode(
        ratio, verdict_shape(), tooltip=tooltip(fit)
    )
    labels = (
        base.transform_filter(alt.datum.pip >= threshold)
        .mark_text(dy=-11, fontSize=11, aria=False)
        .encode(text="label:N")
    )
    return alt.layer(points, labels).properties(width=WIDTH, height=HEIGHT, description=description)
