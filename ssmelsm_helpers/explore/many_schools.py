"""Explorers of made-up schools: how effects are built, what they do to scores, and how well a study finds them."""

from functools import lru_cache

import altair as alt
import numpy as np
import pandas as pd

from ..fitting.fit import fit_schools
from ..model.simulate import simulate_schools
from ..plot.style import GREY, GROUPS, LOOKS, PINK, by_group, points, tooltip
from ..results.pips import pip_table
from .explorer import PIP, THRESHOLD, Control, Explorer, View, chart_of, evenly, threshold_line

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
_OUTCOMES = ("hit", "missed", "false flag", "rightly left alone")


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
    controls = [
        Control("rho", "Correlation rho", evenly(-0.9, 0.9, 0.1), 0.6, static=(-0.9, -0.6, 0.0, 0.6, 0.9)),
        Control("pi", "Prior probability pi", evenly(0.1, 0.9, 0.1), 0.5, static=(0.1, 0.5, 0.9)),
        Control("indicator", "Indicator", _PLACES, _PLACES[0], static=_PLACES),
        Control("school", "School to follow", tuple(range(1, _FOLLOWED + 1)), 7, static=(7, 26, 64)),
        Control("tau_u", "tau of the location", evenly(0.1, 0.5, 0.1), 0.3),
        Control("tau_t", "tau of the scale", evenly(0.1, 0.5, 0.1), 0.2),
    ]
    return Explorer("Construction explorer", controls, construction_view, construction_charts)


