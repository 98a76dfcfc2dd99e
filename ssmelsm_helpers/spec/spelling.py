"""A formula as `formulae` is to be given it: its columns under names of our own, and its bars with a 1 left of them.

To formulae, True is the number 1 and Sum a contrast, wherever they stand, and some names it cannot read; none of ours
means anything to it. Its bar takes (x + z - 1 | school) for (x + z | school), knows no ||, and does not keep which
effects stood together; so it reads what is left of each bar by itself, as the formula of common effects that it is.
"""

import re
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

# A name in backticks, a text (which formulae ends at either quote), a name, a number, an operator.
_TOKEN = re.compile(r"`[^`]*`|['\"][^'\"]*['\"]|[^\W\d][\w.]*|\d+(?:\.\d+)?|\.\d+|[=!<>]=|\*\*|//|\|\||\S")
_NAME = re.compile(r"`[^`]*`|[^\W\d][\w.]*")
_OURS = re.compile(r"smcol\d+z")
_LITERALS = ("True", "False", "None")


def _of_columns(function: np.ufunc) -> Callable:
    """The function without its options; a further argument would be written to."""
    return lambda *columns: function(*columns, out=None)


# Of NumPy, what gives each student a value of their own: np.sort, for instance, would give it to another one.
_NUMPY = {name: _of_columns(f) for name, f in vars(np).items() if isinstance(f, np.ufunc) and not f.signature}
_NUMPY |= {"clip": np.clip, "cumsum": np.cumsum, "where": np.where}
# What formulae looks functions up in, after its own.
FUNCTIONS = {name: _NUMPY[name] for name in ("abs", "exp", "log", "log10", "log1p", "log2", "sqrt")}
FUNCTIONS["np"] = SimpleNamespace(**_NUMPY)
_KNOWN = "np.log and the like, np.where, scale, center, poly, bs, C, I"
_NOT_HERE = {"offset", "proportion", "prop", "p"}


def own(text: str, columns: dict[str, str]) -> str:
    """What formulae says, with the columns' own names."""
    return _OURS.sub(lambda found: columns.get(found[0], found[0]), text)


def spell(formula: str, error: Callable[[str], ValueError]) -> tuple[str, dict[str, str], list[tuple[str, bool]]]:
    """Tell columns from functions, their arguments' names, values and contrasts.

    Parameters
    ----------
    formula
        As the user has written it.
    error
        Makes an error of what is wrong.

    Returns
    -------
    tuple
        The formula as formulae is to read it; the column that each of our names in it stands for, right of a bar a new
        one each time; and what is left of each bar, with whether the bar is ||.

    Examples
    --------
    >>> text, columns, effects = spell("y ~ log(log) + C(Sum, Sum) + (0 + x || `my school`)", ValueError)
    >>> " ".join(text.split()), effects
    ('smcol0z ~ log ( smcol1z ) + C ( smcol2z , Sum ) + ( 1 | smcol4z )', [('0 + smcol3z', True)])
    >>> list(columns.values())
    ['y', 'log', 'Sum', 'x', 'my school']
    """
    from formulae import categorical, transforms

    known = {*transforms.TRANSFORMS, *categorical.ENCODINGS, *FUNCTIONS, *(f"np.{name}" for name in _NUMPY)} - _NOT_HERE
    words = {*_LITERALS, *categorical.ENCODINGS}  # which are values where an argument can stand
    tokens = ["", *_TOKEN.findall(formula.strip().removeprefix("~")), "", ""]
    ours: dict[tuple[str, int], str] = {}
    effects: list[tuple[str, bool]] = []
    opened: list[tuple[str, int]] = []  # open parentheses: the function before each, and where it is
    joining: set[int] = set()  # where those are that hold several terms
    for at in range(1, len(tokens) - 2):
        before, token, after = tokens[at - 1 : at + 2]
        functions = [function for function, _start in opened]
        is_value = token in words and (before == "=" or (before == "," and functions[-1:] == ["C"]))
        if token in ("`", "["):
            raise error(f"has a {token} that means nothing there")
        if token in ("(", "{"):
            opened.append(("I" if token == "{" else before if _NAME.fullmatch(before) else "", at))
        elif token in (")", "}") and opened:
            closed = opened.pop()[1]
        elif token in ("+", "*", "/") and not any(functions):
            joining.update(start for _function, start in opened)
        elif token == "**" and not any(functions) and not (before == ")" and closed in joining):
            raise error("has a power of a variable outside of a function, where I(x**2) is meant")
        elif token == "~" and not (at == 2 and _OURS.fullmatch(before)):
            raise error("must have, left of its only '~', the outcome's column, which can be transformed in the data")
        elif token in ("|", "||"):
            if functions != [""] or not _NAME.fullmatch(after) or tokens[at + 2] != ")":
                raise error("must have each bar in its own ( ), with one column right of it, not nested or crossed")
            left = slice(opened[0][1] + 1, at)
            effects.append((" ".join(tokens[left]), token == "||"))
            tokens[left] = [""] * len(tokens[left])
            tokens[at] = "1 |"
        elif not _NAME.fullmatch(token) or is_value or after == "=":
            continue  # an operator, a number, a text; an argument's value or name
        elif after == "(":
            if token not in known:
                raise error(f"uses {token}(), which need not give every student their own value; known are {_KNOWN}")
        elif token in _LITERALS and after != "~" and before != "1 |":
            raise error(f"has the word {token}, a value to Python; write `{token}` for the column of that name")
        else:
            tokens[at] = ours.setdefault((token.strip("`"), at if before == "1 |" else 0), f"smcol{len(ours)}z")
    return " ".join(tokens), {name: column for (column, _right_of), name in ours.items()}, effects
