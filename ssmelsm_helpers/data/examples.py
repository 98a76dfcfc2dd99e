"""Three made-up data sets that are not schools, to practise on: nobody's data, and the truth is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..arguments import check_one_of


class _Kind(NamedTuple):
    """How a data set is made: scores on a standard scale, then the units people measure in."""

    group: str
    outcome: str
    groups: int
    sizes: tuple[int, int]
    tau_u: float
    tau_t: float
    inclusion: float
    seed: int


_KINDS = {
    "patients": _Kind("patient", "systolic", 60, (15, 45), 0.8, 0.5, 0.2, 44),
    "teams": _Kind("team", "days", 45, (15, 60), 0.4, 0.3, 0.2, 42),
    "wards": _Kind("ward", "wait", 30, (40, 200), 0.3, 0.25, 0.3, 43),
}


def load_example(name: str) -> pd.DataFrame:
    """Made-up measurements in groups that are not schools.

    Parameters
    ----------
    name : {"patients", "teams", "wards"}
        "patients": systolic blood pressure (mmHg) of 60 patients who measure at home. "teams": days until a ticket is
        closed, in 45 teams, on the log scale already (``days`` is log10 days). "wards": minutes of waiting in 30 wards,
        skewed as such times are, and some are missing.

    Returns
    -------
    pandas.DataFrame
        One row per measurement: the group's label (text), the outcome, and the day of the study (1 to 90).

    Raises
    ------
    ValueError
        The name is unknown.

    Examples
    --------
    >>> load_example("patients").columns.tolist()
    ['patient', 'day', 'systolic']
    """
    check_one_of("name", name, tuple(_KINDS))
    kind = _KINDS[name]
    rng = np.random.default_rng(kind.seed)
    sizes = rng.integers(*kind.sizes, size=kind.groups)
    group = np.repeat(np.arange(kind.groups), sizes)
    u = kind.tau_u * rng.normal(size=kind.groups)
    t = np.where(rng.random(kind.groups) < kind.inclusion, kind.tau_t * rng.normal(size=kind.groups), 0.0)
    standard = u[group] + np.exp(t[group]) * rng.normal(size=len(group))
    labels = np.array([f"{kind.group[0].upper()}{at:02d}" for at in range(1, kind.groups + 1)])
    table = pd.DataFrame({kind.group: labels[group], "day": rng.integers(1, 91, size=len(group))})
    if name == "patients":
        table["systolic"] = np.round(135 + 9 * standard)
    elif name == "teams":
        table["days"] = np.round(0.8 + 0.25 * standard, 3)
    else:
        table["wait"] = np.round(np.exp(3.2 + 0.6 * standard), 1)
        table.loc[rng.random(len(table)) < 0.01, "wait"] = np.nan
    return table.sample(frac=1, random_state=kind.seed, ignore_index=True)
