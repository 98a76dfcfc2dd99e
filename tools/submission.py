"""Run one submission and print the values of its answers; tools/grade.py starts it in a room of its own.

Nothing in here knows an answer, and nothing that a submission does in here gives a point: what comes out are numbers, texts
and lists, and they are compared elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sys

LONGEST = 20_000  # letters of a text, elements of a list
FILES = 100_000_000  # bytes


def plain(value, depth: int = 0):
    """A value as numbers, texts and lists; None where it is something else."""
    value = value.values if hasattr(value, "dims") else value  # of xarray
    if hasattr(value, "tolist"):  # of NumPy and pandas
        value = value.tolist()
    if hasattr(value, "__float__") and not isinstance(value, bool | int | float):
        value = float(value)
    if isinstance(value, bool | int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if hasattr(value, "__iter__") and not isinstance(value, dict | bytes) and depth < 3:
        return [plain(one, depth + 1) for one, _ in zip(value, range(LONGEST), strict=False)]
    return None


def limit(task: dict) -> None:
    """Bound memory, files and processes, on systems that can."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    for name, most in (("RLIMIT_AS", task["memory"]), ("RLIMIT_FSIZE", FILES), ("RLIMIT_NPROC", 200)):
        if name != "RLIMIT_NPROC" or task["isolated"]:  # outside of a namespace, the user's other processes count
            with contextlib.suppress(ValueError, OSError):  # macOS knows some of them by name only
                resource.setrlimit(getattr(resource, name), (most, most))


def out_of_time(*_):
    raise TimeoutError("this cell takes too long")


def main() -> None:
    """Read cells and probes from stdin; write what the probes find to stdout, and nothing else."""
    task = json.load(sys.stdin)
    answers = os.dup(1)
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    limit(task)
    os.chdir(task["folder"])
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    timed = hasattr(signal, "SIGALRM")
    if timed:
        signal.signal(signal.SIGALRM, out_of_time)
    errors, values, missing = [], {}, []
    for number, source in enumerate(task["cells"], 1):
        if timed:
            signal.alarm(task["seconds"])
        try:
            result = shell.run_cell(source)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as raised:  # a signal may come between cells
            error = raised
        if error is not None:
            errors.append(f"code cell {number}: {type(error).__name__}: {error}"[:200])
    for name, probe in task["probes"].items():
        if timed:
            signal.alarm(task["seconds"])
        try:
            value = eval(probe, shell.user_ns)
            values[name] = "..." if value is ... else plain(value)
        except NameError:
            missing.append(name)
        except BaseException as raised:
            errors.append(f"{name}: {type(raised).__name__}: {raised}"[:200])
    if timed:
        signal.alarm(0)
    with os.fdopen(answers, "w") as out:
        json.dump({"values": values, "errors": errors[:20], "missing": missing}, out)
    os._exit(0)  # whatever threads and exit handlers the submission has left


if __name__ == "__main__":
    main()
