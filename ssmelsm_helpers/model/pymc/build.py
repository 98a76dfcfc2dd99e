"""The model as PyMC models, one module per formulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...spec.options import Model, Options
from ...spec.priors import Priors

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
        about. In the marginal formulation the potential ``schools`` is the likelihood by school, in the collapsed one their
        sum, which is compiled apart. In the sampled one ``y`` is observed, or,
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
    options = {"family": family, "select": select, "indicator": indicator, "missing": missing, "constant": constant}
    options = Options(formulation, inclusion_prior=inclusion_prior, priors=priors, **options)
    return model_of(options.for_students(location, scale, data))


def model_of(model: Model) -> pm.Model:
    """The PyMC model of a model, on the scale of its design."""
    from .collapsed_model import collapsed_model
    from .marginal_model import marginal_model
    from .sampled_model import sampled_model

    makers = {"collapsed": collapsed_model, "marginal": marginal_model, "sampled": sampled_model}
    return makers[model.formulation](model)
