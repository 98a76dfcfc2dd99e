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
from pathlib import Path

import rooms
from assignments import folder_of
from draws import AssignmentError, same
from marking_pages import ALONE, Submission, feedback, gradebook, report, table
from submission import plain

LARGEST = 20_000_000  # bytes of a notebook
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
        cells = json.loads(path.read_text("utf8"))["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return ["".join(source) for source in code]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("this is no notebook; hand in the file that ends in .ipynb") from error


def read(path: Path, folder: Path, schemes: dict) -> tuple[Submission, list[str]]:
    """A submission and its cells, with what its file's name says of its student."""
    submission = Submission(path, clean(path.relative_to(folder).as_posix()))
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
        errors = [clean(one)[:200] for one in told["errors"][:20]]
        if gone := [name for name in probes if name in told["missing"]]:
            errors.append(f"these answers are not there at all: {', '.join(gone)}")
    except (ValueError, KeyError, TypeError, RecursionError):
        ended = (
            f"stopped after {rooms.SECONDS} seconds" if late else "its process ended before its answers could be read"
        )
        values, errors = {}, [ended]
    submission.values, submission.problems = values, submission.problems + errors
    for name in ("name", "number"):
        if isinstance(said := values.get(name), str) and said.strip(" ."):
            setattr(submission, name, clean(said)[:100])


def mark(submission: Submission, questions: dict, by_hand: dict) -> None:
    """Points and a sentence for every task."""
    for name, task in questions.items():
        value = submission.values.get(name)
        if "rubric" in task:
            blank = not isinstance(value, str) or not value.strip(" .")
            given = 0.0 if blank else by_hand.get((submission.file, name))
            waiting = "A person has yet to mark this." if given is None else ""
            submission.points[name], submission.says[name] = given, "Nothing was written." if blank else waiting
        elif value is None or value == "...":
            submission.points[name], submission.says[name] = 0.0, "No answer."
        else:
            hits = [one for one in task["accepted"] if same(value, one["answer"], task["digits"])]
            wrong = {"points": 0, "says": f"Not right. {task['accepted'][0]['says']}"}
            best = max(hits, key=lambda one: one["points"], default=wrong)
            submission.points[name], submission.says[name] = float(best["points"]), best["says"]


def hands(path: Path, schemes: dict) -> dict[tuple[str, str], float]:
    """Points that a person has given, by file and task; an AssignmentError where they cannot be."""
    most = {name: task["points"] for scheme in schemes.values() for name, task in scheme["questions"].items()}
    given = {}
    for row in csv.DictReader(io.StringIO(path.read_text("utf-8-sig") if path.is_file() else "")):
        said, full = row["points"].strip().replace(",", "."), most.get(row["task"], 0)
        if said and (not re.fullmatch(r"\d+(\.\d+)?", said) or float(said) > full):
            raise AssignmentError(f"{path.name}: {row['file']}, {row['task']} has {said} points; take 0 to {full}.")
        if said:
            given[row["file"], row["task"]] = float(said)
    return given


def grade(folder: Path, given: Path) -> list[Submission]:
    """Mark every notebook below a folder, and write tables, page and feedback."""
    if not (folder / "marks.json").is_file():
        raise AssignmentError(f"There are no assignments of this class: make assignments CLASS={folder.name}")
    there = [path for path in sorted(given.rglob("*")) if not path.is_dir() and "/." not in path.as_posix()]
    paths = [path for path in there if path.suffix == ".ipynb" and not path.is_symlink()]
    for path in {*there} - {*paths}:
        print(f"{clean(path.name)}: not marked, for it is no file that ends in .ipynb", file=sys.stderr)
    if not paths:
        raise AssignmentError(f"IN is {str(given)!r}, and there is no notebook in it.")
    schemes, grades = json.loads((folder / "marks.json").read_text("utf8")), folder / "grades"
    by_hand = hands(grades / "by_hand.csv", schemes)
    if not rooms.isolated():
        print(ALONE, file=sys.stderr)
    found = [read(path, given, schemes) for path in paths]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda both: run(*both, schemes, folder), found))
    submissions = [one for one, _ in found]
    for one in submissions:
        mark(one, schemes.get(one.assignment, {"questions": {}})["questions"], by_hand)
        if not one.name:
            one.problems.append("nobody's name is in it")
    shutil.rmtree(grades / "feedback", ignore_errors=True)
    (grades / "feedback").mkdir(parents=True)
    columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *schemes]
    table(grades / "grades.csv", columns, gradebook(submissions, schemes))
    texts = {
        (one.file, name): clean(one.values[name])
        for one in submissions
        for name in one.points
        if "rubric" in schemes[one.assignment]["questions"][name] and one.says[name] != "Nothing was written."
    }
    rows = [[*key, texts.get(key, ""), by_hand.get(key, "")] for key in dict.fromkeys([*texts, *by_hand])]
    table(grades / "by_hand.csv", ["file", "task", "text", "points"], rows)
    (grades / "report.html").write_text(report(submissions, schemes, rooms.isolated()), "utf8")
    for one in submissions:
        if one.assignment:
            (path := (grades / "feedback" / one.file).with_suffix(".md")).parent.mkdir(parents=True, exist_ok=True)
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
