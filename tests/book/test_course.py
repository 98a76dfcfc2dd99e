"""The course: its plan beside the chapters, its timetables, and the pages that are made from them."""

from __future__ import annotations

import copy
import re
import shutil
import tomllib

import course
import nbformat
import pytest
import yaml
from book_harness import ROOT, sources
from course_plan import PAGES, Course, PlanError

try:
    COURSE, PROBLEMS = Course(), ""
except PlanError as error:  # a chapter has changed and the plan has not: one test says so, the others have no course
    COURSE, PROBLEMS = None, str(error)
PLAN = yaml.safe_load((PAGES / "plan.yml").read_text("utf8"))
NOTES = sorted(PAGES.glob("notes_*.md"))
NOTES_WORDS = 560  # about a screen and a half
ENOUGH = [600, 600]  # slots with room for everything


def test_plan_names_what_the_chapters_have():
    assert PROBLEMS == ""


@pytest.fixture(autouse=True)
def _agreed(request):
    """Without a course there is nothing more to be said."""
    if PROBLEMS and request.function is not test_plan_names_what_the_chapters_have:
        pytest.skip("the plan does not fit the chapters")


@pytest.fixture
def plan():
    """The plan, to be spoiled."""
    return copy.deepcopy(PLAN)


def first_screen(unit: int) -> str:
    """A chapter's first cell."""
    return nbformat.read(COURSE.chapters[unit].path, 4).cells[0].source


def minutes(rows) -> int:
    """Of a slot's rows."""
    return sum(row.minutes for row in rows)


def names(slots) -> list[str]:
    """The pieces of a timetable."""
    return [piece.name for rows in slots for row in rows for piece in row.pieces]


def all_slots() -> dict[str, list]:
    """The timetables of the four plans."""
    return {name: COURSE.taken(facts) for name, facts in PLAN["plans"].items()}


