"""Fit the model: NUTS or importance sampling, then the school effects; the result is a DataTree."""

import pandas as pd
import xarray as xr

from ..arguments import warn
from ..data.labels import refuse_unsaved
from ..data.schools import check_summary
from ..spec.model_priors import leaning_on
from ..spec.options import Model, Options
from ..spec.priors import Priors
from .sampling import Run, sample_collapsed
from .sampling_effects import sample_effects_too
from .tree import assemble, attributes_of


def fit(
    location: str,
    scale: str,
    data,
    *,
    formulation: str | None = None,
    sampler: str = "nuts",
    inclusion_prior=0.5,
    priors: Priors | None = None,
    family: str = "normal",
    select="scale",
    indicator: str = "after",
    draws: int = 1000,
    tune: int | None = None,
    chains: int = 4,
    random_seed: int | None = None,
    progressbar: bool = True,
    missing: str = "raise",
    constant: str = "raise",
    keep: int | None = None,
    cores: int | None = None,
) -> xr.DataTree:
    """Fit the SS-MELSM to students.

    Parameters
    ----------
    location, scale : str
        Formulas in lme4's notation: ``"score ~ ses + (1 | school)"`` and ``"~ ses + (1 | school)"``. The scale
        formula models the log of the residual SD. Both need the same grouping factor. Effects of the first group
        term of each formula share one correlation matrix; ``(x || school)`` is ``(1 | school) + (0 + x | school)``,
        whose second term stands alone.
    data : data frame
        One row per student; pandas, Polars, or anything else that Narwhals reads.
    formulation : {None, "collapsed", "marginal", "sampled"}
        What is sampled of the one posterior. "collapsed": only the hyperparameters (random intercept in the scale,
        normal family). "marginal": all but delta (at most four selected effects). "sampled": everything,
        as the model is written. None (default): the first of these that applies. The result records it.
    sampler : {"nuts", "importance"}
        NUTS (`nutpie`), or Pareto-smoothed importance sampling from the Laplace approximation: faster, for the
        collapsed formulation, and it says when it is not to be trusted (k-hat above 0.7). The sampled formulation
        uses PyMC's compound step: NUTS, and Gibbs-Metropolis for delta.
    inclusion_prior : float, sequence or dict of float, or Beta; default 0.5
        pi, the prior probability that a selected effect is in the slab: one for all, one per effect (a sequence in the
        order of `select`, or a dict by name), or ``sm.Beta(a, b)``, with which one pi is learned.
    priors : Priors, optional
        Defaults to ``Priors()``, which are relative to the data: a fit does not depend on the units of the outcome or of
        the covariates, nor on where these are counted from. ``Priors.reference()`` are the R package's absolute numbers.
    family : {"normal", "student"}
        Distribution of a student's score. Student's t has the same SD: with degrees of freedom nu > 2, which are
        estimated, its scale is the SD times sqrt((nu - 2) / nu).
    select : {"scale", "location", "both"} or sequence of str
        The random effects that get an indicator; names as in the result's `effect`, like ``"scale[Intercept]"``.
    indicator : {"after", "before"}
        Where delta stands: after the Cholesky product (the model), or before it, as ``tau L (delta z)``, for
        comparison; the latter in the sampled formulation only.
    draws, chains : int, default 1000 and 4
        Posterior draws per chain, and chains. Importance sampling makes ``draws * chains`` proposals.
    tune : int, optional
        Warm-up draws per chain. Default: 300 for the collapsed formulation, whose chains start in units of the
        Laplace approximation, and 1000 for the others.
    random_seed : int, optional
        Recorded in the result; drawn and recorded where None.
    progressbar : bool, default True
        Shown when it takes longer than two seconds; never while the book is built.
    missing : {"raise", "drop"}, default "raise"
        Rows with a missing value in any column used (an empty or blank text is one): refused, or dropped for both
        submodels and reported.
    constant : {"raise", "drop"}, default "raise"
        Schools of two or more students whose outcomes are all the same (given the school's own covariates), but for
        rounding: with an SD of their own they have no posterior, so they are refused, or left out and reported.
    keep : int, optional
        Posterior draws to keep in all. Default: all, as long as an array of draws x schools stays below
        16 million values; beyond that fewer are kept (and proposed, by importance sampling), and the result's
        ``thinned_from`` says so.
    cores : int, optional
        Threads that share chains and draws, which do not depend on it. Default: the cores this process may use, or the
        number in the environment variable SSMELSM_CORES where that is less.

    Returns
    -------
    xarray.DataTree
        ``posterior``: gamma (outcome's units), eta (log SD), tau (dim `effect`), rho (two effects) or omega (more),
        and per school u, t (in force: zero where delta is), delta, log_bf (log odds of delta = 1 given the data and
        what else is sampled in that draw, minus their prior log odds: a log Bayes factor given the hyperparameters in
        the collapsed formulation, given the school's effects too in the marginal one, absent in the sampled one);
        pi and nu where they are estimated. ``sample_stats``, ``observed_data`` (n, mean, sd), ``constant_data``
        (the design, unless the schools' summaries were enough). Attributes: formulas, formulation, sampler,
        inclusion_prior, priors (in the data's units; ``priors_given``: as asked for), seed, versions. ``to_netcdf`` saves
        it where the schools' labels are all texts or all numbers; with others (tuples, several kinds) it stays in memory.

    Raises
    ------
    ValueError, TypeError
        Before any sampling, naming the argument, what was found, and what is expected.

    Warns
    -----
    UserWarning
        School labels that look alike are kept apart. Or the prior counts for more than the data in a coefficient or an
        effect's SD: it brings more than half of the posterior's precision, or moves the posterior by more than 1.25 of
        its SDs.
    RuntimeWarning
        Importance sampling is unreliable (k-hat), or the draws of a collapsed formulation contradict the evidence.

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
    >>> result["posterior"].sizes["school"], result.attrs["formulation"]
    (30, 'collapsed')
    """
    options = Options(formulation, sampler, inclusion_prior, priors, family, select, indicator, missing, constant)
    run = Run.of(draws, tune, chains, keep, random_seed, progressbar, cores)
    tree = fit_model(options.for_students(location, scale, data), run)
    tree.attrs |= {"location": location, "scale": scale, "missing": missing, "constant": constant}
    return tree


