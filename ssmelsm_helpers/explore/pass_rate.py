"""The pass rate of one school on a grid: a posterior that moves with the prior, and with the students."""

import altair as alt
import numpy as np
import pandas as pd

from ..plot.style import GREEN, GREY, PINK
from .explorer import Control, Explorer, View, evenly
from .parts import LEGEND_ABOVE, by_word, chart_of

_RATES = np.linspace(0.001, 0.999, 999)
_PARTS = {"prior": "dashes: prior", "likelihood": "line: likelihood", "posterior": "area: posterior"}


def grid() -> Explorer:
    """Prior times likelihood on a grid of pass rates: what students say, and what was believed before.

    The prior is what `prior_students` earlier students would have said, of whom a share `prior_peak` passed; none of
    them make it flat.

    Returns
    -------
    Explorer
        Settings ``n``, ``share``, ``prior_peak`` and ``prior_students``.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.explore.grid().view(prior_students=0).sentence[-90:]
    'peak at 0.60, mean 0.59, 95 % interval from 0.38 to 0.78; probability above one half 0.81.'
    """
    controls = [
        Control("n", "Students n", (10, 20, 40, 80, 160, 320), 20, static=(20, 40, 80, 160)),
        Control("share", "Share of them that passes", evenly(0, 1, 0.1), 0.6, static=(0.4, 0.6, 0.8)),
        Control("prior_peak", "Prior's peak", evenly(0.1, 0.9, 0.1), 0.5, static=(0.3, 0.5)),
        Control("prior_students", "Prior students", (0, 2, 5, 10, 20, 50, 100), 5, static=(0, 5, 10, 20, 100)),
    ]
    return Explorer("Grid explorer", "sm.explore.grid()", controls, grid_charts, grid_view)


def grid_view(n: int, share: float, prior_peak: float, prior_students: int) -> View:
    """Three curves over the rate, each as a share of its highest point, and the posterior's mean and interval."""
    log_density = {"prior": _log_chance(prior_students, prior_peak), "likelihood": _log_chance(n, share)}
    log_density["posterior"] = log_density["prior"] + log_density["likelihood"]
    heights = {name: np.exp(values - values.max()) for name, values in log_density.items()}
    posterior = heights["posterior"] / heights["posterior"].sum()
    mean = posterior @ _RATES
    low, high = _RATES[np.searchsorted(posterior.cumsum(), [0.025, 0.975])]
    data = {name: pd.DataFrame({"rate": _RATES, "height": values.round(4)})[4::10] for name, values in heights.items()}
    data["interval"] = pd.DataFrame({"low": [low], "high": [high], "mean": [mean]})
    prior = f"like {prior_students} students, with its peak at {prior_peak:g}" if prior_students else "flat"
    sentence = (
        f"{n * share:.0f} of {n} students pass; prior {prior}. Posterior: peak at {_RATES[posterior.argmax()]:.2f}, mean "
        f"{mean:.2f}, 95 % interval from {low:.2f} to {high:.2f}; probability above one half {posterior[_RATES > 0.5].sum():.2f}."
    )
    return View(data, {}, sentence)


def _log_chance(n: int, share: float) -> np.ndarray:
    """Log probability that this share of n students passes, at each rate, up to a constant."""
    return n * (share * np.log(_RATES) + (1 - share) * np.log(1 - _RATES))


def grid_charts() -> alt.LayerChart:
    """Three curves above each other, the interval below them."""
    rate = alt.X("rate:Q", title="Pass rate", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=10))
    height = alt.Y(
        "height:Q", title="Relative height", scale=alt.Scale(domain=[-0.08, 1]), axis=alt.Axis(values=[0, 1])
    )
    colour = by_word(alt.Color, "part", _PARTS.values(), [GREY, PINK, GREEN], LEGEND_ABOVE)
    prior, likelihood, posterior = (
        chart_of(name).transform_calculate(part=f"'{words}'").encode(rate, height, colour)
        for name, words in _PARTS.items()
    )
    below = chart_of("interval").encode(y=alt.datum(-0.05))
    return alt.layer(
        posterior.mark_area(fillOpacity=0.4, stroke=GREEN, aria=False).encode(alt.Y2Datum(0)),
        prior.mark_line(strokeDash=[5, 4], strokeWidth=2.5, aria=False),
        likelihood.mark_line(strokeWidth=2.5, aria=False),
        below.mark_rule(color=GREEN, strokeWidth=3, aria=False).encode(x="low:Q", x2="high:Q"),
        below.mark_point(color=GREEN, filled=True, size=80, opacity=1, aria=False).encode(x="mean:Q"),
    ).properties(width=600, height=260)
