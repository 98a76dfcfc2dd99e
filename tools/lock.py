"""Write requirements.lock: the versions installed in this environment, without addresses. Behind `make lock`."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

# The package itself is installed from the checkout; pip comes with the virtual environment.
NOT_PINNED = {"ssmelsm-helpers", "pip", "wheel"}
HEADER = """\
# A tested set of versions; `make` installs it. Written by `make lock`.
"""


def normalised(name: str) -> str:
    """A distribution's name in its one canonical spelling."""
    return name.lower().replace("_", "-").replace(".", "-")


def pins() -> list[str]:
    """One `name==version` per installed distribution."""
    versions = {normalised(found.name): found.version for found in distributions()}
    return [f"{name}=={versions[name]}" for name in sorted(versions) if name not in NOT_PINNED]


if __name__ == "__main__":
    Path("requirements.lock").write_text(HEADER + "\n".join(pins()) + "\n")
