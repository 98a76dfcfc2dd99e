"""From a saved fit back to its model: everything needed is in the DataTree."""

import json
from dataclasses import replace

import numpy as np
import xarray as xr
from scipy.special import logit

from ..arguments import require
from ..fitting.tree import design_from
from ..model.collapsed import CollapsedPosterior
from ..spec.design import Design, build_design
from ..spec.formulas import parse_formulas
from ..spec.inclusion import Inclusion
from ..spec.options import Model, Options
from ..spec.priors import Priors
from .draws import joined, joined_omega

# Transformations of the same students in another order differ by less, relative to the largest value.
_ROUNDING = 1e-6


def unreadable_priors(fit: xr.DataTree) -> dict[str, str]:
    """Priors that were PyMC distributions, of which a fit records only the names."""
    return {name: value for name, value in json.loads(fit.attrs["priors_given"]).items() if isinstance(value, str)}


def priors_of(fit: xr.DataTree) -> Priors:
    """The priors a fit was made with; PyMC distributions cannot be read back from their names."""
    values, named = json.loads(fit.attrs["priors_given"]), unreadable_priors(fit)
    require(not named, "priors must be given, since a fit's distributions cannot be read back from its record", named)
    return Priors(**{name: value for name, value in values.items() if value is not None})


def model_of(
    fit: xr.DataTree, inclusion_prior=None, priors: Priors | None = None, design: Design | None = None
) -> Model:
    """The model of a fit, with another pi, other priors, or its students one by one.

    Where the fit's priors cannot be read back, and no others are given, any stand for them: they must not matter then.
    """
    inclusion, given = Inclusion.of_fit(fit.attrs), priors or (Priors() if unreadable_priors(fit) else priors_of(fit))
    asked = {name: fit.attrs[name] for name in ("formulation", "sampler", "family", "indicator")}
    asked |= {"inclusion_prior": inclusion.prior if inclusion_prior is None else inclusion_prior}
    return Options(**asked, priors=given, select=inclusion.effects).for_design(design or design_from(fit))


def posterior_of(fit: xr.DataTree, **changes) -> CollapsedPosterior:
    """The collapsed posterior of a fit, changed as in `model_of`; where there is none, a ValueError says why."""
    model = model_of(fit, **changes)
    if model.obstacle:
        raise ValueError(f"fit must be of a model that can be collapsed: {model.obstacle}.")
    return CollapsedPosterior(model.standard)


def hyperparameters(fit: xr.DataTree, posterior: CollapsedPosterior) -> np.ndarray:
    """A fit's draws as points x (S, size) of the unconstrained scale."""
    draws = fit["posterior"].to_dataset()
    gamma, eta, tau = posterior.units.to_standard(*(joined(draws[name]) for name in ("gamma", "eta", "tau")))
    parts = [gamma, eta, posterior.covariance.unconstrain(tau, joined_omega(draws))]
    parts += [logit(joined(draws["pi"]))[:, None]] if posterior.learns_pi else []
    return np.concatenate(parts, axis=-1)


def of_summaries(fit: xr.DataTree) -> bool:
    """Whether a fit was made from the schools' summaries, without students."""
    return "missing" not in fit.attrs


def design_of_data(fit: xr.DataTree, data, outcome: str | None = None, group: str | None = None) -> Design:
    """The design of students that must be those of the fit, in any order; with gaps where the fit had dropped them.

    `outcome` and `group` are columns of the data that have other names than in the fit.
    """
    left_out = {name: "quiet" if fit.attrs.get(name) == "drop" else None for name in ("missing", "constant")}
    texts = fit.attrs["location"], fit.attrs["scale"]
    if of_summaries(fit):  # whose name of the school need be none that a formula can have
        left_out, texts = dict.fromkeys(left_out, "quiet"), ("outcome ~ 1 + (1 | school)", "~ 1 + (1 | school)")
        group = group or fit.attrs["school"]
    formulas, stored = parse_formulas(*texts), design_from(fit)
    formulas = replace(formulas, outcome=outcome or formulas.outcome, school=group or formulas.school)
    design = build_design(formulas, data, **left_out)
    names = [(list(d.labels), d.location_terms, d.scale_terms, d.effects, d.n.tolist()) for d in (design, stored)]
    known = _known_of_students if stored.table is None else _known_of_schools
    if not (names[0] == names[1] and all(map(_alike, known(design), known(stored)))):
        expected, found = (f"{d.n.sum()} in {d.n_schools} schools" for d in (stored, design))
        found = found if found != expected else "other labels, outcomes or covariates"
        raise ValueError(f"data must be the students of the fit ({expected}); found {found}.")
    return design


def _known_of_schools(design: Design) -> np.ndarray:
    """n, mean and SD by school, which is all that some fits hold."""
    return design.summary.to_numpy().T


def _known_of_students(design: Design) -> np.ndarray:
    """School, outcome, and columns of X, W, Z and S, sorted by all of them: the order of the caller's rows is no matter."""
    columns = np.column_stack([design.school, design.y, design.X, design.W, design.Z, design.S]).T
    return columns[:, np.lexsort(columns[::-1])]


def _alike(found: np.ndarray, expected: np.ndarray) -> bool:
    """Equal but for rounding; no SD equals no SD."""
    return np.allclose(found, expected, rtol=0.0, atol=_ROUNDING * np.nanmax(np.abs(expected)), equal_nan=True)
