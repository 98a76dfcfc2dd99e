"""The threshold explorer: which schools are flagged, under which rule, at which prior probability."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..data.labels import texts
from ..fitting.importance import GOOD_PARETO_K
from ..plot.style import COLOURS, DASHED, GREY, LEGEND, SHAPES, error_ends
from ..results.pips import bayes_factor, fdr_threshold
from ..results.sensitivity import PriorTable, reweighted_table
from .explorer import Explorer
from .views import Control, View, as_sent

RULES = ("PIP", "Bayes factor", "false flags")
_GROUPS = ["more variable", "less variable", "not flagged"]
# In the static page, closer together around .75.
_LEVELS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.72, 0.73, 0.74, 0.75, 0.76, 0.77)
_LEVELS += (0.78, 0.8, 0.82, 0.85, 0.88, 0.9, 0.92, 0.95, 0.97, 0.99)
_NOBODY = 2.0  # a PIP that no school reaches


def threshold(fit: xr.DataTree) -> Explorer:
    """Drag the threshold, change the rule, change pi: who is flagged?

    The slider sets how strict the rule is, on the scale of the PIP. At .75 the rule "PIP" flags schools whose PIP is
    at least .75; the rule "Bayes factor" those whose Bayes factor is at least 3, the odds of .75; the rule "false
    flags" as many schools as possible with an expected share of false flags of at most one in four. Another pi
    reweights the fit's draws (`with_inclusion_prior`); where the reweighting is unreliable, the model is fitted anew.

    Parameters
    ----------
    fit : xarray.DataTree
        A collapsed fit with a fixed inclusion prior.

    Returns
    -------
    Explorer
        Settings ``threshold``, ``rule`` and ``pi``.

    Raises
    ------
    ValueError, TypeError
        The fit cannot be reweighted.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> explorer = sm.explore.threshold(result)
    >>> explorer.view(threshold=0.9).sentence[:44]
    'Rule: a PIP of at least 0.9. Flagged: 4 of 1'
    """
    own = float(fit.attrs["inclusion_prior"]) if np.ndim(fit.attrs.get("inclusion_prior")) == 0 else 0.5
    table_at = lru_cache(maxsize=64)(lambda pi: reweighted_table(fit, pi))
    table_at(own)  # a fit that cannot be reweighted is refused now, not by a dead slider

    def view(threshold: float, rule: str, pi: float) -> View:
        return threshold_view(table_at(pi), threshold, rule)

    grid = sorted({own, 0.1, 0.25, 0.5, 0.75, 0.9})
    fine = sorted({own, *np.round(np.arange(0.05, 0.96, 0.05), 2).tolist()})
    levels = tuple(np.round(np.arange(0.5, 0.991, 0.01), 2).tolist())
    controls = [
        Control("threshold", "Threshold (PIP scale)", levels, 0.75, static=_LEVELS),
        Control("rule", "Rule", RULES, "PIP", static=RULES),
        Control("pi", "Prior probability pi", tuple(sorted({*fine, *grid})), own, static=tuple(grid)),
    ]
    return Explorer("Threshold explorer", controls, view, threshold_charts)


def cutoff_of(pips: pd.Series, threshold: float, rule: str, pi: float) -> float:
    """The PIP from which on a rule flags; 2 where it flags nobody."""
    if rule == "PIP":
        return threshold
    if rule == "Bayes factor":
        odds = threshold / (1 - threshold) * pi / (1 - pi)
        return odds / (1 + odds)
    found = fdr_threshold(pips, level=1 - threshold)
    return found if np.isfinite(found) else _NOBODY


def threshold_view(found: PriorTable, threshold: float, rule: str) -> View:
    """Everything on screen, from the PIPs at one pi."""
    table, pi = found.table, found.inclusion_prior
    # The rule is applied to what the browser gets, so that picture and sentence flag the same schools.
    sent = table["pip"].map(as_sent)
    # The Bayes factor's limit and its PIP are one number; rounding must not part them either.
    cutoff = round(cutoff_of(sent, threshold, rule, pi) - 1e-9, 9)
    flagged = sent >= cutoff
    low, high = error_ends(table)
    schools = table.assign(
        label=texts(table.index),
        position=np.arange(1, len(table) + 1),
        pip_low=low,
        pip_high=high,
        larger=table["sd_ratio"] >= 1,
        bayes_factor=bayes_factor(table["pip"], inclusion_prior=pi),
    )
    columns = ["label", "position", "n", "mean", "sd", "sd_ratio"]
    columns += ["pip", "pip_low", "pip_high", "bayes_factor", "larger"]
    names = {side: schools.loc[flagged & (schools["larger"] == side), "label"] for side in (True, False)}
    sentence = _sentence(found, threshold, rule, flagged, names)
    data = {"schools": schools[columns].reset_index(drop=True)}
    return View(data, {"cutoff": cutoff}, sentence, tuple(schools.loc[flagged, "label"]))


def _sentence(found: PriorTable, threshold: float, rule: str, flagged, names) -> str:
    rules = {
        "PIP": f"a PIP of at least {threshold:g}",
        "Bayes factor": f"a Bayes factor of at least {threshold / (1 - threshold):.1f}",
        "false flags": f"an expected share of false flags of at most {100 * (1 - threshold):.3g} %",
    }
    false = float((1 - found.table["pip"][flagged]).sum())
    who = [
        f"{word}: {', '.join(names[side]) or 'none'}"
        for side, word in ((True, "more variable"), (False, "less variable"))
    ]
    how = "the fit's own"
    if np.isfinite(found.refit_k):
        how = f"fitted anew with k-hat {found.refit_k:.2f}, because reweighting had {found.pareto_k:.2f}"
    elif np.isfinite(found.pareto_k):
        how = f"reweighted, k-hat {found.pareto_k:.2f}"
        how += "" if found.pareto_k <= GOOD_PARETO_K else ", not to be trusted: fit again"
    return (
        f"Rule: {rules[rule]}. Flagged: {int(flagged.sum())} of {len(flagged)} schools ({'; '.join(who)}). "
        f"Expected false flags among them: {false:.1f}. Prior probability pi = {found.inclusion_prior:g} ({how})."
    )


def threshold_charts(view: View) -> alt.VConcatChart:
    """PIPs in the order of the data; the V; PIP against the mean. A brush in one highlights in all."""
    cutoff = alt.param(name="cutoff", value=view.signals["cutoff"])
    # One brush per panel: a school is seen when it is in all that are drawn.
    brushes = [alt.selection_interval(name=f"brush_{name}") for name in ("order", "sd", "mean")]
    group = "datum.pip < cutoff ? 'not flagged' : datum.larger ? 'more variable' : 'less variable'"
    base = alt.Chart(alt.NamedData("schools")).transform_calculate(group=group)
    colours, shapes = [COLOURS[0], COLOURS[1], GREY], [SHAPES[0], SHAPES[1], SHAPES[3]]
    colour = alt.Color("group:N", scale=alt.Scale(domain=_GROUPS, range=colours), legend=LEGEND)
    shape = alt.Shape("group:N", scale=alt.Scale(domain=_GROUPS, range=shapes), legend=LEGEND)
    seen = alt.condition(brushes[0] & brushes[1] & brushes[2], alt.value(0.9), alt.value(0.12))
    tooltip = [
        alt.Tooltip("label:N", title="school"),
        alt.Tooltip("n:Q", title="students"),
        *(
            alt.Tooltip(f"{field}:Q", format=".2f", title=title)
            for field, title in {"pip": "PIP", "bayes_factor": "Bayes factor", "sd": "SD", "mean": "mean"}.items()
        ),
    ]

    def panel(x: alt.X, brush, width: int, bars: bool = False) -> alt.LayerChart:
        y = alt.Y("pip:Q", scale=alt.Scale(domain=[0, 1]), title="PIP")
        here = base.encode(x)
        points = here.mark_point(filled=True, size=45, aria=False).encode(
            y, colour, shape, opacity=seen, tooltip=tooltip
        )
        labels = here.transform_filter("datum.pip >= cutoff").mark_text(dy=-9, fontSize=10, aria=False)
        line = alt.Chart(pd.DataFrame({"one": [1]})).transform_calculate(at="cutoff").transform_filter("datum.at <= 1")
        rule = line.mark_rule(**DASHED).encode(alt.Y("at:Q", title="PIP"))
        layers = [rule, points.add_params(brush), labels.encode(y, text="label:N", opacity=seen)]
        if bars:
            ends = alt.Y("pip_low:Q", title="PIP"), alt.Y2("pip_high")
            layers.insert(1, here.mark_rule(aria=False, opacity=0.4).encode(*ends, colour))
        return alt.layer(*layers).properties(width=width, height=220)

    position = alt.X("position:Q", title="School, in the order of the data", scale=alt.Scale(nice=False, padding=8))
    sd = alt.X("sd:Q", title="Within-school SD", scale=alt.Scale(zero=False, padding=10))
    mean = alt.X("mean:Q", title="Mean score", scale=alt.Scale(zero=False, padding=10))
    below = alt.hconcat(panel(sd, brushes[1], 265), panel(mean, brushes[2], 265))
    return alt.vconcat(panel(position, brushes[0], 600, bars=True), below).add_params(cutoff)
