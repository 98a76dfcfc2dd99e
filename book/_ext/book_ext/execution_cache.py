"""Key the cache of notebook outputs by all that decides them.

jupyter-cache itself looks at the cells of a notebook only: a changed package or data file would leave stale
outputs in the book. So each state of package, data and versions has a cache folder of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from myst_nb.core.read import is_myst_markdown_notebook

from .fingerprint import fingerprint
from .running import run_for_the_book

DECIDES_OUTPUTS = (
    "ssmelsm_helpers/**/*.py",
    "ssmelsm_helpers/**/*.js",
    "ssmelsm_helpers/**/*.toml",
    "book/_ext/book_ext/figures.py",
    "data/*.csv",
    "data/*.rda",
)
KEEP = 3  # so that going back to another branch needs no new run


def use_keyed_cache(app, config) -> None:
    """Point myst-nb to the folder of the present state, fill it, and remove folders long unused."""
    root = Path(app.srcdir).resolve()
    current = current_cache(root)
    prune(current.parent, KEEP)
    config.nb_execution_cache_path = str(current)
    pages = [path for path in sorted((root / "book").glob("*.md")) if is_myst_markdown_notebook(path.read_text("utf8"))]
    run_for_the_book([*sorted((root / "notebooks").glob("*.ipynb")), *pages], current)


def current_cache(root: Path) -> Path:
    """The cache folder of the present state, made when it is not there."""
    current = root / "_build" / ".jupyter_cache" / fingerprint(root, DECIDES_OUTPUTS)
    current.mkdir(parents=True, exist_ok=True)
    current.touch()  # most recently used
    return current


def prune(folder: Path, keep: int) -> None:
    """Remove all but the `keep` most recently used cache folders."""
    caches = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in caches[:-keep]:
        shutil.rmtree(path)
