"""The threshold explorer: which schools are flagged, under which rule, at which prior probability."""

from collections.abc import Callable
from functools import lru_cache, partial

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..fitting.weights import GOOD_PARETO_K
from ..plot.naming import Called, Names, title
from ..plot.room import room_for_labels, shares
from ..plot.style import DASHED, GREY, LOOKS, bars, by_group, labels, listed, points, tooltip, with_ends, without_label
from ..results.pips import bayes_factor, fdr_threshold
from ..results.sensitivity import PriorTable, own_prior, reweighted_table
from .explorer import Control, Explorer, View, as_sent, evenly
from .parts import PIP, chart_of

_RULES = {
    "PIP": "a PIP of at least {threshold:g}",
    "Bayes factor": "a Bayes factor of at least {odds:.1f}",
    "false flags": "an expected share of false flags of at most {share:.3g} %",
}
_GROUPS = ("more variable", "less variable", "not flagged")
_PANELS, _HEIGHT = {"position": 600, "sd": 265, "mean": 265}, 220  # what is on the x axis, and how wide
# In the static page, closer together around .75.
_LEVELS = (0.5, 0.55, 0.6, 0.65, 0.7, *evenly(0.72, 0.78, 0.01), 0.8, 0.82, 0.85, 0.88, 0.9, 0.92, 0.95, 0.97, 0.99)


