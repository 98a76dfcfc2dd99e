"""Put what belongs to a release into dist: `make release`.

The wheel, the book as a PDF and as a zip to be read without a network, the wheels of the lock for workshops without one, and
notes.md, the release's part of the changelog.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
HOW = """\
Without a network: python -m pip install --no-index --find-links . -r requirements.lock
and then:          python -m pip install --no-index --find-links . ssmelsm_helpers
The wheels are for the system and the Python that the archive's name says.
"""


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


def pip(*arguments: str | Path) -> None:
    """Run pip in the checkout."""
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], cwd=ROOT, check=True)


def zip_book(target: Path, html: Path = ROOT / "_build" / "html") -> Path:
    """The built book in one archive, in a folder of its own."""
    if not (html / "index.html").is_file():
        raise FileNotFoundError(f"{html} holds no book; `make book` builds it.")
    folder = target / "book"
    shutil.copytree(html, folder / "ssmelsm-book", ignore=shutil.ignore_patterns(".buildinfo", ".doctrees"))
    archive = shutil.make_archive(str(target / "ssmelsm-book"), "zip", folder)
    shutil.rmtree(folder)
    return Path(archive)


def wheelhouse(target: Path) -> Path:
    """All wheels of the lock and the package's own, in one archive."""
    system = f"{sys.platform}-py{sys.version_info[0]}.{sys.version_info[1]}"
    folder = target / "wheels"
    pip("wheel", "--wheel-dir", folder, "-r", "requirements.lock")
    for wheel in target.glob("*.whl"):
        shutil.copy(wheel, folder)
    shutil.copy(ROOT / "requirements.lock", folder)
    (folder / "README.txt").write_text(HOW, "utf8")
    archive = shutil.make_archive(str(target / f"wheelhouse-{system}"), "zip", folder)
    shutil.rmtree(folder)
    return Path(archive)


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
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", DIST, ".")
    zip_book(DIST)
    shutil.copy(ROOT / "_build" / "book.pdf", DIST / "ssmelsm-book.pdf")
    wheelhouse(DIST)
    (DIST / "notes.md").write_text(text + "\n", "utf8")
    print(*sorted(path.name for path in DIST.iterdir()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
