"""What all charts share: colours and shapes of the verdicts, tooltips, the threshold's slider."""

from __future__ import annotations

import altair as alt
import pandas as pd
import xarray as xr

from ..arguments import check_probability
from ..data.labels import texts
from ..results.pips import VERDICTS, pip_table, posterior_of_fit, selected_names
from .rendering import enable_renderer

enable_renderer()

# Vermillion and blue keep apart for colour-blind readers, on white as on black; the shapes say the same.
COLOURS = ["#D55E00", "#2B8CC4", "#9A6FB0", "#8A8A8A"]
SHAPES = ["triangle-up", "triangle-down", "diamond", "circle"]
GREY = COLOURS[3]
HEIGHT = 320
DASHED = {"strokeDash": [6, 4], "color": GREY, "aria": False}  # lines at a threshold
WIDTH = 600  # in a notebook; the built book fits charts to its page
LEGEND = alt.Legend(orient="bottom", title=None, columns=2, symbolLimit=4)


def checked_threshold(threshold: float) -> float:
    """A threshold as Vega can show it."""
    check_probability("threshold", threshold)
    return round(float(threshold), 4)


def threshold_slider(threshold: float) -> alt.Parameter:
    """The parameter `threshold`, bound to a slider."""
    slider = alt.binding_range(min=min(0.5, threshold), max=0.99, step=0.01, name="PIP threshold ")
    return alt.param(name="threshold", value=threshold, bind=slider)


def check_scale_effect(fit: xr.DataTree) -> None:
    """Charts of the schools' spread need one indicator, and it must be a scale effect's."""
    posterior_of_fit(fit)
    names = selected_names(fit)
    if len(names) != 1 or not names[0].startswith("scale["):
        raise ValueError(f"fit must have one selected effect, a scale effect, for this chart; found {names}.")


def error_ends(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """PIPs minus and plus two Monte Carlo standard errors."""
    error = 2 * table["pip_mcse"].fillna(0)
    return (table["pip"] - error).clip(lower=0), (table["pip"] + error).clip(upper=1)


def rows(fit: xr.DataTree, threshold: float) -> pd.DataFrame:
    """`pip_table` with what charts need: labels as text, a position, the ends of the error bars."""
    check_scale_effect(fit)
    table = pip_table(fit, threshold=threshold)
    low, high = error_ends(table)
    table = table.assign(label=texts(table.index), position=range(1, len(table) + 1), pip_low=low, pip_high=high)
    return table.reset_index(drop=True)


def with_verdict(chart: alt.Chart) -> alt.Chart:
    """The rule of `inclusion.verdicts`, computed where the chart is shown: a slider may change it."""
    near, below = "abs(datum.pip - threshold) <= 2 * datum.pip_mcse", "datum.pip < threshold"
    more, less, unresolved, not_flagged = (f"'{verdict}'" for verdict in VERDICTS)
    direction = f"datum.prob_more_variable >= 0.5 ? {more} : {less}"
    return chart.transform_calculate(verdict=f"{near} ? {unresolved} : {below} ? {not_flagged} : {direction}")


def verdict_colour() -> alt.Color:
    """Colour by verdict."""
    return alt.Color("verdict:N", scale=alt.Scale(domain=list(VERDICTS), range=COLOURS), legend=LEGEND)


def verdict_shape() -> alt.Shape:
    """Shape by verdict."""
    return alt.Shape("verdict:N", scale=alt.Scale(domain=list(VERDICTS), range=SHAPES), legend=LEGEND)


def in_order(units: str) -> alt.X:
    """Horizontal positions in the order of the data."""
    title = f"{units.capitalize()}, in the order of the data"
    return alt.X("position:Q", title=title, scale=alt.Scale(nice=False, padding=8))


def label_tooltip(fit: xr.DataTree) -> alt.Tooltip:
    """The group's label, under the name of its column."""
    return alt.Tooltip("label:N", title=str(fit.attrs.get("school", "school")))


def tooltip(fit: xr.DataTree) -> list[alt.Tooltip]:
    """What a point tells when it is touched."""
    numbers = {
        "mean": "mean outcome",
        "sd": "SD (posterior mean)",
        "sd_ratio": "SD ratio",
        "bayes_factor": "Bayes factor",
    }
    return [
        label_tooltip(fit),
        alt.Tooltip("n:Q", title="n"),
        alt.Tooltip("pip:Q", format=".3f", title="PIP"),
        *(alt.Tooltip(f"{column}:Q", format=".2f", title=title) for column, title in numbers.items()),
        alt.Tooltip("verdict:N"),
    ]


def names(table: pd.DataFrame, verdict: str) -> str:
    """The schools with a verdict, for a description."""
    labels = [str(label) for label in table.loc[table["verdict"] == verdict, "label"]]
    return ", ".join(labels) if labels else "none"


def flag_summary(table: pd.DataFrame, threshold: float) -> str:
    """Who is flagged, in a sentence."""
    more, less, unresolved = (names(table, verdict) for verdict in VERDICTS[:3])
    return (
        f"At the threshold {threshold:g}, flagged as more variable: {more}; as less variable: {less}; too close to call: "
        f"{unresolved}."
    )
