"""Schools' labels: kept as they came, told apart in print, and named where they look alike."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from unicodedata import normalize

import numpy as np
import pandas as pd

from ..arguments import counted, listed, plain, shown, warn
from .frames import BLANKS, numbers

_MOST = 5
_NOTHING = dict.fromkeys(map(ord, BLANKS))


def label_index(labels, name: Hashable = None) -> pd.Index:
    """An index that keeps every label as it came, tuples included; Decimals become plain numbers."""
    if _is_plain(getattr(labels, "dtype", None)):
        return pd.Index(labels, name=name)
    labels = list(labels)
    # No file of ours holds Decimals. They stay where two of them would become one.
    found = numbers(pd.Series(labels, dtype=object)) if any(isinstance(x, Decimal) for x in labels) else None
    if found is not None and np.isfinite(found).all():
        values = [int(label) if label == int(label) else float(label) for label in labels]
        labels = values if len(set(values)) == len(set(labels)) else labels
    return pd.Index(labels, tupleize_cols=False, name=name)


def _is_plain(dtype) -> bool:
    """Whether these are NumPy's numbers, truth values or times, which are all of one kind."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biufmM"


def by_label(column: pd.Series, argument: str, name) -> tuple[np.ndarray, pd.Index]:
    """Each row's place among the labels, and the labels: sorted, or as they came where they cannot be compared."""
    try:
        codes, found = pd.factorize(column.array)
    except TypeError:
        raise ValueError(
            f"{argument}={name!r} must hold labels that do not change, such as texts or numbers; found lists or the like."
        ) from None
    labels = pd.Series(found).to_list()
    order = range(len(labels))
    with suppress(TypeError):
        order = sorted(order, key=labels.__getitem__)
    return np.argsort(order)[codes], label_index([labels[at] for at in order], name=name)


def report_unused(name, column: pd.Series) -> None:
    """Say which levels of a category no student has."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = column.cat.categories[~column.cat.categories.isin(column.unique())].to_list()
        if levels:
            print(f"data: left out {counted(len(levels), 'level')} of {name!r} without students: {shown(levels)}.")


def tell_alike(labels: Sequence, counts: Sequence[int], column: pd.Series | None = None) -> None:
    """Warn, once, of labels that look alike and of equal ones that do not; `column` holds the students' labels."""
    found = {
        "that look alike are kept apart": alike(zip(labels, counts, strict=True), bare),
        "that are equal are taken as one": [] if column is None else _equal(column),
    }
    said = [f"school labels {what}: {_in_words(groups)}" for what, groups in found.items() if groups]
    if said:
        warn("; ".join(said) + ".", UserWarning)


def alike(counted_labels: Iterable[tuple], key: Callable) -> list[list[tuple]]:
    """Groups of two or more labels, each with its count, that have the same key."""
    groups = defaultdict(list)
    for label, count in counted_labels:
        groups[key(label)].append((label, count))
    return [group for group in groups.values() if len(group) > 1]


def bare(label):
    """What is left of a label without blanks, case, type, and the form of its letters.

    >>> bare("Caf\u00e9 1 ") == bare("CAFE\u0301 1"), bare(("a", 1))
    (True, ('a', '1'))
    """
    if isinstance(label, tuple):
        return tuple(map(bare, label))
    return normalize("NFKC", str(label).translate(_NOTHING).casefold())


def _equal(column: pd.Series) -> list[list[tuple]]:
    """Labels that Python, and so pandas, takes for one: 1, 1.0 and True."""
    one_kind = ("string", "integer", "floating", "boolean", "bytes", "date", "datetime")
    if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) in one_kind:
        return []
    labels = list(map(plain, column))
    spelled = [(type(label), str(label)) for label in labels]
    label_of = dict(zip(spelled, labels, strict=True))
    return alike(((label_of[shape], count) for shape, count in Counter(spelled).items()), lambda label: label)


def _in_words(groups: list[list[tuple]]) -> str:
    """The first groups, and how many more there are."""
    words = []
    for group in groups[:_MOST]:
        names = [shown(label, 60) for label, _ in group]
        if len({normalize("NFC", name) for name in names}) < len(names):  # the same letters, differently put together
            names = [ascii(label) for label, _ in group]
        students = [f"{name} ({counted(int(n), 'student')})" for name, (_, n) in zip(names, group, strict=True)]
        rest = [f"{len(students) - _MOST} more"] if len(students) > _MOST else []
        words.append(listed(students[:_MOST] + rest))
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
    """Where a school is: by its label, or by what the label prints."""
    labels, wanted = list(labels), plain(school)
    equal = [at for at, label in enumerate(map(plain, labels)) if type(label) is type(wanted) and label == wanted]
    found = equal or [at for at, label in enumerate(labels) if str(label) == str(school)]
    if len(found) != 1:
        several = f", which prints like {[texts(labels)[at] for at in found]}" if found else ""
        raise ValueError(f"school must be one of the fit's schools; found {shown(school)}{several}.")
    return found[0]


def refuse_unsaved(labels: pd.Index) -> None:
    """Refuse labels that no file holds, before anything is sampled; tuples, and labels of several kinds, are a choice."""
    kinds = set(map(type, labels))
    if pd.api.types.is_object_dtype(labels.dtype):
        fine = kinds <= {str} or kinds <= {bytes} or len(kinds) > 1 or tuple in kinds
    else:
        fine = isinstance(labels.dtype, pd.StringDtype) or _is_plain(labels.dtype)
    if not fine:
        example = max(labels, key=lambda label: len(str(label)))  # of whole numbers the one that is too large
        who = "the index of schools" if labels.name is None else f"school={labels.name!r}"
        raise ValueError(
            f"{who} must hold labels that a saved fit can hold, such as texts or numbers; found "
            f"{type(example).__name__}, such as {shown(str(example), 60)}; make texts of them by .astype(str)."
        )
