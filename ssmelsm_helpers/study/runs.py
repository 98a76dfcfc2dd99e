"""Simulation studies on any executor: the same table for a seed, whoever computes it and however often it is killed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ..arguments import PACKAGE, check_count, check_path, check_seed, check_text, shown
from .records import Records

# Replications handed to an executor at once: enough to keep many workers busy, few enough to be cancelled quickly.
_WINDOW = 256
_OWN_COLUMNS = ("condition", "replication", "seed", "error")


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
        if not isinstance(self.conditions, pd.DataFrame) or not len(self.conditions):
            raise ValueError(f"conditions must be a data frame with at least one row; found {shown(self.conditions)}.")
        check_text("name", self.name)
        names = [str(name) for name in self.conditions]
        if len(set(names)) < len(names):
            raise ValueError(f"conditions must have columns of different names; found {shown(names)}.")
        taken = [name for name in names if name in _OWN_COLUMNS]
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
    if not isinstance(design, Design):
        raise TypeError(f"design must be a study.Design; found {shown(design)}.")
    replications, random_seed = check_count("replications", replications), check_seed(random_seed)
    if random_seed is None:
        raise ValueError("random_seed must be a whole number, so that the study can be repeated; found None.")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(f"executor must have the interface of concurrent.futures; found {shown(executor)}.")
    resume = None if resume is None else check_path("resume", resume)
    jobs = [(c, r) for r in range(replications) for c in range(len(design.conditions))]
    with Records(design.name, design.conditions, random_seed, resume) as records:
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
        return {"outcome": _checked_result(replicate(condition, seed), {*_OWN_COLUMNS, *condition})}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _checked_result(result, taken: set[str]) -> dict:
    """What a replication returned, as it stands in a row of the table and of the resume file."""
    if not isinstance(result, Mapping):
        raise TypeError(f"replicate must return a dict of numbers or texts; found {shown(result)}")
    result = {name: _plain(value) for name, value in result.items()}
    names = [name for name in result if not isinstance(name, str) or name in taken]
    if names:
        raise ValueError(f"replicate must return names other than the columns {sorted(taken)}; found {shown(names)}")
    others = {name: value for name, value in result.items() if not isinstance(value, int | float | str | None)}
    if others:
        raise TypeError(f"replicate must return a dict of numbers or texts; found {shown(others)}")
    return result


def _plain(value):
    """A NumPy scalar as Python's, which JSON repeats to the last digit."""
    return value.item() if isinstance(value, np.generic) else value


def _outcomes(design: Design, jobs, random_seed: int, executor) -> Iterator[tuple[tuple[int, int], dict]]:
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


def _table(design: Design, jobs, found, random_seed: int) -> pd.DataFrame:
    rows = []
    for condition, replication in jobs:
        record = found[condition, replication]
        seed = seed_of(random_seed, condition, replication)
        row = {"condition": condition} | design.condition(condition) | {"replication": replication, "seed": seed}
        rows.append(row | record.get("outcome", {}) | {"error": record.get("error")})
    table = pd.DataFrame(rows)
    return table[[*(name for name in table if name != "error"), "error"]]
