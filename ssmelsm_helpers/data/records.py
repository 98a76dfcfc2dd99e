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


class _Agreement:
    """Pairs of students of one school who agree in some columns, beside what chance makes of them."""

    def __init__(self, students: Students, score):
        self.students, self.score = students, score
        self.possible = np.maximum(score["n"] * (score["n"] - 1) / 2, 1)  # by school

    def beyond(self, pairs, expected) -> bool:
        """Whether more pairs agree than expected, in a school or in all."""
        varies = (self.score["groups"] > 1).to_numpy()  # where all have one score, that is another finding
        pairs, expected = pairs[varies], expected[varies]
        counts, expected = np.append(pairs, pairs.sum()), np.append(expected, expected.sum())
        # Twice the expected: scores and other columns are related, and then agree more often.
        return bool((poisson.sf(counts - 1, 2 * expected) < 1e-6 / len(counts)).any())

    def between(self, aliases):
        """Pairs that are expected if those of one school agree as often as those of different schools."""
        return self.possible * self.students.between(aliases)

    def with_score(self, pairs, others, aliases) -> bool:
        """Whether more agree in score and others than if these had nothing to do with each other, or in other schools."""
        share = self.students.agreement if others is None else others["pairs"] / self.possible
        expected = self.possible * share if others is None else self.score["pairs"] * share
        return self.beyond(pairs, expected) and self.beyond(pairs, self.between((SCORE, *aliases)))

    def schools(self, pairs) -> str:
        """Where they are."""
        labels, places = self.students.labels, pairs.index[pairs > 0]
        return some([place if labels is None else labels[int(place)] for place in places], "school")

    def columns(self, aliases) -> list:
        """The school's column, and others."""
        return [self.students.names[alias] for alias in (SCHOOL, *aliases)]


def look_at_doubles(students: Students) -> Iterator[Finding]:
    """Rows that occur twice, more often than chance makes them."""
    columns = [alias for alias in students.names if alias not in (SCHOOL, SCORE)]
    # A number of the row, or of the student, tells doubles apart that are none.
    unique = [alias for alias in columns if students.distinct(alias) == students.n]
    varying = [alias for alias in columns if alias not in students.others or students.schools[alias].any()]
    others, unique = tuple(a for a in varying if a not in unique), [students.names[a] for a in unique]
    if not others and students.agreement > 0.001:  # equal scores are nothing strange, and nothing else is known
        return
    score, same, *rest = students.pairs((SCORE,), (SCORE, *others), *([others] if others else []))
    agreement = _Agreement(students, score)
    if agreement.with_score(same["pairs"], rest[0] if rest else None, others):
        where = f"all but {some(unique)}" if unique else "all columns"
        kept = agreement.columns((SCORE, *others)) if unique else ""
        extra = (same["n"] - same["groups"]).sum()
        yield finding("rows that occur twice", where, agreement.schools(same["pairs"]), extra, columns=kept)
    elif len(others) > 1:
        yield from _nearly_the_same(agreement, others, same["pairs"], rest[0]["pairs"])


def _nearly_the_same(agreement: _Agreement, others: tuple, same, every) -> Iterator[Finding]:
    """Rows that differ in one column only; of the pairs, `same` agree in all columns, `every` in all but the score."""
    students, kind = agreement.students, "rows that are nearly the same"
    for left_out in others:
        fewer = tuple(alias for alias in others if alias != left_out)
        _, both, without_score = students.pairs((SCORE,), (SCORE, *fewer), fewer)
        both = both["pairs"] - same
        if agreement.with_score(both, without_score, fewer):
            kept = agreement.columns((SCORE, *fewer))
            yield finding(kind, students.names[left_out], agreement.schools(both), both.sum(), columns=kept)
            return
    both, possible = every - same, agreement.possible
    if students.person in others or not agreement.beyond(both, agreement.between(others)):
        return
    for alias in others:
        _, one, all_but = students.pairs((SCORE,), (alias,), tuple(other for other in others if other != alias))
        one, all_but = one["pairs"], all_but["pairs"]
        # A class of one school is in no other, so that nothing can be learnt from them.
        nested = one.sum() / possible.sum() > 20 * students.between((alias,))
        apart = np.maximum(possible - one - all_but + every, 1)
        if nested or not agreement.beyond(both, (one - every) * (all_but - every) / apart):
            return
    yield finding(kind, students.outcome, agreement.schools(both), both.sum(), columns=agreement.columns(others))


