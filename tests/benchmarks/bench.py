"""Time and memory of the fits: `make bench`, or `make bench ARGS="Saeb SES"` for the rows whose names hold these words.

The rows with a ratio run with version 0.1, too, where the repository's history is at hand.

Every row runs in a process of its own, so that imports, memory and compilation are counted honestly:
*cold* lasts from the process's start to the end of its first fit, *warm* is the second fit within it.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from students import LIMIT_MB, LIMIT_S, growth

SES = "math_proficiency ~ ses * school_ses + (1 | school_id)", "~ ses * school_ses + (1 | school_id)"
SLOPE = "math_proficiency ~ ses * school_ses + (1 + ses | school_id)", SES[1]
TWO = SES[0], "~ ses * school_ses + (1 + ses | school_id)"
PLAIN = "math_proficiency ~ 1 + (1 | school_id)", "~ 1 + (1 | school_id)"


class Row(NamedTuple):
    """One measurement: what is fitted, and its limits (None: no limit stated)."""

    name: str
    sampler: str = "nuts"
    schools: int | None = None  #: simulated ones; None: Saeb
    formulas: tuple[str, str] | None = None  #: None: from the school summaries
    options: dict = {}  # noqa: RUF012 (a constant)
    cold: float | None = None  #: s
    warm: float | None = None  #: s
    memory: float | None = None  #: MB
    least_ess: float | None = None
    ratio: float | None = None  #: times as fast as version 0.1, or faster: the warm fit where there is one


FIRST_VERSION = "2a84939"
ROWS = [
    Row("Saeb, importance", "importance", cold=6, warm=1, memory=500),
    Row("Saeb, NUTS 4 x 1,000", cold=10, warm=3, ratio=4),
    Row("160 schools, importance", "importance", 160),
    Row("1,600 schools, importance", "importance", 1_600),
    Row("16,000 schools, importance", "importance", 16_000, cold=30, memory=1_000, ratio=2),
    Row("160,000 schools, importance", "importance", 160_000, cold=120, memory=2_000, ratio=1.4),
    Row("SES, importance", "importance", formulas=SES, cold=10, warm=4, memory=700, least_ess=1_000),
    Row("SES, NUTS 4 x 1,000", formulas=SES, cold=90, memory=1_000, least_ess=400),
    Row("random slope in the location, importance", "importance", formulas=SLOPE, cold=120),
    Row("two scale effects, marginal, NUTS", formulas=TWO, cold=100, memory=1_500, least_ess=400, ratio=3),
    Row("sampled, PyMC's steps, 2 x 1,000", formulas=PLAIN, options={"formulation": "sampled", "chains": 2}, cold=90),
]


def fit_row(row: Row):
    """A function that fits the row's model."""
    import numpy as np

    import ssmelsm_helpers as sm

    options = {"sampler": row.sampler, "random_seed": 1, "progressbar": False, **row.options}
    if row.formulas is not None:
        students = sm.load_saeb()
        parts = sm.within_between(students, "student_ses", group="school_id")
        students = students.assign(ses=parts["student_ses_within"], school_ses=parts["student_ses_between"])
        return lambda: sm.fit(*row.formulas, students, **options)
    if row.schools is None:
        schools = sm.load_saeb_schools()
    else:
        sizes = np.random.default_rng(1).integers(10, 140, size=row.schools)
        schools = sm.simulate_schools(n_schools=row.schools, n_students=sizes, random_seed=1).schools
    return lambda: sm.fit_schools(schools, **options)


def measure(row: Row, started: float) -> dict:
    """One or two fits in this process, a fresh one that was started at the given time."""
    import ssmelsm_helpers as sm

    run_fit, result = fit_row(row), {}
    for run in ("first", "warm") if row.warm is not None else ("first",):
        begin = time.perf_counter()
        fit = run_fit()
        result[run] = time.perf_counter() - begin
        result.setdefault("cold", time.time() - started)
    table = sm.convergence(fit)
    least = float(table[["ess_bulk", "ess_tail"]].min().min())
    result |= {"least_ess": least, "ess_per_second": least / result.get("warm", result["first"])}
    result |= {"r_hat": float(table["r_hat"].max())} if "r_hat" in table else {}
    result |= {"kept": fit["posterior"].sizes["chain"] * fit["posterior"].sizes["draw"]}
    # PyMC's chains are processes of their own.
    used = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    result["memory"] = used / (1 if sys.platform == "darwin" else 1024)
    return result


@contextlib.contextmanager
def first_version():
    """A folder with version 0.1, or None."""
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", str(Path(__file__).parents[2]), "worktree"]
        made = subprocess.run([*git, "add", "--detach", f"{folder}/ssmelsm", FIRST_VERSION], capture_output=True)
        data = Path(__file__).parents[2] / "data" / "saeb.rda"
        if made.returncode == 0 and data.exists():
            shutil.copy(data, f"{folder}/ssmelsm/data/")
        yield None if made.returncode else f"{folder}/ssmelsm"
        subprocess.run([*git, "remove", "--force", f"{folder}/ssmelsm"], capture_output=True)


