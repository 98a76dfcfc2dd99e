"""The plan of the course, book/instructors/plan.yml, beside what the chapters say of themselves: what fits into which slots."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import nbformat
import yaml
from draws import MASTERS, config

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "book" / "instructors"
LONG_SLOT = 120  # minutes; beyond, there is a break
ORDER = ("core", "rest", "own")
SLIDES = PAGES / "slides"
NOTES = re.compile(
    r"^:::\{revealjs-notes\}\n(?P<minutes>\d+) minutes?, (?P<part>core|rest|own)\. .*?\n:::$", re.MULTILINE | re.DOTALL
)


class PlanError(ValueError):
    """What is wrong with a plan, one sentence a line."""


@dataclass(frozen=True)
class Exercise:
    """What a chapter says of an exercise."""

    number: str
    minutes: int


@dataclass(frozen=True)
class Chapter:
    """What a chapter says of itself."""

    path: Path
    title: str
    aims: dict[str, str]
    reading: int
    running: int  # seconds
    exercises: dict[str, Exercise]
    stated: int  # minutes for the exercises
    explorers: tuple[str, ...]
    headings: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A part of a unit, as it is taught in class."""

    unit: int
    part: str
    show: str
    minutes: int
    aims: tuple[str, ...]
    exercises: tuple[str, ...]
    explorer: str

    @property
    def name(self) -> str:
        return f"{self.unit} {self.part}"


@dataclass(frozen=True)
class Row:
    """A line of a timetable: pieces, or what stands around them."""

    minutes: int
    pieces: tuple[Piece, ...] = ()
    show: str = ""


def slides(deck: Path) -> list[str]:
    """A deck's slides, the title among them, each beginning with its heading."""
    text = deck.read_text("utf8").split("---\n", 2)[2]
    return re.split(r"^#{1,2} ", text, flags=re.MULTILINE)[1:]


def minutes_of(deck: Path) -> dict[str, int]:
    """The minutes of a deck's notes, for each piece of its unit."""
    spent: dict[str, int] = {}
    for notes in NOTES.finditer(deck.read_text("utf8")):
        spent[notes["part"]] = spent.get(notes["part"], 0) + int(notes["minutes"])
    return spent