def look_at_persons(students: Students) -> Iterator[Finding]:
    """Students who occur twice, in two schools, or every year."""
    alias, time = students.person, next(_times(students), None)
    persons = pairs = rows = 0
    if alias is not None:
        (found,) = students.pairs((alias,))
        rows, pairs, persons = int(found["n"].sum()), int(found["groups"].sum()), students.distinct(alias)
    name = students.names.get(alias, "")
    if time is not None and pairs < 0.9 * rows:
        yield finding("panel", students.names[time], f"{persons:,} values of {name!r} in {rows:,} rows", rows - persons)
        return
    if time is not None:
        values = students.distinct(time)
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
        if named and students.wholes.get(alias, True) and 2 <= students.distinct(alias) <= 15:
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
        groups = students.distinct(alias)
        if not varies.any() and (2 if above else 5) <= groups <= schools / 2:
            yield finding("a level above", name, f"{groups} values, {schools} schools", groups)
        elif varies.mean() > 0.5 and (of_school or groups > 1.5 * schools):
            inside = int(students.pairs((alias,))[0]["groups"].sum())
            if 10 <= students.n / inside <= 60 and (of_school or inside < 1.1 * groups):
                yield finding("a level below", name, f"{inside} groups in {schools} schools", inside)


def look_at_covariates(students: Students) -> Iterator[Finding]:
    """Covariates that do not vary, that say the same, or that are on wild scales."""
    person, spread = students.person, students.spread
    others = [alias for alias in students.numeric if alias not in (SCORE, person)]
    varying = [alias for alias in others if spread.loc[alias, "low"] < spread.loc[alias, "high"]]
    for alias in others:
        name, sd = students.names[alias], spread.loc[alias, "sd"]
        if students.missing[alias] > students.n / 2:
            yield finding("mostly missing", name, counted(int(students.missing[alias]), "row"), students.missing[alias])
            varying = [other for other in varying if other != alias]
        elif alias not in varying:
            yield finding("constant", name, f"every row has {spread.loc[alias, 'low']:g}", students.n)
        elif not 1 / _WILD < sd < _WILD:
            yield finding("wild scale", name, f"SD {sd:.2g}", students.n, power=int(np.floor(np.log10(sd))))
    fixed = [alias for alias in students.others if alias in varying or alias in students.worded]
    fixed = [str(students.names[alias]) for alias in fixed if alias != person and not students.schools[alias].any()]
    if fixed and students.n > len(students.schools):
        yield finding("constant within schools", ", ".join(fixed), some(fixed), len(fixed))
    kept, names, r = [], students.names, students.correlations
    for alias in varying:
        near = [other for other in [SCORE, *kept] if abs(r.get((other, alias), 0.0)) > 0.995]
        if near:
            where = f"correlation {r[near[0], alias]:.3f} with {names[near[0]]!r}"
            yield finding("says the same", names[alias], where, students.n)
            continue
        among = np.array([[r.get((a, b), r.get((b, a), float(a == b))) for b in kept] for a in kept])
        with_it = np.array([r[other, alias] for other in kept])
        share = np.linalg.lstsq(among, with_it, rcond=1e-6)[0] if kept else with_it
        if share @ with_it > 0.999:
            parts = [other for other, part in zip(kept, share, strict=True) if abs(part) > 0.05]
            where = f"follows from {some([names[other] for other in parts], 'column')}"
            yield finding("says the same", names[alias], where, students.n)
            continue
        kept.append(alias)
