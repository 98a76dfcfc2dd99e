"""Whether to believe a fit: convergence, and school SDs replicated by the model."""

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_count, check_one_of, check_seed, require
from ..fitting.tree import design_from, evenly_spaced
from ..fitting.weights import GOOD_PARETO_K
from ..spec.design import Design
from ..spec.inclusion import Inclusion
from .draws import joined, mcse_of_mean, posterior_of_fit, refuse_before

GOOD_RHAT, GOOD_ESS = 1.01, 400


def convergence(fit: xr.DataTree) -> pd.DataFrame:
    """Did the sampler converge? One row per hyperparameter.

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.

    Returns
    -------
    pandas.DataFrame
        Indexed by parameter: ``mean``, ``sd``, ``mcse`` (of the mean), ``ess_bulk``, ``ess_tail``, ``r_hat`` (NUTS) or
        ``pareto_k`` (importance sampling, which has no chains), and ``ok``: R-hat at most 1.01 or k-hat
        at most 0.7, at least 400 effective draws, no divergence, and no contradiction between draws and evidence.
        ``attrs["divergences"]`` counts NUTS's; ``attrs["contradiction"]`` says, for collapsed formulations, whether the
        share of draws with a tau_t near zero contradicts what the evidence of the models with and without differences
        in spread says it must be.

    Raises
    ------
    TypeError
        `fit` is no fit.

    References
    ----------
    Vehtari et al. (2021), *Bayesian Analysis*, 16(2), 667-718; Vehtari et al. (2024), *JMLR*, 25(72).

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> bool(convergence(result)["ok"].all())
    True
    """
    from arviz_base import rc_context
    from arviz_stats import summary

    draws = _hyperparameters(fit)
    with rc_context({"stats.ci_prob": 0.95}):  # tails at 5 and 95 %
        found = summary(draws, kind="all", round_to="none").rename_axis("parameter")
    found["mcse"] = np.concatenate([np.ravel(mcse_of_mean(fit, values)) for values in draws.data_vars.values()])
    table = found[["mean", "sd", "mcse", "ess_bulk", "ess_tail", "r_hat"]]
    trusted = table["r_hat"] <= GOOD_RHAT
    if "importance_ess" in fit.attrs:  # these draws have no chains
        table = table.drop(columns="r_hat").assign(pareto_k=fit.attrs["pareto_k"])
        table[["ess_bulk", "ess_tail"]] = fit.attrs["importance_ess"]
        trusted = table["pareto_k"] <= GOOD_PARETO_K
    divergences = int(fit["sample_stats"].get("diverging", xr.DataArray(0)).sum())
    contradiction = not fit.attrs.get("near_zero_agrees", True)
    enough = table[["ess_bulk", "ess_tail"]].min(axis=1, skipna=False) >= GOOD_ESS
    table["ok"] = trusted & enough & (divergences == 0 and not contradiction)
    table.attrs |= {"divergences": divergences, "contradiction": contradiction}
    return table


def _hyperparameters(fit: xr.DataTree) -> xr.Dataset:
    """Their draws, of correlations those that are estimated."""
    posterior = posterior_of_fit(fit)
    names = [name for name in ("gamma", "eta", "tau", "rho", "omega", "pi", "nu") if name in posterior]
    draws = posterior[names]
    return draws.assign(omega=_varying_pairs(posterior["omega"])) if "omega" in names else draws


def _varying_pairs(omega: xr.DataArray) -> xr.DataArray:
    """The correlations that are estimated, each once."""
    names, below = omega["effect"].to_numpy(), np.tril_indices(omega.sizes["effect"], -1)
    second, first = (xr.DataArray(at, dims="pair") for at in below)
    labels = [f"{names[column]}, {names[row]}" for row, column in zip(*below, strict=True)]
    pairs = omega.drop_vars(["effect", "effect_bis"]).isel(effect=second, effect_bis=first).assign_coords(pair=labels)
    return pairs.isel(pair=np.ptp(joined(pairs), axis=0) > 0)


def effective_share(fit: xr.DataTree) -> float:
    """The least effective number of draws of any hyperparameter, as a share of all; NaN where too few draws tell."""
    from arviz_stats import ess

    draws = _hyperparameters(fit)
    least = fit.attrs.get("importance_ess")
    if least is None:
        least = min(float(values.min()) for values in ess(draws, method="bulk").data_vars.values())
    return min(1.0, least / (draws.sizes["chain"] * draws.sizes["draw"]))


def location_and_log_sd(posterior: xr.Dataset, design: Design, at: slice) -> tuple[np.ndarray, np.ndarray]:
    """mu and log sigma of every student (draws, N), for some draws of the flattened posterior."""
    gamma, eta, u, t = (joined(posterior[name])[at] for name in ("gamma", "eta", "u", "t"))
    mu, log_sd = gamma @ design.X.T, eta @ design.W.T
    for total, values, columns in ((mu, u, design.Z), (log_sd, t, design.S)):
        values = values[..., None] if values.ndim == 2 else values
        for k, column in enumerate(columns.T):
            total += values[:, design.school, k] * column
    return mu, log_sd


