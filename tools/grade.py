"""Mark a folder of submissions (`make grade CLASS=stats2027 IN=folder`), each in a room of its own.

A submission runs in a process that holds what its student had: the package, the assignment's data, and no answers. Out come
the values of its answers, as numbers and texts; they are compared here. `otter run` would compare inside of the submission's own
process, where it can read the tests or replace them; here a forged score is a text that nobody asked for.

Where the system cannot cut a room off (tools/rooms.py), a note says so.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import rooms
from assignments import folder_of
from draws import AssignmentError, same
from marking_pages import ALONE, Submission, feedback, gradebook, report, table, unescaped
from submission import plain

LARGEST = 20_000_000  # bytes of a notebook
BY_HAND = ["assignment", "file", "task", "text", "points"]
CANVAS = re.compile(r"^(?P<name>[^_/]+?)_(?:LATE_)?(?P<id>\d+)_\d+_")
MOODLE = re.compile(r"^(?P<name>.+?)_\d+_assignsubmission_file")


def clean(text: str) -> str:
    """A text on one line, without what a terminal or a file would stumble over."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def cells_of(path: Path) -> list[str]:
    """A notebook's code cells; a ValueError with a sentence where it is none."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"the file has more than {LARGEST // 10**6} MB; clear its outputs and hand it in again")
    try:
        cells = json.loads(path.read_text("utf-8-sig"))["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return ["".join(source) for source in code]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("this is no notebook; hand in the file that ends in .ipynb") from error


def read(path: Path, folder: Path, schemes: dict) -> tuple[Submission, list[str]]:
    """A submission and its cells, with what its file's name says of its student."""
    parts = [clean(part).strip(" .") or "_" for part in path.relative_to(folder).parts]
    submission = Submission(path, "/".join(parts))
    for pattern, text in ((CANVAS, path.name), (MOODLE, path.parent.name), (MOODLE, path.name)):
        if not submission.name and (hit := pattern.match(text)):
            submission.name, submission.canvas = hit["name"], hit.groupdict().get("id", "")
    try:
        cells = cells_of(path)
    except (ValueError, OSError) as error:
        submission.problems.append(str(error))
        cells = []
    text = "\n".join(cells)
    found = {
        name: sum(bool(re.search(rf"\b{task}\b", text)) for task in scheme["questions"])
        for name, scheme in schemes.items()
    }
    if max(found.values()):
        submission.assignment = max(found, key=found.get)
    elif not submission.problems:
        submission.problems.append("no task of any assignment is in it: have its cells been deleted?")
        submission.assignment = next((name for name in schemes if name in path.name), "")
    return submission, cells


def run(submission: Submission, cells: list[str], schemes: dict, folder: Path) -> None:
    """Let a submission run, and take its values."""
    if not cells or not submission.assignment:
        return
    probes = {name: task["probe"] for name, task in schemes[submission.assignment]["questions"].items()}
    given = folder / "student" / submission.assignment
    answer, late = rooms.run({"cells": cells, "probes": {"name": "name", "number": "number"} | probes}, given)
    try:
        told = json.loads(answer)
        # Whatever is in there may have been written by the submission.
        values = {name: plain(value) for name, value in dict(told["values"]).items()}
        errors = [clean(str(one)[:200]) for one in told["errors"][:20]]
        if gone := [name for name in probes if name in told["missing"]]:
            errors.append(f"these answers are not there at all: {', '.join(gone)}")
    except Exception:
        ended = (
            f"stopped after {rooms.SECONDS} seconds" if late else "its process ended before its answers could be read"
        )
        values, errors = {}, [ended]
    submission.values, submission.problems = values, submission.problems + errors
    for name in ("name", "number"):
        said = values.get(name)
        if isinstance(said, str | int) and str(said).strip(" ."):
            setattr(submission, name, clean(str(said))[:100])


def written(submission: Submission, task: str) -> str:
    """A text that a person marks, on one line; empty where nothing was written."""
    value = submission.values.get(task)
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return clean(value) if isinstance(value, str) and value.strip(" .") else ""


def mark(submission: Submission, questions: dict, by_hand: dict) -> None:
    """Points and a sentence for every task."""
    for name, task in questions.items():
        value = submission.values.get(name)
        if "rubric" in task:
            text = written(submission, name)
            key = submission.assignment, submission.file, name
            before, given = by_hand.get(key, (text, None))
            if before != text:  # points are those of a text, not of a file
                submission.problems.append(f"{name} is another text than the one with points in by_hand.csv")
                given = None
            said = "A person has yet to mark this." if given is None else ""
            if given is not None:
                said = task["rubric"][min(int(given), len(task["rubric"]) - 1)].split(" Example:")[0]
            if not text:
                given, said = 0.0, "Nothing was written."
            submission.points[name], submission.says[name] = given, said
        elif value is None or value == "...":
            submission.points[name], submission.says[name] = 0.0, "No answer."
        else:
            hits = [one for one in task["accepted"] if same(value, one["answer"], task["digits"])]
            wrong = {"points": 0, "says": f"Not right. {task['accepted'][0]['says']}"}
            best = max(hits, key=lambda one: one["points"], default=wrong)
            submission.points[name], submission.says[name] = float(best["points"]), best["says"]


