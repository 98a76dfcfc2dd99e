"""How charts are shown: by Altair's own renderer, or offline."""

import os

import altair as alt


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
