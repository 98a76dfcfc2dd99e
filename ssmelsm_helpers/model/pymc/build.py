"""The model as PyMC models, one module per formulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...arguments import check_one_of
from ...spec.design import build_design, parse_formulas, selected_effects
from ...spec.model_priors import ModelPriors
from ...spec.options import check_options, choose
from ...spec.priors import Beta, Priors, check_priors
from ...spec.standard import Margins

if TYPE_CHECKING:
    import pymc as pm


def build_model(
    location: str,
    scale: str,
    data,
    *,
    formulation: str | None = "collapsed",
    inclusion_prior=0.5,
    priors: Priors | None = None,
    family: str = "normal",
    select="scale",
    indicator: str = "after",
    missing: str = "raise",
    constant: str = "raise",
) -> pm.Model:
    """The SS-MELSM as a PyMC model, to read, to extend, or to sample in one's own way.

    Parameters
    ----------
    location, scale, data, formulation, inclusion_prior, priors, family, select, indicator, missing, constant
        As in `fit`.

    Returns
    -------
    pymc.Model
        Free variables gamma, eta (log-SD units), tau, rho (or omega's parts). With covariates gamma and eta follow from
        ``gamma_centred`` and ``eta_centred``, the coefficients of the centred columns, which their default priors are
        about. In the collapsed and the marginal formulation the potential ``schools`` is the likelihood by school; in the
        collapsed one of several location effects their sum, computed in NumPy. In the sampled one ``y`` is observed, or,
        where students alike in all covariates count as one, the potential of their joint density.

    Raises
    ------
    ValueError, TypeError
        As in `fit`.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> students = sm.simulate_schools(n_schools=10, n_students=20, random_seed=1).students
    >>> model = build_model("score ~ 1 + (1 | school)", "~ 1 + (1 | school)", students)
    >>> [variable.name for variable in model.free_RVs]
    ['gamma', 'eta', 'tau', 'rho']
    """
    formulas = parse_formulas(location, scale)
    check_options(formulation, "nuts", family, indicator)
    check_one_of("missing", missing, ("raise", "drop"))
    check_one_of("constant", constant, ("raise", "drop"))
    check_priors(priors)
    priors = priors or Priors()
    design = build_design(formulas, data, missing=missing, constant=constant)
    selected = selected_effects(select, design.effects)
    choices = choose(design, formulation, "nuts", selected, inclusion_prior, family, indicator)
    return model_of(design, choices, priors)


def model_of(design, choices, priors: Priors | ModelPriors) -> pm.Model:
    """The PyMC model of a design; ready-made priors are on the design's scale."""
    from .collapsed_model import collapsed_model
    from .marginal_model import marginal_model
    from .sampled_model import sampled_model

    prior = choices.inclusion_prior
    if isinstance(priors, Priors):
        priors = ModelPriors.of(priors, Margins.of(design))
    if choices.formulation == "collapsed":
        prior = prior if isinstance(prior, Beta) else prior[0]
        return collapsed_model(design, inclusion_prior=prior, priors=priors)
    options = {"selected": choices.selected, "inclusion_prior": prior, "priors": priors, "family": choices.family}
    if choices.formulation == "marginal":
        return marginal_model(design, **options)
    return sampled_model(design, **options, indicator=choices.indicator)
