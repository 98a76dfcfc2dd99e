"""One page on a file before it is fitted: scores by school, sizes and gaps, and where values pile up."""

import altair as alt
import narwhals as nw
import numpy as np
import pandas as pd

from ..data.findings import number
from ..data.frames import collected
from ..data.inspection import inspected
from ..data.labels import texts
from ..data.students import SCORE, Students, finite
from . import style

_BINS = 60
_VALUES = ("code for missing", "pile", "floor", "ceiling")


def inspection(data, *, outcome: str, school: str) -> alt.VConcatChart:
    """What `inspect` looks at, as a picture.

    Parameters
    ----------
    data : data frame of students, one row each
        Anything Narwhals reads.
    outcome, school : str
        Names of the score and of the school's label.

    Returns
    -------
    altair.VConcatChart
        Schools in the order of their means, each with its range and its mean ± SD; below, their rows with a score and,
        on top, those without; below, how many rows have which scores, with what `inspect` found there.

    Raises
    ------
    ValueError, TypeError
        As in `inspect`.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> chart = sm.plot.inspection(sm.load_example("patients"), outcome="systolic", school="patient")
    >>> "60 values of 'patient'" in chart.to_dict()["description"]
    True
    """
    students, findings = inspected(data, outcome, school, [])
    table = students.schools.sort_values("mean")
    rows = pd.DataFrame({"label": texts(table.index), "place": range(len(table))})
    rows = rows.join(table[["n", "rows", "mean", "sd", "low", "high"]].reset_index(drop=True).astype(float))
    rows = rows.assign(gaps=rows["rows"] - rows["n"], below=rows["mean"] - rows["sd"], above=rows["mean"] + rows["sd"])
    piles = findings[findings["kind"].isin(_VALUES)]
    description = (
        f"Three panels. Scores: {len(rows)} values of {school!r} in the order of their means, ranges from "
        f"{_written(rows['low'].min())} to {_written(rows['high'].max())}. Rows: from {rows['rows'].min():.0f} to "
        f"{rows['rows'].max():.0f} in each, {rows['gaps'].sum():.0f} without a score. Values of {outcome!r}: "
        f"{'; '.join(piles['kind'] + ' ' + piles['where']) or 'no piles'}."
    )
    numbers = {"mean": "mean", "sd": "sd", "low": "lowest", "high": "highest"}
    numbers = style.tooltip({"label": school, "rows": "rows", "gaps": "without a score"}, numbers)
    # The panels of the schools have one axis, which has no numbers: it is an order.
    axis, ends = alt.Axis(labels=False, ticks=False, grid=False), alt.Scale(domain=[-1, len(rows)], nice=False)
    x = alt.X("place:Q", title=f"{school}, by mean", axis=axis, scale=ends)
    base = alt.Chart(rows).encode(x, alt.Y("mean:Q", title=outcome, scale=alt.Scale(zero=False)))
    scores = alt.layer(
        style.bars(base, "y", "low", "high", color=style.GREY),
        style.bars(base, "y", "below", "above", color=style.GREEN, size=3),
        style.points(base, tooltip=numbers, size=20, color=style.GREEN),
    )
    bars = base.mark_bar(size=max(1, min(8, 0.8 * style.WIDTH / max(len(rows), 1))), aria=False)
    sizes = alt.layer(
        bars.encode(alt.Y("n:Q", title="rows"), alt.Y2(datum=0), color=alt.value(style.GREY), tooltip=numbers),
        bars.encode(alt.Y("rows:Q", title="rows"), alt.Y2("n"), color=alt.value(style.PINK), tooltip=numbers),
    )
    panels = {
        "Scores: range, and mean ± SD": scores.properties(height=180),
        "Rows: with a score, and on top of them without": sizes.properties(height=80),
        "How many rows have which score": _values(students, outcome).properties(height=110),
    }
    chart = alt.vconcat(*[panel.properties(width=style.WIDTH, title=words) for words, panel in panels.items()])
    return chart.properties(description=description).configure_title(anchor="start", frame="group", fontSize=12)


def _written(value: float) -> str:
    return f"{number(round(float(value), 2)):,}" if np.isfinite(value) else "none"


def _values(students: Students, outcome: str) -> alt.Chart:
    """How many rows have scores in each of equal steps."""
    low, high = students.spread.loc[SCORE, ["low", "high"]] if SCORE in students.numeric else (0.0, 0.0)
    width = (high - low) / _BINS or 1.0
    step = ((finite(SCORE) - low) / width).floor().alias("step")
    counts = collected(students.rows.select(step).group_by("step").agg(nw.len().alias("count"))).to_pandas().dropna()
    start = low + counts["step"] * width
    bins = pd.DataFrame({"from": start, "to": start + width, "count": counts["count"]}).sort_values("from")
    told = [alt.Tooltip("from:Q", format=".4~r"), alt.Tooltip("to:Q", format=".4~r"), "count:Q"]
    bars = alt.Chart(bins).mark_bar(color=style.GREY, aria=False)
    x = alt.X("from:Q", bin="binned", title=outcome)
    y = alt.Y("count:Q", title="rows", scale=alt.Scale(type="sqrt"))
    return bars.encode(x, alt.X2("to"), y, alt.Y2(datum=0), tooltip=told)
