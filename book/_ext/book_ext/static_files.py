"""Third-party scripts of the pages, taken from installed packages when the book is built.

So the pages ask no other server for anything, and no third-party code is committed.
"""

from __future__ import annotations

import hashlib
import shutil
from importlib.metadata import distribution
from pathlib import Path

from ssmelsm_helpers.explore.live import SCRIPTS, STYLE

SHARED = [*SCRIPTS, STYLE]  # by explorers on pages and in notebooks
# What draws charts and explorers on a page or a slide, in the order in which it is loaded.
PAGE_SCRIPTS = (*(path.name for path in SCRIPTS), "book-charts.js", "book-explorers.js")
PAGE_STYLES = ("book-charts.css", STYLE.name, "book-explorers.css")
# What MathJax loads from its folder for TeX input and HTML output: itself in parts, its fonts, and TeX extensions
# (those of \boldsymbol or \cancel, say) when a formula uses them. Its one file for all of this has a menu too, which is a
# third of its weight and makes each formula a stop of the Tab key; screen readers read the MathML beside each formula.
MATHJAX_PARTS = (
    "startup.js",
    "core.js",
    "input/tex.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
    "output/chtml/fonts/woff-v2",
    "input/tex/extensions",
)


def add_static_files(app) -> None:
    """Write the scripts next to the built pages' sources and let Sphinx copy them."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir).parent / "static"
    write_once(folder / "vega", vega_tag(), write_vega)
    write_once(folder / "mathjax", f"{distribution('sphinx-mathjax-offline').version} {MATHJAX_PARTS}", copy_mathjax)
    app.config.html_static_path.append(str(folder / "vega"))
    # A folder's content goes to _static; MathJax belongs into a folder of its own there.
    app.config.html_static_path.append(str(folder / "mathjax"))


def write_once(folder: Path, tag: str, write) -> None:
    """Call `write(folder)` unless that was done before for the same `tag`."""
    stamp = folder.with_suffix(".stamp")
    if stamp.is_file() and stamp.read_text() == tag:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write(folder)
    stamp.write_text(tag)


def vega_tag() -> str:
    """Versions that decide the bundle."""
    shared = hashlib.sha256(b"".join(path.read_bytes() for path in SHARED)).hexdigest()[:16]
    return f"{distribution('altair').version} {distribution('vl-convert-python').version} {shared}"


def write_vega(folder: Path) -> None:
    """Vega, and what explorers share with their live widgets."""
    from ssmelsm_helpers.plot.rendering import vega_bundle

    (folder / "vega-bundle.js").write_text(vega_bundle("window.bookVegaEmbed = vegaEmbed;"), "utf8")
    for path in SHARED:
        shutil.copy(path, folder)


def copy_mathjax(folder: Path) -> None:
    """MathJax 3 from the package `sphinx-mathjax-offline`, whose folder's name cannot be imported."""
    source = Path(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax"))
    for part in MATHJAX_PARTS:
        target = folder / "mathjax" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target)
        else:
            shutil.copy(source / part, target)
