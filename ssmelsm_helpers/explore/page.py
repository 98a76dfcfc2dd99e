"""What the built page shows instead of something live: an explorer's twin, with a module or all views to answer moves."""

import json
from html import escape

import altair as alt

from ..plot.rendering import book_figure
from .explorer import BrowserExplorer, Explorer


def for_the_page(shown) -> str:
    """JSON of what takes the place of a chart's or an explorer's own output, by MIME type; of nothing for the rest."""
    if isinstance(shown, Explorer):
        return json.dumps({"text/html": twin(shown), "text/plain": shown.in_words()})
    return json.dumps(book_figure(shown.to_dict()) if isinstance(shown, alt.TopLevelMixin) else {})


def twin(explorer: Explorer) -> str:
    """The figure that `book-explorers.js` brings to life."""
    book, words, note = explorer.book(), "", ""
    if not isinstance(explorer, BrowserExplorer):
        book |= {"controls": [c._replace(values=c.static).for_the_browser() for c in explorer.controls if c.static]}
        book |= _states(explorer)
        words = escape(explorer.in_words())
        if any(len(control.static) < len(control.values) for control in explorer.controls):
            only_live = ", ".join(control.label for control in explorer.controls if not control.static)
            more = f" and moves {escape(only_live)} as well" if only_live else ""
            note = f'<p class="explorer-note">In a live notebook this explorer has finer steps{more}.</p>'
    # A "</script>" inside a label must not end the script element.
    data = json.dumps(book, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<figure class="book-explorer" aria-label="{escape(explorer.name)}" role="group">'
        f'<p class="explorer-sentence" role="status">{words}</p>{note}'
        f'<script type="application/json">{data}</script>'
        "<noscript>(The charts and controls need JavaScript.)</noscript></figure>"
    )


def _states(explorer: Explorer) -> dict:
    """Every data set once, and every state as references to them."""
    known: dict[str, int] = {}  # a data set as JSON, and its number
    states = []
    for view in explorer.states():
        data = view.update()["data"]
        references = {name: known.setdefault(json.dumps(rows), len(known)) for name, rows in data.items()}
        states.append([references, view.signals, view.sentence, view.marked])
    return {"tables": [json.loads(table) for table in known], "states": states}
