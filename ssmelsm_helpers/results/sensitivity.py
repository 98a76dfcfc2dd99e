"""Other prior probabilities of inclusion, from one fit: its draws reweighted, not its PIPs shifted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit, logit

from ..arguments import PACKAGE, check_probability, check_seed, sequence, shown
from ..fitting.importance import GOOD_PARETO_K, WeightedDraws, moments, resample, weigh
from ..fitting.sampling import by_name, run_importance
from ..fitting.tree import INTERCEPT_ONLY, Draws, assemble, design_from, names_of
from ..model.recovery import recover_effects
from .checks import least_ess
from .pips import bayes_factor, error_between, pip_table, posterior_of_fit, replicates_of, school_log_sd
from .refit import hyperparameters, observed_schools, posterior_of, priors_of, unreadable_priors


def _log_bf(fit: xr.DataTree) -> np.ndarray:
    """log Bayes factors (S, J), chains joined."""
    return _joined(fit["posterior"]["log_bf"])


def _log_ratio(fit: xr.DataTree, new: float) -> np.ndarray:
    """log p(y | draw, new pi) - log p(y | draw, old pi), per draw (S,)."""
    log_bf = _log_bf(fit)

    def log_mixture(pi):
        return np.logaddexp(np.log(pi) + log_bf, np.log1p(-pi))

    return (log_mixture(new) - log_mixture(fit.attrs["inclusion_prior"])).sum(axis=1)


def _check_fit(fit: xr.DataTree) -> None:
    posterior_of_fit(fit)
    if fit.attrs["formulation"] != "collapsed":
        raise ValueError(
            f"fit must be of formulation='collapsed' to be reweighted; found {fit.attrs['formulation']!r}."
        )
    if "inclusion_beta" in fit.attrs:
        raise ValueError(
            "fit must have a fixed inclusion_prior to be reweighted; found a Beta, with which pi is learned."
        )


def with_inclusion_prior(fit: xr.DataTree, inclusion_prior: float, *, random_seed: int = 0) -> xr.DataTree:
    """The same fit under another prior probability of inclusion, without sampling anew.

    The draws of the hyperparameters are reweighted by the ratio of the two likelihoods, which is a product over
    schools, and the school effects are drawn again. (Shifting each PIP's odds alone would leave the
    hyperparameters, and through them all other schools, at the old pi.)

    Parameters
    ----------
    fit : xarray.DataTree
        A collapsed fit with a fixed inclusion prior.
    inclusion_prior : float
        The new pi, between 0 and 1.
    random_seed : int, default 0
        Seed of the resampling and of the school effects.

    Returns
    -------
    xarray.DataTree
        As `fit` gives it, with the attributes ``pareto_k`` (of the reweighting), ``importance_ess`` and
        ``reweighted_from`` (the old pi).

    Raises
    ------
    ValueError
        The prior is not between 0 and 1, or the fit cannot be reweighted.

    Warns
    -----
    RuntimeWarning
        k-hat exceeds 0.7: the new posterior is too far from the old one, and the model should be fitted again.

    References
    ----------
    Vehtari et al. (2024), *JMLR*, 25(72).

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> fewer = with_inclusion_prior(result, 0.4)
    >>> fewer.attrs["inclusion_prior"]
    0.4
    """
    check_probability("inclusion_prior", inclusion_prior)
    _check_fit(fit)
    posterior = posterior_of(fit, float(inclusion_prior))
    x = hyperparameters(fit, posterior).reshape(-1, posterior.size)
    weighted = weigh(x, _log_ratio(fit, inclusion_prior))
    if not weighted.pareto_k <= GOOD_PARETO_K:
        warnings.warn(
            f"reweighting from pi = {fit.attrs['inclusion_prior']:g} to {inclusion_prior:g} is unreliable: Pareto k-hat "
            f"{weighted.pareto_k:.2f} exceeds {GOOD_PARETO_K}. Fit again with inclusion_prior={inclusion_prior:g}.",
            RuntimeWarning,
            skip_file_prefixes=(PACKAGE,),
        )
    rng = np.random.default_rng(check_seed(random_seed))
    chosen, replicate = resample(weighted, len(x), rng), replicates_of(fit)
    x = x[chosen]
    effects = recover_effects(posterior, x, rng)
    effects.pop("log_density")
    attributes = {
        "pareto_k": weighted.pareto_k,
        # The weights lose draws, and the draws they had were not all effective.
        "importance_ess": weighted.ess * min(1.0, least_ess(fit) / len(x)),
        "inclusion_prior": float(inclusion_prior),
        "reweighted_from": fit.attrs["inclusion_prior"],
    }
    statistics = {} if replicate is None else {"replicate": replicate[chosen]}
    draws = by_name(posterior, x, effects, statistics, attributes, fit["posterior"].sizes["chain"])
    return _assembled(fit, draws, attributes)


def _assembled(fit: xr.DataTree, draws: Draws, attributes: dict) -> xr.DataTree:
    """New draws of a fit's model, with the fit's data and its other attributes."""
    design = design_from(fit)
    names = INTERCEPT_ONLY if design is None else names_of(design, [len(design.effects) - 1])
    tree = assemble(draws, names, observed_schools(fit), design)
    tree.attrs = {
        name: value for name, value in fit.attrs.items() if not name.startswith(("log_evidence", "near_zero"))
    } | attributes
    return tree


def sensitivity_table(fit: xr.DataTree, inclusion_priors: Sequence[float] = (0.1, 0.25, 0.5, 0.75)) -> pd.DataFrame:
    """PIPs of all schools under several prior probabilities of inclusion, from one fit.

    Parameters
    ----------
    fit : xarray.DataTree
        A collapsed fit with a fixed inclusion prior.
    inclusion_priors : sequence of float
        Values of pi, each between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row per pi and school: ``inclusion_prior``, ``school``, ``pip``, ``pip_mcse``, ``bayes_factor``,
        ``pareto_k`` (of the reweighting to this pi; NaN at the fit's own), and ``trusted``: k-hat at most 0.7.
        Fit the model again where a row is not trusted.

    Raises
    ------
    ValueError
        A prior is not between 0 and 1, or the fit cannot be reweighted.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> table = sensitivity_table(result, [0.4, 0.5])
    >>> len(table), bool(table["trusted"].all())
    (320, True)
    """
    _check_fit(fit)
    values = sequence(inclusion_priors)
    if not values:
        raise ValueError(
            f"inclusion_priors must be one or more numbers between 0 and 1; found {shown(inclusion_priors)}."
        )
    values = [check_probability(f"inclusion_priors[{at}]", pi) for at, pi in enumerate(values)]
    return pd.concat([_pips_at(fit, pi) for pi in values], ignore_index=True)


class PriorTable(NamedTuple):
    """PIPs and SDs of all schools under one pi."""

    table: pd.DataFrame  #: by school: n, mean, sd, sd_ratio, pip, pip_mcse
    inclusion_prior: float
    pareto_k: float  #: of the reweighting; NaN at the fit's own pi
    refit_k: float  #: where that was too high, of the model fitted anew; NaN otherwise


def reweighted_table(fit: xr.DataTree, inclusion_prior: float, *, draws: int = 700) -> PriorTable:
    """What `pip_table` would show under another pi, quickly; by a new importance sample where k-hat is too high.

    (Not where the fit's priors are PyMC distributions, which cannot be read back; then k-hat must warn.) A draw's t was made with the old P(delta = 1); as a draw from the slab it counts P(new) / P(old) times.
    """
    _check_fit(fit)
    if inclusion_prior == fit.attrs["inclusion_prior"]:
        found = pip_table(fit)
        return PriorTable(found[["n", "mean", "sd", "sd_ratio", "pip", "pip_mcse"]], inclusion_prior, np.nan, np.nan)
    log_bf = _log_bf(fit)
    weighted = weigh(log_bf, _log_ratio(fit, inclusion_prior))
    if not weighted.pareto_k <= GOOD_PARETO_K and not unreadable_priors(fit):
        anew = _fitted_anew(fit, inclusion_prior, draws, weighted)
        found = reweighted_table(anew, inclusion_prior)
        return found._replace(pareto_k=weighted.pareto_k, refit_k=anew.attrs["pareto_k"])
    weight = np.exp(weighted.log_weights)[:, None]
    inclusion = expit(log_bf + logit(inclusion_prior))
    pip, mcse = _weighted_pips(fit, weight, inclusion)
    t = _joined(fit["posterior"]["t"])
    in_slab = np.where(t != 0, inclusion / expit(log_bf + logit(fit.attrs["inclusion_prior"])), 0.0)
    ratios = 1 + in_slab * np.expm1(t)
    without_t = np.exp(_joined(school_log_sd(fit)) - t)
    schools = observed_schools(fit)
    means = {"sd": (weight * without_t * ratios).sum(axis=0), "sd_ratio": (weight * ratios).sum(axis=0)}
    table = schools[["n", "mean"]].assign(**means, pip=pip, pip_mcse=mcse)
    return PriorTable(table, inclusion_prior, weighted.pareto_k, np.nan)


def _weighted_pips(fit: xr.DataTree, weight, inclusion) -> tuple[np.ndarray, np.ndarray]:
    """PIPs (J,) and their Monte Carlo errors, from weights (S, 1) and P(delta = 1) per draw (S, J)."""
    # Weights add up to one but for rounding, which must not make a PIP larger than 1.
    pip = np.minimum((weight * inclusion).sum(axis=0), 1.0)
    replicate = replicates_of(fit)
    if replicate is not None:
        return pip, error_between(replicate, inclusion, np.ravel(weight))
    share = min(1.0, least_ess(fit) / len(inclusion))  # of draws that were effective before reweighting
    return pip, np.sqrt((weight**2 * (inclusion - pip) ** 2).sum(axis=0) / share)


def _joined(draws: xr.DataArray) -> np.ndarray:
    """A variable's draws (S, J), chains joined."""
    values = draws.transpose("chain", "draw", "school").to_numpy()
    return values.reshape(-1, *values.shape[2:])


def _fitted_anew(fit: xr.DataTree, pi: float, draws: int, weighted: WeightedDraws) -> xr.DataTree:
    """The fit's model under another pi, by importance sampling; the reweighted draws say where to start."""
    posterior = posterior_of(fit, pi, priors_of(fit))
    x = hyperparameters(fit, posterior).reshape(-1, posterior.size)
    with warnings.catch_warnings():  # its k-hat is reported
        warnings.simplefilter("ignore", RuntimeWarning)
        # Few of these draws are left in effect, so their covariance is too small where it matters.
        start = moments(x, np.exp(weighted.log_weights), widen=2.5)
        found = run_importance(posterior, draws, 1, draws, np.random.default_rng(0), None, start)
    return _assembled(fit, found, found.attributes | {"inclusion_prior": pi, "sampler": "importance"})


def _pips_at(fit: xr.DataTree, pi: float) -> pd.DataFrame:
    """PIPs under another pi: weighted means of P(delta = 1 | y, draw)."""
    log_bf = _log_bf(fit)
    own = pi == fit.attrs["inclusion_prior"]
    pareto_k, weight = np.nan, np.full((len(log_bf), 1), 1 / len(log_bf))
    if not own:
        weighted = weigh(log_bf, _log_ratio(fit, pi))
        pareto_k, weight = weighted.pareto_k, np.exp(weighted.log_weights)[:, None]
    inclusion = expit(log_bf + logit(pi))
    pip, mcse = _weighted_pips(fit, weight, inclusion)
    return pd.DataFrame(
        {
            "inclusion_prior": pi,
            "school": fit["posterior"].indexes["school"],
            "pip": pip,
            "pip_mcse": mcse,
            "bayes_factor": bayes_factor(pip, inclusion_prior=pi),
            "pareto_k": pareto_k,
            "trusted": own or pareto_k <= GOOD_PARETO_K,
        }
    )
