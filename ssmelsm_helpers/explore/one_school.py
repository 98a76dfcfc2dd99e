"""One school and its indicator: the spike-and-slab explorer, for a school made up, and a real school's card."""

from functools import cache, partial

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..data.labels import place_of, texts
from ..fitting.tree import design_from
from ..plot.naming import Called, Names, title
from ..plot.style import GREEN, GREY, LESS, MORE, PINK, points, tooltip
from ..results.evidence import school_evidence
from ..results.influence import influence
from ..results.pips import pip_table
from ..spec.inclusion import Inclusion
from .explorer import BrowserExplorer, Control, Explorer, View, evenly
from .parts import LEGEND_ABOVE, PIP, THRESHOLD, by_word, can_be_pulled, chart_of, threshold_line, thumb

_ENDS = (0.4, 2.5)  # of the SD ratios on the axes
_TAU_U = 0.3  # as `school_evidence` takes it
_SIZES = (5, 10, 20, 40, 71, 150, 300, 500)
_SIDES = ("more variable", "less variable")
# Draws that tell a school's PIP without a student while somebody waits.
_DRAWS = 400
_TIMES = np.unique(np.round(np.geomspace(0.25, 16, 40), 3))


def spike_slab() -> BrowserExplorer:
    """One school: n, SD ratio, tau_t and pi; evidence, PIP and what .75 asks for. Pull the school's point in the lower panels.

    The hyperparameters are taken as known, the school's mean as average (rho does not matter then).

    Returns
    -------
    BrowserExplorer
        Settings ``n``, ``sd_ratio``, ``tau_t`` and ``pi``. Its numbers are those of `school_evidence`.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.explore.spike_slab().at(n=150, sd_ratio=1.3).settings
    {'n': 150, 'sd_ratio': 1.3, 'tau_t': 0.1, 'pi': 0.5}
    """
    controls = [
        Control("n", "Students n", (*range(5, 100), *range(100, 501, 10)), 71),
        Control("sd_ratio", "SD ratio", evenly(0.5, 2, 0.01), 1.2),
        Control("tau_t", "tau of the scale", evenly(0.05, 0.5, 0.01), 0.1),
        Control("pi", "Prior probability pi", evenly(0.05, 0.95, 0.01), 0.5),
    ]
    constants = {"tau_u": _TAU_U, "sizes": _SIZES, "ends": _ENDS, "threshold": THRESHOLD}
    name, code = "Spike-and-slab explorer", "sm.explore.spike_slab()"
    return BrowserExplorer(name, code, controls, spike_slab_charts, "spike_slab.js", constants)


def spike_slab_charts() -> alt.VConcatChart:
    """Three panels; the school is the same point in the lower two."""
    t = alt.X("t:Q", title="t, the school's deviation on the log-SD scale", scale=alt.Scale(domain=[-0.9, 0.9]))
    height = alt.Y("height:Q", title="Relative height", scale=alt.Scale(domain=[0, 1]))
    said, spike, slab = words = ["line: what students say", "bar: the spike, 1 - pi high", "area: the slab, pi high"]
    colour = by_word(alt.Color, "what", words, [PINK, GREY, GREEN], LEGEND_ABOVE)
    to_zero = alt.Y2Datum(0)
    top = alt.layer(
        _part("slab", slab).mark_area(fillOpacity=0.3, stroke=GREEN, aria=False).encode(to_zero),
        _part("spike", spike).mark_bar(size=4, aria=False).encode(to_zero),
        _part("likelihood", said).mark_line(strokeWidth=2.5, aria=False),
    ).encode(t, height, colour)

    ratio = {"scale": alt.Scale(type="log", domain=_ENDS), "axis": alt.Axis(values=[0.5, 0.75, 1, 1.5, 2])}
    left = _curve("curve", alt.X("ratio:Q", title="SD ratio", **ratio), GREY, "by_ratio")

    sizes = {"scale": alt.Scale(type="log", domain=[4, 600]), "axis": alt.Axis(values=[5, 20, 71, 300])}
    n, y = alt.X("n:Q", title="Students n", **sizes), alt.Y("ratio:Q", title="SD ratio that .75 asks for", **ratio)
    dash = by_word(alt.StrokeDash, "side", _SIDES, [[1, 0], [5, 4]])
    side = by_word(alt.Color, "side", _SIDES, [MORE, LESS])
    lines = chart_of("asked").mark_line(point=True, aria=False)
    held = can_be_pulled(thumb(chart_of("here")).encode(n, y), "by_size")
    right = alt.layer(lines.encode(n, y, dash, side), _here(120).encode(n, y), held)
    panels = {"by_ratio": left, "by_size": right}
    below = alt.hconcat(*(panel.properties(width=265, height=200, name=name) for name, panel in panels.items()))
    return alt.vconcat(top.properties(width=600, height=170), below).resolve_scale(
        color="independent", strokeDash="independent"
    )


