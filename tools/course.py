"""Write the teachers' pages from book/instructors/plan.yml (`make course`); words and minutes come from the chapters.

The pages are committed, so that building the book needs no step before it, the table of contents names files that are
there, and a change of a chapter shows what it does to the plans. A test says when they are out of date. A plan for other
slots, `make course SLOTS="90 90"`, goes to _build/course and leaves them as they are.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path

from course_plan import PAGES, ROOT, SLIDES, Course, Piece, PlanError, Row, slides

BUILD = ROOT / "_build" / "course"
WRITTEN = "<!-- Written by `make course` from plan.yml and the chapters. -->"
TIMING = re.compile(rf"{re.escape(WRITTEN)}\n.*?\n<!-- Until here. -->", re.DOTALL)


class Writer:
    """The pages' Markdown; `up` leads from the page to the repository's root, `here` to the teachers' pages."""

    def __init__(self, course: Course, up: str = "../../", here: str = ""):
        self.course, self.up, self.here = course, up, here

    def chapter(self, unit: int, heading: str = "") -> str:
        """A link to a chapter, or to one of its sections."""
        chapter = self.course.chapters[unit]
        anchor = "#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") if heading else ""
        return f"[{heading or chapter.title}]({self.up}notebooks/{chapter.path.name}{anchor})"

    def numbers(self, labels) -> str:
        """Exercises by their numbers."""
        return ", ".join(self.course.exercises[label].number for label in labels)

    def sum(self, labels) -> int:
        """Minutes of exercises."""
        return sum(self.course.exercises[label].minutes for label in labels)

    def exercises(self, labels: list[str]) -> str:
        """Exercises as the words of a sentence."""
        return f"exercise{'s' if len(labels) > 1 else ''} {self.numbers(labels)}"

    def before(self, slots: list[list[Row]], known: set[str] = frozenset()) -> str:
        """What is asked of learners before the first slot."""
        install = "an installation that was tried on the day before ([how to use this book]({}book/how_to_use.md))"
        taught = {piece.name for rows in slots for row in rows for piece in row.pieces}
        reading = self.course.chapters[0].reading
        chapter = f"{self.chapter(0)}, {reading} minutes to read, unless its ten questions at the top are easy; "
        brought = {"0 core", "0 rest"} <= taught or {*self.course.plan["units"][0]["aims"]} <= known
        return f"**Before:** {'' if brought else chapter}{install.format(self.up)}."

    def show(self, pieces: tuple[Piece, ...]) -> str:
        """Pieces in words, a chapter's link once."""
        words, unit = [], None
        for piece in pieces:
            explorer = f" ({self.explorers(piece)})" if piece.explorer else ""
            notes = f" ([notes]({self.here}notes_{piece.unit:02}.md))" if piece.part == "core" else ""
            words.append(
                (f"{self.chapter(piece.unit)}: " if piece.unit != unit else "") + piece.show + explorer + notes
            )
            unit = piece.unit
        return "; ".join(words)

    def explorers(self, piece: Piece) -> str:
        """A piece's explorers, as they are called."""
        return ", ".join(f"`sm.explore.{name}`" for name in re.findall(r"\w+", piece.explorer))

    def left_out(self, taught: set[str]) -> str:
        """What a plan does not teach: whole chapters, then parts of the others."""
        parts = {unit: [p for p in self.course.pieces.values() if p.unit == unit] for unit in self.course.chapters}
        gone = [unit for unit, pieces in parts.items() if not {piece.name for piece in pieces} & taught]
        lines = [f"- Whole chapters: {'; '.join(map(self.chapter, gone))}"] if gone else []
        some = [
            piece for unit, pieces in parts.items() if unit not in gone for piece in pieces if piece.name not in taught
        ]
        return "\n".join([*lines, *(f"- {self.show((piece,))}" for piece in some)]) or "Nothing is left out."

    def table(self, rows: list[Row]) -> str:
        """A slot's timetable."""
        lines, at = ["| at | minutes | what | exercises in class |", "|---|---|---|---|"], 0
        for row in rows:
            what = self.show(row.pieces) or row.show
            done = self.numbers(label for piece in row.pieces for label in piece.exercises)
            lines.append(f"| {at // 60}:{at % 60:02} | {row.minutes} | {what} | {done} |")
            at += row.minutes
        return "\n".join(lines)

    def afterwards(self, slots: list[list[Row]], together: bool) -> list[list[tuple[int, int, list[str]]]]:
        """For each slot, the units that end in it: what is left to read, in minutes, and the exercises left.

        Slots of one day leave no time between them: then all stands `together` in the last.
        """
        pieces = {piece.name: at for at, rows in enumerate(slots) for row in rows for piece in row.pieces}
        left = [[] for _ in slots]
        for unit, chapter in self.course.chapters.items():
            taught = [name for name in pieces if name.split()[0] == str(unit)]
            if taught:
                done = {label for name in taught for label in self.course.pieces[name].exercises}
                reading = (
                    0 if f"{unit} rest" in taught else chapter.reading - self.course.plan["units"][unit]["core"]["read"]
                )
                left[-1 if together else max(pieces[name] for name in taught)].append(
                    (unit, reading, [label for label in chapter.exercises if label not in done])
                )
        return left

    def load(self, left: list[tuple[int, int, list[str]]]) -> int:
        """Minutes of a slot's homework."""
        return sum(reading + self.sum(labels) for _, reading, labels in left)

    def homework(self, left: list[tuple[int, int, list[str]]]) -> str:
        """A slot's homework as a list."""
        lines = []
        for unit, reading, labels in left:
            parts = [f"what class left out, {reading} minutes to read"] if reading else []
            parts += [f"{self.exercises(labels)}, {self.sum(labels)} minutes"] if labels else []
            lines.append(f"- {self.chapter(unit)}: {'; '.join(parts)}" if parts else "")
        return "\n".join(filter(None, lines))

    def slot_title(self, at: int, slots: list[list[Row]], dates: list[datetime.date]) -> str:
        """Heading of a slot."""
        minutes = sum(row.minutes for row in slots[at])
        date = f"{dates[at]:%A} {dates[at].day} {dates[at]:%B %Y}, " if dates else ""
        return f"## Slot {at + 1}: {date}{minutes} minutes" if len(slots) > 1 or dates else f"## {minutes} minutes"

    def plan_page(self, title: str, slots: list[list[Row]], dates=(), known=frozenset(), together=False) -> str:
        """A plan for those who teach it."""
        taught = {piece.name for rows in slots for row in rows for piece in row.pieces}
        aims = {aim for rows in slots for row in rows for piece in row.pieces for aim in piece.aims}
        parts = [f"# {title}", WRITTEN, self.before(slots, known)]
        for at, (rows, left) in enumerate(zip(slots, self.afterwards(slots, together), strict=True)):
            parts += [self.slot_title(at, slots, dates), self.table(rows)]
            parts += [f"**Afterwards, {self.load(left)} minutes:**", self.homework(left)] if left else []
        parts += [
            "## What is left out of class",
            f"Taught are {len(aims)} of the {len(self.course.aims)} aims of the [map]({self.here}aims.md).",
        ]
        return "\n\n".join([*parts, self.left_out(taught)]) + "\n"

    def syllabus(self, slots: list[list[Row]], dates=(), known=frozenset(), together=False) -> str:
        """A page to hand out."""
        parts = [
            "# Syllabus",
            WRITTEN,
            "*Which schools are consistent?* A course on the spike-and-slab mixed-effects location-scale model.",
        ]
        parts += [self.before(slots, known)]
        for at, (rows, left) in enumerate(zip(slots, self.afterwards(slots, together), strict=True)):
            pieces = [piece for row in rows for piece in row.pieces]
            units = dict.fromkeys(piece.unit for piece in pieces)
            aims = "\n".join(f"- {self.course.words[aim]}" for piece in pieces for aim in piece.aims)
            parts += [self.slot_title(at, slots, dates), f"Chapters: {'; '.join(map(self.chapter, units))}."]
            parts += ["You will be able to", aims] if aims else []
            parts += [f"Afterwards, {self.load(left)} minutes:", self.homework(left)] if left else []
        return "\n\n".join(parts) + "\n"

    def aims_page(self) -> str:
        """Where each aim is taught, practised and assessed."""
        parts = ["# Aims map", WRITTEN]
        parts += [
            "Numbers are those of exercises. Where no exercise asks for exactly this aim, the nearest are named, and a question to be "
            "asked aloud. *Handed in* names tasks of [homework, exam and quizzes](assignments.md): every aim has one. The first word of a row is what `make course` "
            "calls the aim."
        ]
        for unit, facts in self.course.plan["units"].items():
            lines = ["| aim | taught | practised | assessed | handed in | needs |", "|---|---|---|---|---|---|"]
            for aim, about in facts["aims"].items():
                ask = f" *Ask:* {about['ask']}" if "ask" in about else ""
                needs = ", ".join(f"`{need}`" for need in about.get("needs", ()))
                practised, assessed = self.numbers(about["practised"]), self.numbers(about["assessed"])
                taught = self.chapter(unit, about["taught"])
                tasks = ", ".join(self.course.tasks.get(aim, ()))
                cells = (f"`{aim}` {self.course.words[aim]}.{ask}", taught, practised, assessed, tasks, needs)
                lines.append(f"| {' | '.join(cells)} |")
            parts += [f"## {self.course.chapters[unit].title}", "\n".join(lines)]
        return "\n\n".join(parts) + "\n"

    def units_page(self) -> str:
        """The units at a glance."""
        lines = [
            "| unit | read | run | exercises | core in class | rest in class | slides | explorers |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for unit, chapter in self.course.chapters.items():
            core, rest = self.course.pieces[f"{unit} core"], self.course.pieces[f"{unit} rest"]
            explorers = ", ".join(f"`{name}`" for name in dict.fromkeys(chapter.explorers))
            deck = SLIDES / f"{self.course.plan['units'][unit]['slides']}.md"
            lines.append(
                f"| {self.chapter(unit)} | {chapter.reading} min | {chapter.running} s | {chapter.stated} min "
                f"| {core.minutes} min | {rest.minutes} min | {len(slides(deck))} | {explorers} |"
            )
        about = (
            "The first three columns of times are the chapters' own. In class a unit has a core and a rest; each counts its share of the "
            "reading, the running, and the exercises that are done there."
        )
        return "\n\n".join(["# Units and minutes", WRITTEN, about, "\n".join(lines)]) + "\n"

    def assignments(self) -> str:
        """Homeworks, exam and quizzes, inside the page on them."""
        lines = ["| assignment | tasks | points | of these marked by a person |", "|---|---|---|---|"]
        for title, tasks in self.course.assignments.values():
            by_hand = sum(task["points"] for task in tasks if task.get("manual"))
            lines.append(f"| {title} | {len(tasks)} | {sum(task['points'] for task in tasks)} | {by_hand} |")
        return "\n".join([WRITTEN, "", *lines, "", "<!-- Until here. -->"])

    def timing(self, unit: int) -> str:
        """The times of a unit, inside its page of notes."""
        pieces = [piece for piece in self.course.pieces.values() if piece.unit == unit]
        done = {label for piece in pieces for label in piece.exercises}
        lines = [f"{self.chapter(unit)}:", ""]
        for piece in pieces:
            exercises = f" Exercises in class: {self.numbers(piece.exercises)}." if piece.exercises else ""
            explorer = f" Explorer: {self.explorers(piece)}." if piece.explorer else ""
            lines.append(
                f"- **{piece.part.capitalize()}, {piece.minutes} minutes**: {piece.show}.{explorer}{exercises}"
            )
        deck = SLIDES / f"{self.course.plan['units'][unit]['slides']}.md"
        lines.append(f"- **{len(slides(deck))} slides**: `{deck.stem}.html` of `make slides`.")
        left = [label for label in self.course.chapters[unit].exercises if label not in done]
        lines += [f"- **Afterwards, {self.sum(left)} minutes**: {self.exercises(left)}."] if left else []
        needs = [need for aim in self.course.plan["units"][unit]["aims"].values() for need in aim.get("needs", ())]
        needs = dict.fromkeys(need for need in needs if self.course.unit_of(need) != unit)
        named = ", ".join(f"`{need}`" for need in needs)
        lines += [f"- **Needs** {named} of the [aims map](aims.md)."] if needs else []
        return "\n".join([WRITTEN, "", *lines, "", "<!-- Until here. -->"])


def pages(course: Course) -> dict[Path, str]:
    """Every committed page that is written here, and its text; of the notes, only the timing is."""
    writer = Writer(course)
    texts = {}
    for name, facts in course.plan["plans"].items():
        together = facts.get("together", False)
        texts[PAGES / f"{name}.md"] = writer.plan_page(facts["title"], course.taken(facts), together=together)
    texts[PAGES / "syllabus.md"] = writer.syllabus(course.taken(course.plan["plans"]["weeks"]))
    texts[PAGES / "aims.md"] = writer.aims_page()
    texts[PAGES / "units.md"] = writer.units_page()
    page = PAGES / "assignments.md"
    texts[page] = TIMING.sub(lambda _: writer.assignments(), page.read_text("utf8"))
    for unit in course.plan["units"]:
        notes = PAGES / f"notes_{unit:02}.md"
        timing = writer.timing(unit)
        texts[notes] = TIMING.sub(lambda _, timing=timing: timing, notes.read_text("utf8"))
    return texts


def dates_of(text: str, slots: list[int]) -> list[datetime.date]:
    """One date for each slot; from a single one, a week apart."""
    try:
        dates = [datetime.date.fromisoformat(word) for word in text.split()]
    except ValueError as error:
        raise PlanError(f"DATE is {text!r}; write it as 2027-03-01.") from error
    if len(dates) == 1:
        return [dates[0] + datetime.timedelta(days=7 * at) for at in range(len(slots))]
    if dates and len(dates) != len(slots):
        raise PlanError(f"DATE has {len(dates)} dates for {len(slots)} slots; give one, or one for each.")
    return dates


def own_plan(course: Course, slots: str, date: str = "", without: str = "", known: str = "") -> dict[Path, str]:
    """The pages of a plan for other slots."""
    if not re.fullmatch(r"\s*\d+(\s+\d+)*\s*", slots):
        raise PlanError(f'SLOTS is {slots!r}; write minutes, as in SLOTS="90 90". DATE, WITHOUT and KNOWN go with it.')
    minutes = [int(word) for word in slots.split()]
    out, brought = course.named(without.split()), course.named(known.split())
    filled, dates = course.choose(minutes, out, brought), dates_of(date, minutes)
    writer, together = Writer(course, here="../../book/instructors/"), len({*dates}) == 1
    return {
        BUILD / "plan.md": writer.plan_page(
            f"A plan for {' and '.join(map(str, minutes))} minutes", filled, dates, brought, together
        ),
        BUILD / "syllabus.md": writer.syllabus(filled, dates, brought, together),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or say in sentences why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("slots", "date", "without", "known"):
        parser.add_argument(f"--{name}", default="")
    given = vars(parser.parse_args(arguments))
    try:
        course = Course()
        texts = own_plan(course, **given) if any(given.values()) else pages(course)
    except PlanError as error:
        print(error, file=sys.stderr)
        return 1
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
