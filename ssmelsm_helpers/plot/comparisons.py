"""Charts that compare PIPs of the same schools: under several fits, and of two effects."""

import json
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import require, sequence
from ..results.draws import selected_names
from . import style
from .naming import Called, Names, title

_HEIGHT = 400  # of a square with labels and arrows


def _pips(fits: dict[str, xr.DataTree], threshold: float, fewest: int, most: int) -> dict[str, pd.DataFrame]:
    """PIP tables of fits whose schools are the same."""
    wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    found = len(fits) if isinstance(fits, dict) else type(fits)
    require(found in range(fewest, most + 1), f"fits must be a dict of {wanted} fits by name", found)
    tables = {str(name): style.pip_rows(fit, threshold=threshold) for name, fit in fits.items()}
    if len({tuple(table.index) for table in tables.values()}) > 1:
        raise ValueError("fits must be of the same schools, in the same order.")
    return tables


def _beyond(rows: pd.DataFrame, threshold: float) -> list[str]:
    """Labels of the schools whose PIPs reach the threshold on both axes, on the first only, on the second only."""
    at_x, at_y = rows["x"] >= threshold, rows["y"] >= threshold
    return [style.listed(rows.loc[who, "label"]) for who in (at_x & at_y, at_x & ~at_y, ~at_x & at_y)]


def _square(rows: pd.DataFrame, threshold: float | str, groups: list[str], titles: list[str]) -> alt.Chart:
    """Two PIPs per school on two axes, and its group: beyond the threshold on neither, the first, the second, on both."""
    look = {"scale": alt.Scale(domain=[0, 1]), "axis": alt.Axis(tickCount=10, format=".1f")}
    x, y = alt.X("x:Q", title=titles[0], **look), alt.Y("y:Q", title=titles[1], **look)
    group = f"{json.dumps(groups)}[(datum.x >= {threshold}) + 2 * (datum.y >= {threshold})]"
    return alt.Chart(rows).encode(x, y).transform_calculate(group=group)


def pip_comparison(
    fits: dict[str, xr.DataTree], *, threshold: float = 0.75, units: Called = "schools"
) -> alt.LayerChart:
    """PIPs under one fit against those under another, school by school.

    Parameters
    ----------
    fits : dict of two fits by name
        The first is on the horizontal axis.
    threshold : float, default 0.75
        Drawn as a line for both; a school beyond either is labelled.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        There are not two fits, or their schools differ.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> schools = sm.simulate_schools(n_schools=20, tau_t=0.5, random_seed=1).schools
    >>> fits = {f"pi = {pi}": sm.fit_schools(schools, inclusion_prior=pi, sampler="importance", random_seed=1)
    ...         for pi in (0.5, 0.2)}
    >>> sm.plot.pip_comparison(fits).to_dict()["description"][:31]
    'Scatter plot of 20 schools: PIP'
    """
    names, threshold = Names.of(units), style.checked_threshold(threshold)
    (one, first), (two, second) = _pips(fits, threshold, 2, 2).items()
    rows = first[["label", "n"]].assign(x=first["pip"], y=second["pip"]).reset_index(drop=True)
    both, only_one, only_two = _beyond(rows, threshold)
    description = (
        f"Scatter plot of {len(rows)} {names.groups}: PIP under {two} (vertical) against PIP under {one} (horizontal), with the "
        f"threshold {threshold:g} as a line on both axes. Their correlation is {rows['x'].corr(rows['y']):.2f}. "
        f"Flagged in both: {both}. Only in {one}: {only_one}. Only in {two}: {only_two}."
    )
    rows = style.with_room(rows, rows["x"], rows["y"], order=rows[["x", "y"]].max(axis=1))
    description += style.without_label(rows[rows[["x", "y"]].max(axis=1) >= threshold])
    groups = ["in neither", f"only in {one}", f"only in {two}", "flagged in both"]
    base = _square(rows, threshold, groups, [f"PIP, {one}", f"PIP, {two}"])
    diagonal = alt.Chart(pd.DataFrame({"x": [0, 1], "y": [0, 1]})).mark_line(color=style.GREY, aria=False)
    tooltip = style.tooltip({"label": names.group, "n": names.members}, {"x": one, "y": two})
    return style.chart(
        description,
        *style.dashed_lines(base, "xy", threshold),
        diagonal.encode(base.encoding.x, base.encoding.y),
        style.points(base, *style.by_group("group:N", groups, style.GROUPS[:4]), tooltip=tooltip),
        style.labels(base, f"datum.group != '{groups[0]}'"),
    )


