"""The file of a study in progress: a line per finished replication, so that a kill loses nothing finished."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pandas as pd

from ..arguments import shown


class Records:
    """Finished replications, in memory and, line by line, in a file."""

    def __init__(self, study: str, conditions: pd.DataFrame, random_seed: int, path: Path | None):
        described = conditions.to_json(orient="split", double_precision=15)
        text = json.dumps([study, described, random_seed])
        self._header = {
            "study": study,
            "random_seed": random_seed,
            "fingerprint": hashlib.sha256(text.encode()).hexdigest()[:16],
        }
        self._path = path
        self.found: dict[tuple[int, int], dict] = {}

    def __enter__(self) -> Records:
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
        # A kill in the middle of a line leaves half a line: the study is not begun, or that replication not finished.
        if _line(self._header).startswith(text):
            text = b""
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
        self._file.write(_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())

    def add(self, job: tuple[int, int], outcome: dict) -> None:
        """Keep one finished replication."""
        self.found[job] = outcome
        if self._file is not None:
            self._write({"condition": job[0], "replication": job[1], **outcome})


def _line(record: dict) -> bytes:
    return json.dumps(record).encode() + b"\n"


def _parsed(line: bytes):
    """A line as JSON; None where it is none."""
    try:
        return json.loads(line)
    except ValueError:
        return None
