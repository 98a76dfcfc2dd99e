"""Data for the three projects of a course, drawn from a class's word, in files that have been through several hands.

`write(word, folder)` puts what students get into folder/student/projects and the truth into folder/solutions/projects.json; book/instructors/projects.md
is their brief. Noise has the same SD in every group, so that a group deviates only where it was made to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from draws import chances

EFFECTS = (0.75, -0.8, 0.65, -0.7)  # of those that deviate, as log SD
SCHOOLS = re.findall(
    r"\w+",
    "Alder Ash Beech Birch Cedar Cherry Chestnut Cypress Elder Elm Fir Hawthorn Hazel Holly Hornbeam Juniper Larch Laurel Linden "
    "Maple Myrtle Oak Olive Pine Plane Poplar Rowan Spruce Walnut Willow",
)
CLINICS = re.findall(
    r"\w+",
    "Avon Danube Dee Don Elbe Garonne Kama Loire Marne Meuse Moselle Neva Oder Po Rhine Rhone Saale Sava Seine Severn Spree Tagus "
    "Tees Thames Tiber Trent Vistula Volga Weser Ytre",
)
TEAMS = re.findall(
    r"\w+",
    "Bitterns Buzzards Cranes Crows Curlews Doves Eagles Falcons Finches Gulls Herons Jays Kestrels Kites Larks Magpies Owls Plovers "
    "Ravens Robins Rooks Storks Swifts Terns",
)


def groups(rng, label: str, names: list[str], fewest: int, most: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Members of groups with a level of their own and noise, and the groups whose spread deviates, with their log SDs."""
    deviating = dict(zip(map(str, rng.choice(names, len(EFFECTS), replace=False)), EFFECTS, strict=True))
    sizes = rng.integers(fewest, most + 1, len(names))
    table = pd.DataFrame({label: np.repeat(names, sizes)}).astype({label: object})
    noise = pd.Series(rng.normal(size=len(table))).groupby(table[label])
    noise = noise.transform(lambda values: (values - values.mean()) / values.std())
    table["noise"] = noise * np.exp(table[label].map(deviating).fillna(0.0).astype(float))
    table["level"] = table[label].map(dict(zip(names, rng.normal(size=len(names)), strict=True)))
    return table, deviating


def calm(rng, table: pd.DataFrame, label: str, deviating: dict, many: int) -> list[str]:
    """Groups that do not deviate, for faults that could be taken for a deviation."""
    return list(map(str, rng.choice(sorted({*table[label]} - {*deviating}), many, replace=False)))


