"""Explorers of made-up schools: how effects are built, what they do to scores, and how well a study finds them."""

from functools import lru_cache

import altair as alt
import numpy as np
import pandas as pd

from ..fitting.quick import quick_fit
from ..model.simulate import simulate_schools
from ..plot.style import GREY, GROUPS, LOOKS, PINK, by_group, points, tooltip
from .explorer import BrowserExplorer, Control, Explorer, View, evenly
from .parts import PIP, THRESHOLD, can_be_pulled, chart_of, threshold_line, thumb

_FOLLOWED = 120  # schools of the construction explorer
_PLACES = ("after L", "before L")
_PANELS = {  # a step's data set: title, axes, and how far these reach
    "z": ("1. z: independent", "z1", "z2", 3.6),
    "correlated": ("2. L z: correlated", "first", "second", 3.6),
    "scaled": ("3. tau L z: scaled", "u", "t", 1.2),
    "in_force": ("4. in force: with delta", "u", "t in force", 1.2),
}
_SCHOOLS, _STUDENTS = 12, 20  # of the MELSM explorer
_SDS = ("common SD", "own SD, larger", "own SD, smaller")
_STUDIES = 10  # of the power explorer, per setting
_OUTCOMES = ("hit", "missed", "false flag", "rightly left alone")


def construction() -> BrowserExplorer:
    """Build v = (tau L z) delta by hand, with one school followed, and pulled, through all steps.

    Returns
    -------
    BrowserExplorer
        Settings ``tau_u``, ``tau_t``, ``rho``, ``pi``, ``indicator`` ("after L" or "before L"), ``school``, and what
        is added to the school's z by hand, ``pull_1`` and ``pull_2``.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.explore.construction().at(rho=0.5, indicator="before L").settings["indicator"]
    'before L'
    """
    rng = np.random.default_rng(3)
    constants = {"z": rng.normal(size=(_FOLLOWED, 2)).tolist(), "luck": rng.random(_FOLLOWED).tolist()}
    pulls = evenly(-4, 4, 0.01)
    controls = [
        Control("rho", "Correlation rho", evenly(-0.95, 0.95, 0.01), 0.6),
        Control("pi", "Prior probability pi", evenly(0.05, 0.95, 0.01), 0.5),
        Control("indicator", "Indicator", _PLACES, _PLACES[0]),
        Control("school", "School to follow", tuple(range(1, _FOLLOWED + 1)), 7),
        Control("tau_u", "tau of the location", evenly(0.05, 0.5, 0.01), 0.3),
        Control("tau_t", "tau of the scale", evenly(0.05, 0.5, 0.01), 0.2),
        Control("pull_1", "Pull its z1 by", pulls, 0.0),
        Control("pull_2", "Pull its z2 by", pulls, 0.0),
    ]
    name, code = "Construction explorer", "sm.explore.construction()"
    return BrowserExplorer(name, code, controls, construction_charts, "construction.js", constants)


def construction_charts() -> alt.ConcatChart:
    """Four panels, the followed school large in each."""
    colour, shape = by_group("state:N", ["slab", "spike"], [GROUPS[1], GROUPS[0]])
    followed = alt.param(name="followed", value=0)
    panels = []
    for name, (title, first, second, limit) in _PANELS.items():
        scale = alt.Scale(domain=[-limit, limit])
        base = chart_of(name).encode(alt.X("x:Q", scale=scale, title=first), alt.Y("y:Q", scale=scale, title=second))
        told = tooltip({"school": "school", "state": "indicator"}, {"x": first, "y": second})
        cloud = points(base, colour, shape, tooltip=told, size=28, clip=True)
        one = base.transform_filter("datum.school == followed")
        ring = one.mark_point(size=220, strokeWidth=2.5, color=PINK, filled=False, opacity=1, aria=False)
        label = one.mark_text(dy=-14, fontSize=12, fontWeight="bold", aria=False).encode(text="school:N")
        layers = [cloud, label, ring]
        if name != "in_force":  # where delta is 0, no z leads to the place to which it is pulled
            layers = [can_be_pulled(cloud, name), label, ring, can_be_pulled(thumb(one), f"{name}_thumb")]
        panels.append(alt.layer(*layers).properties(width=250, height=200, title=title, name=name))
    return alt.concat(*panels, columns=2).add_params(followed)


