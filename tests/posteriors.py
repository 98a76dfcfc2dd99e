"""Models and posteriors for tests, in the data's units unless asked otherwise."""

from __future__ import annotations

import pandas as pd

from ssmelsm_helpers.model.collapsed import CollapsedPosterior
from ssmelsm_helpers.spec.design import Design
from ssmelsm_helpers.spec.options import Model, Options


def model_of(data: Design | pd.DataFrame, inclusion_prior=0.5, priors=None, **options) -> Model:
    """A model of a design, or the intercept-only model of a school summary."""
    design = data if isinstance(data, Design) else Design.of_schools(data)
    return Options(inclusion_prior=inclusion_prior, priors=priors, **options).for_design(design)


def posterior_of(data, inclusion_prior=0.5, priors=None, *, standard: bool = False) -> CollapsedPosterior:
    """Its collapsed posterior."""
    model = model_of(data, inclusion_prior, priors)
    return CollapsedPosterior(model.standard if standard else model)
