"""The static twin of an explorer: all of its views, computed when the book is built, and the page's own controls."""

from __future__ import annotations

import html
import json
import os

from .views import Control, records


def wants_static() -> bool:
    """Whether the book is being built: then no widget is made at all."""
    return bool(os.environ.get("SSMELSM_STATIC"))


def static_bundle(explorer) -> dict[str, str]:
    """HTML of the twin, and the first view's sentence as plain text."""
    return {"text/html": twin(explorer), "text/plain": explorer.view().sentence}


def twin(explorer) -> str:
    """The figure that `book-explorers.js` brings to life."""
    controls = [control for control in explorer.controls if control.static]
    data = json.dumps(_states(explorer), separators=(",", ":")).replace("<", "\\u003c")
    fields = "".join(_field(control, at) for at, control in enumerate(controls))
    only_live = [control.label for control in explorer.controls if not control.static]
    note = ""
    if only_live or any(len(control.static) < len(control.values) for control in controls):
        more = f" and moves {', '.join(only_live)} as well" if only_live else ""
        note = f'<p class="explorer-note">In a live notebook this explorer has finer steps{html.escape(more)}.</p>'
    sentence = html.escape(explorer.view().sentence)
    return (
        f'<figure class="book-explorer" aria-label="{html.escape(explorer.name, quote=True)}" role="group">'
        f'<div class="explorer-controls">{fields}<button type="button">Reset</button></div>'
        f'<div class="explorer-view"></div><p class="explorer-sentence" role="status">{sentence}</p>{note}'
        f'<script type="application/json">{data}</script>'
        "<noscript>(The charts and controls need JavaScript.)</noscript></figure>"
    )


def _field(control: Control, at: int) -> str:
    """A labelled slider or menu over a control's static positions."""
    label, start = html.escape(control.label), control.static.index(control.start)
    if control.is_menu:
        options = "".join(
            f'<option value="{i}"{" selected" if i == start else ""}>{html.escape(value)}</option>'
            for i, value in enumerate(control.static)
        )
        return f'<label>{label} <select data-control="{at}">{options}</select></label>'
    texts = html.escape(json.dumps([control.text(value) for value in control.static]), quote=True)
    return (
        f'<label>{label} <input type="range" data-control="{at}" data-texts="{texts}" min="0" '
        f'max="{len(control.static) - 1}" step="1" value="{start}" aria-valuetext="{control.text(control.start)}">'
        f'<span class="explorer-value">{control.text(control.start)}</span></label>'
    )


def _states(explorer) -> dict:
    """The specification, every data set once, and every state as references to them."""
    known: dict[str, int] = {}
    tables, states = [], []
    for _at, view in explorer.static_views():
        references = {}
        for name, table in view.data.items():
            rows = records(table)
            key = json.dumps(rows)
            if key not in known:
                known[key] = len(tables)
                tables.append(rows)
            references[name] = known[key]
        states.append([references, view.signals, view.sentence, list(view.marked)])
    return {"spec": explorer.spec(), "tables": tables, "states": states}