def melsm() -> BrowserExplorer:
    """Move gamma, eta and both taus: twelve schools of twenty students answer. Or pull a school's mean, or its SD.

    The luck of every school and student stays the same, so that only the parameters move the points. All schools have
    an SD of their own here; which of them really deviate is the next question.

    Returns
    -------
    BrowserExplorer
        Settings ``tau_t``, ``tau_u``, ``eta`` and ``gamma``.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.explore.melsm().at(tau_t=0.0).settings
    {'tau_t': 0.0, 'tau_u': 0.4, 'eta': -0.25, 'gamma': 0.0}
    """
    rng = np.random.default_rng(5)
    z, noise = rng.normal(size=(2, _SCHOOLS)), rng.normal(size=(_SCHOOLS, _STUDENTS))
    # In the order of t, and with t's mean and SD as they should be: the picture shows parameters, not luck.
    t = np.sort(z[1])
    constants = {"z": z[0].tolist(), "t": ((t - t.mean()) / t.std()).tolist(), "noise": noise.tolist()}
    controls = [
        Control("tau_t", "tau of the scale", evenly(0, 0.6, 0.01), 0.3),
        Control("tau_u", "tau of the location", evenly(0, 1, 0.01), 0.4),
        Control("eta", "eta (log SD)", evenly(-1, 0.25, 0.01), -0.25),
        Control("gamma", "gamma (mean)", evenly(-1, 1, 0.01), 0.0),
    ]
    return BrowserExplorer("MELSM explorer", "sm.explore.melsm()", controls, melsm_charts, "melsm.js", constants)


def melsm_charts() -> alt.LayerChart:
    """Students as dots, the own SD as a thick bar, the common SD as a thin one beside it."""
    x = alt.X("school:O", title="School, in the order of its own SD", axis=alt.Axis(labelAngle=0))
    own, shape = by_group("own:N", _SDS, [LOOKS[at] for at in (3, 0, 1)])
    score = {"title": "Score", "scale": alt.Scale(domain=[-4, 4])}
    schools = chart_of("schools")
    told = tooltip({"school": "school"}, {"mean": "mean", "sd": "own SD"})
    dots = chart_of("students").mark_point(filled=True, size=14, opacity=0.85, color=GREY, clip=True, aria=False)
    thin = schools.mark_rule(strokeWidth=2, xOffset=14, color=GREY, clip=True, aria=False)
    thick = schools.mark_rule(strokeWidth=5, xOffset=8, clip=True, aria=False)
    marked = schools.encode(own, shape)
    point = {"filled": True, "xOffset": 8, "opacity": 1, "clip": True, "aria": False}
    low, high, mean = (alt.Y(f"{name}:Q", **score) for name in ("low", "high", "mean"))
    layers = alt.layer(
        dots.encode(alt.Y("score:Q", **score)),
        thin.encode(alt.Y("common_low:Q", **score), alt.Y2("common_high")),
        thick.encode(low, alt.Y2("high"), own),
        *(marked.mark_point(size=45, **point).encode(end) for end in (low, high)),
        marked.mark_point(size=90, **point).encode(mean, tooltip=told),
        *(can_be_pulled(thumb(schools, xOffset=8).encode(y), y.shorthand[:-2]) for y in (low, high, mean)),
    )
    return layers.encode(x).properties(width=600, height=300)


def power() -> Explorer:
    """How many schools, how many students? Ten simulated studies per setting, fitted on the spot.

    Returns
    -------
    Explorer
        Settings ``n_students``, ``n_schools``, ``share`` (of deviating schools), ``size`` (SD of their t) and ``study``, the
        one of the ten whose schools are shown.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.explore.power().view(n_students=150).sentence[:37]
    '10 studies, each of 60 schools of 150'
    """
    controls = [
        Control("n_students", "Students per school", (10, 20, 40, 70, 100, 150), 40, static=(40, 70, 100, 150)),
        Control("size", "SD of the deviations", evenly(0.1, 0.7, 0.1), 0.3, static=(0.2, 0.3, 0.4, 0.5)),
        Control("share", "Share that deviate", evenly(0.05, 0.3, 0.05), 0.25),
        Control("n_schools", "Schools", (20, 40, 60, 80), 60),
        Control("study", "Study shown", tuple(range(1, _STUDIES + 1)), 1),
    ]
    return Explorer("Power explorer", "sm.explore.power()", controls, power_charts, power_view)


