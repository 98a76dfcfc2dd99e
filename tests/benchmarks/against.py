"""This package beside others, on the Saeb students, in one run: `make against`.

Each contender runs in a process of its own, imports and compilation included, with an empty compilation cache. What
counts is the time per effective draw of the hyperparameter that mixes worst, for no two of them draw equally well.

- "collapsed, importance" and "collapsed, NUTS": this package's defaults.
- "plain PyMC": the model as it is written, indicators and effects sampled (`formulation="sampled"`).
- "Bambi": location and scale, without selection: there are no indicators and no PIPs. Bambi asks for another version
  of `formulae` than this package, so it gets an environment of its own in _build/bambi.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
OWN = "collapsed, importance"
CONTENDERS = (OWN, "collapsed, NUTS", "plain PyMC", "Bambi")
FORMULAS = "math_proficiency ~ 1 + (1 | school_id)", "~ 1 + (1 | school_id)"
CHAINS, DRAWS = 2, 1000


def own(name: str) -> float:
    """Fit by this package; the least ESS."""
    import ssmelsm_helpers as sm

    options = {
        OWN: {"sampler": "importance"},
        "collapsed, NUTS": {"sampler": "nuts"},
        "plain PyMC": {"formulation": "sampled"},
    }[name]
    common = {"chains": CHAINS, "draws": DRAWS, "random_seed": 1, "progressbar": False}
    fit = sm.fit(*FORMULAS, sm.load_saeb(), **options, **common)
    return float(sm.convergence(fit)[["ess_bulk", "ess_tail"]].min().min())


def bambi(path: str) -> float:
    """Location and scale by Bambi; the least ESS. Runs in Bambi's own environment."""
    import arviz as az
    import bambi as bmb

    formula = bmb.Formula("math_proficiency ~ 1 + (1 | school_id)", "sigma ~ 1 + (1 | school_id)")
    model = bmb.Model(formula, pd.read_csv(path))
    trace = model.fit(draws=DRAWS, chains=CHAINS, cores=CHAINS, random_seed=1, progressbar=False)
    names = [name for name in trace["posterior"].data_vars if trace["posterior"][name].ndim == 2]
    return float(az.summary(trace, var_names=names)[["ess_bulk", "ess_tail"]].astype(float).min().min())


def bambi_python() -> Path:
    """Python of an environment with Bambi; made when it is not there."""
    folder = ROOT / "_build" / "bambi"
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        # Everything but `formulae` in the versions of the lock: the same PyMC for all.
        pins = [pin for pin in (ROOT / "requirements.lock").read_text().splitlines() if not pin.startswith("formulae=")]
        constraints = folder / "constraints.txt"
        constraints.write_text("\n".join(pins))
        subprocess.run([python, "-m", "pip", "install", "-q", "-c", constraints, "bambi"], check=True)
        (folder / ".installed").touch()
    return python


def measure(name: str, data: str) -> dict:
    """Time from the process's start, memory and ESS of one contender; called in its process."""
    least = bambi(data) if name == "Bambi" else own(name)
    used = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"least ESS": least, "memory [MB]": used / (1 if sys.platform == "darwin" else 1024)}


def main() -> None:
    """Print the table."""
    import ssmelsm_helpers as sm

    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "saeb.csv"
        sm.load_saeb().to_csv(data, index=False)
        for name in CONTENDERS:
            python = bambi_python() if name == "Bambi" else sys.executable
            environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={folder}/{len(rows)}"}
            begin = time.perf_counter()
            command = [python, __file__, "--measure", name, str(data)]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
            rows[name] = {"wall [s]": time.perf_counter() - begin} | json.loads(output.splitlines()[-1])
            print(f"{name} done", flush=True)
    table = pd.DataFrame(rows).T
    table["ESS per s"] = table["least ESS"] / table["wall [s]"]
    table["slower per effective draw"] = table.loc[OWN, "ESS per s"] / table["ESS per s"]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {CHAINS} x {DRAWS} draws")
    print(table.to_string(float_format=lambda value: f"{value:,.4g}"))


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--measure":
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        main()
