"""Numbers in the book's sentences: computed by a chapter, inserted when the book is built."""

from __future__ import annotations

from ..arguments import plain


def glue(name: str, value) -> None:
    """Keep a value under a name, for ``{glue:text}`name``` in a chapter's prose.

    Where the book is only read live, without the tool that builds it (`myst-nb`), nothing happens.

    Parameters
    ----------
    name : str
        Unique within the chapter.
    value : number or str
        NumPy numbers become Python's own, which the role can format.

    Examples
    --------
    >>> import numpy as np
    >>> glue("answer", np.float64(42.0))
    """
    try:
        from myst_nb import glue as keep
    except ImportError:
        return
    keep(name, plain(value), display=False)
