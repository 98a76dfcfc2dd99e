"""What a flag rests on: the data or the prior, the scale of tau_t's prior, and where the outcome's scale may end."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from ..fitting.tree import observed_schools
from ..fitting.weights import GOOD_PARETO_K, weigh
from ..spec.inclusion import Inclusion
from .draws import inclusion_draws, joined, of_effect
from .pips import bayes_factor
from .saved import priors_of, unreadable_priors

# A flag has evidence from this Bayes factor on: it is what a PIP of .75 takes at pi = .5, and less is "not worth more than a
# bare mention" (Kass & Raftery, 1995, JASA, 90, 773-795). A larger pi can bring any school to the threshold without.
LEAST_EVIDENCE = 3.0
# In unbounded outcomes the posterior mean of rho hardly comes near this; one school mean in ten at a ceiling is enough for it.
_RHO, _FAR = 0.7, 0.5


def has_evidence(table: pd.DataFrame, pi: float) -> pd.Series:
    """Which schools, by ``pip`` and ``pip_mcse`` under this pi, have the least evidence of a flag, but for Monte Carlo error."""
    odds = LEAST_EVIDENCE * pi / (1 - pi)
    return table["pip"] + 2 * table["pip_mcse"].fillna(0.0) >= odds / (1 + odds)


def end_of_scale(fit: xr.DataTree, table: pd.DataFrame) -> pd.Series:
    """ "ceiling?" or "floor?" by school, where a small spread may come from the end of the outcome's scale; else "".

    "ceiling?": the school is less variable, its mean is high (its location effect at least half of tau_u), and the posterior
    mean of rho is at most -.7, so that high means go with small spreads everywhere. "floor?": with a low mean and a rho of
    at least .7. It is a question to the data, not an answer. `table` is what `pip_table` gave.
    """
    posterior, pair = fit["posterior"].to_dataset(), ["location[Intercept]", "scale[Intercept]"]
    if not set(pair) <= set(posterior["effect"].to_numpy()):
        return pd.Series("", index=table.index)
    rho = posterior["rho"] if "rho" in posterior else posterior["omega"].sel(effect=pair[0], effect_bis=pair[1])
    rho, tau_u = float(rho.mean()), float(posterior["tau"].sel(effect=pair[0]).mean())
    high = of_effect(posterior["u"], "Intercept").mean(("chain", "draw")).to_numpy() / tau_u
    less = (table["prob_more_variable"] < 0.5).to_numpy()
    ends = [less & (high >= _FAR) & (rho <= -_RHO), less & (high <= -_FAR) & (rho >= _RHO)]
    return pd.Series(np.select(ends, ["ceiling?", "floor?"], ""), index=table.index)


class ScaledPrior(NamedTuple):
    """Bayes factors under another scale of tau_t's prior."""

    scale: float
    bayes_factor: pd.Series  #: by school
    trusted: bool  #: k-hat of the reweighting is at most 0.7


def with_tau_t_scale(fit: xr.DataTree, factor: float) -> ScaledPrior | None:
    """The Bayes factors if the scale of tau_t's prior were so many times its own; None where the prior cannot be read.

    The draws are reweighted by the ratio of the two prior densities, which is bounded: a half-t's tail is a power.
    """
    posterior = fit["posterior"].to_dataset()
    if unreadable_priors(fit) or "random_scale_effect" in posterior["t"].dims:
        return None
    given, (name,) = priors_of(fit), Inclusion.of_fit(fit.attrs).effects
    scaled = replace(given, tau_t_scale=factor * (given.tau_t_scale or 1.0))
    tau_t = joined(posterior["tau"].sel(effect=name))
    old, new = (priors.of_tau("tau_t").log_density(tau_t) for priors in (given, scaled))
    weighted = weigh(tau_t, new - old)
    pip = np.minimum(weighted.weights @ joined(inclusion_draws(fit)), 1.0)
    factors = bayes_factor(pip, inclusion_prior=Inclusion.of_fit(fit.attrs).mean_of(name))
    factors = pd.Series(factors, index=observed_schools(fit).index)
    return ScaledPrior(scaled.tau_t_scale, factors, weighted.pareto_k <= GOOD_PARETO_K)
