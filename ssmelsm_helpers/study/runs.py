"""Simulation studies on any executor: the same table for a seed, whoever computes it and however often it is killed."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ..arguments import check_count, check_seed, plain, require, shown, warn

_OWN_COLUMNS = ("condition", "replication", "seed", "error")
_SCALARS = (int, float, str, type(None))


@dataclass(frozen=True)
class Design:
    """What a study repeats, and under which conditions.

    Parameters
    ----------
    name : str
        Stands in the resume file.
    conditions : pandas.DataFrame
        One row per condition; its columns are repeated in the study's table.
    replicate : callable
        ``replicate(condition, seed)``, with the condition's row as a dict and a whole number, gives a dict of numbers
        or texts. It has to be a function of a module (processes and clusters import it by name), and to depend on
        nothing but its arguments.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> sm.study.Design("coin", pd.DataFrame({"p": [0.1, 0.5]}), lambda condition, seed: {"heads": 1}).conditions.shape
    (2, 1)
    """

    name: str
    conditions: pd.DataFrame
    replicate: Callable[[dict, int], dict]

    def __post_init__(self):
        fine = isinstance(self.conditions, pd.DataFrame) and len(self.conditions)
        require(fine, "conditions must be a data frame with at least one row", self.conditions)
        names = list(map(str, self.conditions))
        fine = len({*names, *_OWN_COLUMNS}) == len(names) + len(_OWN_COLUMNS)
        require(fine, f"conditions must have columns of different names, none in {_OWN_COLUMNS}", names)

    def condition(self, at: int) -> dict:
        """The row as a dict of plain Python values."""
        # Column by column: a row of whole numbers and fractions would make all of them fractions.
        return {str(name): plain(column.iloc[at]) for name, column in self.conditions.items()}


def seed_of(random_seed: int, condition: int, replication: int) -> int:
    """The seed of one replication: it depends on nothing else, so that it can be repeated alone."""
    sequence = np.random.SeedSequence(random_seed, spawn_key=(condition, replication))
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def run(
    design: Design,
    *,
    replications: int,
    executor=None,
    random_seed: int,
    resume: str | Path | None = None,
    progressbar: bool = True,
) -> pd.DataFrame:
    """Run every condition `replications` times.

    The table depends on the design and on the seed, not on the order or the number of workers.

    Parameters
    ----------
    design : Design
        For instance `sm.study.published`.
    replications : int
        Replications of every condition.
    executor : concurrent.futures.Executor, optional
        Anything with that interface: a process pool, or Dask's ``Client.get_executor()`` for a cluster. Default: this
        process does it all.
    random_seed : int
        From it, the condition and the replication follows the seed of each replication.
    resume : path, optional
        File in which every finished replication is written at once. With a file that is already there the study goes
        on where it stopped, or is extended to more replications.
    progressbar : bool, default True
        Shown when it takes longer than two seconds.

    Returns
    -------
    pandas.DataFrame
        One row per replication: ``condition`` (row of ``design.conditions``), its columns, ``replication``, ``seed``,
        what ``replicate`` returned, and ``error``: missing, or the exception's text (the other results are then
        missing).

    Raises
    ------
    ValueError, TypeError
        An argument is malformed, or the resume file is of another study or seed.
    RuntimeError
        The executor failed. What was finished stands in the resume file.

    Warns
    -----
    RuntimeWarning
        Some replications failed: their seeds stand in the table.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> def toss(condition, seed):
    ...     return {"heads": int(np.random.default_rng(seed).binomial(10, condition["p"]))}
    >>> coins = sm.study.Design("coins", pd.DataFrame({"p": [0.1, 0.9]}), toss)
    >>> sm.study.run(coins, replications=2, random_seed=1)[["p", "replication", "heads"]]
         p  replication  heads
    0  0.1            0      1
    1  0.1            1      2
    2  0.9            0     10
    3  0.9            1      9
    """
    replications, random_seed = check_count("replications", replications), check_seed(random_seed)
    require(random_seed is not None, "random_seed must be a whole number, so that the study can be repeated", None)
    path = None if resume is None else Path(resume)
    table = design.conditions.rename(columns=str).reset_index(drop=True).rename_axis("condition").reset_index()
    table = table.merge(pd.DataFrame({"replication": range(replications)}), how="cross")
    jobs = list(table[["condition", "replication"]].itertuples(index=False, name=None))
    table["seed"] = [seed_of(random_seed, *job) for job in jobs]
    found = {} if path is None else _finished(path, design, random_seed)
    missing = sorted({*jobs} - {*found}, key=lambda job: job[::-1])  # all conditions once, then all of them again
    outcomes, known = _outcomes(design, missing, random_seed, executor), len(jobs) - len(missing)
    with open(path or os.devnull, "a", encoding="utf8", newline="\n") as file:
        for job, outcome in tqdm(outcomes, design.name, len(jobs), initial=known, delay=2, disable=not progressbar):
            found[job] = outcome
            print(json.dumps({"condition": job[0], "replication": job[1], **outcome}), file=file, flush=True)
    table = table.join(pd.DataFrame([found[job].get("outcome", {}) for job in jobs]))
    table["error"] = [found[job].get("error") for job in jobs]
    failed = table[table["error"].notna()]
    if len(failed):
        seed, error = failed.iloc[0][["seed", "error"]]
        warn(f"{len(failed)} of {len(table)} replications failed; the first with seed {seed}: {error}")
    return table


def _finished(path: Path, design: Design, random_seed: int) -> dict[tuple[int, int], dict]:
    """Outcomes by condition and replication in the file of a study, which is begun where there is none.

    Its first line says whose results these are. A kill in the middle of a line leaves half a line: the study is then not
    begun, or that replication not finished.
    """
    study = [design.name, design.conditions.to_json(orient="split", double_precision=15), random_seed]
    fingerprint = hashlib.sha256(json.dumps(study).encode()).hexdigest()[:16]
    header = {"study": design.name, "random_seed": random_seed, "fingerprint": fingerprint}
    found, first = path.read_bytes() if path.exists() else b"", json.dumps(header).encode() + b"\n"
    if first.startswith(found):
        path.write_bytes(first)
        return {}
    if not found.startswith(first):
        start = shown(found[:120].decode(errors="replace"))
        raise ValueError(f"resume={str(path)!r} must be a file of this study and this seed, {header}; found {start}.")
    end = found.rfind(b"\n") + 1
    os.truncate(path, end)
    records = [json.loads(line) for line in found[:end].splitlines()[1:]]
    return {(record.pop("condition"), record.pop("replication")): record for record in records}


def _attempt(replicate: Callable, condition: dict, seed: int) -> dict:
    """One replication, as it stands in the file and in the table; a failure is a result, with its reason."""
    taken = sorted({*_OWN_COLUMNS, *condition})
    try:
        result = replicate(condition, seed)
        fine = isinstance(result, Mapping) and all(isinstance(plain(value), _SCALARS) for value in result.values())
        require(fine, "replicate must return a dict of numbers or texts", result, TypeError)
        names = [name for name in result if not isinstance(name, str) or name in taken]
        require(not names, f"replicate must return names other than the columns {taken}", names)
        return {"outcome": {name: plain(value) for name, value in result.items()}}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _outcomes(design: Design, jobs, random_seed: int, executor) -> Iterator[tuple[tuple[int, int], dict]]:
    """(job, outcome), as they are finished."""
    calls = ((job, (design.replicate, design.condition(job[0]), seed_of(random_seed, *job))) for job in jobs)
    if executor is None:
        yield from ((job, _attempt(*call)) for job, call in calls)
        return
    futures: dict = {}
    try:
        for job, call in calls:
            futures[executor.submit(_attempt, *call)] = job
        for future in as_completed(futures):
            yield futures[future], future.result()
    except Exception as error:
        # A replication's own failure is a result, so this is the executor's: killed workers, or what it cannot send.
        text = f"the executor failed ({type(error).__name__}: {error}). Run the study again with a new one"
        raise RuntimeError(f"{text}; what was finished stands in the resume file, if one was given.") from error
    finally:
        for future in futures:
            future.cancel()
