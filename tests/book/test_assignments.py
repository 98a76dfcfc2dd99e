"""Assignments drawn from a class's word, and their marking: what is right, wrong, blank, broken or hostile."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import warnings
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import assignments
import draws
import grade
import nbformat
import numpy as np
import pandas as pd
import pytest
import rooms
import xarray

from ssmelsm_helpers.model import compiled, school_effects

MASTERS = sorted(assignments.MASTERS.glob("*.ipynb"))
WORD = "stats2027"


def each():
    """A test of every master."""
    return pytest.mark.parametrize("master", MASTERS, ids=[master.stem for master in MASTERS])


@pytest.fixture(scope="session")
def drawn():
    """Every assignment of two classes."""
    return {word: {master.stem: draws.draw(master, word) for master in MASTERS} for word in (WORD, "other-class")}


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
            patch.setattr(rooms, name, value)
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
        if "accepted" in task and draws.is_numeric(task["accepted"][0]["answer"])
    }
    assert numbers
    assert [name for name, (a, b) in numbers.items() if draws.same(a, b, one[name]["digits"])] == []


@pytest.mark.parametrize("word", ["", "ab", "stats 2027", "../away", "slides", "é" * 5, "x" * 41])
def test_a_word_that_is_none_is_refused(word, capsys):
    assert assignments.main(["--word", word]) == 1
    said = capsys.readouterr().err
    assert said.startswith("CLASS is ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("word", ["stats2027", "statistics", "Saeb_27", "ab-cd-12"])
def test_a_word_that_can_be_guessed_is_called_so(word):
    assert assignments.GUESSED.fullmatch(word)
    assert not assignments.GUESSED.fullmatch("cello-harbour-9")


@pytest.mark.parametrize(
    ("answer", "right", "digits", "is_right"),
    [
        (1.24, 1.234, 2, True),
        (1.22, 1.234, 2, False),
        (1, 1.0, 2, True),
        (True, 1.0, 2, False),
        ("1.23", 1.23, 2, True),
        ("1,23", 1.23, 2, True),
        ("one", 1.0, 2, False),
        ([1.23], 1.23, 2, True),
        ("b) the second", "B", 2, True),
        ("C.", "B", 2, False),
        ("Because", "B", 2, False),
        (["2", "1"], [1, 2], 2, True),
        (None, 1.0, 2, False),
        (" b ", "B", 2, True),
        ([2, 1], [1, 2], 2, True),
        ([2.0, 1.0], [1.0, 2.0], 2, False),
        (["x", "y"], ["y", "x"], 2, False),
        ([1], [1, 2], 2, False),
        ([[1]], [1], 2, True),
        ([[1, 2]], [1], 2, False),
    ],
)
def test_what_counts_as_right(answer, right, digits, is_right):
    assert draws.same(answer, right, digits) is is_right


def test_the_same_word_gives_the_same_bytes(classroom, tmp_path):
    write(MASTERS, tmp_path)
    made = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(made) >= 4 * len(MASTERS)
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
    assert got["blank"].problems == []
    assert got["blank"].points == dict.fromkeys(tasks, 0)
    assert got["blank"].name == "Blank"
    assert "Whether it is right" not in got["blank"].says.values()


LOOK = """import os, pathlib
found = []
for place in ("/", os.path.expanduser("~"), {root!r}, {given!r}, {folder!r}):
    for path in ("marks.json", "solutions/homework_1.ipynb", "_build", "notebooks/assignments", "tools/assignments.py", "other.ipynb"):
        found += [str(path)] if pathlib.Path(place, path).exists() else []
for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    found += ["the word"] if b{word!r} in process.read_bytes() else []
found += ["the word"] if {word!r} in str(os.environ) else []
found += ["the word"] if {word!r} in pathlib.Path("/proc/self/mountinfo").read_text() else []
import sys
try:
    pathlib.Path(sys.prefix, "pwned").touch()
    found.append("the installation can be written to")
except OSError:
    pass
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=2)
    found.append("the network")
except OSError:
    pass
sd_ratio = ", ".join(found) or "nothing"
"""
FORGE = """import json, os, sys
sd_ratio = 99
json.dump({"sd_ratio": {"score": 99}}, open("results.json", "w"))
print('{"values": {"sd_ratio": 99}, "errors": [], "missing": []}')
for stream in range(3, 20):
    try:
        os.write(stream, b'{"values": {"sd_ratio": ' + b'9' * 4000 + b'}, "errors": [], "missing": []}')
        os._exit(0)
    except OSError:
        pass
"""
WRONG_FORM = """import os
for stream in range(3, 20):
    try:
        os.write(stream, b'{"values": {}, "errors": [[1]], "missing": []}')
        os._exit(0)
    except OSError:
        pass
