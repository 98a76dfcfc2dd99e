"""Chapters run as a reader runs them, once: no error, no noise, true numbers; stubs fail their checks, solutions pass."""

from __future__ import annotations

import os
import re

import nbformat
import pytest
from book_ext.execution_cache import current_cache
from book_ext.plain_form import ANCHOR, LEAD
from book_ext.running import NUMBER, is_stub, keep_for_the_book, run
from book_harness import ROOT
from terms import EVERYDAY, first_use, glossary_terms

CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [*CHAPTERS, *sorted((ROOT / "book").glob("*.md"))]
CHAPTER_LIMIT, CELL_LIMIT, MEMORY_LIMIT = 90, 45, 1500  # seconds, seconds, MB
SLOWER = 2.5  # than what a chapter says: machines differ, and another worker runs beside
# Words a minute, of prose with formulas; cells a minute, to be read with their outputs.
WORDS, CELLS = 120, 3
FOLDS = {"I have guessed", "Hint", "Solution", "Answers", "Rubric"}
# What only some readers' programs understand.
MARKS = {
    "role or directive": r"\{[a-z][\w:-]*\}[`\n]|^```\{|^:::",
    "comment line": r"^%",
    "target": r"^\([\w-]+\)=$",
    "link without an address": r"\[[^\]\n]+\]\(\s*\)",
    "tagged equation": r"\\tag|\\label\{",
    "paragraph that is a comment": r"^<!--",
}


def markdown(notebook) -> str:
    """A chapter's Markdown."""
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def text_of(notebook) -> str:
    """A chapter's Markdown without its code blocks."""
    return re.sub(r"```.*?```", "", markdown(notebook), flags=re.DOTALL)


@pytest.fixture
def one_core():
    """A reader's one core, for the kernel that starts meanwhile."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    all_cores = os.sched_getaffinity(0)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.sched_setaffinity(0, {sorted(all_cores)[worker % len(all_cores)]})
    yield
    os.sched_setaffinity(0, all_cores)


@pytest.mark.slow
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_runs(path, one_core, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SSMELSM_")]:
        monkeypatch.delenv(name)
    done = run(path)
    keep_for_the_book(done, current_cache(ROOT))
    for cell in (cell for cell in done.live.cells if cell.cell_type == "code"):
        noise = [output.text for output in cell.outputs if output.get("name") == "stderr"]
        assert not noise, f"{cell.source}\nwrote to stderr: {noise}"
        if is_stub(cell):
            assert cell.outputs[-1].data["text/plain"].startswith("✗ Nothing to check yet"), cell.source
    assert done.wrong_numbers() == []
    assert {label: said for label, said in done.solutions.items() if not said.startswith("✓")} == {}
    assert len(done.solutions) >= 2
    stated = int(re.search(r"(\d+) seconds to run", text_of(done.live))[1])
    assert done.total < SLOWER * stated, f"{done.total:.0f} s, where the chapter says {stated}"
    assert done.total < CHAPTER_LIMIT
    assert max(done.seconds) < CELL_LIMIT
    assert done.memory < MEMORY_LIMIT


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def notebook(request):
    """Each chapter's notebook."""
    return nbformat.read(request.param, as_version=4)


