"""What a page says about itself."""

from __future__ import annotations

import re
import subprocess
from html import escape
from pathlib import Path

from docutils import nodes

LONGEST = 160  # what search engines show of a description
FIGURE = '<figure class="book-chart"'  # as `figures` writes it
PICTURE = "_static/opening.png"


def commit(folder: Path) -> str:
    """The commit that a folder is at, shortened; empty where git cannot tell."""
    try:
        asked = ["git", "rev-parse", "--short=10", "HEAD"]
        done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if re.fullmatch(r"[0-9a-f]{7,40}", done.stdout.strip()) else ""


def name_commit(app, config) -> None:
    """Called by Sphinx first of all: the footer names the commit, so that a reader's report of an error can."""
    found = commit(Path(app.confdir))
    if found:
        options = config.html_theme_options
        address = f"{options.get('repository_url', '').rstrip('/')}/commit/{found}"
        options["extra_footer"] = (
            options.get("extra_footer", "") + f'<p>Built from commit <a href="{address}">{found}</a>.</p>'
        )


def describe(doctree) -> str:
    """What a page is about: its title and the beginning of its first paragraph, at most `LONGEST` characters."""
    title = next((found.astext() for found in doctree.findall(nodes.title)), "")
    for paragraph in doctree.findall(nodes.paragraph):
        parts = [node for node in paragraph.findall(nodes.Text) if not isinstance(node.parent, nodes.raw)]
        text = " ".join("".join(parts).split())
        if len(text) >= 20:
            text = f"{title}. {text}".replace("?. ", "? ")
            return text if len(text) <= LONGEST else text[: LONGEST - 2].rsplit(" ", 1)[0].rstrip(",;:") + " …"
    return ""


def public_address(repository: str) -> str:
    """Where GitHub Pages shows a repository's book.

    >>> public_address("https://github.com/owner/name")
    'https://owner.github.io/name/'
    """
    owner, name = repository.rstrip("/").split("/")[-2:]
    return f"https://{owner.lower()}.github.io/" + ("" if name.lower() == f"{owner.lower()}.github.io" else f"{name}/")


def add_meta(app, pagename, templatename, context, doctree) -> None:
    """Called by Sphinx with each page: what search engines and messengers show of it."""
    about = (describe(doctree) if doctree is not None else "") or f"{context.get('title', '')} of this book"
    repository = app.config.html_theme_options.get("repository_url", "")
    said = {"og:title": context.get("title", ""), "og:description": about, "og:type": "article"}
    if repository:
        home = public_address(repository)
        said |= {"og:url": f"{home}{pagename}.html", "og:image": home + PICTURE}
    tags = [f'<meta name="description" content="{escape(about)}" />']
    tags += [
        f'<meta property="{name}" content="{escape(re.sub("<[^>]+>", "", text))}" />' for name, text in said.items()
    ]
    if FIGURE in context.get("body", "").partition("<h2")[0]:  # else fetched when a chart comes near the screen
        bundle = context["pathto"]("_static/vega-bundle.js", 1)
        tags.append(f'<link rel="preload" as="script" fetchpriority="low" href="{bundle}" />')
    context["metatags"] = context.get("metatags", "") + "\n    ".join(["", *tags])
