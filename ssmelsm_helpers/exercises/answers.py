"""What readers write, read as a number, a word or a formula. What cannot be read is an exception, whichever it is."""

import operator
import re
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real

import numpy as np
from formulae import model_description


def single(answer):
    """The one element of an array, a Series, a list and the like; a number or a text as it is.

    Examples
    --------
    >>> single(np.array([0.5])), single(" 29 %")
    (0.5, ' 29 %')
    """
    if np.ma.is_masked(answer):
        return None
    if not isinstance(answer, str) and operator.length_hint(answer, 1) != 1:
        raise TypeError("more than one, or none")
    array = np.asarray(answer)
    if array.dtype.kind not in "iufUO":  # no times, no True and False, no complex numbers
        raise TypeError("neither a number nor a text")
    return array.item()


def number(value) -> float:
    """A number, also one that is written as a text, in per cent or with a decimal comma.

    Examples
    --------
    >>> number("0,29"), number("29 %"), number(Decimal("0.29"))
    (0.29, 0.29, 0.29)
    >>> number("1,234")
    Traceback (most recent call last):
    ValueError: could not convert string to float: '1,234'
    """
    if isinstance(value, str):
        text = value.replace("−", "-").strip()
        if not re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", text):  # could be thousands
            text = text.replace(",", ".")
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise TypeError("no number")
    return float(value)


def word(value: str, options: list[str]) -> str:
    """One of some words, whatever its case, in quotes or in brackets.

    Examples
    --------
    >>> word("(C)", ["a", "b", "c"])
    'c'
    """
    return {option.casefold(): option for option in options}[value.strip(" '\".:()").casefold()]


def formula(text: str) -> frozenset[str]:
    """The terms of a formula, which have no order, and what stands before its tilde.

    Examples
    --------
    >>> formula("~ b + (1|g) + a") == formula("~ 1 + a + b + (1 | g)")
    True
    >>> sorted(formula("y ~ a"))
    ['Intercept', 'a', 'y ~']
    """
    outcome, _, terms = text.partition("~")
    names = {term.name for term in model_description(terms.replace("||", "|")).terms}
    return frozenset(names | ({f"{outcome.strip()} ~"} if outcome.strip() else set()))


def labels(answer) -> tuple[str, ...]:
    """Some labels, in a list, an index, a text with commas, or a dict of such; their order and their case do not matter.

    Examples
    --------
    >>> labels("Milan, Ahorn ") == labels(np.array(["ahorn", "milan"])), labels(...)
    (True, ())
    >>> labels({1: ["Ahorn"], 3: "Milan, Linden"})
    ('1 ahorn', '3 linden', '3 milan')
    """
    if operator.length_hint(answer, 1) > 1000:
        raise ValueError("more than anybody writes")
    if isinstance(answer, Mapping):
        return tuple(sorted(f"{key} {label}" for key, part in answer.items() for label in labels(part)))
    found = answer.split(",") if isinstance(answer, str) else np.asarray(answer, dtype=object).ravel()
    texts = [str(label).strip(" .\n").casefold() for label in found if label not in (None, ...)]
    return tuple(sorted({text for text in texts if text}))