"""
EQUAL = """class Right(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
    def tolist(self): return self
import math
math.isfinite = lambda value: True
sd_ratio = Right("nan")
"""
HOSTILE = {
    "loop": ("while True: pass", "TimeoutError"),
    "a stubborn loop": (
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
        "stopped after",
    ),
    "memory": ("import numpy as np\nhuge = np.ones(10 * 2**30 // 8)", "MemoryError"),
    "exit": ("import sys\nsys.exit()", "SystemExit"),
    "gone": ("import os\nos._exit(0)", "its process ended before"),
    "loud": ("for _ in range(200): print('x' * 10**6)", ""),
    "forged": (FORGE, ""),
    "forged in a wrong form": (WRONG_FORM, "[1]"),
    "equal": (EQUAL, ""),
    "bomb": ("import os\nfor _ in range(20):\n    if os.fork() == 0:\n        while True: pass", ""),
    "tidy": ("import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)", ""),
    "thread": ("import threading, time\nthreading.Thread(target=time.sleep, args=(900,)).start()", ""),
    "large": ("sd_ratio = 'x' * 10**8", ""),
    "name": ("name, sd_ratio = '\\x1b[31m\\ud800<b>Eve', 10**300", ""),
    "deep": ("sd_ratio = []\nfor _ in range(10**5): sd_ratio = [sd_ratio]", ""),
}


@pytest.fixture(scope="module")
def hostile(classroom, tmp_path_factory):
    """What a folder got in which most mean no good; the last two are honest."""
    given = tmp_path_factory.mktemp("given")
    full = named(cells(classroom / "solutions" / "homework_1.ipynb"), "Honest")
    for name, (cell, _) in HOSTILE.items():
        hand_in(given / f"{name}.ipynb", [*full[:2], cell, *full[3:]])  # in the place of the first answer
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        places = {"root": str(assignments.ROOT), "given": str(given), "folder": str(classroom), "word": WORD}
        hand_in(given / "look.ipynb", [*full[:2], LOOK.format(**places, port=server.getsockname()[1]), *full[3:]])
        (given / "no notebook.ipynb").write_text("Dear teacher,")
        (given / "nested.ipynb").write_text("[" * 10**5)
        (given / "empty.ipynb").write_text('{"cells": []}')
        hand_in(given / "deleted.ipynb", ["import numpy"])
        hand_in(given / "some deleted.ipynb", full[:-4])
        hand_in(given / "mustermax_4711_99_homework_1.ipynb", cells(classroom / "solutions" / "homework_1.ipynb"))
        hand_in(
            given / "Eva Muster_17_assignsubmission_file_" / "homework_1.ipynb",
            cells(classroom / "student" / "homework_1" / "homework_1.ipynb"),
        )
        hand_in(given / "other.ipynb", full)
        return marked(classroom, given, CELL_SECONDS=6, SECONDS=20)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_notebook_spoils_its_own_mark_only(hostile, name):
    one, honest = hostile[name], hostile["other"]
    assert not one.points["sd_ratio"]
    assert one.total < honest.total
    assert HOSTILE[name][1] in "; ".join(one.problems)
    assert all(len(line) < 300 and line.isprintable() for line in [*one.problems, one.name])
    assert honest.total == sum(points for points in honest.points.values() if points)
    assert honest.problems == ["another file for homework_1 has the same name or number: each has a row"]


def test_a_submission_sees_no_answers_and_no_network(hostile):
    if not rooms.isolated():
        pytest.skip("this system cannot shut a submission off; make grade says so")
    assert hostile["look"].values["sd_ratio"] == "nothing"


MANY = """import os, time
count = 0
try:
    while count < 1000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except BlockingIOError:
    pass
"""


def test_processes_of_a_submission_are_bounded(tmp_path):
    """Also for root, who is bound by no number of processes: nobody in a room is root."""
    if not rooms.isolated():
        pytest.skip("this system cannot shut a submission off; make grade says so")
    (tmp_path / "data.csv").touch()
    answer, _ = rooms.run({"cells": [MANY], "probes": {"count": "count"}}, tmp_path)
    assert 0 < json.loads(answer)["values"]["count"] < 200


def test_nobody_compiles_in_a_room_what_is_compiled_outside(tmp_path):
    """Ten seconds of each submission: Numba takes only a cache that it may write to."""
    if not rooms.isolated():
        pytest.skip("this system cannot shut a submission off; make grade says so")
    one = "import ssmelsm_helpers as sm; sm.school_evidence(20, sd=1.2)"
    subprocess.run([sys.executable, "-c", one], check=True)
    if not compiled.is_compiled(school_effects.likelihoods_and_effects):
        pytest.skip("compiled code cannot be kept here")
    (tmp_path / "data.csv").touch()
    hits = "sum(sys.modules['ssmelsm_helpers.model.school_effects'].likelihoods_and_effects.stats.cache_hits.values())"
    answer, _ = rooms.run({"cells": ["import sys", one], "probes": {"hits": hits}}, tmp_path)
    assert json.loads(answer)["values"] == {"hits": 1}


def test_a_project_may_lie_among_temporary_files(tmp_path, monkeypatch):
    """Where a room has its own, too. (What is a folder is mounted, as the environment is, and not copied.)"""
    if not rooms.isolated():
        pytest.skip("this system cannot shut a submission off; make grade says so")
    given = tmp_path / "given"
    given.mkdir()
    (given / "data.csv").touch()
    with tempfile.TemporaryDirectory(dir="/tmp") as project:
        for part in ("requirements.lock", "ssmelsm_helpers"):
            Path(project, part).mkdir()
        monkeypatch.setattr(rooms, "ROOT", Path(project))
        answer, _ = rooms.run({"cells": ["open('/tmp/mine', 'w')"], "probes": {"one": "1"}}, given, apart=True)
    assert json.loads(answer) == {"values": {"one": 1}, "errors": [], "missing": []}


def test_what_is_no_notebook_gets_a_sentence(hostile):
    said = {
        name: "; ".join(hostile[name].problems)
        for name in ("no notebook", "nested", "empty", "deleted", "some deleted")
    }
    assert "this is no notebook" in said["no notebook"]
    assert "this is no notebook" in said["nested"]
    assert "have its cells been deleted?" in said["deleted"]
    assert "have its cells been deleted?" in said["empty"]
    assert "not there at all: covariance, expected_t, rows, conclusion" in said["some deleted"]
    assert hostile["some deleted"].total > 20


def test_names_come_from_the_course_page_where_none_is_written(hostile):
    one = hostile["mustermax_4711_99_homework_1"]
    assert (one.name, one.canvas) == ("mustermax", "4711")
    assert hostile["Eva Muster_17_assignsubmission_file_/homework_1"].name == "Eva Muster"


def test_tables_pages_and_feedback(classroom, hostile):
    grades = classroom / "grades"
    rows = [*csv.DictReader(io.StringIO((grades / "grades.csv").read_text("utf-8-sig")))]
    assert [*rows[0]][:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert len(rows) == len(hostile)
    assert len([*(grades / "feedback").rglob("*.md")]) == sum(bool(one.assignment) for one in hostile.values())
    assert "<td>sd_ratio</td>" in (grades / "report.html").read_text("utf8")
    assert "**sd_ratio: 2 of 2.**" in (grades / "feedback" / "other.ipynb.md").read_text("utf8")


def test_points_of_a_person_are_kept_and_checked(classroom, tmp_path):
    hand_in(tmp_path / "one.ipynb", named(cells(classroom / "solutions" / "homework_1.ipynb"), "=One()"))
    before = marked(classroom, tmp_path)["one"]
    by_hand = classroom / "grades" / "by_hand.csv"
    assert before.points["conclusion"] is None
    text = by_hand.read_text("utf-8-sig")
    by_hand.write_text(text.rstrip().removesuffix(",") + ',"2,5"\n', "utf-8-sig")
    assert marked(classroom, tmp_path)["one"].total == before.total + 2.5
    assert "'=One()" in (classroom / "grades" / "grades.csv").read_text("utf-8-sig")
    by_hand.write_text(by_hand.read_text("utf-8-sig").replace("2.5", "7"), "utf-8-sig")
    with pytest.raises(draws.AssignmentError, match="take 0 to 3"):
        marked(classroom, tmp_path)
    by_hand.unlink()


def test_points_of_a_person_are_those_of_a_text(classroom, tmp_path):
    """Not of a file: another text in it waits; nor does a spreadsheet's own mark between columns lose them."""
    full = named(cells(classroom / "solutions" / "homework_1.ipynb"), "One")
    hand_in(tmp_path / "=one.ipynb", full)
    hand_in(tmp_path / "=  one.ipynb", full)
    by_hand = classroom / "grades" / "by_hand.csv"
    marked(classroom, tmp_path)
    lines = by_hand.read_text("utf-8-sig").splitlines()
    assert lines[0] == "assignment,file,task,text,points"
    assert len(lines) == 3
    by_hand.write_text("\n".join([lines[0], *(f"{line}3" for line in lines[1:])]).replace(",", ";"), "utf-8-sig")
    got = marked(classroom, tmp_path)
    assert [one.points["conclusion"] for one in got.values()] == [3, 3]
    assert "what does not follow" in got["=one"].says["conclusion"]
    hand_in(tmp_path / "=one.ipynb", [source.replace("An answer of", "Another of") for source in full])
    again = marked(classroom, tmp_path)
    assert [again[name].points["conclusion"] for name in ("=one", "= one")] == [None, 3]
    assert "another text than the one with points" in "; ".join(again["=one"].problems)
    by_hand.write_text("file,points\n", "utf-8-sig")
    with pytest.raises(draws.AssignmentError, match="has no column 'assignment'"):
        marked(classroom, tmp_path)
    by_hand.unlink()


def test_odd_names_of_files_stay_in_their_folder(classroom, tmp_path):
    given = tmp_path / ".handed in"
    blank = cells(classroom / "student" / "quiz_1" / "quiz_1.ipynb")
    for name in ("a b", "a  b", " /tmp/pwned", " .. /x", "x.md/y"):
        hand_in(given / f"{name}.ipynb", blank)
    (given / ".hidden").mkdir()
    hand_in(given / ".hidden" / "no.ipynb", blank)
    os.mkfifo(given / "pipe.ipynb")
    got = marked(classroom, given)
    assert sorted(one.file for one in got.values()) == [
        "_/tmp/pwned.ipynb",
        "_/x.ipynb",
        "a b.ipynb",
        "a b.ipynb (2)",
        "x.md/y.ipynb",
    ]
    pages = [
        path.relative_to(classroom / "grades" / "feedback").as_posix()
        for path in (classroom / "grades").rglob("*.md")
        if path.is_file()
    ]
    assert sorted(pages) == sorted(f"{one.file}.md" for one in got.values())


def test_rows_of_the_gradebook_hold_one_student():
    def handed_in(file, **facts):
        return grade.Submission(Path(file), file, points={"a": 1.0}, **facts)

    schemes = {"one": {}, "two": {}}
    victim = handed_in("v", assignment="one", canvas="4711", name="Vic")
    cheat = handed_in("c", assignment="two", number="4711", name="Che")
    rows = grade.gradebook([victim, cheat], schemes)
    assert [row[0] for row in rows] == ["Vic", "Che"]
    twice = [
        handed_in("x", assignment="one", number="7", name="Xa"),
        handed_in("y", assignment="two", number="7", name="Yo"),
    ]
    grade.gradebook(twice, schemes)
    assert twice[1].problems == ["its number is that of Xa, whose row it is in"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (xarray.DataArray(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (Decimal("0.5"), 0.5),
        (range(3), [0, 1, 2]),
        ({"a": 1}.values(), [1]),
        (pd.Series([0.5]), [0.5]),
        ({"a": 1}, None),
        (b"ab", None),
    ],
)
def test_answers_of_any_kind_are_taken(value, told):
    assert grade.plain(value) == told


@each()
def test_a_sentence_says_the_answer_as_exactly_as_it_is_asked(drawn, master):
    for name, task in drawn[WORD][master.stem].questions.items():
        right = task.get("accepted", [{"answer": "", "says": ""}])[0]
        if task["probe"] != name:  # of a function
            continue
        said = [float(number) for number in re.findall(r"-?\d*\.?\d+", right["says"])]
        wanted = right["answer"] if isinstance(right["answer"], list) else [right["answer"]]
        lost = [
            one
            for one in wanted
            if isinstance(one, float) and not any(draws.same(x, one, task["digits"]) for x in said)
        ]
        assert lost == [], f"{name}: {right['says']}"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--word", "stats2027"], "IN is empty"),
        (["--word", "nobody-has-this", "--given", "."], "make assignments CLASS=nobody-has-this"),
        (["--given", "."], "CLASS is empty"),
    ],
)
def test_a_request_that_cannot_be_met_gets_a_sentence(arguments, says, capsys):
    assert grade.main(arguments) == 1
    assert says in capsys.readouterr().err


def test_otter_gives_the_same_points(classroom, tmp_path):
    """The autograders that are written for other systems."""
    full = named(cells(classroom / "solutions" / "quiz_3.ipynb"), "Half")
    hand_in(tmp_path / "quiz_3.ipynb", [source.replace(" / (0.", " + 0 * (0.") for source in full])
    command = [sys.executable, "-m", "otter", "run", "-a", classroom / "autograder" / "quiz_3.zip", "-o", tmp_path]
    done = subprocess.run(
        [*command, "--no-logo", tmp_path / "quiz_3.ipynb"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "results.json").read_text())
    scores = {test["name"]: test.get("score") for test in told["tests"] if test.get("score") is not None}
    ours = marked(classroom, tmp_path)["quiz_3"].points
    assert {name: scores.get(name) for name in ours} == ours