def hands(path: Path, schemes: dict) -> dict[tuple[str, str, str], tuple[str, float]]:
    """Texts with the points that a person has given, by assignment, file and task; an AssignmentError where they cannot be."""
    text, given = path.read_text("utf-8-sig") if path.is_file() else "", {}
    first = text.partition("\n")[0]
    rows = csv.DictReader(
        io.StringIO(text), delimiter=";" if ";" in first else ","
    )  # some spreadsheets write semicolons
    if text and (gone := [column for column in BY_HAND if column not in (rows.fieldnames or ())]):
        raise AssignmentError(f"{path.name} has no column {gone[0]!r}; expected are {', '.join(BY_HAND)}.")
    for row in rows:
        assignment, file, task, words = (unescaped(row[column] or "") for column in BY_HAND[:4])
        said = (row["points"] or "").strip().replace(",", ".")
        full = schemes.get(assignment, {"questions": {}})["questions"].get(task, {"points": 0})["points"]
        if said and (not re.fullmatch(r"\d+(\.\d+)?", said) or float(said) > full):
            raise AssignmentError(f"{path.name}: {file}, {task} has {said} points; take 0 to {full}.")
        if said:
            given[assignment, file, task] = words, float(said)
    return given


def grade(folder: Path, given: Path) -> list[Submission]:
    """Mark every notebook below a folder, and write tables, page and feedback."""
    if not (folder / "marks.json").is_file():
        raise AssignmentError(f"There are no assignments of this class: make assignments CLASS={folder.name}")
    seen = [path for path in sorted(given.rglob("*")) if not path.is_dir()]
    there = [path for path in seen if not any(part[0] == "." for part in path.relative_to(given).parts)]
    paths = [path for path in there if path.suffix == ".ipynb" and path.is_file() and not path.is_symlink()]
    for path in {*there} - {*paths}:
        print(f"{clean(path.name)}: not marked, for it is no file that ends in .ipynb", file=sys.stderr)
    if not paths:
        raise AssignmentError(f"IN is {str(given)!r}, and there is no notebook in it.")
    schemes, grades = json.loads((folder / "marks.json").read_text("utf8")), folder / "grades"
    if gone := [name for name in schemes if not (folder / "student" / name).is_dir()]:
        raise AssignmentError(f"There is no folder student/{gone[0]} any more: make assignments CLASS={folder.name}")
    by_hand = hands(grades / "by_hand.csv", schemes)
    if not rooms.isolated():
        print(ALONE, file=sys.stderr)
    found = [read(path, given, schemes) for path in paths]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda both: run(*both, schemes, folder), found))
    submissions, files = [one for one, _ in found], set()
    for one in submissions:
        if one.file in files:
            one.problems.append(f"another file is called {one.file}, but for blanks and the like")
            one.file += f" ({next(at for at in count(2) if f'{one.file} ({at})' not in files)})"
        files.add(one.file)
        mark(one, schemes.get(one.assignment, {"questions": {}})["questions"], by_hand)
        if not one.name:
            one.problems.append("nobody's name is in it")
    shutil.rmtree(grades / "feedback", ignore_errors=True)
    (grades / "feedback").mkdir(parents=True)
    columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *schemes]
    table(grades / "grades.csv", columns, gradebook(submissions, schemes))
    texts = {(one.assignment, one.file, name): written(one, name) for one in submissions for name in one.points}
    texts = {key: text for key, text in texts.items() if text and "rubric" in schemes[key[0]]["questions"][key[2]]}
    rows = [[*key, text, points] for key, (text, points) in by_hand.items() if texts.get(key, text) == text]
    rows += [[*key, text, ""] for key, text in texts.items() if by_hand.get(key, ("", 0))[0] != text]
    table(grades / "by_hand.csv", BY_HAND, rows)
    (grades / "report.html").write_text(report(submissions, schemes, rooms.isolated()), "utf8")
    for one in submissions:
        if one.assignment:
            path = grades / "feedback" / f"{one.file}.md"
            assert path.resolve().is_relative_to(grades.resolve()), one.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(feedback(one, schemes[one.assignment]), "utf8")
    return submissions


def main(arguments: list[str] | None = None) -> int:
    """Mark a folder, or say in a sentence why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--word", default="")
    parser.add_argument("--given", default="")
    asked = parser.parse_args(arguments)
    try:
        folder = folder_of(asked.word)
        if not asked.given:
            raise AssignmentError("IN is empty; give the folder with the notebooks, as in IN=~/submissions.")
        submissions = grade(folder, Path(asked.given).expanduser().resolve())
    except AssignmentError as error:
        print(error, file=sys.stderr)
        return 1
    for one in submissions:
        said = f" ({'; '.join(one.problems)})" if one.problems else ""
        print(f"{one.file}: {one.assignment or 'no assignment'}, {one.total:g} points{said}")
    print(f"Open {folder / 'grades' / 'report.html'}; points of a person go into by_hand.csv, then run this again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
