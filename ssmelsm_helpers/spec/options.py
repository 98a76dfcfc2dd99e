"""What a fit is asked for beside its formulas: formulation, sampler, inclusion priors, family. Checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np

from ..arguments import check_one_of, check_probability, in_order_of, shown
from .design import Design
from .priors import Beta

FORMULATIONS = ("collapsed", "marginal", "sampled")
MOST_SELECTED = 4


class Choices(NamedTuple):
    """How a design is to be fitted."""

    formulation: str
    sampler: str
    selected: tuple[int, ...]  #: positions among the design's effects
    inclusion_prior: tuple[float, ...] | Beta  #: per selected effect, or the prior of one shared pi
    family: str
    indicator: str


def check_options(formulation, sampler, family: str, indicator: str) -> None:
    """The options that need no data to be found wrong."""
    check_one_of("formulation", formulation, (None, *FORMULATIONS))
    check_one_of("sampler", sampler, ("nuts", "importance"))
    check_one_of("family", family, ("normal", "student"))
    check_one_of("indicator", indicator, ("after", "before"))
    if indicator == "before" and formulation not in (None, "sampled"):
        raise ValueError(f"indicator='before' exists in formulation='sampled' only; found formulation={formulation!r}.")
    if sampler == "importance" and formulation in ("marginal", "sampled"):
        raise ValueError(f"sampler='importance' needs formulation='collapsed'; found formulation={formulation!r}.")


def check_inclusion_prior(value, names: Sequence[str]) -> tuple[float, ...] | Beta:
    """A prior probability per selected effect, from a number, one number per effect, or a Beta."""
    if isinstance(value, Beta):
        return value
    if np.iterable(value) and not isinstance(value, str):
        values = in_order_of(names, "inclusion_prior", value, "selected effect")
        pairs = zip(names, values, strict=True)
        return tuple(check_probability(f"inclusion_prior[{name!r}]", number) for name, number in pairs)
    if not isinstance(value, Real):
        raise ValueError(
            f"inclusion_prior must be a number between 0 and 1, one per selected effect, or sm.Beta(a, b); found {shown(value)}."
        )
    return (check_probability("inclusion_prior", value),) * len(names)


def why_not_collapsed(design: Design, selected: Sequence[int], family: str, indicator: str) -> str | None:
    """The reason why the collapsed formulation does not apply, or None."""
    if family != "normal":
        return f"it needs family='normal'; found {family!r}"
    if indicator != "after":
        return f"it needs indicator='after'; found {indicator!r}"
    if len(design.scale_effects) != 1 or not (design.S == 1).all():
        return f"it needs a random intercept in the scale and no other effect there; found {list(design.scale_effects)}"
    if tuple(selected) != (len(design.effects) - 1,):
        found = [design.effects[at] for at in selected]
        return f"it selects 'scale[Intercept]' and nothing else; found select={found}"
    return None


def choose(design: Design, formulation, sampler, selected, inclusion_prior, family, indicator) -> Choices:
    """All choices made: `formulation=None` becomes the fastest that applies."""
    names = [design.effects[at] for at in selected]
    prior = check_inclusion_prior(inclusion_prior, names)
    obstacle = why_not_collapsed(design, selected, family, indicator)
    if formulation == "collapsed" and obstacle:
        raise ValueError(f"formulation='collapsed' does not apply: {obstacle}.")
    if formulation is None and indicator == "before":
        formulation = "sampled"
    if formulation is None:
        formulation = "marginal" if obstacle else "collapsed"
    if formulation == "marginal" and len(selected) > MOST_SELECTED:
        raise ValueError(
            f"select must name at most {MOST_SELECTED} effects unless formulation='sampled'; found {names}."
        )
    if sampler == "importance" and formulation != "collapsed":
        raise ValueError(f"sampler='importance' needs formulation='collapsed', which does not apply: {obstacle}.")
    return Choices(formulation, sampler, tuple(selected), prior, family, indicator)
