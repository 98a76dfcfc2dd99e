"""The file of a study in progress: a line per finished replication, so that a kill loses nothing finished."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pandas as pd

from ..arguments import shown


def finished(path: Path, study: str, conditions: pd.DataFrame, random_seed: int) -> dict[tuple[int, int], dict]:
    """Outcomes by condition and replication in a study's file, which is begun where there is none.

    Its first line says whose results these are. A kill in the middle of a line leaves half a line: the study is then not
    begun, or that replication not finished.
    """
    whole_study = json.dumps([study, conditions.to_json(orient="split", double_precision=15), random_seed])
    fingerprint = hashlib.sha256(whole_study.encode()).hexdigest()[:16]
    header = {"study": study, "random_seed": random_seed, "fingerprint": fingerprint}
    found, first = path.read_bytes() if path.exists() else b"", line(header).encode()
    if first.startswith(found):
        path.write_bytes(first)
        return {}
    if not found.startswith(first):
        raise ValueError(
            f"resume={str(path)!r} must be a file of this study, its conditions and its seed {header}; "
            f"found {shown(found[:120].decode(errors='replace'))}."
        )
    end = found.rfind(b"\n") + 1
    os.truncate(path, end)
    records = [json.loads(text) for text in found[:end].splitlines()[1:]]
    return {(record.pop("condition"), record.pop("replication")): record for record in records}


def line(record: dict) -> str:
    """A record as it stands in the file."""
    return json.dumps(record) + "\n"
