"""Other prior probabilities of inclusion, from one fit: its draws reweighted, not its PIPs shifted."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit, logit

from ..arguments import check_probability, check_seed, require, sequence, warn
from ..fitting.importance import adapt, moments
from ..fitting.sampling import by_name
from ..fitting.tree import Draws, assemble, design_from, observed_schools
from ..fitting.weights import GOOD_PARETO_K, WeightedDraws, resample, weigh
from ..spec.inclusion import Inclusion
from .checks import effective_share
from .draws import error_between, joined, posterior_of_fit, replicates_of
from .pips import bayes_factor, pip_table
from .saved import hyperparameters, model_of, posterior_of, unreadable_priors

# Draws of a model that is fitted anew while somebody waits: more than `quick_fit` has, whose PIPs err by .002.
_DRAWS = 400
# exp of more is infinite; at so much P(delta = 1) is 1 whatever pi.
_LARGEST_LOG_BF = 700.0


def weights_at(fit: xr.DataTree, pi: float) -> tuple[WeightedDraws, np.ndarray]:
    """P(delta = 1 | y, draw) (S, J) under another pi, with weights; and how many times as large it is as under the fit's own.

    The weights are p(y | draw, new pi) / p(y | draw, old pi), products over schools.
    """
    own = own_prior(fit)
    bf = np.exp(np.minimum(joined(fit["posterior"]["log_bf"]), _LARGEST_LOG_BF))
    likelihood = pi * bf + (1 - pi)  # of a school, over that under the spike
    by_school = likelihood / (own * bf + (1 - own))
    return weigh(pi * bf / likelihood, np.log(by_school).sum(axis=1)), pi / own / by_school


def _pips(fit: xr.DataTree, weighted: WeightedDraws, replicate) -> dict[str, np.ndarray]:
    """PIPs (J,) with their errors, from P(delta = 1 | y, draw) (S, J)."""
    weights, inclusion = weighted.weights, weighted.x
    # Weights add up to one but for rounding, which must not make a PIP larger than 1.
    pip = np.minimum((weights[:, None] * inclusion).sum(axis=0), 1.0)
    if replicate is None:
        mcse = np.sqrt((weights[:, None] ** 2 * (inclusion - pip) ** 2).sum(axis=0) / effective_share(fit))
    else:
        mcse = error_between(replicate, inclusion, weights)
    return {"pip": pip, "pip_mcse": mcse}


def own_prior(fit: xr.DataTree) -> float:
    """pi of a fit that can be reweighted to another."""
    posterior_of_fit(fit)
    formulation, inclusion = fit.attrs["formulation"], Inclusion.of_fit(fit.attrs)
    require(formulation == "collapsed", "fit must be of formulation='collapsed' to be reweighted", formulation)
    require(not inclusion.learned, "fit must have a fixed inclusion_prior to be reweighted", inclusion.prior)
    return inclusion.prior[0]


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
    own = own_prior(fit)
    posterior = posterior_of(fit, inclusion_prior=float(inclusion_prior))
    x = hyperparameters(fit, posterior)
    weighted, _change = weights_at(fit, inclusion_prior)
    if not weighted.pareto_k <= GOOD_PARETO_K:
        warn(
            f"reweighting from pi = {own:g} to {inclusion_prior:g} is unreliable: Pareto k-hat "
            f"{weighted.pareto_k:.2f} exceeds {GOOD_PARETO_K}. Fit again with inclusion_prior={inclusion_prior:g}."
        )
    rng = np.random.default_rng(check_seed(random_seed))
    chosen, replicate = resample(weighted, len(x), rng), replicates_of(fit)
    x = x[chosen]
    effects, _ = posterior.draw_effects(x, rng)
    # The weights lose draws, and the draws they had were not all effective.
    ess = weighted.ess * effective_share(fit)
    attributes = {
        name: value for name, value in fit.attrs.items() if not name.startswith(("log_evidence", "near_zero"))
    }
    attributes |= {"pareto_k": weighted.pareto_k, "importance_ess": ess, "reweighted_from": own}
    statistics = {} if replicate is None else {"replicate": replicate[chosen]}
    draws = Draws(by_name(posterior, x, effects), statistics, attributes | posterior.inclusion.attributes())
    return assemble(draws, model_of(fit), fit["posterior"].sizes["chain"])


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
    own, replicate = own_prior(fit), replicates_of(fit)
    values = sequence(inclusion_priors)
    require(values, "inclusion_priors must be one or more numbers between 0 and 1", inclusion_priors)
    values = [check_probability(f"inclusion_priors[{at}]", pi) for at, pi in enumerate(values)]
    tables = []
    for pi in values:
        weighted, _change = weights_at(fit, pi)
        pareto_k = np.nan if pi == own else weighted.pareto_k
        found = {"inclusion_prior": pi, "school": fit["posterior"].indexes["school"], **_pips(fit, weighted, replicate)}
        found["bayes_factor"] = bayes_factor(found["pip"], inclusion_prior=pi)
        tables.append(pd.DataFrame(found).assign(pareto_k=pareto_k, trusted=pi == own or pareto_k <= GOOD_PARETO_K))
    return pd.concat(tables, ignore_index=True)


class PriorTable(NamedTuple):
    """PIPs and SDs of all schools under one pi."""

    table: pd.DataFrame  #: by school: n, mean, sd, sd_ratio, pip, pip_mcse
    pareto_k: float  #: of the reweighting; NaN at the fit's own pi
    refit_k: float  #: where that was too high, of the model fitted anew; NaN otherwise


def reweighted_table(fit: xr.DataTree, inclusion_prior: float) -> PriorTable:
    """What `pip_table` would show under another pi, quickly; by a new importance sample where k-hat is too high.

    (Not where the fit's priors are PyMC distributions, which cannot be read back; then k-hat must warn.) A draw's t was
    made with the old P(delta = 1); as a draw from the slab it counts P(new) / P(old) times.
    """
    own = own_prior(fit)
    if inclusion_prior == own:
        return PriorTable(pip_table(fit)[["n", "mean", "sd", "sd_ratio", "pip", "pip_mcse"]], np.nan, np.nan)
    weighted, change = weights_at(fit, inclusion_prior)
    pareto_k, refit_k = weighted.pareto_k, np.nan
    draws, replicate = {name: joined(fit["posterior"][name]) for name in ("eta", "t")}, replicates_of(fit)
    if not pareto_k <= GOOD_PARETO_K and not unreadable_priors(fit):
        weighted, change, draws, replicate = _fitted_anew(fit, inclusion_prior, weighted)
        refit_k = weighted.pareto_k
    weights, design = weighted.weights, design_from(fit)
    ratios = 1 + np.where(draws["t"] != 0, change, 0.0) * np.expm1(draws["t"])
    without_t = np.exp(np.einsum("sq,jq->sj", draws["eta"], design.school_means(design.W)))
    sd, sd_ratio = np.einsum("s,sj,sj->j", weights, without_t, ratios), np.einsum("s,sj->j", weights, ratios)
    found = {"sd": sd, "sd_ratio": sd_ratio} | _pips(fit, weighted, replicate)
    return PriorTable(observed_schools(fit)[["n", "mean"]].assign(**found), pareto_k, refit_k)


def _fitted_anew(fit: xr.DataTree, pi: float, weighted: WeightedDraws):
    """Weighted draws under another pi, by importance sampling; the reweighted draws say where to start."""
    posterior, rng = posterior_of(fit, inclusion_prior=pi), np.random.default_rng(0)
    # Few of these draws are left in effect, so their covariance is too small where it matters; of too few there is none.
    x = hyperparameters(fit, posterior)
    start = moments(x, weighted.weights, widen=2.5) if weighted.ess > posterior.size + 1 else None
    x, log_q, replicate = adapt(posterior, rng, start).replicated(_DRAWS, rng)
    effects, log_density = posterior.draw_effects(x, rng)
    found = weigh(expit(effects["log_bf"] + logit(pi)), log_density - log_q)
    return found, 1.0, by_name(posterior, x, effects), replicate
