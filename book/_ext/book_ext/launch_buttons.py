"""Binder and Colab open notebooks; on other pages, also those whose Markdown holds code, their buttons lead nowhere."""

from __future__ import annotations

from pathlib import Path


def keep_on_notebooks_only(app, pagename, templatename, context, doctree) -> None:
    """Take the launch buttons away from pages that are not made from a notebook file."""
    if pagename in app.env.found_docs and Path(app.env.doc2path(pagename)).suffix == ".ipynb":
        return
    buttons = context.get("header_buttons", [])
    context["header_buttons"] = [button for button in buttons if button.get("label") != "launch-buttons"]
