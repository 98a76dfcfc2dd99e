"""Fit the model: NUTS or importance sampling, then the school effects; the result is a DataTree."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import pandas as pd
import xarray as xr
from tqdm.auto import tqdm

from .arguments import check_count, check_probability
from .data import check_summary, summarise_schools
from .design import parse_intercept_only
from .models import COORDS, check_formulation
from .posterior import CollapsedPosterior
from .priors import Priors, check_priors
from .sampling import Sampled, draws_kept, run_importance, run_nuts


def fit(
    location: str,
    scale: str,
    data,
    *,
    formulation: str = "collapsed",
    sampler: str = "nuts",
    inclusion_prior: float = 0.5,
    priors: Priors | None = None,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    random_seed: int | None = None,
    progressbar: bool = True,
    missing: str = "raise",
    keep: int | None = None,
) -> xr.DataTree:
    """Fit the SS-MELSM to students.

    Parameters
    ----------
    location, scale : str
        ``"outcome ~ 1 + (1 | school)"`` and ``"~ 1 + (1 | school)"``, in lme4's notation.
    data : data frame
        One row per student; any frame that `summarise_schools` reads.
    formulation : {"collapsed"}
        u, t and delta are integrated out, and recovered afterwards.
    sampler : {"nuts", "importance"}
        NUTS (`nutpie`), or Pareto-smoothed importance sampling from the Laplace approximation:
        faster, and it says when it is not to be trusted (k-hat above 0.7).
    inclusion_prior : float, default 0.5
        pi, the prior probability that a school's scale effect is in the slab.
    priors : Priors, optional
        Defaults to ``Priors()``.
    draws, chains : int, default 1000 and 4
        Posterior draws per chain, and chains. Importance sampling makes ``draws * chains`` proposals.
    tune : int, default 1000
        Warm-up draws per chain (NUTS).
    random_seed : int, optional
        Recorded in the result; drawn and recorded where None.
    progressbar : bool, default True
        Shown when it takes longer than two seconds; never while the book is built.
    missing : {"raise", "drop"}, default "raise"
        Students without an outcome or school: refused, or dropped and reported.
    keep : int, optional
        Posterior draws to keep in all. Default: all, as long as an array of draws x schools stays below
        16 million values; beyond that fewer are kept (thinned by NUTS, chosen from twice as many proposals by
        importance sampling), and the result's ``thinned_from`` says so.

    Returns
    -------
    xarray.DataTree
        ``posterior``: gamma (outcome's units), eta (log SD), tau, rho, and per school log_bf (log Bayes
        factor of inclusion, per draw), u, t, delta. ``sample_stats``, ``observed_data`` (n, mean, sd).
        Attributes: formulas, formulation, sampler, inclusion_prior, priors, seed, versions.

    Raises
    ------
    ValueError, TypeError
        Before any sampling, naming the argument, what was found, and what is expected.

    References
    ----------
    Carmo, Williams & Rast (2026), *Journal of Educational and Behavioral Statistics*,
    doi 10.3102/10769986261426004.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> students = sm.simulate_schools(n_schools=30, n_students=40, random_seed=1).students
    >>> result = sm.fit("score ~ 1 + (1 | school)", "~ 1 + (1 | school)", students,
    ...                 sampler="importance", random_seed=1)
    >>> result["posterior"].sizes["school"]
    30
    """
    design = parse_intercept_only(location, scale)
    schools = summarise_schools(data, outcome=design.outcome, school=design.school, missing=missing)
    result = fit_schools(
        schools,
        formulation=formulation,
        sampler=sampler,
        inclusion_prior=inclusion_prior,
        priors=priors,
        draws=draws,
        tune=tune,
        chains=chains,
        random_seed=random_seed,
        progressbar=progressbar,
        keep=keep,
    )
    result.attrs |= {"location": location, "scale": scale}
    return result


def fit_schools(
    schools: pd.DataFrame,
    *,
    school: str | None = None,
    formulation: str = "collapsed",
    sampler: str = "nuts",
    inclusion_prior: float = 0.5,
    priors: Priors | None = None,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    random_seed: int | None = None,
    progressbar: bool = True,
    keep: int | None = None,
) -> xr.DataTree:
    """Fit the intercept-only SS-MELSM to a table of school summaries.

    The table is sufficient: the posterior is exactly that of the students behind it.

    Parameters
    ----------
    schools : pandas.DataFrame
        One row per school: ``n``, ``mean``, ``sd`` (ddof=1, NaN for one student). The index holds
        the labels, unless `school` names a column.
    school : str, optional
        Column of the labels.
    formulation, sampler, inclusion_prior, priors, draws, tune, chains, random_seed, progressbar, keep
        As in `fit`.

    Returns
    -------
    xarray.DataTree
        As `fit` gives.

    Raises
    ------
    ValueError, TypeError
        As in `fit`; also for counts that are not positive whole numbers, negative SDs, an SD of a single
        student, duplicate labels.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> result.attrs["sampler"]
    'importance'
    """
    table = check_summary(schools, school=school)
    check_formulation(formulation)
    if sampler not in ("nuts", "importance"):
        raise ValueError(f"sampler must be 'nuts' or 'importance'; found {sampler!r}.")
    check_probability("inclusion_prior", inclusion_prior)
    check_priors(priors)
    for name, value in (("draws", draws), ("tune", tune), ("chains", chains), ("keep", 1 if keep is None else keep)):
        check_count(name, value)
    seed = _seed(random_seed)
    posterior = CollapsedPosterior(table, float(inclusion_prior), priors or Priors())
    rng = np.random.default_rng(seed)
    kept = draws_kept(draws, chains, keep, len(table))
    show = progressbar and not os.environ.get("SSMELSM_STATIC")
    with tqdm(total=1, desc="schools", disable=not show, delay=2, leave=False, bar_format="{l_bar}{bar}") as progress:
        if sampler == "nuts":
            sampled = run_nuts(posterior, draws, tune, chains, kept, rng, progress, show)
        else:
            sampled = run_importance(posterior, draws, chains, kept, rng, progress)
    tree = _assemble(posterior, table, sampled, chains)
    tree.attrs |= {
        "school": str(table.index.name or "school"),
        "location": f"outcome ~ 1 + (1 | {table.index.name or 'school'})",
        "scale": f"~ 1 + (1 | {table.index.name or 'school'})",
        "formulation": formulation,
        "sampler": sampler,
        "inclusion_prior": float(inclusion_prior),
        "priors": json.dumps(posterior.priors.as_dict()),
        "random_seed": seed,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": json.dumps({name: version(name) for name in ("ssmelsm_helpers", "numpy", "nutpie", "arviz")}),
        **sampled.attributes,
        **({"thinned_from": draws} if kept < draws else {}),
    }
    return tree


def _seed(random_seed) -> int:
    if random_seed is None:
        return int(np.random.SeedSequence().entropy % 2**63)
    if isinstance(random_seed, bool) or not isinstance(random_seed, (int, np.integer)) or not 0 <= random_seed < 2**63:
        raise ValueError(f"random_seed must be None or a whole number from 0 to 2^63 - 1; found {random_seed!r}.")
    return int(random_seed)


def _assemble(posterior, table, sampled: Sampled, chains: int) -> xr.DataTree:
    """Name every axis: ArviZ's chain and draw, the schools by their labels."""
    gamma, eta, effects = posterior.constrain(sampled.x)
    arrays = {
        "gamma": (gamma[:, None], ("location_term",)),
        "eta": (eta[:, None], ("scale_term",)),
        "tau": (np.stack([effects.tau_u, effects.tau_t], axis=-1), ("effect",)),
        "rho": (effects.rho, ()),
    }
    arrays |= {name: (value, ("school",)) for name, value in sampled.effects.items()}

    def by_chain(value, dims):
        return ("chain", "draw", *dims), value.reshape(chains, -1, *value.shape[1:])

    draws = len(sampled.x) // chains
    index = {"chain": np.arange(chains), "draw": np.arange(draws)}
    school = {"school": ("school", table.index)}
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({k: by_chain(*v) for k, v in arrays.items()}, coords=index | COORDS | school),
            "sample_stats": xr.Dataset({k: by_chain(v, ()) for k, v in sampled.statistics.items()}, coords=index),
            "observed_data": xr.Dataset({c: ("school", table[c].to_numpy()) for c in table}, coords=school),
        }
    )