def fit_schools(
    schools: pd.DataFrame,
    *,
    school: str | None = None,
    formulation: str | None = None,
    sampler: str = "nuts",
    inclusion_prior=0.5,
    priors: Priors | None = None,
    draws: int = 1000,
    tune: int | None = None,
    chains: int = 4,
    random_seed: int | None = None,
    progressbar: bool = True,
    constant: str = "raise",
    keep: int | None = None,
    cores: int | None = None,
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
    formulation : {None, "collapsed"}
        The others need students.
    sampler, inclusion_prior, priors, draws, tune, chains, random_seed, progressbar, constant, keep, cores
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
    table = check_summary(schools, school)
    if formulation not in (None, "collapsed"):
        raise ValueError(f"formulation must be 'collapsed' for a table of schools; found {formulation!r}; use fit().")
    options = Options("collapsed", sampler, inclusion_prior, priors, constant=constant)
    run = Run.of(draws, tune, chains, keep, random_seed, progressbar, cores)
    tree = fit_model(options.for_schools("schools", table), run)
    name = tree.attrs["school"]
    tree.attrs |= {"location": f"outcome ~ 1 + (1 | {name})", "scale": f"~ 1 + (1 | {name})"}
    return tree


def fit_model(model: Model, run: Run) -> xr.DataTree:
    """A fit: draws of a model, which is sampled on its standard scale, in the data's units."""
    refuse_unsaved(model.design.labels)
    run, sample = run.of_model(model), sample_collapsed if model.formulation == "collapsed" else sample_effects_too
    tree = assemble(sample(model.standard, run), model, run.chains)
    leaning = leaning_on(model.priors, model.design.effects, tree["posterior"].to_dataset())
    if leaning:
        warn(
            f"the prior counts for more than the data in {'; '.join(leaning)}. What the fit says of it is largely what the "
            "prior said; numbers that were given must be meant in the data's units.",
            UserWarning,
        )
    tree.attrs |= attributes_of(model) | {"random_seed": run.seed}
    tree.attrs |= {"tune": run.tune} if model.sampler == "nuts" else {}
    tree.attrs |= {"thinned_from": run.draws} if run.keep < run.draws else {}
    return tree
