"""The two samplers: from a collapsed posterior to draws and school effects."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from scipy.special import expit

from .importance import GOOD_PARETO_K, Proposal, adapt, find_mode, resample, weigh
from .posterior import CollapsedPosterior
from .priors import Beta
from .recovery import recover_effects
from .tree import Draws, evenly_spaced

PACKAGE = str(Path(__file__).parent)
# Fewer proposals than this say nothing about the tail of their weights.
_LEAST_PROPOSALS = 700
# Largest array of draws x schools that is kept unless the caller asks for more: 128 MB of float64.
_KEPT_VALUES = 16_000_000


def by_name(posterior: CollapsedPosterior, x, effects, statistics, attributes, chains: int) -> Draws:
    """Hyperparameters x (S, size), school effects and statistics (S, ...) as named draws; chains share S."""
    tau, factor = posterior.covariance.constrain(x[:, posterior.effects])
    omega = factor @ np.swapaxes(factor, -1, -2)
    arrays = {"gamma": x[:, posterior.gamma], "eta": x[:, posterior.eta], "tau": tau}
    arrays |= {"rho": omega[:, 0, 1]} if posterior.covariance.effects == 2 else {"omega": omega}
    arrays |= {"pi": expit(posterior.log_odds(x))} if isinstance(posterior.inclusion_prior, Beta) else {}
    u = effects["u"]
    arrays |= effects | {"u": u[..., 0] if u.shape[-1] == 1 else u}

    def by_chain(value):
        return value.reshape(chains, -1, *value.shape[1:])

    arrays = {name: by_chain(value) for name, value in arrays.items()}
    return Draws(arrays, {name: by_chain(value) for name, value in statistics.items()}, attributes)


def draws_kept(draws: int, chains: int, keep: int | None, n_schools: int) -> int:
    """Draws per chain that are kept: all, unless they are more than `keep` in all."""
    most = max(_KEPT_VALUES // n_schools, 100) if keep is None else keep
    return min(draws, max(most // chains, 1))


def _thinned(draws: int, kept: int) -> dict:
    return {"thinned_from": draws} if kept < draws else {}


def run_importance(
    posterior: CollapsedPosterior, draws: int, chains: int, kept: int, rng, progress, start: Proposal | None = None
) -> Draws:
    """Importance sampling; the weighted draws are resampled to equally weighted ones."""
    proposal = adapt(posterior, rng, start)
    # Where fewer draws are kept than asked for, one and a half times as many proposals are enough.
    proposals = draws * chains if kept == draws else min(3 * kept // 2, draws) * chains
    # Sorted by tau_t, so that draws that need more quadrature nodes share a block.
    x = proposal.sample(max(proposals, _LEAST_PROPOSALS), rng)
    x = x[np.argsort(x[:, posterior.tau_t])]
    # School effects come in the same pass over the schools, unless they are too many to keep.
    effects = recover_effects(posterior, x, rng, progress) if kept == draws else {}
    log_density = effects.pop("log_density") if effects else posterior.log_density(x, progress)
    weighted = weigh(x, log_density - proposal.log_density(x))
    if not weighted.pareto_k <= GOOD_PARETO_K:
        warnings.warn(
            f"importance sampling is unreliable here: Pareto k-hat {weighted.pareto_k:.2f} exceeds {GOOD_PARETO_K}. "
            "Use sampler='nuts'.",
            RuntimeWarning,
            skip_file_prefixes=(PACKAGE,),
        )
    chosen = resample(weighted, kept * chains, rng)
    if effects:
        effects = {name: value[chosen] for name, value in effects.items()}
    else:
        effects = recover_effects(posterior, x[chosen], rng, progress)
        effects.pop("log_density")
    attributes = {
        "pareto_k": weighted.pareto_k,
        "importance_ess": weighted.ess,
        "log_evidence": weighted.log_evidence,
        **_thinned(draws, kept),
    }
    statistics = {"log_weight": weighted.log_weights[chosen]}
    return by_name(posterior, x[chosen], effects, statistics, attributes, chains)


def run_nuts(posterior: CollapsedPosterior, draws, tune, chains, kept, rng, progress, progressbar) -> Draws:
    """NUTS on the collapsed posterior; every chain starts near the mode."""
    mode, covariance = find_mode(posterior)
    # In units of the Laplace approximation the posterior is nearly round, and short paths suffice.
    factor = np.linalg.cholesky(covariance)

    def density(standard):
        value, gradient = posterior.log_density_and_gradient(mode + factor @ standard)
        return value, factor.T @ gradient

    def start(seed):
        return np.random.default_rng(seed).uniform(-2, 2, size=posterior.size)

    standard, statistics = nutpie_on(density, start, posterior.size, draws, tune, chains, rng, progressbar)
    chosen = evenly_spaced(draws, kept)
    x = mode + standard[:, chosen].reshape(-1, posterior.size) @ factor.T
    statistics = {name: value[:, chosen].ravel() for name, value in statistics.items()}
    effects = recover_effects(posterior, x, rng, progress)
    effects.pop("log_density")
    return by_name(posterior, x, effects, statistics, {"tune": tune} | _thinned(draws, kept), chains)


def nutpie_on(density, start, size: int, draws: int, tune: int, chains: int, rng, progressbar: bool):
    """NUTS by nutpie on a NumPy density with its gradient: points (chain, draw, size), and statistics."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    def make_density():
        def quiet(x):
            with np.errstate(all="ignore"):  # a step far outside is rejected, not reported
                return density(x)

        return quiet

    def make_expand(*_seeds):
        return lambda x: {"x": x}

    model = from_pyfunc(
        size, make_density, make_expand, [np.dtype(float)], [(size,)], ["x"], make_initial_point_fn=start
    )
    # One core: Python densities of several chains would wait for each other.
    seed = int(rng.integers(2**32))
    options = {"cores": 1, "seed": seed, "progress_bar": progressbar, "save_warmup": False}
    trace = nutpie.sample(model, draws=draws, tune=tune, chains=chains, **options)
    names = {"diverging": "diverging", "energy": "energy", "n_steps": "n_steps", "mean_tree_accept": "acceptance_rate"}
    found = trace["sample_stats"]
    return trace["posterior"]["x"].to_numpy(), {new: found[old].to_numpy() for old, new in names.items()}
