"""Run the simulation studies (`make study`) or simulation-based calibration (`make sbc`).

Every replication stands in _build/study/*.jsonl as soon as it is finished: what was stopped goes on where it was. The
summaries of whole studies are written to data/, where the chapters read them; those of QUICK=1 stay in _build/study.
"""

from __future__ import annotations

import os

# One worker per core; threads within would wait for each other.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import sys  # noqa: E402
import time  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402

import pandas as pd  # noqa: E402

import ssmelsm_helpers as sm  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "_build" / "study"
SEED = 20260301
STUDIES = {"published": sm.study.published(), "unbalanced": sm.study.unbalanced()}
RATES = ["tpr", "fpr", "precision", "f1", "auc"]
RATES += ["two_stage_tpr", "two_stage_fpr", "matched_tpr", "two_stage_matched_tpr", "two_stage_auc"]
# Formulation, sampler, wrong prior, replications: the slow ones are repeated less often.
CALIBRATIONS = [
    ("collapsed", "importance", False, 500),
    ("collapsed", "importance", True, 500),
    ("collapsed", "nuts", False, 500),
    ("marginal", "nuts", False, 200),
    ("sampled", "nuts", False, 200),
]


def run(name: str, design: sm.study.Design, replications: int) -> pd.DataFrame:
    """A study on all cores, resumed where it was stopped; says how long it took."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    begin = time.perf_counter()
    with ProcessPoolExecutor(workers) as executor:
        options = {"executor": executor, "random_seed": SEED, "resume": FOLDER / f"{name}.jsonl"}
        options["progressbar"] = sys.stderr.isatty()
        table = sm.study.run(design, replications=replications, **options)
    minutes = (time.perf_counter() - begin) / 60
    print(f"{name}: {len(table):,} fits, {minutes:.1f} min on {workers} workers, seed {SEED}")
    table.to_csv(FOLDER / f"{name}.csv", index=False)
    return table


def study(quick: bool) -> None:
    """Both simulation studies: averages to the screen, rates by condition and calibration of the PIPs to files."""
    target = FOLDER if quick else ROOT / "data"
    for name, design in STUDIES.items():
        table = run(name, design, 5 if quick else 100)
        summary = sm.study.summarise(table)
        summary.round(4).to_csv(target / f"study_{name}.csv")
        sm.study.calibration_table(table, ["p_slab"]).round(4).to_csv(target / f"study_{name}_classes.csv", index=False)
        rates = summary.reset_index().assign(deviating=lambda rows: rows["p_slab"] > 0)
        print(rates.groupby("deviating")[RATES].mean().round(3).T.to_string(), "\n")


def sbc(quick: bool) -> None:
    """Calibration of all formulations and samplers, and the control with a wrong prior, which must fail."""
    verdicts, as_expected = [], True
    for formulation, sampler, wrong, replications in CALIBRATIONS:
        design = sm.study.calibration(formulation=formulation, sampler=sampler, wrong_prior=wrong)
        name = f"sbc_{formulation}_{sampler}{'_wrong_prior' if wrong else ''}"
        table = run(name, design, max(replications // 10, 20) if quick else replications)
        found = sm.study.calibration_verdict(table, bins=5 if quick else 20 if replications >= 500 else 10)
        as_expected &= bool(found["passes"].all()) != wrong
        print(found.round(4).to_string(), "\n")
        labels = {"formulation": formulation, "sampler": sampler, "wrong_prior": wrong, "replications": len(table)}
        labels["random_seed"] = SEED
        verdicts.append(found.reset_index().assign(**labels))
    target = FOLDER if quick else ROOT / "data"
    pd.concat(verdicts).round(5).to_csv(target / "study_sbc.csv", index=False)
    if not as_expected:
        sys.exit("A calibration failed, or the control with a wrong prior passed.")


if __name__ == "__main__":
    {"study": study, "sbc": sbc}[sys.argv[1]](quick=len(sys.argv) > 2)
