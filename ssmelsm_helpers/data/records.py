"""Rows and columns that are not what the model takes them to be: doubles, years, weights, levels, covariates."""

import re
from collections.abc import Iterator

import numpy as np
from scipy.stats import poisson

from ..arguments import counted
from .findings import Finding, finding, patterns, some
from .students import SCHOOL, SCORE, Students

_NAMED = patterns("columns")
_WILD = 1e6


def look_at_doubles(students: Students) -> Iterator[Finding]:
    """Rows that occur twice, or nearly so, more often than chance makes them."""
    columns = [alias for alias in students.names if alias not in (SCHOOL, SCORE)]
    # A number of the row, or of the student, tells doubles apart that are none.
    unique = [alias for alias in columns if students.distinct[alias] == students.n]
    varying = [alias for alias in columns if alias not in students.others or students.schools[alias].any()]
    others, unique = tuple(a for a in varying if a not in unique), [students.names[a] for a in unique]
    if not others and students.agreement > 0.001:  # equal scores are nothing strange, and nothing else is known
        return
    same = 0
    for left_out in (None, *others) if len(others) > 1 else (None,):
        kept = (SCORE, *(alias for alias in others if alias != left_out))
        score, both, *rest = students.pairs((SCORE,), kept, *([kept[1:]] if kept[1:] else []))
        twice = both["pairs"] - same  # rows that agree in all columns agree in fewer, too
        if _beyond_chance(students, score, twice, rest[0]["pairs"] if rest else None, kept):
            labels, places = students.labels, twice.index[twice > 0]
            where = some([place if labels is None else labels[int(place)] for place in places], "school")
            names = [students.names[alias] for alias in (SCHOOL, *kept)]
            if left_out is None:
                column, names = (f"all but {some(unique)}", names) if unique else ("all columns", "")
                extra = (both["n"] - both["groups"]).sum()
                yield finding("rows that occur twice", column, where, extra, columns=names)
            else:
                column = students.names[left_out]
                yield finding("rows that are nearly the same", column, where, twice.sum(), columns=names)
            return
        same = both["pairs"] if left_out is None else same


def _beyond_chance(students: Students, score, pairs, others, aliases) -> bool:
    """Whether more pairs of one school agree in the score and other columns than if these had nothing to do with it.

    And more than in different schools. By school: n and pairs that agree in the score, in both, in the others.
    """
    possible = np.maximum(score["n"] * (score["n"] - 1) / 2, 1)
    unrelated = possible * students.agreement if others is None else score["pairs"] * others / possible
    varies = (score["groups"] > 1).to_numpy()  # where all have one score, that is another finding
    counts = np.append(pairs[varies], pairs[varies].sum())

    def beyond(expected) -> bool:
        # Twice the expected: scores and other columns are related, and then agree more often.
        expected = 2 * np.append(expected[varies], expected[varies].sum())
        return bool((poisson.sf(counts - 1, expected) < 1e-6 / len(counts)).any())

    return beyond(unrelated) and beyond(possible * students.between(aliases))


def look_at_persons(students: Students) -> Iterator[Finding]:
    """Students who occur twice, in two schools, or every year."""
    alias, time = students.person, next(_times(students), None)
    persons = pairs = rows = 0
    if alias is not None:
        (found,) = students.pairs((alias,))
        rows, pairs, persons = int(found["n"].sum()), int(found["groups"].sum()), students.distinct[alias]
    name = students.names.get(alias, "")
    if time is not None and pairs < 0.9 * rows:
        yield finding("panel", students.names[time], f"{persons:,} values of {name!r} in {rows:,} rows", rows - persons)
        return
    if time is not None:
        values = students.distinct[time]
        yield finding("several years", students.names[time], f"{values} values of {students.names[time]!r}", values)
    if pairs < rows:
        where = f"{counted(rows - pairs, 'row')} with a {name!r} that its school had before"
        yield finding("student twice", name, where, rows - pairs, school=students.school)
    if 0 < pairs - persons < 0.2 * persons:
        where = f"{pairs - persons:,} values of {name!r} in more than one school"
        yield finding("student in two schools", name, where, pairs - persons, school=students.school)


def _times(students: Students) -> Iterator[str]:
    for alias in students.others:
        name = students.said(alias)
        named = re.search(_NAMED["year"], name) and not re.search(_NAMED["born"], name)
        if named and students.wholes.get(alias, True) and 2 <= students.distinct[alias] <= 15:
            yield alias


def look_at_levels(students: Students) -> Iterator[Finding]:
    """Weights; levels above or below the schools."""
    person, schools = students.person, len(students.schools)
    for alias in [alias for alias in students.others if alias != person]:
        name, said, varies = students.names[alias], students.said(alias), students.schools[alias]
        if re.search(_NAMED["weight"], said) and alias in students.numeric:
            low, high = students.spread.loc[alias, ["low", "high"]]
            if low > 0:
                yield finding("weights", name, f"from {low:.3g} to {high:.3g}", students.n)
        above, of_school = re.search(_NAMED["above"], said), re.fullmatch(_NAMED["of_school"], said)
        named = above or re.search(_NAMED["class"], said)
        if alias not in students.worded and not (named and students.wholes[alias]):
            continue
        groups = students.distinct[alias]
        if not varies.any() and (2 if above else 5) <= groups <= schools / 2:
            yield finding("a level above", name, f"{groups} values, {schools} schools", groups)
        elif varies.mean() > 0.5 and (of_school or groups > 1.5 * schools):
            inside = int(students.pairs((alias,))[0]["groups"].sum())
            if 10 <= students.n / inside <= 60 and (of_school or inside < 1.1 * groups):
                yield finding("a level below", name, f"{inside} groups in {schools} schools", inside)


def look_at_covariates(students: Students) -> Iterator[Finding]:
    """Covariates that do not vary, that say the same, or that are on wild scales."""
    person, spread = students.person, students.spread
    known = students.missing <= students.n / 2
    others = [alias for alias in students.numeric if alias not in (SCORE, person) and known[alias]]
    varying = [alias for alias in others if spread.loc[alias, "low"] < spread.loc[alias, "high"]]
    for alias in others:
        name, sd = students.names[alias], spread.loc[alias, "sd"]
        if alias not in varying:
            yield finding("constant", name, f"every row has {spread.loc[alias, 'low']:g}", students.n)
        elif not 1 / _WILD < sd < _WILD:
            yield finding("wild scale", name, f"SD {sd:.2g}", students.n, power=int(np.floor(np.log10(sd))))
    fixed = [alias for alias in students.others if alias in varying or alias in students.worded]
    fixed = [str(students.names[alias]) for alias in fixed if alias != person and not students.schools[alias].any()]
    if fixed and students.n > len(students.schools):
        yield finding("constant within schools", ", ".join(fixed), some(fixed), len(fixed))
    kept, names, r = [SCORE], students.names, students.correlations
    for alias in varying:
        near = next((other for other in kept if abs(r.get((other, alias), 0.0)) > 0.995), None)
        if near is None:
            kept.append(alias)
        else:
            where = f"correlation {r[near, alias]:.3f} with {names[near]!r}"
            yield finding("says the same", names[alias], where, students.n)
