"""Posteriors of single schools: a spike and a bump."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import shown
from ..data.labels import texts
from .style import COLOURS, GREY, LEGEND, WIDTH, draws_of_t

_MOST = 5
_BINS = 41


def spike_and_bump(fit: xr.DataTree, schools: Sequence) -> alt.Chart:
    """The posterior of t of a few schools: the share of draws at exactly zero, and the others' distribution.

    Parameters
    ----------
    fit : xarray.DataTree
        A fit of a model with one random effect in the scale.
    schools : sequence
        Labels of one to five schools.

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
    draws_of_all = draws_of_t(fit)
    known = list(draws_of_all["school"].to_numpy())
    if isinstance(schools, str) or not np.iterable(schools) or not 1 <= len(schools) <= _MOST:
        raise ValueError(f"schools must be one to {_MOST} labels; found {shown(schools)}.")
    unknown = [label for label in schools if label not in known]
    if unknown:
        raise ValueError(f"schools must be labels of the fit's schools; found {shown(unknown)}.")
    printed = texts(known)
    places = [known.index(label) for label in schools]
    draws = {printed[place]: draws_of_all.isel(school=place).to_numpy().ravel() for place in places}
    reach = max(float(abs(t).max()) for t in draws.values()) or 1.0
    edges = np.linspace(-reach, reach, _BINS + 1)
    narrow = 0.1 * reach / _BINS
    rows = []
    for label, t in draws.items():
        share = np.histogram(t[t != 0], bins=edges)[0] / len(t)
        bump = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "share": share, "part": "slab"})
        spike = {"low": [-narrow], "high": [narrow], "share": [(t == 0).mean()], "part": "spike"}
        rows.append(pd.concat([bump, pd.DataFrame(spike)]).assign(school=f"School {label}"))
    words = "; ".join(f"school {label}: {_in_words(t)}" for label, t in draws.items())
    description = f"Posteriors of the scale effect t of {len(draws)} schools, a row each, as a bar at zero and a histogram. {words}."
    colours = alt.Scale(domain=["spike", "slab"], range=[GREY, COLOURS[1]])
    return (
        alt.Chart(pd.concat(rows, ignore_index=True), width=WIDTH - 60, height=90, description=description)
        .mark_bar(aria=False, strokeWidth=5)
        .encode(
            alt.X("low:Q", bin="binned", title="t (log-SD units)", scale=alt.Scale(nice=False)),
            alt.X2("high"),
            alt.Y("share:Q", title="Share of draws", axis=alt.Axis(format="%", tickCount=4)),
            alt.Color("part:N", scale=colours, legend=LEGEND),
            alt.Row("school:N", sort=[f"School {label}" for label in draws], title=None),
            stroke=alt.condition("datum.part == 'spike'", alt.value(GREY), alt.value(None)),
        )
    )


def _in_words(t) -> str:
    if not t.any():
        return "all draws at zero"
    return f"{(t == 0).mean():.0%} of the draws at zero, the others around {t[t != 0].mean():.2f}"
