"""`python -m ssmelsm_helpers`: what is missing is noticed, and each time one thing to do is said; `start` opens the chapters."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path

import pytest
import requests
from book_harness import ROOT

from ssmelsm_helpers import __main__ as setup
from ssmelsm_helpers.data import saeb


def said(capsys, *names: str) -> list[str]:
    """Lines of the report with only some of its checks."""
    code = setup.report([getattr(setup, f"check_{name}") for name in names])
    lines = capsys.readouterr().out.splitlines()
    assert code == (not lines[-1].startswith("Ready"))
    return lines


def test_ready_in_one_line():
    """Run as a reader does; it ends in one line, and says "to do" only for what is not there."""
    done = subprocess.run(
        [sys.executable, "-m", "ssmelsm_helpers"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    *lines, last = done.stdout.splitlines()
    assert done.stderr == ""
    notes = [line for line in lines if not line.startswith("ok    ")]
    if (ROOT / "data" / "saeb.rda").is_file():
        assert notes == []
        assert last == "Ready: python -m ssmelsm_helpers start opens the chapters."
    else:
        assert last.startswith(("To do: run this once with a network", "Ready"))


def test_an_older_python_is_told_so(capsys, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 11, 2))
    lines = said(capsys, "python", "packages", "fit")
    assert lines == [
        "note  this is Python 3.11.2",
        "To do: install Python 3.12 or newer, and make the environment with it.",
    ]


def test_an_older_python_can_run_it():
    """In earnest, where there is one: nothing in the way to that sentence needs a newer Python or a package."""
    for name in ("python3.9", "python3.10", "python3.11", "/usr/bin/python3"):
        found = shutil.which(name)
        version = found and subprocess.run([found, "--version"], capture_output=True, text=True).stdout
        if version and version < "Python 3.12" and version.startswith("Python 3.1"):
            break
    else:
        pytest.skip("no older Python here")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([found, "-m", "ssmelsm_helpers"], cwd=ROOT, env=clean, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].startswith("To do: install Python 3.12 or newer"), done.stderr


def test_a_missing_package_is_named(capsys, monkeypatch):
    found = metadata.version

    def version(name):
        if name == "nutpie":
            raise metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(metadata, "version", version)
    lines = said(capsys, "python", "packages", "fit")
    assert lines[1].startswith("note  nutpie is missing, ")
    assert lines[2:] == ["To do: python -m pip install -r requirements.lock."]


def test_an_empty_environment_is_told_what_to_install():
    """A Python without any package: this file runs, and says it."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "ssmelsm_helpers"], cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "To do: python -m pip install -r requirements.lock.", done.stderr


def test_another_version_is_named(capsys, monkeypatch):
    found = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "5.0.1" if name == "altair" else found(name))
    lines = said(capsys, "python", "packages")
    assert lines[1].startswith("note  altair 5.0.1, ")
    assert lines[-1] == "To do: python -m pip install -r requirements.lock."


def test_no_data_and_no_network(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SSMELSM_DATA", str(tmp_path))
    monkeypatch.setattr(saeb, "_download", lambda path: (_ for _ in ()).throw(requests.ConnectionError()))
    saeb._find_students.cache_clear()
    lines = said(capsys, "data")
    saeb._find_students.cache_clear()
    assert lines[-2] == "note  these are made-up students with the real ones' summaries; chapters run all the same"
    assert lines[-1] == "To do: run this once with a network, or copy saeb.rda into the data folder."


def test_a_cache_that_cannot_be_written():
    """As on a read-only disk: Numba then has no place, which costs time, and the last line says what helps."""
    code = "import ssmelsm_helpers.__main__ as s, sys; sys.exit(s.report([s.check_fit, s.check_cache]))"
    environment = os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "IPythonCacheLocator"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert "note  compiled code cannot be kept" in done.stdout, done.stderr
    assert "NUMBA_CACHE_DIR" in done.stdout.splitlines()[-1]


def test_whatever_else_goes_wrong_is_a_note(capsys, monkeypatch):
    monkeypatch.setattr("ssmelsm_helpers.load_saeb_schools", lambda: 1 / 0, raising=False)
    lines = said(capsys, "fit")
    assert lines[0].endswith("ZeroDivisionError: division by zero")


@pytest.fixture
def swallowing():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = []

        def take():
            try:
                while True:
                    taken.append(server.accept())
            except OSError:
                pass

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("silent", ["proxy", "name server"])
def test_nobody_waits_for_a_network_that_does_not_answer(silent, swallowing, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SSMELSM_DATA", str(tmp_path))
    if silent == "proxy":
        monkeypatch.setenv("HTTPS_PROXY", swallowing)
    else:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: time.sleep(8) or [])
    saeb._find_students.cache_clear()
    begin = time.perf_counter()
    for _ in range(2):
        assert saeb.load_saeb().attrs["reconstructed"]
    took = time.perf_counter() - begin
    saeb._find_students.cache_clear()
    assert took < 6
    assert capsys.readouterr().out.count("load_saeb: the students' file is not here") == 1


def test_start_opens_the_chapters(monkeypatch):
    called = []
    monkeypatch.setattr(
        subprocess, "run", lambda command, env: called.append((command, env)) or subprocess.CompletedProcess([], 0)
    )
    assert setup.start(["--no-browser"]) == 0
    command, environment = called[0]
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={ROOT}" in command
    assert command[-1] == "--no-browser"
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(ROOT)


def test_start_without_chapters_says_what_to_get(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(setup, "ROOT", Path(tmp_path))
    assert setup.start([]) == 1
    assert capsys.readouterr().out.startswith("To do: get the whole project")
