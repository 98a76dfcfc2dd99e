"""What a fit's draws hold: checked, chains joined, one effect of several, schools' SDs, and errors of means."""

import numpy as np
import xarray as xr
from scipy.special import expit, logit

from ..arguments import require
from ..fitting.tree import design_from
from ..model.linear import of_rho
from ..spec.inclusion import Inclusion

# With fewer draws per chain, neither an effective sample size nor an error can be estimated.
LEAST_DRAWS = 4


def posterior_of_fit(fit: xr.DataTree) -> xr.Dataset:
    """The draws of something that must be a fit: it says itself how it was made."""
    fine = isinstance(fit, xr.DataTree) and "priors_given" in fit.attrs
    require(fine, "fit must be a DataTree as fit() returns it", type(fit), TypeError)
    return fit["posterior"].to_dataset()


def refuse_before(fit: xr.DataTree) -> None:
    """New schools are drawn from the model, where the indicator acts after the Cholesky product."""
    indicator = fit.attrs["indicator"]
    require(indicator == "after", "fit must have indicator='after' for schools not seen", indicator)


def selected_names(fit: xr.DataTree) -> list[str]:
    """Names of the effects with an indicator, of something that must be a fit."""
    posterior_of_fit(fit)
    return list(Inclusion.of_fit(fit.attrs).effects)


def check_effect(fit: xr.DataTree, effect: str | None) -> str:
    """The selected effect meant: the only one, or the one named."""
    known = selected_names(fit)
    possible = known if len(known) > 1 else [*known, None]
    require(effect in possible, f"effect must be one of the selected effects {known}", effect)
    return effect or known[0]


def joined(draws: xr.DataArray) -> np.ndarray:
    """A variable's draws (S, ...), chains joined."""
    values = draws.transpose("chain", "draw", ...).to_numpy()
    return values.reshape(-1, *values.shape[2:])


def joined_omega(posterior: xr.Dataset) -> np.ndarray:
    """The effects' correlation matrices (S, M, M)."""
    return of_rho(joined(posterior["rho"])) if "rho" in posterior else joined(posterior["omega"])


def of_effect(values: xr.DataArray, label: str) -> xr.DataArray:
    """One effect's draws, from those of all: an effect that stands alone has no axis."""
    axes = [dim for dim in values.dims if dim not in ("chain", "draw", "school")]
    return values.sel(dict.fromkeys(axes, label), drop=True)


def inclusion_draws(fit: xr.DataTree, effect: str | None = None) -> xr.DataArray:
    """P(delta_j = 1 | y, rest of the draw) per draw and school; in the sampled formulation, delta itself."""
    posterior = posterior_of_fit(fit)
    effect = check_effect(fit, effect)
    if "log_bf" not in posterior:
        return of_effect(posterior["delta"], effect).astype(float)
    pi = Inclusion.of_fit(fit.attrs).at(posterior, effect)
    return expit(of_effect(posterior["log_bf"], effect) + logit(pi))


def school_log_sd(fit: xr.DataTree) -> xr.DataArray:
    """log residual SD per draw and school: the mean of log sigma over the school's students."""
    posterior, design = posterior_of_fit(fit), design_from(fit)
    fixed = xr.DataArray(design.school_means(design.W), dims=("school", "scale_term"))
    columns = xr.DataArray(design.school_means(design.S), dims=("school", "random_scale_effect"))
    t = posterior["t"]
    t = t if "random_scale_effect" in t.dims else t.expand_dims("random_scale_effect")
    return xr.dot(posterior["eta"], fixed, dim="scale_term") + xr.dot(t, columns, dim="random_scale_effect")


def mcse_of_mean(fit: xr.DataTree, draws: xr.DataArray) -> np.ndarray:
    """Monte Carlo standard error of the mean over (chain, draw), of each further element."""
    values = draws.transpose("chain", "draw", ...).to_numpy()
    if values.shape[1] < LEAST_DRAWS:
        return np.full(values.shape[2:], np.nan)
    replicate = replicates_of(fit)
    if replicate is not None:
        return error_between(replicate, values.reshape(-1, *values.shape[2:]))
    if "importance_ess" in fit.attrs:  # reweighted draws of chains
        return values.std(axis=(0, 1), ddof=1) / np.sqrt(fit.attrs["importance_ess"])
    from arviz_stats.base import array_stats

    # What never changes has no effective sample size to divide by. (Of a sampled indicator that is 1 in every draw this
    # says too little: 0 may only be rarer than one draw.)
    constant = np.ptp(values, axis=(0, 1)) == 0
    mcse = array_stats.mcse(values, method="mean", chain_axis=0, draw_axis=1)
    return np.where(constant, 0.0, mcse)


def replicates_of(fit: xr.DataTree) -> np.ndarray | None:
    """Which replicate of the proposals each draw of importance sampling came from (S,); None for other draws."""
    statistics = fit["sample_stats"]
    return statistics["replicate"].to_numpy().ravel() if "replicate" in statistics else None


def error_between(replicate, values, weights=None) -> np.ndarray:
    """Standard error of the weighted mean of values (S, ...), from the differences between independent replicates.

    The draws within a replicate lie more evenly than random ones, which no formula for independent draws knows. A
    replicate counts by its share of the weights, as in any ratio of two means.
    """
    weights = np.full(len(values), 1 / len(values)) if weights is None else weights
    weights = weights.reshape(-1, *(1,) * (values.ndim - 1))
    surprise = weights * (values - (weights * values).sum(axis=0))
    count = int(replicate.max()) + 1
    order = np.argsort(replicate, kind="stable")
    starts = np.unique(replicate[order], return_index=True)[1]  # one without weight adds nothing
    sums = np.add.reduceat(surprise[order], starts, axis=0)
    return np.sqrt((sums**2).sum(axis=0) * count / (count - 1))