def threshold(fit: xr.DataTree, *, units: Called = "schools", unit: str | None = None) -> Explorer:
    """Drag the threshold, change the rule, change pi: who is flagged?

    The slider sets how strict the rule is, on the scale of the PIP. At .75 the rule "PIP" flags schools whose PIP is
    at least .75; the rule "Bayes factor" those whose Bayes factor is at least 3, the odds of .75; the rule "false
    flags" as many schools as possible with an expected share of false flags of at most one in four. Another pi
    reweights the fit's draws (`with_inclusion_prior`); where the reweighting is unreliable, the model is fitted anew.

    Parameters
    ----------
    fit : xarray.DataTree
        A collapsed fit with a fixed inclusion prior.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.
    unit : str, optional
        The outcome's unit, such as "points", for means and SDs.

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
    names = Names.of(units)
    own = own_prior(fit)  # a fit that cannot be reweighted is refused now, not by a dead slider
    coarse, rules = {own, 0.1, 0.25, 0.5, 0.75, 0.9}, tuple(_RULES)
    fine = {*coarse, *evenly(0.05, 0.95, 0.05)}
    controls = [
        Control("threshold", "Threshold (PIP scale)", evenly(0.5, 0.99, 0.01), 0.75, static=_LEVELS),
        Control("rule", "Rule", rules, "PIP", static=rules),
        Control("pi", "Prior probability pi", tuple(sorted(fine)), own, static=tuple(sorted(coarse))),
    ]
    at = lru_cache(maxsize=64)(lambda pi: schools_at(reweighted_table(fit, pi), pi))
    view, charts = partial(threshold_view, at, names), partial(threshold_charts, names, unit)
    return Explorer("Threshold explorer", "sm.explore.threshold(fit)", controls, charts, view)


def schools_at(found: PriorTable, pi: float) -> tuple[PriorTable, pd.DataFrame]:
    """PIPs at one pi, and with them what is drawn of every school whatever the rule."""
    schools = with_ends(found.table).drop(columns="pip_mcse")
    schools = schools.assign(position=range(1, len(schools) + 1), larger=schools["sd_ratio"] >= 1)
    schools["bayes_factor"] = bayes_factor(schools["pip"], inclusion_prior=pi)
    for name, width in _PANELS.items():
        across, pip = shares(schools[name]), schools["pip"]
        room = room_for_labels(schools["label"], across, pip, order=pip, width=width, height=_HEIGHT)
        schools[[f"{name}_dx", f"{name}_dy"]] = room.to_numpy()
    return found, schools


def threshold_view(at: Callable[[float], tuple], names: Names, threshold: float, rule: str, pi: float) -> View:
    """Everything on screen, from the PIPs at one pi."""
    found, schools = at(pi)
    # The rule is applied to what the browser gets, so that picture and sentence flag the same schools.
    sent, share, odds = schools["pip"].map(as_sent), 1 - threshold, threshold / (1 - threshold)
    limit = odds * pi / (1 - pi)
    lowest = {"PIP": threshold, "Bayes factor": limit / (1 + limit), "false flags": fdr_threshold(sent, level=share)}
    # The Bayes factor's limit and its PIP are one number; rounding must not part them either. No school reaches 2.
    cutoff = round(min(lowest[rule], 2.0) - 1e-9, 9)
    flagged = schools[sent >= cutoff]
    more, less = (listed(flagged["label"][flagged["larger"] == side]) for side in (True, False))
    how = f"reweighted, k-hat {found.pareto_k:.2f}"
    if np.isnan(found.pareto_k):
        how = "the fit's own"
    elif np.isfinite(found.refit_k):
        how = f"fitted anew with k-hat {found.refit_k:.2f}, because reweighting had {found.pareto_k:.2f}"
    elif found.pareto_k > GOOD_PARETO_K:
        how += ", not to be trusted: fit again"
    sentence = (
        f"Rule: {_RULES[rule].format(threshold=threshold, odds=odds, share=100 * share)}. Flagged: {len(flagged)} of "
        f"{len(schools)} {names.groups}; expected false flags among them: {(1 - flagged['pip']).sum():.1f}. More variable: "
        f"{more}; less variable: {less}. Prior probability pi = {pi:g} ({how}).{without_label(flagged, *_PANELS)}"
    )
    return View({"schools": schools}, {"cutoff": cutoff}, sentence, tuple(flagged["label"]))


def threshold_charts(names: Names, unit: str | None) -> alt.VConcatChart:
    """PIPs in the order of the data; the V; PIP against the mean. A brush in one highlights in all."""
    # It goes across, so that a finger can draw it; `explorer.js` lets only the newest stay.
    look = {"encodings": ["x"], "mark": alt.BrushConfig(fill=GREY, fillOpacity=0.25, stroke=GREY)}
    named = [(f"brush_{name}", f"dblclick, clear_brush_{name}") for name in _PANELS]
    brushes = [alt.selection_interval(name=name, clear=clear, **look) for name, clear in named]
    first, second, third = brushes
    group = "datum.pip < cutoff ? 'not flagged' : datum.larger ? 'more variable' : 'less variable'"
    base = chart_of("schools").transform_calculate(group=group).encode(PIP)
    colour, shape = by_group("group:N", _GROUPS, [*LOOKS[:2], LOOKS[3]])
    seen = alt.condition(first & second & third, alt.value(0.9), alt.value(0.12))
    numbers = {"pip": "PIP", "bayes_factor": "Bayes factor", "sd": "SD", "mean": "mean"}
    touched = tooltip({"label": names.group, "n": names.members}, numbers)
    size = alt.condition("datum.pip < cutoff", alt.value(40), alt.value(90))
    marks = points(base, colour, shape, tooltip=touched).encode(opacity=seen, size=size)
    errors = bars(base, "y", "pip_low", "pip_high", colour).encode(opacity=seen)
    line = alt.Chart(pd.DataFrame({"one": [1]})).transform_calculate(at="cutoff").transform_filter("datum.at <= 1")
    line = line.mark_rule(**DASHED).encode(alt.Y("at:Q", title="PIP"))

    def panel(brush, name: str, x: alt.X, *below: alt.Chart) -> alt.LayerChart:
        words = labels(base, "datum.pip >= cutoff", place=name).encode(opacity=seen)
        layers = [*below, marks.add_params(brush), words]
        return alt.layer(line, *(layer.encode(x) for layer in layers)).properties(width=_PANELS[name], height=_HEIGHT)

    position = alt.X("position:Q", title=f"{title(names.group)}, in the order of the data")
    position = position.scale(nice=False, padding=8)
    sd = alt.X("sd:Q", title=title(f"SD within {names.groups}", unit), scale=alt.Scale(zero=False, padding=10))
    mean = alt.X("mean:Q", title=title("mean outcome", unit), scale=alt.Scale(zero=False, padding=10))
    below = alt.hconcat(panel(second, "sd", sd), panel(third, "mean", mean))
    return alt.vconcat(panel(first, "position", position, errors), below).add_params(alt.param(name="cutoff", value=1))