def read_chapter(path: Path) -> Chapter:
    """A chapter's aims, minutes, exercises, explorers and headings."""
    cells = json.loads(path.read_text("utf8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells)
    first = "".join(cells[0]["source"])
    reading, running, stated = map(int, re.search(r"\*\*Time:\*\* (\d+) m\D+(\d+) s\D+(\d+) m", first).groups())
    number = int(path.name[:2])
    aims = {}
    for words in re.findall(r"^> - (\*\*.+?)[;.]?$", first, re.MULTILINE):
        verb = re.match(r"\*\*(.+?)\*\*", words)[1]
        aims[f"{number:02}-{verb.replace(' ', '-')}"] = words
    told = re.findall(r"> \*\*Exercise ([\d.]+):.*?\*\* \(\w+, (\d+) minutes?\)", text)
    labels = re.findall(r"^sm\.check\(\"([\w-]+)\"", text, re.MULTILINE)
    return Chapter(
        path,
        re.search(r"^# (.+)$", first, re.MULTILINE)[1],
        aims,
        reading,
        running,
        {label: Exercise(n, int(m)) for label, (n, m) in zip(labels, told, strict=True)},
        stated,
        tuple(re.findall(r"sm\.explore\.(\w+)\(", text)),
        tuple(re.findall(r"^##+ (.+)$", text, re.MULTILINE)),
    )


def read_assignments() -> dict[str, tuple[str, list[dict]]]:
    """Titles and tasks of homeworks, exam and quizzes."""
    found = {}
    for path in sorted(MASTERS.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        title = cells[0].source.splitlines()[0].removeprefix("# ")
        found[path.stem] = (title, [task for task in map(config, cells) if task])
    return found


class Course:
    """The plan and the chapters together."""

    def __init__(self, plan: dict | None = None):
        self.plan = plan or yaml.safe_load((PAGES / "plan.yml").read_text("utf8"))
        self.chapters = {int(p.name[:2]): read_chapter(p) for p in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))}
        self.aims = {aim: facts for unit in self.plan["units"].values() for aim, facts in unit["aims"].items()}
        self.words = {aim: words for chapter in self.chapters.values() for aim, words in chapter.aims.items()}
        self.exercises = {key: one for chapter in self.chapters.values() for key, one in chapter.exercises.items()}
        self.assignments = read_assignments()
        self.tasks = {
            aim: [
                f"{name.replace('_', ' ')} `{task['name']}`"
                for name, (_, tasks) in self.assignments.items()
                for task in tasks
                if aim in task["aims"]
            ]
            for aim in self.aims
        }
        self.refuse([problem for unit, facts in self.plan["units"].items() for problem in self.wrong_ids(unit, facts)])
        named = (
            self.piece(unit, part) for unit in self.plan["units"] for part in ORDER if part in self.plan["units"][unit]
        )
        self.pieces = {piece.name: piece for piece in named}
        self.refuse([problem for name, facts in self.plan["plans"].items() for problem in self.wrong_rows(name, facts)])

    @staticmethod
    def refuse(problems: list[str]) -> None:
        """Raise a PlanError if there are any."""
        if problems:
            raise PlanError("\n".join(problems))

    def wrong_ids(self, unit: int, facts: dict) -> list[str]:
        """Names in a unit that its chapter, or the plan, does not have."""
        chapter, aims = self.chapters[unit], facts["aims"]
        found = [f"Unit {unit} has the aim {aim}, the chapter has not." for aim in aims.keys() - chapter.aims.keys()]
        found += [f"Unit {unit} lacks the chapter's aim {aim}." for aim in chapter.aims.keys() - aims.keys()]
        if not (SLIDES / f"{facts.get('slides')}.md").is_file():
            found.append(f"Unit {unit} has no slides called {facts.get('slides')!r}.")
        in_class = [label for part in ORDER for label in facts.get(part, {}).get("exercises", ())]
        found += [
            f"Unit {unit} does {label} in class, which is no exercise of it."
            for label in {*in_class} - {*chapter.exercises}
        ]
        for aim, about in aims.items():
            labels = {*about["practised"], *about["assessed"]} - {*self.exercises}
            found += [f"{aim} names {label}, which is no exercise." for label in labels]
            needs = about.get("needs", ())
            found += [
                f"{aim} needs {need}, which no unit up to {unit} teaches."
                for need in needs
                if need not in self.aims or need[:2] > aim[:2]
            ]
            if about["taught"] not in chapter.headings:
                found.append(f"{aim}: the chapter has no section {about['taught']!r}.")
        return sorted(found)

    def wrong_rows(self, name: str, facts: dict) -> list[str]:
        """Rows of a fixed timetable that are too short, come before what they need, or do not fill the slot."""
        rows = facts.get("take", ())
        unknown = [
            one for *names, _ in rows for one in names if one not in self.pieces and one not in self.plan["around"]
        ]
        if unknown:
            return [f"{name}: no piece is called {', '.join(unknown)}."]
        needed = [(row, sum(self.pieces[one].minutes for one in row[:-1] if one in self.pieces)) for row in rows]
        found = [
            f"{name}: {', '.join(row[:-1])} has {row[-1]} minutes and takes {least}."
            for row, least in needed
            if row[-1] < least
        ]
        pieces = [self.pieces[one] for row in rows for one in row[:-1] if one in self.pieces]
        found += [
            f"{name}: {aim} needs {need}, which comes too late or not at all."
            for aim, need in self.missing(pieces, self.read_before())
        ]
        total = sum(row[-1] for row in rows)
        if rows and [total] != facts["slots"]:
            found.append(f"{name}: {total} minutes for a slot of {facts['slots'][0]}.")
        return found

    def piece(self, unit: int, part: str) -> Piece:
        """One of a unit's pieces, its minutes computed."""
        facts, chapter = self.plan["units"][unit], self.chapters[unit]
        exercises = tuple(facts[part].get("exercises", ()))
        core = facts["core"]["read"] + ceil(chapter.running / 60)
        minutes = {"core": core, "rest": chapter.reading - facts["core"]["read"], "own": 0}[part]
        minutes += facts[part].get("minutes", 0) + sum(self.exercises[label].minutes for label in exercises)
        aims = tuple(aim for aim, about in facts["aims"].items() if about["in"] == part)
        return Piece(unit, part, facts[part]["show"], minutes, aims, exercises, facts[part].get("explorer", ""))

    def unit_of(self, aim: str) -> int:
        """The unit that teaches an aim."""
        return int(aim[:2])

    def named(self, ids: list[str]) -> set[str]:
        """The aims that units and aims stand for, as in WITHOUT="3 04-explain"."""
        unknown = [one for one in ids if one not in self.aims and one not in map(str, self.plan["units"])]
        if unknown:
            known = f"Units are {min(self.plan['units'])} to {max(self.plan['units'])}"
            raise PlanError(f"Unknown: {', '.join(unknown)}. {known}; aims stand in the aims map, such as 05-say.")
        return {aim for aim in self.aims if aim in ids or str(self.unit_of(aim)) in ids}

    def missing(self, pieces: list[Piece], brought: set[str]) -> list[tuple[str, str]]:
        """Aims that are taught before, or without, an aim that they need: both."""
        taught, found = {*brought}, []
        for piece in pieces:
            taught |= {*piece.aims}
            needs = [(aim, need) for aim in piece.aims for need in self.aims[aim].get("needs", ())]
            found += [(aim, need) for aim, need in needs if need not in taught]
        return found

    def read_before(self) -> set[str]:
        """The aims of unit 0, which learners read before the first slot where it is not taught in class."""
        return {aim for aim in self.aims if self.unit_of(aim) == 0}

    @staticmethod
    def in_order(pieces: list[Piece]) -> list[Piece]:
        """Pieces in the order of the chapters."""
        return sorted(pieces, key=lambda piece: (piece.unit, ORDER.index(piece.part)))

    def fill(self, slots: list[int], pieces: list[Piece]) -> list[list[Row]] | None:
        """Pieces put into slots; None where they do not fit."""
        around = {name: Row(facts["minutes"], show=facts["show"]) for name, facts in self.plan["around"].items()}
        queue = self.in_order(pieces)
        filled = []
        for at, slot in enumerate(slots):
            rows = [around["recall" if at else "setup"]]
            pause = [around["break"]] if slot > LONG_SLOT else []
            left = slot - sum(row.minutes for row in (*rows, *pause, around["room"], around["quiz"]))
            while queue and queue[0].minutes <= left:
                if pause and left < slot / 2:
                    rows.append(pause.pop())
                left -= queue[0].minutes
                rows.append(Row(queue[0].minutes, (queue.pop(0),)))
            room = Row(left + around["room"].minutes, show=around["room"].show)
            filled.append([*rows, *pause, room, around["quiz"]])
        return None if queue else filled

    def choose(
        self, slots: list[int], without: set[str] = frozenset(), known: set[str] = frozenset()
    ) -> list[list[Row]]:
        """The ladder's pieces that fit into the slots; a PlanError where an aim that was left out is needed."""
        brought = known | self.read_before() - without
        chosen, complaints = [], []
        for name in self.plan["ladder"]:
            piece = self.pieces[name]
            aims = tuple(aim for aim in piece.aims if aim not in without | known)
            gone = {*self.plan["units"][piece.unit]["aims"]} <= without | known
            if gone or (piece.aims and not aims):
                continue
            # A unit's core first, unless the class has it, or is to do without.
            core, taken = self.pieces[f"{piece.unit} core"], {one.name for one in chosen}
            if name != core.name and core.name not in taken and {*core.aims} - without - known:
                continue
            piece = Piece(**{**vars(piece), "aims": aims})
            if self.fill(slots, [*chosen, piece]) is None:
                continue
            missing = self.missing(self.in_order([*chosen, piece]), brought)
            complaints += [both for both in missing if both[1] in without and both not in complaints]
            if not missing:
                chosen.append(piece)
        if complaints:
            raise PlanError("\n".join(self.complaint(aim, need) for aim, need in complaints))
        if not chosen:
            least = min(piece.minutes for piece in self.pieces.values())
            own = sum(self.plan["around"][name]["minutes"] for name in ("setup", "room", "quiz"))
            raise PlanError(
                f"Nothing fits. A slot takes {own} minutes around its units, and the shortest piece {least}."
            )
        return self.fill(slots, chosen)

    def complaint(self, aim: str, need: str) -> str:
        """A sentence about a prerequisite that is gone, with three ways out."""
        unit = self.unit_of(need)
        return (
            f"{aim} ({self.words[aim].replace('**', '')}) needs {need} ({self.words[need].replace('**', '')}), "
            f"which is left out. Keep unit {unit}; or leave out {aim} as well; or say KNOWN={need} if the class brings it."
        )

    def taken(self, plan: dict) -> list[list[Row]]:
        """A named plan's timetable."""
        if "take" not in plan:
            return self.choose(plan["slots"])
        rows = []
        for *names, minutes in plan["take"]:
            pieces = tuple(self.pieces[name] for name in names if name in self.pieces)
            rows.append(Row(minutes, pieces, "" if pieces else self.plan["around"][names[0]]["show"]))
        return [rows]
