"""Write a class's own assignments into _build/course/CLASS (`make assignments CLASS=stats2027`).

From the class's word follow its data and numbers, and so its answers: they are nowhere until somebody who knows the word
computes them. otter-grader takes the solutions out of what tools/draws.py has drawn; a marking scheme holds what tools/grade.py
compares. The same word gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import logging
import re
import shutil
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import nbformat
import projects
import yaml
from draws import MASTERS, Assignment, AssignmentError, config, draw, same
from submission import plain

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build" / "course"
MISSING = (
    "Assignments need the extra `course`: `make assignments` installs it, or `pip install -r tools/course.lock` does."
)
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}")
GUESSED = re.compile(r"[A-Za-z]+[-_]?(19|20)?\d{0,2}|.{1,9}")  # one word, a course's name with a year, few letters
RESERVED = {"slides", "doctrees", "usb"}  # folders beside those of classes
OWN = ("aims", "digits", "mistakes", "needs", "probe", "rubric", "says")  # of a question; the rest is otter's
# Stands in every student's first code cell. It sees whether an answer is there, and knows no answer.
WRITTEN = '''

def written(name, value, kind):
    """Say whether an answer is there and has the right form; whether it is right, the marking says."""
    form = {"a number": ("__float__",), "a text": ("casefold",), "a list": ("__iter__",)}
    if value is ... or value is None:
        print(f"{name}: nothing yet. Replace the three dots by {kind}.")
    elif isinstance(value, str) != (kind == "a text") or not all(hasattr(value, one) for one in form[kind]):
        print(f"{name}: this is {type(value).__name__!r}, and {kind} is asked for.")
    else:
        print(f"{name}: written. Whether it is right, the marking says.")'''


def kind(question: dict) -> str:
    """What a question asks for, in words."""
    if "rubric" in question:
        return "a text"
    answer = question["accepted"][0]["answer"]
    return "a text" if isinstance(answer, str) else "a list" if isinstance(answer, list) else "a number"


def tests(question: dict) -> list:
    """Otter's cells of hidden tests: one for each number of points that can be had, so that mistakes get theirs."""
    cells, before = [nbformat.v4.new_raw_cell("# BEGIN TESTS")], 0
    for points in sorted({one["points"] for one in question["accepted"]} - {0}):
        answers = [one["answer"] for one in question["accepted"] if one["points"] >= points]
        settings = f'""" # BEGIN TEST CONFIG\npoints: {points - before}\nhidden: true\n""" # END TEST CONFIG'
        check = f"assert any(same(plain({question['probe']}), right, {question['digits']}) for right in {answers!r})"
        source = "\n".join(
            [settings, "import math", f"LONGEST = {10**4}", inspect.getsource(plain), inspect.getsource(same), check]
        )
        cells.append(nbformat.v4.new_code_cell(source))
        before = points
    return [*cells, nbformat.v4.new_raw_cell("# END TESTS")]


def for_otter(assignment: Assignment) -> nbformat.NotebookNode:
    """The master as otter takes it: its own keys only, and with tests."""
    settings = {"init_cell": False, "export_cell": False, "run_tests": False, "tests": {"files": True}}
    settings |= {"files": [*assignment.files], "generate": {"show_stdout": False}}
    cells = [nbformat.v4.new_raw_cell("# ASSIGNMENT CONFIG\n" + yaml.safe_dump(settings))]
    for cell in assignment.notebook.cells:
        asked = config(cell)
        if asked:
            asked = {key: value for key, value in asked.items() if key not in OWN} | {"check_cell": False}
            cell = nbformat.v4.new_raw_cell("# BEGIN QUESTION\n" + yaml.safe_dump(asked))
        question = assignment.questions.get(cell.metadata.get("question"))
        if question and "accepted" in question:
            cells += tests(question)
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells, metadata=assignment.notebook.metadata)


