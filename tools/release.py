"""Put what belongs to a release into dist: `make release`.

The wheel, the book as a PDF and as a zip to be read without a network, for each system a stick (tools/usb.py) for workshops
without one, and notes.md, the release's part of the changelog.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import usb

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


def version(root: Path = ROOT) -> str:
    """The version that the package says."""
    return re.search(r'__version__ = "(.+?)"', (root / "ssmelsm_helpers" / "__init__.py").read_text("utf8"))[1]


def notes(wanted: str, changelog: str) -> str:
    """A version's part of the changelog.

    >>> notes("0.2", "# Changelog" + chr(10) + "## 0.2 (unreleased)" + chr(10) + "New." + chr(10) + "## 0.1" + chr(10) + "Old.")
    'New.'
    """
    found = re.search(rf"^## {re.escape(wanted)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"CHANGELOG.md has no part for {wanted}")
    return found[1].strip()


def check_tag(tag: str, wanted: str) -> None:
    """A tag is the version's; so a release never has another version's name."""
    if tag and tag != f"v{wanted}":
        raise ValueError(f"The tag is {tag}, the package's version is {wanted}: expected the tag v{wanted}.")


def zip_book(target: Path, html: Path = ROOT / "_build" / "html") -> Path:
    """The built book in one archive, in a folder of its own."""
    if not (html / "index.html").is_file():
        raise FileNotFoundError(f"{html} holds no book; `make book` builds it.")
    folder = target / "book"
    shutil.copytree(html, folder / "ssmelsm-book", ignore=shutil.ignore_patterns(".buildinfo", ".doctrees"))
    archive = shutil.make_archive(str(target / "ssmelsm-book"), "zip", folder)
    shutil.rmtree(folder)
    return Path(archive)


def sticks(target: Path) -> None:
    """What a workshop needs without a network, for each system in an archive of its own."""
    for system in usb.SYSTEMS:
        folder = target / system
        print(*usb.write(folder, [system], usb.PYTHONS, students=False), sep="\n")
        usb.stored(folder, target / f"ssmelsm-stick-{system}.zip")
        shutil.rmtree(folder)


def main(arguments: list[str]) -> int:
    """Check the tag, then write everything."""
    wanted = version()
    try:
        check_tag(arguments[0] if arguments else "", wanted)
        text = notes(wanted, (ROOT / "CHANGELOG.md").read_text("utf8"))
    except ValueError as error:
        print(error)
        return 2
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    usb.pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", DIST, ".", check=True)
    zip_book(DIST)
    shutil.copy(ROOT / "_build" / "book.pdf", DIST / "ssmelsm-book.pdf")
    sticks(DIST)
    (DIST / "notes.md").write_text(text + "\n", "utf8")
    print(*sorted(path.name for path in DIST.iterdir()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
