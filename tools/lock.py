"""Write requirements.lock: the versions installed in this environment, without addresses. Behind `make lock`.

What only the extra `course` asks for stands in tools/course.lock instead: readers do not install it. Where the extra is not
installed, that file stays as it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
COURSE = "course"
# The package itself is installed from the checkout; pip comes with the virtual environment.
NOT_PINNED = {"ssmelsm-helpers", "pip", "wheel"}
HEADER = """\
# A tested set of versions; `make` installs it. Written by `make lock`.
"""
COURSE_HEADER = """\
# What the extra `course` adds to requirements.lock; `make slides` installs it. Written by `make lock`.
"""


def needed(lines: Iterable[str]) -> set[str]:
    """Names of installed distributions that requirements ask for, directly or through others."""
    found, queue = set(), [(Requirement(line), "") for line in lines]
    seen = set()
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            try:
                queue += [(Requirement(line), wanted) for line in requires(name) or ()]
            except PackageNotFoundError:
                continue
            found.add(name)
    return found


def only_for_the_course() -> set[str]:
    """Distributions that are here for the extra `course` alone."""
    file = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
    extras = file["project"]["optional-dependencies"]
    others = [line for name, lines in extras.items() if name != COURSE for line in lines]
    rest = needed([*file["project"]["dependencies"], *others, *file["build-system"]["requires"]])
    return needed(extras[COURSE]) - rest


def write() -> None:
    """Write both files, the second only if there is something to write."""
    versions = {canonicalize_name(found.name): found.version for found in distributions()}
    course = only_for_the_course() - NOT_PINNED
    for name, header, chosen in (
        ("requirements.lock", HEADER, versions.keys() - course - NOT_PINNED),
        ("tools/course.lock", COURSE_HEADER, course),
    ):
        if chosen:
            pins = "".join(f"{package}=={versions[package]}\n" for package in sorted(chosen))
            (ROOT / name).write_text(header + pins, "utf8")


if __name__ == "__main__":
    write()