def _part(name: str, what: str) -> alt.Chart:
    """A chart of one of the view's data sets, and what it is in the legend."""
    return chart_of(name).transform_calculate(what=f"'{what}'")


def _curve(name: str, x: alt.X, colour: str, pulled: str | None = None, size: int = 120) -> alt.LayerChart:
    """The PIP along x, the threshold, and where the school is; under a name, it can be pulled."""
    curve, here = chart_of(name).mark_line(color=colour, aria=False), chart_of("here")
    held = [can_be_pulled(thumb(here), pulled)] if pulled else []
    return alt.layer(threshold_line(), *(layer.encode(x, PIP) for layer in [curve, _here(size), *held]))


def _here(size: int) -> alt.Chart:
    return chart_of("here").mark_point(size=size, filled=True, color=PINK, opacity=0.85, aria=False)


def school_card(
    fit: xr.DataTree,
    school,
    *,
    data=None,
    outcome: str | None = None,
    units: Called = "schools",
    unit: str | None = None,
) -> Explorer:
    """Why is this school flagged, or why not? Its spread, its size, its mean, and pi; and what more students would do.

    The PIP is the fit's own. What would have been is computed at the posterior means of the hyperparameters, as if
    they were known (a learned pi included), and as if more students came with the same mean and SD.

    Parameters
    ----------
    fit : xarray.DataTree
        A fit of the intercept-only model.
    school
        Its label, or what the label prints. A menu leads to the others.
    data : data frame, optional
        The students of the fit: with them the card shows the school's PIP without each of its students (`influence`).
    outcome : str, optional
        Their column of scores, which a fit of summaries does not know.
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.
    unit : str, optional
        The outcome's unit, such as "points", for means and SDs.

    Returns
    -------
    Explorer
        Setting ``school``, a label as text; where several print alike, with its type.

    Raises
    ------
    ValueError
        The fit has covariates or several effects, there is no such school, or several print like it; or the data are not
        those of the fit.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> school_card(result, 39).view().sentence[:40]
    'School 39 has 191 students and an SD of '
    """
    names, table, posterior = Names.of(units), pip_table(fit), fit["posterior"]
    if design_from(fit).table is None:
        raise ValueError("fit must be of the intercept-only model for a school's card; found one with more terms.")
    labels = texts(table.index)
    start = labels[place_of(school, table.index)]
    known = {name: float(posterior[name].mean()) for name in ("gamma", "eta", "rho")}
    known |= {name: float(posterior["tau"].isel(effect=at).mean()) for at, name in enumerate(("tau_u", "tau_t"))}
    known["inclusion_prior"] = float(np.mean(Inclusion.of_fit(fit.attrs).at(posterior, "scale[Intercept]")))
    observed = table[["n", "mean", "pip"]].assign(sd=fit["observed_data"]["sd"].to_numpy()).set_axis(labels)
    interesting = observed.index.isin([start, *observed["pip"].nlargest(12).index])
    control = Control("school", title(names.group), tuple(labels), start, static=tuple(observed.index[interesting]))
    view, charts = partial(card_view, observed, known, names, unit), partial(card_charts, names)
    if data is not None:
        places = dict(zip(labels, table.index, strict=True))

        @cache
        def each(label):
            return influence(fit, data, school=[places[label]], outcome=outcome, most=1, draws=_DRAWS)

        each(start)  # where the data are not the fit's, the error comes here
        view, charts = partial(view_with_students, view, each, names), partial(charts_with_students, names, unit)
    code = f"sm.explore.school_card(fit, {school!r})"
    return Explorer(f"A {names.group}'s card", code, [control], charts, view)


