"""Rooms in which submissions run: a process that holds what its student had, and is cut off from all else.

On Linux a room has no network, no other processes, and no files but Python's, which cannot be written to, and a copy of the package and of
the assignment's data. Elsewhere it is a folder, and `isolated` says so; time is limited everywhere, memory where the system can.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNNER = ROOT / "tools" / "submission.py"
CELL_SECONDS, SECONDS = 30, 120
MEMORY = 4 * 2**30
MOST = 2_000_000  # letters of an answer
USERS = itertools.count(20_000 + os.getpid() % 20_000)  # numbers that hardly anybody has, and every container knows
# Root, of a namespace of its own where an ordinary user marks, makes the room from what is named, and gives up its rights
# before Python starts. In a changed root no new namespace can be made, so that nothing can be unmounted or made writable.
# Root itself becomes a user of this room alone: for root the system bounds no number of processes.
MAKE_ROOM = """set -e
umask 022
room=$1; python=$2; runner=$3; package=$4; given=$5; user=$6; shift 6
mount -t tmpfs -o size=512m room "$room"
mkdir -p "$room/submission" "$room/tmp" "$room/dev" "$room/proc" "$room$package" "$room$(dirname "$python")"
mount -t proc -o ro proc "$room/proc"
for device in null zero urandom; do : > "$room/dev/$device"; mount --bind "/dev/$device" "$room/dev/$device"; done
cp -R --preserve=timestamps "$package/." "$room$package"
cp "$given"/* "$room/submission"
for path; do
  if [ -L "$path" ]; then ln -s "$(readlink "$path")" "$room$path"
  elif [ -d "$path" ]; then mkdir -p "$room$path"; mount --rbind "$path" "$room$path"
  elif [ -e "$path" ]; then mkdir -p "$(dirname "$room$path")"; cp "$path" "$room$path"
  fi
done
awk -v room="$room/" 'index($5, room) == 1 && index($5, room "proc") != 1 && index($5, room "dev/") != 1 {print $5}' \\
  /proc/self/mountinfo | while read -r at; do mount -o remount,bind,ro "$at"; done
become=
if [ "$user" != 0 ]; then
  chown "$user" "$room/tmp"  # and not what lies in it, where the project is a folder of /tmp
  chown -R "$user" "$room/submission"
  # Numba uses compiled code only where it could write it; else every submission would compile for ten seconds.
  find "$room$package" -name __pycache__ -exec chown -R "$user" {} +
  become="--reuid=$user --regid=$user --clear-groups"
fi
exec chroot "$room" setpriv $become --bounding-set=-all --inh-caps=-all --no-new-privs "$python" "$runner"
"""


@functools.cache
def isolated() -> bool:
    """Whether this system can cut a room off; tried once."""
    if not all(map(shutil.which, ("unshare", "setpriv", "chroot"))):
        return False
    with tempfile.TemporaryDirectory() as given:
        Path(given, "empty").touch()
        answer, _ = run({"cells": [], "probes": {"one": "1"}}, Path(given), apart=True)
    return '"one": 1' in answer


def command(room: str, given: Path) -> list[str]:
    """What makes a room and starts the runner in it."""
    seen = ("/usr", "/bin", "/lib", "/lib64", sys.base_prefix, sys.prefix, str(RUNNER), str(ROOT / "requirements.lock"))
    paths = [path for path in dict.fromkeys(seen) if not path.startswith("/usr/")]
    names = ["unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child"]
    names, user = (names, next(USERS)) if os.geteuid() == 0 else ([*names, "--map-root-user"], 0)
    own = [room, sys.executable, str(RUNNER), str(ROOT / "ssmelsm_helpers"), str(given), str(user)]
    return [*names, "sh", "-c", MAKE_ROOM, "sh", *own, *paths]


def run(task: dict, given: Path, apart: bool | None = None) -> tuple[str, bool]:
    """Run cells beside the files of `given`: what the runner wrote, and whether it was stopped by the clock."""
    apart = isolated() if apart is None else apart
    with tempfile.TemporaryDirectory() as room, tempfile.TemporaryFile() as out:
        folder = "/submission" if apart else str(shutil.copytree(given, Path(room, "work")))
        task = task | {"memory": MEMORY, "seconds": CELL_SECONDS, "isolated": apart, "folder": folder}
        # A clean environment: make's own would tell the class's word.
        environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        environment |= {
            "HOME": folder,
            "TMPDIR": folder,
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "MPLBACKEND": "agg",
        }
        environment |= dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "SSMELSM_CORES"), "1"
        )
        process = subprocess.Popen(
            command(room, given) if apart else [sys.executable, str(RUNNER)],
            env=environment,
            cwd="/",  # where a shell stands tells its word, too
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        late = False
        try:
            process.communicate(json.dumps(task).encode(), timeout=SECONDS)
        except subprocess.TimeoutExpired:
            late = True
        with contextlib.suppress(ProcessLookupError, AttributeError):  # Windows has no groups of processes
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        out.seek(0)
        return out.read(MOST).decode("utf8", "replace"), late
