"""Which words of an expression name columns. `formulae` sees those under names of our own, and results get theirs back.

To formulae, True is the number 1 and Sum a contrast, wherever they stand, and some names it cannot read. None of ours
means anything to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_LITERALS = ("True", "False", "None")
_CONTRASTS = ("Treatment", "Sum")
# A name in backticks, a text (which formulae ends at either quote), a name, a number, blanks, an operator.
_TOKEN = re.compile(r"`[^`]*`|['\"][^'\"]*['\"]|[^\W\d][\w.]*|\d+(?:\.\d+)?|\.\d+|\s+|[=!<>]=|\*\*|//|.", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w.]*")
_OURS = re.compile(r"smcol\d+z")


@dataclass(frozen=True)
class Spelling:
    """An expression as formulae reads it."""

    text: str
    columns: dict[str, str]  #: our name of each column -> its own

    def own(self, text: str) -> str:
        """What formulae says, with the columns' own names."""
        return _OURS.sub(lambda found: self.columns.get(found[0], found[0]), text)

    def written(self, component: str) -> str:
        """A component of formulae's terms, as a formula may hold it."""
        alone = component in self.columns
        return _OURS.sub(lambda found: self._quoted(self.columns[found[0]], alone), component)

    def _quoted(self, name: str, always: bool) -> str:
        plain = _NAME.fullmatch(name) and name not in (*_LITERALS, *_CONTRASTS)
        return name if plain and not always else f"`{name}`"


def spell(expression: str, error: Callable[[str], ValueError] = ValueError) -> Spelling:
    """Tell columns from functions, their arguments' names, values and contrasts; `error` makes an error of what is wrong.

    >>> spell("log(log) + C(Sum, Sum) + `True` + poly(x, 2, raw=True)").columns.values()
    dict_values(['log', 'Sum', 'True', 'x'])
    """
    tokens = _TOKEN.findall(expression)
    ours: dict[str, str] = {}
    for at in _columns(tokens, error):
        name = tokens[at].strip("`")
        tokens[at] = ours.setdefault(name, f"smcol{len(ours)}z")
    return Spelling("".join(tokens), {our: name for name, our in ours.items()})


def _columns(tokens: list[str], error) -> Iterator[int]:
    """Places of the tokens that name columns."""
    solid = [at for at, token in enumerate(tokens) if not token.isspace()]
    calls: list[str] = []  # what stands before each open parenthesis
    before = ["", ""]
    for at, following in zip(solid, [*solid[1:], None], strict=True):
        token, after = tokens[at], "" if following is None else tokens[following]
        if token in ("(", "{"):
            calls.append(before[-1])
        elif token in (")", "}"):
            del calls[-1:]
        elif token[0] == "`":
            if after == "(":
                raise error(f"has a '(' after {token}, which names a column and no function")
            yield at
        elif _NAME.fullmatch(token) and after != "(" and _is_column(token, before, after, calls, error):
            yield at
        before = [before[-1], token]


def _is_column(name: str, before: list[str], after: str, calls: list[str], error) -> bool:
    """Whether a name outside of backticks is a column, and not an argument's name, a value or a contrast."""
    argument_of = before[0] if calls and before[1] == "=" else ""
    if name in _LITERALS and not argument_of:
        raise error(
            f"has the word {name}, which Python reads as a value; write it in backticks, as `{name}`, "
            "for the column of that name, or rename the column"
        )
    is_contrast = name in _CONTRASTS and calls[-1:] == ["C"] and (before[1] == "," or argument_of == "contrast")
    return not (name in _LITERALS or is_contrast or (calls and after == "="))