def in_fresh_process(at: int, package: str | None = None) -> dict:
    """`measure` of one row in a process of its own, with its wall time; nothing of PyMC is compiled beforehand."""
    command = [sys.executable, __file__, "--measure", json.dumps([at, time.time()])]
    with tempfile.TemporaryDirectory() as folder:
        flags = ",".join(filter(None, [os.environ.get("PYTENSOR_FLAGS"), f"base_compiledir={folder}"]))
        environment = os.environ | {"PYTENSOR_FLAGS": flags} | ({"PYTHONPATH": package} if package else {})
        output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return json.loads(output.splitlines()[-1])


# Name -> limit of an answer in ms; far values of pi fit anew. The others answer in the browser.
EXPLORERS = {"threshold": 100, "threshold, refit": 150, "power": 300, "card": 100}


def explorer_latencies() -> pd.Series:
    """The slowest answer of each explorer to ten moves of every slider, in ms: from the event to what is sent."""
    import ssmelsm_helpers as sm

    fit = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1, progressbar=False)
    found = {}
    for name in EXPLORERS:
        kind = name.split(",")[0]
        given = {"threshold": (fit,), "card": (fit, 39)}.get(kind, ())
        explorer = getattr(sm.explore, "school_card" if kind == "card" else kind)(*given)
        settings = [{c.name: value} for c in explorer.controls for value in c.values[:: max(len(c.values) // 10, 1)]]
        if kind == "threshold":  # reweighting from pi = .5 holds from about .25 on
            settings = [s for s in settings if (s.get("pi", 0.5) < 0.25) == ("refit" in name)]
        times = []
        for moved in settings:
            begin = time.perf_counter()
            json.dumps(explorer.view(**moved).update())
            times.append(1000 * (time.perf_counter() - begin))
        found[name] = sorted(times)[-1 - len(times) // 20]  # one in twenty may be slower: other processes
    return pd.Series(found)


def import_time() -> tuple[float, bool]:
    """Seconds to import the package in a fresh process, and whether that imported PyMC."""
    code = (
        "import time, sys; begin = time.perf_counter(); import ssmelsm_helpers;"
        "print(time.perf_counter() - begin, 'pymc' in sys.modules)"
    )
    seconds, pymc = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    return float(seconds), pymc == "True"


def main(words: list[str], before: str | None) -> None:
    """Print the table; exit with an error when a limit is exceeded."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    seconds, pymc = import_time()
    print(f"import ssmelsm_helpers: {seconds:.2f} s (limit 2 s), imports PyMC: {pymc}")
    rows, exceeded = {}, [] if seconds <= 2 and not pymc else ["import"]
    for at, row in enumerate(ROWS):
        if words and not any(word in row.name for word in words):
            continue
        found = in_fresh_process(at)
        if row.ratio is not None and before is not None:
            earlier = in_fresh_process(at, before)
            found["before"] = earlier.get("warm", earlier["first"])
            found["ratio"] = found["before"] / found.get("warm", found["first"])
            exceeded += [f"{row.name}: {found['ratio']:.1f} times version 0.1"] if found["ratio"] < row.ratio else []
        limits = {name: getattr(row, name) for name in ("cold", "warm", "memory") if getattr(row, name) is not None}
        exceeded += [
            f"{row.name}: {k} {found[k]:.1f} exceeds {limit}" for k, limit in limits.items() if found[k] > limit
        ]
        if row.least_ess is not None and found["least_ess"] < row.least_ess:
            exceeded.append(f"{row.name}: least ESS {found['least_ess']:.0f} falls short of {row.least_ess}")
        if row.least_ess is not None and found.get("r_hat", 1.0) > 1.01:
            exceeded.append(f"{row.name}: R-hat {found['r_hat']:.3f} exceeds 1.01")
        rows[row.name] = found
        print(f"{row.name} done", flush=True)
    columns = {
        "cold": "cold [s]",
        "first": "first fit [s]",
        "warm": "warm fit [s]",
        "before": "version 0.1 [s]",
        "ratio": "times as fast",
        "memory": "peak memory [MB]",
        "least_ess": "least ESS",
        "ess_per_second": "ESS per s",
        "r_hat": "largest R-hat",
        "kept": "draws kept",
    }
    table = pd.DataFrame(rows).T.reindex(columns=columns).rename(columns=columns)
    print(table.to_string(float_format=lambda value: f"{value:,.4g}"))
    if words:
        raise SystemExit("over the limit: " + "; ".join(exceeded) if exceeded else None)
    students = pd.DataFrame(growth(full=bool(os.environ.get("FULL"))))
    print("students in a Parquet file (memory in MB):")
    print(students.to_string(float_format=lambda value: f"{value:,.4g}", index=False))
    for one in students[students["students"] == 10_000_000].to_dict("records"):
        exceeded += [f"{one['what']}: {one['memory']:.0f} MB exceeds {LIMIT_MB}"] if one["memory"] > LIMIT_MB else []
        exceeded += [f"{one['what']}: {one['seconds']:.0f} s exceeds {LIMIT_S}"] if one["seconds"] > LIMIT_S else []
    answers = explorer_latencies()
    print("answers of the explorers [ms]:", answers.round().to_dict())
    exceeded += [f"{name}: {answers[name]:.0f} ms" for name, limit in EXPLORERS.items() if answers[name] > limit]
    if exceeded:
        raise SystemExit("over the limit: " + "; ".join(exceeded))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--measure":
        position, start = json.loads(sys.argv[2])
        print(json.dumps(measure(ROWS[position], start)))
    else:
        with first_version() as earlier_version:
            main(sys.argv[1:], earlier_version)
