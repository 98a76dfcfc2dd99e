"""From a saved fit back to its posterior: everything needed is in the DataTree."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logit

from ..data.labels import label_index
from ..fitting.tree import design_from, school_summary
from ..model.collapsed import CollapsedPosterior, design_posterior, summary_posterior
from ..spec.design import Design, build_design, parse_formulas
from ..spec.options import why_not_collapsed
from ..spec.priors import Beta, Priors

_ANY_PRIORS = Priors()
# Transformations of the same students in another order differ by less, relative to the largest value.
_ROUNDING = 1e-6


def observed_schools(fit: xr.DataTree) -> pd.DataFrame:
    """n, mean and sd per school, as they were when the model was fitted."""
    labels = label_index(fit["posterior"].indexes["school"], name=fit.attrs.get("school"))
    return pd.DataFrame({name: fit["observed_data"][name].to_numpy() for name in ("n", "mean", "sd")}, index=labels)


def unreadable_priors(fit: xr.DataTree) -> dict[str, str]:
    """Priors that were PyMC distributions, of which a fit records only the names."""
    return {name: value for name, value in json.loads(fit.attrs["priors_given"]).items() if isinstance(value, str)}


def priors_of(fit: xr.DataTree) -> Priors:
    """The priors a fit was made with; PyMC distributions cannot be read back from their names."""
    values, named = json.loads(fit.attrs["priors_given"]), unreadable_priors(fit)
    if named:
        raise ValueError(f"priors must be given: this fit's distributions cannot be read back from its record {named}.")
    return Priors(**{name: value for name, value in values.items() if value is not None})


def posterior_of(
    fit: xr.DataTree, inclusion_prior: float | Beta | None = None, priors: Priors = _ANY_PRIORS
) -> CollapsedPosterior:
    """The collapsed posterior of a fit's data, by default with the fit's own pi or its prior.

    Where the model is not of that kind, a ValueError says why.
    """
    design = design_from(fit)
    if design is None:
        return summary_posterior(observed_schools(fit), inclusion_prior_of(fit, inclusion_prior), priors, standard=True)
    selected = [design.effects.index(name) for name in json.loads(fit.attrs["select"])]
    obstacle = why_not_collapsed(design, selected, fit.attrs["family"], fit.attrs["indicator"])
    if obstacle:
        raise ValueError(f"fit must be of a model that can be collapsed: {obstacle}.")
    return design_posterior(design, inclusion_prior_of(fit, inclusion_prior), priors, standard=True)


def inclusion_prior_of(fit: xr.DataTree, other: float | Beta | None = None) -> float | Beta:
    """pi of a fit with one selected effect, or the prior of pi, unless another is given."""
    if other is not None:
        return other
    return Beta(*fit.attrs["inclusion_beta"]) if "inclusion_beta" in fit.attrs else float(fit.attrs["inclusion_prior"])


def hyperparameters(fit: xr.DataTree, posterior: CollapsedPosterior) -> np.ndarray:
    """A fit's draws as points x (chain, draw, size) of the unconstrained scale."""
    draws = fit["posterior"].to_dataset().transpose("chain", "draw", ...)
    gamma, eta, tau = posterior.units.to_standard(*(draws[name].to_numpy() for name in ("gamma", "eta", "tau")))
    if "rho" in draws:
        omega = np.ones((*tau.shape[:2], 2, 2))
        omega[..., 0, 1] = omega[..., 1, 0] = draws["rho"].to_numpy()
    else:
        omega = draws["omega"].to_numpy()
    parts = [gamma, eta, posterior.covariance.unconstrain(tau, omega)]
    if isinstance(posterior.inclusion_prior, Beta):
        parts.append(logit(draws["pi"].to_numpy())[..., None])
    return np.concatenate(parts, axis=-1)


def design_of_data(fit: xr.DataTree, data) -> Design:
    """The design of students that must be those of the fit, in any order; with gaps where the fit had dropped them."""
    left_out = {name: "quiet" if fit.attrs.get(name) == "drop" else None for name in ("missing", "constant")}
    design = build_design(parse_formulas(fit.attrs["location"], fit.attrs["scale"]), data, **left_out)
    schools = observed_schools(fit)
    total = int(schools["n"].sum())
    if (len(design.y), design.n_schools) != (total, len(schools)):
        found = f"{len(design.y)} in {design.n_schools}"
    else:
        found = _other_than(design, schools, design_from(fit))
    if found:
        raise ValueError(f"data must be the students of the fit ({total} in {len(schools)} schools); found {found}.")
    return design


def _other_than(design: Design, schools: pd.DataFrame, stored: Design | None) -> str | None:
    """What a design has that the fit's has not; where the fit holds only summaries, those must do."""
    if list(design.labels) != list(schools.index):
        return "other labels of the schools"
    if not all(map(_alike, school_summary(design).to_numpy().T, schools.to_numpy().T)):
        return "other outcomes"
    if stored is None:
        return None
    same_names = design.effects == stored.effects
    same_names &= (design.location_terms, design.scale_terms) == (stored.location_terms, stored.scale_terms)
    same = same_names and all(map(_alike, _sorted_students(design), _sorted_students(stored)))
    return None if same else "other outcomes or covariates"


def _sorted_students(design: Design) -> list[np.ndarray]:
    """School, outcome, and columns of X, W, Z and S, sorted by all of them: the order of the caller's rows is no matter."""
    columns = [design.school, design.y, *np.column_stack([design.X, design.W, design.Z, design.S]).T]
    order = np.lexsort(columns[::-1])
    return [column[order] for column in columns]


def _alike(found: np.ndarray, expected: np.ndarray) -> bool:
    """Equal but for rounding; no SD equals no SD."""
    return np.allclose(found, expected, rtol=0.0, atol=_ROUNDING * np.nanmax(np.abs(expected)), equal_nan=True)
