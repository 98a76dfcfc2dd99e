"""Expressions of a formula, the right sides of lme4's notation without bars, as `formulae` reads them."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .spelling import spell

# What an expression's functions are looked up in, beside formulae's own (scale, center, poly, bs, C, I, ...). Of NumPy,
# those that give each student a value of their own: np.sort, for instance, would give it to another one.
_OF_NUMPY = ("clip", "cumsum", "where")
FUNCTIONS = {"np": np} | {name: getattr(np, name) for name in ("abs", "exp", "log", "log10", "log1p", "log2", "sqrt")}


def terms(expression: str, error: Callable[[str], ValueError]) -> list:
    """The terms of an expression, the intercept as "1" and first; `error` makes an error of what is wrong with it."""
    from formulae.terms import GroupSpecificTerm, Intercept

    spelling = spell(expression, error)
    with quietly(spelling.text) as heard:
        try:
            described = _model_description(spelling.text).terms
        except Exception as failure:  # formulae raises its own and Python's errors
            problem = spelling.own(reason(failure)).replace("parse ''", "parse its end")
            raise error(f"cannot be read: {problem}") from failure
    if heard:
        raise error("has a power of a variable outside of a function, where I(x**2) is meant")
    if any(isinstance(term, GroupSpecificTerm) for term in described):
        raise error("has a bar where none is expected")
    found = [term for term in described if not isinstance(term, Intercept)]
    for component in (component for term in found for component in term.components):
        _check_component(component, spelling, error)
    names = [spelling.own(term.name) for term in described]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:  # formulae prints I((x + 1) * 2) as I(x + 1 * 2), and keeps one of each name
        raise error(f"has different terms that are both named {twice[0]!r}")
    return (["1"] if len(found) < len(described) else []) + found


def _check_component(component, spelling, error) -> None:
    """A column, or a known function of columns."""
    if not isinstance(component.name, str):
        raise error(f"has the number {component.name!r} as a term")
    if getattr(component, "reference", None) is not None:
        raise error(f"has a level in brackets after {spelling.own(component.name)!r}, which only a response can have")
    for call in _calls(getattr(component, "call", None)):
        name = call.callee
        if name in ("offset", "proportion", "prop", "p"):
            raise error(f"uses {name}(), which this model does not have")
        found = _function(name)
        if not callable(found):
            raise error(f"uses the unknown function {name!r}; known are np.log and the like, scale, poly, bs, C, I")
        if name.startswith("np.") and not _by_student(name.removeprefix("np."), found):
            raise error(
                f"uses {name}(), which need not give every student a value of their own, as np.log or np.where do"
            )
        # Further arguments of a NumPy function would be written to.
        if isinstance(found, np.ufunc) and (len(call.args) != found.nin or call.kwargs):
            raise error(f"must give {name}() {found.nin} and no other arguments")
    if not any(our in component.name for our in spelling.columns):
        raise error(f"has the term {component.name!r}, which uses no column")


def _calls(node) -> Iterator:
    """All calls in a call, itself included."""
    if hasattr(node, "callee"):
        yield node
    for inside in (*getattr(node, "args", ()), *getattr(node, "kwargs", {}).values()):
        yield from _calls(inside)


def _function(name: str) -> Any:
    """What a name stands for; None where it is unknown."""
    from formulae.categorical import ENCODINGS
    from formulae.transforms import TRANSFORMS

    first, *others = name.split(".")
    found = (TRANSFORMS | ENCODINGS | FUNCTIONS).get(first)
    for other in others:
        found = getattr(found, other, None)
    return found


def _by_student(name: str, function) -> bool:
    """Whether a function of NumPy works element by element."""
    return name in _OF_NUMPY or (isinstance(function, np.ufunc) and function.signature is None)


def alone(term, expression: str, error) -> str:
    """A term of an expression as text that is read as that term, for the parts of (x || g)."""
    spelling = spell(expression)
    parts = [component.name for component in term.components]
    text = ":".join(parts)
    with quietly(text), contextlib.suppress(Exception):
        if _model_description(f"0 + {text}").terms == [term]:
            return ":".join(map(spelling.written, parts))
    raise error("has a function left of '||' that has to be written out, as (1 | g) + (0 + f(x) | g)")


def _model_description(expression: str):
    """What formulae reads, which would be the `x` of `x z` without a word."""
    from formulae.model_description import Parser, Scanner, model_description

    parser = Parser(Scanner(expression).scan())
    parser.parse()
    if not parser.at_end():
        raise ValueError(f"{parser.peek().lexeme!r} follows {parser.previous().lexeme!r} without an operator")
    return model_description(expression)


def variables(expression: str) -> list[str]:
    """Columns that an expression needs."""
    return sorted(spell(expression).columns.values())


def reason(error: Exception) -> str:
    """Somebody else's error, to stand inside a sentence."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200].rstrip(" .:")


# Streams, filters and limits belong to the process: of two threads, the second would keep what the first had set.
_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def quietly(expression: str):
    """Formulae without its prints, logs, warnings, and the limit it puts on the number of terms; yields what it logged."""
    heard: list[str] = []

    def listen(record: logging.LogRecord) -> bool:
        heard.append(record.getMessage())
        return False

    with _ONE_AT_A_TIME:
        logger, limit = logging.getLogger("formulae"), sys.getrecursionlimit()
        logger.addFilter(listen)
        sys.setrecursionlimit(limit + 10 * len(expression))  # it recurses once per term
        try:
            with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield heard
        finally:
            sys.setrecursionlimit(limit)
            logger.removeFilter(listen)
