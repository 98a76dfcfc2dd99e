"""Put a workshop on a stick: `make usb` writes _build/course/usb, which installs and runs where there is no network.

It holds the wheels of requirements.lock for several systems in one folder (pip takes those that fit), the project, the book,
the slides, and the scripts of tools/stick, which set everything up. What a system asks for beyond the lock, its wheels
themselves say. A wheel that the package index does not have is named, at the end and on the stick.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from functools import cache
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
TARGET = BUILD / "course" / "usb"
PYTHONS = ("3.12", "3.13", "3.14")
# Not the learners' business, or made anew where it is needed. The masters of assignments show how they are solved.
NOT_COPIED = (
    ".git",
    "assignments",
    ".venv",
    "_build",
    "dist",
    "node_modules",
    "*.egg-info",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
)
STUDENTS = "saeb.rda"


@dataclass(frozen=True)
class System:
    """A kind of laptop: its name, the platforms of its wheels, best first, and what markers ask about it."""

    name: str
    platforms: tuple[str, ...]
    os_name: str
    sys_platform: str
    platform_system: str
    platform_machine: str

    def tags(self, python: str) -> dict[Tag, int]:
        """What its pip would install, best first."""
        version = tuple(int(part) for part in python.split("."))
        own = [*cpython_tags(version, platforms=self.platforms), *compatible_tags(version, platforms=self.platforms)]
        others = compatible_tags(version, f"cp{version[0]}{version[1]}", self.platforms)
        return {tag: at for at, tag in enumerate(dict.fromkeys([*own, *others]))}

    def environment(self, python: str) -> dict[str, str]:
        """What a requirement's marker is asked about."""
        facts = {name: getattr(self, name) for name in System.__dataclass_fields__ if name not in ("name", "platforms")}
        return default_environment() | facts | {"python_version": python, "python_full_version": f"{python}.0"}


SYSTEMS = {
    "windows": System("Windows, 64 bit", ("win_amd64",), "nt", "win32", "Windows", "AMD64"),
    "macos": System(
        "macOS 15 or newer, Apple silicon", (*mac_platforms((15, 0), "arm64"),), "posix", "darwin", "Darwin", "arm64"
    ),
    "linux": System(
        "Linux, 64-bit Intel or AMD, glibc 2.28 or newer",
        (*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)), "manylinux2014_x86_64", "manylinux1_x86_64"),
        "posix",
        "linux",
        "Linux",
        "x86_64",
    ),
}


