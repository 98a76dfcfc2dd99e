"""From a fit to statements about schools: PIPs, Bayes factors, verdicts, with their errors."""

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_numbers, check_probability
from ..fitting.tree import observed_schools
from ..spec.inclusion import Inclusion
from .draws import check_effect, inclusion_draws, mcse_of_mean, of_effect, posterior_of_fit, school_log_sd

VERDICTS = ("more variable", "less variable", "unresolved", "not flagged")
_DIRECTIONS = {"scale": VERDICTS[:2], "location": ("higher", "lower")}
_PIPS = (lambda v: (v >= 0) & (v <= 1), "numbers from 0 to 1")


def pip_table(fit: xr.DataTree, *, threshold: float = 0.75, effect: str | None = None) -> pd.DataFrame:
    """Everything the posterior says about each school's consistency, in one row per school.

    Parameters
    ----------
    fit : xarray.DataTree
        What `fit` or `fit_schools` returned.
    threshold : float, default 0.75
        A school is flagged when its PIP reaches this value.
    effect : str, optional
        The selected effect, such as ``"scale[Intercept]"``; needed only where a model has several.

    Returns
    -------
    pandas.DataFrame
        Indexed by school:

        ``n``, ``mean`` : students and their mean outcome, as observed
        ``pip``, ``pip_mcse`` : posterior inclusion probability (averaged analytically over delta) and
        its Monte Carlo standard error (0 where a sampled indicator never moved: then the PIP is too sure of itself)
        ``bayes_factor`` : posterior odds over prior odds of inclusion
        ``sd``, ``sd_lower``, ``sd_upper`` : posterior mean and central 95 % interval of the school's residual
        SD (outcome's units; with scale covariates, the geometric mean over its students), spike and slab together
        ``sd_ratio`` : posterior mean of exp(t), the SD relative to a school with t = 0 (of a slope: per unit of
        its covariate; absent for a location effect)
        ``prob_more_variable`` : P(t > 0) if the school is in the slab (NaN if no draw is); of a location effect, P(u > 0)
        under the same condition
        ``verdict`` : "more variable", "less variable" (flagged; of a location effect "higher", "lower"), "not flagged",
        or "unresolved" where the threshold lies within two Monte Carlo standard errors of the PIP

    Raises
    ------
    ValueError, TypeError
        The threshold is not between 0 and 1, the effect is unknown, or `fit` is no fit.

    References
    ----------
    Eq. (3) and (4) of Carmo, Williams & Rast (2026), doi 10.3102/10769986261426004.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> table = pip_table(result)
    >>> table.loc[[39, 9], ["n", "verdict"]]
                 n        verdict
    school_id
    39         191  more variable
    9          291  less variable
    """
    check_probability("threshold", threshold)
    posterior = posterior_of_fit(fit)
    sample = ("chain", "draw")
    effect = check_effect(fit, effect)
    inclusion = inclusion_draws(fit, effect)
    kind, column = effect.removesuffix("]").split("[", 1)
    value = of_effect(posterior["t" if kind == "scale" else "u"], column)
    delta = of_effect(posterior["delta"], effect)
    sd = np.exp(school_log_sd(fit)).transpose(*sample, "school")
    lower, upper = sd.quantile([0.025, 0.975], dim=sample).to_numpy()
    in_slab = delta.sum(sample).to_numpy()
    more = ((value > 0) & (delta == 1)).sum(sample).to_numpy()
    pip = inclusion.mean(sample).to_numpy()
    columns = {
        "pip": pip,
        "pip_mcse": mcse_of_mean(fit, inclusion),
        "bayes_factor": bayes_factor(pip, inclusion_prior=Inclusion.of_fit(fit.attrs).mean_of(effect)),
        "sd": sd.mean(sample).to_numpy(),
        "sd_lower": lower,
        "sd_upper": upper,
        **({"sd_ratio": np.exp(value).mean(sample).to_numpy()} if kind == "scale" else {}),
        "prob_more_variable": np.divide(more, in_slab, out=np.full(len(pip), np.nan), where=in_slab > 0),
    }
    table = observed_schools(fit)[["n", "mean"]].assign(**columns)
    table["verdict"] = verdicts(table, threshold=threshold, directions=_DIRECTIONS[kind])
    table.attrs["threshold"] = float(threshold)
    return table


def verdicts(table: pd.DataFrame, *, threshold: float, directions=VERDICTS[:2]) -> np.ndarray:
    """One of `VERDICTS` per row, from the columns pip, pip_mcse and prob_more_variable."""
    direction = np.where(table["prob_more_variable"] >= 0.5, *directions)
    decided = np.where(table["pip"] >= threshold, direction, VERDICTS[3])
    return np.where((table["pip"] - threshold).abs() <= 2 * table["pip_mcse"], VERDICTS[2], decided)


def bayes_factor(pip, *, inclusion_prior: float = 0.5):
    """Bayes factor of inclusion: posterior odds divided by prior odds.

    Parameters
    ----------
    pip : float or array
        Posterior inclusion probabilities, 0 to 1.
    inclusion_prior : float, default 0.5
        pi. Only at 0.5 is the Bayes factor simply pip / (1 - pip).

    Returns
    -------
    Same type as `pip`; infinite where it is 1.

    Raises
    ------
    ValueError
        A probability is out of range.

    Examples
    --------
    >>> bayes_factor(0.75)
    3.0
    >>> bayes_factor(0.75, inclusion_prior=0.25)
    9.0
    """
    check_probability("inclusion_prior", inclusion_prior)
    check_numbers("pip", pip, *_PIPS)
    with np.errstate(divide="ignore"):
        result = np.divide(pip, 1 - np.asarray(pip)) * ((1 - inclusion_prior) / inclusion_prior)
    return float(result) if np.ndim(pip) == 0 else result


def fdr_threshold(pip, *, level: float = 0.05) -> float:
    """The lowest PIP threshold whose Bayesian false discovery rate stays within a level.

    That rate is the mean of 1 - PIP over the flagged schools: the share of flags expected to be false,
    if the model holds.

    Parameters
    ----------
    pip : array
        PIPs of all schools.
    level : float, default 0.05

    Returns
    -------
    float
        Flag schools with ``pip >=`` this value; infinity when not even one school may be flagged.

    Raises
    ------
    ValueError
        The level is not between 0 and 1, or a PIP is out of range.

    References
    ----------
    Newton et al. (2004), *Biostatistics*, 5(2), 155-176.

    Examples
    --------
    >>> round(fdr_threshold([0.99, 0.9, 0.6, 0.2], level=0.1), 2)
    0.9
    """
    check_probability("level", level)
    ordered = np.sort(check_numbers("pip", pip, *_PIPS).ravel())[::-1]
    rate = np.cumsum(1 - ordered) / np.arange(1, len(ordered) + 1)
    # Schools that tie are flagged together: only the last of them may decide.
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True)
    allowed = ordered[(rate <= level) & last_of_tie]
    return float(allowed[-1]) if len(allowed) else np.inf
