"""What a chart needs to be readable, said once: colours and shapes of groups, points, labels, a rule at the threshold, words."""

from collections.abc import Iterable, Sequence

import altair as alt
import pandas as pd
import xarray as xr

from ..arguments import check_probability, require
from ..data.labels import texts
from ..results.draws import selected_names
from ..results.pips import pip_table
from .rendering import enable_renderer
from .room import room_for_labels

enable_renderer()

# One palette for all charts, with one meaning each. Colour-blind readers tell the directions apart; a shape, a dash or a
# place says the same. Marks have a contrast of 3 to white and to the dark page, also a little transparent; words have none of
# these colours, but the page's.
MORE = "#D55E00"  # more variable than what is common
LESS = "#2684BA"  # less variable
OPEN = "#9468AC"  # too close to call
GREY = "#7A7A7A"  # what others are compared with: not flagged, the common SD, the spike, a threshold
GREEN = "#008568"  # what a chart is about, where it has no direction: the slab, a posterior, a first group
PINK = "#B65A92"  # a second such thing: what the students say, one school, a second group
SHAPES = ["triangle-up", "triangle-down", "diamond", "circle"]
LOOKS = list(zip([MORE, LESS, OPEN, GREY], SHAPES, strict=True))
# Groups without a direction: a third and a fourth colour are used for nothing else.
GROUPS = [(GREY, "circle"), (GREEN, "square"), (PINK, "triangle-right"), ("#A26F00", "cross")]
GROUPS += [("#6D7F1E", "triangle-left")]
WIDTH, HEIGHT = 600, 320  # in a notebook; the built book fits charts to its page
DASHED = {"strokeDash": [6, 4], "color": GREY, "aria": False}  # lines at a threshold
LEGEND = alt.Legend(orient="bottom", title=None, columns=2)
PIP = alt.Y("pip:Q", scale=alt.Scale(domain=[0, 1]), title="Posterior inclusion probability (PIP)")


def checked_threshold(threshold: float) -> float:
    """A threshold as Vega can show it."""
    return round(check_probability("threshold", threshold), 4)


def check_scale_effect(fit: xr.DataTree) -> None:
    """Charts of the schools' spread need one indicator, and it must be a scale effect's."""
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


def with_ends(table: pd.DataFrame) -> pd.DataFrame:
    """A table of PIPs with labels as text, and with the PIPs minus and plus two Monte Carlo standard errors."""
    pip, error = table["pip"], 2 * table["pip_mcse"].fillna(0)
    ends = {"pip_low": (pip - error).clip(lower=0), "pip_high": (pip + error).clip(upper=1)}
    return table.assign(label=texts(table.index), **ends)


def pip_rows(fit: xr.DataTree, **options) -> pd.DataFrame:
    """`pip_table` with labels as text and the ends of the error bars."""
    return with_ends(pip_table(fit, **options))


def with_room(rows: pd.DataFrame, x, y, order, texts=None, height: int = HEIGHT) -> pd.DataFrame:
    """Rows with the places of their labels, from shares of the chart's width and height."""
    texts = rows["label"] if texts is None else texts
    return rows.join(room_for_labels(texts, x, y, order, width=WIDTH, height=height).set_axis(rows.index))


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


def labels(base: alt.Chart, where: str, text: str = "label:N", place: str = "label") -> alt.Chart:
    """A text beside each point that a Vega expression picks, where `room_for_labels` found room for it."""
    dx, dy = (alt.expr(f"datum.{place}_{way}") for way in ("dx", "dy"))
    picked = base.transform_filter(f"({where}) && isValid(datum.{place}_dx)")
    return picked.mark_text(dx=dx, dy=dy, baseline="middle", fontSize=11, aria=False).encode(text=text)


def without_label(shown: pd.DataFrame, *places: str) -> str:
    """How many rows that are to be shown have no label, as a sentence after others."""
    counts = [int(shown[f"{place}_dx"].isna().sum()) for place in places or ["label"]]
    return f" Without a label, for want of room: {listed(counts)}{' (by panel)' * bool(places)}." if any(counts) else ""


def bars(base: alt.Chart, axis: str, low: str, high: str, *encodings, **mark) -> alt.Chart:
    """A bar per row along the x or the y axis, from one column to another."""
    return base.mark_rule(aria=False, **mark).encode(*encodings, **_instead(base, axis, low), **{f"{axis}2": high})


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