def misspelt(rng, table: pd.DataFrame, label: str, ways: list[Callable[[str], str]]) -> list[str]:
    """Some groups get a second spelling for a part of their members."""
    names = list(map(str, rng.choice(sorted({*table[label]}), len(ways), replace=False)))
    for name, way in zip(names, ways, strict=True):
        rows = table.index[table[label] == name]
        table.loc[rows[: len(rows) // 3], label] = way(name)
    return [f"{way(name)!r} is {name}" for name, way in zip(names, ways, strict=True)]


def commas(values: pd.Series, digits: int) -> pd.Series:
    """Numbers as a program in another country writes them."""
    return values.map(lambda value: f"{value:.{digits}f}".replace(".", ",")).astype(object)


def schools(rng) -> tuple[pd.DataFrame, dict]:
    """Reading scores; one school's spread comes from whom it takes, and `ses` explains it."""
    table, deviating = groups(rng, "school", SCHOOLS, 40, 60)
    (mixed,) = calm(rng, table, "school", deviating, 1)
    ses = pd.Series(rng.normal(size=len(table))).groupby(table["school"])
    ses = ses.transform(lambda values: (values - values.mean()) / values.std())
    table["ses"] = ses.where(table["school"] != mixed, 3 * ses)
    table["reading"] = np.round(500 + 25 * table["level"] + 30 * table["ses"] + 50 * table["noise"])
    table["student"] = 10_001 + rng.permutation(len(table))
    table["ses"] = table["ses"].round(2)
    faults = misspelt(rng, table, "school", [str.upper, lambda name: name + " ", lambda name: name + "."])
    table["reading"] = table["reading"].astype(int).astype(str).astype(object)
    rows = rng.permutation(table.index)
    table.loc[rows[:30], "reading"] = "-99"
    table.loc[rows[30:45], "reading"] = "absent"
    faults += ["-99 (30 students) and 'absent' (15) are missing values"]
    truth = {
        "deviating": deviating,
        "faults": faults,
        "explained": f"{mixed}: a mixed intake; with ses in the mean its flag goes",
    }
    return table[["school", "student", "ses", "reading"]], truth


def clinics(rng) -> tuple[pd.DataFrame, dict]:
    """Systolic blood pressure, one reading for each patient; one clinic writes kilopascals."""
    table, deviating = groups(rng, "clinic", CLINICS, 35, 55)
    kilo, tens, slip, twice = calm(rng, table, "clinic", deviating, 4)
    table["age"] = rng.integers(40, 81, len(table))
    table["systolic"] = np.round(132 + 4 * table["level"] + 0.4 * (table["age"] - 60) + 12 * table["noise"])
    table["patient"] = 2001 + rng.permutation(len(table))
    place = table["clinic"]
    table.loc[place == tens, "systolic"] = (table["systolic"] / 10).round() * 10
    table.loc[place == kilo, "systolic"] = (table["systolic"] / 7.50062).round(1)
    table.loc[table.index[place == slip][3], "systolic"] *= 10
    rows = rng.permutation(table.index[~place.isin([kilo, slip])])
    table.loc[rows[:25], "systolic"] = 999
    table = pd.concat([table, table[table["clinic"] == twice]], ignore_index=True)
    faults = [
        f"{kilo} writes kilopascals: times 7.50062",
        f"{tens} rounds to tens: harmless for the SD, to be said",
        f"{slip}: one reading with a zero too many",
        f"{twice} stands in the file twice",
        "999 (25 readings) is a missing value, in one clinic twice where it was pasted",
    ]
    return table[["clinic", "patient", "age", "systolic"]], {"deviating": deviating, "faults": faults}


def teams(rng) -> tuple[pd.DataFrame, dict]:
    """Kilometres that players run in a match; goalkeepers are another population, and some players changed teams."""
    table, deviating = groups(rng, "team", TEAMS, 26, 34)
    table["position"] = rng.choice(["defence", "midfield", "attack"], len(table))
    table["km"] = 9.8 + 0.4 * table["level"] + 0.7 * table["noise"]
    table["player"] = 301 + rng.permutation(len(table))
    size = table.groupby("team").size()
    keepers = pd.DataFrame(
        {"team": np.repeat(TEAMS, 2), "position": "goal", "km": rng.normal(5.2, 0.2, 2 * len(TEAMS))}
    )
    keepers["player"] = 301 + len(table) + np.arange(len(keepers))
    quiet = calm(rng, table, "team", deviating, 6)
    moved = pd.concat([table[table["team"] == one].sample(1, random_state=7) for one in quiet[:5]]).assign(
        team=quiet[5]
    )
    tiny = pd.DataFrame({"team": "Wrens", "position": "midfield", "km": [9.6, 9.7, 9.9], "player": [1, 2, 3]})
    average = pd.DataFrame({"team": "Average", "position": "", "km": table.groupby("team")["km"].mean().to_numpy()})
    average["player"] = 9000 + np.arange(len(average))
    table = pd.concat([table, keepers, moved, tiny, average], ignore_index=True)
    table["km"] = commas(table["km"], 2)
    faults = [
        "goalkeepers run half as far: leave them out, or every spread is theirs",
        f"five players changed teams and stand in {quiet[5]}, too",
        "Wrens has three players: it can hardly be flagged; to be said",
        f"'Average' holds {len(size)} rows of totals",
        "decimal commas",
    ]
    return table[["team", "player", "position", "km"]], {"deviating": deviating, "faults": faults}


PROJECTS = {"schools": schools, "clinics": clinics, "teams": teams}


def draw(word: str, name: str) -> tuple[pd.DataFrame, dict]:
    """A project's file, shuffled, and its truth."""
    rng = next(chances(word, name))
    table, truth = PROJECTS[name](rng)
    truth["deviating"] = {group: round(float(np.exp(effect)), 2) for group, effect in truth["deviating"].items()}
    return table.iloc[rng.permutation(len(table))].reset_index(drop=True), truth


def write(word: str, folder: Path) -> None:
    """A class's project files, and for its teacher what is true and what is wrong in them."""
    truths = {}
    (files := folder / "student" / "projects").mkdir(parents=True, exist_ok=True)
    for name in PROJECTS:
        table, truths[name] = draw(word, name)
        text = table.to_csv(index=False, sep=";" if name == "teams" else ",", lineterminator="\n")
        (files / f"{name}.csv").write_text(text, "utf8", newline="\n")
    (folder / "solutions").mkdir(parents=True, exist_ok=True)
    (folder / "solutions" / "projects.json").write_text(json.dumps(truths, indent=1) + "\n", "utf8", newline="\n")
