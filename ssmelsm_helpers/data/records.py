"""Rows and columns that are not what the model takes them to be: doubles, years, weights, levels, covariates."""

import re
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.stats import poisson

from ..arguments import counted
from .findings import Finding, finding, some
from .students import SCHOOL, SCORE, Students

_YEAR = r"year|jahr|ano|wave|welle|term|semester|round|zeitpunkt|occasion|session|survey|season|messung"
_BORN = r"birth|born|geb|nasc|dob"
_WEIGHT = r"(^|_)w(gh?t|t|eight)?s?($|_)|weight|gewicht|peso|pond"
_CLASS = r"class|klasse|teacher|lehr|room|turma|group|kurs|course|section"
_WILD = 1e6


def look_at_doubles(students: Students) -> Iterator[Finding]:
    """Rows that occur twice, more often than chance makes them."""
    columns = [alias for alias in students.names if alias not in (SCHOOL, SCORE)]
    # A number of the row, or of the student, tells doubles apart that are none.
    others = tuple(alias for alias in columns if students.distinct(alias) < students.n)
    numbers = [students.names[alias] for alias in columns if alias not in others]
    if not others and students.agreement > 0.001:  # equal scores are nothing strange, and nothing else is known
        return
    score, same, *rest = students.pairs((SCORE,), (SCORE, *others), *([others] if others else []))

    def beyond_chance(both, rest) -> bool:
        """Whether more pairs agree in score and rest than if these had nothing to do with each other."""
        of_school = np.maximum(score["n"] * (score["n"] - 1) / 2, 1)
        expected = rest["pairs"] * score["pairs"] / of_school if len(rest) else of_school * students.agreement
        varies = (score["groups"] > 1).to_numpy()  # where all have one score, that is another finding
        both, expected = both[varies], expected[varies]
        counts, expected = np.append(both, both.sum()), np.append(expected, expected.sum())
        # Twice the expected: scores and other columns are related, and then agree more often.
        return bool((poisson.sf(counts - 1, 2 * expected) < 1e-6 / len(counts)).any())

    def schools(pairs) -> str:
        return some(
            [label if students.labels is None else students.labels[int(label)] for label in pairs.index[pairs > 0]],
            "school",
        )

    def names(aliases) -> list[str]:
        return [students.names[alias] for alias in (SCHOOL, SCORE, *aliases)]

    if beyond_chance(same["pairs"], rest[0] if rest else ()):
        extra = (same["n"] - same["groups"]).sum()
        where = f"all but {some(numbers)}" if numbers else "all columns"
        yield finding(
            "rows that occur twice", where, schools(same["pairs"]), extra, columns=names(others) if numbers else ""
        )
        return
    for left_out in others if len(others) > 2 else ():
        fewer = tuple(alias for alias in others if alias != left_out)
        _, both, without_score = students.pairs((SCORE,), (SCORE, *fewer), fewer)
        both = both["pairs"] - same["pairs"]
        if beyond_chance(both, without_score):
            name = students.names[left_out]
            yield finding("rows that are nearly the same", name, schools(both), both.sum(), columns=names(fewer))
            return


def look_at_persons(students: Students) -> Iterator[Finding]:
    """Students who occur twice, in two schools, or every year."""
    alias, time = _person(students), next(_times(students), None)
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


def _person(students: Students) -> str | None:
    """The column of students' own labels: nearly every row has its own, or every student one and every year a row."""
    for alias in students.others:
        name = students.names[alias].casefold()
        named = re.search(
            r"(^|_|\b)(id|nr|no|code|number|nummer)($|_|\b)|student|pupil|sch[uü]e?ler|aluno|candidate|person", name
        )
        if not students.wholes.get(alias, True):
            continue
        if students.schools[alias].mean() < 0.5:
            continue
        share = students.distinct(alias) / max(students.n, 1)
        if share > 0.95 or (named and share > 0.15):
            return alias
    return None


def _times(students: Students) -> Iterator[str]:
    for alias in students.numeric:
        name = students.names[alias].casefold()
        named = re.search(_YEAR, name) and not re.search(_BORN, name)
        if alias != SCORE and named and students.wholes[alias] and 2 <= students.distinct(alias) <= 40:
            yield alias


def look_at_levels(students: Students) -> Iterator[Finding]:
    """Weights; levels above or below the schools."""
    person, schools = _person(students), len(students.schools)
    for alias in [alias for alias in students.others if alias != person]:
        name, varies = students.names[alias], students.schools[alias]
        if alias in students.numeric and re.search(_WEIGHT, name.casefold()) and students.spread.loc[alias, "low"] > 0:
            low, high = students.spread.loc[alias, ["low", "high"]]
            yield finding("weights", name, f"from {low:.3g} to {high:.3g}", students.n)
        if alias not in students.worded and not re.search(_CLASS, name.casefold()):
            continue
        groups = students.distinct(alias)
        within = varies.mean() > 0.5 and 10 <= students.n / groups <= 60 and groups > 1.5 * schools
        if not varies.any() and 5 <= groups <= schools / 2:
            yield finding("a level above", name, f"{groups} values, {schools} schools", groups)
        elif within and students.pairs((alias,))[0]["groups"].sum() < 1.1 * groups:
            yield finding("a level below", name, f"{groups} values in {schools} schools", groups)


def look_at_covariates(students: Students) -> Iterator[Finding]:
    """Covariates that do not vary, that say the same, or that are on wild scales."""
    person, spread = _person(students), students.spread
    others = [alias for alias in students.numeric if alias not in (SCORE, person)]
    varying = [alias for alias in others if spread.loc[alias, "low"] < spread.loc[alias, "high"]]
    for alias in others:
        name, sd = students.names[alias], spread.loc[alias, "sd"]
        if alias not in varying:
            yield finding("constant", name, f"every row has {spread.loc[alias, 'low']:g}", students.n)
        elif not 1 / _WILD < sd < _WILD:
            yield finding("wild scale", name, f"SD {sd:.2g}", students.n, power=int(np.floor(np.log10(sd))))
    fixed = [alias for alias in students.others if alias in varying or alias in students.worded]
    fixed = [students.names[alias] for alias in fixed if alias != person and not students.schools[alias].any()]
    if fixed and students.n > len(students.schools):
        yield finding("constant within schools", ", ".join(fixed), some(fixed), len(fixed))
    for one, other in combinations([SCORE, *varying], 2):
        r = students.correlations.get((one, other), 0.0)
        if abs(r) > 0.995:
            where = f"correlation {r:.3f} with {students.names[one]!r}"
            yield finding("says the same", students.names[other], where, students.n)
