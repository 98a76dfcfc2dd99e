"""The room: the stick that needs no network, and the pages that go with it."""

from __future__ import annotations

import ast
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import print_book
import pytest
import release
import usb
import yaml
from benchmarks import learners
from book_harness import ROOT, UNFOLD, Visit, address, browser, site  # noqa: F401 (fixtures among them)
from course_plan import PAGES
from packaging.utils import parse_wheel_filename
from pypdf import PdfReader
from test_project import pins

STICK = ROOT / "tools" / "stick"
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
SCREEN = (80, 25)
SIDES = ("top", "bottom", "left", "right")


def wheel(
    folder: Path, name: str, version: str = "1.0", tag: str = "py3-none-any", requires=(), says: str = ""
) -> Path:
    """A wheel that holds one module, perhaps none."""
    path, info = folder / f"{name}-{version}-{tag}.whl", f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": says,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {one}\n" for one in requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{one},,\n" for one in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as file:
        for inside, text in (files | {f"{info}/RECORD": record}).items():
            file.writestr(inside, text)
    return path


def chosen(folder: Path, pins_, system: str, python: str = "3.12") -> tuple[list[str], list[str]]:
    """Names of the files that are chosen, and what lacks."""
    found, lacking = usb.choose(folder, pins_, usb.SYSTEMS[system], python)
    return sorted(path.name for path in found), lacking


def test_each_system_gets_its_own_wheels(tmp_path):
    for tag in ("cp312-cp312-win_amd64", "cp312-cp312-macosx_11_0_arm64", "cp312-cp312-manylinux_2_17_x86_64"):
        wheel(tmp_path, "loops", tag=tag)
    wheel(tmp_path, "loops", tag="cp311-abi3-manylinux_2_28_x86_64")
    wheel(tmp_path, "page", requires=["loops>=1"])
    lines = ["loops==1.0", "page==1.0"]
    for system, tag in (
        ("windows", "cp312-cp312-win_amd64"),
        ("macos", "cp312-cp312-macosx_11_0_arm64"),
        ("linux", "cp312-cp312-manylinux_2_17_x86_64"),
    ):
        assert chosen(tmp_path, lines, system) == ([f"loops-1.0-{tag}.whl", "page-1.0-py3-none-any.whl"], [])
    assert chosen(tmp_path, lines, "linux", "3.13")[0][0] == "loops-1.0-cp311-abi3-manylinux_2_28_x86_64.whl"
    assert chosen(tmp_path, lines, "windows", "3.13")[1] == ["loops==1.0"]


def test_what_a_system_asks_for_beyond_the_lock_is_found(tmp_path):
    markers = ['bar>=2; sys_platform == "win32"', 'apples; platform_system == "Darwin"', 'old; python_version < "3.13"']
    wheel(tmp_path, "shell", requires=[*markers, 'never; extra == "docs"', "kit[fast]"])
    wheel(tmp_path, "kit", requires=['quick<2; extra == "fast"', 'never; extra == "docs"'])
    wheel(tmp_path, "quick", "1.5")
    wheel(tmp_path, "quick", "2.1")
    lines = ["shell==1.0"]
    assert chosen(tmp_path, lines, "windows")[1] == ["bar>=2", "old"]
    assert chosen(tmp_path, lines, "macos", "3.13")[1] == ["apples"]
    files, lacking = chosen(tmp_path, lines, "linux", "3.13")
    assert lacking == []
    assert "quick-1.5-py3-none-any.whl" in files
    # A pin counts for more than what somebody else asks for, also while its wheel is not there.
    assert chosen(tmp_path, [*lines, "quick==1.4"], "linux", "3.13")[1] == ["quick==1.4"]


def test_what_the_index_lacks_is_named_and_the_rest_is_there(tmp_path, monkeypatch):
    index = {"here": "1.0", "loops": "1.0"}
    calls = []

    def pip(*arguments, **options):
        lines = [str(word) for word in arguments if "==" in str(word)]
        calls.append(lines)
        absent = [line for line in lines if line.split("==")[0] not in index]
        if arguments[0] == "wheel":
            wheel(tmp_path, "ssmelsm_helpers")
        elif not absent:
            for line in lines:
                wheel(tmp_path, *line.split("=="))
        return subprocess.CompletedProcess(
            arguments, bool(absent), "", f"ERROR: No matching distribution found for {absent[0]}" if absent else ""
        )

    monkeypatch.setattr(usb, "ROOT", tmp_path)
    monkeypatch.setattr(usb, "pip", pip)
    (tmp_path / "requirements.lock").write_text("# Versions.\nhere==1.0\nintel-only==2.0\nloops==1.0\n")
    wheel(tmp_path, "here", "0.9")  # of an older lock
    missing = usb.wheels(tmp_path, [usb.SYSTEMS["macos"]], ["3.12"])
    assert missing == {"macOS 15 or newer, Apple silicon, Python 3.12": ["intel-only==2.0"]}
    assert sorted(path.name.split("-")[0] for path in tmp_path.glob("*.whl")) == ["here", "loops", "ssmelsm_helpers"]
    about = json.loads((tmp_path / "about.json").read_text("utf8"))
    assert about["missing"] == missing
    before = len(calls)
    (tmp_path / "requirements.lock").write_text("here==1.0\nloops==1.0\n")
    assert usb.wheels(tmp_path, [usb.SYSTEMS["macos"]], ["3.12"]) == {}
    assert len(calls) == before + 1  # this project's wheel; what is there is not asked for again


