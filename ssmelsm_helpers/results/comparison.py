"""Comparing models: the evidence for heterogeneity, and log likelihoods for cross-validation."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

from ..arguments import check_count, check_one_of, check_seed
from ..fitting.importance import adapt, null_evidence
from ..fitting.sampling import Run
from ..fitting.tree import design_from, evenly_spaced
from ..model.collapsed import blocks
from ..spec.design import Design
from ..spec.priors import Priors
from .checks import location_and_log_sd
from .draws import joined, posterior_of_fit
from .saved import design_of_data, hyperparameters, posterior_of, priors_of


class Heterogeneity(NamedTuple):
    """Evidence that schools differ in their residual SDs at all."""

    bayes_factor: float  #: this model against tau_t = 0; may be infinite where its logarithm is not
    log_bayes_factor: float
    mcse: float  #: Monte Carlo standard error of the logarithm
    pareto_k: float  #: the larger of both models' k-hat


def heterogeneity(
    fit: xr.DataTree, *, priors: Priors | None = None, draws: int = 4000, random_seed: int = 0
) -> Heterogeneity:
    """Bayes factor of this model against the one in which no school has an SD of its own (tau_t = 0).

    Both models' evidence p(y) comes from importance sampling. It depends on the prior of tau_t and on pi:
    a wide prior on large differences speaks against small ones.

    Parameters
    ----------
    fit : xarray.DataTree
        A fit of a model that can be collapsed.
    priors : Priors, optional
        Default: the fit's own; needed where those hold PyMC distributions.
    draws : int, default 4000
        Proposals for each of the two models.
    random_seed : int, default 0

    Returns
    -------
    Heterogeneity
        ``bayes_factor``, ``log_bayes_factor``, ``mcse`` (of the logarithm), ``pareto_k``.

    Raises
    ------
    ValueError
        The model cannot be collapsed, or `draws` is not a positive whole number.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> schools = sm.simulate_schools(n_schools=60, tau_t=0.5, inclusion=0.5, random_seed=1).schools
    >>> result = sm.fit_schools(schools, sampler="importance", random_seed=1)
    >>> heterogeneity(result).bayes_factor > 1000
    True
    """
    posterior_of_fit(fit)
    check_count("draws", draws)
    rng = np.random.default_rng(check_seed(random_seed))
    proposal = adapt(posterior_of(fit, priors=priors or priors_of(fit)), rng)
    found = [proposal.weighted(draws, rng), null_evidence(proposal, draws, rng)]
    log_bf = found[0].log_evidence - found[1].log_evidence
    # The relative variance of a mean of weights is 1 / ESS - 1 / draws.
    mcse = float(np.sqrt(sum(1 / weighted.ess - 1 / draws for weighted in found)))
    with np.errstate(over="ignore"):
        return Heterogeneity(float(np.exp(log_bf)), log_bf, mcse, max(weighted.pareto_k for weighted in found))


def pointwise_log_likelihood(
    fit: xr.DataTree, data=None, *, unit: str = "school", draws: int | None = None
) -> xr.DataTree:
    """The fit with a group ``log_likelihood``, for `arviz.loo` and comparisons.

    Parameters
    ----------
    fit : xarray.DataTree
    data : data frame, optional
        The students behind the fit; needed for ``unit="student"`` where the fit holds only school summaries.
    unit : {"school", "student"}
        "student": log p(y_ij | u_j, t_j, hyperparameters). The question: how well is another student of these
        schools predicted? "school": log p(y_j | hyperparameters), the school's effects integrated out. The question:
        how well is another school predicted? The two rank models differently; say which was asked.
    draws : int, optional
        Draws to use in all, evenly spaced. Default: as many as keep the array below 16 million values.

    Returns
    -------
    xarray.DataTree
        ``log_likelihood`` holds the variable ``outcome`` with the dim ``school`` or ``student``; the latter in the
        order of the data. The attribute ``question`` says which of the two it answers.

    Raises
    ------
    ValueError
        The unit is unknown; the model cannot be collapsed (``unit="school"``); students are needed and not given, or
        are not those of the fit.

    Examples
    --------
    >>> import arviz as az
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=2)
    >>> int(az.loo(pointwise_log_likelihood(result)).n_data_points)
    160
    """
    posterior_of_fit(fit)
    check_one_of("unit", unit, ("school", "student"))
    if draws is not None:
        check_count("draws", draws)
    size = fit["posterior"].sizes["school"]
    if unit == "student":
        design = design_from(fit) if data is None else design_of_data(fit, data)
        if design.table is not None:
            raise ValueError("data must be given for unit='student': this fit holds only the schools' summaries.")
        size = len(design.y)
    chains, available = (fit["posterior"].sizes[name] for name in ("chain", "draw"))
    chosen = evenly_spaced(available, Run(available, chains=chains, keep=draws).kept(size))
    tree = fit.isel(draw=chosen)
    thinned = tree["posterior"].to_dataset()
    if unit == "school":
        posterior = posterior_of(tree)
        values, labels = posterior.log_likelihood_by_school(hyperparameters(tree, posterior)), thinned["school"]
        question = "prediction of another school: its effects are integrated out"
    else:
        values, labels = _student_log_likelihood(thinned, design, fit.attrs["family"]), np.sort(design.rows)
        question = "prediction of another student of these schools: conditional on the schools' effects"
    coords = {"chain": thinned["chain"], "draw": thinned["draw"], unit: labels}
    values = values.reshape(chains, len(chosen), -1)
    variable = xr.DataArray(values, dims=("chain", "draw", unit), coords=coords)
    tree["log_likelihood"] = xr.DataTree(variable.to_dataset(name="outcome").assign_attrs(question=question, unit=unit))
    return tree


def _student_log_likelihood(posterior: xr.Dataset, design: Design, family: str) -> np.ndarray:
    """log p(y_ij | effects) (S, N), in the order of the data."""
    values = np.empty((posterior.sizes["chain"] * posterior.sizes["draw"], len(design.y)))
    order = np.argsort(design.rows)
    for at in blocks(len(values), 50):
        mu, log_sd = location_and_log_sd(posterior, design, at)
        standard = (design.y - mu) * np.exp(-log_sd)
        if family == "student":
            nu = joined(posterior["nu"])[at, None]
            scale = np.sqrt((nu - 2) / nu)
            density = stats.t.logpdf(standard / scale, nu) - np.log(scale)
        else:
            density = stats.norm.logpdf(standard)
        values[at] = (density - log_sd)[:, order]
    return values
