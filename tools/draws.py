"""What a class's word makes of a master in notebooks/assignments: data, numbers, and the answers to them.

A master draws in its cell `# CLASS`, and shows what it drew where it says {{ ... }}; its solutions compute the answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import numpy as np
import yaml
from submission import plain

MASTERS = Path(__file__).resolve().parent.parent / "notebooks" / "assignments"
DRAWS = 200


class AssignmentError(ValueError):
    """What is wrong with a word or a master, in a sentence."""


def same(answer, right, digits):
    """Whether an answer is right.

    A number is within one unit of the last digit asked for, also as a text or as a list's one element; a text is right whatever its case, and
    so is a choice's letter with its option behind it; a list is right in its elements, and one of whole numbers in any order.
    """
    if not isinstance(right, list) and isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(right, list):
        if not isinstance(answer, list) or len(answer) != len(right):
            return False
        if all(isinstance(one, int) for one in right):
            answer, right = sorted(answer, key=str), sorted(right, key=str)
        return all(same(one, other, digits) for one, other in zip(answer, right, strict=True))
    if isinstance(right, str):
        said = answer.strip().casefold() if isinstance(answer, str) else ""
        option = len(right) == 1 and said[1:2] in (".", ")", ":")
        return (said[:1] if option else said) == right.strip().casefold()
    if isinstance(answer, str):
        try:
            answer = float(answer.strip().replace(",", "."))
        except ValueError:
            return False
    if isinstance(right, bool) or isinstance(answer, bool):
        return answer is right
    return isinstance(answer, int | float) and abs(answer - right) <= 1.000001 * 10**-digits


def is_numeric(answer) -> bool:
    """Whether an answer is a number, or numbers; a count as whole numbers may be the same in two classes."""
    return all(map(is_numeric, answer)) if isinstance(answer, list) else isinstance(answer, float)


@dataclass
class Choice:
    """A question with options in an order that the class's word decides."""

    options: list[str]
    letters: dict[str, str]  # of an option
    right: str

    def __str__(self) -> str:
        return "\n".join(f"- **{self.letters[one]}** {one}" for one in self.options)

    def letter(self, option: str) -> str:
        """The letter of the option that begins so."""
        (found,) = (self.letters[one] for one in self.options if one.startswith(option))
        return found


@dataclass
class Assignment:
    """A master with a class's numbers in it, and the answers to them."""

    name: str
    title: str
    notebook: nbformat.NotebookNode  # the master, filled in
    files: dict[str, str]
    questions: dict[str, dict] = field(default_factory=dict)

    @property
    def points(self) -> float:
        """Points that can be had."""
        return sum(question["points"] for question in self.questions.values())


def config(cell) -> dict | None:
    """What a raw cell says of the question that begins with it."""
    first, _, rest = cell.source.partition("\n")
    return yaml.safe_load(rest) if cell.cell_type == "raw" and first == "# BEGIN QUESTION" else None


def fill(text: str, names: dict) -> str:
    """A text with every {{ expression }} replaced by its value."""
    return re.sub(r"\{\{(.+?)\}\}", lambda hit: str(eval(hit[1].strip(), names)), text, flags=re.DOTALL)


def chances(word: str, name: str) -> Iterator[np.random.Generator]:
    """Chance that follows from a class's word, for what bears a name: as many tries as may be needed."""
    # Slow on purpose: whoever tries words one after the other waits for each.
    secret = hashlib.scrypt(word.encode(), salt=name.encode(), n=2**15, r=8, p=1, maxmem=2**26)
    for attempt in range(DRAWS):
        yield np.random.default_rng(int.from_bytes(hashlib.sha256(secret + bytes([attempt])).digest()))


def draw(master: Path, word: str) -> Assignment:
    """A class's assignment: drawn again until the master's own conditions hold and no listed mistake looks like the answer."""
    why = ""
    for rng in chances(word, master.stem):
        try:
            with warnings.catch_warnings(action="ignore"):
                warnings.simplefilter("error", RuntimeWarning)  # a fit that must not be read
                return draw_once(master, rng)
        except (AssertionError, RuntimeWarning) as error:
            why = str(error)
    raise AssignmentError(f"{master.name}: {DRAWS} draws did not meet its conditions, the last for: {why}")


def draw_once(master: Path, rng: np.random.Generator) -> Assignment:
    """One draw; an AssertionError where it does not do."""
    import pandas as pd

    import ssmelsm_helpers as sm

    def choose(right: str, *wrong: str) -> Choice:
        order = [str(one) for one in rng.permutation([right, *wrong])]
        letters = dict(zip(order, "ABCDEFG", strict=False))
        return Choice(order, letters, letters[right])

    notebook, files = nbformat.read(master, as_version=4), {}
    names = {"np": np, "pd": pd, "sm": sm, "rng": rng, "files": files, "choose": choose}
    (drawing,) = (cell for cell in notebook.cells if cell.source.startswith("# CLASS"))
    exec(drawing.source, names)
    notebook.cells.remove(drawing)
    for cell in notebook.cells:
        cell.source = cell.source if cell.source.startswith("# BEGIN QUESTION") else fill(cell.source, names)
    tables = {name: file if isinstance(file, str) else file.to_csv(index=False) for name, file in files.items()}
    title = next(cell.source.removeprefix("# ").splitlines()[0] for cell in notebook.cells if cell.source[:2] == "# ")
    assignment = Assignment(master.stem, title, notebook, tables)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, text in tables.items():
            Path(name).write_text(text, "utf8")
        asked, values = None, names | {"name": "", "number": ""}
        for cell in notebook.cells:
            asked = config(cell) or asked
            if cell.cell_type == "code":
                exec(cell.source, values)
            elif cell.source == "# END QUESTION":
                assignment.questions[asked["name"]] = marks(asked, values)
                cell.metadata["question"] = asked["name"]
    return assignment


def marks(asked: dict, values: dict) -> dict:
    """How a question is marked: its answer, what listed mistakes get, and sentences."""
    probe = fill(asked.get("probe", asked["name"]), values)
    assert eval(asked.get("needs", "True"), values), f"{asked['name']}: {asked.get('needs')}"
    scheme = {key: asked[key] for key in ("points", "aims")} | {"probe": probe, "digits": asked.get("digits", 2)}
    if asked.get("manual"):
        return scheme | {"rubric": [fill(line, values) for line in asked["rubric"]]}
    accepted = [{"answer": plain(eval(probe, values)), "points": asked["points"], "says": fill(asked["says"], values)}]
    for mistake in asked.get("mistakes", ()):
        answer = plain(eval(fill(mistake["answer"], values), values))
        alike = any(same(answer, other["answer"], scheme["digits"] - 0.4) for other in accepted)
        assert not alike, f"{asked['name']}: a listed mistake looks like another answer"
        accepted.append({"answer": answer, "points": mistake["points"], "says": fill(mistake["says"], values)})
    assert accepted[0]["answer"] is not None, f"{asked['name']}: the answer is no number, text or list"
    return scheme | {"accepted": accepted}
