"""The power explorer: plan a study, simulate it, fit it, and compare the flags with the truth."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import numpy as np
import pandas as pd

from ..fitting.fit import fit_schools
from ..model.simulate import simulate_schools
from ..plot.style import COLOURS, DASHED, GREY, SHAPES
from ..results.pips import pip_table
from .explorer import Explorer
from .views import Control, View

_THRESHOLD = 0.75
_OUTCOMES = ("hit", "missed", "false flag", "rightly left alone")


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
        Control("size", "SD of the deviations", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), 0.3, static=(0.2, 0.3, 0.6)),
        Control("share", "Share that deviate", (0.05, 0.1, 0.15, 0.2, 0.25, 0.3), 0.25, static=(0.1, 0.25)),
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
    pip = pip_table(fit)["pip"].to_numpy()
    deviates, flagged = study.truth["delta"].to_numpy() == 1, pip >= _THRESHOLD
    outcome = np.select([deviates & flagged, deviates, flagged], _OUTCOMES[:3], _OUTCOMES[3])
    table = pd.DataFrame({"label": [str(label) for label in study.truth.index], "pip": pip, "outcome": outcome})
    table["ratio"] = np.exp(study.truth["t"].to_numpy())
    hits, false = int((deviates & flagged).sum()), int((~deviates & flagged).sum())
    expected = float((1 - pip)[flagged].sum())
    sentence = (
        f"{n_schools} schools of {n_students} students; {deviates.sum()} deviate, with t of SD {size:g}. At a PIP of .75, "
        f"{hits} of the {deviates.sum()} are found and {false} of the other {(~deviates).sum()} are flagged falsely "
        f"(expected false flags, from the PIPs: {expected:.1f}). One simulated study; another one would differ."
    )
    return View({"schools": table}, {}, sentence)


def power_charts(_view: View) -> alt.LayerChart:
    """PIP against the true SD ratio, by what became of the school."""
    base = alt.Chart(alt.NamedData("schools")).encode(
        alt.X(
            "ratio:Q",
            title="True SD ratio (1: does not deviate)",
            scale=alt.Scale(type="log", domain=[0.2, 5], clamp=True),
            axis=alt.Axis(values=[0.25, 0.5, 1, 2, 4]),
        ),
        alt.Y("pip:Q", title="PIP", scale=alt.Scale(domain=[0, 1])),
    )
    outcomes = list(_OUTCOMES)
    legend = alt.Legend(orient="bottom", title=None)
    colours = alt.Scale(domain=outcomes, range=["#009E73", COLOURS[2], COLOURS[0], GREY])
    shapes = alt.Scale(domain=outcomes, range=[SHAPES[3], SHAPES[2], "cross", "square"])
    points = base.mark_point(filled=True, size=60, opacity=0.8, aria=False).encode(
        alt.Color("outcome:N", scale=colours, legend=legend),
        alt.Shape("outcome:N", scale=shapes, legend=legend),
        tooltip=[alt.Tooltip("label:N", title="school"), alt.Tooltip("pip:Q", format=".2f", title="PIP")],
    )
    line = alt.Chart(pd.DataFrame({"pip": [_THRESHOLD]})).mark_rule(**DASHED)
    return alt.layer(line.encode(alt.Y("pip:Q")), points).properties(width=600, height=300)
