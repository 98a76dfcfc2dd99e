"""The house: its rooms, what they import, how much they weigh, and how the code is written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import house
import pytest
from book_harness import ROOT

import ssmelsm_helpers as sm

ROOMS = {
    "__main__.py",
    "arguments.py",
    "data",
    "spec",
    "model",
    "fitting",
    "results",
    "study",
    "plot",
    "explore",
    "exercises",
}
# Lines of code. (The collapsed density is compiled as a whole, some 180 lines, so that chains run without Python.)
MOST_LINES, MOST_LINES_OF_THE_CORE = 7140, 3795
# Below this, a room is one screen after the other.
MOST_LINES_OF_A_MODULE = 290


def tool(name: str) -> str:
    """A command of this environment."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is in requirements.lock"
    return found


def test_rooms_are_those_of_the_plan():
    assert {*house.rooms()} - {"__init__.py"} == ROOMS


def test_the_package_is_thin():
    counts = house.rooms()
    assert sum(counts.values()) <= MOST_LINES, counts
    assert sum(counts[room] for room in house.CORE) <= MOST_LINES_OF_THE_CORE, counts


def test_modules_are_short():
    long = {str(p): len(p.read_text("utf8").splitlines()) for p in house.PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES_OF_A_MODULE} == {}


def test_no_module_has_the_name_of_another_or_of_something_public():
    paths = [path for path in house.PACKAGE.rglob("*.py") if path.stem != "__init__"]
    names = [path.stem for path in paths]
    assert sorted({name for name in names if names.count(name) > 1}) == []
    # A submodule, once imported, is an attribute of its package, and would hide a function of the same name.
    for space in (sm, sm.plot, sm.explore, sm.study):
        inside = {path.stem for path in Path(space.__file__).parent.iterdir() if path.suffix in ("", ".py")}
        assert inside & {*space.__all__} <= {"plot", "explore", "study"}


@pytest.mark.parametrize("command", [["lint-imports"], ["ruff", "check", "."], ["ruff", "format", "--check", "."]])
def test_code_is_as_agreed(command):
    """Floors and circles stand in pyproject.toml's contracts, style in its ruff section."""
    done = subprocess.run([tool(command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_texts_name_what_there_is():
    """Chapters, pages and READMEs, code and sentences alike."""
    texts = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("book/*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")]
    named = {name for path in texts for name in re.findall(r"\bsm(?:\.[a-z]\w*)+", path.read_text("utf8"), re.I)}
    assert len(named) > 50
    for name in sorted(named):
        attrgetter(name.removeprefix("sm."))(sm)


def test_public_names():
    assert len(sm.__all__) <= 34
    for space in (sm, sm.plot, sm.explore, sm.study):
        for name in space.__all__:
            assert getattr(space, name) is not None
