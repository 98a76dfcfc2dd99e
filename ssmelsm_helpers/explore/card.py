"""A school's card: why it is flagged, or why not, and what would settle it."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..data.labels import place_of, texts
from ..plot.style import COLOURS, DASHED
from ..results.evidence import school_evidence
from ..results.pips import pip_table
from .explorer import Explorer
from .views import Control, View

_THRESHOLD = 0.75
_TIMES = np.unique(np.round(np.geomspace(0.25, 16, 40), 3))


def school_card(fit: xr.DataTree, school) -> Explorer:
    """Why is this school flagged, or why not? Its spread, its size, its mean, and pi; and what more students would do.

    The PIP is the fit's own. What would have been is computed at the posterior means of the hyperparameters, as if
    they were known (a learned pi included), and as if more students came with the same mean and SD.

    Parameters
    ----------
    fit : xarray.DataTree
        A fit of the intercept-only model.
    school
        Its label, or what the label prints. A menu leads to the others.

    Returns
    -------
    Explorer
        Setting ``school``, a label as text; where several print alike, with its type.

    Raises
    ------
    ValueError
        The fit has covariates or several effects, there is no such school, or several print like it.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> school_card(result, 39).view().sentence[:40]
    'School 39 has 191 students and an SD of '
    """
    table = pip_table(fit)
    posterior = fit["posterior"]
    if "constant_data" in fit.children or posterior.sizes["effect"] != 2:
        raise ValueError("fit must be of the intercept-only model for a school's card; found one with more terms.")
    labels = texts(table.index)
    start = labels[place_of(school, table.index)]
    theta = {
        "gamma": float(posterior["gamma"].mean()),
        "eta": float(posterior["eta"].mean()),
        "tau_u": float(posterior["tau"].isel(effect=0).mean()),
        "tau_t": float(posterior["tau"].isel(effect=1).mean()),
        "rho": float(posterior["rho"].mean()),
        "inclusion_prior": float(posterior["pi"].mean() if "pi" in posterior else fit.attrs["inclusion_prior"]),
    }
    observed = pd.DataFrame(
        {name: fit["observed_data"][name].to_numpy() for name in ("n", "mean", "sd")}, index=labels
    ).assign(pip=table["pip"].to_numpy())

    def view(school: str) -> View:
        return card_view(observed, theta, school)

    interesting = observed["pip"].sort_values(ascending=False).index[:12].tolist()
    static = tuple(label for label in labels if label in {*interesting, start})
    control = Control("school", "School", tuple(labels), start, static=static)
    return Explorer("A school's card", [control], view, card_charts)


def card_view(observed: pd.DataFrame, theta: dict, school: str) -> View:
    """The card of one school."""
    n, mean, sd, pip = observed.loc[school, ["n", "mean", "sd", "pip"]]
    n = int(n)
    # A single student has no SD that more students could share: there is no curve.
    sizes = np.unique(np.maximum(np.round(n * _TIMES), 2).astype(int)) if n > 1 else np.array([], dtype=int)
    more = school_evidence(sizes, mean, sd, **theta).inclusion if n > 1 else []
    data = {
        "students": pd.DataFrame({"n": sizes, "pip": more}),
        "here": pd.DataFrame({"n": [n], "pip": [pip]}),
    }
    return View(data, {}, _sentence(school, n, mean, sd, pip, theta))


def _sentence(school: str, n: int, mean: float, sd: float, pip: float, theta: dict) -> str:
    common = np.exp(theta["eta"])
    if n < 2:
        pi = theta["inclusion_prior"]
        return (
            f"School {school} has a single student, and so no spread: its PIP, {pip:.2f}, is about the prior {pi:.2g}."
        )
    verdict = "at or above .75" if pip >= _THRESHOLD else "below .75"
    no_rho = float(school_evidence(n, mean, sd, **theta | {"rho": 0.0}).inclusion)
    here = float(school_evidence(n, mean, sd, **theta).inclusion)
    quarter = float(school_evidence(n, mean, sd, **theta | {"inclusion_prior": 0.25}).inclusion)
    ratios = np.exp(np.linspace(-0.7, 0.7, 281))
    least = float(school_evidence(n, theta["gamma"], common * ratios, **theta).inclusion.min())
    return (
        f"School {school} has {n} students and an SD of {sd:.2f}, {sd / common:.2f} times the common one. Its PIP is {pip:.2f}, "
        f"{verdict}; a school of its size can go down to {least:.2f} and up to 1. Its mean, {mean:.2f}, moves the PIP through "
        f"rho by {round(here - no_rho, 2) + 0.0:+.2f}; with pi = .25 it would be about {quarter:.2f}. {_settled(n, mean, sd, theta)}"
    )


def _settled(n: int, mean: float, sd: float, theta: dict) -> str:
    """How many students would bring the PIP to .95 or to .05, with the same mean and SD."""
    sizes = np.unique(np.round(np.geomspace(n, 64 * n, 400)).astype(int))
    inclusion = school_evidence(sizes, mean, sd, **theta).inclusion
    clear = (inclusion >= 0.95) | (inclusion <= 0.05)
    if clear[0]:
        return "It is settled: further students like these would change little."
    if not clear.any():
        return f"Even {sizes[-1]:,} students like these would not bring it to .95 or .05."
    at = int(clear.argmax())
    return f"About {sizes[at] - n:,} more students like these would bring it to {inclusion[at]:.2f}."


def card_charts(_view: View) -> alt.LayerChart:
    """The PIP against the number of students, mean and SD staying as they are."""
    n = alt.X("n:Q", title="Students, with the same mean and SD", scale=alt.Scale(type="log", nice=False))
    pip = alt.Y("pip:Q", title="PIP", scale=alt.Scale(domain=[0, 1]))
    curve = alt.Chart(alt.NamedData("students")).mark_line(color=COLOURS[1], aria=False).encode(n, pip)
    here = (
        alt.Chart(alt.NamedData("here")).mark_point(size=140, filled=True, color=COLOURS[0], aria=False).encode(n, pip)
    )
    line = alt.Chart(pd.DataFrame({"pip": [_THRESHOLD]})).mark_rule(**DASHED).encode(pip)
    return alt.layer(line, curve, here).properties(width=600, height=240)