def test_every_reader_sees_the_same(notebook):
    """Plain Markdown: no mark that one program turns into something and others show as it is."""
    assert [cell.source for cell in notebook.cells if cell.metadata] == []
    for cell in (cell for cell in notebook.cells if cell.cell_type == "markdown"):
        text = re.sub(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", "", cell.source, flags=re.DOTALL)
        for what, pattern in MARKS.items():
            assert re.findall(pattern, text if "equation" not in what else cell.source, re.MULTILINE) == [], what
        assert cell.source.count("```") % 2 == 0


def test_folds_are_closed_and_named(notebook):
    for cell in (cell for cell in notebook.cells if cell.cell_type == "markdown"):
        folds = re.findall(r"^<details><summary>(.*?)</summary>$\n\n", cell.source, re.MULTILINE)
        assert {*folds} <= FOLDS
        closed = re.findall(r"\n\n</details>(?=\n\n|\Z)", cell.source)
        assert cell.source.count("<details>") == len(folds) == len(closed) == cell.source.count("</details>"), (
            cell.source
        )


def test_boxes_are_of_the_known_kinds(notebook):
    leads = re.findall(r"(?:\A|\n\n)> \*\*(.+?)\*\*", text_of(notebook))
    assert leads
    assert [lead for lead in leads if not LEAD.fullmatch(lead.rstrip("."))] == []


def test_exercises_and_figures_are_numbered(notebook):
    text = text_of(notebook)
    chapter = int(re.search(r"^# (\d+) ", text, re.MULTILINE)[1])
    for word in (r"> \*\*Exercise", r"^\*\*Figure"):
        numbers = re.findall(rf"{word} (\d+)\.(\d+)", text, re.MULTILINE)
        assert numbers == [(str(chapter), str(at)) for at in range(1, len(numbers) + 1)]


def test_every_prediction_has_its_answer_folded(notebook):
    text = markdown(notebook)
    assert text.count("> **Predict.**") == text.count("<summary>I have guessed</summary>") >= 3


def test_every_stub_has_a_solution_after_it(notebook):
    for at, cell in enumerate(notebook.cells):
        if is_stub(cell):
            assert notebook.cells[at + 1].source.startswith("<details><summary>Solution</summary>\n\n"), cell.source


def test_terms_are_those_of_the_glossary(notebook):
    """Links lead to terms, and the first use of a term in the running text is a link."""
    text = text_of(notebook)
    linked = re.findall(r"\]\(\.\./book/glossary\.md#([^)]+)\)", text)
    assert {*linked} <= {*glossary_terms().values()}
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"][1:]
    assert [term for term in glossary_terms() if term not in EVERYDAY and first_use(cells, term)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_to_sections_jump_in_a_live_notebook_and_on_the_page(path):
    """A live notebook makes a heading's anchor of its text as it is, the page of its lower-case words."""
    pages = {
        page: page.read_text("utf8") if page.suffix == ".md" else markdown(nbformat.read(page, 4)) for page in PAGES
    }
    for address, fragment in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", pages[path]):
        target = pages[(path.parent / address).resolve() if address else path]
        headings = {heading.replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", target, re.MULTILINE)}
        assert fragment in headings | {*ANCHOR.findall(target)}
        assert fragment == fragment.lower()


def test_numbers_are_tied_by_short_expressions(notebook):
    found = [hit for cell in notebook.cells if cell.cell_type == "markdown" for hit in NUMBER.finditer(cell.source)]
    assert [hit["code"] for hit in found if len(hit["code"]) > 90] == []
    # Every comment is such a number.
    assert len(found) == sum(cell.source.count("<!--") for cell in notebook.cells if cell.cell_type == "markdown")


def test_grammar_of_a_chapter(notebook):
    """One H1, aims, a recap, predictions, short cells, seeds, no plotting functions."""
    text, code = text_of(notebook), [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert len(re.findall(r"^# ", text, flags=re.MULTILINE)) == 1
    assert text.count("> **What you will be able to do.**") == 1
    assert "## Recap" in text
    assert "> **Time:**" in text
    figures = sum(len(re.findall(r"sm\.plot\.|sm\.explore\.|alt\.Chart\(", source)) for source in code)
    assert len(re.findall(r"^\*\*Figure", text, re.MULTILINE)) == figures, "every figure has a caption"
    assert all(len(source.splitlines()) <= 20 for source in code)
    assert max(len(line) for source in code for line in source.splitlines()) <= 80
    assert not any(re.search(r"^\s*(def|class) ", source, flags=re.MULTILINE) for source in code)
    for source in code:
        for call in ("sm.fit(", "sm.fit_schools(", "simulate_schools("):
            assert call not in source or "random_seed=" in source, source


def test_minutes_are_those_of_the_text_and_of_the_exercises(notebook):
    """Measured by words and cells, and by what the exercises say of themselves."""
    text = markdown(notebook)
    running = (
        r"<details><summary>(?:Hint|Solution|Answers|Rubric).*?</details>|```.*?```|<!--.*?-->|\]\([^)]*\)|\$.*?\$"
    )
    words = len(re.findall(r"[\w'’-]+", re.sub(running, " x ", text, flags=re.DOTALL)))
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    stated = re.search(
        r"> \*\*Time:\*\* (\d+) minutes to read, \d+ seconds to run, (\d+) minutes for the exercises\.", text
    )
    assert abs(int(stated[1]) - (words / WORDS + cells / CELLS)) <= 4
    assert int(stated[2]) == sum(map(int, re.findall(r"\((?:easy|medium|hard), (\d+) minutes?\)", text)))


def test_first_code_cell_installs_the_package_on_colab_only(notebook):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.source.startswith('import sys\n\nif "google.colab" in sys.modules:')
    assert re.search(r"\{release\}/ssmelsm_helpers-[\d.]+-py3-none-any\.whl", first.source)
