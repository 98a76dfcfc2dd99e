"""Set the repository's public address: `make repository URL=https://github.com/OWNER/NAME`.

The address stands in pyproject.toml, under [project.urls]. Badges, launch links, the citation file, the book's
settings and the notebooks' install cells repeat it; this writes it there, and `disagreements` finds what differs.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    "pyproject.toml",
    "_config.yml",
    "CITATION.cff",
    "*.md",
    ".github/**/*.md",
    ".github/**/*.yml",
    "book/**/*.md",
    "notebooks/*.ipynb",
)
# How the address is written: on GitHub, in Binder's links, in Colab's.
PLACES = ("github.com/", "mybinder.org/v2/gh/", "colab.research.google.com/github/")
VALID = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+)")
# Links of these kinds are about this repository, never about another one.
OURS = re.compile(
    r"(?:mybinder\.org/v2/gh/|colab\.research\.google\.com/github/|git(?:\+| clone )https://github\.com/)"
    r"([\w.-]+/[\w.-]+?)(?=\.git\b|[^\w.-]|$)"
)


def address(root: Path = ROOT) -> str:
    """The public address, from pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]["urls"]["Repository"]


def slug(url: str) -> str:
    """OWNER/NAME of an address.

    >>> slug("https://github.com/owner/name.git")
    'owner/name'
    """
    match = VALID.fullmatch(url.strip().rstrip("/").removesuffix(".git"))
    if not match:
        raise ValueError(f"URL is {url!r}; expected https://github.com/OWNER/NAME, which Binder and Colab can open.")
    return match[1]


def files(root: Path) -> Iterator[Path]:
    """The files that may name the address."""
    for pattern in FILES:
        yield from sorted(root.glob(pattern))


def set_address(url: str, root: Path = ROOT) -> list[Path]:
    """Write a new address wherever the old one stands; returns the changed files."""
    old, new = slug(address(root)), slug(url)
    places = "|".join(re.escape(place) for place in PLACES)
    pattern = re.compile(rf"({places}){re.escape(old)}(?![\w-])")
    changed = []
    for path in files(root):
        before = path.read_text("utf8")
        after = pattern.sub(lambda match: match[1] + new, before)
        if after != before:
            path.write_text(after, "utf8")
            changed.append(path)
    return changed


def disagreements(root: Path = ROOT) -> list[str]:
    """What does not repeat the address of pyproject.toml as it should."""
    expected = slug(address(root))
    required = {
        "_config.yml": f"url: https://github.com/{expected}",
        "CITATION.cff": f"repository-code: https://github.com/{expected}",
        "CONTRIBUTING.md": f"git clone https://github.com/{expected}",
        "README.md": f"mybinder.org/v2/gh/{expected}/",
    }
    found = [f"{name} lacks {text}" for name, text in required.items() if text not in (root / name).read_text("utf8")]
    if f"colab.research.google.com/github/{expected}/" not in (root / "README.md").read_text("utf8"):
        found.append("README.md lacks a link to Colab")
    for path in files(root):
        others = {name for name in OURS.findall(path.read_text("utf8")) if name != expected}
        found += [f"{path.relative_to(root)} names {other}" for other in sorted(others)]
    return found


def main(arguments: list[str]) -> int:
    """Set the address that is given, or say how."""
    if len(arguments) != 1 or not arguments[0]:
        print(f"The address is {address()}. To change it: make repository URL=https://github.com/OWNER/NAME")
        return 2
    try:
        changed = set_address(arguments[0])
    except ValueError as error:
        print(error)
        return 2
    print(f"The address is now {address()}.")
    for path in changed:
        print(f"  changed {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
