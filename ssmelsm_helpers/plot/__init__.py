"""Charts of a fit or of a study (Altair), each with a description made from its data; a fit as a page.

Direction has a colour and a shape; nothing is jittered; error bars are two Monte Carlo standard errors.
In the static book, tooltips and the threshold's slider answer without a kernel.
"""

import sys

import lazy_loader

# Altair loads jsonschema, which where it can parses a grammar of web addresses first: a second, for what no chart asks.
if sys.modules.setdefault("rfc3987_syntax", None) is None:
    import altair  # noqa: F401

    del sys.modules["rfc3987_syntax"]

# What is public, and where it lives, stands in __init__.pyi; a module is imported when one of its names is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
