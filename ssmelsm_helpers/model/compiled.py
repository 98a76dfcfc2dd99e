"""How scalar loops are compiled, once per machine, and shared among the cores."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from numba import cfunc, njit

# Other threads run meanwhile; a division by zero far outside gives NaN, which samplers reject; sums may be taken in any
# order, so that several students are added at once.
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract"}}


def compiled(function):
    """The function as machine code, kept in a cache beside its file or in the user's own; without one for this process only.

    Numba sees changes in the function's own file; a cache older than any of the files on schools is thrown away here.
    """
    try:
        found = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # no directory can be written to
        return njit(**_OPTIONS)(function)
    source = Path(function.__code__.co_filename)
    newest = max(path.stat().st_mtime for path in source.parent.glob("school*.py"))
    for index in Path(found.stats.cache_path).glob(f"{source.stem}.*.nbi"):
        with contextlib.suppress(OSError):  # another process may have done so
            if index.stat().st_mtime < newest:
                index.unlink()
    return found


def helper(function):
    """A function that is compiled into those that call it, and kept with them; Python cannot call it, which saves time."""
    return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)


def inlined(function):
    """A function that only one calls: its code stands there, and is compiled once, not twice."""
    return njit(inline="always", **_OPTIONS)(function)


def callback(signature):
    """A function as machine code that compiled code calls by its address; kept like the compiled ones of its file."""

    def as_callback(function):
        with contextlib.suppress(RuntimeError):  # no directory can be written to
            return cfunc(signature, cache=True)(function)
        return cfunc(signature)(function)

    return as_callback


def is_compiled(function) -> bool:
    """Whether a compiled function can be called at once."""
    cache = function.stats.cache_path
    return bool(function.signatures or (cache and [*Path(cache).glob(f"*.{function.__name__}-*.nbc")]))


def usable_cores() -> int:
    """Cores this process may use; the environment variable SSMELSM_CORES can say fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("SSMELSM_CORES", "")
    return min(cores, int(asked)) if asked.isdigit() and int(asked) > 0 else cores


def in_threads(work: Callable, jobs: Iterable, cores: int) -> Iterator:
    """work(job) of every job, in their order; compiled loops run at once."""
    if cores == 1:
        yield from map(work, jobs)
    else:
        with ThreadPoolExecutor(cores) as pool:
            yield from pool.map(work, jobs)
