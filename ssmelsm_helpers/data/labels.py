"""Schools' labels: kept as they came, told apart in print, and named where they look alike."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from contextlib import suppress
from unicodedata import normalize

import numpy as np
import pandas as pd

from ..arguments import counted, listed, plain, require, shown, warn
from .frames import BLANKS

_MOST = 5
_NOTHING = dict.fromkeys(map(ord, BLANKS))


def label_index(labels, name: Hashable = None) -> pd.Index:
    """An index that keeps every label as it came, tuples included."""
    return pd.Index(list(labels), tupleize_cols=False, name=name)


def by_label(column: pd.Series, argument: str, name) -> tuple[np.ndarray, pd.Index]:
    """Each row's place among the labels, and the labels: sorted, or as they came where they cannot be compared."""
    try:
        codes, found = pd.factorize(column.array)
    except TypeError:
        expected = "labels that do not change, such as texts or numbers"
        raise ValueError(f"{argument}={name!r} must hold {expected}; found lists or the like.") from None
    labels = pd.Series(found).to_list()
    order = range(len(labels))
    with suppress(TypeError):
        order = sorted(order, key=labels.__getitem__)
    return np.argsort(order)[codes], label_index([labels[at] for at in order], name=name)


def tell_alike(labels: Sequence, counts: Sequence[int]) -> None:
    """Warn of labels that look alike; `counts` are their students."""
    groups = defaultdict(list)
    for label, count in zip(labels, counts, strict=True):
        groups[bare(label)].append((label, count))
    alike = [group for group in groups.values() if len(group) > 1]
    if alike:
        warn(f"school labels that look alike are kept apart: {_in_words(alike)}.", UserWarning)


def bare(label):
    """What is left of a label without blanks, case, type, and the form of its letters.

    >>> bare("Caf\u00e9 1 ") == bare("CAFE\u0301 1"), bare(("a", 1))
    (True, ('a', '1'))
    """
    if isinstance(label, tuple):
        return tuple(map(bare, label))
    return normalize("NFKC", str(label).translate(_NOTHING).casefold())


def _in_words(groups: list[list[tuple]]) -> str:
    """The first groups, and how many more there are."""
    words = []
    for group in groups[:_MOST]:
        names = [shown(label, 60) for label, _ in group]
        if len({normalize("NFC", name) for name in names}) < len(names):  # the same letters, differently put together
            names = [ascii(label) for label, _ in group]
        students = [f"{name} ({counted(int(n), 'student')})" for name, (_, n) in zip(names, group, strict=True)]
        words.append(listed(students))
    rest = len(groups) - _MOST
    return "; ".join(words) + (f"; and {counted(rest, 'more group')}" if rest > 0 else "")


def texts(labels) -> list[str]:
    """Labels in print; those that print alike, with their types.

    >>> texts([1, "1", "b"])
    ['1 (int)', '1 (str)', 'b']
    """
    printed = [str(label) for label in labels]
    count = Counter(printed)
    pairs = zip(printed, labels, strict=True)
    return [text if count[text] == 1 else f"{text} ({type(label).__name__})" for text, label in pairs]


def place_of(school, labels) -> int:
    """Where a school is: by what its label prints, and where several print alike, by its type too."""
    alike = [at for at, label in enumerate(labels) if str(label) == str(school)]
    found = [at for at in alike if len(alike) == 1 or type(plain(labels[at])) is type(plain(school))]
    require(len(found) == 1, "school must be one of the fit's schools", school)
    return found[0]