@cache
def requires(wheel: Path) -> tuple[Requirement, ...]:
    """What a wheel asks for."""
    with zipfile.ZipFile(wheel) as file:
        name = next(name for name in file.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        return tuple(map(Requirement, message_from_bytes(file.read(name)).get_all("Requires-Dist", [])))


def choose(folder: Path, pins: Iterable[str], system: System, python: str) -> tuple[set[Path], list[str]]:
    """The wheels of a folder that pip would install there from these pins, and the requirements that none of them meets."""
    tags, environment = system.tags(python), system.environment(python)
    by_name = defaultdict(list)
    for wheel in folder.glob("*.whl"):
        name, version, _, its = parse_wheel_filename(wheel.name)
        fits = [tags[tag] for tag in its if tag in tags]
        if fits:
            by_name[name].append((version, -min(fits), wheel))
    chosen, lacking, seen = set(), {}, set()
    queue = [(Requirement(pin), "") for pin in pins]
    pinned = {canonicalize_name(requirement.name): requirement for requirement, _ in queue}
    while queue:
        wanted, extra = queue.pop(0)
        if wanted.marker and not wanted.marker.evaluate(environment | {"extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        specifier = pinned.get(name, wanted).specifier
        found = [one for one in by_name[name] if specifier.contains(one[0], prereleases=True)]
        if not found:
            lacking[name] = f"{name}{specifier}"
            continue
        best = max(found, key=lambda one: one[:2])[2]
        chosen.add(best)
        for asked in {"", *wanted.extras} - {one for known, one in seen if known == name}:
            seen.add((name, asked))
            queue += [(requirement, asked) for requirement in requires(best)]
    return chosen, sorted(lacking.values())


def pip(*arguments: str | Path, **options) -> subprocess.CompletedProcess:
    """Run pip in the checkout."""
    return subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], cwd=ROOT, **options)


def download(lines: list[str], folder: Path, system: System, python: str) -> None:
    """Get wheels for a system from the package index; what it does not have stays away."""
    places = [part for platform in system.platforms for part in ("--platform", platform)]
    versions = ["--python-version", python, "--implementation", "cp", *places]
    fixed = ["download", "--quiet", "--no-deps", "--only-binary=:all:", *versions, "--dest", folder]
    while lines:
        done = pip(*fixed, *lines, capture_output=True, text=True)
        missing = re.search(r"No matching distribution found for ([\w.-]+)", done.stderr)
        if done.returncode == 0 or not missing:
            break
        lines = [line for line in lines if canonicalize_name(Requirement(line).name) != canonicalize_name(missing[1])]
    if lines and done.returncode:
        raise RuntimeError(f"pip download: {done.stderr[-500:]}")


def wheels(folder: Path, systems: Iterable[System], pythons: Iterable[str]) -> dict[str, list[str]]:
    """Fill a folder with the wheels of the lock and this project's; what a system and a Python lack there, by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    pins = [line for line in (ROOT / "requirements.lock").read_text("utf8").splitlines() if "==" in line]
    needed, missing = set(), {}
    for system in systems:
        for python in pythons:
            chosen, lacking = choose(folder, pins, system, python)
            asked = None
            while lacking and lacking != asked:
                download(asked := lacking, folder, system, python)
                chosen, lacking = choose(folder, pins, system, python)
            needed |= chosen
            print(f"{system.name}, Python {python}: {len(chosen)} wheels", flush=True)
            if lacking:
                missing[f"{system.name}, Python {python}"] = lacking
    for path in {*folder.glob("*.whl")} - needed:  # of an older lock
        path.unlink()
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ".", check=True)
    about = {
        "pythons": [*pythons],
        "systems": {one.name: [one.platform_system, one.platform_machine] for one in systems},
    }
    (folder / "about.json").write_text(json.dumps(about | {"missing": missing}, indent=1) + "\n", "utf8")
    return missing


def scripts(target: Path, systems: Iterable[System], pythons: Iterable[str], missing: dict[str, list[str]]) -> None:
    """What starts a stick, and what is to be read first."""
    stick = ROOT / "tools" / "stick"
    for name in ("start.py", "start.sh", "start.bat"):
        shutil.copy(stick / name, target)
    shutil.copy(stick / "start.sh", target / "start.command")  # which a Mac runs on a double click
    batch = target / "start.bat"  # Windows wants its own ends of lines in it
    batch.write_text(batch.read_text("utf8"), "utf8", newline="\r\n")
    lacks = "".join(f"\nMISSING on {where}: {', '.join(names)}." for where, names in missing.items())
    words = {
        "pythons": ", ".join(pythons),
        "systems": "\n".join(f"  {one.name}" for one in systems) + lacks,
    }
    (target / "README.txt").write_text((stick / "README.txt").read_text("utf8").format(**words), "utf8")


def project(target: Path, *, students: bool) -> None:
    """The checkout without what was built; with the real students, if they are here and wanted."""
    shutil.rmtree(target, ignore_errors=True)
    without = NOT_COPIED if students else (*NOT_COPIED, STUDENTS)
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*without, "*.part"))


def pages(target: Path) -> list[str]:
    """Copy what was built of book, slides and PDF; what is not there, in words."""
    absent = []
    for source, name, how in (
        (BUILD / "html", "book", "make book"),
        (BUILD / "course" / "slides", "slides", "make slides"),
        (BUILD / "book.pdf", "book.pdf", "make pdf"),
    ):
        shutil.rmtree(target / name, ignore_errors=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns(".buildinfo", ".doctrees", "*.ipynb"))
        elif source.is_file():
            shutil.copy(source, target / name)
        else:
            absent.append(f"{name} is not on it: `{how}` makes it, then make the stick again.")
    return absent


def write(target: Path, systems: Iterable[str], pythons: Iterable[str], *, students: bool = True) -> list[str]:
    """A stick in a folder; what is not on it, in words."""
    chosen = [SYSTEMS[name] for name in systems]
    missing = wheels(target / "wheels", chosen, pythons)
    project(target / "project", students=students)
    scripts(target, chosen, pythons, missing)
    absent = pages(target)
    if not (target / "project" / "data" / STUDENTS).is_file():
        absent.append("The real students are not on it: without a network, chapters make up students, and say so.")
    return [*absent, *(f"{where}: no wheel of {', '.join(names)}." for where, names in missing.items())]


def size(folder: Path) -> int:
    """Megabytes of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 1_000_000


def stored(folder: Path, archive: Path) -> Path:
    """A folder in one file. Wheels are compressed already, so it only puts them together."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, Path("ssmelsm-stick") / path.relative_to(folder))
    return archive


def main(arguments: list[str]) -> int:
    """Build what is to be on it where it is old, write it, and say what is where."""
    parser = argparse.ArgumentParser(prog="make usb")
    parser.add_argument("--systems", type=str.split, default=[])
    parser.add_argument("--pythons", type=str.split, default=[])
    parser.add_argument("--zip", action="store_true", help="one file beside it, too")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.systems if name not in SYSTEMS]
    wrong = [version for version in given.pythons if not re.fullmatch(r"3\.\d+", version)]
    if unknown or wrong:
        print(f"Unknown: {', '.join(unknown + wrong)}. Systems are {', '.join(SYSTEMS)}; a Python looks like 3.12.")
        return 2
    import build_book
    import build_slides

    if build_book.build(if_needed=True) or build_slides.build(if_needed=True):
        return 1
    absent = write(TARGET, given.systems or SYSTEMS, given.pythons or PYTHONS)
    if given.zip:
        print(stored(TARGET, TARGET.with_suffix(".zip")).relative_to(ROOT))
    print(f"{TARGET.relative_to(ROOT)}: {size(TARGET)} MB, of these {size(TARGET / 'wheels')} MB wheels.")
    print(*absent, sep="\n")
    return int(any("no wheel" in line for line in absent))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
