"""The two samplers: from a collapsed posterior to draws and school effects."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .importance import GOOD_PARETO_K, adapt, find_mode, resample, weigh
from .posterior import SIZE, CollapsedPosterior
from .recovery import recover_effects

_PACKAGE = str(Path(__file__).parent)
# Fewer proposals than this say nothing about the tail of their weights.
_LEAST_PROPOSALS = 1000
# Largest array of draws x schools that is kept unless the caller asks for more: 128 MB of float64.
_KEPT_VALUES = 16_000_000


class Sampled(NamedTuple):
    """Hyperparameters x (S, 5), school effects (S, J), statistics (S,), attributes; chains share S."""

    x: np.ndarray
    effects: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]
    attributes: dict


def draws_kept(draws: int, chains: int, keep: int | None, n_schools: int) -> int:
    """Draws per chain that are kept: all, unless they are more than `keep` in all."""
    most = max(_KEPT_VALUES // n_schools, 100) if keep is None else keep
    return min(draws, max(most // chains, 1))


def run_importance(posterior: CollapsedPosterior, draws: int, chains: int, kept: int, rng, progress) -> Sampled:
    """Importance sampling; the weighted draws are resampled to equally weighted ones."""
    proposal = adapt(posterior, rng)
    # Where fewer draws are kept than asked for, twice as many proposals are enough to choose from.
    proposals = draws * chains if kept == draws else min(2 * kept, draws) * chains
    # Sorted by tau_t, so that draws that need more quadrature nodes share a block.
    x = proposal.sample(max(proposals, _LEAST_PROPOSALS), rng)
    x = x[np.argsort(x[:, 3])]
    # School effects come in the same pass over the schools, unless they are too many to keep.
    effects = recover_effects(posterior, x, rng, progress) if kept == draws else {}
    log_density = effects.pop("log_density") if effects else posterior.log_density(x, progress)
    weighted = weigh(x, log_density - proposal.log_density(x))
    if not weighted.pareto_k <= GOOD_PARETO_K:
        warnings.warn(
            f"importance sampling is unreliable here: Pareto k-hat {weighted.pareto_k:.2f} exceeds {GOOD_PARETO_K}. "
            "Use sampler='nuts'.",
            RuntimeWarning,
            skip_file_prefixes=(_PACKAGE,),
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
    }
    return Sampled(x[chosen], effects, {"log_weight": weighted.log_weights[chosen]}, attributes)


def run_nuts(posterior: CollapsedPosterior, draws, tune, chains, kept, rng, progress, progressbar) -> Sampled:
    """NUTS by nutpie on the NumPy density; every chain starts near the mode."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    mode, covariance = find_mode(posterior)
    # In units of the Laplace approximation the posterior is nearly round, and short paths suffice.
    factor = np.linalg.cholesky(covariance)

    def initial_point(seed):
        return np.random.default_rng(seed).uniform(-2, 2, size=SIZE)

    def make_log_density():
        def log_density(standard):
            with np.errstate(all="ignore"):  # a step far outside is rejected, not reported
                value, gradient = posterior.log_density_and_gradient(mode + factor @ standard)
            return value, factor.T @ gradient

        return log_density

    def make_expand(*_seeds):
        return lambda standard: {"x": mode + factor @ standard}

    float_ = np.dtype(float)
    model = from_pyfunc(
        SIZE, make_log_density, make_expand, [float_], [(SIZE,)], ["x"], make_initial_point_fn=initial_point
    )
    # One core: Python densities of several chains would wait for each other.
    trace = nutpie.sample(
        model,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=1,
        seed=int(rng.integers(2**32)),
        progress_bar=progressbar,
        save_warmup=False,
    )
    chosen = np.linspace(0, draws - 1, kept).round().astype(int)
    x = trace["posterior"]["x"].to_numpy()[:, chosen].reshape(-1, SIZE)
    names = {"diverging": "diverging", "energy": "energy", "n_steps": "n_steps", "mean_tree_accept": "acceptance_rate"}
    found = trace["sample_stats"]
    statistics = {new: found[old].to_numpy()[:, chosen].ravel() for old, new in names.items()}
    effects = recover_effects(posterior, x, rng, progress)
    effects.pop("log_density")
    return Sampled(x, effects, statistics, {"tune": tune})
