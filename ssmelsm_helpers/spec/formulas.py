"""Formulas in lme4's notation: read, split into fixed and random parts, and checked. Nothing here sees data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..arguments import shown
from .expressions import alone, terms

_EXAMPLE = {"location": "'score ~ ses + (1 | school)'", "scale": "'~ ses + (1 | school)'"}


@dataclass(frozen=True)
class Submodel:
    """One formula, read but not yet evaluated on data."""

    name: str  #: "location" or "scale"
    fixed: str  #: right side without group terms: "student_ses * school_ses"
    groups: tuple[str, ...]  #: expression of each group term, such as "1 + x"


@dataclass(frozen=True)
class Formulas:
    """Both submodels, with what they share."""

    outcome: str
    school: str
    location: Submodel
    scale: Submodel

    @property
    def intercept_only(self) -> bool:
        """Random intercepts and nothing else: then the schools' summaries are sufficient."""
        return all(part.fixed == "1" and part.groups == ("1",) for part in (self.location, self.scale))


def parse_formulas(location: str, scale: str) -> Formulas:
    """Both formulas, read.

    Raises
    ------
    TypeError
        A formula is not a string.
    ValueError
        A formula cannot be read, lacks its outcome or its grouping factor, or has what it must not have.

    Examples
    --------
    >>> formulas = parse_formulas("score ~ ses * public + (1 + ses | school)", "~ ses + (1 | school)")
    >>> formulas.outcome, formulas.school, formulas.location.fixed, formulas.location.groups
    ('score', 'school', 'ses * public', ('1 + ses',))
    """
    for name, formula in (("location", location), ("scale", scale)):
        if not isinstance(formula, str):
            raise TypeError(f"{name} must be a formula (a string); found {type(formula).__name__}.")
    sides = {name: _sides(name, text) for name, text in (("location", location), ("scale", scale))}
    outcome, response = sides["location"][0], sides["scale"][0]
    if not outcome:
        raise ValueError(
            f"location must be a formula with an outcome, like {_EXAMPLE['location']}; found {shown(location)}."
        )
    if response:
        raise ValueError(f"scale must not have an outcome, like {_EXAMPLE['scale']}; found {shown(scale)}.")
    if column_named(outcome) is None:
        raise ValueError(
            "location must name its outcome as a column of data, which can be transformed there; "
            f"found {outcome!r} in {shown(location)}."
        )
    parts, schools = zip(*(_submodel(name, side) for name, (_, side) in sides.items()), strict=True)
    if schools[0] != schools[1]:
        raise ValueError(f"location groups by {schools[0]!r} and scale by {schools[1]!r}; they must be the same.")
    if schools[0] == column_named(outcome):
        raise ValueError(
            f"location has {schools[0]!r} both as its outcome and as its grouping factor; they must differ."
        )
    return Formulas(column_named(outcome), schools[0], *parts)


def column_named(text: str) -> str | None:
    """The column that a text names: by itself, or between backticks."""
    quoted = re.fullmatch(r"`([^`]+)`", text)
    return quoted[1] if quoted else text if re.fullmatch(r"[^\W\d][\w.]*", text) else None


@dataclass(frozen=True)
class _Text:
    """A part of a formula, and the same with all that stands in quotes or backticks blanked out."""

    name: str
    text: str
    mask: str
    whole: str

    def __getitem__(self, span: slice) -> _Text:
        return _Text(self.name, self.text[span], self.mask[span], self.whole)

    def error(self, problem: str) -> ValueError:
        return ValueError(f"{self.name} {problem}; found {shown(self.whole)}.")


def _sides(name: str, formula: str) -> tuple[str, _Text]:
    """What stands left of the tilde, and right of it."""
    text, mask, quote = [], [], None
    for char in formula:
        outside = quote is None
        if outside and char in "`'\"":
            quote = char
        elif char == quote:
            quote = None
        plain = outside and quote is None
        text.append(" " if plain and char.isspace() else char)
        mask.append(text[-1] if plain else "_")
    whole = _Text(name, "".join(text), "".join(mask), formula)
    if quote:
        raise whole.error(f"has a {quote} that is not closed")
    if whole.mask.count("~") > 1:
        raise whole.error("has more than one '~'")
    at = whole.mask.find("~")
    return whole.text[: max(at, 0)].strip(), whole[at + 1 :]


