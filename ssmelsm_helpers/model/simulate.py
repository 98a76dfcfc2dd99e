"""Simulate students whose schools differ in level and consistency; the planted truth comes along."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..arguments import check_count, check_number, check_numbers, check_seed, in_order_of, require, whole_numbers
from ..data.frames import collected, data_frame
from ..data.summaries import school_table
from ..spec.design import Design, build_design
from ..spec.formulas import parse_formulas
from ..spec.options import selected_effects


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
    inside, expected = whole_numbers(1)
    counts = check_numbers("n_students", n_students, inside, f"{expected}, one or {n_schools}")
    require(counts.shape in ((), (n_schools,)), f"n_students must be {expected}, one or {n_schools}", n_students)
    counts = np.broadcast_to(counts, n_schools).astype(int)
    check_count("n_students, added up,", int(counts.sum()))
    check_number("gamma", gamma)
    check_number("eta", eta)
    check_number("tau_u", tau_u, low=0)
    check_number("tau_t", tau_t, low=0)
    check_number("rho", rho, low=-1, high=1)
    check_number("inclusion", inclusion, low=0, high=1)
    rng = np.random.default_rng(check_seed(random_seed))
    z = rng.normal(size=(2, n_schools))
    delta = rng.random(n_schools) < inclusion
    # v = diag(tau) L z, written out; then the indicator acts on t alone.
    u = tau_u * z[0]
    t = np.where(delta, tau_t * (rho * z[0] + np.sqrt(1 - rho**2) * z[1]), 0.0)
    labels = pd.RangeIndex(1, n_schools + 1, name="school")
    truth = pd.DataFrame({"u": u, "t": t, "delta": delta.astype(int), "sd": np.exp(eta + t)}, index=labels)
    school = np.repeat(np.arange(n_schools), counts)
    score = gamma + u[school] + np.exp(eta + t[school]) * rng.normal(size=len(school))
    students = pd.DataFrame({"school": labels.to_numpy()[school], "score": score})
    require(np.isfinite(score).all(), "eta must be a log SD of finite scores", eta)
    # Not by `summarise_schools`: what is wrong with students need not be looked for here, and takes longer than a fit.
    schools = (students["score"] - gamma).groupby(students["school"]).agg(n="size", mean="mean", sd="std")
    return Simulation(students, schools.assign(mean=schools["mean"] + gamma), truth)


def simulate_outcomes(
    location: str,
    scale: str,
    data,
    *,
    gamma,
    eta,
    tau,
    omega=None,
    inclusion=0.5,
    select="scale",
    nu: float | None = None,
    random_seed: int | None = None,
) -> Simulation:
    """Simulate the outcome of given students under given parameters: any model that `fit` can estimate.

    Parameters
    ----------
    location, scale : str
        Formulas, as for `fit`.
    data : data frame
        The students: their schools and covariates. The outcome need not be among the columns.
    gamma, eta : sequence of float, or dict by term
        Coefficients of the location (outcome's units) and of the scale (log-SD units), in the order of the terms
        ("Intercept", "ses", ...).
    tau : sequence of float, or dict by effect
        SDs of the random effects, location effects first: "location[Intercept]", ..., "scale[Intercept]", ....
    omega : array (effects, effects) or float, optional
        Correlation matrix of the effects before the indicators act; with two effects, their correlation.
        Default: uncorrelated.
    inclusion : float in [0, 1], or one per selected effect, default 0.5
        Probability that a school is in the slab.
    select : {"scale", "location", "both"} or sequence of str
        The effects that have an indicator, as in `fit`.
    nu : float above 2, optional
        Student-t residuals with so many degrees of freedom, and the same SD. Default: normal residuals.
    random_seed : int, optional

    Returns
    -------
    Simulation
        ``students``: a pandas copy of data with the outcome, rows in their order. ``schools``: n, mean, sd.
        ``truth``: per school the effects in force, and "delta[...]" of the selected ones.

    Raises
    ------
    ValueError, TypeError
        The formulas do not fit the data, or a parameter's names, shape or range are wrong.

    Examples
    --------
    >>> students = pd.DataFrame({"school": [1, 1, 1, 2, 2, 2], "ses": [0.1, 0.5, -0.3, 0.2, -1.0, 0.4]})
    >>> simulation = simulate_outcomes(
    ...     "score ~ ses + (1 | school)", "~ ses + (1 | school)", students,
    ...     gamma={"Intercept": 10.0, "ses": 2.0}, eta=[0.0, 0.1], tau=[1.0, 0.5], omega=-0.3, random_seed=1,
    ... )
    >>> simulation.truth.columns.tolist()
    ['location[Intercept]', 'scale[Intercept]', 'delta[scale[Intercept]]']
    """
    formulas = parse_formulas(location, scale)
    students = collected(data_frame(data)).to_pandas().copy()
    # Any outcome that varies will do: the design is built as for a fit, with all its checks.
    students[formulas.outcome] = np.arange(len(students), dtype=float)
    design = build_design(formulas, students, missing=None, constant=None)
    gamma = _numbers("gamma", gamma, design.location_terms, "location term")
    eta = _numbers("eta", eta, design.scale_terms, "scale term")
    tau = _numbers("tau", tau, design.effects, "effect", low=0.0)
    cholesky = _cholesky(omega, design)
    selected = list(selected_effects(select, design.effects))
    chosen = [design.effects[at] for at in selected]
    inclusion = inclusion if np.iterable(inclusion) and not isinstance(inclusion, str) else len(chosen) * [inclusion]
    inclusion = _numbers("inclusion", inclusion, chosen, "selected effect", low=0.0, high=1.0)
    require(nu is None or check_number("nu", nu) > 2, "nu must be above 2, where a Student-t has a variance", nu)
    rng = np.random.default_rng(check_seed(random_seed))

    delta = np.ones((design.n_schools, len(design.effects)), dtype=int)
    delta[:, selected] = rng.random((design.n_schools, len(selected))) < inclusion
    # The indicator acts after the product.
    v = np.where(delta == 1, tau * (rng.normal(size=delta.shape) @ cholesky.T), 0.0)
    students[formulas.outcome] = _outcome(design, gamma, eta, v, nu, rng)
    truth = pd.DataFrame(v, index=design.labels, columns=list(design.effects))
    truth[[f"delta[{name}]" for name in chosen]] = delta[:, selected]
    schools = school_table(students, formulas.outcome, formulas.school, "raise")[["n", "mean", "sd"]]
    return Simulation(students, schools, truth)


def _outcome(design: Design, gamma, eta, v, nu, rng) -> np.ndarray:
    """Outcomes in the order of the caller's rows, given the effects in force."""
    u, t = np.split(v[design.school], [len(design.location_effects)], axis=1)
    mean = design.X @ gamma + (design.Z * u).sum(axis=1)
    log_sd = design.W @ eta + (design.S * t).sum(axis=1)
    sd, size = np.exp(log_sd), len(log_sd)
    noise = rng.normal(size=size) if nu is None else np.sqrt((nu - 2) / nu) * rng.standard_t(nu, size=size)
    outcome = np.empty(size)
    outcome[design.rows] = mean + sd * noise
    return outcome


def _numbers(argument: str, value, names, noun: str, *, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    """One finite number per name, from a sequence or by name, or from a number where one is enough."""
    pairs = zip(names, in_order_of(names, argument, value, noun), strict=True)
    return np.array([check_number(f"{argument}[{name!r}]", number, low=low, high=high) for name, number in pairs])


def _cholesky(omega, design: Design) -> np.ndarray:
    """The lower Cholesky factor of the effects' correlation matrix."""
    size = len(design.effects)
    if omega is None:
        return np.eye(size)
    if np.ndim(omega) == 0 and size == 2:
        rho = check_number("omega", omega, low=-1.0, high=1.0)
        omega = [[1.0, rho], [rho, 1.0]]
    together = np.zeros((size, size), dtype=bool)
    for block in design.blocks:
        together[np.ix_(block, block)] = True
    matrix = np.array(omega, dtype=float)
    fine = matrix.shape == (size, size) and np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1.0)
    fine = fine and (matrix[~together] == 0).all() and np.linalg.eigvalsh(matrix)[0] > 0
    blocks = [[design.effects[at] for at in block] for block in design.blocks]
    kind = f"a positive definite correlation matrix of the {size} effects {list(design.effects)}"
    require(fine, f"omega must be {kind}, zero between the blocks {blocks}", omega)
    return np.linalg.cholesky(matrix)