@pytest.mark.parametrize("python", usb.PYTHONS)
@pytest.mark.parametrize("system", usb.SYSTEMS)
def test_a_stick_that_was_made_has_every_pin(system, python):
    folder = usb.TARGET / "wheels"
    if not folder.is_dir():
        pytest.skip("no stick here; `make usb` makes one")
    about = json.loads((folder / "about.json").read_text("utf8"))
    if python not in about["pythons"] or usb.SYSTEMS[system].name not in about["systems"]:
        pytest.skip("the stick here is for others")
    found, lacking = usb.choose(folder, [f"{n}=={v}" for n, v in pins().items()], usb.SYSTEMS[system], python)
    assert lacking == []
    names = {parse_wheel_filename(path.name)[0] for path in found}
    assert pins().keys() <= names
    # Terminals and colours are other packages on other systems.
    assert ("pywinpty" in names) == (system == "windows")


def test_the_readme_fits_on_a_screen(tmp_path):
    usb.scripts(tmp_path, usb.SYSTEMS.values(), usb.PYTHONS, {})
    lines = (tmp_path / "README.txt").read_text("utf8").splitlines()
    assert len(lines) <= SCREEN[1]
    assert max(map(len, lines)) <= SCREEN[0]
    for script in ("start.sh", "start.command", "start.bat"):
        assert script in "\n".join(lines)
        assert (tmp_path / script).is_file()
    assert (tmp_path / "start.sh").read_bytes() == (tmp_path / "start.command").read_bytes()
    assert os.access(tmp_path / "start.command", os.X_OK)
    assert b"\r\n" in (tmp_path / "start.bat").read_bytes()
    assert b"\r" not in (tmp_path / "start.sh").read_bytes()
    usb.scripts(tmp_path, usb.SYSTEMS.values(), usb.PYTHONS, {"Windows, Python 3.12": ["numba==9"]})
    assert "MISSING on Windows, Python 3.12: numba==9." in (tmp_path / "README.txt").read_text("utf8")


def test_the_project_on_it_is_what_is_tracked(tmp_path):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("no git here")
    usb.project(tmp_path / "project", students=False)
    there = {p.relative_to(tmp_path / "project").as_posix() for p in (tmp_path / "project").rglob("*") if p.is_file()}
    wanted = {path for path in tracked.stdout.splitlines() if not path.startswith("notebooks/assignments/")}
    assert wanted - there == set()
    assert not [
        path for path in there if path.endswith((".pyc", ".rda", ".whl")) or path.startswith((".venv", "_build"))
    ]


def test_a_release_has_a_stick_for_each_system_without_the_students(tmp_path, monkeypatch):
    def write(folder, systems, pythons, *, students):
        assert not students  # they are not ours to publish
        (folder / "wheels").mkdir(parents=True)
        (folder / "wheels" / "of.txt").write_text(*systems)
        return []

    monkeypatch.setattr(usb, "write", write)
    release.sticks(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"ssmelsm-stick-{system}.zip" for system in usb.SYSTEMS}
    with zipfile.ZipFile(tmp_path / "ssmelsm-stick-macos.zip") as file:
        assert file.read("ssmelsm-stick/wheels/of.txt") == b"macos"


@pytest.fixture
def stick(tmp_path):
    """A tiny stick, in a folder with a blank in its name as sticks have."""
    folder = tmp_path / "my stick"
    (folder / "wheels").mkdir(parents=True)
    usb.scripts(folder, usb.SYSTEMS.values(), usb.PYTHONS, {})
    wheel(folder / "wheels", "tiny", says="from the_rest import word")
    wheel(folder / "wheels", "the_rest", says="word = 'installed'")
    about = {"pythons": [HERE], "systems": {"this": [platform.system(), platform.machine()]}}
    (folder / "wheels" / "about.json").write_text(json.dumps(about), "utf8")
    install = "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'tiny', 'the-rest'], check=True)\n"
    files = {
        "tools/install.py": install,
        "ssmelsm_helpers/__init__.py": "",
        "ssmelsm_helpers/__main__.py": "import sys, tiny\nprint(tiny.word, *sys.argv[1:])\n",
    }
    for name, text in files.items():
        path = folder / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
    return folder


