"""The model as PyMC models, one module per formulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..arguments import check_one_of
from ..choices import check_inclusion_prior, check_options, choose
from ..data import check_summary
from ..design import build_design, parse_formulas, selected_effects
from ..priors import Beta, Priors, check_priors
from ..summaries import summarise_schools

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
) -> pm.Model:
    """The SS-MELSM as a PyMC model, to read, to extend, or to sample in one's own way.

    Parameters
    ----------
    location, scale, data, formulation, inclusion_prior, priors, family, select, indicator, missing
        As in `fit`.

    Returns
    -------
    pymc.Model
        Free variables gamma, eta (log-SD units), tau, rho (or omega's parts). In the collapsed and the marginal
        formulation the schools' likelihood is the potential ``schools``. In the sampled one ``y`` is observed, or, where
        students alike in all covariates count as one, the potential of their joint density.

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
    check_priors(priors)
    priors = priors or Priors()
    plain = formulation == "collapsed" and family == "normal" and isinstance(select, str) and select == "scale"
    if formulas.intercept_only and plain:
        from .collapsed import collapsed_model

        prior = check_inclusion_prior(inclusion_prior, ["scale[Intercept]"])
        schools = summarise_schools(data, outcome=formulas.outcome, school=formulas.school, missing=missing)
        prior = prior if isinstance(prior, Beta) else prior[0]
        return collapsed_model(check_summary(schools), inclusion_prior=prior, priors=priors)
    design = build_design(formulas, data, missing=missing)
    selected = selected_effects(select, design.effects)
    choices = choose(design, formulation, "nuts", selected, inclusion_prior, family, indicator)
    return model_of(design, choices, priors)


def model_of(design, choices, priors: Priors) -> pm.Model:
    """The PyMC model of a design."""
    from .collapsed import collapsed_model
    from .marginal import marginal_model
    from .sampled import sampled_model

    prior = choices.inclusion_prior
    if choices.formulation == "collapsed":
        prior = prior if isinstance(prior, Beta) else prior[0]
        return collapsed_model(design, inclusion_prior=prior, priors=priors)
    priors = priors.resolve(float(design.y.mean()), float(design.y.std(ddof=1)))
    options = {"selected": choices.selected, "inclusion_prior": prior, "priors": priors, "family": choices.family}
    if choices.formulation == "marginal":
        return marginal_model(design, **options)
    return sampled_model(design, **options, indicator=choices.indicator)
