"""Simulate students whose schools differ in level and consistency; the planted truth comes along."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from .arguments import check_count, check_number
from .data import summarise_schools


class Simulation(NamedTuple):
    """Simulated students, their school summaries, and the planted truth per school."""

    students: pd.DataFrame
    schools: pd.DataFrame
    truth: pd.DataFrame


def simulate_schools(
    *,
    n_schools: int = 100,
    n_students=70,
    gamma: float = 0.0,
    eta: float = -0.25,
    tau_u: float = 0.33,
    tau_t: float = 0.3,
    rho: float = 0.0,
    inclusion: float = 0.1,
    random_seed: int | None = None,
) -> Simulation:
    """Simulate the intercept-only SS-MELSM.

    Parameters
    ----------
    n_schools : int, default 100
    n_students : int or array of int (n_schools,), default 70
        Students per school.
    gamma, eta : float
        Mean of the school means (outcome's units), and log SD of a school with t = 0.
    tau_u, tau_t : float
        SDs of the location (outcome's units) and scale effects (log-SD units).
    rho : float in [-1, 1]
        Correlation of u and t before the indicator acts.
    inclusion : float in [0, 1], default 0.1
        Probability that a school is in the slab.
    random_seed : int, optional

    Returns
    -------
    Simulation
        ``students`` (school, score), ``schools`` (n, mean, sd), ``truth`` (u, t, delta, sd) by school.

    Raises
    ------
    ValueError
        A count, SD, correlation or probability is out of range.

    Examples
    --------
    >>> simulation = simulate_schools(n_schools=3, n_students=[5, 1, 8], random_seed=1)
    >>> simulation.schools["n"].tolist()
    [5, 1, 8]
    """
    check_count("n_schools", n_schools)
    counts = np.broadcast_to(np.asarray(n_students), n_schools) if np.ndim(n_students) == 0 else np.asarray(n_students)
    if counts.shape != (n_schools,) or not np.issubdtype(counts.dtype, np.integer) or (counts < 1).any():
        raise ValueError(f"n_students must be whole numbers of at least 1, one or {n_schools}; found {n_students!r}.")
    for name, value, low, high in (
        ("gamma", gamma, -np.inf, np.inf),
        ("eta", eta, -np.inf, np.inf),
        ("tau_u", tau_u, 0, np.inf),
        ("tau_t", tau_t, 0, np.inf),
        ("rho", rho, -1, 1),
        ("inclusion", inclusion, 0, 1),
    ):
        check_number(name, value, low=low, high=high)
    rng = np.random.default_rng(random_seed)
    z = rng.normal(size=(2, n_schools))
    delta = rng.random(n_schools) < inclusion
    # v = diag(tau) L z, written out; then the indicator acts on t alone.
    u = tau_u * z[0]
    t = tau_t * (rho * z[0] + np.sqrt(1 - rho**2) * z[1]) * delta
    labels = pd.RangeIndex(1, n_schools + 1, name="school")
    truth = pd.DataFrame({"u": u, "t": t, "delta": delta.astype(int), "sd": np.exp(eta + t)}, index=labels)
    school = np.repeat(np.arange(n_schools), counts)
    score = gamma + u[school] + np.exp(eta + t[school]) * rng.normal(size=len(school))
    students = pd.DataFrame({"school": labels.to_numpy()[school], "score": score})
    return Simulation(students, summarise_schools(students, outcome="score", school="school"), truth)
