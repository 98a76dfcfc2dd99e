from .many_schools import construction as construction
from .many_schools import melsm as melsm
from .many_schools import power as power
from .one_school import school_card as school_card
from .one_school import spike_slab as spike_slab
from .pass_rate import grid as grid
from .threshold_explorer import threshold as threshold
