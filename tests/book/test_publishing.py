"""What publishes: workflows, forms for issues, a release's files."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import install
import pytest
import release
import yaml
from book_ext.page_head import commit, name_commit
from book_harness import ROOT
from test_house import tool

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
TARGETS = {*re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}


def steps(path) -> list[dict]:
    """All steps of a workflow."""
    return [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]


def test_workflows_pass_the_linter():
    done = subprocess.run(
        [tool("zizmor"), "--offline", "--persona=pedantic", "--quiet", ".github"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_asks_for_little(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
        assert "latest" not in job["runs-on"]
        # Who may write runs nothing that was checked out.
        if "write" in job["permissions"].values():
            assert not [step for step in job["steps"] if "checkout" in step.get("uses", "")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_runs_here(path):
    for line in re.findall(r"\bmake (\w+)|python (tools/\w+\.py)|bash (\S+)", path.read_text()):
        target, script, shell = line
        assert (target in TARGETS) if target else (ROOT / (script or shell)).is_file()


def test_actions_are_the_same_everywhere():
    pins = {}
    for path in WORKFLOWS:
        for action, commit_, said in re.findall(r"uses: (\S+)@([0-9a-f]{40}) # (v[\d.]+)$", path.read_text(), re.M):
            assert pins.setdefault(action, (commit_, said)) == (commit_, said)
    used = {step["uses"].split("@")[0] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    assert used == {*pins}


def test_tests_run_on_three_systems_and_three_pythons():
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]["package"]["strategy"]
    assert [system.split("-")[0] for system in matrix["matrix"]["system"]] == ["ubuntu", "windows", "macos"]
    assert matrix["matrix"]["python"] == ["3.12", "3.13", "3.14"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_can_be_filled_in(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= {*form}
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_three_forms_and_two_notes():
    assert len(FORMS) == 3
    assert all((ROOT / ".github" / name).is_file() for name in ("SECURITY.md", "CODE_OF_CONDUCT.md"))


def test_installing_takes_the_lock_or_what_is_newest():
    locked, newest = install.commands(), install.commands(newest=True)
    assert any("requirements.lock" in command for command in locked)
    assert not any("requirements.lock" in command for command in newest)
    assert locked[-1] == newest[-1] == ["tools/compile.py"]


def test_a_release_has_its_part_of_the_changelog():
    text = release.notes(release.version(), (ROOT / "CHANGELOG.md").read_text("utf8"))
    assert text
    assert not re.search(r"^## ", text, re.MULTILINE)
    assert release.notes("0.2", "# Changelog\n\n## 0.2 (unreleased)\nNew.\n## 0.1\nOld.\n") == "New."
    with pytest.raises(ValueError, match=r"no part for 9\.9\.9"):
        release.notes("9.9.9", "## 0.1\nOld.")


def test_a_tag_is_the_version():
    release.check_tag("", "0.2.0")
    release.check_tag("v0.2.0", "0.2.0")
    with pytest.raises(ValueError, match=r"expected the tag v0\.2\.0"):
        release.check_tag("v0.2.1", "0.2.0")


def test_the_book_fits_in_one_archive(tmp_path):
    html = tmp_path / "html"
    (html / "_static").mkdir(parents=True)
    (html / "index.html").write_text("book")
    (html / "_static" / "book.css").write_text("")
    (html / ".buildinfo").write_text("")
    archive = release.zip_book(tmp_path, html)
    names = {name for name in zipfile.ZipFile(archive).namelist() if not name.endswith("/")}
    assert names == {"ssmelsm-book/index.html", "ssmelsm-book/_static/book.css"}
    with pytest.raises(FileNotFoundError, match="make book"):
        release.zip_book(tmp_path, tmp_path / "nothing")


def test_the_footer_names_the_commit(tmp_path):
    assert commit(tmp_path) == ""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q", tmp_path], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    found = commit(tmp_path)
    config = SimpleNamespace(html_theme_options={"repository_url": "https://github.com/x/y", "extra_footer": "<p/>"})
    name_commit(SimpleNamespace(confdir=str(tmp_path)), config)
    footer = config.html_theme_options["extra_footer"]
    assert footer.startswith("<p/>")
    assert f'href="https://github.com/x/y/commit/{found}"' in footer


def test_scripts_say_what_they_want():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "release.py", "v0.0.0"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "expected the tag" in done.stdout
