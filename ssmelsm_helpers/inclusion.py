"""From a fit to statements about schools: PIPs, Bayes factors, verdicts, and whether to believe them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit, logit

from .arguments import check_probability
from .data import label_index
from .importance import GOOD_PARETO_K

# With fewer draws per chain, neither an effective sample size nor an error can be estimated.
_LEAST_DRAWS = 4
VERDICTS = ("more variable", "less variable", "unresolved", "not flagged")
GOOD_RHAT, GOOD_ESS = 1.01, 400


def _posterior(fit: xr.DataTree) -> xr.Dataset:
    if not isinstance(fit, xr.DataTree) or "posterior" not in fit.children:
        raise TypeError(f"fit must be a DataTree as fit() returns it; found {type(fit).__name__}.")
    return fit["posterior"].to_dataset()


def inclusion_draws(fit: xr.DataTree) -> xr.DataArray:
    """P(delta_j = 1 | y, hyperparameters) for every draw and school."""
    return expit(_posterior(fit)["log_bf"] + logit(fit.attrs["inclusion_prior"]))


def mcse_of_mean(fit: xr.DataTree, draws: xr.DataArray) -> np.ndarray:
    """Monte Carlo standard error of the mean over (chain, draw), per school."""
    values = draws.transpose("chain", "draw", ...).to_numpy()
    if values.shape[1] < _LEAST_DRAWS:
        return np.full(values.shape[2:], np.nan)
    if fit.attrs["sampler"] == "importance":
        # Halton points make the means less noisy than this says: the error is on the safe side.
        return values.std(axis=(0, 1), ddof=1) / np.sqrt(fit.attrs["importance_ess"])
    from arviz_stats.base import array_stats

    # A constant indicator has no Monte Carlo error, and no effective sample size to divide by.
    constant = np.ptp(values, axis=(0, 1)) == 0
    mcse = array_stats.mcse(values, method="mean", chain_axis=0, draw_axis=1)
    return np.where(constant, 0.0, mcse)


def pip_table(fit: xr.DataTree, *, threshold: float = 0.75, effect: str | None = None) -> pd.DataFrame:
    """Everything the posterior says about each school's consistency, in one row per school.

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    threshold : float, default 0.75
        A school is flagged when its PIP reaches this value.
    effect : str, optional
        The selected scale effect; needed only where a model has several.

    Returns
    -------
    pandas.DataFrame
        Indexed by school:

        ``n``, ``mean`` : students and their mean outcome, as observed
        ``pip``, ``pip_mcse`` : posterior inclusion probability (averaged analytically over delta) and
        its Monte Carlo standard error
        ``bayes_factor`` : posterior odds over prior odds of inclusion
        ``sd``, ``sd_lower``, ``sd_upper`` : posterior mean and central 95 % interval of the school's residual
        SD (outcome's units), spike and slab together
        ``sd_ratio`` : posterior mean of exp(t), the SD relative to a school with t = 0
        ``prob_more_variable`` : P(t > 0) if the school is in the slab (NaN if no draw is)
        ``verdict`` : "more variable", "less variable" (flagged), "not flagged", or "unresolved" where the
        threshold lies within two Monte Carlo standard errors of the PIP

    Raises
    ------
    ValueError, TypeError
        The threshold is not between 0 and 1, the effect is unknown, or `fit` is no fit.

    References
    ----------
    Eq. (3) and (4) of Carmo, Williams & Rast (2026), doi 10.3102/10769986261426004.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> table = pip_table(result)
    >>> table.loc[[39, 9], ["n", "verdict"]]
                 n        verdict
    school_id
    39         191  more variable
    9          291  less variable
    """
    check_probability("threshold", threshold)
    posterior = _posterior(fit)
    known = [str(name) for name in posterior["effect"].to_numpy() if str(name).startswith("scale[")]
    if effect is not None and effect not in known:
        raise ValueError(f"effect must be one of {known}; found {effect!r}.")
    sample = ("chain", "draw")
    observed = fit["observed_data"]
    inclusion = inclusion_draws(fit)
    t, delta = posterior["t"], posterior["delta"]
    sd = np.exp(posterior["eta"].isel(scale_term=0) + t)
    lower, upper = sd.quantile([0.025, 0.975], dim=sample).to_numpy()
    in_slab = delta.sum(sample).to_numpy()
    more = ((t > 0) & (delta == 1)).sum(sample).to_numpy()
    pip = inclusion.mean(sample).to_numpy()
    table = pd.DataFrame(
        {
            "n": observed["n"].to_numpy(),
            "mean": observed["mean"].to_numpy(),
            "pip": pip,
            "pip_mcse": mcse_of_mean(fit, inclusion),
            "bayes_factor": bayes_factor(pip, inclusion_prior=fit.attrs["inclusion_prior"]),
            "sd": sd.mean(sample).to_numpy(),
            "sd_lower": lower,
            "sd_upper": upper,
            "sd_ratio": np.exp(t).mean(sample).to_numpy(),
            "prob_more_variable": np.divide(more, in_slab, out=np.full(len(pip), np.nan), where=in_slab > 0),
        },
        index=label_index(posterior.indexes["school"], name=_school_name(fit)),
    )
    table["verdict"] = verdicts(table, threshold=threshold)
    table.attrs["threshold"] = float(threshold)
    return table


def _school_name(fit) -> str | None:
    return fit.attrs.get("school") or None


def verdicts(table: pd.DataFrame, *, threshold: float) -> np.ndarray:
    """One of `VERDICTS` per row, from the columns pip, pip_mcse and prob_more_variable."""
    direction = np.where(table["prob_more_variable"] >= 0.5, VERDICTS[0], VERDICTS[1])
    decided = np.where(table["pip"] >= threshold, direction, VERDICTS[3])
    return np.where((table["pip"] - threshold).abs() <= 2 * table["pip_mcse"], VERDICTS[2], decided)


def bayes_factor(pip, *, inclusion_prior: float = 0.5):
    """Bayes factor of inclusion: posterior odds divided by prior odds.

    Parameters
    ----------
    pip : float or array
        Posterior inclusion probabilities, 0 to 1.
    inclusion_prior : float, default 0.5
        pi. Only at 0.5 is the Bayes factor simply pip / (1 - pip).

    Returns
    -------
    Same type as `pip`; infinite where it is 1.

    Raises
    ------
    ValueError
        A probability is out of range.

    Examples
    --------
    >>> bayes_factor(0.75)
    3.0
    >>> bayes_factor(0.75, inclusion_prior=0.25)
    9.0
    """
    check_probability("inclusion_prior", inclusion_prior)
    _check_pips(pip)
    with np.errstate(divide="ignore"):
        result = np.divide(pip, 1 - np.asarray(pip)) * ((1 - inclusion_prior) / inclusion_prior)
    return float(result) if np.ndim(pip) == 0 else result


def _check_pips(pip) -> np.ndarray:
    values = np.asarray(pip, dtype=float)
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        raise ValueError(f"pip must lie between 0 and 1; found {values[bad].ravel()[:5].tolist()}.")
    return values


def fdr_threshold(pip, *, level: float = 0.05) -> float:
    """The lowest PIP threshold whose Bayesian false discovery rate stays within a level.

    That rate is the mean of 1 - PIP over the flagged schools: the share of flags expected to be false,
    if the model holds.

    Parameters
    ----------
    pip : array
        PIPs of all schools.
    level : float, default 0.05

    Returns
    -------
    float
        Flag schools with ``pip >=`` this value; infinity when not even one school may be flagged.

    Raises
    ------
    ValueError
        The level is not between 0 and 1, or a PIP is out of range.

    References
    ----------
    Newton et al. (2004), *Biostatistics*, 5(2), 155-176.

    Examples
    --------
    >>> round(fdr_threshold([0.99, 0.9, 0.6, 0.2], level=0.1), 2)
    0.9
    """
    check_probability("level", level)
    ordered = np.sort(_check_pips(pip).ravel())[::-1]
    rate = np.cumsum(1 - ordered) / np.arange(1, len(ordered) + 1)
    # Schools that tie are flagged together: only the last of them may decide.
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True)
    allowed = ordered[(rate <= level) & last_of_tie]
    return float(allowed[-1]) if len(allowed) else np.inf


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
        at most 0.7, and at least 400 effective draws. ``attrs["divergences"]`` counts NUTS's.

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
    from arviz_stats.base import array_stats

    posterior = _posterior(fit)
    rows = {}
    for name in ("gamma", "eta", "tau", "rho"):
        stacked = posterior[name].transpose("chain", "draw", ...)
        labels = [""] if stacked.ndim == 2 else [f"[{label}]" for label in stacked[stacked.dims[2]].to_numpy()]
        for position, label in enumerate(labels):
            rows[name + label] = stacked.to_numpy().reshape(*stacked.shape[:2], -1)[..., position]
    axes = {"chain_axis": 0, "draw_axis": 1}
    importance = fit.attrs["sampler"] == "importance"
    records = []
    for draws in rows.values():
        if importance:
            bulk = tail = fit.attrs["importance_ess"]
        elif draws.shape[1] < _LEAST_DRAWS:
            bulk = tail = np.nan
        else:
            bulk = float(array_stats.ess(draws, method="bulk", **axes))
            tail = float(array_stats.ess(draws, method="tail", prob=(0.05, 0.95), **axes))
        sd = draws.std(ddof=1) if draws.size > 1 else np.nan
        record = {"mean": draws.mean(), "sd": sd, "mcse": sd / np.sqrt(bulk), "ess_bulk": bulk, "ess_tail": tail}
        if importance:
            record["pareto_k"] = fit.attrs["pareto_k"]
            trusted = record["pareto_k"] <= GOOD_PARETO_K
        else:
            record["r_hat"] = float(array_stats.rhat(draws, **axes)) if bulk == bulk else np.nan
            trusted = record["r_hat"] <= GOOD_RHAT
        records.append(record | {"ok": trusted and min(bulk, tail) >= GOOD_ESS})
    table = pd.DataFrame(records, index=pd.Index(rows, name="parameter"))
    table.attrs["divergences"] = 0 if importance else int(fit["sample_stats"]["diverging"].sum())
    return table
