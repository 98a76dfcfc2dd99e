"""The README's example runs, and prints what the README says."""

import re

from book_harness import ROOT

README = (ROOT / "README.md").read_text("utf8")


def test_example_prints_its_output(capsys):
    code = re.search(r"```python\n(.*?)```", README, re.S)[1]
    expected = re.search(r"```text\n(.*?)```", README, re.S)[1]
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert [line.rstrip() for line in printed.splitlines()] == [line.rstrip() for line in expected.splitlines()]


def test_the_three_lines_are_those_of_how_to_use_this_book():
    lines = re.search(r"```bash\n(python3 .*?)```", README, re.S)[1]
    page = (ROOT / "book" / "how_to_use.md").read_text("utf8")
    there = re.search(r"```bash\n(.*?)```", page, re.S)[1]
    assert re.findall(r"^(.+?)\s*(?:#|$)", lines, re.M) == [line.strip() for line in there.strip().splitlines()]


def test_example_is_short():
    code = re.search(r"```python\n(.*?)```", README, re.S)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
