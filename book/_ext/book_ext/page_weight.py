"""Leave out of the built pages what they load and never use: most of the theme's weight.

The theme brings all icons as a script and as fonts, styles for all that it could show, and the search's index with every
page. A phone on a train waits for each of them.
"""

from __future__ import annotations

import re
from pathlib import Path

import tinycss2
from fontTools import subset

# Icons come from the fonts, which pages have as well; the search's scripts are the search page's.
ICON_SCRIPT = re.compile(r'\s*<script[^>]*src="[^"]*_static/scripts/fontawesome\.js[^"]*"[^>]*></script>')
SEARCH_SCRIPTS = re.compile(
    r'\s*<script[^>]*src="[^"]*(?:_static/searchtools\.js|_static/language_data\.js|searchindex\.js)[^"]*"[^>]*></script>'
)
MATHJAX_SCRIPT = re.compile(r'\s*<script[^>]*src="[^"]*_static/mathjax/startup\.js[^"]*"[^>]*></script>')
MATHEMATICS = re.compile(r'class="[^"]*\b(?:math|tex2jax_process|mathjax_process|output_area)\b')
OURS = ("book", "explorer")  # the book's own styles are small, and name classes that Vega adds
# Scripts that name no class of the page, and are long.
NOT_LOOKED_AT = {"vega-bundle.js", "searchindex.js", "fontawesome.js"}
EMPTY_HEADING = re.compile(r'<th(?: class="[^"]*")?>(?:<p></p>)?</th>')  # of a table: without words it heads nothing
_PRIVATE = re.compile("[\ue000-\uf8ff]")  # where fonts keep their icons
_FONT_FORMS = re.compile(
    r'url\(([^)]*/fa-[\w-]+)\.woff2\)\s*format\("woff2"\)(?:,\s*url\([^)]*\)\s*format\("truetype"\))?'
)


def lighten(app, exception) -> None:
    """Called by Sphinx when all pages are written."""
    if exception is None and app.builder.format == "html":
        lighten_folder(Path(app.outdir))


def lighten_folder(html: Path) -> None:
    """The same for a folder of pages."""
    static = html / "_static"
    (static / "scripts" / "fontawesome.js").unlink(missing_ok=True)
    words: set[str] = set()
    for path in html.rglob("*.html"):
        text = ICON_SCRIPT.sub("", path.read_text("utf8"))
        if path.name != "search.html":
            text = SEARCH_SCRIPTS.sub("", text)
        if not MATHEMATICS.search(text):
            text = MATHJAX_SCRIPT.sub("", text)
        text = EMPTY_HEADING.sub("<td></td>", text)
        path.write_text(text, "utf8")
        words |= used_words(text)
    for path in static.rglob("*.js"):
        if path.name not in NOT_LOOKED_AT and "mathjax" not in path.parts:
            words |= used_words(path.read_text("utf8"))
    themes = [path for path in static.rglob("*.css") if not path.name.startswith(OURS)]
    styles = {path: used_rules(path.read_text("utf8"), words) for path in themes}
    icons = {icon for text in styles.values() for icon in _PRIVATE.findall(text)} | {"\uf303"}  # that of exercises
    for path in (static / "vendor" / "fontawesome" / "webfonts").glob("*.ttf"):
        keep_icons(path, icons)
    for path, text in styles.items():
        path.write_text(_FONT_FORMS.sub(r'url(\1.woff) format("woff")', text), "utf8")


def used_words(text: str) -> set[str]:
    """All that could be a class.

    >>> sorted(used_words('<p class="a b-c">'))
    ['a', 'b-c', 'class', 'p']
    """
    return {*re.findall(r"[A-Za-z_][\w-]*", text)}


def used_rules(css: str, words: set[str]) -> str:
    """A style sheet without the rules for classes that nothing names.

    >>> used_rules(".a{x:y}.b,.a p{x:y}@media print{.b{x:y}}", {"a"})
    '.a{x:y}.a p{x:y}'
    """
    kept = []
    for rule in tinycss2.parse_stylesheet(css, skip_comments=False, skip_whitespace=True):
        if rule.type == "qualified-rule":
            selectors = [one for one in _selectors(rule.prelude) if _classes(one) <= words]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{tinycss2.serialize(rule.content)}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports") and rule.content is not None:
            inside = used_rules(tinycss2.serialize(rule.content), words)
            if inside:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inside}}}")
        elif rule.type != "comment" or rule.value.startswith("!"):  # those are licences
            kept.append(rule.serialize())
    return "".join(kept)


def _selectors(prelude) -> list[str]:
    """The selectors that a rule lists."""
    found = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            found.append([])
        else:
            found[-1].append(token)
    return [tinycss2.serialize(one).strip() for one in found]


def _classes(selector: str) -> set[str]:
    """The classes without which a selector cannot hold; what stands in brackets is one of several, or a `:not`."""
    outside = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", selector))
    named = re.findall(r"\.(-?[A-Za-z_][\w-]*)", re.sub(r"\[[^\]]*\]", "", outside))
    return {name for name in named if not name.startswith("bs-")}  # Bootstrap composes those


def keep_icons(path: Path, icons: set[str]) -> None:
    """A font with these icons only, as WOFF beside it; its other forms go."""
    options = subset.Options(flavor="woff", hinting=False, layout_features=[], notdef_outline=True)
    font = subset.load_font(str(path), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(icons)))
    subsetter.subset(font)
    subset.save_font(font, str(path.with_suffix(".woff")), options)
    path.with_suffix(".woff2").unlink(missing_ok=True)
    path.unlink()
