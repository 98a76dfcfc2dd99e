"""What the page makes of chapters' plain Markdown: boxes of blockquotes, captions of figures, guesses before answers.

Chapters hold nothing that only this extension understands; it adds what a page can do better.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes

# The bold words that a blockquote may begin with, and the box that it becomes.
BOXES = {
    "What you will be able to do": "tip",
    "From the chapters before": "seealso",
    "Predict": "hint",
    "Exercise": "exercise",
    "Note": "note",
    "Warning": "warning",
}
LEAD = re.compile(rf"({'|'.join(BOXES)})\b ?([\d.]*\d)?(:.*)?")
GUESS = "<details><summary>I have guessed</summary>"
# A live notebook keeps capitals and commas in a heading's own anchor; what links to it needs this one before it.
ANCHOR = re.compile(r'<a id="([a-z\d-]+)"></a>')
# A public name as the text writes it, called or not.
_NAME = re.compile(r"sm\.((?:(?:plot|explore|study)\.)?[A-Za-z]\w*)(?:\(.*\))?")
_CAPTION = re.compile(r"Figure \d+\.\d+\.")


def shape_page(app, doctree) -> None:
    """Called by Sphinx with each page that it has read."""
    for quote in list(doctree.findall(nodes.block_quote)):
        _box(quote)
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if _CAPTION.fullmatch(_lead(paragraph)):
            paragraph["classes"].append("chart-caption")
        elif ANCHOR.fullmatch("".join(part.astext() for part in paragraph.findall(nodes.raw))):
            paragraph.parent.remove(paragraph)  # on the page the heading's own anchor is the same
    _link_names(app, doctree)
    for fold in list(doctree.findall(nodes.raw)):
        if fold.astext().startswith(GUESS):
            _fold_outputs(fold)


def _link_names(app, doctree) -> None:
    """The first time that a page's text names something public, it links to the reference."""
    page, seen = app.env.docname, set()
    if page.startswith("book/reference/"):
        return
    for literal in list(doctree.findall(nodes.literal)):
        found = _NAME.fullmatch(literal.astext())
        inside = (nodes.title, nodes.reference, addnodes.pending_xref)
        if not found or found[1] in seen or isinstance(literal.parent, inside):
            continue
        seen.add(found[1])
        target = f"ssmelsm_helpers.{found[1]}"
        link = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=target, refdoc=page, refwarn=False)
        literal.replace_self(link)
        link += literal


def _lead(paragraph) -> str:
    """The bold text that a paragraph begins with."""
    first = next((part for part in paragraph.children if part.astext()), None)
    return first.astext() if isinstance(first, nodes.strong) else ""


def _box(quote) -> None:
    """A blockquote with a known bold lead becomes a box with that title, which can be linked where it has a number."""
    first = quote.children[0]
    text = _lead(first).rstrip(".") if isinstance(first, nodes.paragraph) else ""
    found = LEAD.fullmatch(text)
    if not found:
        return
    word, number, _ = found.groups()
    kind = BOXES[word]
    box = nodes.admonition(classes=["admonition", kind], names=[])
    if number:
        box["ids"].append(f"{word.lower()}-{number.replace('.', '-')}")
    box += nodes.title(text, text)
    while first.children and not isinstance(first.pop(0), nodes.strong):
        pass  # empty texts before the bold one
    if not first.astext().strip():
        quote.remove(first)
    box.extend(quote.children)
    quote.replace_self(box)


def _fold_outputs(fold) -> None:
    """The outputs between a prediction and its answer go where the answer is: behind "I have guessed"."""
    parent, outputs = fold.parent, []
    for node in reversed(parent.children[: parent.index(fold)]):
        if not (isinstance(node, nodes.container) and "cell" in node["classes"]):
            break
        outputs = [part for part in node.children if "cell_output" in part["classes"]] + outputs
    for part in outputs:
        part.parent.remove(part)
    if outputs:
        parent.insert(parent.index(fold) + 1, nodes.container("", *outputs, classes=["cell"]))


def list_meanings(app, what, name, obj, options, lines: list[str]) -> None:
    """Called by Sphinx with each docstring: lines such as "``n``, ``mean`` : what they are" become a list."""
    done, inside = [], None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if re.match(r"\s*``[^`]+``(?:, ``[^`]+``)* : ", line):
            if inside is None and done and done[-1].strip():
                done.append("")
            inside = indent
            done.append(f"{line[:indent]}- {line[indent:]}")
        elif inside is not None and line.strip() and indent >= inside:
            done.append(f"  {line}")
        else:
            inside = None
            done.append(line)
    lines[:] = done
