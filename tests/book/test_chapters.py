"""Chapters run from top to bottom; their stubs fail the checks, and their solutions pass them."""

import copy
import re
import time
from datetime import datetime

import nbformat
import pytest
from book_harness import ROOT, keep_for_the_book
from nbclient import NotebookClient

CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTION = re.compile(r":::\{solution\} (\S+).*?```python\n(.*?)```", re.S)
EXERCISE = re.compile(r":::\{exercise\}.*?:label: (\S+)", re.S)
CHAPTER_LIMIT, CELL_LIMIT = 90, 45  # seconds


def is_stub(cell) -> bool:
    """An exercise's cell: it waits for an answer."""
    return cell.cell_type == "code" and cell.source.startswith("answer = ...")


def with_solutions(notebook):
    """The notebook with, after every stub, a cell that holds its worked solution and the same check."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    solutions = dict(SOLUTION.findall(text))
    solved = copy.deepcopy(notebook)
    solved.cells, label = [], None
    for cell in notebook.cells:
        solved.cells.append(cell)
        if cell.cell_type == "markdown" and (labels := EXERCISE.findall(cell.source)):
            label = labels[-1]
            assert label in solutions, f"{label} has no worked solution"
        if is_stub(cell):
            check = cell.source.split("\n", 1)[1]
            solved.cells.append(nbformat.v4.new_code_cell(solutions[label] + check, metadata={"solves": label}))
    return solved


@pytest.mark.slow
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_runs(path, monkeypatch):
    monkeypatch.setenv("SSMELSM_STATIC", "1")
    chapter = nbformat.read(path, as_version=4)
    notebook = with_solutions(chapter)  # its cells and the chapter's are the same objects: both get the outputs
    client = NotebookClient(notebook, timeout=300, record_timing=True, resources={"metadata": {"path": path.parent}})
    begin = time.perf_counter()
    client.execute()
    took = time.perf_counter() - begin
    keep_for_the_book(chapter, path)
    solved = 0
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        shown = "\n".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        noise = [output.text for output in cell.outputs if output.get("name") == "stderr"]
        assert not noise, f"{cell.source}\nwrote to stderr: {noise}"
        if is_stub(cell):
            assert shown.startswith("✗ Nothing to check yet"), shown
        elif "solves" in cell.metadata:
            assert shown.startswith("✓"), f"{cell.metadata['solves']}: {shown}"
            solved += 1
    assert solved >= 2, "a chapter has two to four exercises"
    assert took < CHAPTER_LIMIT, f"{took:.0f} s"
    assert max(_seconds(cell) for cell in notebook.cells) < CELL_LIMIT


def _seconds(cell) -> float:
    times = cell.metadata.get("execution", {})
    if "iopub.execute_input" not in times or "shell.execute_reply" not in times:
        return 0.0
    begin, end = (datetime.fromisoformat(times[key]) for key in ("iopub.execute_input", "shell.execute_reply"))
    return (end - begin).total_seconds()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_grammar_of_a_chapter(path):
    """One H1, aims, a recap, predictions, short cells, seeds, no plotting functions."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    outside_code = re.sub(r"```.*?```", "", text, flags=re.S)
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert len(re.findall(r"^# ", outside_code, flags=re.M)) == 1
    assert "What you will be able to do" in text
    assert "## Recap" in text
    assert "**Time:**" in text
    assert text.count("Predict before you run") >= 3
    assert len(re.findall(r":::\{exercise\}", text)) in (2, 3, 4)
    figures = sum(len(re.findall(r"sm\.plot\.|sm\.explore\.|alt\.Chart\(", source)) for source in code)
    assert text.count("*What to notice:*") == figures, "every figure has a caption"
    assert all(len(source.splitlines()) <= 20 for source in code)
    visible = [c.source for c in cells if c.cell_type == "code" and "remove-cell" not in c.metadata.get("tags", [])]
    assert max(len(line) for source in visible for line in source.splitlines()) <= 88
    assert not any(re.search(r"^\s*(def|class) ", source, flags=re.M) for source in code)
    for source in code:
        for call in ("sm.fit(", "sm.fit_schools(", "simulate_schools("):
            assert call not in source or "random_seed=" in source, source