def finish(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook whose ids come from its content, with no outputs and nothing of otter's in it."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for at, cell in enumerate(notebook.cells):
        cell.metadata = {}
        cell.id = hashlib.sha256(f"{at}/{cell.source}".encode()).hexdigest()[:12]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def student(notebook: nbformat.NotebookNode, assignment: Assignment) -> None:
    """Put what says whether an answer is there below each answer cell of what otter left."""
    cells, first = [], True
    for cell in notebook.cells:
        cell.source = re.sub(r"<!-- (BEGIN|END) QUESTION -->\s*", "", cell.source)
        if cell.source:
            cells.append(cell)
        if cell.cell_type != "code":
            continue
        if first:
            cell.source, first = cell.source + "\n" + WRITTEN, False
        for name, question in assignment.questions.items():
            if re.search(rf"^(def )?{name}( =|\()", cell.source, re.MULTILINE):
                source = f'written("{name}", {question["probe"]}, "{kind(question)}")'
                cells.append(nbformat.v4.new_code_cell(source))
    notebook.cells = cells


def solution(assignment: Assignment) -> nbformat.NotebookNode:
    """The master without otter's marks, each answer followed by its sentence."""
    cells = []
    for cell in assignment.notebook.cells:
        if cell.cell_type != "raw":
            cell.source = re.sub(r" *# SOLUTION( NO PROMPT)?$", "", cell.source, flags=re.MULTILINE)
            cells.append(cell)
        elif cell.metadata.get("question"):
            question = assignment.questions[cell.metadata["question"]]
            says = question["accepted"][0]["says"] if "accepted" in question else "A person marks this: see the rubric."
            cells.append(nbformat.v4.new_markdown_cell(f"**{question['points']} points.** {says}"))
    return nbformat.v4.new_notebook(cells=cells)


def zipped(source: Path, target: Path) -> None:
    """A zip's files again, without the time at which they were made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist()):
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)


def rubric(assignment: Assignment) -> str:
    """How every task of an assignment is marked, for the person who marks."""
    parts = [f"## {assignment.title}: {assignment.points:g} points"]
    for name, question in assignment.questions.items():
        parts.append(f"### `{name}`: {question['points']} points\n\nAims: {', '.join(question['aims'])}.")
        if "rubric" in question:
            parts.append(
                "\n".join(["A person marks this.", "", *(f"- **{n}**: {x}" for n, x in enumerate(question["rubric"]))])
            )
        else:
            rows = [f"| {one['answer']} | {one['points']} | {one['says']} |" for one in question["accepted"]]
            parts.append("\n".join(["| answer | points | |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def write(word: str, masters: list[Path], folder: Path) -> None:
    """Everything for a class."""
    from otter.assign import main as otter_assign

    logging.getLogger("otter").setLevel(logging.ERROR)
    schemes, rubrics = (
        {},
        [f"# How these assignments are marked\n\nFor teachers of the class {word}; not for students."],
    )
    for master in masters:
        assignment = draw(master, word)
        with tempfile.TemporaryDirectory() as made:
            path = Path(made, f"{assignment.name}.ipynb")
            for name, text in assignment.files.items():
                path.with_name(name).write_text(text, "utf8")
                (target := folder / "student" / assignment.name).mkdir(parents=True, exist_ok=True)
                (target / name).write_text(text, "utf8")
            nbformat.write(for_otter(assignment), path)
            otter_assign(str(path), str(path.parent / "dist"), no_pdfs=True, no_run_tests=True)
            (made_zip,) = path.parent.glob("dist/autograder/*.zip")
            zipped(made_zip, folder / "autograder" / f"{assignment.name}.zip")
            blank = nbformat.read(path.parent / "dist" / "student" / path.name, as_version=4)
        student(blank, assignment)
        finish(blank, folder / "student" / assignment.name / path.name)
        finish(solution(assignment), folder / "solutions" / path.name)
        schemes[assignment.name] = {
            "title": assignment.title,
            "files": [*assignment.files],
            "questions": assignment.questions,
        }
        rubrics.append(rubric(assignment))
        print(f"{assignment.name}: {len(assignment.questions)} tasks, {assignment.points:g} points", flush=True)
    (folder / "rubric.md").write_text("\n\n".join(rubrics) + "\n", "utf8")
    (folder / "marks.json").write_text(json.dumps(schemes, indent=1) + "\n", "utf8")


def folder_of(word: str) -> Path:
    """Where a class's files are; an AssignmentError about a word that cannot be one."""
    if not word:
        raise AssignmentError("CLASS is empty; give a word that only you know, as in CLASS=cello-harbour-9.")
    if not WORD.fullmatch(word) or word in RESERVED:
        raise AssignmentError(
            f"CLASS is {word!r}; take 3 to 40 letters a to z, digits, - and _, and none of {', '.join(RESERVED)}."
        )
    return BUILD / word


def main(arguments: list[str] | None = None) -> int:
    """Write a class's assignments, or say in a sentence why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--word", default="")
    word = parser.parse_args(arguments).word
    try:
        folder = folder_of(word)
        if find_spec("otter") is None:
            raise AssignmentError(MISSING)
        if GUESSED.fullmatch(word):
            print(f"{word!r} is a word that students may guess; who has it can compute the answers.", file=sys.stderr)
        shutil.rmtree(folder / "student", ignore_errors=True)
        write(word, sorted(MASTERS.glob("*.ipynb")), folder)
        projects.write(word, folder)
    except AssignmentError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"For students: {(folder / 'student').relative_to(ROOT)}. All else in this folder is yours.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
