"""Assignments drawn from a class's word, and their marking: what is right, wrong, blank, broken or hostile."""

from __future__ import annotations

import json
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import assignments
import grade
import nbformat
import pytest

MASTERS = sorted(assignments.MASTERS.glob("*.ipynb"))
WORD = "stats2027"


def each():
    """A test of every master."""
    return pytest.mark.parametrize("master", MASTERS, ids=[master.stem for master in MASTERS])


@pytest.fixture(scope="session")
def drawn():
    """Every assignment of two classes."""
    return {word: {master.stem: assignments.draw(master, word) for master in MASTERS} for word in (WORD, "other-class")}


def write(masters: list[Path], folder: Path) -> None:
    """Write a class's files; what otter-grader's dependencies warn of is not ours."""
    with warnings.catch_warnings(action="ignore"):
        assignments.write(WORD, masters, folder)


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """The files of a class; they need the extra `course`, whose lack is a failure under CI."""
    if find_spec("otter") is None:
        pytest.fail(assignments.MISSING) if os.environ.get("CI") else pytest.skip(assignments.MISSING)
    folder = tmp_path_factory.mktemp("course") / WORD
    write(MASTERS, folder)
    return folder


def cells(path: Path) -> list[str]:
    """The code cells of a notebook."""
    return [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def hand_in(path: Path, sources: list[str]) -> None:
    """Write a notebook of code cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources]), path)


def named(sources: list[str], name: str) -> list[str]:
    """Cells with a student's name, who writes it twice."""
    return [
        source.replace('name = ""', f'name = "{name}"').replace('number = ""', f'number = "{name}@x"')
        for source in sources
    ]


def marked(classroom: Path, given: Path, **limits) -> dict[str, grade.Submission]:
    """What a folder of submissions got, by file."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(grade, name, value)
        return {one.file.removesuffix(".ipynb"): one for one in grade.grade(classroom, given)}


@each()
def test_solutions_are_marked_in_full_and_listed_mistakes_as_they_should(drawn, master):
    """Without a notebook: what is compared, and how."""
    questions = drawn[WORD][master.stem].questions
    for name, task in questions.items():
        for one in task.get("accepted", ()):
            submission = grade.Submission(master, master.name, values={name: one["answer"]})
            grade.mark(submission, {name: task}, {})
            assert submission.points[name] == one["points"], f"{name}: {one['says']}"
            assert submission.says[name] == one["says"]
        blank = grade.Submission(master, master.name, values={name: "..."})
        grade.mark(blank, {name: task}, {})
        assert blank.total == 0


@each()
def test_two_classes_have_no_number_in_common(drawn, master):
    one, other = (drawn[word][master.stem].questions for word in drawn)
    numbers = {
        name: (task["accepted"][0]["answer"], other[name]["accepted"][0]["answer"])
        for name, task in one.items()
        if "accepted" in task and assignments.is_numeric(task["accepted"][0]["answer"])
    }
    assert numbers
    assert [name for name, (a, b) in numbers.items() if assignments.same(a, b, one[name]["digits"])] == []


@pytest.mark.parametrize("word", ["", "ab", "stats 2027", "../away", "slides", "é" * 5, "x" * 41])
def test_a_word_that_is_none_is_refused(word, capsys):
    assert assignments.main(["--word", word]) == 1
    said = capsys.readouterr().err
    assert said.startswith("CLASS is ")
    assert said.count("\n") == 1


def test_the_same_word_gives_the_same_bytes(classroom, tmp_path):
    write(MASTERS[:1], tmp_path)
    made = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in ("rubric.md", "marks.json")]
    assert len(made) >= 4
    for path in made:
        assert path.read_bytes() == (classroom / path.relative_to(tmp_path)).read_bytes(), path.name


@each()
def test_a_student_has_no_answers(classroom, master):
    """Neither the class's word, nor solutions, nor tests; and cells that say that nothing is there yet."""
    path = classroom / "student" / master.stem / master.name
    text, notebook = path.read_text("utf8"), nbformat.read(path, 4)
    for hidden in (WORD, "SOLUTION", "HIDDEN", "otter", "# CLASS", "accepted", "default_rng(int", "{{"):
        assert hidden not in text
    assert [*notebook.metadata] == ["kernelspec"]
    scheme = json.loads((classroom / "marks.json").read_text("utf8"))[master.stem]
    for name, task in scheme["questions"].items():
        assert text.count(f'written(\\"{name}\\"') == 1, name
        for one in task.get("accepted", ()):
            if isinstance(one["answer"], float):
                assert f"{one['answer']:.6g}" not in text or len(f"{one['answer']:.6g}") < 6, name


@each()
def test_from_solution_and_blank_to_points(classroom, master, tmp_path):
    blank = classroom / "student" / master.stem / master.name
    hand_in(tmp_path / "full.ipynb", named(cells(classroom / "solutions" / master.name), "Full"))
    hand_in(tmp_path / "blank.ipynb", named(cells(blank), "Blank"))
    got = marked(classroom, tmp_path)
    tasks = json.loads((classroom / "marks.json").read_text("utf8"))[master.stem]["questions"]
    assert got["full"].problems == []
    assert got["full"].points == {name: None if "rubric" in task else task["points"] for name, task in tasks.items()}
    assert got["blank"].points == dict.fromkeys(tasks, 0)
    assert got["blank"].name == "Blank"
    assert "Whether it is right" not in got["blank"].says.values()
