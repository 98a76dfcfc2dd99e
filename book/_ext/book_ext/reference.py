"""What the reference adds to the docstrings: the picture that an example draws, and the chapters that use a name."""

from __future__ import annotations

import ast
import doctest
import json
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

PACKAGE = "ssmelsm_helpers"
PLOT = f"{PACKAGE}.plot."


def extend_reference(app, doctree) -> None:
    """Called by Sphinx with each page that it has read."""
    if not app.env.docname.startswith("book/reference/"):
        return
    used = chapters_by_name(Path(app.srcdir))
    for entry in doctree.findall(addnodes.desc):
        signature, content = entry[0], entry[-1]
        name = signature["ids"][0] if signature.get("ids") else ""
        if name.startswith(PLOT):
            content += nodes.raw("", picture(name), format="html")
        if chapters := used.get(name.removeprefix(f"{PACKAGE}.")):
            content += back_links(app.env.docname, chapters)


def chapters_by_name(root: Path) -> dict[str, list[str]]:
    """For each name that chapters write after `sm.`, the chapters, in their order."""
    used: dict[str, list[str]] = {}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        text = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text("utf8"))["cells"])
        for name in dict.fromkeys(re.findall(r"\bsm\.((?:(?:plot|explore|study)\.)?[A-Za-z]\w*)", text)):
            used.setdefault(name, []).append(f"notebooks/{path.stem}")
    return used


def back_links(page: str, chapters: list[str]) -> nodes.paragraph:
    """A line with the chapters' titles."""
    line = nodes.paragraph("", "In the book: ")
    for at, chapter in enumerate(chapters):
        link = addnodes.pending_xref(
            "", refdomain="std", reftype="doc", reftarget=f"/{chapter}", refdoc=page, refexplicit=False
        )
        link += nodes.inline()
        line += [link, nodes.Text("; " if at + 1 < len(chapters) else ".")]
    return line


def picture(name: str) -> str:
    """The chart that a function's own example draws."""
    from .figures import book_figure

    chart = drawn(name).to_dict()
    words = f"Example of {name.removeprefix(f'{PACKAGE}.')}. {chart['description']}"
    return book_figure(chart | {"description": words})["text/html"]


def drawn(name: str):
    """What the call of a function in its docstring's example returns."""
    function = getattr(sys.modules[PLOT.rstrip(".")], name.removeprefix(PLOT))
    names = dict(vars(sys.modules[function.__module__]))
    for example in doctest.DocTestParser().get_examples(function.__doc__):
        tree = ast.parse(example.source)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) == f"sm.{name.removeprefix(f'{PACKAGE}.')}":
                return eval(compile(ast.Expression(call), name, "eval"), names)
        exec(compile(tree, name, "exec"), names)
    raise ValueError(f"{name} has no example that calls it.")
