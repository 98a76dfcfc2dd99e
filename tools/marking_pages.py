"""What marking leaves: a table for the course's page, a page of what went wrong for whom, and words for each student."""

from __future__ import annotations

import csv
import html
import statistics
from dataclasses import dataclass, field
from pathlib import Path

ALONE = (
    "Note: this system cannot shut a submission off (unshare of util-linux, on Linux, can): it could read your files and use the "
    "network. Time and memory are limited where the system can. Mark only what you would open yourself."
)


FORMULA = ("=", "+", "-", "@")  # how one begins in a spreadsheet


@dataclass(eq=False)
class Submission:
    """A file that was handed in, and what became of it."""

    path: Path
    file: str  # its path below the folder that is marked
    assignment: str = ""
    name: str = ""
    number: str = ""
    canvas: str = ""
    problems: list[str] = field(default_factory=list)
    values: dict = field(default_factory=dict)
    # Of each task; None where a person has not marked yet.
    points: dict[str, float | None] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(points or 0 for points in self.points.values())


def unescaped(text: str) -> str:
    """A text as it was before `table` kept it from being a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text


def table(path: Path, columns: list[str], rows: list[list]) -> None:
    """A CSV that spreadsheets open with the right letters; a text that begins like a formula stays a text."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        safe = [[f"'{x}" if isinstance(x, str) and x[:1] in FORMULA else x for x in row] for row in rows]
        csv.writer(file).writerows([columns, *safe])


def gradebook(submissions: list[Submission], schemes: dict) -> list[list]:
    """A row for each student, with a column for each assignment; files of one student are told by number, else by name."""
    rows: dict[tuple, dict] = {}
    for one in submissions:
        ways = {"canvas": one.canvas, "number": one.number, "name": one.name, "file": one.file}
        who = next((way, said) for way, said in ways.items() if said)  # never one student's name as another's number
        again = 0
        while one.assignment in rows.get((who, again), {}):
            again += 1
        if again:
            one.problems.append(f"another file for {one.assignment} has the same name or number: each has a row")
        row = rows.setdefault((who, again), {"who": [one.name or f"(no name: {one.file})", one.canvas, one.number]})
        if one.name and row["who"][0] != one.name:
            one.problems.append(f"its {who[0]} is that of {row['who'][0]}, whose row it is in")
        row[one.assignment] = f"{one.total:g}"
    return [[*row["who"], "", "", *(row.get(name, "") for name in schemes)] for row in rows.values()]


def report(submissions: list[Submission], schemes: dict, isolated: bool) -> str:
    """A page of which task went wrong for whom."""
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Marking</title><style>body{font:16px sans-serif;margin:2em}"
    ]
    parts.append(
        "table{border-collapse:collapse}td,th{border:1px solid #888;padding:.2em .5em}</style><h1>Marking</h1>"
    )
    if not isolated:
        parts.append(f"<p><strong>{ALONE}</strong></p>")
    odd = [f"<li>{html.escape(f'{one.file}: {line}')}</li>" for one in submissions for line in one.problems]
    parts += ["<h2>What to look at</h2><ul>", *odd, "</ul>"] if odd else []
    for name, scheme in schemes.items():
        chosen = [one for one in submissions if one.assignment == name]
        if not chosen:
            continue
        tasks, full = scheme["questions"], sum(task["points"] for task in scheme["questions"].values())
        middle = statistics.median(one.total for one in chosen)
        waiting = sum(points is None for one in chosen for points in one.points.values())
        wait = f"; {waiting} texts wait for a person, and count nothing yet" if waiting else ""
        parts.append(
            f"<h2>{html.escape(scheme['title'])}</h2><p>{len(chosen)} submissions; the median is {middle:g} of {full:g} points{wait}.</p>"
        )
        parts.append("<table><tr><th>task</th><th>points</th><th>mean</th><th>not in full</th></tr>")
        for task, facts in tasks.items():
            got = {one: one.points[task] for one in chosen if one.points[task] is not None}
            lost = ", ".join(
                f"{html.escape(one.name or one.file)} ({got[one]:g})" for one in got if got[one] < facts["points"]
            )
            mean = f"{statistics.mean(got.values()):.1f}" if len(got) == len(chosen) else "not marked yet"
            parts.append(f"<tr><td>{task}</td><td>{facts['points']}</td><td>{mean}</td><td>{lost}</td></tr>")
        parts.append("</table>")
    return "\n".join(parts)


def feedback(one: Submission, scheme: dict) -> str:
    """What a student gets back."""
    full = sum(task["points"] for task in scheme["questions"].values())
    lines = [f"# {scheme['title']}: {one.total:g} of {full:g} points", f"{one.name}, {one.file}".strip(", ")]
    lines += ["\n".join(f"- {line}" for line in one.problems)] if one.problems else []
    for name, task in scheme["questions"].items():
        points = "?" if one.points[name] is None else f"{one.points[name]:g}"
        lines.append(f"**{name}: {points} of {task['points']}.** {one.says[name]}")
    return "\n\n".join(lines) + "\n"
