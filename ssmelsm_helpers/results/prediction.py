"""Schools not seen: under the prior, and after the data."""

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_count, check_seed
from ..fitting.tree import design_from
from ..model.linear import cholesky
from ..spec.inclusion import Inclusion
from ..spec.options import Options
from ..spec.priors import Priors
from .draws import joined, joined_omega, posterior_of_fit, refuse_before
from .saved import design_of_data


def prior_predictive(
    priors: Priors | None = None, *, inclusion_prior=0.5, draws: int = 4000, random_seed: int | None = None
) -> pd.DataFrame:
    """What the priors expect of a school's residual SD before any data are seen.

    Parameters
    ----------
    priors : Priors, optional
        Defaults to ``Priors()``; only the prior of tau_t matters here.
    inclusion_prior : float or Beta, default 0.5
        pi, or its prior.
    draws : int, default 4000
    random_seed : int, optional

    Returns
    -------
    pandas.DataFrame
        One imagined school per row: ``tau_t`` (log-SD units), ``delta``, ``t``, and ``sd_ratio`` = exp(t), its SD
        relative to that of a school in the spike.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range.

    Examples
    --------
    >>> prior_predictive(random_seed=1)["sd_ratio"].quantile([0.025, 0.975]).round(1).tolist()
    [0.1, 6.3]
    """
    given = Options(priors=priors).priors or Priors()
    check_count("draws", draws)
    pi = Inclusion.of(inclusion_prior, ["scale[Intercept]"])
    rng = np.random.default_rng(check_seed(random_seed))
    pi = rng.beta(pi.prior.a, pi.prior.b, size=draws) if pi.learned else pi.prior[0]
    tau_t = given.of_tau("tau_t").sample(draws, rng)
    delta = (rng.random(draws) < pi).astype(int)
    t = tau_t * rng.normal(size=draws) * delta
    with np.errstate(over="ignore"):  # a heavy-tailed prior reaches SDs beyond any float
        return pd.DataFrame({"tau_t": tau_t, "delta": delta, "t": t, "sd_ratio": np.exp(t)})


def predict_school(fit: xr.DataTree, students=None, *, data=None, random_seed: int = 0) -> pd.DataFrame:
    """A school not seen: its level and its consistency, per posterior draw.

    Parameters
    ----------
    fit : xarray.DataTree
    students : data frame, optional
        The new school's students, with the covariates of both formulas. Not needed for the intercept-only model.
    data : data frame, optional
        The students of the fit; needed with `students`, so that transformations in the formulas are the fit's own.
    random_seed : int, default 0

    Returns
    -------
    pandas.DataFrame
        Indexed by (chain, draw): ``delta`` of each selected effect, ``mean`` (expected outcome, averaged over the
        students), ``sd`` (residual SD, geometric mean over them), ``sd_ratio``: sd relative to the same school without
        its random scale effects.

    Raises
    ------
    ValueError
        The model has covariates, and students or data are not given or do not fit the formulas; or the fit's indicator
        stands before the Cholesky product.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> predict_school(result)["sd"].quantile([0.025, 0.975]).round(2).tolist()
    [0.69, 0.91]
    """
    posterior = posterior_of_fit(fit)
    refuse_before(fit)
    x, w, z, s = (columns.mean(axis=0) for columns in _columns(fit, students, data))
    gamma, eta, tau = (joined(posterior[name]) for name in ("gamma", "eta", "tau"))
    rng = np.random.default_rng(check_seed(random_seed))
    effects = tau * (cholesky(joined_omega(posterior)) @ rng.normal(size=tau.shape)[..., None])[..., 0]
    names = [str(name) for name in posterior["effect"].to_numpy()]
    inclusion, result = Inclusion.of_fit(fit.attrs), {}
    for name in inclusion.effects:
        pi = np.ravel(inclusion.at(posterior, name))
        result[f"delta[{name}]"] = (rng.random(len(tau)) < pi).astype(int)
        effects[:, names.index(name)] *= result[f"delta[{name}]"]
    log_ratio = effects[:, len(z) :] @ s
    result["mean"] = gamma @ x + effects[:, : len(z)] @ z
    result["sd"] = np.exp(eta @ w + log_ratio)
    result["sd_ratio"] = np.exp(log_ratio)
    index = pd.MultiIndex.from_product([posterior["chain"].to_numpy(), posterior["draw"].to_numpy()])
    return pd.DataFrame(result, index=index.set_names(["chain", "draw"]))


def _columns(fit, students, data):
    """X, W, Z and S of the new school's students."""
    stored = design_from(fit)
    parts = (stored.location_terms, stored.scale_terms, stored.location_effects, stored.scale_effects)
    if stored.table is not None or (students is None and all(names == ("Intercept",) for names in parts)):
        return np.ones((4, 1, 1))
    if students is None or data is None:
        formulas = f"location {fit.attrs['location']!r}, scale {fit.attrs['scale']!r}"
        raise ValueError(f"students and data must both be given: the model has covariates ({formulas}).")
    return design_of_data(fit, data).new_rows(students)
