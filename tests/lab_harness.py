"""A private JupyterLab on 127.0.0.1 and a browser page in it: what the tests of live explorers share."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page

TOKEN = "only-for-tests"
# No news, no update check; all cells in the page, whether scrolled to or not; the notebook's file stays as it is.
SETTINGS = {
    ("apputils-extension", "notification"): {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    ("notebook-extension", "tracker"): {"windowingMode": "none"},
    ("docmanager-extension", "plugin"): {"autosave": False},
}
IDLE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel && panel.sessionContext && panel.sessionContext.session && panel.sessionContext.session.kernel;
  return Boolean(kernel) && kernel.status === "idle";
}"""
ALL_RUN = """() => {
  const cells = [...window.jupyterapp.shell.currentWidget.content.widgets].filter(cell => cell.model.type === "code");
  return cells.every(cell => cell.model.executionCount !== null);
}"""
FAILED = """() => [...document.querySelectorAll(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']")]
  .map(output => output.textContent)"""


@contextlib.contextmanager
def lab(root: Path, timeout: float = 90, command: Sequence[str] = (sys.executable,)) -> Iterator[str]:
    """A server for the notebooks under `root`, by this Python or another; yields its address and stops it at the end."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        private = Path(folder)
        for (extension, plugin), values in SETTINGS.items():
            path = private / "settings" / "@jupyterlab" / extension / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        places = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
        environment = {f"JUPYTER_{name}": str(private / place) for name, place in places.items()}
        environment |= {
            "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
            "SSMELSM_OFFLINE": "1",
        }
        environment = os.environ | environment
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": root,
            "ServerApp.allow_root": True,
            "ServerApp.terminals_enabled": False,
            "IdentityProvider.token": TOKEN,
            "LabApp.expose_app_in_browser": True,
            "LabApp.extension_manager": "readonly",
        }
        call = [*command, "-m", "jupyterlab", "--no-browser", *(f"--{k}={v}" for k, v in options.items())]
        with (private / "log").open("w") as log:
            server = subprocess.Popen(call, env=environment, stdout=log, stderr=log, start_new_session=True)
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_until_up(server, address, private / "log", timeout)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_until_up(server, address: str, log: Path, timeout: float) -> None:
    begin = time.monotonic()
    while True:
        try:
            urllib.request.urlopen(f"{address}/api/status?token={TOKEN}", timeout=2).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() - begin > timeout:
                raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.3)


def open_notebook(browser: Browser, address: str, path: str) -> Page:
    """A page with the notebook open and its kernel idle; no request leaves this machine."""
    page = browser.new_context(viewport={"width": 1400, "height": 1600}).new_page()
    page.external = []

    def let_pass_or_record(route):
        url = route.request.url
        if url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            page.external.append(url)
            route.abort()

    page.route("**/*", let_pass_or_record)
    page.goto(f"{address}/lab/tree/{path}?token={TOKEN}&reset", wait_until="domcontentloaded")
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored", timeout=90_000)
    page.evaluate("() => window.jupyterapp.restored")
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell", timeout=60_000)
    page.wait_for_function(IDLE, timeout=90_000)
    return page


def run_all(page: Page, timeout: float = 240_000) -> None:
    """Run all cells and wait for the last."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(ALL_RUN, timeout=timeout)
    page.wait_for_function(IDLE, timeout=timeout)


def restart_kernel(page: Page) -> None:
    """A new kernel behind the same page, without the dialog that asks whether one is sure."""
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_function(IDLE, timeout=90_000)
