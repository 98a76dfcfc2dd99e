"""Simulation studies on any executor: the same table for a seed, whoever computes it and however often it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from .arguments import check_count, check_seed, shown
from .sampling import PACKAGE

# Replications handed to an executor at once: enough to keep many workers busy, few enough to be cancelled quickly.
_WINDOW = 256
_OWN_COLUMNS = ("condition", "replication", "seed", "error")


@dataclass(frozen=True)
class StudyDesign:
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
    >>> StudyDesign("coin", pd.DataFrame({"p": [0.1, 0.5]}), lambda condition, seed: {"heads": 1}).conditions.shape
    (2, 1)
    """

    name: str
    conditions: pd.DataFrame
    replicate: Callable[[dict, int], dict]

    def __post_init__(self):
        if not isinstance(self.conditions, pd.DataFrame) or not len(self.conditions):
            raise ValueError(f"conditions must be a data frame with at least one row; found {shown(self.conditions)}.")
        taken = [name for name in self.conditions if name in _OWN_COLUMNS]
        if taken:
            raise ValueError(f"conditions must not have the columns {list(_OWN_COLUMNS)}; found {taken}.")
        if not callable(self.replicate):
            raise TypeError(f"replicate must be a function of a condition and a seed; found {shown(self.replicate)}.")

    def condition(self, at: int) -> dict:
        """The row as a dict of plain Python values."""
        # Column by column: a row of whole numbers and fractions would make all of them fractions.
        return {str(name): _plain(column.iloc[at]) for name, column in self.conditions.items()}


def seed_of(random_seed: int, condition: int, replication: int) -> int:
    """The seed of one replication: it depends on nothing else, so that it can be repeated alone."""
    sequence = np.random.SeedSequence(random_seed, spawn_key=(condition, replication))
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def run_study(
    design: StudyDesign,
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
    design : StudyDesign
        For instance `published_study`.
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
    >>> def toss(condition, seed):
    ...     return {"heads": int(np.random.default_rng(seed).binomial(10, condition["p"]))}
    >>> coins = StudyDesign("coins", pd.DataFrame({"p": [0.1, 0.9]}), toss)
    >>> run_study(coins, replications=2, random_seed=1)[["p", "replication", "heads"]]
         p  replication  heads
    0  0.1            0      1
    1  0.1            1      2
    2  0.9            0     10
    3  0.9            1      9
    """
    if not isinstance(design, StudyDesign):
        raise TypeError(f"design must be a StudyDesign; found {shown(design)}.")
    check_count("replications", replications)
    if check_seed(random_seed) is None:
        raise ValueError("random_seed must be a whole number, so that the study can be repeated; found None.")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(f"executor must have the interface of concurrent.futures; found {shown(executor)}.")
    jobs = [(c, r) for r in range(replications) for c in range(len(design.conditions))]
    with _Records(design, random_seed, resume) as records:
        missing = [job for job in jobs if job not in records.found]
        show = bool(progressbar) and not os.environ.get("SSMELSM_STATIC")
        bar = {"desc": design.name, "delay": 2, "disable": not show, "initial": len(jobs) - len(missing)}
        for job, outcome in tqdm(_outcomes(design, missing, random_seed, executor), total=len(jobs), **bar):
            records.add(job, outcome)
        table = _table(design, sorted(jobs), records.found, random_seed)
    failed = int(table["error"].notna().sum())
    if failed:
        first = table.loc[table["error"].notna(), ["seed", "error"]].iloc[0]
        warnings.warn(
            f"{failed} of {len(table)} replications failed; the first with seed {first['seed']}: {first['error']}",
            RuntimeWarning,
            skip_file_prefixes=(PACKAGE,),
        )
    return table


def _attempt(replicate: Callable, condition: dict, seed: int) -> dict:
    """One replication; a failure is a result, with its reason."""
    try:
        return {"outcome": {name: _plain(value) for name, value in replicate(condition, seed).items()}}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _plain(value):
    """A NumPy scalar as Python's, which JSON repeats to the last digit."""
    return value.item() if isinstance(value, np.generic) else value


def _outcomes(design: StudyDesign, jobs, random_seed: int, executor) -> Iterator[tuple[tuple[int, int], dict]]:
    """(job, outcome), as they are finished."""
    arguments = ((job, design.condition(job[0]), seed_of(random_seed, *job)) for job in jobs)
    if executor is None:
        for job, condition, seed in arguments:
            yield job, _attempt(design.replicate, condition, seed)
        return
    pending: dict = {}
    try:
        while True:
            for job, condition, seed in islice(arguments, _WINDOW - len(pending)):
                pending[executor.submit(_attempt, design.replicate, condition, seed)] = job
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future.result()
    except Exception as error:
        # A replication's own failure is a result, so this is the executor's: killed workers, or what it cannot send.
        raise RuntimeError(
            f"the executor failed ({type(error).__name__}: {error}). What was finished stands in the resume file, if one "
            "was given; run the study again with a new executor."
        ) from error
    finally:
        for future in pending:
            future.cancel()


class _Records:
    """Finished replications, in memory and, line by line, in a file."""

    def __init__(self, design: StudyDesign, random_seed: int, path: str | Path | None):
        described = design.conditions.to_json(orient="split", double_precision=15)
        text = json.dumps([design.name, described, random_seed])
        self._header = {
            "study": design.name,
            "random_seed": random_seed,
            "fingerprint": hashlib.sha256(text.encode()).hexdigest()[:16],
        }
        self._path = None if path is None else Path(path)
        self.found: dict[tuple[int, int], dict] = {}

    def __enter__(self) -> _Records:
        self._file = None
        if self._path is not None:
            self._file = self._path.open("a+b")
            try:
                self._read()
            except BaseException:
                self._file.close()
                raise
        return self

    def __exit__(self, *_exception) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self) -> None:
        self._file.seek(0)
        text = self._file.read()
        # A kill in the middle of a line leaves half a line: that replication is not finished.
        whole = text[: text.rfind(b"\n") + 1]
        header, *lines = whole.splitlines() or [text]
        if text and _parsed(header) != self._header:
            raise ValueError(
                f"resume={str(self._path)!r} must be a file of this study, its conditions and its seed {self._header}; "
                f"found {shown(header[:120].decode(errors='replace'))}."
            )
        self._file.truncate(len(whole))
        for line in lines:
            record = json.loads(line)
            self.found[record.pop("condition"), record.pop("replication")] = record
        if not text:
            self._write(self._header)

    def _write(self, record: dict) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def add(self, job: tuple[int, int], outcome: dict) -> None:
        """Keep one finished replication."""
        self.found[job] = outcome
        if self._file is not None:
            self._write({"condition": job[0], "replication": job[1], **outcome})


def _parsed(line: bytes):
    """A line as JSON; None where it is none."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _table(design: StudyDesign, jobs, found, random_seed: int) -> pd.DataFrame:
    rows = []
    for condition, replication in jobs:
        record = found[condition, replication]
        seed = seed_of(random_seed, condition, replication)
        row = {"condition": condition} | design.condition(condition) | {"replication": replication, "seed": seed}
        rows.append(row | record.get("outcome", {}) | {"error": record.get("error")})
    table = pd.DataFrame(rows)
    return table[[*(name for name in table if name != "error"), "error"]]