def started(script: Path, *options: str, **environment) -> subprocess.CompletedProcess:
    """What a start script says."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/sh", script, *options],
        capture_output=True,
        text=True,
        timeout=120,
        env=others | {"PATH": path} | environment,
    )


def test_one_script_sets_up_and_starts_without_a_network(stick, tmp_path):
    home = tmp_path / "a home" / "ssmelsm"
    done = started(stick / "start.sh", "--no-browser", SSMELSM_HOME=str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "installed start --no-browser"
    assert (home / ".venv" / ".installed").is_file()
    # What a stick's files may do depends on how it was made; the scripts at home can be started.
    assert all(os.access(home / f"start.{kind}", os.X_OK) for kind in ("sh", "command"))
    # Then the stick is with somebody else. What a learner wrote stays.
    (home / "mine.txt").write_text("mine")
    shutil.rmtree(stick)
    again = started(home / "start.command", "--check")
    assert again.stdout == "installed\n", again.stderr
    assert (home / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"pythons": ["3.7"], "systems": {"this": [platform.system(), platform.machine()]}}, "needs Python 3.7"),
        ({"pythons": [HERE], "systems": {"Windows, 64 bit": ["Windows", "AMD64"]}}, "only for: Windows, 64 bit"),
    ],
)
def test_a_laptop_that_cannot_is_told_why(stick, tmp_path, about, says):
    if "AMD64" in str(about) and platform.system() == "Windows":
        pytest.skip("it can")
    (stick / "wheels" / "about.json").write_text(json.dumps(about), "utf8")
    done = started(stick / "start.sh", SSMELSM_HOME=str(tmp_path / "home"))
    assert done.returncode == 1
    assert says in done.stdout
    assert not (tmp_path / "home").exists()


def test_a_setup_that_stops_says_what_to_do(stick, tmp_path):
    (tmp_path / "no-folder").write_text("")
    home = tmp_path / "no-folder" / "ssmelsm"
    done = started(stick / "start.sh", SSMELSM_HOME=str(home))
    assert done.returncode == 1
    assert f"Delete {home} and start again" in done.stdout
    shutil.rmtree(stick / "wheels")  # a folder that was not finished has none
    half = started(stick / "start.sh", SSMELSM_HOME=str(tmp_path / "home"))
    assert half.returncode == 1
    assert "start from the stick again" in half.stdout


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh"])
@pytest.mark.parametrize("place", ["a stick (1)", "it's $HOME & Zoë", "-dash"])
def test_a_shell_finds_what_stands_beside_its_script(tmp_path, shell, place):
    """A Mac runs start.command with bash, or with zsh in its place; from a folder of any name, and called in any way."""
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    folder, decoy = tmp_path / place, tmp_path / "elsewhere" / place
    for one, word in ((folder, "right"), (decoy, "wrong")):
        one.mkdir(parents=True)
        (one / "start.py").write_text(f"import sys\nprint({word!r}, sys.argv[1:])", "utf8")
    shutil.copyfile(STICK / "start.sh", folder / "start.command")  # without a mark that it can be run
    # Not all that this machine calls python: some of these are slow to say no.
    places = (str(tmp_path), str(Path(sys.executable).parent), os.defpath)
    environment = {"PATH": os.pathsep.join(places), "CDPATH": str(decoy.parent)}
    broken = tmp_path / "python3.14"  # may be there and not run
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    for script, where in (
        (folder / "start.command", tmp_path),
        ("start.command", folder),
        (f"./{place}/start.command", tmp_path),
    ):
        command = [shell, str(script), "--check", "two words"]
        done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True)
        assert done.stdout == "right ['--check', 'two words']\n", done.stderr


def test_no_python_is_said(tmp_path):
    shutil.copyfile(STICK / "start.sh", tmp_path / "start.sh")
    for name in ("dirname", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    text = (tmp_path / "start.sh").read_text("utf8").replace(":/usr/local/bin:/opt/homebrew/bin", "")
    (tmp_path / "start.sh").write_text(text, "utf8")
    done = subprocess.run(["sh", tmp_path / "start.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("No Python here.")


def test_the_scripts_for_other_systems_do_the_same():
    bat = (STICK / "start.bat").read_text("utf8")
    # Outside of brackets, in which a folder called "stick (1)" would be taken apart, and each tried before.
    assert re.findall(r'^(py -3|python) "%~dp0start\.py" %\*$', bat, re.MULTILINE) == ["py -3", "python"]
    assert re.findall(r'^(py -3|python) -c "" >nul 2>nul && goto (\w+)$', bat, re.MULTILINE) == [
        ("py -3", "launcher"),
        ("python", "python"),
    ]
    assert {*re.findall(r"goto (\w+)", bat)} == {*re.findall(r"^:(\w+)$", bat, re.MULTILINE)}
    assert bat.isascii()
    assert bat.rstrip().endswith("pause")
    # An older Python has to read it, to say that it is too old.
    ast.parse((STICK / "start.py").read_text("utf8"), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("arguments", "says"), [(["--systems", "amiga"], "Unknown: amiga"), (["--pythons", "four"], "Unknown: four")]
)
def test_a_stick_for_nobody_is_refused(arguments, says, capsys):
    assert usb.main(arguments) == 2
    assert says in capsys.readouterr().out


def page(name: str) -> str:
    """The source of a page for teachers."""
    return (PAGES / f"{name}.md").read_text("utf8")


def test_the_room_says_what_was_measured():
    table, says = learners.as_text(learners.kept())
    text = page("room")
    assert [row for row in table if row not in text] == []
    assert says in text
    assert f"`python tests/benchmarks/learners.py {' '.join(row['learners'] for row in learners.kept())}`" in text


@pytest.mark.parametrize("name", ["room", "adapt"])
def test_pages_name_what_there_is(name):
    text = page(name)
    targets = {*re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf8"), re.MULTILINE)}
    assert {*re.findall(r"\bmake ([a-z]+)\b(?! a| up)", text)} <= targets
    files = re.findall(r"`((?:[\w.]+/)+[\w.*]+|CITATION\.cff|_toc\.yml|_config\.yml|CONTRIBUTING\.md)`", text)
    built = ("_build", "slides/", "book/index.html", "data/saeb.rda", "/etc")
    assert [file for file in files if not file.startswith(built) and not [*ROOT.glob(file)]] == []
    forms = [path.read_text("utf8") for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")]
    for form in re.findall(r'form "([^"]+)"', text):
        assert [one for one in forms if f"name: {form}" in one]


def test_the_room_does_not_promise_what_pip_cannot_install():
    text = page("room")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf8"))
    assert workflow["jobs"]["package"]["strategy"]["matrix"]["python"] == [*usb.PYTHONS]
    for version in usb.PYTHONS:
        assert version in text
    assert "macOS 15" in text
    assert any("macOS 15" in system.name for system in usb.SYSTEMS.values())


def test_the_handout_has_the_readme_picture_and_right_odds():
    text = page("handout")
    picture = re.search(r"!\[(.+?)\]\(.*?opening\.png\)", (ROOT / "README.md").read_text("utf8"))[1]
    assert f"![{picture}](../_static/opening.png)" in text
    odds = re.findall(r"^\| (\.\d+) \| (\d+) to 1 \|", text, re.MULTILINE)
    assert len(odds) == 3
    assert [round(float(pip) / (1 - float(pip))) for pip, _ in odds] == [int(to) for _, to in odds]
    assert len(re.findall(r"^\| \d \| \$", text, re.MULTILINE)) == 6


@pytest.mark.browser
def test_the_handout_is_one_page(browser, address):
    """Through the book's printing, and by a teacher who presses the browser's own button."""
    path = "book/instructors/handout.html"
    by_hand = Visit(browser, address, path)
    by_hand.page.emulate_media(media="print")
    assert len(PdfReader(io.BytesIO(by_hand.page.pdf(format="A4", margin=dict.fromkeys(SIDES, "10mm")))).pages) == 1
    by_hand.close()
    _, printed = print_book.print_page(browser, address, path)
    paper = PdfReader(io.BytesIO(printed))
    assert len(paper.pages) == 1
    assert "How to read a PIP" in paper.pages[0].extract_text()
    assert paper.pages[0].images


@pytest.mark.browser
def test_the_book_on_a_stick_opens_without_a_server(browser, site):
    """From the file, as from a stick: charts are drawn, explorers answer."""
    page_ = browser.new_page()
    page_.goto((site / "notebooks" / "05_pips_and_bayes_factors.html").as_uri(), wait_until="load")
    page_.evaluate(UNFOLD)
    page_.evaluate("window.drawBookCharts().then(() => null)")
    states = page_.eval_on_selector_all(
        "figure.book-chart, figure.book-explorer", "all => all.map(one => one.dataset.state)"
    )
    assert states
    assert {*states} == {"ready"}
    figure = page_.locator("figure.book-explorer").first
    before = figure.locator(".explorer-sentence").inner_text()
    control = figure.locator("input[type=range]").first
    control.fill(control.get_attribute("max"))
    page_.wait_for_function(
        "([figure, before]) => figure.innerText !== before",
        arg=[figure.locator(".explorer-sentence").element_handle(), before],
    )
    page_.close()
