"""`inspect`: what looks wrong in a file, before anything is fitted."""

import re
from collections.abc import Iterator

import pandas as pd

from ..arguments import counted, require
from .alike import alike
from .chance import without_spread
from .far import CODES, dominated
from .findings import Finding, Words, finding, number, patterns, some
from .frames import data_frame, require_columns
from .piles import look_at_values
from .records import look_at_covariates, look_at_doubles, look_at_levels, look_at_persons
from .students import SCHOOL, SCORE, Students

_NAMED = patterns("labels")
_TOTALS = r"({total})\b.*|.*\b({total})|{alone}".format_map(_NAMED)


def inspect(data, *, outcome: str, school: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Look at a file before it is fitted: what would silently change the answer, and a line that mends it.

    Parameters
    ----------
    data : data frame of students, one row each
        Anything Narwhals reads; lazy frames are summed where they live.
    outcome, school : str
        Names of the score and of the school's label.
    columns : list of str, optional
        Other columns to look at. Default: all.

    Returns
    -------
    pandas.DataFrame
        One row per finding: ``kind``; ``column``; ``where`` (schools, rows or values concerned); ``count`` (how many);
        ``why`` it matters; ``mend``, one line of pandas for a frame called ``data``, or a comment where no line can.
        No row where nothing was found. The data stay as they are.

    Raises
    ------
    ValueError, TypeError
        The data are no data frame, or lack a column. Never because of what is in them.

    Examples
    --------
    >>> students = pd.DataFrame({"school": ["a", "a", "a ", "a ", "b", "b"], "score": [1.0, 3, 2, 4, 5, 4]})
    >>> inspect(students, outcome="score", school="school")[["kind", "where"]]
                          kind              where
    0  labels differ in blanks  'a' (2), 'a ' (2)
    """
    return inspected(data, outcome, school, columns)[1]


def inspected(data, outcome: str, school: str, columns: list[str] | None) -> tuple[Students, pd.DataFrame]:
    """What was looked at, and the findings."""
    frame = data_frame(data)
    names = frame.collect_schema().names()
    found = [name for name in names if isinstance(name, tuple)]
    require(
        not found, "data must have one row of names (data.columns = [' '.join(map(str, c)) for c in data])", found[:2]
    )
    columns = [name for name in names if name not in (outcome, school)] if columns is None else list(columns)
    require_columns(names, [("outcome", outcome), ("school", school), *(("columns", name) for name in columns)])
    students = Students(frame, outcome, school, columns)
    return students, pd.DataFrame([found for look in LOOKS for found in look(students)], columns=Finding._fields)


def look_at_labels(students: Students) -> Iterator[Finding]:
    """Schools whose labels are missing, look alike, or were read as something else."""
    name, schools = students.school, students.schools
    labels, rows = schools.index.to_list(), schools["rows"]
    missing = int(students.missing[SCHOOL])
    if len(labels) > 1 and missing > len(labels) and (rows == 1).all():
        yield finding("labels in first rows only", name, counted(missing, "row"), missing)
        return
    if missing:
        yield finding("missing labels", name, counted(missing, "row"), missing)
    values = pd.to_numeric(pd.Series(labels, dtype=object), errors="coerce")
    far = values.isin(CODES) & (values > 2 * values[~values.isin(CODES)].max())  # 999 after 160, not after 998
    none = "|".join([_NAMED["none"], *(re.escape(str(x)) for x in (name, *schools.index[far]))])
    for kind, form in {"labels that are none": none, "rows of totals": _TOTALS}.items():
        found = [x for x in labels if re.fullmatch(form, str(x).strip(), re.IGNORECASE)]
        if found:
            yield finding(kind, name, some(found, "label"), rows[[x in found for x in labels]].sum(), found=found)
    if labels and all(re.fullmatch(r"(0|[1-9]\d*)\.0", str(x)) for x in labels):
        yield finding("labels read as decimals", name, some(labels), len(labels))
    if len(labels) > 1 and (rows == 1).all():
        yield finding("no label comes twice", name, some(labels), len(labels))
        return
    count = {(type(x), x): int(n) for x, n in zip(labels, rows, strict=True)}
    for step, group in alike(labels):
        best = max(group, key=lambda x: count[type(x), x])
        words = ", ".join(f"{x!r} ({count[type(x), x]})" for x in group)
        other = {x: best for x in group if x is not best}
        yield finding(f"labels differ in {step}", name, words, len(group), other=other)


def look_at_texts(students: Students) -> Iterator[Finding]:
    """Numbers that the file holds as text."""
    if students.odd is not None:
        yield finding("no numbers", students.outcome, f"every row: {students.odd}", students.n)
    for text in students.texts.values():
        for kind, words in text.counts.groupby("kind", sort=False):
            found = words["text"].to_list()
            counts = [Words(f"{value} in {count:,} rows") for value, count in zip(found, words["count"], strict=True)]
            mark, total = re.escape(text.marks[0] or ","), words["count"].sum()
            if kind == "text" and total > text.rows / 2:
                yield finding("no numbers", text.name, some(counts), total)
                break
            yield finding(kind, text.name, some(counts), total, found=found, mark=mark)
        else:
            yield finding("numbers as text", text.name, counted(text.rows, "row"), text.rows)


def look_at_gaps(students: Students) -> Iterator[Finding]:
    """Codes for missing that are taken as numbers, and missing values."""
    for alias, counts in students.codes.items():
        found = [*map(number, counts.index)]
        words = [Words(f"{code} in {count:,} rows") for code, count in zip(found, counts, strict=True)]
        if found:
            yield finding("code for missing", students.names[alias], some(words), counts.sum(), found=found)
    for alias in [*students.numeric, *students.worded]:
        # What was text and is no number was named before.
        text = students.texts.get(alias)
        missing = int(students.missing[alias]) if text is None else students.n - text.rows
        most = {SCORE: 1.0}.get(alias, 0.5 if alias in students.numeric else 0.25)  # a remark is seldom made
        if missing > students.n / 2 and alias in students.numeric and alias not in (SCORE, students.person):
            yield finding("mostly missing", students.names[alias], counted(missing, "row"), missing)
        elif 0 < missing <= most * students.n:
            empty = students.schools.index[students.schools["n"] == 0] if alias == SCORE else []
            lost = f", among them all of {some(empty, 'school')}" if len(empty) else ""
            yield finding("missing values", students.names[alias], f"{counted(missing, 'row')}{lost}", missing)


def look_at_schools(students: Students) -> Iterator[Finding]:
    """Schools that are too small, too even, or all about one student."""
    name, outcome, table = students.school, students.outcome, students.schools
    single = table.index[table["n"] == 1].to_list()
    even = table.index[without_spread(table["n"].to_numpy() - 1, table["sd"].fillna(0.0).to_numpy())].to_list()
    for kind, found in {"schools of one student": single, "schools without spread": even}.items():
        if 0 < len(found) < len(table):
            yield finding(kind, name, some(found, "school"), len(found), found=found)
    codes = students.codes.get(SCORE, {})
    far = {label: found for label, found in dominated(table).items() if found[0] not in codes}
    if len(far) > max(3, len(table) / 10):
        line = f"data[{outcome!r}] = np.log(data[{outcome!r}])"
        if table["low"].min() <= 0:
            line = "# no line mends this: fit with Student-t residuals (chapter 13)"
        yield finding("long tail", outcome, some(far, "school"), len(far), line=line)
        return
    for label, (score, times, _, _) in [item for item in far.items() if item[1][2]]:
        names = {"school": name, "label": label, "score": number(score), "times": times}
        yield finding("one student makes the spread", outcome, f"school {label!r}, score {number(score)}", 1, **names)


LOOKS = (
    look_at_texts,
    look_at_gaps,
    look_at_labels,
    look_at_doubles,
    look_at_persons,
    look_at_schools,
    look_at_values,
    look_at_levels,
    look_at_covariates,
)
