"""Made-up files with the faults that real ones have, to practise on: the truth is known."""

import numpy as np
import pandas as pd

_NAMES = (
    "Ahorn Amsel Birken Buchen Dohlen Eichen Erlen Falken Fichten Ginster Hasel Kastanien Kiefern Lerchen Linden Milan "
    "Pappel Quitten Reiher Schlehen Tannen Ulmen Weiden Zedern"
)
_SCHOOLS = [f"{name}schule" for name in _NAMES.split()]


def truly_deviating(seed: int) -> list[str]:
    """Schools of a messy file whose spread does deviate."""
    return sorted(map(str, np.random.default_rng([28, seed]).choice(_SCHOOLS, size=4, replace=False)))


def messy(seed: int) -> pd.DataFrame:
    """Students of 24 schools, four of which deviate, in a file that has been through several hands."""
    rng = np.random.default_rng([14, seed])
    deviating = dict(zip(truly_deviating(seed), (0.8, -0.9, 0.7, -0.8), strict=True))
    sizes = rng.integers(40, 61, size=len(_SCHOOLS))
    school = np.repeat(_SCHOOLS, sizes)
    spread = np.exp([deviating.get(name, 0.0) for name in school])
    level = np.repeat(rng.normal(500, 30, size=len(_SCHOOLS)), sizes)
    table = pd.DataFrame({"school": school, "student": 1001 + rng.permutation(len(school))}).astype({"school": object})
    noise = pd.Series(rng.normal(size=len(school))).groupby(school)
    # Of SD 1 in every school, so that none deviates by chance.
    noise = noise.transform(lambda values: (values - values.mean()) / values.std())
    table["points"] = np.round(level + 50 * spread * noise)
    faults = (_spellings, _codes, _european, _doubles, _slips)
    chosen = [faults[(seed - 1) % 5]] if seed <= 5 else list(rng.permutation(np.array(faults, dtype=object))[:2])
    for fault in (_doubles, _slips, _spellings, _european, _codes):  # those that make texts, last
        if fault in chosen:
            table = fault(table, rng, deviating)
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def _spellings(table: pd.DataFrame, rng, deviating) -> pd.DataFrame:
    """Ten schools with a second spelling."""
    ways = (
        lambda name: name + " ",
        str.upper,
        str.lower,
        lambda name: name.replace("schule", "-Schule"),
        lambda name: name.replace("schule", "schlue"),
        lambda name: "\u00a0" + name,
        lambda name: name.replace("e", "\u00e9", 1),
        lambda name: name[:4] + name[5:],
        lambda name: f"{name}.",
        lambda name: name.replace("sch", "Sch"),
    )
    for name, way in zip(rng.permutation(_SCHOOLS)[: len(ways)], ways, strict=True):
        rows = table.index[table["school"] == name]
        table.loc[rows[: int(len(rows) * rng.uniform(0.2, 0.45))], "school"] = way(name)
    return table


def _codes(table: pd.DataFrame, rng, deviating) -> pd.DataFrame:
    """Codes for those who were ill, words for those who were away."""
    if table["points"].dtype != object:
        table["points"] = table["points"].astype(int).astype(str).astype(object)
    rows = rng.permutation(len(table))
    for word, who in {"9999": rows[:25], "-99": rows[25:35], "n/a": rows[35:50], "absent": rows[50:58]}.items():
        table.loc[table.index[who], "points"] = word
    return table


def _european(table: pd.DataFrame, rng, deviating) -> pd.DataFrame:
    """Decimal commas, a mark between thousands, and German words for missing."""
    points = table["points"] * 10 + rng.integers(0, 10, size=len(table)) / 10
    texts = [f"{value:,.1f}".translate({44: 46, 46: 44}) for value in points]
    table["points"] = pd.Series(texts, index=table.index, dtype=object)
    table.loc[rng.permutation(table.index)[:20], "points"] = "k.A."
    return table


def _doubles(table: pd.DataFrame, rng, deviating) -> pd.DataFrame:
    """A class list that was pasted twice, students who moved, rows without a school, and a row of totals."""
    calm = [name for name in _SCHOOLS if name not in deviating]
    twice, to = rng.choice(calm, size=2, replace=False)
    moved = table[table["school"] != to].sample(4, random_state=int(rng.integers(1000))).assign(school=to)
    total = table.groupby("school", sort=False)["points"].mean().round().rename("points").reset_index()
    total = total.assign(school="Total", student=9000 + np.arange(len(total)))
    table.loc[rng.permutation(table.index)[:6], "school"] = " "
    return pd.concat([table, table[table["school"] == twice], moved, total], ignore_index=True)


def _slips(table: pd.DataFrame, rng, deviating) -> pd.DataFrame:
    """A zero too many in two schools, a school of one student, and one that was filled in with a default."""
    calm = rng.permutation([name for name in _SCHOOLS if name not in deviating])
    for name in calm[:2]:
        table.loc[table.index[table["school"] == name][3], "points"] *= 10
    alone = pd.DataFrame({"school": ["Nussschule"], "student": [9001], "points": [480.0]})
    default = pd.DataFrame({"school": "Rosenschule", "student": 9100 + np.arange(18), "points": 500.0})
    return pd.concat([table, alone, default], ignore_index=True)
