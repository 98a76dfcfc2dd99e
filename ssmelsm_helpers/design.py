"""Formulas to designs, through `formulae`."""

from __future__ import annotations

from typing import NamedTuple


class InterceptDesign(NamedTuple):
    """Columns of the intercept-only model."""

    outcome: str
    school: str


def parse_intercept_only(location: str, scale: str) -> InterceptDesign:
    """Outcome and school of ``"y ~ 1 + (1 | school)"`` and ``"~ 1 + (1 | school)"``.

    Raises
    ------
    TypeError
        A formula is not a string.
    ValueError
        A formula cannot be read, or asks for more than random intercepts.
    """
    for name, formula in (("location", location), ("scale", scale)):
        if not isinstance(formula, str):
            raise TypeError(f"{name} must be a formula (a string); found {type(formula).__name__}.")
    if "~" not in location:
        raise ValueError(
            f"location must be a formula with an outcome, like 'y ~ 1 + (1 | school)'; found {location!r}."
        )
    outcome, location_side = (side.strip() for side in location.split("~", 1))
    response, _, scale_side = scale.rpartition("~")
    if response.strip():
        raise ValueError(f"scale must not have an outcome, like '~ 1 + (1 | school)'; found {scale!r}.")
    schools = {name: _single_group(name, side) for name, side in (("location", location_side), ("scale", scale_side))}
    if schools["location"] != schools["scale"]:
        raise ValueError(
            f"location groups by {schools['location']!r} and scale by {schools['scale']!r}; they must be the same."
        )
    return InterceptDesign(outcome, schools["scale"])


def _single_group(name: str, right_side: str) -> str:
    from formulae import model_description
    from formulae.terms import GroupSpecificTerm, Intercept

    try:
        description = model_description(right_side.strip())
    except Exception as error:  # formulae raises its own and Python's errors
        raise ValueError(f"{name}: the formula {right_side.strip()!r} cannot be read: {error}") from error
    groups = [term for term in description.terms if isinstance(term, GroupSpecificTerm)]
    others = [term for term in description.terms if not isinstance(term, GroupSpecificTerm)]
    plain = others == [Intercept()] and len(groups) == 1 and isinstance(groups[0].expr, Intercept)
    if not plain:
        raise ValueError(
            f"{name} must be '1 + (1 | school)': this version fits random intercepts only; found {right_side.strip()!r}."
        )
    return groups[0].factor.name
