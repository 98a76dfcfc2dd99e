"""Labels that look alike: which schools are perhaps one school, and what their labels differ in."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain, combinations
from unicodedata import combining, normalize

from .frames import BLANKS

ONE_LETTER = "one letter"
# A word of fewer letters is a name of its own even if one letter differs: East and West, Hill and Hall.
_LONG = 5
# Labels of more schools are not compared letter by letter: nobody wrote them by hand.
_MANY = 20_000


def _without(characters: str) -> Callable[[str], str]:
    """Texts without some characters; between digits, where they tell numbers apart, they become one blank."""
    some = f"[{characters}]+"
    between, elsewhere = re.compile(rf"(?<=\d){some}(?=\d)"), re.compile(rf"(?<!\d){some}|{some}(?!\d)")
    return lambda text: text if text.isalnum() else elsewhere.sub("", between.sub(" ", text)) or text


def _printed(label) -> str:
    """1, 1.0 and "1" alike."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _unaccented(text: str) -> str:
    """Letters without accents."""
    if text.isascii():
        return text
    return "".join(letter for letter in normalize("NFKD", text) if not combining(letter)).replace("ß", "ss")


def _transcribed(text: str) -> str:
    """ü, u and ue alike."""
    return re.sub("([aou])e", r"\1", _unaccented(text))


# What labels may differ in and yet look alike: each step forgets something more of them.
_LADDER: dict[str, Callable[[str], str]] = {
    "type": _printed,
    "blanks": _without(BLANKS),
    "case": str.lower,
    "form of letters": lambda text: normalize("NFKC", text),
    "accents": _transcribed,
    "punctuation": _without(r"\W_"),
    "abbreviations": lambda text: re.sub("^(saint|sankt)", "st", text),
    "leading zeros": lambda text: re.sub(r"(?<![\d ])0+(?=\d)", "", text),
}


def alike(labels: Sequence) -> list[tuple[str, list]]:
    """Groups of labels that look alike, each with what its parts differ in; a group that grows comes again.

    >>> alike(["001", 1, "1 ", "S\u00fcd", "Sued"])
    [('blanks', [1, '1 ']), ('accents', ['S\u00fcd', 'Sued']), ('leading zeros', ['001', 1, '1 '])]
    """
    if all(isinstance(label, int) for label in labels):  # all of them differ
        return []
    keys = [label for _, label in dict.fromkeys((type(label), label) for label in labels)]
    groups, found = [(key,) for key in keys], []
    for step, forget in _LADDER.items():
        keys = [tuple(map(forget, map(_printed, key))) if isinstance(key, tuple) else forget(key) for key in keys]
        if len(set(keys)) < len(keys):
            merged = defaultdict(list)
            for key, group in zip(keys, groups, strict=True):
                merged[key].append(group)
            found += [(step, list(chain(*parts))) for parts in merged.values() if len(parts) > 1]
            keys, groups = list(merged), [tuple(chain(*parts)) for parts in merged.values()]
    labels = [group[0] for group in groups]
    return found + (_one_letter_apart(labels) if len(labels) <= _MANY else [])


def _one_letter_apart(labels: list) -> list[tuple[str, list]]:
    """Pairs that differ in one letter of one long word: put in, left out, another one, or two that changed places."""
    texts = {" ".join(re.findall(r"[^\W_]+", _unaccented(x.casefold()))): x for x in labels if isinstance(x, str)}
    shorter = defaultdict(set)
    for text in texts:
        for word in re.finditer(rf"[^\W\d_]{{{_LONG},}}", text):
            for at in range(word.start() + 1, word.end()):  # few slips are in the first letter
                shorter[text[:at] + text[at + 1 :]].add(text)
            shorter[text].add(text)
    pairs = {pair for group in shorter.values() if len(group) > 1 for pair in combinations(sorted(group), 2)}
    return [(ONE_LETTER, [texts[one], texts[other]]) for one, other in sorted(filter(_one_edit, pairs))]


def _one_edit(pair: tuple[str, str]) -> bool:
    """Of two texts that share all letters but one of each: whether one edit makes one of the other."""
    first, other = pair
    differ = [at for at, (one, another) in enumerate(zip(first, other, strict=False)) if one != another]
    swapped = len(differ) == 2 and all(first[at] == other[sum(differ) - at] for at in differ)
    return len(first) != len(other) or len(differ) == 1 or swapped
