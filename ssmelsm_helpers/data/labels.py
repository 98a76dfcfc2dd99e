"""Schools' labels: kept as they came, told apart in print, and named where they look alike."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from contextlib import suppress
from decimal import Decimal
from unicodedata import normalize

import numpy as np
import pandas as pd

from ..arguments import counted, listed, plain, require, shown, warn
from .alike import ONE_LETTER, alike
from .frames import numbers

_MOST = 5


def label_index(labels, name: Hashable = None) -> pd.Index:
    """An index that keeps every label as it came, tuples included; Decimals become plain numbers."""
    labels = list(labels)
    # No file of ours holds Decimals. They stay where two of them would become one.
    found = numbers(pd.Series(labels, dtype=object)) if any(isinstance(x, Decimal) for x in labels) else None
    if found is not None and np.isfinite(found).all():
        values = [int(label) if label == int(label) else float(label) for label in labels]
        labels = values if len(set(values)) == len(set(labels)) else labels
    return pd.Index(labels, tupleize_cols=False, name=name)


def refuse_unsaved(labels: pd.Index) -> None:
    """Refuse labels that no file holds, before anything is sampled; tuples, and labels of several kinds, are a choice."""
    kinds = set(map(type, labels))
    numeric = isinstance(labels.dtype, np.dtype) and labels.dtype.kind in "biufmM"
    fine = numeric or kinds <= {str} or kinds <= {bytes} or len(kinds) > 1 or tuple in kinds
    if not fine:
        example = max(labels, key=lambda label: len(str(label)))  # of whole numbers the one that is too large
        who = "the index of schools" if labels.name is None else f"school={labels.name!r}"
        raise ValueError(
            f"{who} must hold labels that a saved fit can hold, such as texts or numbers; found "
            f"{type(example).__name__}, such as {shown(str(example), 60)}; make texts of them by .astype(str)."
        )


def by_label(column: pd.Series, argument: str, name) -> tuple[np.ndarray, pd.Index]:
    """Each row's place among the labels, and the labels: sorted, or as they came where they cannot be compared."""
    try:
        codes, found = pd.factorize(column.array)
    except TypeError:
        expected = "labels that do not change, such as texts or numbers"
        raise ValueError(f"{argument}={name!r} must hold {expected}; found lists or the like.") from None
    _tell_equal(column)
    labels = pd.Series(found).to_list()
    order = range(len(labels))
    with suppress(TypeError):
        order = sorted(order, key=labels.__getitem__)
    return np.argsort(order)[codes], label_index([labels[at] for at in order], name=name)


def tell_alike(labels: Sequence, counts: Sequence[int]) -> None:
    """Warn of labels that look alike; `counts` are their students."""
    labels = [*map(plain, labels)]
    count = {(type(label), label): n for label, n in zip(labels, counts, strict=True)}
    whole, told = [], set()
    for step, group in reversed(alike(labels)):  # a group that grew on the way is told once, when it is whole
        first = type(group[0]), group[0]
        if step == ONE_LETTER or first not in told:
            whole.append(group)
            told |= {(type(x), x) for x in group} if step != ONE_LETTER else set()
    _tell("look alike are kept apart", [[(x, count[type(x), x]) for x in group] for group in reversed(whole)])


def report_unused(name, column: pd.Series) -> None:
    """Say which levels of a category no student has."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = column.cat.categories[~column.cat.categories.isin(column.unique())].to_list()
        if levels:
            print(f"data: left out {counted(len(levels), 'level')} of {name!r} without students: {shown(levels)}.")


def _tell_equal(column: pd.Series) -> None:
    """Warn of students' labels that Python, and so pandas, takes for one: 1, 1.0 and True."""
    one_kind = ("string", "integer", "floating", "boolean", "bytes", "date", "datetime")
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) not in one_kind:
        counts = Counter((type(label), str(label), label) for label in map(plain, column))
        groups = defaultdict(list)
        for (*_, label), count in counts.items():
            groups[label].append((label, count))
        _tell("are equal are taken as one", [group for group in groups.values() if len(group) > 1])


def _tell(what: str, groups: list[list[tuple]]) -> None:
    """Warn of groups of labels, each with its count: of the first few, and of how many more there are."""
    words = []
    for group in groups[:_MOST]:
        names = [shown(label, 60) for label, _ in group]
        if len({normalize("NFC", name) for name in names}) < len(names):  # the same letters, differently put together
            names = [ascii(label) for label, _ in group]
        students = [f"{name} ({counted(int(n), 'student')})" for name, (_, n) in zip(names, group, strict=True)]
        words.append(listed(students))
    if len(groups) > _MOST:
        words.append(f"and {counted(len(groups) - _MOST, 'more group')}")
    if words:
        warn(f"school labels that {what}: {'; '.join(words)}.", UserWarning)


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
