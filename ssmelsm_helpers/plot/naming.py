"""What groups and their members are called, in one argument: `units`."""

from typing import NamedTuple

from ..arguments import require, sequence

_ODD = {"people": "person", "children": "child", "men": "man", "women": "woman"}
_ENDINGS = {"ies": "y", "sses": "ss", "xes": "x", "ches": "ch", "shes": "sh", "s": ""}

Called = str | tuple[str, str]


class Names(NamedTuple):
    """Words for groups and members, several and one."""

    groups: str
    members: str
    group: str
    member: str

    @classmethod
    def of(cls, units: Called) -> "Names":
        """From a plural, or two.

        >>> Names.of(("classes", "children"))
        Names(groups='classes', members='children', group='class', member='child')
        >>> Names.of("schools").members, Names.of("patients").members
        ('students', 'members')
        """
        pair = (units, "students" if units == "schools" else "members") if isinstance(units, str) else units
        words = sequence(pair) or []
        fine = len(words) == 2 and all(isinstance(word, str) and word for word in words)
        require(fine, "units must be a plural, or two: of the groups and of their members", units)
        return cls(*pair, *map(_one, pair))


def _one(plural: str) -> str:
    """One of several."""
    if plural in _ODD:
        return _ODD[plural]
    ending = next((ending for ending in _ENDINGS if plural.endswith(ending)), "")
    return plural.removesuffix(ending) + _ENDINGS.get(ending, "")


def title(words: str, unit: str | None = None) -> str:
    """Words as a title, with the unit of what they stand for.

    >>> title("SD within patients", "mmHg")
    'SD within patients (mmHg)'
    """
    return words[:1].upper() + words[1:] + (f" ({unit})" if unit else "")
