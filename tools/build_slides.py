"""Build the slides into _build/course/slides; warnings are errors. Behind `make slides`.

Decks run in two kernels, which forget all names from one to the next, and their numbers are compared with their
expressions; neither happens again until the deck, the package or the data change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLIDES = ROOT / "book" / "instructors" / "slides"
BUILD = ROOT / "_build" / "course" / "slides"
STAMP = BUILD.parent / "slides.fingerprint"
SOURCES = ("book/instructors/slides/**/*", "book/_ext/**/*.py", "book/_static/*", "ssmelsm_helpers/**/*.*", "data/*")
MISSING = "Slides need the extra `course`: `make slides` installs it, or `pip install -r tools/course.lock` does."

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from book_ext.execution_cache import current_cache  # noqa: E402
from book_ext.fingerprint import fingerprint  # noqa: E402
from book_ext.running import keep_for_the_book, run_together  # noqa: E402


def wrong_numbers(decks: list[Path], cache: Path) -> list[str]:
    """Run the decks whose text or package is new, keep their outputs, and say which of their numbers are wrong."""
    stamps = {d: cache / f"{d.stem}-{hashlib.sha256(d.read_bytes()).hexdigest()[:16]}.checked" for d in decks}
    new, wrong = [deck for deck, stamp in stamps.items() if not stamp.is_file()], []
    with ThreadPoolExecutor(2) as pool:
        for done in chain.from_iterable(pool.map(run_together, (new[::2], new[1::2]))):
            keep_for_the_book(done, cache)
            if found := done.wrong_numbers():
                wrong += found
            else:
                stamps[done.path].touch()
            print(f"{done.path.name}: {done.total:.0f} s", flush=True)
    return wrong


def build(*, if_needed: bool = False) -> int:
    """Run and build all decks; the exit code. With `if_needed`, only when something changed since that succeeded."""
    if find_spec("sphinx_revealjs") is None:
        print(MISSING, file=sys.stderr)
        return 1
    state = fingerprint(ROOT, SOURCES)
    if if_needed and STAMP.is_file() and STAMP.read_text() == state:
        return 0
    STAMP.unlink(missing_ok=True)
    cache, decks = current_cache(ROOT), sorted(SLIDES.glob("unit_*.md"))
    if wrong := wrong_numbers(decks, cache):
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    shutil.rmtree(BUILD, ignore_errors=True)
    settings = ["-D", f"nb_execution_cache_path={cache}", "-d", BUILD.parent / "doctrees"]
    strict = ["-E", "-W", "--keep-going", "-q"]
    command = [sys.executable, "-m", "sphinx", "-b", "revealjs", *settings, *strict, SLIDES, BUILD]
    returncode = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONUTF8": "1"}).returncode
    if returncode == 0:
        STAMP.write_text(state)
        print(f"Open {(BUILD / 'index.html').relative_to(ROOT)}; S opens the speaker's notes.")
    return returncode


if __name__ == "__main__":
    sys.exit(build(if_needed="--if-needed" in sys.argv))
