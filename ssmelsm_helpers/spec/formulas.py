"""Formulas in lme4's notation: what `formulae` reads in them, if this model can have it. Nothing here sees data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..arguments import require, shown
from .spelling import own, spell

_EXAMPLE = {"location": "'score ~ ses + (1 | school)'", "scale": "'~ ses + (1 | school)'"}
_END = "smendz"


@dataclass(frozen=True, eq=False, repr=False)
class Expression:
    """Terms that are evaluated together."""

    terms: tuple  #: formulae's own
    columns: dict[str, str]  #: formulae's name of each column that they need -> its own
    text: str  #: "1 + ses + public", "0 + ses"

    def __repr__(self) -> str:
        return shown(self.text)


@dataclass(frozen=True)
class Submodel:
    """One formula, read but not yet evaluated on data."""

    name: str  #: "location" or "scale"
    fixed: Expression
    groups: tuple[Expression, ...]  #: the effects of each group term; each effect by itself, where the bar is ||


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
        return all([e.text for e in (part.fixed, *part.groups)] == ["1", "1"] for part in (self.location, self.scale))


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
    ('score', 'school', '1 + ses + public + ses:public', ('1 + ses',))
    """
    outcome, schools, location = _submodel("location", location)
    _, others, scale = _submodel("scale", scale)
    school, *others = dict.fromkeys([*schools, *others])
    require(not others, "location and scale must have one and the same grouping factor", [school, *others])
    require(school != outcome, "location must have an outcome that is not its grouping factor, too", school)
    return Formulas(outcome, school, location, scale)


def _submodel(name: str, formula: str) -> tuple[str | None, list[str], Submodel]:
    """The outcome, the group terms' grouping factors, and the rest."""
    require(isinstance(formula, str), f"{name} must be a formula (a string)", type(formula), TypeError)

    def error(problem: str) -> ValueError:
        return ValueError(f"{name} {problem}; found {shown(formula)}.")

    text, columns, effects = spell(formula, error)
    model = _read(text, columns, error)
    if (model.response is None) is (name == "location"):
        raise error(f"must {'not ' if model.response else ''}have an outcome, like {_EXAMPLE[name]}")
    if len(model.group_terms) < max(len(effects), 1):
        raise error(f"needs random effects of the schools, joined to the other terms by '+', like {_EXAMPLE[name]}")
    groups = []
    for left, each in effects:
        terms = _read(left or "0", columns, error).common_terms
        # (1 + x || g) is short for (1 | g) + (0 + x | g).
        groups += [[term] for term in sorted(terms, key=lambda term: term.kind != "intercept")] if each else [terms]
    fixed, *groups = (_expression(terms, columns, error) for terms in (model.common_terms, *groups))
    schools = [columns[term.factor.name] for term in model.group_terms]
    return model.response and columns[model.response.term.name], schools, Submodel(name, fixed, tuple(groups))


def _read(text: str, columns: dict[str, str], error: Callable[[str], ValueError]) -> Any:
    """What formulae reads in a spelled text."""
    from formulae import model_description

    # It stops before what it does not expect, the z of `x z`, without a word: a last term tells if it has come so far.
    try:
        model = model_description(f"{text} + {_END}")
        last = [term.name for term in model.common_terms if _END in term.var_names]
    except Exception as failure:  # formulae raises its own and Python's errors
        raise error(f"cannot be read as a sum of terms like (1 | school): {own(reason(failure), columns)}") from failure
    if last != [_END] or text.rstrip().endswith("+"):
        raise error("cannot be read to its end, as if an operator or a term were missing")
    del model.common_terms[-1]
    if not model.common_terms:
        raise error("needs at least one term, if only the intercept 1, in its fixed part and left of each bar")
    return model


def _expression(terms: list, columns: dict[str, str], error: Callable[[str], ValueError]) -> Expression:
    """Terms that formulae has read, if each is of columns and has a name of its own."""
    slopes = [term for term in terms if term.kind != "intercept"]
    for component in (component for term in slopes for component in term.components):
        if not columns.keys() & component.var_names:
            raise error(f"has the term {component.name!r}, which uses no column")
    names = [own(term.name, columns) for term in slopes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:  # formulae prints I((x + 1) * 2) as I(x + 1 * 2), and keeps one of each name
        raise error(f"has different terms that are both named {twice[0]!r}")
    used = columns.keys() & set().union(*(term.var_names for term in slopes))
    text = " + ".join(["1" if len(slopes) < len(terms) else "0", *names])
    return Expression(tuple(terms), {name: columns[name] for name in sorted(used, key=columns.get)}, text)


def reason(error: Exception) -> str:
    """Somebody else's error, to stand inside a sentence."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(" .:")
