"""One run of a chapter, as a reader runs it: its outputs for the page, the numbers in its prose, its time and memory.

Nothing is set for the kernel that a reader's would not have. What a page shows instead of a live chart or explorer is asked
for between the cells, as the numbers are; a cell that a reader runs does not know of it.
"""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
from filelock import FileLock
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import myst_nb_reader_plugin
from nbclient import NotebookClient
from nbformat import NotebookNode

# A number in prose: the text directly before the comment is what its expression gives after the cells above.
NUMBER = re.compile(r"<!-- = (?P<code>.+?)(?::(?P<format>p\d|[,.\d]*[dfge%]))?(?P<real>, real students only)? -->")
# What a new value replaces: a number, numbers with commas between them, or one word.
_WRITTEN = re.compile(r"(?:[−-]?[\d.,]*\d%?(?:, \d+)*|[\w-]+)$")
SOLUTION = re.compile(r"<summary>Solution</summary>.*?```python\n(?P<code>.*?)```", re.DOTALL)
# The kernel gives each expression's value as text; an error is a text that stands in no sentence.
_HELP = """
def _as_text(code, format):
    try:
        value = eval(code, globals())
        text = f"{float(value):.{format[1:]}f}".replace("0.", ".", 1) if format[:1] == "p" else f"{value:{format}}"
        return text.replace("-", "\\N{MINUS SIGN}") if format else text
    except Exception as error:
        return f"?? {type(error).__name__}: {error}"
"""
# MB; on Windows there is no such module.
_MEMORY = """
try:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
except ImportError:
    print(0)
"""
_FIGURES = str(Path(__file__).with_name("figures.py"))
_SHOWN = f"import runpy as _runpy; print(_runpy.run_path({_FIGURES!r})['for_the_page'](_))"


@dataclass
class Number:
    """A number in prose, as it stands there and as it should."""

    cell: int
    code: str
    sentence: str  #: the text before it
    value: str
    real_only: bool  #: true of the real students, not of a reconstruction

    @property
    def agrees(self) -> bool:
        """Whether the text says what the expression gives."""
        return self.sentence.endswith(self.value)


@dataclass
class Run:
    """What one run of a chapter gave."""

    path: Path
    live: NotebookNode  #: with the outputs that a reader sees
    page: NotebookNode  #: with those of the built page
    numbers: list[Number] = field(default_factory=list)
    solutions: dict[str, str] = field(default_factory=dict)  #: what the checks said to the worked solutions
    seconds: list[float] = field(default_factory=list)  #: of each cell; of text, zero
    total: float = 0.0  #: seconds, kernel included
    memory: int = 0  #: MB
    real: bool = True  #: whether the students are the real ones

    def wrong_numbers(self) -> list[str]:
        """Where the text and its expressions differ, in words."""
        checked = [number for number in self.numbers if self.real or not number.real_only]
        return [
            f"{self.path.name}, cell {n.cell}: '... {n.sentence[-60:]}' should end in {n.value}, by {n.code}"
            for n in checked
            if not n.agrees
        ]


def is_stub(cell) -> bool:
    """An exercise's cell: it waits for an answer."""
    return cell.cell_type == "code" and re.search(r"^answer = \.\.\.$", cell.source, re.MULTILINE) is not None


def read(path: Path) -> NotebookNode:
    """A chapter, or a page whose Markdown holds code."""
    return nbformat.read(path, as_version=4) if path.suffix == ".ipynb" else myst_nb_reader_plugin(str(path))


def run(path: Path) -> Run:
    """Run a chapter from top to bottom, then its worked solutions."""
    begin = time.perf_counter()
    with (client := _client(path)).setup_kernel():
        return _run_in(client, path, begin)


def run_together(paths: Sequence[Path]) -> list[Run]:
    """The same of what no reader runs: one kernel imports the packages once, and forgets all names from one to the next."""
    found = []
    with (client := _client(paths[0])).setup_kernel() if paths else nullcontext():
        for path in paths:
            client.nb = read(path)
            client.reset_execution_trackers()
            found.append(_run_in(client, path, time.perf_counter()))
            _ask(client, "%reset -f")
    return found


def _client(path: Path) -> NotebookClient:
    client = NotebookClient(read(path), timeout=300, resources={"metadata": {"path": path.parent}})
    client.extra_arguments = ["--IPKernelApp.log_level=40"]  # else a warning about sockets at every start
    return client


