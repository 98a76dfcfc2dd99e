"""Print the package's lines of code by room (`make house`): docstrings, comments and blanks aside."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "ssmelsm_helpers"
# What a reader of the book meets, `plot` and the like aside.
CORE = ("spec", "model", "fitting", "results")
_NOT_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_lines(text: str) -> int:
    """Lines of a module on which code stands.

    >>> code_lines('"A module."\\n\\nx = [  # one\\n    1,\\n]\\n')
    3
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def rooms() -> dict[str, int]:
    """Lines of code of each room: the folders of the package, and the modules at its top."""
    found: dict[str, int] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0]
        found[room] = found.get(room, 0) + code_lines(path.read_text("utf8"))
    return found


if __name__ == "__main__":
    counts = rooms()
    for room, count in counts.items():
        print(f"{room.removesuffix('.py'):16}{count:6,}")
    print(f"{'+'.join(CORE):30}{sum(counts[room] for room in CORE):6,}\n{'all':16}{sum(counts.values()):6,}")
