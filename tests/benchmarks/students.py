"""How time and memory grow with the number of students: from a Parquet file to one row per school, by DuckDB.

`python tests/benchmarks/students.py ROWS` measures one size in a process of its own; `make bench` prints the curve.
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


def write_students(path: Path, rows: int) -> None:
    """A Parquet file of students in random order, piece by piece, so that no size needs memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(rows)
    schools = max(rows // PER_SCHOOL, 2)
    sd = np.exp(0.2 * rng.normal(size=schools))
    schema = pa.schema([("school", pa.int64()), ("score", pa.float64())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, PIECE):
            school = rng.integers(schools, size=min(PIECE, rows - start))
            score = 250 + sd[school] * rng.normal(size=len(school))
            writer.write_table(pa.table({"school": school, "score": score}, schema=schema))


def measure(path: str) -> dict:
    """Seconds and peak memory of the summary in this process."""
    import duckdb

    import ssmelsm_helpers as sm

    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as spill:
        duckdb.execute(f"SET memory_limit = '600MB'; SET temp_directory = '{spill}'")
        table = sm.summarise_schools(duckdb.read_parquet(path), outcome="score", school="school")
    seconds = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    return {"students": int(table["n"].sum()), "schools": len(table), "seconds": seconds, "memory": memory}


def growth(full: bool) -> list[dict]:
    """One measurement per size, each in a fresh process."""
    found = []
    for rows in FULL if full else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "students.parquet"
            write_students(path, rows)
            command = [sys.executable, __file__, str(path)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append(json.loads(output.splitlines()[-1]))
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