def construction_view(rho: float, pi: float, indicator: str, school: int, tau_u: float, tau_t: float) -> View:
    """Four clouds, the schools' two coordinates after each step, and the path of one school."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(_FOLLOWED, 2))
    slab = rng.random(_FOLLOWED) < pi
    factor = np.array([[1.0, 0.0], [rho, np.sqrt(1 - rho**2)]])  # Omega = L L'
    tau = np.array([tau_u, tau_t])
    correlated = z @ factor.T
    switched = np.column_stack([np.ones(_FOLLOWED), slab])  # only the scale effect has an indicator
    in_force = tau * correlated * switched if indicator == _PLACES[0] else tau * ((z * switched) @ factor.T)
    # 0.0 is added against negative zeros.
    clouds = {"z": z, "correlated": correlated, "scaled": tau * correlated, "in_force": in_force + 0.0}
    schools = pd.DataFrame({"school": np.arange(1, _FOLLOWED + 1), "state": np.where(slab, "slab", "spike")})
    (var_u, cov), (_, var_t) = np.cov(clouds["scaled"].T)
    path = "; ".join("({:.2f}, {:.2f})".format(*cloud[school - 1]) for cloud in clouds.values())
    spike = "exactly zero."
    if indicator != _PLACES[0] and rho != 0:
        spike = f"not zero: it is tau rho z1, up to {abs(in_force[~slab, 1]).max():.2f} in size."
    sentence = (
        f"Variance of u, variance of t, covariance after step 3: {var_u:.3f}, {var_t:.3f}, {cov:.3f} in these {_FOLLOWED} "
        f"schools; intended: {tau_u**2:.3f}, {tau_t**2:.3f}, {rho * tau_u * tau_t:.3f}. School {school} "
        f"({schools['state'][school - 1]}) goes through {path}. In the {sum(~slab)} schools of the spike t is {spike}"
    )
    data = {name: schools.assign(x=cloud[:, 0], y=cloud[:, 1]) for name, cloud in clouds.items()}
    return View(data, {"followed": school}, sentence)


def construction_charts() -> alt.ConcatChart:
    """Four panels, the followed school large in each."""
    colour, shape = by_group("state:N", ["slab", "spike"], [GROUPS[1], GROUPS[0]])
    panels = []
    for name, (title, first, second, limit) in _PANELS.items():
        scale = alt.Scale(domain=[-limit, limit])
        base = chart_of(name).encode(alt.X("x:Q", scale=scale, title=first), alt.Y("y:Q", scale=scale, title=second))
        cloud = base.mark_point(filled=True, size=28, opacity=0.85, clip=True, aria=False).encode(colour, shape)
        one = base.transform_filter("datum.school == followed")
        ring = one.mark_point(size=220, strokeWidth=2.5, color=PINK, filled=False, opacity=1, aria=False)
        label = one.mark_text(dy=-14, fontSize=12, fontWeight="bold", aria=False).encode(text="school:N")
        panels.append(alt.layer(cloud, ring, label).properties(width=250, height=200, title=title))
    return alt.concat(*panels, columns=2)


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
    controls = [
        Control("tau_t", "tau of the scale", evenly(0, 0.6, 0.1), 0.3, static=evenly(0, 0.6, 0.1)),
        Control("tau_u", "tau of the location", evenly(0, 1, 0.2), 0.4, static=(0.0, 0.4, 1.0)),
        Control("eta", "eta (log SD)", evenly(-1, 0.25, 0.25), -0.25, static=(-0.75, -0.25)),
        Control("gamma", "gamma (mean)", evenly(-1, 1, 0.5), 0.0),
    ]
    return Explorer("MELSM explorer", controls, melsm_view, melsm_charts)


def melsm_view(tau_t: float, tau_u: float, eta: float, gamma: float) -> View:
    """Students, each school's own SD, and the common one."""
    rng = np.random.default_rng(5)
    z, noise = rng.normal(size=(2, _SCHOOLS)), rng.normal(size=(_SCHOOLS, _STUDENTS))
    # In the order of t, and with t's mean and SD as they should be: the picture shows parameters, not luck.
    t = np.sort(z[1])
    sd = np.exp(eta + tau_t * (t - t.mean()) / t.std())
    mean = gamma + tau_u * z[0]
    scores = mean[:, None] + sd[:, None] * noise
    common = np.sqrt(scores.var(axis=1, ddof=1).mean())
    # Who varies more is told by the SD at t = 0; a multilevel model's SD lies above it where schools differ.
    own = np.select([np.isclose(sd, np.exp(eta)), sd > np.exp(eta)], _SDS[:2], _SDS[2])
    schools = pd.DataFrame({"school": np.arange(1, _SCHOOLS + 1), "mean": mean, "sd": sd, "own": own})
    schools = schools.assign(low=mean - sd, high=mean + sd, common_low=mean - common, common_high=mean + common)
    students = pd.DataFrame({"school": schools["school"].repeat(_STUDENTS), "score": scores.ravel()})
    sentence = (
        f"A plain multilevel model would report one SD within schools: {common:.2f}. The schools' own SDs run from "
        f"{sd.min():.2f} to {sd.max():.2f}; {sum(sd > 1.2 * common)} of {_SCHOOLS} are more than 1.2 times the common one, "
        f"{sum(sd < common / 1.2)} less than 1 / 1.2 of it. exp(eta) = {np.exp(eta):.2f} is the SD of a school with t = 0. "
        f"Their expected scores run from {mean.min():.2f} to {mean.max():.2f}, around gamma = {gamma:g}."
    )
    return View({"students": students, "schools": schools}, {}, sentence)


