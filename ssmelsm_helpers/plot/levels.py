"""A few schools, student by student: level and consistency in one picture."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from ..data.frames import refuse_missing, table_of
from ..data.labels import texts
from . import style
from .style import COLOURS, GREY, WIDTH

_MOST = 6


def few_schools(students: pd.DataFrame, *, outcome: str, school: str) -> alt.LayerChart:
    """Scores of two to six schools: every student a dot, the mean a tick, one SD to either side a bar.

    Parameters
    ----------
    students : data frame
        One row per student.
    outcome, school : str
        Columns with the scores and the schools' labels.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ValueError, TypeError
        A column is missing, there are too few or too many schools, or one has fewer than two students.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> students = pd.DataFrame({"school": ["A", "A", "B", "B"], "score": [1.0, 3.0, 0.0, 4.0]})
    >>> sm.plot.few_schools(students, outcome="score", school="school").to_dict()["description"][:60]
    'Scores of 2 schools, a row each. School A: 2 students, mean '
    """
    if outcome == school:
        raise ValueError(f"outcome and school must be different columns; found {outcome!r} for both.")
    table = table_of(students, {outcome: "outcome", school: "school"}, argument="students", outcome=outcome)
    refuse_missing(table[[school]], table[school].isna(), "students")
    by_school = table.groupby(school, sort=False)
    found = by_school[outcome].agg(n="size", mean="mean", sd="std")
    if not 2 <= len(found) <= _MOST or (found["n"] < 2).any():
        raise ValueError(
            f"students must be of 2 to {_MOST} schools with at least 2 students each; found {found['n'].to_dict()}."
        )
    labels = texts(found.index)
    bars = found.assign(school=labels, low=found["mean"] - found["sd"], high=found["mean"] + found["sd"])
    parts = [
        f"School {row.school}: {row.n} students, mean {row.mean:.2f}, SD {row.sd:.2f}" for row in bars.itertuples()
    ]
    description = f"Scores of {len(found)} schools, a row each. {'; '.join(parts)}."
    dots = pd.DataFrame({"school": np.array(labels)[by_school.ngroup()], "score": table[outcome].round(3)})
    y = alt.Y("school:N", sort=labels, title="School")
    look = {"title": "Score", "scale": alt.Scale(zero=False)}
    points = alt.Chart(dots).mark_point(size=26, filled=True, opacity=0.45, color=GREY, yOffset=14, aria=False)
    base = alt.Chart(bars).encode(alt.X("mean:Q", **look), y)
    rule = style.bars(base, "x", "low", "high", strokeWidth=7, opacity=1, color=COLOURS[1], yOffset=-8)
    tick = base.mark_tick(thickness=3, size=30, color=COLOURS[0], yOffset=-8, aria=False)
    tick = tick.encode(tooltip=style.told("mean", "sd", form=".2f"))
    layers = alt.layer(points.encode(alt.X("score:Q", **look), y), rule, tick)
    return layers.properties(width=WIDTH, height=90 * len(found), description=description)
