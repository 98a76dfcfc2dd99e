"""Time and memory of the fits: `make bench`.

Every row runs in a process of its own, so that imports, memory and compilation are counted honestly:
*cold* lasts from the process's start to the end of its first fit, *warm* is the second fit within it.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time

import pandas as pd

# (name, sampler, schools, cold limit in s, warm limit in s, memory limit in MB); None: no limit stated.
ROWS = [
    ("Saeb, importance", "importance", None, 6, 1, 500),
    ("Saeb, NUTS 4 x 1,000", "nuts", None, 15, None, None),
    ("160 schools, importance", "importance", 160, None, None, None),
    ("1,600 schools, importance", "importance", 1_600, None, None, None),
    ("16,000 schools, importance", "importance", 16_000, 60, None, 1_000),
]


def measure(sampler: str, n_schools: int | None, started: float) -> dict:
    """One or two fits in this process, a fresh one that was started at the given time."""
    import numpy as np

    import ssmelsm_helpers as sm

    if n_schools is None:
        schools = sm.load_saeb_schools()
    else:
        sizes = np.random.default_rng(1).integers(10, 140, size=n_schools)
        schools = sm.simulate_schools(n_schools=n_schools, n_students=sizes, random_seed=1).schools
    result = {}
    for run in ("first", "warm") if n_schools is None else ("first",):
        begin = time.perf_counter()
        fit = sm.fit_schools(schools, sampler=sampler, random_seed=1, progressbar=False)
        result[run] = time.perf_counter() - begin
        result.setdefault("cold", time.time() - started)
    least = float(sm.convergence(fit)[["ess_bulk", "ess_tail"]].min().min())
    result |= {"least_ess": least, "ess_per_second": least / result.get("warm", result["first"])}
    result |= {"kept": fit["posterior"].sizes["chain"] * fit["posterior"].sizes["draw"]}
    result["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    return result


def in_fresh_process(sampler: str, n_schools: int | None) -> dict:
    """`measure` in a process of its own, with its wall time."""
    command = [sys.executable, __file__, "--measure", json.dumps([sampler, n_schools, time.time()])]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


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


def main() -> None:
    """Print the table; exit with an error when a limit is exceeded."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    seconds, pymc = import_time()
    print(f"import ssmelsm_helpers: {seconds:.2f} s (limit 2 s), imports PyMC: {pymc}")
    rows, exceeded = {}, [] if seconds <= 2 and not pymc else ["import"]
    for name, sampler, n_schools, cold, warm, memory in ROWS:
        found = in_fresh_process(sampler, n_schools)
        for key, limit in (("cold", cold), ("warm", warm), ("memory", memory)):
            if limit is not None and found[key] > limit:
                exceeded.append(f"{name}: {key} {found[key]:.1f} exceeds {limit}")
        rows[name] = found
        print(f"{name} done", flush=True)
    columns = {
        "cold": "cold [s]",
        "first": "first fit [s]",
        "warm": "warm fit [s]",
        "memory": "peak memory [MB]",
        "least_ess": "least ESS",
        "ess_per_second": "ESS per s",
        "kept": "draws kept",
    }
    table = pd.DataFrame(rows).T.reindex(columns=columns).rename(columns=columns)
    print(table.to_string(float_format=lambda value: f"{value:,.1f}"))
    if exceeded:
        raise SystemExit("over the limit: " + "; ".join(exceeded))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--measure":
        print(json.dumps(measure(*json.loads(sys.argv[2]))))
    else:
        main()
