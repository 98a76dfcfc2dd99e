"""What the built page shows instead of something live: a chart's figure; an explorer's twin, with a module or all views.

The chapters' kernels run this file (`running.py`): it knows the package, and nothing of the folder that it stands in.
"""

import json
from collections.abc import Iterator
from html import escape
from itertools import product

from ssmelsm_helpers.explore.explorer import BrowserExplorer, Explorer, View

NO_DESCRIPTION = "Chart without a description"


def for_the_page(shown) -> str:
    """JSON of what takes the place of a chart's or an explorer's own output, by MIME type; of nothing for the rest."""
    import altair as alt  # after the package, which spares it a second

    if isinstance(shown, Explorer):
        return json.dumps({"text/html": twin(shown), "text/plain": shown.in_words()})
    return json.dumps(book_figure(shown.to_dict()) if isinstance(shown, alt.TopLevelMixin) else {})


def in_a_script(data) -> str:
    """JSON inside a page: a "</script>" in a title or a label must not end the script element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def book_figure(spec: dict) -> dict[str, str]:
    """Placeholder that the book's `book-charts.js` draws: the same HTML for the same chart, and no script in it."""
    words = spec.get("description", NO_DESCRIPTION)
    text = escape(words)
    in_rows = {"row", "column", "facet"} & {*spec.get("encoding", {})}  # for which Vega-Lite has no such width
    if isinstance(spec.get("width"), int | float) and not in_rows:
        spec = spec | {"width": "container"}  # as wide as the page, on a phone too
    figure = (
        f'<figure class="book-chart" data-alt="{text}"><div class="book-chart-view"></div>'
        f'<script type="application/json">{in_a_script(spec)}</script>'
        f"<noscript>{text} (This chart needs JavaScript.)</noscript></figure>"
    )
    return {"text/html": figure, "text/plain": words}


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
    return (
        f'<figure class="book-explorer" aria-label="{escape(explorer.name)}" role="group">'
        f'<p class="explorer-sentence" role="status">{words}</p>{note}'
        f'<script type="application/json">{in_a_script(book)}</script>'
        "<noscript>(The charts and controls need JavaScript.)</noscript></figure>"
    )


def all_views(explorer: Explorer) -> Iterator[View]:
    """Every view of the static page: nested loops over its controls, the last one fastest."""
    for values in product(*(control.static or [control.start] for control in explorer.controls)):
        yield explorer.view(**dict(zip(explorer.settings, values, strict=True)))


def _states(explorer: Explorer) -> dict:
    """Every data set once, and every state as references to them."""
    known: dict[str, int] = {}  # a data set as JSON, and its number
    states = []
    for view in all_views(explorer):
        data = view.update()["data"]
        references = {name: known.setdefault(json.dumps(rows), len(known)) for name, rows in data.items()}
        states.append([references, view.signals, view.sentence, view.marked])
    return {"tables": [json.loads(table) for table in known], "states": states}
