"""Run chapters and slides and write their numbers anew (`make numbers`); with --check, only say which differ.

A number in prose is ordinary text, tied to its expression by a comment directly after it:
`the largest is .96<!-- = table["pip"].max():p2 -->`.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from book_ext.running import run, write_numbers  # noqa: E402


def main(arguments: list[str]) -> int:
    """Chapters and slides by the beginnings of their names (`07`, `unit_07`), or all; how many numbers differed."""
    check, names = "--check" in arguments, [word for word in arguments if word != "--check"]
    wrong = 0
    decks = (ROOT / "book" / "instructors" / "slides").glob("unit_*.md")
    for path in [*sorted((ROOT / "notebooks").glob("*.ipynb")), *sorted(decks)]:
        if names and not path.name.startswith(tuple(names)):
            continue
        done = run(path)
        found = done.wrong_numbers()
        print(*found, sep="\n")
        written = 0 if check else write_numbers(done)
        print(f"{path.name}: {len(done.numbers)} numbers, {len(found)} differ, {written} written; {done.total:.0f} s")
        wrong += len(found)
    return wrong


if __name__ == "__main__":
    differ = main(sys.argv[1:])
    sys.exit("--check" in sys.argv and differ > 0)