def _submodel(name: str, side: _Text) -> tuple[Submodel, str]:
    """One right side, and its grouping factor."""
    fixed, group_terms = _split(side)
    if not group_terms:
        raise ValueError(
            f"{name} needs random effects of the schools, like {_EXAMPLE[name]}; found {shown(side.whole)}."
        )
    factors = list(dict.fromkeys(_factor(factor) for _expression, _bar, factor in group_terms))
    if len(factors) > 1:
        raise side.error(f"must have one grouping factor, not {factors}")
    fixed_terms = terms(fixed or "1", side.error)
    if not fixed_terms:
        raise side.error("needs at least one fixed term, if only the intercept 1")
    groups = []
    for expression, bar, _factor_text in group_terms:
        found = terms(expression, side.error) if expression else []
        if not found:
            raise side.error(f"has a group term '({expression} {bar} {factors[0]})' without effects")
        if bar == "|":
            groups.append("1" if found == ["1"] else expression)
        else:  # (1 + x || g) is short for (1 | g) + (0 + x | g)
            groups.extend("1" if term == "1" else f"0 + {alone(term, expression, side.error)}" for term in found)
    return Submodel(name, "1" if fixed_terms == ["1"] else fixed, tuple(groups)), factors[0]


def _split(side: _Text) -> tuple[str, list[tuple[str, str, _Text]]]:
    """The fixed part, and the group terms as (expression, bar, factor)."""
    found, between, start, at = [], [], 0, 0
    while at < len(side.mask):
        if side.mask[at] in ")|":
            bar = side.mask[at] == "|"
            raise side.error(
                "has a bar outside parentheses; write (1 | school)" if bar else "has a ')' without its '('"
            )
        if side.mask[at] == "(":
            end = _closing(side, at)
            # Only a parenthesis that is not a function's argument can be a group term.
            term = None if re.search(r"[\w.]\s*$", side.mask[:at]) else _group_term(side[at + 1 : end])
            if term:
                found.append(term)
                between.append(side[start:at])
                start = end + 1
            at = end
        at += 1
    between.append(side[start:])
    return _joined(between), found


def _joined(between: list[_Text]) -> str:
    """What stands between group terms, put together; only plus signs may tie the two."""
    fixed, last = "", len(between) - 1
    for i, piece in enumerate(between):
        mask = piece.mask.strip()
        inner = 0 < i < last and not mask
        if inner or (mask and ((i > 0 and mask[0] not in "+-") or (i < last and mask[-1] != "+"))):
            raise piece.error("must join its group terms to the others by '+'")
        text = piece.text.strip()
        text = text[i > 0 and mask.startswith("+") :]
        text = text[: len(text) - (i < last and mask.endswith("+"))].strip()
        sign = " + " if fixed and text and text[0] != "-" else " " if fixed else ""
        fixed += sign + text
    return fixed.strip()


def _closing(side: _Text, start: int) -> int:
    """Where the parenthesis at `start` closes."""
    depth = 0
    for at in range(start, len(side.mask)):
        depth += {"(": 1, ")": -1}.get(side.mask[at], 0)
        if depth == 0:
            return at
    raise side.error("has a '(' without its ')'")


def _group_term(inside: _Text) -> tuple[str, str, _Text] | None:
    """Expression, bar and factor of a group term; None where there is no bar."""
    bar = re.search(r"\|\|?", inside.mask)
    if bar is None:
        return None
    if inside.mask[: bar.start()].count("(") > inside.mask[: bar.start()].count(")"):
        raise inside.error("has a group term inside other parentheses, where it must stand by itself")
    return inside.text[: bar.start()].strip(), bar[0], inside[bar.end() :]


def _factor(factor: _Text) -> str:
    """The grouping factor's column."""
    text = factor.text.strip()
    column = column_named(text)
    if column is None and re.search("[/:*]", factor.mask):
        raise factor.error(f"must not nest or cross its groups, as {text!r} does")
    if column is None:
        raise factor.error(f"must have one column of data right of the bar, not {text!r}")
    return column
