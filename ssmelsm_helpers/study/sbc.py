"""Simulation-based calibration: truths from the prior, data from the model, and posteriors that must not favour either.

Over many data sets a right posterior treats the truth as one of its own draws (Talts et al., 2018): the rank of the
truth among the draws is uniform. An error anywhere between the prior and the recovered effects shows.
"""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from ..arguments import check_probability, require
from ..fitting.fit import fit_schools
from ..fitting.tree import evenly_spaced
from ..model.simulate import simulate_schools
from ..results.pips import pip_table
from ..spec.priors import Priors
from .runs import Design

#: Proper and rather narrow, so that every data set can be fitted; the small schools feel them. All are given, because a
#: default that looks at the data is no prior that truths could be drawn from; and in points, far from the standard scale.
_LEVELS = Priors(gamma_intercept_mean=530.0, gamma_intercept_sd=50.0, eta_intercept_mean=4.6, eta_intercept_sd=0.4)
PRIORS = replace(_LEVELS, tau_df=5.0, tau_u_scale=40.0, tau_t_scale=0.4, omega_shape=2.0)
WRONG_TAU_T_SCALE = 0.1
INCLUSION = 0.4
COUNTS = (3, 5, 8, 12, 20, 30, 40, 60, 80, 1)
RANKED_SCHOOLS = (0, 4, 8)  # of 3, 20 and 80 students
KEPT = 99  # draws whose order with the truth is looked at: ranks 0 to 99
PIP_CLASSES = ((0.0, 1.0), (0.0, 0.3), (0.3, 0.6), (0.6, 1.0))
# As many draws as leave KEPT nearly independent ones.
_LENGTHS = {
    ("collapsed", "importance"): {"draws": 700, "keep": KEPT},
    ("collapsed", "nuts"): {"draws": 297},
    ("marginal", "nuts"): {"draws": 495},
    ("sampled", "nuts"): {"draws": 1980, "tune": 1000},
}


def calibration(*, formulation: str = "collapsed", sampler: str = "importance", wrong_prior: bool = False) -> Design:
    """Simulation-based calibration of a formulation and a sampler, for `sm.study.run`.

    Ten schools of 1 to 80 students; hyperparameters from proper priors, pi = .4.

    Parameters
    ----------
    formulation : {"collapsed", "marginal", "sampled"}
    sampler : {"importance", "nuts"}
        Importance sampling for the collapsed formulation only.
    wrong_prior : bool, default False
        Break it on purpose: fit with a prior of tau_t four times too narrow.

    Returns
    -------
    Design
        Per replication: the truth's rank among 99 draws, for every hyperparameter and for u and the SD of a small, a
        middling and a large school; deviating schools minus the sum of their PIPs, in classes of the PIP.

    Raises
    ------
    ValueError
        Formulation and sampler do not go together.

    References
    ----------
    Talts, Betancourt, Simpson, Vehtari & Gelman (2018), arXiv:1804.06788.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.study.calibration(sampler="nuts").conditions.to_dict("records")
    [{'formulation': 'collapsed', 'sampler': 'nuts', 'wrong_prior': False}]
    """
    kind = formulation, sampler
    require(kind in [*_LENGTHS], f"formulation and sampler must be one of {[*_LENGTHS]}", kind)
    condition = {"formulation": formulation, "sampler": sampler, "wrong_prior": bool(wrong_prior)}
    return Design(f"calibration, {formulation}, {sampler}", pd.DataFrame([condition]), replicate_calibration)


