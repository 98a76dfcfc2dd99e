"""Install this environment: the lock's versions, then the package, then its compiled loops. Behind `make`, and in CI.

It is Python and no shell, so that Windows runs the same; `--newest` takes what is newest instead of the lock.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = ["-m", "pip", "--disable-pip-version-check", "install"]


def commands(*, newest: bool = False) -> list[list[str]]:
    """What is run, without the name of Python."""
    if newest:
        packages = [[*PIP, "--upgrade", "--upgrade-strategy", "eager", "-e", ".[book,test,bench]"]]
    else:
        # Build isolation would fetch the build tools again; they are in the lock.
        alone = [*PIP, "--no-deps", "--no-build-isolation", "-e", "."]
        packages = [[*PIP, "-r", "requirements.lock"], alone]
    return [*packages, ["tools/compile.py"]]


def main(arguments: list[str]) -> None:
    """Run them."""
    for command in commands(newest=arguments == ["--newest"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
