"""Posteriors of single schools: a spike and a bump."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import shown
from ..data.labels import texts
from ..results.pips import posterior_of_fit
from .style import COLOURS, GREY, WIDTH, check_scale_effect

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
    check_scale_effect(fit)
    posterior = posterior_of_fit(fit)
    if "random_scale_effect" in posterior["t"].dims:
        raise ValueError("fit must have one random effect in the scale for a spike-and-bump chart; found several.")
    labels = list(posterior["school"].to_numpy())
    if isinstance(schools, str) or not np.iterable(schools) or not 1 <= len(schools) <= _MOST:
        raise ValueError(f"schools must be one to {_MOST} labels; found {shown(schools)}.")
    unknown = [label for label in schools if label not in labels]
    if unknown:
        raise ValueError(f"schools must be labels of the fit's schools; found {shown(unknown)}.")
    printed = texts(labels)
    places = [labels.index(label) for label in schools]
    draws = {printed[place]: posterior["t"].isel(school=place).to_numpy().ravel() for place in places}
    reach = max(float(abs(t).max()) for t in draws.values()) or 1.0
    edges = np.linspace(-reach, reach, _BINS + 1)
    rows = []
    for label, t in draws.items():
        share = np.histogram(t[t != 0], bins=edges)[0] / len(t)
        bump = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "share": share, "part": "slab"})
        spike = pd.DataFrame({"low": [-0.1 * edges[-1] / _BINS], "high": [0.1 * edges[-1] / _BINS], "part": "spike"})
        rows.append(pd.concat([bump, spike.assign(share=(t == 0).mean())]).assign(school=f"School {label}"))
    table = pd.concat(rows, ignore_index=True)
    words = "; ".join(f"school {label}: {_in_words(t)}" for label, t in draws.items())
    description = f"Posteriors of the scale effect t of {len(draws)} schools, a row each, as a bar at zero and a histogram. {words}."
    parts = ["spike", "slab"]
    chart = alt.Chart(table).encode(
        alt.X("low:Q", title="t (log-SD units)", scale=alt.Scale(nice=False)),
        alt.X2("high"),
        alt.Y("share:Q", title="Share of draws", axis=alt.Axis(format="%", tickCount=4)),
        alt.Color(
            "part:N",
            scale=alt.Scale(domain=parts, range=[GREY, COLOURS[1]]),
            legend=alt.Legend(orient="bottom", title=None),
        ),
    )
    # Spike and slab need scales of their own height: the spike would flatten the bump.
    bump = chart.transform_filter("datum.part == 'slab'").mark_bar(aria=False)
    spike = chart.transform_filter("datum.part == 'spike'").mark_bar(aria=False, stroke=GREY, strokeWidth=5)
    order = [f"School {label}" for label in draws]
    layers = alt.layer(bump, spike, data=table).properties(width=WIDTH - 60, height=90)
    return layers.facet(row=alt.Row("school:N", sort=order, title=None)).properties(description=description)


def _in_words(t) -> str:
    if not t.any():
        return "all draws at zero"
    return f"{(t == 0).mean():.0%} of the draws at zero, the others around {t[t != 0].mean():.2f}"
