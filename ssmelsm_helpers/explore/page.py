"""What the built page shows instead of something live. An explorer's static twin: all its views, and the page's controls."""

import json
from html import escape

import altair as alt

from ..plot.rendering import book_figure
from .explorer import Explorer


def for_the_page(shown) -> str:
    """JSON of what takes the place of a chart's or an explorer's own output, by MIME type; of nothing for the rest."""
    if isinstance(shown, Explorer):
        return json.dumps({"text/html": twin(shown), "text/plain": shown.view().sentence})
    return json.dumps(book_figure(shown.to_dict()) if isinstance(shown, alt.TopLevelMixin) else {})


def twin(explorer) -> str:
    """The figure that `book-explorers.js` brings to life."""
    controls = [control for control in explorer.controls if control.static]
    fields = "".join(_field(control, at) for at, control in enumerate(controls))
    note = ""
    if any(len(control.static) < len(control.values) for control in explorer.controls):
        only_live = ", ".join(control.label for control in explorer.controls if not control.static)
        more = f" and moves {escape(only_live)} as well" if only_live else ""
        note = f'<p class="explorer-note">In a live notebook this explorer has finer steps{more}.</p>'
    # A "</script>" inside a label must not end the script element.
    data = json.dumps(_states(explorer), separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<figure class="book-explorer" aria-label="{escape(explorer.name)}" role="group">'
        f'<div class="explorer-controls">{fields}<button type="button">Reset</button></div><div class="explorer-view"></div>'
        f'<p class="explorer-sentence" role="status">{escape(explorer.view().sentence)}</p>{note}'
        f'<script type="application/json">{data}</script>'
        "<noscript>(The charts and controls need JavaScript.)</noscript></figure>"
    )


def _field(control, at: int) -> str:
    """A labelled slider or menu over a control's static positions."""
    texts, start = [control.text(value) for value in control.static], control.static.index(control.start)
    if control.is_menu:
        options = [f'<option value="{i}">{escape(text)}</option>' for i, text in enumerate(texts)]
        options[start] = options[start].replace(">", " selected>", 1)
        field = f'<select data-control="{at}">{"".join(options)}</select>'
    else:
        field = (
            f'<input type="range" data-control="{at}" data-texts="{escape(json.dumps(texts))}" min="0" '
            f'max="{len(texts) - 1}" step="1" value="{start}" aria-valuetext="{texts[start]}">'
            f'<span class="explorer-value">{texts[start]}</span>'
        )
    return f"<label>{escape(control.label)} {field}</label>"


def _states(explorer) -> dict:
    """The specification, every data set once, and every state as references to them."""
    known: dict[str, int] = {}  # a data set as JSON, and its number
    states = []
    for view in explorer.static_views():
        data = view.update()["data"]
        references = {name: known.setdefault(json.dumps(rows), len(known)) for name, rows in data.items()}
        states.append([references, view.signals, view.sentence, view.marked])
    return {"spec": explorer.spec(), "tables": [json.loads(table) for table in known], "states": states}
