"""What a page says about itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def commit(folder: Path) -> str:
    """The commit that a folder is at, shortened; empty where git cannot tell."""
    try:
        asked = ["git", "rev-parse", "--short=10", "HEAD"]
        done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if re.fullmatch(r"[0-9a-f]{7,40}", done.stdout.strip()) else ""


def name_commit(app, config) -> None:
    """Called by Sphinx first of all: the footer names the commit, so that a reader's report of an error can."""
    found = commit(Path(app.confdir))
    if found:
        options = config.html_theme_options
        address = f"{options.get('repository_url', '').rstrip('/')}/commit/{found}"
        options["extra_footer"] = (
            options.get("extra_footer", "") + f'<p>Built from commit <a href="{address}">{found}</a>.</p>'
        )
