"""Rehearse what Binder does, on one core: build from environment.yml and postBuild alone, open JupyterLab, run two chapters.

By `make rehearse`. What Binder has and this has not: conda's Python (a virtual environment of the same version stands for
it) and, where there is no network, the real students. It prints a table; the last one kept is in tests/benchmarks/README.md.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from book_harness import chromium_browser  # noqa: E402
from lab_harness import FAILED, lab, open_notebook, run_all  # noqa: E402

MEMORY = 2000  # MB that Binder grants
CHAPTERS = ("07_fitting_saeb.ipynb", "10_exploring_the_threshold.ipynb")
ONE_CORE = ["taskset", "-c", "0"]


def build(folder: Path) -> Path:
    """A fresh copy of what is committed, and an environment from its files alone, in `folder`; the environment's Python."""
    if (ROOT / ".git").exists():
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    else:
        made_here = shutil.ignore_patterns(".venv", "_build", "dist", "__pycache__", "*.rda")
        shutil.copytree(ROOT, folder, ignore=made_here, dirs_exist_ok=True)
    wanted = yaml.safe_load((folder / "environment.yml").read_text("utf8"))["dependencies"]
    python = next(line.split("=")[1] for line in wanted if isinstance(line, str) and line.startswith("python="))
    if not platform.python_version().startswith(f"{python}."):
        sys.exit(f"environment.yml asks for Python {python}; this is {platform.python_version()}.")
    subprocess.run([sys.executable, "-m", "venv", folder / ".env"], check=True)
    pip = next(line["pip"] for line in wanted if isinstance(line, dict))
    options = [word for line in pip for word in line.split()]
    subprocess.run([*ONE_CORE, folder / ".env/bin/pip", "install", "-q", *options], cwd=folder, check=True)
    path = f"{folder / '.env/bin'}:{os.environ['PATH']}"
    subprocess.run([*ONE_CORE, "./postBuild"], cwd=folder, env=os.environ | {"PATH": path}, check=True)
    return folder / ".env/bin/python"


class Watch:
    """The most memory that a server and its kernels hold at once, in MB."""

    def __init__(self):
        self.most, self.busy = 0.0, True
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self) -> None:
        while self.busy:
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    if "chrom" not in process.name() and "node" not in process.name():
                        total += process.memory_info().rss
                except psutil.Error:
                    pass
            self.most = max(self.most, total / 1e6)
            time.sleep(0.2)


def main() -> int:
    """Build, open, run; the table."""
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="binder-") as name:
        folder, begin = Path(name), time.perf_counter()
        python = build(folder)
        rows.append(("build: packages, the package, compiled code", f"{time.perf_counter() - begin:.0f} s"))
        watch, begin = Watch(), time.perf_counter()
        with lab(folder, command=[*ONE_CORE, str(python)]) as address, chromium_browser() as browser:
            for chapter in CHAPTERS:
                opened = time.perf_counter()
                page = open_notebook(browser, address, f"notebooks/{chapter}")
                if chapter == CHAPTERS[0]:
                    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
                    page.wait_for_selector(".jp-OutputArea-output svg.marks", timeout=300_000)
                    rows.append(("from a ready server to the first chart", f"{time.perf_counter() - begin:.0f} s"))
                run_all(page, timeout=600_000)
                if failed := page.evaluate(FAILED):
                    sys.exit(f"{chapter}: {failed[0]}")
                rows.append((f"{chapter}, opened and run", f"{time.perf_counter() - opened:.0f} s"))
                page.context.close()
        watch.busy = False
        rows.append(("most memory of the server and two kernels", f"{watch.most:,.0f} MB"))
    print("\n| one core | |\n|---|---|")
    print(*(f"| {what} | {value} |" for what, value in rows), sep="\n")
    return int(watch.most > MEMORY)


if __name__ == "__main__":
    sys.exit(main())