def replicate_calibration(condition: dict, seed: int) -> dict:
    """One data set: ranks of the truth, and how far the PIPs are off."""
    truth = draw_truth(np.random.default_rng([seed, 1]))
    data = simulate_schools(n_schools=len(COUNTS), n_students=COUNTS, inclusion=INCLUSION, random_seed=seed, **truth)
    condition = dict(condition)
    priors = replace(PRIORS, tau_t_scale=WRONG_TAU_T_SCALE) if condition.pop("wrong_prior") else PRIORS
    options = condition | _LENGTHS[condition["formulation"], condition["sampler"]]
    options |= {"inclusion_prior": INCLUSION, "priors": priors, "chains": 1, "progressbar": False}
    with warnings.catch_warnings():
        # A k-hat above 0.7 warns, and a prior that counts for more than the data; among ten schools both happen, and the
        # ranks show whether it matters.
        warnings.simplefilter("ignore")
        found = fit_schools(data.schools, random_seed=seed % 2**31, cores=1, **options)
    posterior = found["posterior"].to_dataset().isel(chain=0)
    # Only ranks need independent draws. PIPs want all: a noisy PIP that falls into a low class is too low on average.
    draws = posterior.isel(draw=evenly_spaced(posterior.sizes["draw"], KEPT))
    drawn = {"gamma": draws["gamma"][:, 0], "eta": draws["eta"][:, 0], "rho": draws["rho"]}
    drawn |= {"tau_u": draws["tau"][:, 0], "tau_t": draws["tau"][:, 1]}
    for at in RANKED_SCHOOLS:
        names, school = (f"u_{COUNTS[at]}", f"sd_{COUNTS[at]}"), draws.isel(school=at)
        truth |= zip(names, data.truth[["u", "sd"]].iloc[at], strict=True)
        drawn |= zip(names, (school["u"], np.exp(drawn["eta"] + school["t"])), strict=True)
    report = {f"rank_{name}": int((drawn[name] < value).sum()) for name, value in truth.items()}
    pip, delta = pip_table(found)["pip"].to_numpy(), data.truth["delta"].to_numpy()
    for low, high in PIP_CLASSES:
        report[f"surplus_{low:g}_{high:g}"] = ((delta - pip) * ((pip >= low) & (pip <= high))).sum()
    return report


def draw_truth(rng) -> dict[str, float]:
    """Hyperparameters from `PRIORS`, drawn here and not by the code under test."""
    tau_u, tau_t = np.abs(rng.standard_t(PRIORS.tau_df, size=2)) * [PRIORS.tau_u_scale, PRIORS.tau_t_scale]
    gamma = PRIORS.gamma_intercept_mean + PRIORS.gamma_intercept_sd * rng.normal()
    eta = PRIORS.eta_intercept_mean + PRIORS.eta_intercept_sd * rng.normal()
    rho = 2 * rng.beta(PRIORS.omega_shape, PRIORS.omega_shape) - 1
    return {"gamma": gamma, "eta": eta, "tau_u": tau_u, "tau_t": tau_t, "rho": rho}


def calibration_verdict(table: pd.DataFrame, *, level: float = 0.01, bins: int = 20) -> pd.DataFrame:
    """Are the ranks uniform, and do the PIPs say how often schools deviate?

    Parameters
    ----------
    table : pandas.DataFrame
        From `sm.study.run` with a `sm.study.calibration`. Failed replications are left out.
    level : float, default 0.01
        Probability that a right posterior fails any of the tests, shared among them equally (Bonferroni).
    bins : int, default 20
        Classes of the 100 possible ranks, a divisor of 100.

    Returns
    -------
    pandas.DataFrame
        One row per quantity: ``statistic`` (chi-square of the ranks' counts; for the PIPs the mean surplus over its
        standard error), ``p_value``, ``passes``.

    Raises
    ------
    ValueError
        The table is no calibration study's, or level or bins are out of range.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> table = sm.study.run(sm.study.calibration(), replications=8, random_seed=1)
    >>> bool(calibration_verdict(table, bins=2).loc["rho", "passes"])
    True
    """
    check_probability("level", level)
    ranks = [name for name in table if name.startswith("rank_")]
    surpluses = [name for name in table if name.startswith("surplus_")]
    fine = ranks and "error" in table
    require(fine, "table must be a calibration study's, with columns rank_...", list(table.columns))
    divisors = [number for number in range(2, KEPT + 2) if (KEPT + 1) % number == 0]
    require(bins in divisors, f"bins must be one of {divisors}", bins)
    good, tests = table[table["error"].isna()], {}
    for name in ranks:
        counts = np.bincount(good[name].astype(int) * bins // (KEPT + 1), minlength=bins)
        tests[name.removeprefix("rank_")] = stats.chisquare(counts)
    for name in surpluses:
        # Schools of a data set share their hyperparameters; data sets are independent, so their sums carry the error.
        low, high = name.split("_")[1:]
        tests[f"PIPs from {low} to {high}"] = stats.ttest_1samp(good[name], 0.0)
    found = [(test.statistic, test.pvalue) for test in tests.values()]
    result = pd.DataFrame(found, index=pd.Index(tests, name="quantity"), columns=["statistic", "p_value"])
    return result.assign(passes=result["p_value"] > level / len(result))