def melsm_charts() -> alt.LayerChart:
    """Students as dots, the own SD as a thick bar, the common SD as a thin one beside it."""
    x = alt.X("school:O", title="School, in the order of its own SD", axis=alt.Axis(labelAngle=0))
    own, shape = by_group("own:N", _SDS, [LOOKS[at] for at in (3, 0, 1)])
    score = {"title": "Score", "scale": alt.Scale(domain=[-4, 4])}
    schools = chart_of("schools")
    dots = chart_of("students").mark_point(filled=True, size=14, opacity=0.85, color=GREY, clip=True, aria=False)
    thin = schools.mark_rule(strokeWidth=2, xOffset=14, color=GREY, clip=True, aria=False)
    thick = schools.mark_rule(strokeWidth=5, xOffset=8, clip=True, aria=False)
    means = schools.mark_point(filled=True, size=70, xOffset=8, opacity=1, aria=False)
    layers = alt.layer(
        dots.encode(alt.Y("score:Q", **score)),
        thin.encode(alt.Y("common_low:Q", **score), alt.Y2("common_high")),
        thick.encode(alt.Y("low:Q", **score), alt.Y2("high"), own),
        means.encode(alt.Y("mean:Q", **score), own, shape),
    )
    return layers.encode(x).properties(width=600, height=300)


def power() -> Explorer:
    """How many schools, how many students? One simulated study per setting, fitted on the spot.

    Returns
    -------
    Explorer
        Settings ``n_students``, ``n_schools``, ``share`` (of deviating schools), ``size`` (SD of their t) and ``seed``.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.explore.power().view(n_students=150).sentence[:35]
    '60 schools of 150 students; 12 devi'
    """
    controls = [
        Control("n_students", "Students per school", (10, 20, 40, 70, 100, 150), 40, static=(20, 40, 70, 150)),
        Control("size", "SD of the deviations", evenly(0.1, 0.7, 0.1), 0.3, static=(0.2, 0.3, 0.6)),
        Control("share", "Share that deviate", evenly(0.05, 0.3, 0.05), 0.25, static=(0.1, 0.25)),
        Control("n_schools", "Schools", (20, 40, 60, 80), 60),
        Control("seed", "Repetition", tuple(range(1, 11)), 1),
    ]
    return Explorer("Power explorer", controls, lru_cache(maxsize=64)(power_view), power_charts)


def power_view(n_students: int, size: float, share: float, n_schools: int, seed: int) -> View:
    """PIP against the planted deviation of every school."""
    study = simulate_schools(
        n_schools=n_schools, n_students=n_students, tau_t=size, inclusion=share, random_seed=1000 * seed + 7
    )
    fit = fit_schools(study.schools, sampler="importance", draws=200, random_seed=seed, progressbar=False)
    pip, ratio = pip_table(fit)["pip"].to_numpy(), np.exp(study.truth["t"].to_numpy())
    deviates, flagged = study.truth["delta"].to_numpy() == 1, pip >= THRESHOLD
    outcome = np.select([deviates & flagged, deviates, flagged], _OUTCOMES[:3], _OUTCOMES[3])
    schools = pd.DataFrame({"label": study.truth.index.map(str), "ratio": ratio, "pip": pip, "outcome": outcome})
    sentence = (
        f"{n_schools} schools of {n_students} students; {sum(deviates)} deviate, with t of SD {size:g}. At a PIP of .75, "
        f"{sum(deviates & flagged)} of the {sum(deviates)} are found and {sum(flagged & ~deviates)} of the other "
        f"{sum(~deviates)} are flagged falsely (expected false flags, from the PIPs: {(1 - pip)[flagged].sum():.1f}). "
        "One simulated study; another one would differ."
    )
    return View({"schools": schools}, {}, sentence)


def power_charts() -> alt.LayerChart:
    """PIP against the true SD ratio, by what became of the school."""
    scale, axis = alt.Scale(type="log", domain=[0.2, 5], clamp=True), alt.Axis(values=[0.25, 0.5, 1, 2, 4])
    ratio = alt.X("ratio:Q", title="True SD ratio (1: does not deviate)", scale=scale, axis=axis)
    colour, shape = by_group("outcome:N", _OUTCOMES, [*GROUPS[1:4], GROUPS[0]])
    touched = tooltip({"label": "school"}, {"pip": "PIP"})
    marks = points(chart_of("schools"), ratio, PIP, colour, shape, tooltip=touched)
    return alt.layer(threshold_line(), marks).properties(width=600, height=300)
