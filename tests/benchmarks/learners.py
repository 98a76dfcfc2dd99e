"""How many learners one machine bears: chapter 7 in 1 to 30 kernels that all start at the same moment.

`python tests/benchmarks/learners.py 1 5 10 20 30` runs the chapter in so many kernels at once, and a JupyterLab server for the memory that a
learner's server takes; it writes learners.csv beside itself. Without numbers it prints that file as the page
book/instructors/room.md says it.
"""

from __future__ import annotations

import asyncio
import csv
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent.parent
CHAPTER = ROOT / "notebooks" / "07_fitting_saeb.ipynb"
RESULTS = Path(__file__).with_suffix(".csv")
GB, SYSTEM_GB = 24, 2  # of the machine, and what the system keeps
PORT = 8931
PATIENCE = 1800  # seconds: thirty kernels on two cores start slowly


def memory(pid: int) -> float:
    """MB of a process: its own pages, and its share of those that several use."""
    return psutil.Process(pid).memory_full_info().pss / 2**20


async def learner(everybody: asyncio.Barrier) -> dict:
    """Run the chapter, wait for the others, and measure while all kernels are there."""
    client = NotebookClient(
        nbformat.read(CHAPTER, 4), timeout=PATIENCE, startup_timeout=PATIENCE, kernel_name="python3"
    )
    client.resources = {"metadata": {"path": CHAPTER.parent}}
    client.extra_arguments = ["--IPKernelApp.log_level=40"]
    begin = time.perf_counter()
    async with client.async_setup_kernel():
        for at, cell in enumerate(client.nb.cells):
            if cell.cell_type == "code":
                await client.async_execute_cell(cell, at)
        seconds = time.perf_counter() - begin
        await everybody.wait()
        pid = client.km.provisioner.pid
        used = psutil.Process(pid).cpu_times()
        found = {"seconds": seconds, "cpu": used.user + used.system, "memory": memory(pid)}
        await everybody.wait()
    return found


async def at_once(count: int) -> dict:
    """The chapter in so many kernels."""
    everybody, before, began = asyncio.Barrier(count), psutil.cpu_times(), time.perf_counter()
    found = await asyncio.gather(*(learner(everybody) for _ in range(count)))
    after, wall = psutil.cpu_times(), time.perf_counter() - began
    busy = sum(getattr(after, name) - getattr(before, name) for name in ("user", "system", "nice"))
    own = sum(one["cpu"] for one in found)
    return {
        "learners": count,
        "median_s": round(statistics.median(one["seconds"] for one in found), 1),
        "slowest_s": round(max(one["seconds"] for one in found), 1),
        "processor_s_each": round(own / count, 1),
        "kernels_mb": round(sum(one["memory"] for one in found)),
        "cores_used_by_others": round(max(busy - own, 0) / wall, 2),
    }


def server_mb() -> int:
    """MB of a JupyterLab server that was asked for its first page."""
    address = f"http://127.0.0.1:{PORT}/lab?token=x"
    options = [f"--port={PORT}", "--no-browser", "--ServerApp.token=x", "--allow-root", f"--ServerApp.root_dir={ROOT}"]
    with subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(120):
                time.sleep(1)
                try:
                    with urllib.request.urlopen(address, timeout=10) as answer:
                        answer.read()
                        return round(memory(process.pid))
                except OSError:
                    continue
            raise TimeoutError("JupyterLab did not answer.")
        finally:
            process.terminate()


def main(counts: list[int]) -> None:
    """Measure, print and keep."""
    server, rows = server_mb(), []
    for count in counts:
        rows.append({**asyncio.run(at_once(count)), "server_mb": server})
        print(rows[-1], flush=True)
        with RESULTS.open("w", newline="", encoding="utf8") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    print(f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB")


def as_text(rows: list[dict]) -> tuple[list[str], str]:
    """Rows of the page's table, and what they say about the largest class."""
    table = [
        f"| {row['learners']} | {float(row['slowest_s']):.0f} | {float(row['kernels_mb']) / 1024:.1f} | {float(row['processor_s_each']):.0f} |"
        for row in rows
    ]
    last = rows[-1]
    kernel, server = float(last["kernels_mb"]) / int(last["learners"]), float(last["server_mb"])
    fit = int((GB - SYSTEM_GB) * 1024 / (kernel + server))
    says = f"A kernel takes {kernel:.0f} MB and the server of a learner {server:.0f} MB, so that {fit} learners fit into {GB} GB if the system keeps {SYSTEM_GB}"
    return table, says


def kept() -> list[dict]:
    """What was measured last."""
    with RESULTS.open(encoding="utf8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    if sys.argv[1:]:
        main([int(word) for word in sys.argv[1:]])
    table, says = as_text(kept())
    print(*table, says, sep="\n")
