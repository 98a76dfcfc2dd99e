"""The two samplers: from a collapsed posterior to draws and school effects."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit
from tqdm.auto import tqdm

from ..arguments import check_count, check_seed, warn
from ..model.collapsed import CollapsedPosterior
from ..model.compiled import is_compiled, usable_cores
from ..model.school_density import callbacks, density
from ..model.school_effects import likelihoods_and_effects
from ..spec.options import Model
from .importance import Proposal, StudentT, adapt, find_mode, first_proposal, null_evidence
from .ridge import compare, evidence_of_draws
from .tree import Draws, evenly_spaced
from .weights import GOOD_PARETO_K, WeightedDraws, resample, weigh

# Fewer proposals than this say nothing about the tail of their weights.
_LEAST_PROPOSALS = 700
# Of a chain's steps, what a fit records.
STATISTICS = ("diverging", "energy", "n_steps", "acceptance_rate")
# Versions of nutpie whose way to call compiled functions is known; any other calls Python.
_CALLS_COMPILED = "0.16."
# Draws of the model without differences in spread, for the check of the others.
_NULL_DRAWS = 300
# A chain's draws of tau_t are correlated; so many count as one in that check.
_DRAWS_PER_EFFECTIVE = 5
# Warm-up draws of chains that start in units of the Laplace approximation, and of others.
_TUNE, _LONG_TUNE = 300, 1000
# Largest array of draws x schools that is kept unless the caller asks for more: 128 MB of float64.
_KEPT_VALUES = 16_000_000


def by_name(posterior: CollapsedPosterior, x, effects) -> dict[str, np.ndarray]:
    """Hyperparameters x (S, size) and school effects (S, ...) by name, in the data's units."""
    tau, factor = posterior.covariance.constrain(x[:, posterior.effects])
    omega = factor @ np.swapaxes(factor, -1, -2)
    arrays = {"gamma": x[:, posterior.gamma], "eta": x[:, posterior.eta], "tau": tau} | effects
    arrays |= {"rho": omega[:, 0, 1]} if posterior.covariance.effects == 2 else {"omega": omega}
    arrays |= {"pi": expit(posterior.log_odds(x))} if posterior.learns_pi else {}
    return posterior.units.to_data(arrays)


