"""PIPs of an intercept-only fit and nothing else: what simulation studies need, thousands of times."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logsumexp

from ..model.collapsed import CollapsedPosterior
from ..spec.design import Design
from ..spec.options import Options
from .importance import Proposal, first_proposal
from .weights import GOOD_PARETO_K, weigh

# PIPs of so many draws err by .002 on average. Where their weights are uneven, so many pilots and more draws follow.
_DRAWS, _PILOTS, _MORE_DRAWS = 300, 300, 600


class QuickFit(NamedTuple):
    """PIPs by school, the posterior mean of tau_t, and what the importance weights say of themselves."""

    pip: np.ndarray
    tau_t: float
    pareto_k: float
    ess: float


def quick_fit(schools: pd.DataFrame, *, random_seed: int) -> QuickFit:
    """The intercept-only model by importance sampling, without drawing the school effects.

    The PIPs are those of `fit_schools`: weighted means of P(delta = 1 | scores, draw).
    """
    rng = np.random.default_rng(random_seed)
    model = Options().for_design(Design.of_schools(schools))
    posterior = CollapsedPosterior(model.standard, cores=1)
    proposal = first_proposal(posterior)
    found = _drawn(posterior, proposal, _DRAWS, rng)
    if not found.pareto_k <= GOOD_PARETO_K:
        found = _drawn(posterior, proposal.improved(_PILOTS, rng), _MORE_DRAWS, rng)
    return found


def _drawn(posterior: CollapsedPosterior, proposal: Proposal, draws: int, rng) -> QuickFit:
    x, log_parts = proposal.sample(draws, rng)
    log_spike, log_slab = posterior.likelihoods(x)
    log_p = posterior.log_prior(x) + posterior.log_mixture(x, log_spike, log_slab).sum(axis=1)
    weighted = weigh(x, log_p - logsumexp(log_parts, axis=0))
    weights, inclusion = weighted.weights, expit(log_slab - log_spike + posterior.log_odds(x))
    tau_t = weights @ np.exp(x[:, posterior.tau_t])
    return QuickFit(weights @ inclusion, float(tau_t), weighted.pareto_k, weighted.ess)
