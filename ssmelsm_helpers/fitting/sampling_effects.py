"""Sampling the marginal and the sampled formulation, and the indicators of the former."""

import logging
import os

import numpy as np
from scipy.special import logsumexp

from ..model.linear import cholesky, of_rho
from ..model.marginal import MarginalPosterior
from ..spec.options import Model
from .sampling import STATISTICS, Run, nutpie_on
from .tree import Draws


def sample_effects_too(model: Model, run: Run) -> Draws:
    """Draws of a model whose effects are sampled, by its formulation; in the data's units."""
    K = len(model.design.location_effects)
    sample = _sample_marginal if model.formulation == "marginal" else _sample_all
    values, statistics = sample(model, run)
    values |= {"u": values["v"][..., :K], "t": values["v"][..., K:], "delta": values["delta"].astype(np.int8)}
    return Draws(model.units.to_data(values), {name: statistics[name][:, run.chosen] for name in STATISTICS}, {})


def _sample_marginal(model: Model, run: Run):
    """NUTS on the marginal posterior, every chain started near the mode; delta recovered."""
    posterior = MarginalPosterior(model)
    start, rng = posterior.start(), np.random.default_rng(run.seed)

    def near(chain_seed):
        return start + np.random.default_rng(chain_seed).normal(size=posterior.size, scale=0.01)

    x, statistics = nutpie_on(posterior.log_density_and_gradient, near, posterior.size, run, rng)
    return _recovered(posterior, x[:, run.chosen], rng), statistics


def _recovered(posterior: MarginalPosterior, x, rng) -> dict[str, np.ndarray]:
    """All variables of draws x (..., size), v in force; delta given everything else, and log_bf.

    The Bayes factor of effect k averages over the other effects' indicators:
    log_bf_k = logit P(delta_k = 1 | rest) - logit pi_k.
    """
    found = posterior.constrain(x)
    log_odds = x[..., posterior.pi] if posterior.learns_pi else np.atleast_1d(posterior.log_odds(x))
    joint = posterior.log_joint(found, log_odds)
    below = np.cumsum(np.exp(joint - logsumexp(joint, axis=-1, keepdims=True)), axis=-1)
    chosen = (rng.random((*below.shape[:-1], 1)) * below[..., -1:] > below).sum(axis=-1)
    found["delta"], found["v"] = posterior.deltas[chosen], found["v"] * posterior.in_force[chosen]
    odds = [logsumexp(joint[..., on], axis=-1) - logsumexp(joint[..., ~on], axis=-1) for on in posterior.deltas.T == 1]
    found["log_bf"] = np.stack(odds, axis=-1) - log_odds[..., None, :]
    factor = found.pop("factor")
    omega = factor @ np.swapaxes(factor, -1, -2)
    return found | ({"rho": omega[..., 0, 1]} if posterior.M == 2 else {"omega": omega})


def _sample_all(model: Model, run: Run):
    """PyMC's own steps: NUTS for what is continuous, Gibbs-Metropolis for delta."""
    import pymc as pm

    from ..model.pymc.build import model_of

    # One line for all chains, of so many letters, is what an output cell of a notebook has room for.
    os.environ.setdefault("JUPYTER_COLUMNS", "90")
    bar = run.show and "combined"
    options = {"cores": min(run.chains, run.cores), "random_seed": run.seed, "progressbar": bar}
    options |= {"nuts_sampler": "pymc", "compute_convergence_checks": False}
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it would list its steps on stderr, red in a notebook; the bar is enough
    try:
        with model_of(model):
            trace = pm.sample(run.draws, tune=run.tune, chains=run.chains, **options)
    finally:
        logger.setLevel(level)
    statistics = {name: trace["sample_stats"][name].to_numpy() for name in STATISTICS}
    values = {name: value.to_numpy()[:, run.chosen] for name, value in trace["posterior"].data_vars.items()}
    # Computed here and not by PyMC's model: compiling them would take longer than sampling.
    return values | {"v": _effects_in_force(values, model)}, statistics


def _effects_in_force(values, model: Model) -> np.ndarray:
    """v (chain, draw, school, effect), as the sampled model defines it."""
    omega = values["omega"] if "omega" in values else of_rho(values["rho"])
    factor, in_force = np.swapaxes(cholesky(omega), -1, -2), np.ones_like(values["z"])
    in_force[..., list(model.selected)] = values["delta"]
    if model.indicator == "before":
        return values["tau"][..., None, :] * ((in_force * values["z"]) @ factor)
    return values["tau"][..., None, :] * (values["z"] @ factor) * in_force
