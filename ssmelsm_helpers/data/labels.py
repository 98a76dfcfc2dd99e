"""Schools' labels: kept as they came, told apart in print, and named where they look alike."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from decimal import Decimal
from numbers import Real
from unicodedata import normalize

import numpy as np
import pandas as pd

from ..arguments import PACKAGE, counted, shown
from .frames import BLANKS, is_blank

_MOST = 5
_NOTHING = dict.fromkeys(map(ord, BLANKS))


def label_index(labels, name: Hashable = None) -> pd.Index:
    """An index that keeps every label as it came, tuples included; Decimals become plain numbers."""
    labels = _without_decimals(list(labels))
    if any(isinstance(label, tuple) for label in labels):
        return pd.Index(labels, dtype=object, tupleize_cols=False, name=name)
    return pd.Index(labels, name=name)


def _without_decimals(labels: list) -> list:
    """Decimals, which no file of ours holds, as the numbers they are, unless two of them became one."""
    if not any(isinstance(label, Decimal) for label in labels) or not all(map(_is_number, labels)):
        return labels
    values = [int(label) if label == int(label) else float(label) for label in labels]
    return values if len(set(values)) == len(set(labels)) else labels


def _is_number(label) -> bool:
    return isinstance(label, Real | Decimal) and not isinstance(label, bool) and np.isfinite(float(label))


def coded(column: pd.Series, argument: str, name) -> tuple[np.ndarray, list]:
    """Each row's place among the labels, and the labels in the order in which they came."""
    try:
        values = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
        codes, found = pd.factorize(values.array)
    except TypeError:
        raise changing_labels(argument, name) from None
    return codes, pd.Series(found).to_list()


def sorted_places(labels: list) -> list[int]:
    """The labels' places in their order; labels that cannot be compared keep the one in which they came."""
    try:
        return sorted(range(len(labels)), key=lambda at: labels[at])
    except TypeError:
        return list(range(len(labels)))


def changing_labels(argument: str, column) -> ValueError:
    """For labels that cannot be looked up."""
    return ValueError(
        f"{argument}={column!r} must hold labels that do not change, such as texts or numbers; found lists or the like."
    )


def report_unused(name, categories, found) -> None:
    """Say which levels of a category no student has."""
    levels = [level for level in pd.Index(categories).difference(pd.Index(found), sort=False) if not is_blank(level)]
    if levels:
        print(f"data: left out {counted(len(levels), 'level')} of {name!r} without students: {shown(levels)}.")


def tell_alike(labels: Sequence, counts: Sequence[int], column: pd.Series | None = None) -> None:
    """Warn, once, of labels that look alike and of equal ones that do not; `column` holds the students' labels.

    Labels look alike that differ in nothing but blanks, case, the form of their letters, or their types.
    """
    said = []
    dtype = getattr(labels, "dtype", None)
    if not (isinstance(dtype, np.dtype) and dtype.kind in "biufmM"):  # of one kind, and no texts: all print differently
        labels, places = list(labels), defaultdict(list)
        for at, key in enumerate(map(_key, labels)):
            places[key].append(at)
        groups = [[(labels[at], counts[at]) for at in group] for group in places.values() if len(group) > 1]
        said += [f"school labels that look alike are kept apart: {_listed(groups)}"] if groups else []
    groups = [] if column is None else _equal(column)
    said += [f"school labels that are equal are taken as one: {_listed(groups)}"] if groups else []
    if said:
        warnings.warn("; ".join(said) + ".", UserWarning, skip_file_prefixes=(PACKAGE,))


def _key(label):
    """What is left of a label where nothing counts but its letters."""
    if isinstance(label, tuple):
        return tuple(map(_key, label))
    text = str(label)
    if text.isascii():  # nearly all are, and this is quick
        return "".join(text.replace("\0", "").split()).lower()
    return normalize("NFKC", text.translate(_NOTHING).casefold())


def _equal(column: pd.Series) -> list[list[tuple]]:
    """Labels that Python, and so pandas, takes for one: 1, 1.0 and True."""
    one_kind = ("string", "integer", "floating", "boolean", "bytes", "date", "datetime")
    if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) in one_kind:
        return []
    kinds: dict = defaultdict(Counter)
    shapes: dict = {}
    for label in column:
        plain = _plain(label)
        shape = type(plain), str(plain)
        kinds[label][shape] += 1
        shapes.setdefault(shape, plain)
    return [[(shapes[shape], count) for shape, count in found.items()] for found in kinds.values() if len(found) > 1]


def _plain(label):
    """A NumPy scalar as Python's: the types of one kind of number are no difference."""
    return label.item() if isinstance(label, np.generic) else label


def _listed(groups: list[list[tuple]]) -> str:
    """The first groups in words, and how many more there are."""
    words = []
    for group in groups[:_MOST]:
        names = [shown(label, 60) for label, _ in group]
        if len({normalize("NFC", name) for name in names}) < len(names):  # the same letters, differently put together
            names = [ascii(label) for label, _ in group]
        students = [f"{name} ({counted(int(n), 'student')})" for name, (_, n) in zip(names, group, strict=True)]
        rest = len(students) - _MOST
        words.append(", ".join(students[:_MOST]) + f" and {rest} more" if rest > 0 else _and(students))
    rest = len(groups) - _MOST
    return "; ".join(words) + (f"; and {counted(rest, 'more group')}" if rest > 0 else "")


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]])


def texts(labels) -> list[str]:
    """Labels in print; those that print alike, with their types.

    >>> texts([1, "1", "b"])
    ['1 (int)', '1 (str)', 'b']
    """
    plain = [str(label) for label in labels]
    count = Counter(plain)
    pairs = zip(plain, labels, strict=True)
    return [text if count[text] == 1 else f"{text} ({type(label).__name__})" for text, label in pairs]


def place_of(school, labels) -> int:
    """Where a school is: by its label, or by what the label prints."""
    labels, plain = list(labels), _plain(school)
    equal = [at for at, label in enumerate(map(_plain, labels)) if type(label) is type(plain) and label == plain]
    found = equal or [at for at, label in enumerate(labels) if str(label) == str(school)]
    if len(found) != 1:
        several = f", which prints like {[texts(labels)[at] for at in found]}" if found else ""
        raise ValueError(f"school must be one of the fit's schools; found {shown(school)}{several}.")
    return found[0]


def refuse_unsaved(labels: pd.Index) -> None:
    """Refuse labels that no file holds, before anything is sampled; tuples, and labels of several kinds, are a choice."""
    dtype, kinds = labels.dtype, set(map(type, labels))
    if pd.api.types.is_object_dtype(dtype):
        fine = kinds <= {str} or kinds <= {bytes} or len(kinds) > 1 or tuple in kinds
    else:
        fine = isinstance(dtype, pd.StringDtype) or (isinstance(dtype, np.dtype) and dtype.kind in "biufmM")
    if not fine:
        example = max(labels, key=lambda label: len(str(label)))  # of whole numbers the one that is too large
        who = "the index of schools" if labels.name is None else f"school={labels.name!r}"
        fix = "schools.index" if labels.name is None else f"data[{labels.name!r}]"
        raise ValueError(
            f"{who} must hold labels that a saved fit can hold, such as texts or numbers; found "
            f"{type(example).__name__}, such as {shown(str(example), 60)}; make texts of them by {fix}.astype(str)."
        )
