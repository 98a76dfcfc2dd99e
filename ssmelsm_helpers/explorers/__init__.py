"""Interactive explorers: pure functions from settings to pictures and words, live in a notebook and on a static page."""

from .card import school_card
from .construction import construction_explorer
from .melsm import melsm_explorer
from .power import power_explorer
from .spike_slab import spike_slab_explorer
from .threshold import threshold_explorer
from .views import Control, Explorer, View

__all__ = [
    "Control",
    "Explorer",
    "View",
    "construction_explorer",
    "melsm_explorer",
    "power_explorer",
    "school_card",
    "spike_slab_explorer",
    "threshold_explorer",
]