def test_every_chapter_is_a_unit():
    numbers = {int(path.name[:2]) for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    assert {*PLAN["units"]} == numbers == {*COURSE.chapters}


@pytest.mark.parametrize("unit", PLAN["units"])
def test_aims_are_the_chapters(unit):
    aims = first_screen(unit).split("**What you will be able to do.**")[1].split("**You need")[0]
    lines = [line[4:-1] for line in aims.splitlines() if line.startswith("> - ")]
    assert len(lines) >= 3
    assert [*COURSE.chapters[unit].aims.values()] == lines
    assert {*PLAN["units"][unit]["aims"]} == {*COURSE.chapters[unit].aims}
    page = (PAGES / "aims.md").read_text("utf8")
    assert [words for words in COURSE.chapters[unit].aims.values() if words not in page] == []


@pytest.mark.parametrize("aim", [aim for unit in PLAN["units"].values() for aim in unit["aims"]])
def test_every_aim_is_taught_practised_and_assessed(aim):
    about = COURSE.aims[aim]
    assert about["in"] in ("core", "rest")
    assert about["taught"] in COURSE.chapters[COURSE.unit_of(aim)].headings
    assert about["practised"]
    assert about["assessed"]
    assert {*about["practised"], *about["assessed"]} <= {*COURSE.exercises}
    assert {*about["practised"]} & {*about["assessed"]} == set(), "one exercise is not both"
    assert COURSE.tasks[aim], "a task of a homework, the exam or a quiz"


def test_tasks_assess_aims_that_there_are():
    named = {aim for _, tasks in COURSE.assignments.values() for task in tasks for aim in task["aims"]}
    assert named == {*COURSE.aims}


def test_exercises_are_those_that_are_checked():
    tables = (ROOT / "ssmelsm_helpers" / "exercises").glob("chapters_*.toml")
    assert {label for table in tables for label in tomllib.loads(table.read_text("utf8"))} == {*COURSE.exercises}


@pytest.mark.parametrize("unit", PLAN["units"])
def test_minutes_are_the_chapters(unit):
    reading, running, exercises = map(int, re.findall(r"\d+", first_screen(unit).split("**Time:**")[1])[:3])
    pieces = [COURSE.piece(unit, part) for part in ("core", "rest")]
    in_class = [label for piece in pieces for label in piece.exercises]
    left = [label for label in COURSE.chapters[unit].exercises if label not in in_class]
    assert len(in_class) == len({*in_class})
    assert sum(COURSE.exercises[label].minutes for label in COURSE.chapters[unit].exercises) == exercises
    afterwards = sum(COURSE.exercises[label].minutes for label in left)
    assert sum(piece.minutes for piece in pieces) + afterwards == reading + -(-running // 60) + exercises
    assert 0 < PLAN["units"][unit]["core"]["read"] < reading


@pytest.mark.parametrize("unit", PLAN["units"])
def test_explorers_are_the_chapters(unit):
    named = [name for part in ("core", "rest") for name in re.findall(r"\w+", COURSE.piece(unit, part).explorer)]
    assert named == [*COURSE.chapters[unit].explorers]


def test_ladder_has_every_piece_once_and_no_rung_needs_a_later_one():
    assert sorted(PLAN["ladder"]) == sorted(COURSE.pieces)
    assert sorted(names(COURSE.choose(ENOUGH))) == sorted(COURSE.pieces)


@pytest.mark.parametrize("name", PLAN["plans"])
def test_plans_fit_their_slots(name):
    slots = all_slots()[name]
    assert [minutes(rows) for rows in slots] == PLAN["plans"][name]["slots"]
    for rows in slots:
        assert all(row.minutes >= sum(piece.minutes for piece in row.pieces) for row in rows)
    pieces = [piece for rows in slots for row in rows for piece in row.pieces]
    assert COURSE.missing(pieces, COURSE.read_before()) == []
    assert {"1 core", "5 core", "7 core", "10 core", "14 core"} <= {*names(slots)}


@pytest.mark.parametrize("slots", [[45], [90], [60, 60, 60], [180], [240], [90] * 10])
def test_other_slots_are_filled_and_have_room(slots):
    filled = COURSE.choose(slots)
    assert [minutes(rows) for rows in filled] == slots
    room = PLAN["around"]["room"]
    assert all([row.minutes for row in rows if row.show == room["show"]] >= [room["minutes"]] for rows in filled)
    assert [any(row.show == "break" for row in rows) for rows in filled] == [slot > 120 for slot in slots]


@pytest.mark.parametrize("slots", [[45, 45], [75], [90, 45], [50, 50, 50], [120]])
def test_the_rest_of_a_unit_is_taken_with_its_core_only(slots):
    taken = names(COURSE.choose(slots))
    assert [name for name in taken if f"{name.split()[0]} core" not in taken] == []


def test_the_rest_of_a_unit_whose_core_is_known_can_be_taken():
    taken = names(COURSE.choose(ENOUGH, known={*COURSE.pieces["1 core"].aims}))
    assert "1 core" not in taken
    assert "1 rest" in taken


def test_more_time_keeps_what_comes_first():
    for less, more in (([60], [90]), ([90], [180]), ([180], [360])):
        first = [name for name in PLAN["ladder"] if name in names(COURSE.choose(less))][:3]
        assert {*first} <= {*names(COURSE.choose(more))}


def test_slots_of_one_day_have_no_homework_between_them():
    text = (PAGES / "day.md").read_text("utf8")
    assert text.count("**Afterwards, ") == 1
    assert text.index("**Afterwards, ") > text.index("## Slot 4")
    assert (PAGES / "weeks.md").read_text("utf8").count("**Afterwards, ") == 6


def test_leaving_out_what_is_needed_names_the_aim():
    with pytest.raises(PlanError, match=r"04-explain \(explain why .*\) needs 03-build \(build the effects") as error:
        COURSE.choose(ENOUGH, COURSE.named(["3", "8"]))
    assert "KNOWN=03-build" in str(error.value)
    with pytest.raises(PlanError, match=r"07-read .* needs 05-say"):
        COURSE.choose([90, 90], COURSE.named(["5"]))


def test_ways_out_of_a_missing_aim():
    assert "4 core" in names(COURSE.choose(ENOUGH, COURSE.named(["3", "8", "04-explain"])))
    known = COURSE.choose(ENOUGH, COURSE.named(["8"]), COURSE.named(["3"]))
    assert "4 rest" in names(known)
    assert [name for name in names(known) if name in ("3 core", "3 rest", "8 core", "8 rest")] == []


def test_two_lectures_without_two_chapters(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(course, "BUILD", ROOT / "_build" / f"course-{tmp_path.name}")
    try:
        assert course.main(["--slots", "90 90", "--date", "2027-03-01", "--without", "3 8"]) == 0
        text = (course.BUILD / "plan.md").read_text("utf8")
        assert "## Slot 2: Monday 8 March 2027, 90 minutes" in text
        assert broken_links(course.BUILD / "plan.md") == broken_links(course.BUILD / "syllabus.md") == []
    finally:
        shutil.rmtree(course.BUILD, ignore_errors=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--slots", "ninety"], "SLOTS is 'ninety'; write minutes"),
        (["--without", "3"], "SLOTS is ''; write minutes"),
        (["--slots", "25"], "Nothing fits. A slot takes"),
        (["--slots", "90", "--without", "77 05-foo"], "Unknown: 77, 05-foo. Units are 0 to 14"),
        (["--slots", "90", "--known", "x"], "Unknown: x."),
        (["--slots", "90 90", "--date", "March"], "write it as 2027-03-01"),
        (["--slots", "90 90", "--date", "2027-03-01 2027-03-02 2027-03-03"], "3 dates for 2 slots"),
        (["--slots", "90", "--without", "5"], "needs 05-"),
    ],
)
def test_bad_requests_get_a_sentence_and_write_nothing(arguments, says, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(course, "BUILD", tmp_path / "course")
    assert course.main(arguments) == 1
    assert says in capsys.readouterr().err
    assert not course.BUILD.exists()


def spoil(plan, how: str) -> None:
    """One thing that a hand could write wrongly."""
    five = plan["units"][5]
    if how == "aim":
        five["aims"]["05-guess"] = five["aims"].pop("05-say")
    elif how == "exercise":
        five["aims"]["05-say"]["practised"] = ["ex-05-none"]
    elif how == "in class":
        five["core"]["exercises"] = ["ex-04-sd"]
    elif how == "need":
        five["aims"]["05-say"]["needs"] = ["07-read"]
    elif how == "section":
        five["aims"]["05-say"]["taught"] = "Nowhere"
    elif how == "piece":
        plan["plans"]["workshop"]["take"][1] = ["1 heart", 15]
    elif how == "short":
        plan["plans"]["workshop"]["take"][5] = ["7 core", 20]
    elif how == "order":
        take = plan["plans"]["workshop"]["take"]
        take[2], take[5] = take[5], take[2]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("aim", "Unit 5 has the aim 05-guess, the chapter has not.\nUnit 5 lacks the chapter's aim 05-say."),
        ("exercise", "05-say names ex-05-none, which is no exercise."),
        ("in class", "Unit 5 does ex-04-sd in class, which is no exercise of it."),
        ("need", "05-say needs 07-read, which no unit up to 5 teaches."),
        ("section", "05-say: the chapter has no section 'Nowhere'."),
        ("piece", "workshop: no piece is called 1 heart."),
        ("short", "workshop: 7 core has 20 minutes and takes"),
        ("order", "workshop: 07-write needs 04-put, which comes too late or not at all."),
    ],
)
def test_a_wrong_plan_is_refused(plan, how, says):
    spoil(plan, how)
    with pytest.raises(PlanError, match=re.escape(says)):
        Course(plan)


def test_pages_are_up_to_date():
    old = [path.name for path, text in course.pages(COURSE).items() if path.read_text("utf8") != text]
    assert old == [], "run `make course`"


def test_pages_are_in_the_book():
    assert {f"book/instructors/{path.stem}" for path in PAGES.glob("*.md")} == {
        source for source in sources() if source.startswith("book/instructors/")
    }


def anchors(path) -> set[str]:
    """What a page's headings can be linked by."""
    text = path.read_text("utf8")
    if path.suffix == ".ipynb":
        text = "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path) -> list[str]:
    """Links of a page that lead nowhere."""
    broken = []
    for address, _, fragment in re.findall(r"\]\(([^)#]*)(#([^)]+))?\)", path.read_text("utf8")):
        if address.startswith("https://"):
            continue
        target = (path.parent / address).resolve() if address else path
        if not target.is_file() or (fragment and fragment not in anchors(target)):
            broken.append(f"{address}#{fragment}")
    return broken


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    assert broken_links(path) == []


def test_every_unit_has_notes():
    assert [path.name for path in NOTES] == [f"notes_{unit:02}.md" for unit in PLAN["units"]]


@pytest.mark.parametrize("path", NOTES, ids=lambda path: path.stem)
def test_notes_have_one_shape_and_fit_their_chapter(path):
    text, unit = path.read_text("utf8"), int(path.stem[-2:])
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert headings == [
        f"Notes on chapter {unit}",
        "Three misconceptions",
        "What breaks live",
        "Questions that come",
        "Sticky notes",
    ]
    sections = dict(zip(headings, re.split(r"^#+ .+$", text, flags=re.MULTILINE)[1:], strict=True))
    assert course.TIMING.search(text)
    story = re.search(r"^\*\*The story\.\*\* (.+)$", text, re.MULTILINE)[1]
    assert len(re.findall(r"[.?!](?=\s|$)", story)) == 5
    for line in sections["Three misconceptions"].strip().splitlines():
        assert re.fullmatch(r"\d\. \*\*.+\*\* \*Ask:\* .+ \*Say:\* .+", line)
    assert len(sections["Three misconceptions"].strip().splitlines()) == 3
    for name in ("What breaks live", "Questions that come", "Sticky notes"):
        assert 2 <= len(re.findall(r"^- ", sections[name], re.MULTILINE)) <= 5, name
    assert len(text.split()) <= NOTES_WORDS
    chapter = "\n".join(cell.source for cell in nbformat.read(COURSE.chapters[unit].path, 4).cells)
    numbers = {exercise.number for exercise in COURSE.exercises.values()}
    own = text.split("<!-- Until here. -->")[1]
    assert {*re.findall(r"[Ee]xercises? (\d+\.\d+)", own)} <= numbers
    assert [figure for figure in re.findall(r"Figure \d+\.\d+", own) if f"**{figure}.**" not in chapter] == []
    # What is quoted as code, or as the name of a section, stands in the chapter; so do schools.
    sections_named = re.findall(r"(?:in|under|from|before|of|with|to|do|and) \"([A-Z][^\"]+)\"", own)
    assert [name for name in sections_named if name.rstrip(".") not in chapter] == []
    assert [school for school in re.findall(r"school (\d+)", own) if not re.search(rf"\b{school}\b", chapter)] == []
