"""The project's files agree with each other: dependencies, pins, versions, the public address."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import lock
import pytest
import repository
import yaml
from book_harness import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ssmelsm_helpers import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = {name: [Requirement(line) for line in lines] for name, lines in PROJECT["optional-dependencies"].items()}
LOCK = ROOT / "requirements.lock"
COURSE_LOCK = ROOT / "tools" / "course.lock"


def pins(path: Path = LOCK) -> dict[str, str]:
    """Versions of requirements.lock, or of another."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


@pytest.mark.parametrize(
    "requirement",
    [*CORE, *(one for name, extra in EXTRAS.items() if name != "course" for one in extra)],
    ids=lambda r: r.name,
)
def test_lock_pins_every_dependency(requirement):
    version = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("requirement", EXTRAS["course"], ids=lambda r: r.name)
def test_the_course_has_pins_of_its_own(requirement):
    version = pins(COURSE_LOCK)[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def test_the_course_changes_no_pin_of_readers():
    assert pins().keys() & pins(COURSE_LOCK).keys() == set()


def test_what_only_the_course_needs_is_told_apart():
    both = {*pins(), *pins(COURSE_LOCK)}
    only = lock.only_for_the_course() & both
    assert only & pins().keys() == set()
    if find_spec("sphinx_revealjs"):  # else nothing of it is here
        assert only == pins(COURSE_LOCK).keys()


@pytest.mark.parametrize("path", [LOCK, COURSE_LOCK], ids=lambda path: path.name)
def test_lock_is_plain(path):
    text = path.read_text()
    assert "://" not in text
    assert canonicalize_name(PROJECT["name"]) not in pins(path)
    assert re.fullmatch(r"(#.*\n|[a-z0-9-]+==[\w.!]+\n)+", text)


def test_binder_gets_the_tested_set_and_nothing_else():
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python = (ROOT / ".python-version").read_text().strip()
    assert lines == [f"python={python}", "pip", {"pip": ["-r requirements.lock"]}]


def test_environment_has_the_same_python():
    python = (ROOT / ".python-version").read_text().strip()
    assert PROJECT["requires-python"] == f">={python}"


def optional_nodes(tree: ast.AST) -> set[ast.AST]:
    """What stands in a `try` with `except ImportError`."""
    tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
    caught = [node for node in tries if any("ImportError" in ast.dump(handler) for handler in node.handlers)]
    return {inner for node in caught for statement in node.body for inner in ast.walk(statement)}


def imported_by_the_package() -> set[str]:
    """Top-level names of all modules that the package cannot do without, wherever in its files it imports them."""
    names = set()
    for path in (ROOT / "ssmelsm_helpers").rglob("*.py"):
        tree = ast.parse(path.read_text("utf8"))
        optional = optional_nodes(tree)
        for node in ast.walk(tree):
            if node in optional:
                continue
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {PROJECT["name"]}


def test_what_the_package_imports_is_declared():
    declared = {canonicalize_name(found.name) for found in CORE}
    providers = packages_distributions()
    for module in imported_by_the_package():
        names = {canonicalize_name(name) for name in providers[module]}
        assert names & declared, f"{module} is imported and not among the dependencies of pyproject.toml"


def test_versions_agree():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"releases/download/v{__version__}" in path.read_text("utf8"), f"{path.name} on Colab"
        assert f"ssmelsm_helpers-{__version__}-py3-none-any.whl" in path.read_text("utf8"), f"{path.name} on Colab"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_citation_names_the_method():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert "10.3102/10769986261426004" in [reference.get("doi") for reference in citation["references"]]


def test_address_is_the_same_everywhere():
    assert repository.disagreements() == []


@pytest.fixture
def copy(tmp_path):
    """The files that name the address, in a folder of their own."""
    for path in repository.files(ROOT):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


@pytest.mark.parametrize("end", ["some-one/a.book", "x/y/", "x/y.git"])
def test_address_can_be_changed_everywhere(copy, end):
    url = f"https://github.com/{end}"
    old = repository.slug(repository.address())
    changed = {path.relative_to(copy).as_posix() for path in repository.set_address(url, copy)}
    assert {"pyproject.toml", "_config.yml", "CITATION.cff", "CONTRIBUTING.md", "README.md"} <= changed
    assert repository.slug(repository.address(copy)) == repository.slug(url)
    assert repository.disagreements(copy) == []
    assert [path.name for path in repository.files(copy) if f"/{old}" in path.read_text("utf8")] == []


def test_changing_the_address_back_restores_the_files(copy):
    before = {path: path.read_bytes() for path in repository.files(copy)}
    original = repository.address(copy)
    repository.set_address("https://github.com/x/y", copy)
    assert repository.disagreements(copy) == []
    repository.set_address(original, copy)
    assert {path: path.read_bytes() for path in repository.files(copy)} == before


def test_a_stale_address_is_found(copy):
    readme = copy / "README.md"
    readme.write_text(readme.read_text("utf8").replace("mybinder.org/v2/gh/", "mybinder.org/v2/gh/stale-"), "utf8")
    assert any("README.md" in line for line in repository.disagreements(copy))


@pytest.mark.parametrize(
    "url", ["", "github.com/x/y", "https://gitlab.com/x/y", "https://github.com/x", "http://github.com/x/y"]
)
def test_bad_address_is_refused(copy, url):
    before = {path: path.read_bytes() for path in repository.files(copy)}
    with pytest.raises(ValueError, match=r"https://github\.com/OWNER/NAME"):
        repository.set_address(url, copy)
    assert {path: path.read_bytes() for path in repository.files(copy)} == before


def test_scripts_can_be_executed():
    assert [name for name in ("postBuild", ".ci/run") if not os.access(ROOT / name, os.X_OK)] == []


def test_no_python_is_reported_clearly(tmp_path):
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")  # too old, or a pyenv without that version
    (tmp_path / "python").chmod(0o755)
    found = subprocess.run(
        ["/bin/sh", ROOT / "tools" / "find-python.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert found.returncode == 1
    assert "No Python 3.12 or newer found" in found.stderr


def test_a_new_enough_python_is_found():
    path = f"{os.environ['PATH']}:{os.path.dirname(sys.executable)}"
    found = subprocess.run(
        ["/bin/sh", ROOT / "tools" / "find-python.sh"], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    version = subprocess.run([found.stdout.strip(), "--version"], capture_output=True, text=True, check=True).stdout
    assert tuple(map(int, version.split()[1].split(".")[:2])) >= (3, 12)
