"""The construction explorer: from independent z to the effects in force, one step per panel."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from ..plot.style import COLOURS, GREY, SHAPES
from .explorer import Explorer
from .views import Control, View

_SCHOOLS = 120
_PANELS = ("z", "correlated", "scaled", "in_force")
_TITLES = ("1. z: independent", "2. L z: correlated", "3. tau L z: scaled", "4. in force: with delta")
PLACES = ("after L", "before L")


def construction() -> Explorer:
    """Build v = (tau L z) delta by hand, with one school followed through all steps.

    Returns
    -------
    Explorer
        Settings ``tau_u``, ``tau_t``, ``rho``, ``pi``, ``indicator`` ("after L" or "before L") and ``school``.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> view = sm.explore.construction().view(rho=0.5, indicator="before L")
    >>> bool((view.data["in_force"]["y"] == 0).any())  # no school is at t = 0: rho keeps a part of it
    False
    """
    tenths = tuple(np.round(np.arange(-0.9, 0.91, 0.1), 1).tolist())
    controls = [
        Control("rho", "Correlation rho", tenths, 0.6, static=(-0.9, -0.6, 0.0, 0.6, 0.9)),
        Control("pi", "Prior probability pi", tenths[10:], 0.5, static=(0.1, 0.5, 0.9)),
        Control("indicator", "Indicator", PLACES, PLACES[0], static=PLACES),
        Control("school", "School to follow", tuple(range(1, _SCHOOLS + 1)), 7, static=(7, 26, 64)),
        Control("tau_u", "tau of the location", (0.1, 0.2, 0.3, 0.4, 0.5), 0.3),
        Control("tau_t", "tau of the scale", (0.1, 0.2, 0.3, 0.4, 0.5), 0.2),
    ]
    return Explorer("Construction explorer", controls, construction_view, construction_charts)


def steps(rho: float, pi: float, indicator: str, tau_u: float, tau_t: float) -> dict[str, np.ndarray]:
    """The schools' two coordinates (J, 2) after each step, and their indicators."""
    rng = np.random.default_rng(3)
    z, luck = rng.normal(size=(_SCHOOLS, 2)), rng.random(_SCHOOLS)
    delta = (luck < pi).astype(float)
    factor = np.array([[1.0, 0.0], [rho, np.sqrt(1 - rho**2)]])  # Omega = L L'
    tau = np.array([tau_u, tau_t])
    correlated = z @ factor.T
    switched = np.column_stack([np.ones(_SCHOOLS), delta])  # only the scale effect has an indicator
    in_force = tau * correlated * switched if indicator == PLACES[0] else tau * ((z * switched) @ factor.T)
    in_force = in_force + 0.0  # no negative zeros
    return {"z": z, "correlated": correlated, "scaled": tau * correlated, "in_force": in_force, "delta": delta}


def construction_view(rho: float, pi: float, indicator: str, school: int, tau_u: float, tau_t: float) -> View:
    """Four clouds and the path of one school."""
    found = steps(rho, pi, indicator, tau_u, tau_t)
    state = np.where(found["delta"] == 1, "slab", "spike")
    labels = np.arange(1, _SCHOOLS + 1)
    data = {
        name: pd.DataFrame({"school": labels, "x": found[name][:, 0], "y": found[name][:, 1], "state": state})
        for name in _PANELS
    }
    scaled = np.cov(found["scaled"].T)
    wanted = [tau_u**2, tau_t**2, rho * tau_u * tau_t]
    path = "; ".join(f"({found[name][school - 1, 0]:.2f}, {found[name][school - 1, 1]:.2f})" for name in _PANELS)
    off = found["delta"] == 0
    kept = found["in_force"][off, 1]
    if indicator == PLACES[0] or rho == 0:
        spike = f"In the {off.sum()} schools of the spike t is exactly zero."
    else:
        largest = abs(kept).max()
        spike = f"In the {off.sum()} schools of the spike t is not zero: it is tau rho z1, up to {largest:.2f} in size."
    sentence = (
        f"Variance of u, variance of t, covariance after step 3: {scaled[0, 0]:.3f}, {scaled[1, 1]:.3f}, {scaled[0, 1]:.3f} "
        f"in these {_SCHOOLS} schools; intended: {wanted[0]:.3f}, {wanted[1]:.3f}, {wanted[2]:.3f}. "
        f"School {school} ({state[school - 1]}) goes through {path}. {spike}"
    )
    return View(data, {"followed": school}, sentence)


def construction_charts(view: View) -> alt.ConcatChart:
    """Four panels, the followed school large in each."""
    followed = alt.param(name="followed", value=view.signals["followed"])
    domain = ["slab", "spike"]
    legend = alt.Legend(orient="bottom", title=None)
    colour = alt.Color("state:N", scale=alt.Scale(domain=domain, range=[COLOURS[0], GREY]), legend=legend)
    shape = alt.Shape("state:N", scale=alt.Scale(domain=domain, range=[SHAPES[0], SHAPES[3]]), legend=legend)
    axes = {
        "z": ("z1", "z2", 3.6),
        "correlated": ("first", "second", 3.6),
        "scaled": ("u", "t", 1.2),
        "in_force": ("u", "t in force", 1.2),
    }
    panels = []
    for name, title in zip(_PANELS, _TITLES, strict=True):
        first, second, limit = axes[name]
        scale = alt.Scale(domain=[-limit, limit])
        base = alt.Chart(alt.NamedData(name)).encode(
            alt.X("x:Q", scale=scale, title=first), alt.Y("y:Q", scale=scale, title=second)
        )
        points = base.mark_point(filled=True, size=28, opacity=0.55, clip=True, aria=False).encode(colour, shape)
        one = base.transform_filter("datum.school == followed")
        ring = one.mark_point(size=220, strokeWidth=2.5, color="#9A6FB0", filled=False, aria=False)
        label = one.mark_text(dy=-14, fontSize=12, fontWeight="bold", aria=False).encode(text="school:N")
        panels.append(alt.layer(points, ring, label).properties(width=250, height=200, title=title))
    return alt.concat(*panels, columns=2).add_params(followed)