def formulations(fits: dict[str, xr.DataTree], *, threshold: float = 0.75, units: Called = "schools") -> alt.LayerChart:
    """PIPs of the same schools under several fits, in the order of the first, with two Monte Carlo standard errors.

    Parameters
    ----------
    fits : dict of two to five fits by name
    threshold : float, default 0.75
        Drawn as a line.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        There are too few or too many fits, or their schools differ.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> schools = sm.simulate_schools(n_schools=20, tau_t=0.5, random_seed=1).schools
    >>> fits = {f"seed {seed}": sm.fit_schools(schools, sampler="importance", random_seed=seed) for seed in (1, 2)}
    >>> "largest difference" in sm.plot.formulations(fits).to_dict()["description"]
    True
    """
    names, threshold = Names.of(units), style.checked_threshold(threshold)
    tables = _pips(fits, threshold, 2, 5)
    kinds = list(tables)
    wide = pd.DataFrame({name: table["pip"] for name, table in tables.items()})
    spread = wide.max(axis=1) - wide.min(axis=1)
    description = (
        f"PIPs of {len(wide)} {names.groups} (vertical), ordered by their PIP under {kinds[0]} (horizontal), under {len(kinds)} "
        f"fits: {', '.join(kinds)}. The largest difference between fits is {spread.max():.3f} ({names.group} {spread.idxmax()}); "
        f"the median one is {spread.median():.3f}."
    )
    columns = ["label", "pip", "pip_low", "pip_high"]
    rows = pd.concat([table[columns].assign(fit=name) for name, table in tables.items()], ignore_index=True)
    # A little apart, so that equal PIPs do not hide each other.
    apart = 0.2 * (rows["fit"].map(kinds.index) - (len(kinds) - 1) / 2)
    rows["place"] = np.tile(wide[kinds[0]].rank(method="first"), len(kinds)) + apart
    x = alt.X("place:Q", title=f"{title(names.group)}, ordered by PIP under {kinds[0]}").scale(nice=False, padding=8)
    base = alt.Chart(rows).encode(x, style.PIP)
    colour, shape = style.by_group("fit:N", kinds, style.GROUPS[: len(kinds)])
    tooltip = style.tooltip({"label": names.group, "fit": "fit"}, {"pip": "PIP"})
    return style.chart(
        description,
        *style.dashed_lines(base, "y", threshold),
        style.bars(base, "y", "pip_low", "pip_high", colour),
        style.points(base, colour, shape, tooltip=tooltip, size=45),
    )


def two_effects(
    fit: xr.DataTree, effects: Sequence[str] | None = None, *, threshold: float = 0.75, units: Called = "schools"
) -> alt.LayerChart:
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
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.

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
    names, threshold = Names.of(units), style.checked_threshold(threshold)
    known = selected_names(fit)
    chosen = known if effects is None else sequence(effects) or [effects]
    fine = all(name in known for name in chosen) and len(chosen) == len(set(chosen)) == 2
    require(fine, f"effects must name two of the selected effects {known}", effects)
    first, second = chosen
    columns, numbers = {}, {}
    for axis, effect in zip("xy", chosen, strict=True):
        table = style.pip_rows(fit, effect=effect)
        columns |= {axis: table["pip"], f"{axis}_low": table["pip_low"], f"{axis}_high": table["pip_high"]}
        columns[f"{axis}_bf"] = table["bayes_factor"].clip(upper=1e6)
        columns[f"{axis}_arrow"] = np.where(table["prob_more_variable"] >= 0.5, "▲", "▼")
        numbers |= {axis: f"PIP of {effect}", f"{axis}_bf": f"Bayes factor of {effect}"}
    rows = table[["label", "n"]].assign(**columns).reset_index(drop=True)
    both, only_first, only_second = _beyond(rows, threshold)
    description = (
        f"Scatter plot of two PIPs of {len(rows)} {names.groups}: {first} (horizontal, 0 to 1) and {second} (vertical, 0 to 1), with "
        f"dashed lines at the threshold {threshold:g}, which cut the square into four. At or above it in {first} only: {names.groups} "
        f"{only_first}; in {second} only: {only_second}; in both: {both}; in neither: "
        f"{(rows[['x', 'y']].max(axis=1) < threshold).sum()} {names.groups}, with median PIPs {rows['x'].median():.2f} and "
        f"{rows['y'].median():.2f} over all {names.groups}."
    )
    groups = ["neither", f"{first} only", f"{second} only", "both"]
    highest = rows[["x", "y"]].max(axis=1)
    rows = style.with_room(rows, rows["x"], rows["y"], highest, texts=rows["label"] + " ▲ ▼", height=_HEIGHT)
    description += style.without_label(rows[highest >= threshold])
    arrows = [f"(datum.{axis} >= threshold ? ' ' + datum.{axis}_arrow : '')" for axis in "xy"]
    base = _square(rows, "threshold", groups, [f"PIP of {effect}" for effect in chosen])
    base = base.transform_calculate(marked=f"datum.label + {' + '.join(arrows)}")
    colour, shape = style.by_group("group:N", groups, style.GROUPS[:4])
    tooltip = style.tooltip({"label": names.group, "n": names.members}, numbers)
    return style.chart(
        description,
        *style.dashed_lines(base, "xy"),
        style.bars(base, "x", "x_low", "x_high", colour),
        style.bars(base, "y", "y_low", "y_high", colour),
        style.points(base, colour, shape, tooltip=tooltip, size=75),
        style.labels(base, "datum.group != 'neither'", "marked:N"),
        height=_HEIGHT,
    ).add_params(style.threshold_slider(threshold))
