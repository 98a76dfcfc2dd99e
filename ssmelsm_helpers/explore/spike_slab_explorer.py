"""The spike-and-slab explorer: one school, and what its students say about its indicator."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from ..plot.style import COLOURS, DASHED, GREY
from ..results.evidence import school_evidence
from .explorer import Explorer
from .views import Control, View

THRESHOLD = 0.75
_RATIOS = np.exp(np.linspace(np.log(0.4), np.log(2.5), 241))
_SIZES = (5, 10, 20, 40, 71, 150, 300, 500)


def spike_slab() -> Explorer:
    """One school: n, SD ratio, tau_t and pi on the left; evidence, PIP and what .75 asks for on the right.

    The hyperparameters are taken as known, the school's mean as average (rho does not matter then).

    Returns
    -------
    Explorer
        Settings ``n``, ``sd_ratio``, ``tau_t`` and ``pi``.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.explore.spike_slab().view(n=150, sd_ratio=1.3).sentence[:62]
    '150 students, an SD 1.3 times the common one, tau_t = 0.1, pi '
    """
    ratios = tuple(np.round(np.arange(0.5, 2.01, 0.05), 2).tolist())
    controls = [
        Control("n", "Students n", _SIZES, 71, static=(10, 40, 71, 300)),
        Control("sd_ratio", "SD ratio", ratios, 1.2, static=(0.6, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0)),
        Control("tau_t", "tau of the scale", (0.05, 0.08, 0.1, 0.2, 0.3, 0.5), 0.1, static=(0.05, 0.1, 0.3)),
        Control("pi", "Prior probability pi", (0.05, 0.1, 0.25, 0.5, 0.75, 0.9), 0.5, static=(0.1, 0.5, 0.9)),
    ]
    return Explorer("Spike-and-slab explorer", controls, spike_slab_view, spike_slab_charts)


def required_ratios(n, tau_t: float, pi: float) -> tuple[np.ndarray, np.ndarray]:
    """The largest SD ratio below and the smallest above one that reach the threshold; NaN beyond 0.4 and 2.5."""
    ratios = np.concatenate([_RATIOS, [1.0]])
    inclusion = school_evidence(np.reshape(n, (-1, 1)), sd=ratios, tau_t=tau_t, inclusion_prior=pi).inclusion
    reaches = inclusion >= THRESHOLD
    below = np.where(reaches & (ratios <= 1), ratios, -np.inf).max(axis=1)
    above = np.where(reaches & (ratios >= 1), ratios, np.inf).min(axis=1)
    return np.where(np.isfinite(below), below, np.nan), np.where(np.isfinite(above), above, np.nan)


def spike_slab_view(n: int, sd_ratio: float, tau_t: float, pi: float) -> View:
    """Likelihood and slab over t, the PIP over the SD ratio, what the threshold asks for over n."""
    here = school_evidence(n, sd=sd_ratio, tau_t=tau_t, inclusion_prior=pi)
    t = np.linspace(-0.9, 0.9, 91)
    # The mean's part hardly depends on t; the deviations around it carry the spread.
    log_likelihood = -(n - 1) * t - 0.5 * (n - 1) * sd_ratio**2 * np.exp(-2 * t)
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    slab = np.exp(-0.5 * (t / tau_t) ** 2)
    curve = school_evidence(n, sd=_RATIOS, tau_t=tau_t, inclusion_prior=pi).inclusion
    sizes = np.array(_SIZES)
    below, above = required_ratios(sizes, tau_t, pi)
    asked = pd.DataFrame({"n": np.tile(sizes, 2), "ratio": np.concatenate([above, below])})
    asked["side"] = np.repeat(["more variable", "less variable"], len(sizes))
    data = {
        "likelihood": pd.DataFrame({"t": t, "height": likelihood}),
        "slab": pd.DataFrame({"t": t, "height": slab}),
        "curve": pd.DataFrame({"ratio": _RATIOS[::4], "pip": curve[::4]}),
        "asked": asked[asked["ratio"].notna()].reset_index(drop=True),
        "here": pd.DataFrame({"n": [n], "ratio": [sd_ratio], "pip": [float(here.inclusion)]}),
    }
    return View(data, {}, _sentence(n, sd_ratio, tau_t, pi, here))


def _sentence(n: int, sd_ratio: float, tau_t: float, pi: float, here) -> str:
    (low,), (high,) = required_ratios(n, tau_t, pi)
    average = float(school_evidence(n, tau_t=tau_t, inclusion_prior=pi).inclusion)
    if average >= THRESHOLD:
        asks = f"Here .75 asks for nothing: an ordinary school has a PIP of {average:.2f} already."
    else:
        parts = [f"at most {low:.2f}"] if np.isfinite(low) else []
        parts += [f"at least {high:.2f}"] if np.isfinite(high) else []
        asks = (
            f"A PIP of .75 asks for an SD ratio of {' or '.join(parts)}."
            if parts
            else "No SD ratio from 0.4 to 2.5 reaches .75."
        )
        asks += f" An ordinary school (ratio 1) has {average:.2f}."
    return (
        f"{n} students, an SD {sd_ratio:g} times the common one, tau_t = {tau_t:g}, pi = {pi:g}: log Bayes factor "
        f"{float(here.log_bf):.2f}, Bayes factor {_short(float(np.exp(here.log_bf)))}, PIP {float(here.inclusion):.2f}. {asks}"
    )


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}" if value < 1e6 else "above a million"


def spike_slab_charts(view: View) -> alt.VConcatChart:
    """Three panels; the school is the same point in the lower two."""
    t = alt.X("t:Q", title="t, the school's deviation on the log-SD scale", scale=alt.Scale(domain=[-0.9, 0.9]))
    height = alt.Y("height:Q", title="Relative height", scale=alt.Scale(domain=[0, 1]))
    names = {"line: what the students say": COLOURS[0], "bar: the spike, t = 0": GREY, "area: the slab": COLOURS[1]}
    said, spike, slab = names
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=list(names), range=list(names.values())),
        legend=alt.Legend(orient="top", title=None, symbolType="square", symbolOpacity=1, labelLimit=0),
    )

    def layer(data, what):
        return alt.Chart(data).transform_calculate(what=f"'{what}'").encode(t, height, colour)

    at_zero = pd.DataFrame({"t": [0], "height": [1]})
    top = alt.layer(
        layer(alt.NamedData("slab"), slab).mark_area(opacity=0.3, aria=False),
        layer(at_zero, spike).mark_bar(size=4, aria=False),
        layer(alt.NamedData("likelihood"), said).mark_line(strokeWidth=2.5, aria=False),
    ).properties(width=600, height=170)

    ratio_scale = alt.Scale(type="log", domain=[0.4, 2.5])
    ratio = alt.X("ratio:Q", title="SD ratio", scale=ratio_scale, axis=alt.Axis(values=[0.5, 0.75, 1, 1.5, 2]))
    pip = alt.Y("pip:Q", title="PIP", scale=alt.Scale(domain=[0, 1]))
    curve = alt.Chart(alt.NamedData("curve")).mark_line(color=GREY, aria=False).encode(ratio, pip)
    school = {"size": 120, "color": COLOURS[0], "filled": True, "aria": False}
    here = alt.Chart(alt.NamedData("here"))
    line = alt.Chart(pd.DataFrame({"pip": [THRESHOLD]})).mark_rule(**DASHED).encode(pip)
    left = alt.layer(line, curve, here.mark_point(**school).encode(ratio, pip)).properties(width=265, height=200)

    n = alt.X(
        "n:Q", title="Students n", scale=alt.Scale(type="log", domain=[4, 600]), axis=alt.Axis(values=[5, 20, 71, 300])
    )
    y = alt.Y(
        "ratio:Q", title="SD ratio that .75 asks for", scale=ratio_scale, axis=alt.Axis(values=[0.5, 0.75, 1, 1.5, 2])
    )
    asked = alt.Chart(alt.NamedData("asked")).encode(n, y)
    dash = alt.StrokeDash(
        "side:N",
        scale=alt.Scale(domain=["more variable", "less variable"], range=[[1, 0], [5, 4]]),
        legend=alt.Legend(orient="bottom", title=None),
    )
    lines = asked.mark_line(color=COLOURS[1], point=alt.OverlayMarkDef(color=COLOURS[1]), aria=False).encode(dash)
    right = alt.layer(lines, here.mark_point(**school).encode(n, y)).properties(width=265, height=200)
    return alt.vconcat(top, alt.hconcat(left, right))
