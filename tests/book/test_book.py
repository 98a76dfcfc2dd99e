"""The built book without a browser: warnings, links, descriptions; and the sources of its chapters."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import nbformat
import pytest
from book_ext.execution_cache import prune
from book_ext.fingerprint import fingerprint
from book_harness import ROOT, site, sources  # noqa: F401 (site is a fixture)
from bs4 import BeautifulSoup

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def html(site) -> dict[Path, BeautifulSoup]:
    """Every page of the built book."""
    paths = (path for path in site.rglob("*.html") if "_static" not in path.relative_to(site).parts)
    return {path: BeautifulSoup(path.read_text("utf8"), "html.parser") for path in paths}


def test_build_has_no_warning(site):
    import build_book

    assert [line for line in build_book.LOG.read_text().splitlines() if "WARNING" in line] == []


def test_every_page_is_built(site):
    assert [source for source in sources() if not (site / f"{source}.html").is_file()] == []
    assert (site / "index.html").is_file()


def links(html):
    """All links of the book: page, element, address."""
    for path, soup in html.items():
        for element in soup.find_all(lambda tag: tag.get("href") or tag.get("src")):
            address = element.get("href") or element.get("src")
            if not address.startswith(("data:", "mailto:", "javascript:")):
                yield path, element, address


def test_internal_links_lead_somewhere(html):
    anchors = {path: {element["id"] for element in soup.find_all(id=True)} for path, soup in html.items()}
    broken = []
    for path, _, address in links(html):
        parts = urlsplit(address)
        if parts.scheme:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target.is_dir():
            target /= "index.html"
        fragment = unquote(parts.fragment)
        if not target.is_file() or (fragment and fragment not in anchors.get(target, {fragment})):
            broken.append((path.name, address))
    assert broken == []


def test_no_anchor_is_there_twice(html):
    for path, soup in html.items():
        ids = [element["id"] for element in soup.find_all(id=True)]
        assert len(ids) == len({*ids}), path.name


def test_pages_load_nothing_from_elsewhere(html):
    loading = ("script", "link", "img", "iframe", "source", "video", "audio")
    loaded = [(path.name, address) for path, element, address in links(html) if element.name in loading]
    assert [(page, address) for page, address in loaded if urlsplit(address).scheme] == []
    assert [path.name for path, soup in html.items() if "widget-view+json" in str(soup)] == []


def launched_file(address: str) -> str | None:
    """The file that a Binder or Colab link opens."""
    parts = urlsplit(address)
    if parts.netloc == "mybinder.org":
        return unquote(parse_qs(parts.query)["urlpath"][0]).removeprefix("lab/tree/")
    if parts.netloc == "colab.research.google.com":
        return unquote(parts.path).split("/blob/", 1)[1].split("/", 1)[1]
    return None


def test_launch_buttons_open_existing_notebooks(html, site):
    launched = {path: set() for path in html}
    for path, _, address in links(html):
        if file := launched_file(address):
            assert (ROOT / file).is_file(), f"{path.name} launches {file}"
            assert file.endswith(".ipynb"), f"{path.name} launches {file}, which Colab cannot open"
            launched[path].add(urlsplit(address).netloc)
    for notebook in NOTEBOOKS:
        page = site / "notebooks" / f"{notebook.stem}.html"
        assert launched[page] >= {"mybinder.org", "colab.research.google.com"}


def test_no_two_charts_have_the_same_description(html):
    figures = [(path.name, figure) for path, soup in html.items() for figure in soup.select("figure.book-chart")]
    assert figures
    seen = {}
    for page, figure in figures:
        description = figure["data-alt"]
        assert description != "Chart without a description", page
        assert description not in seen, f"{page} and {seen[description]}: {description}"
        seen[description] = page


def test_a_chart_has_a_threshold_slider(html):
    """The browser tests move it."""
    specs = [json.loads(figure.script.string) for soup in html.values() for figure in soup.select("figure.book-chart")]
    bound = [param["name"] for spec in specs for param in spec.get("params", []) if "bind" in param]
    assert "threshold" in bound


def test_pictures_other_than_charts_have_an_alternative_text(html):
    for path, soup in html.items():
        for picture in soup.select("article img"):
            assert picture.get("alt", "").strip(), f"{path.name}: {picture}"


def test_every_notebook_is_in_the_book():
    assert {f"notebooks/{path.stem}" for path in NOTEBOOKS} <= set(sources())


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    """Each chapter's notebook."""
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    """The code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_notebook_is_valid_and_for_the_right_kernel(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_notebook_is_committed_without_outputs(notebook):
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    assert "widgets" not in notebook.metadata


def test_execution_cache_depends_on_files_and_their_names(tmp_path):
    (tmp_path / "a.py").write_text("1")
    first = fingerprint(tmp_path, ["*.py"])
    assert fingerprint(tmp_path, ["*.py"]) == first
    (tmp_path / "b.txt").write_text("not looked at")
    assert fingerprint(tmp_path, ["*.py"]) == first
    (tmp_path / "a.py").write_text("2")
    changed = fingerprint(tmp_path, ["*.py"])
    (tmp_path / "a.py").rename(tmp_path / "c.py")
    assert len({first, changed, fingerprint(tmp_path, ["*.py"])}) == 3


def test_old_execution_caches_are_removed(tmp_path):
    for age, name in enumerate(["new", "newer", "newest", "oldest"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0) if name == "oldest" else (age + 1, age + 1))
    prune(tmp_path, keep=3)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "newer", "newest"}
