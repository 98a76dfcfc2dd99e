"""Helpers for the spike-and-slab mixed-effects location-scale model (SS-MELSM)."""

__version__ = "0.2.0"

try:
    import lazy_loader
except ModuleNotFoundError:  # `python -m ssmelsm_helpers` still runs, and says what to do
    pass
else:
    # What is public, and where it lives, stands in __init__.pyi; a module is imported when one of its names is first used.
    __getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
