"""Made-up data sets that are not schools, to practise on: nobody's data, and the truth is known."""

from collections import namedtuple

import numpy as np
import pandas as pd

from ..arguments import check_count, check_one_of
from .messy import messy

# How a data set is made: scores on a standard scale, then the outcome in the units people measure in.
_Kind = namedtuple("_Kind", "group, groups, sizes, tau_u, tau_t, inclusion, seed, outcome, measured")
_KINDS = {
    "patients": _Kind("patient", 60, (15, 45), 0.8, 0.5, 0.2, 44, "systolic", lambda z: np.round(135 + 9 * z)),
    "teams": _Kind("team", 45, (15, 60), 0.4, 0.3, 0.2, 42, "days", lambda z: np.round(0.8 + 0.25 * z, 3)),
    "wards": _Kind("ward", 30, (40, 200), 0.3, 0.25, 0.3, 43, "wait", lambda z: np.round(np.exp(3.2 + 0.6 * z), 1)),
}


def load_example(name: str, *, seed: int = 1) -> pd.DataFrame:
    """Made-up measurements in groups that are not schools.

    Parameters
    ----------
    name : {"patients", "teams", "wards", "messy"}
        "patients": systolic blood pressure (mmHg) of 60 patients who measure at home. "teams": days until a ticket is
        closed, in 45 teams, on the log scale already (``days`` is log10 days). "wards": minutes of waiting in 30 wards,
        skewed as such times are, and some are missing. "messy": points of students in 24 schools, in a file with faults.
    seed : int, default 1
        Which messy file: those of 1 to 5 have one kind of fault each, later ones have two.

    Returns
    -------
    pandas.DataFrame
        One row per measurement: the group's label (text), the outcome, and the day of the study (1 to 90). "messy":
        ``school``, ``student``, ``points``.

    Raises
    ------
    ValueError
        The name is unknown, or the seed no positive whole number.

    Examples
    --------
    >>> load_example("patients").columns.tolist()
    ['patient', 'day', 'systolic']
    """
    check_one_of("name", name, (*_KINDS, "messy"))
    if name == "messy":
        return messy(check_count("seed", seed))
    kind = _KINDS[name]
    rng = np.random.default_rng(kind.seed)
    sizes = rng.integers(*kind.sizes, size=kind.groups)
    group = np.repeat(np.arange(kind.groups), sizes)
    u = kind.tau_u * rng.normal(size=kind.groups)
    t = np.where(rng.random(kind.groups) < kind.inclusion, kind.tau_t * rng.normal(size=kind.groups), 0.0)
    standard = u[group] + np.exp(t[group]) * rng.normal(size=len(group))
    labels = np.array([f"{kind.group[0].upper()}{at:02d}" for at in range(1, kind.groups + 1)])
    table = pd.DataFrame({kind.group: labels[group], "day": rng.integers(1, 91, size=len(group))})
    table[kind.outcome] = kind.measured(standard)
    if name == "wards":
        table.loc[rng.random(len(table)) < 0.01, "wait"] = np.nan
    return table.sample(frac=1, random_state=kind.seed, ignore_index=True)