class Run(NamedTuple):
    """How long, and from which seed."""

    draws: int
    tune: int | None = None
    chains: int = 1
    keep: int | None = None
    seed: int = 0
    show: bool = False
    cores: int = 1

    @classmethod
    def of(cls, draws, tune, chains, keep, random_seed, progressbar, cores) -> "Run":
        """Checked; a seed is drawn where none was given."""
        for name, value in (("draws", draws), ("tune", tune), ("chains", chains), ("keep", keep), ("cores", cores)):
            if value is not None or name in ("draws", "chains"):
                check_count(name, value)
        seed = check_seed(random_seed)
        seed = int(np.random.SeedSequence().entropy % 2**63) if seed is None else seed
        return cls(draws, tune, chains, keep, seed, bool(progressbar), cores or usable_cores())

    def kept(self, values: int) -> int:
        """Draws per chain that are kept: all, unless they are more than `keep` in all; `values` are what one draw has."""
        most = max(_KEPT_VALUES // values, 100) if self.keep is None else self.keep
        return min(self.draws, max(most // self.chains, 1))

    def of_model(self, model: Model) -> "Run":
        """With the model's warm-up, and as `keep` the draws per chain that are kept."""
        design, collapsed = model.design, model.formulation == "collapsed"
        kept = self.kept(design.n_schools * (1 if collapsed else len(design.effects)))
        return self._replace(tune=self.tune or (_TUNE if collapsed else _LONG_TUNE), keep=kept)

    @property
    def chosen(self) -> np.ndarray:
        """Positions of the draws that are kept of each chain."""
        return evenly_spaced(self.draws, self.keep)


def sample_collapsed(model: Model, run: Run) -> Draws:
    """Draws of a model that can be collapsed, by the sampler that it names."""
    posterior = CollapsedPosterior(model, run.cores)
    rng = np.random.default_rng(run.seed)
    ready = is_compiled(density) and is_compiled(likelihoods_and_effects)
    bar = {"desc": "fit" if ready else "compiling, once", "delay": 2 if ready else 0}
    bar |= {"leave": False, "bar_format": "{l_bar}{bar}"}
    # Importance sampling that keeps few of its draws passes over the schools once more for their effects.
    passes = 2 if model.sampler == "importance" and run.keep * run.chains < _LEAST_PROPOSALS else 1
    with tqdm(total=passes, disable=not run.show, **bar) as progress:
        sample = run_nuts if model.sampler == "nuts" else run_importance
        return sample(posterior, run, rng, progress)


def run_importance(posterior: CollapsedPosterior, run: Run, rng, progress) -> Draws:
    """Importance sampling; the weighted draws are resampled to equally weighted ones."""
    kept, proposal = run.keep * run.chains, adapt(posterior, rng)
    x, log_q, replicate = proposal.replicated(max(kept, _LEAST_PROPOSALS), rng)
    # School effects come in the same pass over the schools, unless they are more than will be kept.
    at_once = kept >= _LEAST_PROPOSALS
    effects, log_density = (
        posterior.draw_effects(x, rng, progress) if at_once else ({}, posterior.log_density(x, progress))
    )
    weighted = weigh(x, log_density - log_q)
    if not weighted.pareto_k <= GOOD_PARETO_K:
        warn(
            f"importance sampling is unreliable here: Pareto k-hat {weighted.pareto_k:.2f} exceeds {GOOD_PARETO_K}. "
            "Use sampler='nuts'."
        )
    checked = _checked(proposal, weighted, weighted.ess, rng)
    # Replicate by replicate, so that each keeps its weight: else resampling would add to their differences.
    chosen = resample(weighted, kept, rng)
    if at_once:  # one by one: both copies of all would be much memory
        effects = {name: effects.pop(name)[chosen] for name in [*effects]}
    else:
        effects, _ = posterior.draw_effects(x[chosen], rng, progress)
    attributes = {"pareto_k": weighted.pareto_k, "importance_ess": weighted.ess, "log_evidence": weighted.log_evidence}
    statistics = {"log_weight": weighted.log_weights[chosen], "replicate": replicate[chosen]}
    return Draws(by_name(posterior, x[chosen], effects), statistics, attributes | checked)


def _checked(proposal: Proposal, draws: WeightedDraws, ess: float, rng) -> dict[str, float]:
    """Draws against what is known of tau_t near zero; a contradiction is said loudly."""
    null = null_evidence(proposal, _NULL_DRAWS, rng.spawn(1)[0])  # the check is no part of the sampler's stream
    found = compare(proposal, null, draws, ess)
    if not found["near_zero_agrees"]:
        text = (
            "the draws contradict the evidence: {near_zero_found:.3g} of them have tau_t below {near_zero_bound:.2g}, where by "
            "the evidence of the models with and without differences in spread {near_zero_expected:.3g} of them should be. "
            "Do not trust this fit: run more draws, the other sampler, or a prior of tau_t with a larger scale."
        )
        warn(text.format_map(found))
    return found


def run_nuts(posterior: CollapsedPosterior, run: Run, rng, progress) -> Draws:
    """NUTS on the collapsed posterior; every chain starts near the mode."""
    mode, covariance = find_mode(posterior)
    # In units of the Laplace approximation the posterior is nearly round, and short paths suffice.
    factor = np.linalg.cholesky(covariance)

    def in_standard(standard):
        value, gradient = posterior.log_density_and_gradient(mode + factor @ standard)
        return value, factor.T @ gradient

    def start(seed):
        return np.random.default_rng(seed).uniform(-2, 2, size=posterior.size)

    data = None if posterior.by_pymc else posterior.seen_from(mode, factor)
    standard, statistics = nutpie_on(in_standard, start, posterior.size, run, rng, data)
    x = mode + standard[:, run.chosen].reshape(-1, posterior.size) @ factor.T
    statistics = {name: value[:, run.chosen] for name, value in statistics.items()}
    effects, log_density = posterior.draw_effects(x, rng, progress)
    checked = {}
    if len(x) >= _LEAST_PROPOSALS:  # fewer draws have no evidence to be compared
        proposal = first_proposal(posterior, StudentT.matching(mode, covariance))
        equal = np.full(len(x), -np.log(len(x)))
        draws = WeightedDraws(x, equal, 0.0, evidence_of_draws(x, log_density))
        checked = _checked(proposal, draws, len(x) / _DRAWS_PER_EFFECTIVE, rng)
    return Draws(by_name(posterior, x, effects), statistics, checked)


def nutpie_on(density, start, size: int, run: Run, rng, data=None):
    """NUTS by nutpie on a density with its gradient: points (chain, draw, size), and statistics.

    With the compiled density's `data`, on that: then no chain waits for another's Python.
    """
    import nutpie

    compiled = data is not None and nutpie.__version__.startswith(_CALLS_COMPILED)
    model = _compiled_model(data, start, size) if compiled else _python_model(density, start, size)
    seed = int(rng.integers(2**32))
    options = {"cores": min(run.cores, run.chains), "seed": seed, "progress_bar": run.show, "save_warmup": False}
    trace = nutpie.sample(model, draws=run.draws, tune=run.tune, chains=run.chains, **options)
    found = trace["sample_stats"].to_dataset().rename(mean_tree_accept="acceptance_rate")
    return trace["posterior"]["x"].to_numpy(), {name: found[name].to_numpy() for name in STATISTICS}


def _python_model(density, start, size: int):
    from nutpie.compiled_pyfunc import from_pyfunc

    def expand(x):
        return {"x": x}

    quiet = np.errstate(all="ignore")(density)  # a step far outside is rejected, not reported
    makers = (lambda: quiet), (lambda *_seeds: expand)
    return from_pyfunc(size, *makers, [np.dtype(float)], [(size,)], ["x"], make_initial_point_fn=start)


def _compiled_model(data, start, size: int):
    """What nutpie makes of PyMC's models: addresses of functions, and of the data that they are called with."""
    from nutpie.compile_pymc import CompiledPyMCModel

    in_standard, unchanged = callbacks()
    shapes = (["x"], [slice(0, size)], [(size,)])
    unused = dict.fromkeys(("shared_data", "shared_var_keys", "logp_func", "expand_func"))
    return CompiledPyMCModel(
        compiled_logp_func=in_standard,
        compiled_expand_func=unchanged,
        initial_point_func=start,
        user_data=data,
        n_expanded=size,
        shape_info=shapes,
        dims={},
        _coords={},
        _n_dim=size,
        _shapes={"x": (size,)},
        **unused,
    )
