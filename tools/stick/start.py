"""Set the chapters up from this stick, without a network, and open them. Started by start.sh, start.command or start.bat.

They are copied to the folder `ssmelsm` in your home (or to the one that SSMELSM_HOME names): the stick can go on to the next
person, and what you write stays with you. With --check it says whether everything is ready instead of opening them.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent  # the stick, or a folder that was set up from one
HOME = HERE if (HERE / ".venv").is_dir() else Path(os.environ.get("SSMELSM_HOME") or Path.home() / "ssmelsm")
READY = HOME / ".venv" / ".installed"
KIND = "import sys; print('%d.%d' % sys.version_info[:2], 64 if sys.maxsize > 2**32 else 32)"
PYTHON = HOME / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def about():
    """For which systems and Pythons there are wheels here."""
    return json.loads((HERE / "wheels" / "about.json").read_text("utf8"))


def find_python(wanted):
    """A command of a Python for which there are wheels here; this one, if it is."""
    if ".".join(map(str, sys.version_info[:2])) in wanted and sys.maxsize > 2**32:
        return [sys.executable]
    for version in wanted:
        for command in (["python" + version], ["py", "-" + version]):
            try:
                said = subprocess.run([*command, "-c", KIND], capture_output=True, text=True).stdout
            except OSError:
                continue
            if said.split() == [version, "64"]:
                return command
    return None


def problem():
    """Why it cannot go on, and what to do; nothing if it can."""
    if not (HERE / "wheels").is_dir():
        return f"{HERE} is not finished. Delete it, and start from the stick again."
    here, there = [platform.system(), platform.machine()], about()
    if here not in there["systems"].values():
        return "There are no packages for {} {} here, only for: {}. Share a laptop, or read the book: book/index.html.".format(
            *here, "; ".join(there["systems"])
        )
    if not find_python(there["pythons"]):
        return "This needs Python {}, of 64 bit. Install it from python.org, and start again.".format(
            " or ".join(there["pythons"])
        )
    return ""


def set_up():
    """Copy the project, make its environment, install from the stick's wheels, compile."""
    if not HOME.exists():
        print("Copying the chapters to", HOME, flush=True)
        # What a stick's files may do is no matter: some sticks know no such thing, or all on them is read-only.
        shutil.copytree(HERE / "project", HOME, copy_function=shutil.copyfile)
        for script in HERE.glob("start.*"):  # next time, without the stick
            shutil.copyfile(script, HOME / script.name)
            (HOME / script.name).chmod(0o755)
    print("Making the environment", flush=True)
    subprocess.run([*find_python(about()["pythons"]), "-m", "venv", str(HOME / ".venv")], check=True)
    print("Installing, a minute or some", flush=True)
    # An address, as pip would take a folder's name with a blank in it for two.
    others = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (HERE / "wheels").as_uri(), "PIP_CONFIG_FILE": os.devnull}
    install = [str(PYTHON), str(HOME / "tools" / "install.py")]
    subprocess.run(install, check=True, env={**others, **own, "PIP_QUIET": "1"})
    READY.touch()


def main(options):
    """Set up what is not there yet, then open the chapters."""
    if not READY.is_file():
        wrong = problem()
        if wrong:
            print(wrong)
            return 1
        try:
            set_up()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"It stopped: {error}")
            print(f"On Debian and Ubuntu, python3-venv may be missing. Delete {HOME} and start again; else share.")
            return 1
    check = options[:1] == ["--check"]
    command = [str(PYTHON), "-m", "ssmelsm_helpers", *([] if check else ["start", *options])]
    return subprocess.run(command, cwd=str(HOME)).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
