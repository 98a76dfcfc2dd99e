"""Charts of a fit (Altair), each with a description made from its data.

Direction has a colour and a shape; nothing is jittered; error bars are two Monte Carlo standard errors.
In the static book, tooltips and the threshold's slider answer without a kernel.
"""

from .bumps import spike_bump_chart
from .comparisons import formulations_chart, pip_comparison_chart
from .effects import common_own_sd_chart, two_effect_chart
from .levels import few_schools_chart
from .pips import funnel_chart, outcome_chart, pip_chart
from .spreads import caterpillar_chart, school_sd_chart
from .studies import power_chart, rank_chart

__all__ = [
    "caterpillar_chart",
    "common_own_sd_chart",
    "few_schools_chart",
    "formulations_chart",
    "funnel_chart",
    "outcome_chart",
    "pip_chart",
    "pip_comparison_chart",
    "power_chart",
    "rank_chart",
    "school_sd_chart",
    "spike_bump_chart",
    "two_effect_chart",
]