def replicated_sds(
    fit: xr.DataTree, *, schools: str = "same", replicates: int = 500, random_seed: int = 0
) -> pd.DataFrame:
    """Posterior predictive check: would the model produce school SDs like those observed?

    Parameters
    ----------
    fit : xarray.DataTree
    schools : {"same", "new"}
        "same": new students in the same schools, each with its own u and t. These were estimated from the very SDs
        that are checked, so that a misfit shows less than it should. "new": schools of the same sizes whose t
        is drawn from its distribution over schools; only for models with a random intercept in the location and one
        random effect in the scale.
    replicates : int, default 500
        Data sets to draw, at most as many as there are draws.
    random_seed : int, default 0

    Returns
    -------
    pandas.DataFrame
        Indexed by school: ``n``, ``sd`` (observed), ``lower``, ``median``, ``upper`` (2.5, 50 and 97.5 % of the
        replicated SDs), ``p_value``: the share of replicated SDs that are at least as large. A school of one student
        has no SD, and NaN everywhere.

    Raises
    ------
    ValueError
        An option is unknown; or, for ``schools="new"``, the model has other random effects than those named above, or
        its indicator stands before the Cholesky product.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> check = replicated_sds(result)
    >>> bool(check["sd"].between(check["lower"], check["upper"]).mean() > 0.9)
    True
    """
    check_one_of("schools", schools, ("same", "new"))
    check_count("replicates", replicates)
    posterior = posterior_of_fit(fit)
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    chosen = evenly_spaced(total, min(replicates, total))
    rng = np.random.default_rng(check_seed(random_seed))
    if schools == "new":
        posterior = posterior.assign(t=_new_t(fit, posterior, rng))
    design = design_from(fit)
    table = design.summary
    draw = _student_sds if design.table is None else _summary_sds
    sds = draw(design, fit.attrs["family"], posterior, chosen, rng)
    sds[:, design.n < 2] = np.nan
    lower, median, upper = np.quantile(sds, [0.025, 0.5, 0.975], axis=0)
    p_value = np.where(table["n"] > 1, (sds >= table["sd"].to_numpy()).mean(axis=0), np.nan)
    return table[["n", "sd"]].assign(lower=lower, median=median, upper=upper, p_value=p_value)


def _new_t(fit: xr.DataTree, posterior: xr.Dataset, rng) -> xr.DataArray:
    """t of schools not seen: in the slab with probability pi."""
    effects = [str(name) for name in posterior["effect"].to_numpy()]
    # A random slope of the location spreads a school's scores too, and goes with its t.
    fine = len(effects) == 2 and effects[0] == "location[Intercept]"
    require(fine, "schools='new' needs a random intercept in the location and one random effect in the scale", effects)
    refuse_before(fit)
    inclusion = Inclusion.of_fit(fit.attrs)
    pi = inclusion.at(posterior, effects[1]) if effects[1] in inclusion.effects else 1.0
    tau_t = posterior["tau"].isel(effect=-1, drop=True)
    t = posterior["t"]
    return tau_t * t.copy(data=rng.normal(size=t.shape)) * (t.copy(data=rng.random(t.shape)) < pi)


def _summary_sds(design: Design, _family: str, posterior: xr.Dataset, chosen, rng) -> np.ndarray:
    """SDs of n normal scores (draws, J): no students are needed."""
    log_sd, df = joined(posterior["eta"].isel(scale_term=0) + posterior["t"]), np.maximum(design.n - 1, 1)
    return np.exp(log_sd[chosen]) * np.sqrt(rng.chisquare(df, (len(chosen), len(df))) / df)


def _student_sds(design: Design, family: str, posterior: xr.Dataset, chosen, rng) -> np.ndarray:
    """SDs of simulated students (draws, J), with their covariates."""
    df = np.maximum(design.n - 1, 1)
    sds = np.empty((len(chosen), len(df)))
    for at, draw in enumerate(chosen):
        mu, log_sd = (value[0] for value in location_and_log_sd(posterior, design, slice(draw, draw + 1)))
        noise = rng.normal(size=len(mu))
        if family == "student":
            nu = joined(posterior["nu"])[draw]
            noise *= np.sqrt((nu - 2) / rng.chisquare(nu, size=len(mu)))
        y = mu + np.exp(log_sd) * noise
        deviation = y - (np.add.reduceat(y, design.starts) / design.n)[design.school]
        sds[at] = np.sqrt(np.add.reduceat(deviation**2, design.starts) / df)
    return sds
