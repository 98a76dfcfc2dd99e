"""Draw the README's picture, book/_static/opening.png, with the cells of the book's opening page: `python tools/readme_picture.py`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import altair as alt
import vl_convert

BOOK = Path(__file__).resolve().parent.parent / "book"
TARGET = BOOK / "_static" / "opening.png"
CELL = re.compile(r"^```\{code-cell\} ipython3\n(?::[^\n]*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)


def pictures() -> list[alt.LayerChart]:
    """What each cell of the page shows."""
    found, names = [], {}
    for cell in CELL.findall((BOOK / "index.md").read_text("utf8")):
        *statements, last = ast.parse(cell).body
        exec(compile(ast.Module(statements, []), "index.md", "exec"), names)
        found.append(eval(compile(ast.Expression(last.value), "index.md", "eval"), names))
    return found


def main() -> None:
    """Save the pictures, one below the other, without their slider."""
    chart = (
        alt.vconcat(*pictures()).resolve_scale(color="independent", shape="independent").configure(background="white")
    )
    TARGET.write_bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=1))


if __name__ == "__main__":
    main()
