"""A hash of files and installed versions: equal when nothing changed that matters."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path


def fingerprint(root: Path, patterns: Iterable[str]) -> str:
    """Hash of all files under `root` that match `patterns`, of Python, and of every installed package's version."""
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    digest = hashlib.sha256(sys.version.encode())
    for line in sorted(f"{package.name}=={package.version}" for package in distributions()):
        digest.update(line.encode())
    for path in sorted(path for path in found if "__pycache__" not in path.parts):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