@lru_cache(maxsize=64)
def power_studies(n_students: int, size: float, share: float, n_schools: int) -> list[pd.DataFrame]:
    """The schools of each study: the planted SD ratio, the PIP, and what became of the school."""
    plan = {"n_students": n_students, "tau_t": size, "inclusion": share, "n_schools": n_schools}
    return [_power_study(seed, **plan) for seed in range(1, _STUDIES + 1)]


def _power_study(seed: int, **plan) -> pd.DataFrame:
    study = simulate_schools(**plan, random_seed=1000 * seed + 7)
    pip, ratio = quick_fit(study.schools, random_seed=seed).pip, np.exp(study.truth["t"].to_numpy())
    deviates, flagged = study.truth["delta"].to_numpy() == 1, pip >= THRESHOLD
    outcome = np.select([deviates & flagged, deviates, flagged], _OUTCOMES[:3], _OUTCOMES[3])
    return pd.DataFrame({"label": study.truth.index.map(str), "ratio": ratio, "pip": pip, "outcome": outcome})


def power_view(n_students: int, size: float, share: float, n_schools: int, study: int) -> View:
    """What the studies find, and PIP against the planted deviation of every school of one."""
    studies = power_studies(n_students, size, share, n_schools)
    found, missed, false, _ = counts = [np.array([sum(s["outcome"] == name) for s in studies]) for name in _OUTCOMES]
    table = pd.DataFrame({"study": range(1, _STUDIES + 1)} | dict(zip(_OUTCOMES, counts, strict=True)))
    deviate, at = found + missed, study - 1
    sentence = (
        f"{_STUDIES} studies, each of {n_schools} schools of {n_students} students, of which some {100 * share:g} % deviate, "
        f"with t of SD {size:g}. At a PIP of .75, {found.sum()} of {deviate.sum()} that deviate are found "
        f"({100 * found.sum() / max(1, deviate.sum()):.0f} %), {found.min()} to {found.max()} a study, and {false.mean():.1f} "
        f"others a study are flagged falsely. Study {study}, the upper panel: {found[at]} of {deviate[at]} found, {false[at]} false."
    )
    data = {"schools": studies[at], "studies": table[["study", _OUTCOMES[0], _OUTCOMES[2]]]}
    return View(data, {"shown": study}, sentence)


def power_charts() -> alt.VConcatChart:
    """PIP against the true SD ratio, by what became of the school; and what the other studies found."""
    scale, axis = alt.Scale(type="log", domain=[0.2, 5], clamp=True), alt.Axis(values=[0.25, 0.5, 1, 2, 4])
    ratio = alt.X("ratio:Q", title="True SD ratio (1: does not deviate)", scale=scale, axis=axis)
    colour, shape = by_group("outcome:N", _OUTCOMES, [*GROUPS[1:4], GROUPS[0]])
    touched = tooltip({"label": "school"}, {"pip": "PIP"})
    marks = points(chart_of("schools"), ratio, PIP, colour, shape, tooltip=touched)
    above = alt.layer(threshold_line(), marks).properties(width=600, height=280)
    number = alt.X("study:O", title="Study", axis=alt.Axis(labelAngle=0))
    count = alt.Y("count:Q", title="Schools", axis=alt.Axis(tickMinStep=1, tickCount=4))
    studies = chart_of("studies").transform_fold([_OUTCOMES[0], _OUTCOMES[2]], ["outcome", "count"])
    shown = alt.condition("datum.study == shown", alt.value(4), alt.value(0))
    told = tooltip({"study": "study", "outcome": "which"}, {"count": "schools"})
    beside = alt.XOffset("outcome:N", sort=_OUTCOMES)
    bars = studies.mark_bar(stroke=GREY, aria=False).encode(number, count, alt.Y2Datum(0), colour, beside)
    bars = bars.encode(strokeWidth=shown, tooltip=told)
    return alt.vconcat(above, bars.properties(width=600, height=110)).add_params(alt.param(name="shown", value=1))
