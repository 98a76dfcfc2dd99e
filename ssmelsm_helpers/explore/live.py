"""The live shell of an explorer: ipywidgets for the hands, one anywidget for the charts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import anywidget
import ipywidgets as widgets
import numpy as np
import traitlets

from ..plot.rendering import vega_bundle
from .views import View, records

SCRIPT = Path(__file__).with_name("explorer.js")


@cache
def _module() -> str:
    """The widget's script: Vega from the installed package, so that no network is needed, and our own."""
    bundle = vega_bundle("globalThis.ssmelsmVegaEmbed = vegaEmbed;")
    embed = "const ssmelsmEmbed = (...given) => globalThis.ssmelsmVegaEmbed(...given);"
    return f"{bundle}\n{embed}\n{SCRIPT.read_text('utf8')}\nexport default {{ render: ssmelsmExplorer.render }};\n"


class Charts(anywidget.AnyWidget):
    """Charts that follow updates of their data and signals."""

    spec = traitlets.Dict().tag(sync=True)
    update = traitlets.Dict().tag(sync=True)

    def __init__(self, **values):
        super().__init__(_esm=_module(), **values)


def update_of(view: View) -> dict:
    """What the browser needs to show a view. All of it: a view opened later has not seen the earlier ones."""
    data = {name: records(table) for name, table in view.data.items()}
    return {"data": data, "signals": view.signals, "sentence": view.sentence, "marked": list(view.marked)}


def control_widget(control) -> widgets.Widget:
    """A slider, or a menu."""
    style = {"description_width": "initial"}
    if control.is_menu:
        return widgets.Dropdown(options=control.values, value=control.start, description=control.label, style=style)
    layout = widgets.Layout(width="95%", max_width="420px")
    common = {"value": control.start, "description": control.label, "style": style, "layout": layout}
    steps = np.diff(control.values)
    if np.allclose(steps, steps[0]):  # its position is read aloud as a number
        low, high, step = control.values[0], control.values[-1], float(steps[0])
        if all(isinstance(value, int) for value in control.values):
            return widgets.IntSlider(min=low, max=high, step=int(step), **common)
        return widgets.FloatSlider(min=low, max=high, step=step, readout_format=".2f", **common)
    return widgets.SelectionSlider(options=[(control.text(value), value) for value in control.values], **common)


def live_widget(explorer) -> widgets.VBox:
    """Controls above charts. A control's move computes the view anew and sends what changed."""
    controls = {control.name: control_widget(control) for control in explorer.controls}
    charts = Charts(spec=explorer.spec(), update=update_of(explorer.view()))

    def answer(_change=None):
        try:
            view = explorer.view(**{name: control.value for name, control in controls.items()})
        except Exception as error:  # an error in a callback would vanish in the log, and the slider would look dead
            charts.update = charts.update | {"sentence": f"{type(error).__name__}: {error}", "marked": []}
            return
        charts.update = update_of(view)

    def reset(_button):
        for control in explorer.controls:
            controls[control.name].value = control.start

    for control in controls.values():
        control.observe(answer, names="value")
    button = widgets.Button(description="Reset", tooltip="All controls back to where they started")
    button.on_click(reset)
    box = widgets.VBox([*controls.values(), button, charts])
    box.controls, box.charts = controls, charts
    return box