def card_view(observed: pd.DataFrame, known: dict[str, float], names: Names, unit: str | None, school: str) -> View:
    """The card of one school."""
    who, measured = f"{title(names.group)} {school}", f" {unit}" if unit else ""
    n, mean, sd, pip = observed.loc[school, ["n", "mean", "sd", "pip"]]
    n, pi, common = int(n), known["inclusion_prior"], np.exp(known["eta"])
    here = pd.DataFrame({"n": [n], "pip": [pip]})
    if n == 1:
        # A single student has no SD that more students could share: there is no curve.
        words = f"{who} has a single {names.member}, and so no spread: its PIP, {pip:.2f}, is about the prior {pi:.2g}."
        return View({"students": here[:0], "here": here}, {}, words)

    def inclusion(n=n, mean=mean, sd=sd, **changes):
        return school_evidence(n, mean, sd, **known | changes).inclusion

    sizes = np.unique(np.maximum(np.round(n * _TIMES), 2).astype(int))
    verdict = "at or above .75" if pip >= THRESHOLD else "below .75"
    least = inclusion(mean=known["gamma"], sd=common * np.exp(np.linspace(-0.7, 0.7, 281))).min()
    through_rho = round(float(inclusion() - inclusion(rho=0.0)), 2) + 0.0  # no negative zero
    # How many students would bring the PIP to .95 or to .05, with the same mean and SD.
    more = np.unique(np.round(np.geomspace(n, 64 * n, 400)).astype(int))
    then = inclusion(more)
    clear = np.flatnonzero((then >= 0.95) | (then <= 0.05))
    if not len(clear):
        settled = f"Even {more[-1]:,} {names.members} like these would not bring it to .95 or .05."
    elif clear[0] == 0:
        settled = f"It is settled: further {names.members} like these would change little."
    else:
        settled = (
            f"About {more[clear[0]] - n:,} more {names.members} like these would bring it to {then[clear[0]]:.2f}."
        )
    sentence = (
        f"{who} has {n} {names.members} and an SD of {sd:.2f}{measured}, {sd / common:.2f} times the common one. "
        f"Its PIP is {pip:.2f}, {verdict}; a {names.group} of its size can go down to {least:.2f} and up to 1. Its mean, "
        f"{mean:.2f}{measured}, moves the PIP through rho by {through_rho:+.2f}; with pi = .25 it would be about {inclusion(inclusion_prior=0.25):.2f}. {settled}"
    )
    return View({"students": pd.DataFrame({"n": sizes, "pip": inclusion(sizes)}), "here": here}, {}, sentence)


def card_charts(names: Names) -> alt.LayerChart:
    """The PIP against the number of students, mean and SD staying as they are."""
    n = alt.X("n:Q", title=f"{title(names.members)}, with the same mean and SD").scale(type="log", nice=False)
    return _curve("students", n, GREEN, size=140).properties(width=600, height=240)


def view_with_students(view, each, names: Names, school: str) -> View:
    """The card of one school, and its PIP without each of its students, of whom `each` tells by label."""
    card, found = view(school=school), each(school)[["row", "outcome", "pip"]]
    row, score, pip = found.iloc[0]
    words = f" Without the {names.member} in row {row:.0f} (outcome {score:.4g}) its PIP would be {pip:.2f}"
    words += f", without any other single one {found['pip'].iloc[1]:.2f} or more." if len(found) > 1 else "."
    return card._replace(data=card.data | {"each": found}, sentence=card.sentence + words)


def charts_with_students(names: Names, unit: str | None) -> alt.VConcatChart:
    """The card's curve, and below it a point per student: the outcome, and the PIP without the student."""
    words = title("outcome", unit) + f" of a {names.member}, and the PIP without this one"
    score = alt.X("outcome:Q", title=words, scale=alt.Scale(zero=False))
    told = tooltip({"row": "row"}, {"outcome": "outcome", "pip": "PIP without"})
    strip = points(chart_of("each"), score, PIP, tooltip=told, size=25, color=GREEN)
    return alt.vconcat(card_charts(names), alt.layer(threshold_line(), strip).properties(width=600, height=140))
