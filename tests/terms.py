"""Where a chapter's running text first uses a term of the glossary: there it has to be a link."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

GLOSSARY = Path(__file__).resolve().parents[1] / "book" / "glossary.md"
# Words of everyday language, too; the chapters explain what they mean here.
EVERYDAY = {
    "consistency",
    "draw",
    "location",
    "scale",
    "threshold",
    "TPR, FPR",
    "inclusion probability",
    "Student-t likelihood",
}
# What is not running text, or cannot hold a link.
NOT_TEXT = re.compile(
    r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|<!--.*?-->|<[^>\n]*>|!?\[[^\]\n]*\]\([^)\n]*\)|^#.*?$|^>.*?$|^\|.*?$",
    re.DOTALL | re.MULTILINE,
)


@cache
def glossary_terms() -> dict[str, str]:
    """Anchor of each term."""
    headings = re.findall(r"^## (.+)$", GLOSSARY.read_text("utf8"), re.MULTILINE)
    return {term: term.casefold().replace(", ", "-").replace(" ", "-") for term in headings}


def first_use(cells: list[str], term: str) -> tuple[int, int, int] | None:
    """Cell, begin and end of a term's first use as plain text, or None; a link to it that comes before is none, too."""
    word = re.compile(rf"(?<![\w-]){re.escape(term)}s?(?![\w-])", re.IGNORECASE if term.islower() else 0)
    link = f"../book/glossary.md#{glossary_terms()[term]})"
    for at, source in enumerate(cells):
        hidden = NOT_TEXT.sub(lambda found: " " * len(found[0]), source)
        hit, linked = word.search(hidden), source.find(link)
        if hit and (linked < 0 or hit.start() < linked):
            return at, hit.start(), hit.end()
        if linked >= 0:
            return None
    return None
