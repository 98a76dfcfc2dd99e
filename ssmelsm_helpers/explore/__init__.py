"""Charts with hands: pure functions from settings to pictures and words, live in a notebook and on a static page."""

import lazy_loader

from .. import plot as _plot  # noqa: F401 (before Altair)

# What is public, and where it lives, stands in __init__.pyi; a module is imported when one of its names is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
