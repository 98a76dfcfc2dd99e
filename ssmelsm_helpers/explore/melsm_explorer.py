"""The MELSM explorer: schools whose means and SDs differ, and the one SD that a multilevel model would report."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from ..plot.style import COLOURS, GREY, SHAPES
from .explorer import Explorer
from .views import Control, View

_SCHOOLS, _STUDENTS = 12, 20


def melsm() -> Explorer:
    """Move gamma, eta and both taus: twelve schools of twenty students answer.

    The luck of every school and student stays the same, so that only the parameters move the points. All schools have
    an SD of their own here; which of them really deviate is the next question.

    Returns
    -------
    Explorer
        Settings ``tau_t``, ``tau_u``, ``eta`` and ``gamma``.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.explore.melsm().view(tau_t=0.0).sentence[:57]
    'A plain multilevel model would report one SD within schoo'
    """
    tau_t = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    tau_u = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    controls = [
        Control("tau_t", "tau of the scale", tau_t, 0.3, static=tau_t),
        Control("tau_u", "tau of the location", tau_u, 0.4, static=(0.0, 0.4, 1.0)),
        Control("eta", "eta (log SD)", (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25), -0.25, static=(-0.75, -0.25)),
        Control("gamma", "gamma (mean)", (-1.0, -0.5, 0.0, 0.5, 1.0), 0.0),
    ]
    return Explorer("MELSM explorer", controls, melsm_view, melsm_charts)


def melsm_view(tau_t: float, tau_u: float, eta: float, gamma: float) -> View:
    """Students, each school's own SD, and the common one."""
    rng = np.random.default_rng(5)
    z, noise = rng.normal(size=(2, _SCHOOLS)), rng.normal(size=(_SCHOOLS, _STUDENTS))
    # In the order of t, and with t's mean and SD as they should be: the picture shows parameters, not luck.
    t = np.sort(z[1])
    t = tau_t * (t - t.mean()) / t.std()
    sd = np.exp(eta + t)
    mean = gamma + tau_u * z[0]
    scores = mean[:, None] + sd[:, None] * noise
    labels = np.arange(1, _SCHOOLS + 1)
    pooled = np.sqrt(scores.var(axis=1, ddof=1).mean())
    schools = pd.DataFrame({"school": labels, "mean": mean, "low": mean - sd, "high": mean + sd, "sd": sd})
    schools["common_low"], schools["common_high"] = mean - pooled, mean + pooled
    schools["larger"] = sd >= pooled
    students = pd.DataFrame({"school": np.repeat(labels, _STUDENTS), "score": scores.ravel()})
    wide = int((sd > 1.2 * pooled).sum()), int((sd < pooled / 1.2).sum())
    sentence = (
        f"A plain multilevel model would report one SD within schools: {pooled:.2f}. The schools' own SDs run from "
        f"{sd.min():.2f} to {sd.max():.2f}; {wide[0]} of {_SCHOOLS} are more than 1.2 times the common one, {wide[1]} less "
        f"than 1 / 1.2 of it. exp(eta) = {np.exp(eta):.2f} is the SD of a school with t = 0. Their expected scores run from "
        f"{mean.min():.2f} to {mean.max():.2f}, around gamma = {gamma:g}."
    )
    return View({"students": students, "schools": schools}, {}, sentence)


def melsm_charts(_view: View) -> alt.LayerChart:
    """Students as dots, the own SD as a thick bar, the common SD as a thin one beside it."""
    x = alt.X("school:O", title="School, in the order of its own SD", axis=alt.Axis(labelAngle=0))
    scale = alt.Scale(domain=[-4, 4])
    students = (
        alt.Chart(alt.NamedData("students"))
        .mark_point(filled=True, size=14, opacity=0.5, color=GREY, clip=True, aria=False)
        .encode(x, alt.Y("score:Q", title="Score", scale=scale))
    )
    names = ["common SD", "own SD, larger", "own SD, smaller"]
    schools = alt.Chart(alt.NamedData("schools")).transform_calculate(
        own=f"datum.larger ? '{names[1]}' : '{names[2]}'", common=f"'{names[0]}'"
    )
    colours = alt.Scale(domain=names, range=[GREY, COLOURS[0], COLOURS[1]])
    legend = alt.Legend(orient="bottom", title=None)

    def bar(low: str, high: str, kind: str, offset: int, width: int) -> alt.Chart:
        ends = alt.Y(f"{low}:Q", title="Score", scale=scale), alt.Y2(high)
        mark = schools.mark_rule(strokeWidth=width, xOffset=offset, clip=True, aria=False)
        return mark.encode(x, *ends, alt.Color(f"{kind}:N", scale=colours, legend=legend))

    points = schools.mark_point(filled=True, size=70, xOffset=8, aria=False).encode(
        x,
        alt.Y("mean:Q", title="Score", scale=scale),
        alt.Color("own:N", scale=colours, legend=legend),
        alt.Shape("own:N", scale=alt.Scale(domain=names, range=[SHAPES[3], *SHAPES[:2]]), legend=legend),
    )
    layers = students, bar("common_low", "common_high", "common", 14, 2), bar("low", "high", "own", 8, 5), points
    return alt.layer(*layers).properties(width=600, height=300)