def _run_in(client: NotebookClient, path: Path, begin: float) -> Run:
    notebook = copy.deepcopy(client.nb)
    done = Run(path, client.nb, copy.deepcopy(notebook), real=_students_are_real())
    for at, cell in enumerate(notebook.cells):
        started = time.perf_counter()
        if cell.cell_type == "code":
            client.execute_cell(client.nb.cells[at], at)
            done.seconds.append(time.perf_counter() - started)
            done.page.cells[at].outputs = _for_the_page(client, client.nb.cells[at].outputs)
            done.page.cells[at].execution_count = client.nb.cells[at].execution_count
        else:
            done.seconds.append(0.0)
            done.numbers += _numbers(client, at, cell.source)
    done.total = time.perf_counter() - begin
    done.memory = int(_ask(client, _MEMORY))
    done.solutions = _solutions(client, notebook)
    return done


@cache
def _students_are_real() -> bool:
    """Asked here and once: without a network every kernel would wait for it."""
    from ssmelsm_helpers import load_saeb

    return not load_saeb().attrs["reconstructed"]


def _ask(client, code: str) -> str:
    """What a line of code prints in the chapter's kernel; readers have no such cell."""
    cell = nbformat.v4.new_code_cell(code)
    client.nb.cells.append(cell)
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
    finally:
        client.nb.cells.pop()
    return "".join(output.get("text", "") for output in cell.outputs)


def _for_the_page(client, outputs) -> list:
    """Outputs of a cell as the page shows them: static figures, and no progress bars, which a reader sees go by."""
    kept = [copy.deepcopy(output) for output in outputs if output.output_type != "display_data"]
    for output in kept:
        if output.output_type == "execute_result" and {*output.data} - {"text/plain"}:
            output.data.update(json.loads(_ask(client, _SHOWN)))
            output.data.pop("application/vnd.jupyter.widget-view+json", None)
    return kept


def _numbers(client, at: int, source: str) -> list[Number]:
    hits = list(NUMBER.finditer(source))
    if not hits:
        return []
    calls = [f"_as_text({hit['code'].strip()!r}, {hit['format'] or ''!r})" for hit in hits]
    values = json.loads(_ask(client, f"{_HELP}\nimport json as _json\nprint(_json.dumps([{', '.join(calls)}]))"))
    before = [source[: hit.start()] for hit in hits]
    return [
        Number(at, hit["code"].strip(), text, value, bool(hit["real"]))
        for hit, text, value in zip(hits, before, values, strict=True)
    ]


def _solutions(client, notebook) -> dict[str, str]:
    """Worked solutions, each with its stub's own check, after all cells: no chapter needs what a solution defines."""
    found = {}
    for at, cell in enumerate(notebook.cells):
        if is_stub(cell):
            check = cell.source.split("answer = ...\n", 1)[1]
            worked = SOLUTION.search(notebook.cells[at + 1].source)
            label = re.search(r'"(ex-[\w-]+)"', check)[1]
            if worked:
                _ask(client, worked["code"])  # which may print
            found[label] = _ask(client, f"print({check.strip()})") if worked else "no solution"
    return found


def write_numbers(done: Run) -> int:
    """Write new values into the chapter's text, or a deck's; how many were written."""
    notebook, written = read(done.path), 0
    text = done.path.read_text("utf8")
    for number in reversed(done.numbers):
        writable = _WRITTEN.fullmatch(number.value) and (done.real or not number.real_only)
        old = _WRITTEN.search(number.sentence)
        if writable and old and not number.agrees:
            cell = notebook.cells[number.cell]
            before = cell.source
            cell.source = number.sentence[: old.start()] + number.value + cell.source[len(number.sentence) :]
            text = text.replace(before, cell.source, 1)  # of Markdown, where a cell is a piece of the file
            written += 1
    if written and done.path.suffix == ".md":
        done.path.write_text(text, "utf8")
    elif written:
        nbformat.write(notebook, done.path)
    return written


def keep_for_the_book(done: Run, folder: Path) -> None:
    """Put a run's page where the book's build looks for outputs: it need not run twice."""
    with FileLock(folder / "writing.lock"):  # the cache's index bears no two writers
        bundle = CacheBundleIn(done.page, str(done.path))
        get_cache(folder).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def run_for_the_book(paths, folder: Path, at_once: int = 2) -> None:
    """Run those chapters whose outputs are not in the book's cache."""
    cache, missing = get_cache(folder), []
    for path in paths:
        try:
            cache.match_cache_notebook(read(path))
        except KeyError:
            missing.append(path)
    with ThreadPoolExecutor(at_once) as pool:
        for done in pool.map(run, missing):
            keep_for_the_book(done, folder)
            print(f"{done.path.name}: {done.total:.0f} s", flush=True)
