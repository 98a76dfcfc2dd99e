from .card import school_card as school_card
from .construction_explorer import construction as construction
from .melsm_explorer import melsm as melsm
from .power_explorer import power as power
from .spike_slab_explorer import spike_slab as spike_slab
from .threshold_explorer import threshold as threshold
