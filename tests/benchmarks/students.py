"""How time and memory grow with the number of students in a Parquet file: its summary by school, and `inspect`.

`python tests/benchmarks/students.py PATH WHAT` measures one file in a process of its own; `make bench` prints the curve.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZES = [100_000, 1_000_000, 10_000_000]
FULL = [*SIZES, 100_000_000]
PER_SCHOOL, PIECE = 500, 1_000_000
LIMIT_MB = 1_000  # of memory, at 10 million
LIMIT_S = 30  # of a look at 10 million
HOW = ("summary, DuckDB", "inspect, DuckDB", "inspect, Polars")


def write_students(path: Path, rows: int) -> None:
    """A Parquet file of students in random order, piece by piece, so that no size needs memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(rows)
    schools = max(rows // PER_SCHOOL, 2)
    sd = np.exp(0.2 * rng.normal(size=schools))
    kinds = {"school": pa.int64(), "student": pa.int64(), "score": pa.float64(), "ses": pa.float64()}
    schema = pa.schema(list(kinds.items()))
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, PIECE):
            school = rng.integers(schools, size=min(PIECE, rows - start))
            score = 250 + sd[school] * rng.normal(size=len(school))
            columns = {"school": school, "student": np.arange(start, start + len(school)), "score": score}
            columns["ses"] = rng.normal(size=len(school))
            writer.write_table(pa.table(columns, schema=schema))


def measure(path: str, how: str) -> dict:
    """Seconds and peak memory in this process."""
    import duckdb
    import polars as pl

    import ssmelsm_helpers as sm

    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as spill:
        duckdb.execute(f"SET memory_limit = '600MB'; SET temp_directory = '{spill}'")
        data = pl.scan_parquet(path) if how.endswith("Polars") else duckdb.read_parquet(path)
        look = sm.inspect if how.startswith("inspect") else sm.summarise_schools
        found = look(data, outcome="score", school="school")
    assert how.startswith("summary") or found.empty
    seconds = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    return {"what": how, "seconds": seconds, "memory": memory}


def growth(full: bool) -> list[dict]:
    """Measurements of each size, each in a fresh process."""
    found = []
    for rows in FULL if full else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "students.parquet"
            write_students(path, rows)
            for how in HOW:
                command = [sys.executable, __file__, str(path), how]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                measured = json.loads(output.splitlines()[-1])
                found.append({"students": rows, **measured, "rows per s": rows / measured["seconds"]})
    return found


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
