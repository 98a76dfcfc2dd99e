"""What a chart needs to be readable, said once: colours and shapes of groups, points, labels, a rule at the threshold, words."""

from collections.abc import Iterable, Sequence

import altair as alt
import pandas as pd
import xarray as xr

from ..arguments import check_probability, require
from ..data.labels import texts
from ..results.draws import posterior_of_fit, selected_names
from ..results.pips import pip_table
from .rendering import enable_renderer

enable_renderer()

# Vermillion and blue keep apart for colour-blind readers, on white as on black; the shapes say the same.
COLOURS = ["#D55E00", "#2B8CC4", "#9A6FB0", "#8A8A8A"]
SHAPES = ["triangle-up", "triangle-down", "diamond", "circle"]
GREY = COLOURS[3]
LOOKS = list(zip(COLOURS, SHAPES, strict=True))
WIDTH, HEIGHT = 600, 320  # in a notebook; the built book fits charts to its page
DASHED = {"strokeDash": [6, 4], "color": GREY, "aria": False}  # lines at a threshold
LEGEND = alt.Legend(orient="bottom", title=None, columns=2)
PIP = alt.Y("pip:Q", scale=alt.Scale(domain=[0, 1]), title="Posterior inclusion probability (PIP)")


def checked_threshold(threshold: float) -> float:
    """A threshold as Vega can show it."""
    return round(check_probability("threshold", threshold), 4)


def check_scale_effect(fit: xr.DataTree) -> None:
    """Charts of the schools' spread need one indicator, and it must be a scale effect's."""
    posterior_of_fit(fit)
    names = selected_names(fit)
    fine = len(names) == 1 and names[0].startswith("scale[")
    require(fine, "fit must have one selected effect, a scale effect, for this chart", names)


def draws_of_t(fit: xr.DataTree) -> xr.DataArray:
    """t (chain, draw, school), where it is the one random effect in the scale."""
    check_scale_effect(fit)
    t = fit["posterior"]["t"]
    if "random_scale_effect" in t.dims:
        raise ValueError("fit must have one random effect in the scale for this chart; found several.")
    return t.transpose("chain", "draw", "school")


def error_ends(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """PIPs minus and plus two Monte Carlo standard errors."""
    error = 2 * table["pip_mcse"].fillna(0)
    return (table["pip"] - error).clip(lower=0), (table["pip"] + error).clip(upper=1)


def pip_rows(fit: xr.DataTree, **options) -> pd.DataFrame:
    """`pip_table` with labels as text and the ends of the error bars."""
    table = pip_table(fit, **options)
    low, high = error_ends(table)
    return table.assign(label=texts(table.index), pip_low=low, pip_high=high)


def threshold_slider(threshold: float) -> alt.Parameter:
    """The parameter `threshold`, bound to a slider."""
    slider = alt.binding_range(min=min(0.5, threshold), max=0.99, step=0.01, name="PIP threshold ")
    return alt.param("threshold", value=threshold, bind=slider)


def by_group(field: str, groups: Sequence[str], looks: Sequence[tuple[str, str]]) -> tuple[alt.Color, alt.Shape]:
    """A colour and a shape for each group, which say the same in one legend."""
    colour, shape = (alt.Scale(domain=list(groups), range=list(look)) for look in zip(*looks, strict=True))
    return alt.Color(field, scale=colour, legend=LEGEND), alt.Shape(field, scale=shape, legend=LEGEND)


def points(base: alt.Chart, *encodings, tooltip: list[alt.Tooltip], **mark) -> alt.Chart:
    """A point per row."""
    look = {"filled": True, "size": 60, "opacity": 0.85, "aria": False}
    return base.mark_point(**look | mark).encode(*encodings, tooltip=tooltip)


def labels(base: alt.Chart, where: str, text: str = "label:N", **mark) -> alt.Chart:
    """A text above each point that a Vega expression picks."""
    look = {"dy": -11, "fontSize": 11, "aria": False}
    return base.transform_filter(where).mark_text(**look | mark).encode(text=text)


def bars(base: alt.Chart, axis: str, low: str, high: str, *encodings, **mark) -> alt.Chart:
    """A bar per row along the x or the y axis, from one column to another."""
    look = {"opacity": 0.6, "aria": False} | mark
    return base.mark_rule(**look).encode(*encodings, **_instead(base, axis, low), **{f"{axis}2": high})


def dashed_lines(base: alt.Chart, axes: str, at: float | str = "threshold") -> list[alt.Chart]:
    """A line across the chart at a value of the x axis, the y axis or both ("xy"), or where a slider stands."""
    line = alt.Chart(alt.InlineData([{}])).transform_calculate(at=str(at)).mark_rule(**DASHED)
    return [line.encode(**_instead(base, axis, "at")) for axis in axes]


def _instead(base: alt.Chart, axis: str, column: str) -> dict[str, alt.X | alt.Y]:
    """Another column on an axis, whose scale and title stay."""
    channel = base.encoding[axis].copy()
    channel.shorthand = f"{column}:Q"
    return {axis: channel}


def tooltip(words: dict[str, str], numbers: dict[str, str]) -> list[alt.Tooltip]:
    """What a point tells when it is touched: titles of columns that are shown as they are, and of those to be rounded."""
    return [alt.Tooltip(column, type="nominal", title=title) for column, title in words.items()] + [
        alt.Tooltip(column, type="quantitative", format=".4~r", title=title) for column, title in numbers.items()
    ]


def chart(description: str, *layers: alt.Chart, height: int = HEIGHT) -> alt.LayerChart:
    """Layers, from the lowest to the highest, and what they show in words."""
    return alt.layer(*layers).properties(width=WIDTH, height=height, description=description)


def listed(labels: Iterable) -> str:
    """Labels in a sentence."""
    return ", ".join(map(str, labels)) or "none"
