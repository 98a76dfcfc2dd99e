"""Charts of studies: ranks of the truth, and what a design can find."""

import altair as alt
import numpy as np
import pandas as pd
from scipy.stats import binom

from ..arguments import require
from ..study.sbc import KEPT
from . import style
from .naming import Called, Names, title

_BINS = 20


def ranks(tables: dict[str, pd.DataFrame], *, quantities=("tau_t", "rho", "sd_20")) -> alt.FacetChart:
    """Histograms of the truth's rank among posterior draws: flat where the posterior is right.

    Parameters
    ----------
    tables : dict of data frames by name
        From `sm.study.run` with a `sm.study.calibration`: one row of panels each.
    quantities : sequence of str
        Of those that `calibration_verdict` lists: one column of panels each.

    Returns
    -------
    altair.FacetChart
        Counts in 20 classes of the rank; between the grey lines lie 99 % of a uniform rank's counts.

    Raises
    ------
    ValueError
        A quantity is not in a table.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> table = sm.study.run(sm.study.calibration(), replications=5, random_seed=1)
    >>> sm.plot.ranks({"right": table}).to_dict()["description"][:52]
    'Histograms of the rank of the planted value among po'
    """
    parts, words = [], []
    for name, table in tables.items():
        good = table[table["error"].isna()].filter(like="rank_")
        low, high = binom.ppf([0.005, 0.995], len(good), 1 / _BINS)
        for quantity in quantities:
            known = list(good.columns.str.removeprefix("rank_"))
            require(quantity in known, f"quantities must be among {known}", quantity)
            counts, edges = np.histogram(good[f"rank_{quantity}"], bins=_BINS, range=(0, KEPT + 1))
            columns = {"study": name, "quantity": quantity, "rank": (edges[:-1] + edges[1:]) / 2, "count": counts}
            parts.append(pd.DataFrame(columns).assign(low=low, high=high))
            outside = f"{((counts < low) | (counts > high)).sum()} of {_BINS} classes outside the band"
            words.append(f"{name}, {quantity}: {outside}, largest count {counts.max()}")
    description = (
        "Histograms of the rank of the planted value among posterior draws (horizontal, 0 to 99; vertical: data sets). "
        "Flat is right; the lines bound 99 % of the counts of a flat one. " + "; ".join(words) + "."
    )
    x = alt.X("rank:Q", title="rank", scale=alt.Scale(domain=[0, KEPT + 1]))
    base = alt.Chart(pd.concat(parts, ignore_index=True)).encode(x, alt.Y("count:Q", title="data sets"))
    bars = base.mark_bar(color=style.GREEN, aria=False, size=7).encode(alt.Y2Datum(0))
    line = base.mark_line(color=style.GREY, strokeDash=[4, 3], aria=False)
    limits = [line.encode(alt.Y(f"{name}:Q")) for name in ("low", "high")]
    panels = alt.layer(bars, *limits, width=160, height=110)
    row = alt.Row("study:N", title=None, sort=list(tables))
    column = alt.Column("quantity:N", title=None, sort=list(quantities))
    return panels.facet(row=row, column=column, description=description)


def power(table: pd.DataFrame, *, units: Called = "schools") -> alt.LayerChart:
    """The power surface: share of the deviating schools that are found, by students and by size of the deviations.

    Parameters
    ----------
    table : pandas.DataFrame
        From `design_table`, for one share of deviating schools and one number of schools.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError
        A column is missing, or the table holds several shares or numbers of schools.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> table = sm.study.design_table([20, 80], size=[0.2, 0.5])
    >>> sm.plot.power(table).to_dict()["description"][:41]
    'Line chart of the probability that a scho'
    """
    names = Names.of(units)
    absent = [name for name in ("n_students", "n_schools", "share", "size", "tpr", "fpr") if name not in table]
    require(not absent, f"table must be one of design_table, with the columns {absent}", list(table))
    for name in ("n_schools", "share"):
        values = table[name].unique().tolist()
        require(len(values) == 1, f"table must hold one value of {name}", values)
    least, most = table.loc[table["tpr"].idxmin()], table.loc[table["tpr"].idxmax()]
    description = (
        f"Line chart of the probability that a {names.group} that deviates is flagged (vertical), by {names.members} per {names.group} "
        f"(horizontal, log scale); one line per SD of the deviations, where {table['share'].iloc[0]:.0%} deviate. From "
        f"{least['tpr']:.2f} with {least['n_students']:g} {names.members} and an SD of {least['size']:g} to {most['tpr']:.2f} with "
        f"{most['n_students']:g} {names.members} and an SD of {most['size']:g}. False flags: at most {table['fpr'].max():.3f} of the "
        f"ordinary {names.groups}."
    )
    rows = table.assign(label=table["size"].map("SD {:g}".format))
    sizes = sorted(rows["n_students"].unique().tolist())
    scale, axis = alt.Scale(type="log", domain=[sizes[0] * 0.9, sizes[-1] * 2]), alt.Axis(values=sizes)
    x = alt.X("n_students:Q", title=title(f"{names.members} per {names.group}"), scale=scale, axis=axis)
    y = alt.Y("tpr:Q", title="Probability of being found", scale=alt.Scale(domain=[0, 1]))
    numbers = {"tpr": "found", "fpr": "false flags", "tau_t": "tau_t learned"}
    tooltip = style.tooltip({"label": "deviations", "n_students": names.members}, numbers)
    base = alt.Chart(rows).encode(x, y, alt.Detail("size:Q"), tooltip=tooltip)
    lines = base.mark_line(color=style.GREEN, point={"color": style.GREEN, "size": 50}, aria=False)
    # Each line's name stands at its end: no colour has to be told from another.
    ends = base.transform_filter(f"datum.n_students == {sizes[-1]}")
    said = ends.mark_text(align="left", dx=8, fontSize=11, aria=False).encode(text="label:N")
    return style.chart(description, lines, said)
