"""The live shell of an explorer: ipywidgets for the hands, one anywidget for the charts."""

from functools import cache
from pathlib import Path

import anywidget
import ipywidgets as widgets
import numpy as np
import traitlets

from ..plot.rendering import vega_bundle


@cache
def _script() -> str:
    """The widget's script: Vega from the installed package, so that no network is needed, and our own."""
    bundle = vega_bundle("globalThis.ssmelsmVegaEmbed = vegaEmbed;")
    own = Path(__file__).with_name("explorer.js").read_text("utf8")
    return f"{bundle}\n{own}\nexport default {{ render: ssmelsmExplorer.render }};\n"


class Charts(anywidget.AnyWidget):
    """Charts that follow updates of their data and signals."""

    spec = traitlets.Dict().tag(sync=True)
    update = traitlets.Dict().tag(sync=True)


def control_widget(control) -> widgets.Widget:
    """A slider, or a menu."""
    common = {"value": control.start, "description": control.label, "style": {"description_width": "initial"}}
    if control.is_menu:
        return widgets.Dropdown(options=control.values, **common)
    common["layout"] = {"width": "95%", "max_width": "420px"}
    steps = np.diff(control.values)
    if not np.allclose(steps, steps[0]):
        return widgets.SelectionSlider(options=[(control.text(value), value) for value in control.values], **common)
    # Its position is read aloud as a number.
    slider = widgets.IntSlider if isinstance(control.start, int) else widgets.FloatSlider
    return slider(min=control.values[0], max=control.values[-1], step=steps[0].item(), **common)


def live_widget(explorer) -> widgets.VBox:
    """Controls above charts. A control's move computes the view anew and sends what changed."""
    controls = {control.name: control_widget(control) for control in explorer.controls}
    charts = Charts(_esm=_script(), spec=explorer.spec(), update=explorer.view().update())

    def answer(_change=None):
        try:
            update = explorer.view(**{name: control.value for name, control in controls.items()}).update()
        except Exception as error:  # an error in a callback would vanish in the log, and the slider would look dead
            update = charts.update | {"sentence": f"{type(error).__name__}: {error}", "marked": []}
        charts.update = update

    def reset(_button):
        for name, start in explorer.settings.items():
            controls[name].value = start
        charts.send("reset")

    for control in controls.values():
        control.observe(answer, names="value")
    button = widgets.Button(description="Reset", tooltip="All controls back to where they started")
    button.on_click(reset)
    box = widgets.VBox([*controls.values(), button, charts])
    box.controls, box.charts = controls, charts
    return box
