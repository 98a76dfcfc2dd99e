"""From a saved fit back to its posterior: everything needed is in the DataTree."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logit

from .choices import why_not_collapsed
from .data import label_index
from .design import Design, build_design, parse_formulas
from .posterior import CollapsedPosterior, design_posterior, summary_posterior
from .priors import Beta, Priors
from .tree import design_from, school_summary

_ANY_PRIORS = Priors()


def observed_schools(fit: xr.DataTree) -> pd.DataFrame:
    """n, mean and sd per school, as they were when the model was fitted."""
    labels = label_index(fit["posterior"].indexes["school"], name=fit.attrs.get("school"))
    return pd.DataFrame({name: fit["observed_data"][name].to_numpy() for name in ("n", "mean", "sd")}, index=labels)


def priors_of(fit: xr.DataTree) -> Priors:
    """The priors a fit was made with; PyMC distributions cannot be read back from their names."""
    values = json.loads(fit.attrs["priors"])
    named = {name: value for name, value in values.items() if isinstance(value, str)}
    if named:
        raise ValueError(f"priors must be given: this fit's distributions cannot be read back from its record {named}.")
    return Priors(**{name: value for name, value in values.items() if value is not None})


def posterior_of(fit: xr.DataTree, inclusion_prior: float | Beta, priors: Priors = _ANY_PRIORS) -> CollapsedPosterior:
    """The collapsed posterior of a fit's data; where the model is not of that kind, a ValueError says why."""
    design = design_from(fit)
    if design is None:
        return summary_posterior(observed_schools(fit), inclusion_prior, priors)
    selected = [design.effects.index(name) for name in json.loads(fit.attrs["select"])]
    obstacle = why_not_collapsed(design, selected, fit.attrs["family"], fit.attrs["indicator"])
    if obstacle:
        raise ValueError(f"fit must be of a model that can be collapsed: {obstacle}.")
    return design_posterior(design, inclusion_prior, priors)


def hyperparameters(fit: xr.DataTree, posterior: CollapsedPosterior) -> np.ndarray:
    """A fit's draws as points x (chain, draw, size) of the unconstrained scale."""
    draws = fit["posterior"].to_dataset().transpose("chain", "draw", ...)
    tau = draws["tau"].to_numpy()
    if "rho" in draws:
        omega = np.ones((*tau.shape[:2], 2, 2))
        omega[..., 0, 1] = omega[..., 1, 0] = draws["rho"].to_numpy()
    else:
        omega = draws["omega"].to_numpy()
    parts = [draws["gamma"].to_numpy(), draws["eta"].to_numpy(), posterior.covariance.unconstrain(tau, omega)]
    if isinstance(posterior.inclusion_prior, Beta):
        parts.append(logit(draws["pi"].to_numpy())[..., None])
    return np.concatenate(parts, axis=-1)


def design_of_data(fit: xr.DataTree, data) -> Design:
    """The design of students that must be those of the fit."""
    design = build_design(parse_formulas(fit.attrs["location"], fit.attrs["scale"]), data, missing=None)
    schools = observed_schools(fit)
    found = school_summary(design)
    same = len(found) == len(schools) and (found["n"].to_numpy() == schools["n"].to_numpy()).all()
    if not same or not np.allclose(found["mean"], schools["mean"]):
        raise ValueError(
            f"data must be the students of the fit ({int(schools['n'].sum())} in {len(schools)} schools); "
            f"found {int(found['n'].sum())} in {len(found)}, or other scores."
        )
    return design
