"""The book's Sphinx extension: charts and mathematics without a network, and an execution cache that is never stale."""

from __future__ import annotations

from .execution_cache import use_keyed_cache
from .launch_buttons import keep_on_notebooks_only
from .page_head import add_meta, name_commit
from .page_weight import lighten
from .plain_form import list_meanings, shape_page
from .reference import extend_reference
from .static_files import PAGE_SCRIPTS, PAGE_STYLES, add_static_files


def setup(app) -> dict:
    """Called by Sphinx."""
    app.connect("config-inited", use_keyed_cache)
    app.connect("config-inited", name_commit)
    app.connect("doctree-read", shape_page)
    app.connect("doctree-read", extend_reference)
    app.connect("autodoc-process-docstring", list_meanings, priority=400)  # before they are read as NumPy's
    app.connect("builder-inited", add_static_files, priority=100)
    # The theme adds the buttons with priority 501.
    app.connect("html-page-context", keep_on_notebooks_only, priority=502)
    app.connect("html-page-context", add_meta)
    app.connect("build-finished", lighten, priority=900)
    for script in (*PAGE_SCRIPTS, "accessible-names.js"):
        app.add_js_file(script, loading_method="defer")
    for style in ("book.css", *PAGE_STYLES):
        app.add_css_file(style)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
