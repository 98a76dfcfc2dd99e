"""An explorer: controls, a pure function from their values to a view, and charts that show it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import altair as alt

from ..arguments import shown
from .page import static_bundle, wants_static
from .views import View, records


class Explorer:
    """Controls, a view for every position of them, and charts that show views.

    In a notebook it shows itself as a live widget; in the built book as a page's own sliders, with every picture and
    sentence computed beforehand by the same function.

    Parameters
    ----------
    name : str
        What it is called, for screen readers.
    controls : sequence of Control
    view : callable
        Settings as keywords -> `View`. Pure: the same settings, the same view.
    charts : callable
        View -> an Altair chart whose data sets and parameters bear the names of the view's.
    """

    def __init__(self, name: str, controls, view: Callable[..., View], charts: Callable[[View], alt.TopLevelMixin]):
        self.name, self.controls = name, tuple(controls)
        self._view, self._charts = view, charts
        self._widget = None

    @property
    def settings(self) -> dict[str, Any]:
        """Where the controls start."""
        return {control.name: control.start for control in self.controls}

    def view(self, **settings) -> View:
        """The view at some settings; the others stay where they start.

        Raises
        ------
        ValueError
            A setting is unknown, or not one of its control's positions.
        """
        by_name = {control.name: control for control in self.controls}
        chosen = self.settings
        for name, value in settings.items():
            if name not in by_name:
                raise ValueError(f"{name!r} is no setting of this explorer; it has {sorted(by_name)}.")
            # A slider's 0.30000000000000004 is the position 0.3.
            chosen[name] = next((other for other in by_name[name].values if _same(value, other)), None)
            if chosen[name] is None:
                expected = shown(list(by_name[name].values))
                raise ValueError(f"{name} must be one of {expected}; found {shown(value)}.")
        return self._view(**chosen)

    def charts(self, **settings) -> alt.TopLevelMixin:
        """The charts at some settings, as they would stand on the page."""
        view = self.view(**settings)
        return self._charts(view).properties(description=view.sentence)

    def spec(self, **settings) -> dict:
        """Vega-Lite specification at some settings, data included."""
        view = self.view(**settings)
        spec = self._charts(view).properties(description=self.name).to_dict()
        spec["datasets"] = spec.get("datasets", {}) | {name: records(table) for name, table in view.data.items()}
        return spec

    def static_views(self) -> Iterator[tuple[tuple[int, ...], View]]:
        """Every view of the static page, with the positions of its controls."""
        controls = [control for control in self.controls if control.static]
        for at in product(*(range(len(control.static)) for control in controls)):
            settings = {control.name: control.static[i] for control, i in zip(controls, at, strict=True)}
            yield at, self.view(**settings)

    def widget(self):
        """The live widget; made once."""
        if self._widget is None:
            from .live import live_widget

            self._widget = live_widget(self)
        return self._widget

    def _repr_mimebundle_(self, **_options) -> dict:
        if wants_static():
            return static_bundle(self)
        found = self.widget()._repr_mimebundle_()
        return found[0] if isinstance(found, tuple) else found


def _same(value, other) -> bool:
    if isinstance(value, str) or isinstance(other, str):
        return value == other
    return math.isclose(value, other, abs_tol=1e-9)
