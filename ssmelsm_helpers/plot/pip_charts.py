"""Charts with the PIP on the vertical axis."""

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..results.pips import VERDICTS
from ..spec.inclusion import Inclusion
from . import style
from .naming import Called, Names, title
from .room import shares

_COLOUR, _SHAPE = style.by_group("verdict:N", VERDICTS, style.LOOKS)


def _rows(fit: xr.DataTree, threshold: float) -> tuple[pd.DataFrame, float]:
    """A row per school in the order of the data, and the threshold, checked."""
    threshold = style.checked_threshold(threshold)
    style.check_scale_effect(fit)
    table = style.pip_rows(fit, threshold=threshold)
    return table.assign(position=range(1, len(table) + 1)).reset_index(drop=True), threshold


def with_verdict(chart: alt.Chart) -> alt.Chart:
    """The rule of `results.pips.verdicts`, computed where the chart is shown: a slider may change it."""
    near, below = "abs(datum.pip - threshold) <= 2 * datum.pip_mcse", "datum.pip < threshold"
    more, less, unresolved, not_flagged = (f"'{verdict}'" for verdict in VERDICTS)
    direction = f"datum.prob_more_variable >= 0.5 ? {more} : {less}"
    return chart.transform_calculate(verdict=f"{near} ? {unresolved} : {below} ? {not_flagged} : {direction}")


def _points_at_pip(names: Names, table: pd.DataFrame, threshold: float, x: alt.X, description: str) -> alt.LayerChart:
    """Points with error bars, labels from the threshold upwards, the threshold's line and slider."""
    more, less, unresolved = (style.listed(table.loc[table["verdict"] == verdict, "label"]) for verdict in VERDICTS[:3])
    across = shares(table[x.shorthand.removesuffix(":Q")])
    table = style.with_room(table, across, table["pip"], order=table["pip"])
    base = with_verdict(alt.Chart(table)).encode(x, style.PIP)
    (line,) = style.dashed_lines(base, "y")
    # Where a hand takes hold of it, on a page.
    hold = line.mark_rule(strokeWidth=16, opacity=0, aria=False).properties(name="pull_threshold")
    words = {"label": names.group, "n": names.members, "verdict": "verdict"}
    numbers = {"pip": "PIP", "mean": "mean outcome", "sd": "SD (posterior mean)", "sd_ratio": "SD ratio"}
    tooltip = style.tooltip(words, numbers | {"bayes_factor": "Bayes factor"})
    size = alt.condition(f"datum.verdict == '{VERDICTS[3]}'", alt.value(50), alt.value(130))
    return style.chart(
        f"{description} At the threshold {threshold:g}, flagged as more variable: {more}; as less variable: {less}; too "
        f"close to call: {unresolved}.{style.without_label(table[table['verdict'] != VERDICTS[3]])}",
        line,
        hold,
        style.bars(base, "y", "pip_low", "pip_high", _COLOUR),
        style.points(base, _COLOUR, _SHAPE, tooltip=tooltip).encode(size=size),
        style.labels(base, f"datum.verdict != '{VERDICTS[3]}'"),
    ).add_params(style.threshold_slider(threshold))


def pips(fit: xr.DataTree, *, threshold: float = 0.75, units: Called = "schools") -> alt.LayerChart:
    """The PIP of every school, with the threshold (the method poster's first figure).

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    threshold : float, default 0.75
        Where the slider starts.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        The threshold is not between 0 and 1, or `fit` is no fit with one selected scale effect.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> sm.plot.pips(result).to_dict()["description"][:35]
    'Scatter plot of the PIP of 160 scho'
    """
    names, (table, threshold) = Names.of(units), _rows(fit, threshold)
    (prior,) = Inclusion.of_fit(fit.attrs).means
    description = (
        f"Scatter plot of the PIP of {len(table)} {names.groups} (vertical, 0 to 1) in the order of the data (horizontal), with a "
        f"dashed line at the threshold. Most lie near the prior probability {prior:g}: their median PIP "
        f"is {table['pip'].median():.2f}."
    )
    x = alt.X("position:Q", title=f"{title(names.groups)}, in the order of the data").scale(nice=False, padding=8)
    return _points_at_pip(names, table, threshold, x, description)


def funnel(
    fit: xr.DataTree, *, threshold: float = 0.75, units: Called = "schools", unit: str | None = None
) -> alt.LayerChart:
    """PIP against the within-school SD: the V (the method poster's second figure).

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    threshold : float, default 0.75
        Where the slider starts.
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
        The threshold is not between 0 and 1, or `fit` is no fit with one selected scale effect.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> sm.plot.funnel(result, threshold=0.9).params[0].value
    0.9
    """
    names, (table, threshold) = Names.of(units), _rows(fit, threshold)
    low, high = (table.loc[place, ["sd", "label"]] for place in (table["sd"].idxmin(), table["sd"].idxmax()))
    description = (
        f"Scatter plot of PIP (vertical) against the posterior mean of the SD within {names.groups} (horizontal) for "
        f"{len(table)} {names.groups}. The points form a V: PIPs rise from the middle towards small SDs (down to "
        f"{low['sd']:.2f}: {low['label']}) and large SDs (up to {high['sd']:.2f}: {high['label']})."
    )
    words = title(f"SD within {names.groups}, posterior mean", unit)
    x = alt.X("sd:Q", title=words, scale=alt.Scale(zero=False, padding=12))
    return _points_at_pip(names, table, threshold, x, description)


def outcomes(
    fit: xr.DataTree, *, threshold: float = 0.75, units: Called = "schools", unit: str | None = None
) -> alt.LayerChart:
    """PIP against the mean outcome: is consistency a matter of level?

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    threshold : float, default 0.75
        Where the slider starts.
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
        The threshold is not between 0 and 1, or `fit` is no fit with one selected scale effect.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> "correlation" in sm.plot.outcomes(result).to_dict()["description"]
    True
    """
    names, (table, threshold) = Names.of(units), _rows(fit, threshold)
    means = table.loc[table["pip"] >= threshold, "mean"]
    who = "None has" if means.empty else f"With means from {means.min():.2f} to {means.max():.2f}, {len(means)} have"
    description = (
        f"Scatter plot of {len(table)} {names.groups}: PIP (vertical) against mean outcome (horizontal). {who} a PIP of "
        f"{threshold:g} or more; the correlation of mean and SD over all {names.groups} is "
        f"{np.corrcoef(table['mean'], table['sd'])[0, 1]:.2f}."
    )
    x = alt.X("mean:Q", title=title("mean outcome", unit), scale=alt.Scale(zero=False, padding=12))
    return _points_at_pip(names, table, threshold, x, description)
