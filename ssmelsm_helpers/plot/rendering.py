"""How charts are shown: by Altair's own renderer, offline, or as figures of the built book."""

import html
import json
import os

import altair as alt

NO_DESCRIPTION = "Chart without a description"


def book_figure(spec: dict) -> dict[str, str]:
    """Placeholder that the book's `book-charts.js` draws: the same HTML for the same chart, and no script in it."""
    words = spec.get("description", NO_DESCRIPTION)
    text = html.escape(words)
    in_rows = {"row", "column", "facet"} & {*spec.get("encoding", {})}  # for which Vega-Lite has no such width
    if isinstance(spec.get("width"), int | float) and not in_rows:
        spec = spec | {"width": "container"}  # as wide as the page, on a phone too
    # A "</script>" inside a title must not end the script element.
    data = json.dumps(spec, separators=(",", ":")).replace("<", "\\u003c")
    figure = (
        f'<figure class="book-chart" data-alt="{text}"><div class="book-chart-view"></div>'
        f'<script type="application/json">{data}</script>'
        f"<noscript>{text} (This chart needs JavaScript.)</noscript></figure>"
    )
    return {"text/html": figure, "text/plain": words}


def enable_renderer() -> None:
    """SSMELSM_OFFLINE=1 takes Vega from the installed packages, for JupyterLab without a network.

    Otherwise Altair's default stays, which Binder, Colab and VS Code show.
    """
    if os.environ.get("SSMELSM_OFFLINE") == "1":
        alt.renderers.enable("jupyter", offline=True)


def vega_bundle(snippet: str) -> str:
    """Vega, Vega-Lite and vega-embed as one script, at the versions that Altair writes for; `snippet` runs in it."""
    import vl_convert
    from altair.utils._importers import vl_version_for_vl_convert

    bundle = vl_convert.javascript_bundle(snippet, vl_version=vl_version_for_vl_convert())
    # The bundle declares hundreds of one-letter names at its top: a function keeps them from the page.
    return "(function (define, module, exports) {" + bundle + "\n})();\n"
