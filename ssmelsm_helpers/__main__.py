"""`python -m ssmelsm_helpers` says whether everything is ready; `python -m ssmelsm_helpers start` opens the chapters.

An older Python, and one without the packages, can run this file and is told what to do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
INSTALL = "python -m pip install -r requirements.lock"
# What a kernel of the chapters is asked: can it send a widget to the browser?
WIDGET = "import ssmelsm_helpers as sm; print(sm.explore.spike_slab().widget().comm.comm_id)"


class Problem(Exception):
    """What was found, and the one thing to do about it."""


def check_python() -> str:
    """Python is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 12):  # noqa: UP036 (an older Python runs this, too)
        raise Problem(f"this is Python {found}", "install Python 3.12 or newer, and make the environment with it")
    return f"Python {found}"


def check_packages() -> str:
    """Every package of the tested set is there, in its version."""
    places = (ROOT / "requirements.lock", PACKAGE / "_data" / "requirements.lock")
    lines = next(path for path in places if path.is_file()).read_text("utf8").splitlines()
    wanted = dict(line.split("==") for line in lines if "==" in line)
    installed = {name: _version(name) for name in wanted}
    wrong = [name for name in wanted if not installed[name]] or [n for n in wanted if installed[n] != wanted[n]]
    if wrong:
        words = [f"{name} {installed[name] or 'is missing'}, {wanted[name]} is in the tested set" for name in wrong[:3]]
        raise Problem("; ".join([*words, *([f"and {len(wrong) - 3} more"] if len(wrong) > 3 else [])]), INSTALL)
    return f"{len(wanted)} packages in their tested versions"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_fit() -> str:
    """The Saeb schools can be fitted, and drawn without a network."""
    import vl_convert

    import ssmelsm_helpers as sm

    fit = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1, progressbar=False)
    vl_convert.vegalite_to_svg(sm.plot.pips(fit).to_dict())
    return f"a fit of {fit['posterior'].sizes['school']} schools, and its chart"


def check_kernel() -> str:
    """A kernel of the chapters starts, and its widgets find a way out."""
    try:
        from jupyter_client.manager import start_new_kernel
    except ImportError as error:
        raise Problem("no notebook can be run", INSTALL) from error
    manager, client = start_new_kernel(env=_environment(), extra_arguments=["--IPKernelApp.log_level=40"])
    try:
        said: list[str] = []
        ask = client.execute_interactive
        ask(WIDGET, timeout=60, output_hook=lambda message: said.append(message["content"].get("name")))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if "stdout" not in said:
        raise Problem("a notebook's widget cannot be made", INSTALL)
    return "a notebook's kernel, with a widget"


def check_data() -> str:
    """The real students are here."""
    import ssmelsm_helpers as sm

    students = sm.load_saeb()
    if students.attrs["reconstructed"]:
        raise Problem(
            "these are made-up students with the real ones' summaries; chapters run all the same",
            "run this once with a network, or copy saeb.rda into the data folder",
        )
    return students.attrs["source"]


def check_cache() -> str:
    """What was compiled is kept."""
    from ssmelsm_helpers.model.compiled import is_compiled
    from ssmelsm_helpers.model.school_effects import likelihoods_and_effects

    if not likelihoods_and_effects.stats.cache_path or not is_compiled(likelihoods_and_effects):
        raise Problem(
            "compiled code cannot be kept: every start takes a quarter of a minute longer",
            "set the environment variable NUMBA_CACHE_DIR to a folder that you can write to",
        )
    return "a cache of compiled code"


CHECKS = [check_python, check_packages, check_data, check_fit, check_kernel, check_cache]


def report(checks=CHECKS) -> int:
    """Every check's line, and a last one: ready, or what to do. Nothing more is tried without Python or its packages."""
    to_do = []
    for check in checks:
        begin = time.perf_counter()
        try:
            print(f"ok    {check()} ({time.perf_counter() - begin:.1f} s)", flush=True)
        except Problem as problem:
            found, action = problem.args
            print(f"note  {found}", flush=True)
            to_do.append(action)
        except Exception as error:
            print(f"note  {check.__doc__.rstrip('.')}: {type(error).__name__}: {error}", flush=True)
            to_do.insert(0, INSTALL)  # before what can wait
        if to_do and check in CHECKS[:2]:
            break
    print(f"To do: {to_do[0]}." if to_do else "Ready: python -m ssmelsm_helpers start opens the chapters.")
    return int(bool(to_do))


def _environment() -> dict[str, str]:
    """For kernels: they find the package, installed or not, and charts take their scripts from this machine."""
    places = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places)), "SSMELSM_OFFLINE": "1"}


def start(options: list[str]) -> int:
    """Open the chapters in JupyterLab."""
    if not (ROOT / "notebooks").is_dir():
        print(f"To do: get the whole project, and run this in its folder; there are no chapters beside {PACKAGE}.")
        return 1
    places = [f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/notebooks"]
    return subprocess.run([sys.executable, "-m", "jupyterlab", *places, *options], env=_environment()).returncode


if __name__ == "__main__":
    sys.exit(start(sys.argv[2:]) if sys.argv[1:2] == ["start"] else report())
