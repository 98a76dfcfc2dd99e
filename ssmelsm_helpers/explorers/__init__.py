"""Interactive explorers: pure functions from settings to pictures and words, live in a notebook and on a static page."""

from .threshold import threshold_explorer
from .views import Control, Explorer, View

__all__ = ["Control", "Explorer", "View", "threshold_explorer"]
