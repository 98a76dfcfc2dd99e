"""Charts of several fits of the same schools."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..data.labels import texts
from ..results.pips import pip_table
from . import style
from .style import COLOURS, GREY, HEIGHT, WIDTH

_MARKS = ["triangle-up", "circle", "square", "diamond", "cross"]
# Okabe and Ito's palette: told apart by colour-blind readers, on white as on black.
_HUES = ["#D55E00", "#2B8CC4", "#009E73", "#CC79A7", "#8A8A8A"]


def _pips(fits: dict[str, xr.DataTree], threshold: float, fewest: int, most: int) -> dict[str, pd.DataFrame]:
    """PIP tables of fits whose schools are the same."""
    if not isinstance(fits, dict) or not fewest <= len(fits) <= most:
        wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        found = len(fits) if isinstance(fits, dict) else type(fits).__name__
        raise ValueError(f"fits must be a dict of {wanted} fits by name; found {found}.")
    tables = {str(name): pip_table(fit, threshold=threshold) for name, fit in fits.items()}
    first = next(iter(tables.values()))
    if any(list(table.index) != list(first.index) for table in tables.values()):
        raise ValueError("fits must be of the same schools, in the same order.")
    return tables


def pip_comparison(fits: dict[str, xr.DataTree], *, threshold: float = 0.75) -> alt.LayerChart:
    """PIPs under one fit against those under another, school by school.

    Parameters
    ----------
    fits : dict of two fits by name
        The first is on the horizontal axis.
    threshold : float, default 0.75
        Drawn as a line for both; a school beyond either is labelled.

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
    threshold = style.checked_threshold(threshold)
    tables = _pips(fits, threshold, 2, 2)
    one, two = tables
    table = pd.DataFrame({"x": tables[one]["pip"], "y": tables[two]["pip"], "n": tables[one]["n"]})
    table["label"] = texts(table.index)
    groups = ["flagged in both", f"only in {one}", f"only in {two}", "in neither"]
    above_x, above_y = table["x"] >= threshold, table["y"] >= threshold
    table["group"] = np.select([above_x & above_y, above_x, above_y], groups[:3], groups[3])
    who = [f"{group}: {style.listed(table.loc[table['group'] == group, 'label'])}." for group in groups[:3]]
    description = (
        f"Scatter plot of {len(table)} schools: PIP under {two} (vertical) against PIP under {one} (horizontal), with the "
        f"threshold {threshold:g} as a line on both axes. Their correlation is {table['x'].corr(table['y']):.2f}. "
        + " ".join(text[0].upper() + text[1:] for text in who)
    )
    scale = alt.Scale(domain=[0, 1])
    x, y = alt.X("x:Q", scale=scale, title=f"PIP, {one}"), alt.Y("y:Q", scale=scale, title=f"PIP, {two}")
    base = alt.Chart(table.reset_index(drop=True)).encode(x, y)
    same = alt.Chart(pd.DataFrame({"x": [0, 1], "y": [0, 1]})).mark_line(color=GREY, opacity=0.5, aria=False)
    tooltip = style.told(label="school", n="students") + style.told(form=".3f", x=one, y=two)
    chart = alt.layer(
        style.dashed_line(base, "x", threshold),
        style.dashed_line(base, "y", threshold),
        same.encode(x, y),
        style.points(base, *style.by_group("group:N", groups, COLOURS, _MARKS[:4]), tooltip=tooltip),
        style.labels(base, f"datum.group != '{groups[3]}'"),
    )
    return chart.properties(width=WIDTH, height=HEIGHT, description=description)


def formulations(fits: dict[str, xr.DataTree], *, threshold: float = 0.75) -> alt.LayerChart:
    """PIPs of the same schools under several fits, in the order of the first, with two Monte Carlo standard errors.

    Parameters
    ----------
    fits : dict of two to five fits by name
    threshold : float, default 0.75
        Drawn as a line.

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
    threshold = style.checked_threshold(threshold)
    tables = _pips(fits, threshold, 2, 5)
    order = next(iter(tables.values()))["pip"].rank(method="first")
    rows = []
    for at, (name, table) in enumerate(tables.items()):
        low, high = style.error_ends(table)
        # A little apart, so that equal PIPs do not hide each other.
        place = order + 0.2 * (at - (len(tables) - 1) / 2)
        columns = {"place": place, "pip": table["pip"], "low": low, "high": high, "fit": name}
        rows.append(pd.DataFrame(columns).assign(label=texts(table.index)))
    wide = pd.DataFrame({name: table["pip"] for name, table in tables.items()})
    spread = wide.max(axis=1) - wide.min(axis=1)
    description = (
        f"PIPs of {len(wide)} schools (vertical), ordered by their PIP under {wide.columns[0]} (horizontal), under {len(wide.columns)} "
        f"fits: {', '.join(wide.columns)}. The largest difference between fits is {spread.max():.3f} (school {spread.idxmax()}); "
        f"the median one is {spread.median():.3f}."
    )
    names = list(tables)
    title = f"School, ordered by PIP under {names[0]}"
    x = alt.X("place:Q", title=title, scale=alt.Scale(nice=False, padding=8))
    base = alt.Chart(pd.concat(rows, ignore_index=True)).encode(x, style.PIP)
    colour, shape = style.by_group("fit:N", names, _HUES[: len(names)], _MARKS[: len(names)])
    tooltip = style.told("fit", label="school") + style.told(form=".3f", pip="PIP")
    chart = alt.layer(
        style.dashed_line(base, "y", threshold),
        style.bars(base, "y", "low", "high", colour),
        style.points(base, colour, shape, tooltip=tooltip, size=45),
    )
    return chart.properties(width=WIDTH, height=HEIGHT, description=description)
