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


def test_example_is_short():
    code = re.search(r"```python\n(.*?)```", README, re.S)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
