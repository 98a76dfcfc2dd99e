"""Sphinx's settings for the slides (`make slides`): charts, explorers and mathematics come from where the book's do."""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent.parent / "_static"
sys.path.insert(0, str(HERE.parents[1] / "_ext"))
from book_ext.static_files import PAGE_SCRIPTS, PAGE_STYLES, add_static_files  # noqa: E402

project = "Which schools are consistent?"
author = "The SS-MELSM book authors"
language = "en"
extensions = ["myst_nb", "sphinx_revealjs"]
nitpicky = True

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "dollarmath"]
# tools/build_slides.py runs the cells, as the book's chapters are run; its outputs are found in the cache.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_mime_priority_overrides = [["revealjs", "text/html", 1], ["revealjs", "text/plain", 2]]
suppress_warnings = ["myst.header"]  # a chart's cell may come between two levels of headings

revealjs_html_theme = "revealjs-simple"
revealjs_style_theme = "white"
revealjs_static_path = [str(HERE / "_static"), *(str(path) for path in sorted(STATIC.iterdir()))]
revealjs_css_files = [*PAGE_STYLES, "slides.css"]
revealjs_script_plugins = [{"name": "RevealNotes", "src": "revealjs/plugin/notes/notes.js"}]
revealjs_script_conf = {
    "width": 1280,
    "height": 720,
    "margin": 0,
    "center": False,
    "hash": True,
    "slideNumber": "c/t",
    "transition": "none",
    "navigationMode": "linear",
    "showNotes": False,
}
html_favicon = str(STATIC / "favicon.svg")
mathjax_path = "mathjax/startup.js"
mathjax3_config = {"loader": {"load": ["input/tex", "output/chtml", "a11y/assistive-mml"]}}


def drop_comments(app, doctree) -> None:
    """Comments tie numbers to code; the speaker's notes would show them."""
    for raw in [*doctree.findall(nodes.raw)]:
        if raw.astext().startswith("<!--"):
            raw.parent.remove(raw)


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", add_static_files)
    app.connect("doctree-read", drop_comments)
    # What makes charts larger comes before what draws them.
    for script in (*PAGE_SCRIPTS[:-2], "slides.js", *PAGE_SCRIPTS[-2:]):
        app.add_js_file(script, loading_method="defer")
