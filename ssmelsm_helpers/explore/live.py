"""The live shell of an explorer: a widget with the same scripts as the built page."""

from functools import cache
from pathlib import Path

import anywidget
import traitlets

from ..plot.rendering import vega_bundle

SCRIPTS = [Path(__file__).with_name(name) for name in ("explorer.js", "hands.js")]
STYLE = Path(__file__).with_name("explorer.css")


@cache
def _script() -> str:
    """The widget's script: Vega from the installed package, so that no network is needed, and our own."""
    own = "\n".join(path.read_text("utf8") for path in SCRIPTS)
    bundle = vega_bundle("globalThis.ssmelsmVegaEmbed = vegaEmbed;")
    return f"{bundle}\n{own}\nexport default {{ render: ssmelsmExplorer.render }};\n"


class ExplorerWidget(anywidget.AnyWidget):
    """Controls and charts; a move of the controls changes `settings`, and `answer` makes of them an update of the charts.

    Without `answer` the book's own module computes in the browser.
    """

    _css = STYLE.read_text("utf8")

    book = traitlets.Dict().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    update = traitlets.Dict().tag(sync=True)

    def __init__(self, book: dict, settings: dict, answer=None):
        first = answer(settings) if answer else {}
        super().__init__(book=book, settings=settings, update=first, _esm=_script())
        if answer:
            self.observe(lambda change: self._answer(answer, change.new), names="settings")

    def _answer(self, answer, settings: dict) -> None:
        try:
            self.update = answer(settings)
        except Exception as error:  # an error in a callback would vanish in the log, and the slider would look dead
            self.update = self.update | {"sentence": f"{type(error).__name__}: {error}", "marked": []}
