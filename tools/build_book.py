"""Build the book; warnings are errors. Behind `make book`; the browser tests call `build` themselves.

The pages are always written anew: an incremental build would hide the warnings of pages that did not change.
Notebooks run only when they, the package, the data or the versions changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
LOG = BUILD / "book.log"
STAMP = BUILD / "book.fingerprint"
SOURCES = ("_config.yml", "_toc.yml", "book/**/*", "notebooks/*.ipynb", "ssmelsm_helpers/**/*.*", "data/*")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from book_ext.fingerprint import fingerprint  # noqa: E402


def build(*, if_needed: bool = False) -> int:
    """Build the book and return the exit code; with `if_needed`, only when its sources changed since it succeeded."""
    fetch_data()
    state = fingerprint(ROOT, SOURCES)
    if if_needed and STAMP.is_file() and STAMP.read_text() == state:
        return 0
    STAMP.unlink(missing_ok=True)
    # Pages of files that are no longer in the book would stay.
    shutil.rmtree(BUILD / "html", ignore_errors=True)
    returncode = run_jupyter_book()
    if returncode == 0:
        STAMP.write_text(state)
    return returncode


def fetch_data() -> None:
    """Get the students before the notebooks run: a download's progress has no place in a chapter."""
    from ssmelsm_helpers import load_saeb

    print(f"The book is built from {load_saeb().attrs['source']}.", flush=True)


def run_jupyter_book() -> int:
    """Run jupyter-book, showing its output and keeping it in `LOG`."""
    BUILD.mkdir(exist_ok=True)
    jupyter_book = "from jupyter_book.cli.main import main; main()"  # it has no `python -m`
    command = [sys.executable, "-c", jupyter_book, "build", ".", "--all", "-W", "--keep-going"]
    environment = os.environ | {"PYTHONUTF8": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process, LOG.open("w") as log:
        for line in process.stdout:
            print(line, end="", flush=True)
            log.write(COLOURS.sub("", line))
    return process.returncode


if __name__ == "__main__":
    sys.exit(build())
