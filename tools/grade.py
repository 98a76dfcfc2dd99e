"""Mark a folder of submissions (`make grade CLASS=stats2027 IN=folder`), each in a room of its own.

A submission runs in a process that holds what its student had: the package, the assignment's data, and no answers. Out come
the values of its answers, as numbers and texts; they are compared here. `otter run` would compare inside of the submission's own
process, where it can read the tests or replace them; here a forged score is a text that nobody asked for.

On Linux the room has no network, no other processes and no files but Python's and the package's, which cannot be written to.
Where the system cannot make one, a note says so; time, memory and a folder of its own remain.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import functools
import html
import io
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from assignments import ROOT, AssignmentError, folder_of, same

RUNNER = ROOT / "tools" / "submission.py"
CELL_SECONDS, SECONDS = 30, 120
MEMORY = 4 * 2**30
LARGEST = 20_000_000  # bytes of a notebook
CANVAS = re.compile(r"^(?P<name>[^_/]+?)_(?:LATE_)?(?P<id>\d+)_\d+_")
MOODLE = re.compile(r"^(?P<name>.+?)_\d+_assignsubmission_file")
ALONE = (
    "Note: this system cannot shut a submission off (unshare of util-linux, on Linux, can): it could read your files and use the "
    "network. Time and memory are limited where the system can. Mark only what you would open yourself."
)
# Root of a namespace of its own makes the room from what is named, and gives up its rights before Python starts. In a
# changed root no new namespace can be made, so that nothing can be unmounted or made writable.
MAKE_ROOM = """set -e
room=$1; python=$2; package=$3; given=$4; shift 4
mount -t tmpfs -o size=512m room "$room"
mkdir -p "$room/work" "$room/tmp" "$room/dev" "$room/proc" "$room$package" "$room$(dirname "$python")"
mount -t proc proc "$room/proc"
for device in null zero urandom; do : > "$room/dev/$device"; mount --bind "/dev/$device" "$room/dev/$device"; done
cp -a "$package/." "$room$package"
cp "$given"/* "$room/work"
for path; do
  if [ -L "$path" ]; then ln -s "$(readlink "$path")" "$room$path"
  elif [ -d "$path" ]; then mkdir -p "$room$path"; mount --rbind "$path" "$room$path"; mount -o remount,bind,ro "$room$path"
  elif [ -e "$path" ]; then mkdir -p "$(dirname "$room$path")"; cp "$path" "$room$path"
  fi
done
exec chroot "$room" setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$python" __RUNNER__
"""


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
    points: dict[str, float | None] = field(
        default_factory=dict
    )  # of each task; None where a person has not marked yet
    says: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(points or 0 for points in self.points.values())


@functools.cache
def isolated() -> bool:
    """Whether this system can make a room; tried once."""
    if not all(map(shutil.which, ("unshare", "setpriv", "chroot"))):
        return False
    with tempfile.TemporaryDirectory() as given:
        Path(given, "empty").touch()
        answer, _ = in_a_room({"cells": [], "probes": {"one": "1"}}, Path(given), apart=True)
    return '"one": 1' in answer


def in_a_room(task: dict, given: Path, apart: bool) -> tuple[str, bool]:
    """What the runner wrote, and whether it was stopped by the clock."""
    task |= {"memory": MEMORY, "seconds": CELL_SECONDS, "isolated": apart}
    quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "SSMELSM_CORES": "1"}
    with tempfile.TemporaryDirectory() as room, tempfile.TemporaryFile() as out:
        if apart:
            seen = dict.fromkeys(
                [
                    "/usr",
                    "/bin",
                    "/lib",
                    "/lib64",
                    sys.base_prefix,
                    sys.prefix,
                    str(RUNNER),
                    str(ROOT / "requirements.lock"),
                ]
            )
            paths = [path for path in seen if path == "/usr" or not path.startswith("/usr/")]
            script = MAKE_ROOM.replace("__RUNNER__", f'"{RUNNER}"')
            names = ["unshare", "--map-root-user", "--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child"]
            package = str(ROOT / "ssmelsm_helpers")
            command = [*names, "sh", "-c", script, "sh", room, sys.executable, package, str(given), *paths]
            task["folder"] = "/work"
        else:
            task["folder"] = str(shutil.copytree(given, Path(room, "work")))
            command = [sys.executable, str(RUNNER)]
        # A clean environment: make's own would tell the class's word.
        home = {
            "HOME": task["folder"],
            "TMPDIR": task["folder"],
            "PYTHONPATH": str(ROOT),
            "MPLBACKEND": "agg",
            "PYTHONUTF8": "1",
        }
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        streams = {"stdin": subprocess.PIPE, "stdout": out, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=kept | home | quiet, start_new_session=True, **streams)
        late = False
        try:
            process.communicate(json.dumps(task).encode(), timeout=SECONDS)
        except subprocess.TimeoutExpired:
            late = True
        with contextlib.suppress(ProcessLookupError, AttributeError):  # Windows has no groups of processes
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        out.seek(0)
        return out.read(2_000_000).decode("utf8", "replace"), late


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
    submission = Submission(path, path.relative_to(folder).as_posix())
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
    if not submission.assignment:  # so that it stands in the table all the same
        submission.assignment = next((name for name in schemes if name in path.name), "")
    return submission, cells


def run(submission: Submission, cells: list[str], schemes: dict, folder: Path) -> None:
    """Let a submission run, and take its values."""
    if not cells or not submission.assignment:
        return
    probes = {name: task["probe"] for name, task in schemes[submission.assignment]["questions"].items()}
    given = folder / "student" / submission.assignment
    answer, late = in_a_room(
        {"cells": cells, "probes": {"name": "name", "number": "number"} | probes}, given, isolated()
    )
    try:
        told = json.loads(answer)
        values, errors = dict(told["values"]), [str(one)[:200] for one in told["errors"]][:20]
        if gone := [name for name in probes if name in told["missing"]]:
            errors.append(f"these answers are not there at all: {', '.join(gone)}")
    except (ValueError, KeyError, TypeError, RecursionError):
        values, errors = {}, []
        submission.problems.append(
            f"stopped after {SECONDS} seconds" if late else "its process ended before the answers could be read"
        )
    submission.values, submission.problems = values, submission.problems + errors
    for name in ("name", "number"):
        if isinstance(said := values.get(name), str) and said.strip(" ."):
            setattr(submission, name, re.sub(r"\s+", " ", said).strip()[:100])


def mark(submission: Submission, questions: dict, by_hand: dict) -> None:
    """Points and a sentence for every task."""
    for name, task in questions.items():
        value = submission.values.get(name)
        if "rubric" in task:
            blank = not isinstance(value, str) or not value.strip(" .")
            given = 0.0 if blank else by_hand.get((submission.file, name))
            submission.points[name] = given
            submission.says[name] = (
                "Nothing was written." if blank else "" if given is not None else "A person has yet to mark this."
            )
            continue
        if value is None or value == "...":
            submission.points[name], submission.says[name] = 0.0, "No answer."
            continue
        hits = [one for one in task["accepted"] if same(value, one["answer"], task["digits"])]
        right = task["accepted"][0]
        best = max(hits, key=lambda one: one["points"], default={"points": 0, "says": f"Not right. {right['says']}"})
        submission.points[name], submission.says[name] = float(best["points"]), best["says"]


def hands(path: Path, schemes: dict) -> dict[tuple[str, str], float]:
    """Points that a person has given, by file and task; an AssignmentError where they cannot be."""
    most = {name: task["points"] for scheme in schemes.values() for name, task in scheme["questions"].items()}
    given = {}
    for row in csv.DictReader(io.StringIO(path.read_text("utf-8-sig") if path.is_file() else "")):
        said = row["points"].strip().replace(",", ".")
        if said:
            if not re.fullmatch(r"\d+(\.\d+)?", said) or float(said) > most.get(row["task"], 0):
                raise AssignmentError(
                    f"{path.name}: {row['file']}, {row['task']} has the points {said!r}; take 0 to {most.get(row['task'])}."
                )
            given[row["file"], row["task"]] = float(said)
    return given


def table(path: Path, columns: list[str], rows: list[list]) -> None:
    """A CSV that spreadsheets open with the right letters; a text that begins like a formula stays a text."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        safe = [
            [f"'{x}" if isinstance(x, str) and x[:1] in ("=", "+", "-", "@", "\t") else x for x in row] for row in rows
        ]
        csv.writer(file).writerows([columns, *safe])


def gradebook(submissions: list[Submission], schemes: dict) -> list[list]:
    """A row for each student, with a column for each assignment; files of one student are told by number, else by name."""
    rows: dict[tuple, dict] = {}
    for one in submissions:
        who = one.canvas or one.number or one.name or one.file
        again = 0
        while one.assignment in rows.get((who, again), {}):
            again += 1
        if again:
            one.problems.append(f"another file for {one.assignment} has the same name or number: each has a row")
        row = rows.setdefault((who, again), {"who": [one.name or f"(no name: {one.file})", one.canvas, one.number]})
        row[one.assignment] = f"{one.total:g}"
    return [[*row["who"], "", "", *(row.get(name, "") for name in schemes)] for row in rows.values()]


def report(submissions: list[Submission], schemes: dict) -> str:
    """A page of which task went wrong for whom."""
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Marking</title><style>body{font:16px sans-serif;margin:2em}"
    ]
    parts.append(
        "table{border-collapse:collapse}td,th{border:1px solid #888;padding:.2em .5em}</style><h1>Marking</h1>"
    )
    if not isolated():
        parts.append(f"<p><strong>{ALONE}</strong></p>")
    odd = [f"<li>{html.escape(f'{one.file}: {line}')}</li>" for one in submissions for line in one.problems]
    parts += ["<h2>What to look at</h2><ul>", *odd, "</ul>"] if odd else []
    for name, scheme in schemes.items():
        chosen = [one for one in submissions if one.assignment == name]
        if not chosen:
            continue
        tasks, full = scheme["questions"], sum(task["points"] for task in scheme["questions"].values())
        middle = statistics.median(one.total for one in chosen)
        parts.append(
            f"<h2>{html.escape(scheme['title'])}</h2><p>{len(chosen)} submissions; the median is {middle:g} of {full:g} points.</p>"
        )
        parts.append("<table><tr><th>task</th><th>points</th><th>mean</th><th>not in full</th></tr>")
        for task, facts in tasks.items():
            got = {one: one.points[task] for one in chosen if one.points[task] is not None}
            lost = ", ".join(
                f"{html.escape(one.name or one.file)} ({got[one]:g})" for one in got if got[one] < facts["points"]
            )
            mean = f"{statistics.mean(got.values()):.1f}" if got else "not marked yet"
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


def grade(folder: Path, given: Path) -> list[Submission]:
    """Mark every notebook below a folder, and write tables, page and feedback."""
    if not (folder / "marks.json").is_file():
        raise AssignmentError(f"There are no assignments of this class: make assignments CLASS={folder.name}")
    paths = [
        path
        for path in sorted(given.rglob("*.ipynb"))
        if path.is_file() and not path.is_symlink() and "/." not in path.as_posix()
    ]
    if not paths:
        raise AssignmentError(f"IN is {str(given)!r}, and there is no notebook in it.")
    schemes, grades = json.loads((folder / "marks.json").read_text("utf8")), folder / "grades"
    by_hand = hands(grades / "by_hand.csv", schemes)
    if not isolated():
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
    manual = [
        (one, name) for one in submissions for name in one.points if not one.says[name] or one.points[name] is None
    ]
    rows = [[one.file, name, one.values.get(name), by_hand.get((one.file, name), "")] for one, name in manual]
    table(grades / "by_hand.csv", ["file", "task", "text", "points"], rows)
    (grades / "report.html").write_text(report(submissions, schemes), "utf8")
    for one in submissions:
        if one.assignment:
            name = re.sub(r"[^\w.-]+", "_", one.file.removesuffix(".ipynb")) + ".md"
            (grades / "feedback" / name).write_text(feedback(one, schemes[one.assignment]), "utf8")
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
