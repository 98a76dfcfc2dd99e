"""`inspect`: faults of files that nobody has seen are found and named, clean files are let alone, nothing raises."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import ssmelsm_helpers as sm
from ssmelsm_helpers.data.alike import alike
from ssmelsm_helpers.data.messy import truly_deviating

NAMES = [f"{first}{second}" for first in ("Ahorn", "Buchen", "Linden", "Tannen") for second in ("hof", "park", "weg", "allee", "ring", "tor")]  # fmt: skip
SPEAKS = "constant within schools"  # of a clean file: a fact, no fault


def clean(seed: int) -> pd.DataFrame:
    """A file with nothing wrong in it, of one of many kinds."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(20, len(NAMES) + 1))
    sizes = rng.integers(8, 60, size=count)
    place = np.repeat(np.arange(count), sizes)
    n = len(place)
    z = 0.3 * rng.normal(size=count)[place] + np.exp(0.1 * rng.normal(size=count))[place] * rng.normal(size=n)
    labels = (
        [f"S{j:02d}" for j in range(count)],
        list(range(1, count + 1)),
        NAMES[:count],
        [10_000 + 7 * j for j in range(count)],
    )
    scores = (10 * z + 50, np.round(10 * z + 50), np.clip(np.round(4 * z + 15), 0, 30), np.round(500 + 100 * z),
              np.round(z, 2), rng.binomial(40, 1 / (1 + np.exp(-0.4 - 0.5 * z))))  # fmt: skip
    table = pd.DataFrame(
        {"school": np.array(labels[seed % 4], dtype=object)[place], "score": scores[seed % 6].astype(float)}
    )
    table = table.infer_objects()
    if seed % 2:
        table["student"] = np.arange(1, n + 1)
    if seed % 3 == 1:
        table["ses"] = np.round(rng.normal(size=n) + 0.3 * z, 2)
    if seed % 3 == 2:
        table["sex"], table["age"] = rng.choice(["f", "m"], n), rng.integers(14, 18, n)
    if seed % 5 == 3:
        table["public"] = (np.arange(count) % 2)[place]
    return table.sample(frac=1, random_state=seed, ignore_index=True)


def look(data, **options) -> pd.DataFrame:
    return sm.inspect(data, outcome="score", school="school", **options)


def kinds(data) -> set[str]:
    return set(look(data)["kind"])


@pytest.mark.parametrize("first", range(0, 24, 8))
def test_clean_files_are_let_alone(first):
    for seed in range(first, first + 8):
        assert kinds(clean(seed)) <= {SPEAKS}, seed


SCALES = {
    "quarter points": lambda z, rng: np.round(4 * (11 + 3 * z)) / 4,
    "half points": lambda z, rng: (np.round(2 * (8 + 2.3 * z)) / 2).clip(0, 15),
    "mean of 14 items": lambda z, rng: np.round(np.round(14 * (3 + 0.5 * z)) / 14, 2).clip(1, 5),
    "mean of 3 items": lambda z, rng: np.round(np.round(3 * (4 + z)) / 3, 2).clip(1, 7),
    "scores in tens": lambda z, rng: (10 * np.round(50 + 10 * z)).clip(200, 800),
    "percent": lambda z, rng: np.round(100 / (1 + np.exp(-0.3 - 0.7 * z)), 1),
    "days absent": lambda z, rng: rng.poisson(3.5 * np.exp(0.3 * z)),
    "a hard test": lambda z, rng: rng.binomial(20, 1 / (1 + np.exp(1.6 - 0.7 * z))),
    "log of milliseconds": lambda z, rng: np.log(350 + 120 * np.exp(0.4 * z)),
    "symptoms around 0": lambda z, rng: np.round(8 * z),
}


@pytest.mark.parametrize("scale", SCALES)
def test_clean_files_of_other_scales(scale):
    """With covariates that are what they seem: years of school, siblings, an item's square, remarks, subjects and their sum."""
    rng = np.random.default_rng(len(scale))
    school = pd.Series(np.repeat([f"Schule {j}" for j in range(12)], rng.integers(15, 40, 12)), dtype=object)
    z, n = 0.3 * rng.normal(size=12)[pd.factorize(school)[0]] + rng.normal(size=len(school)), len(school)
    table = pd.DataFrame({"school": school, "score": SCALES[scale](z, rng)})
    table["number"] = table.groupby("school").cumcount() + 1
    table["siblings"], table["mother_years_school"] = rng.poisson(1.2, n), rng.integers(8, 19, n)
    table["ses"] = np.round(rng.normal(size=n), 2)
    table["squared"], table["remark"] = table["ses"] ** 2, rng.choice(["", "", "late", "ill last week"], n)
    table["agrees"] = rng.integers(-2, 3, n)
    table["birth_year"], table["gender"] = rng.integers(2008, 2011, n), rng.choice([1, 2], n)
    assert look(table).empty
    less = table[["school", "score"]].assign(physics=rng.permutation(table["score"]))
    assert look(less.assign(both=less["score"] + less["physics"])).empty


def test_the_books_data_are_let_alone():
    for name, outcome in {"patients": "systolic", "teams": "days"}.items():
        data = sm.load_example(name)
        assert look(data.rename(columns={data.columns[0]: "school", outcome: "score"})).empty
    saeb = sm.inspect(sm.load_saeb(), outcome="math_proficiency", school="school_id")
    assert saeb["kind"].tolist() == ["schools of one student", SPEAKS]


def some_school(table: pd.DataFrame, least: int = 12):
    sizes = table["school"].value_counts()
    return sizes.index[sizes >= least][1]


def relabelled(new):
    """Half of a school under another label."""

    def fault(table, rng):
        table["school"] = table["school"].astype(object)
        label = some_school(table)
        rows = table.index[table["school"] == label]
        table.loc[rows[: len(rows) // 2], "school"] = pd.Series(
            [new(label)] * (len(rows) // 2), dtype=object
        ).to_numpy()
        return table

    return fault


def values(value, rows: int = 20):
    def fault(table, rng):
        table.loc[rng.choice(len(table), rows, replace=False), "score"] = value
        return table

    return fault


def written(text, rows: int | None = 10):
    """Some scores, or all, as texts."""

    def fault(table, rng):
        scores = table["score"].astype(object)
        for at in range(len(table)) if rows is None else rng.choice(len(table), rows, replace=False):
            scores[at] = text(scores[at]) if callable(text) else text
        return table.assign(score=scores)

    return fault


def one_far(table, rng):
    row = table.index[table["school"] == some_school(table)][0]
    table.loc[row, "score"] = table["score"].mean() + 12 * table["score"].std()
    return table


def one_far_beside_equals(table, rng):
    """Another school has no spread, and so no distances."""
    return one_far(
        table.assign(
            score=table["score"].mask(
                table["school"] == table["school"].value_counts().index[2], table["score"].median()
            )
        ),
        rng,
    )


def all_equal(table, rng):
    table.loc[table["school"] == some_school(table), "score"] = table["score"].median()
    return table


def alone(table, rng):
    return table.drop(table.index[table["school"] == some_school(table)][1:]).reset_index(drop=True)


def moved(table, rng):
    table["student"] = np.arange(len(table))
    to = some_school(table)
    return pd.concat(
        [table, table[table["school"] != to].sample(5, random_state=1).assign(school=to)], ignore_index=True
    )


def again(table, rng):
    """Every student in three years."""
    table["student"] = np.arange(len(table))
    return pd.concat(
        [table.assign(year=year, score=table["score"] + rng.normal(size=len(table))) for year in (2022, 2023, 2024)]
    )


def heaped(table, rng):
    score = np.round(50 + 15 * rng.normal(size=len(table)))
    return table.assign(score=np.where(rng.random(len(table)) < 0.5, np.round(score / 5) * 5, score))


def pasted(table, rng):
    table["score"] = table["score"] + 0.001 * rng.normal(size=len(table))  # no two students are equal by chance
    return pd.concat([table, table[table["school"] == some_school(table)]], ignore_index=True)


def entered_twice(table, rng):
    """With a slip in one column, and no number of the student."""
    table = table.drop(columns="student", errors="ignore").assign(ses=rng.normal(size=len(table)), week=rng.integers(1, 40, len(table)), room=rng.integers(1, 9, len(table)))  # fmt: skip
    return pd.concat([table, table.head(30).assign(week=50)], ignore_index=True)


def districts(table, rng):
    labels = list(table["school"].unique())
    return table.assign(district=table["school"].map({label: f"D{at % 6}" for at, label in enumerate(labels)}))


FAULTS = {
    "labels differ in type": relabelled(lambda label: str(label)),
    "labels differ in blanks": relabelled(lambda label: f"{label} "),
    "labels differ in blanks (no-break)": relabelled(lambda label: f"\u00a0{label}"),
    "labels differ in case": relabelled(lambda label: f"{label}".swapcase() if isinstance(label, str) else None),
    "labels differ in leading zeros": relabelled(lambda label: f"0{label}" if isinstance(label, int) else f"{label[0]}0{label[1:]}"),
    "labels differ in punctuation": relabelled(lambda label: f"{label}." if isinstance(label, str) else f"({label})"),
    "missing labels": relabelled(lambda label: " "),
    "missing labels (None)": relabelled(lambda label: None),
    "labels that are none": relabelled(lambda label: "n/a"),
    "rows of totals": relabelled(lambda label: "Total"),
    "labels read as decimals": lambda table, rng: table.assign(school=pd.factorize(table["school"])[0] + 1.0),
    "no label comes twice": lambda table, rng: table.assign(school=np.arange(len(table))),
    "code for missing": values(9999.0),
    "code for missing (-99)": values(-99.0),
    "code for missing (one)": values(9999.0, rows=1),
    "missing values": values(np.nan),
    "word for missing": written("n/a"),
    "word for missing (German)": written("k.A."),
    "limit": written("<5"),
    "unit": written(lambda score: f"{score} %"),
    "decimal comma": written(lambda score: f"{score:.1f}".replace(".", ","), rows=None),
    "decimal comma (some)": written(lambda score: f"{score + 0.5:.1f}".replace(".", ",")),
    "thousands mark": written(lambda score: f"{1000 * (abs(score) + 1.0):,.0f}", rows=None),
    "text": written("see the other sheet"),
    "numbers as text": written(str, rows=None),
    "one student makes the spread": one_far,
    "one student makes the spread (one school has none)": one_far_beside_equals,
    "schools without spread": all_equal,
    "schools of one student": alone,
    "rows that occur twice": pasted,
    "rows that are nearly the same": entered_twice,
    "student in two schools": moved,
    "panel": again,
    "several years": lambda table, rng: table.drop(columns="student", errors="ignore").assign(year=rng.integers(2021, 2024, len(table))),
    "heaping": heaped,
    "ceiling": lambda table, rng: table.assign(score=(10 * table["score"]).clip(upper=(10 * table["score"]).quantile(0.8))),
    "floor": lambda table, rng: table.assign(score=(10 * table["score"]).clip(lower=(10 * table["score"]).quantile(0.2))),
    "few values": lambda table, rng: table.assign(score=pd.qcut(table["score"].rank(method="first"), 4, labels=False)),
    "constant": lambda table, rng: table.assign(country=3),
    "says the same": lambda table, rng: table.assign(percent=2 * table["score"] + 1),
    "wild scale": lambda table, rng: table.assign(income=1e8 * rng.normal(size=len(table))),
    "weights": lambda table, rng: table.assign(w_student=rng.uniform(0.5, 2, len(table))),
    "a level above": districts,
    "a level below": lambda table, rng: table.assign(room=table["school"].astype(str) + rng.choice(["-a", "-b"], len(table))),
}  # fmt: skip


def first_rows_only(table, rng):
    """The merged cells of a sheet."""
    table = table.sort_values("school", ignore_index=True)
    return table.assign(school=table["school"].mask(table["school"].duplicated()))


def names_again(table, rng):
    """The header after every 100 rows."""
    header = pd.DataFrame({name: [name] for name in table}, dtype=object)
    parts = [table.iloc[at : at + 100].astype(object) for at in range(0, len(table), 100)]
    return pd.concat([x for part in parts for x in (part, header)][:-1], ignore_index=True)


def passed(table, rng):
    score = np.round(60 + 13 * rng.normal(size=len(table)))
    return table.assign(score=np.where((score > 44) & (score < 50), 50, score))


FAULTS |= {
    "labels in first rows only": first_rows_only,
    "header again": names_again,
    "labels that are none (code)": relabelled(lambda label: -9 if isinstance(label, int) else "unbekannt"),
    "labels that are none (9999)": lambda table, rng: table.assign(school=np.where(rng.random(len(table)) < 0.05, 9999, pd.factorize(table["school"])[0] + 1)),
    "labels read as decimals (text)": lambda table, rng: table.assign(school=[f"{j}.0" for j in pd.factorize(table["school"])[0] + 1]),
    "rows of totals (each school)": relabelled(lambda label: f"{label} Total"),
    "thousands mark (point)": written(lambda score: f"{1000 * (abs(score) + 1.0):,.0f}".replace(",", "."), rows=None),
    "thousands mark (narrow blank)": written(lambda score: f"{1000 * (abs(score) + 1.0):,.0f}".replace(",", "\u202f"), rows=None),
    "unit (comma)": written(lambda score: f"{score:.1f} Pkt.".replace(".", ",", 1), rows=None),
    "points of a maximum": written(lambda score: f"{abs(score):.0f}/20", rows=None),
    "time": written(lambda score: f"{10 + abs(score) // 60:.0f}:{abs(score) % 60 // 1:02.0f}", rows=None),
    "marked number": written(lambda score: f"{score}*"),
    "word for missing (n. v.)": written("n. v."),
    "no numbers": lambda table, rng: table.assign(score=rng.choice(list("ABCDE"), len(table))),
    "code for missing (9 beside 0 and 1)": lambda table, rng: table.assign(abroad=np.r_[[9] * 5, rng.choice([0, 1], len(table) - 5)]),
    "code for missing (all nines)": values(99999999.0),
    "pile": passed,
    "ceiling (of whole points)": lambda table, rng: table.assign(score=np.round(17 + 3 * rng.normal(size=len(table))).clip(0, 20)),
    "mostly missing": lambda table, rng: table.assign(income=np.where(rng.random(len(table)) < 0.7, np.nan, rng.normal(size=len(table)))),
    "a level above (three states)": lambda table, rng: table.assign(state=pd.factorize(table["school"])[0] % 3),
    "weights (PISA)": lambda table, rng: table.assign(SENWGT=rng.uniform(0.2, 3, len(table))),
    "several years (text)": lambda table, rng: table.drop(columns="student", errors="ignore").assign(school_year=rng.choice(["2022/23", "2023/24"], len(table))),
    "a level below (7a, 7b)": lambda table, rng: table.assign(klasse=rng.choice(["7a", "7b"], len(table))),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found_named_and_mended(fault):
    """In files of different kinds; and beside the fault little else."""
    kind = fault.split(" (")[0]
    for seed in (103, 100):  # labels of numbers, text
        table = clean(seed)
        is_text = isinstance(table["school"][0], str)
        if (fault == "labels differ in case" and not is_text) or (fault == "labels differ in type" and is_text):
            continue
        table = FAULTS[fault](table, np.random.default_rng(seed))
        before = table.copy(deep=True)
        found = look(table)
        pd.testing.assert_frame_equal(table, before)
        assert kind in set(found["kind"]), (seed, found["kind"].tolist())
        one = found[found["kind"] == kind].iloc[0]
        assert one["count"] > 0
        assert one["where"]
        assert one["why"].endswith((".", "?"))
        beside = set(found["kind"]) - {kind, SPEAKS, "numbers as text", "missing values"}
        assert len(beside) <= 2, (seed, beside)
    # The lines of the findings mend what they stand beside, or say, as a comment, that no line does.
    names = {"data": table, "pd": pd, "np": np}
    for _ in range(4):
        left = found[~found["mend"].str.startswith("#")]
        if left.empty:
            break
        for line in found["mend"]:
            exec(line, names)
        found = look(names["data"])
    assert kind not in set(left["kind"]), left[["kind", "where", "mend"]].to_dict("records")


@pytest.mark.parametrize("seed", range(1, 10))
def test_lines_lead_from_a_messy_file_to_the_right_flags(seed):
    names = {"data": sm.load_example("messy", seed=seed), "pd": pd, "np": np}
    for _ in range(4):
        found = sm.inspect(names["data"], outcome="points", school="school")
        for line in found["mend"]:
            exec(line, names)
    assert found.empty
    schools = sm.summarise_schools(names["data"], outcome="points", school="school")
    table = sm.pip_table(sm.fit_schools(schools, sampler="importance", random_seed=1, progressbar=False))
    assert sorted(table.index[table["pip"] >= 0.75]) == truly_deviating(seed)


IN_ENGINES = ("labels differ in blanks", "missing labels", "code for missing", "missing values", "word for missing", "limit",
              "decimal comma", "thousands mark", "one student makes the spread", "rows that occur twice", "panel", "heaping",
              "a level above")  # fmt: skip


@pytest.mark.parametrize("fault", IN_ENGINES)
def test_engines_see_the_same(fault):
    """Polars' lazy frames and DuckDB's relations, where a column can be theirs."""
    duckdb = pytest.importorskip("duckdb")
    table = FAULTS[fault](clean(102), np.random.default_rng(102))
    for column in ("school", "score"):
        if table[column].dtype == object:
            table[column] = table[column].map(str, na_action="ignore").astype("str")
    frame = pl.from_pandas(table)
    columns = ["kind", "column", "count"]
    expected = look(table)[columns].sort_values(columns).to_numpy().tolist()
    for lazy in (frame.lazy(), duckdb.sql("from frame")):
        assert look(lazy)[columns].sort_values(columns).to_numpy().tolist() == expected


def test_spellings_of_28_schools():
    """38 spellings are 28 schools."""
    schools = [f"{name} {kind}" for name in NAMES[:14] for kind in ("Nord", "Süd")]
    wrong = [schools[0] + " ", schools[1].upper(), schools[3].replace("ü", "ue"), schools[4].replace("Nord", "Nord."),
             schools[5].replace("Süd", "Sud"), schools[6].replace(" ", ""), schools[8].lower(), schools[10].replace("tor", "torr"),
             schools[12].replace(" ", "-"), " " + schools[14]]  # fmt: skip
    groups = [set(group) for _, group in alike(schools + wrong)]
    for right, other in zip([0, 1, 3, 4, 5, 6, 8, 10, 12, 14], wrong, strict=True):
        assert any({schools[right], other} <= group for group in groups), other
    assert not any(len(group & set(schools)) > 1 for group in groups)


@pytest.mark.parametrize("labels", [("Hill School", "Hall School"), ("School A", "School B"), ("7a", "7b"), ("1-12", "11-2"), ("1.1", "1.10"), ("North", "South"), ("Goethe 1", "Goethe 11")])  # fmt: skip
def test_labels_of_two_schools(labels):
    assert alike(labels) == []


class TestArguments:
    """Only they raise, never the content."""

    def test_names(self):
        with pytest.raises(
            ValueError, match=r"^school needs the column 'shcool', which data lacks; .* Perhaps 'school'\?$"
        ):
            sm.inspect(clean(1), outcome="score", school="shcool")
        with pytest.raises(ValueError, match=r"^columns needs the column 'x'"):
            look(clean(1), columns=["x"])
        with pytest.raises(ValueError, match=r"One column that holds ';': read the file with sep=';'\.$"):
            look(pd.DataFrame({"school;score": ["a;1"]}))

    @pytest.mark.parametrize("data", ["students.csv", pd.io.common.StringIO("a,b")])
    def test_a_file_is_no_frame(self, data):
        with pytest.raises(
            TypeError,
            match=r"found (str|StringIO); read the file first, by pd\.read_csv\(",
        ) as told:
            look(data)
        assert "'students.csv'" in str(told.value) or "..." in str(told.value)

    @pytest.mark.parametrize(
        "table",
        [
            pd.DataFrame({"school": [], "score": []}),
            pd.DataFrame({"school": ["a"], "score": [1.0]}),
            pd.DataFrame({"school": [None] * 40, "score": [np.nan] * 40}),
            pd.DataFrame({"school": ["a", "b"] * 20, "score": ["x", "y"] * 20}),
            pd.DataFrame({"school": [("a", 1), ("b", 2)] * 20, "score": [True, False] * 20}),
            pd.DataFrame({"school": ["a", "b"] * 20, "score": pd.date_range("2024-01-01", periods=40)}),
            pd.DataFrame({"school": ["a", "b"] * 20, "score": 1.0, "more": [[1]] * 40}),
        ],
        ids=["empty", "one row", "nothing", "words", "tuples", "times", "lists"],
    )  # fmt: skip
    def test_odd_content(self, table):
        assert isinstance(look(table), pd.DataFrame)


def test_what_changes_the_answer_is_said_by_fits_and_summaries():
    table = FAULTS["code for missing"](clean(3), np.random.default_rng(1))
    with pytest.warns(UserWarning, match=r"^'score' is 9999 in \d+ schools: .* far from all other scores"):
        sm.summarise_schools(table, outcome="score", school="school")
    table = one_far(clean(3), None)
    for call in (
        lambda: sm.summarise_schools(table, outcome="score", school="school"),
        lambda: sm.build_model("score ~ 1 + (1 | school)", "~ 1 + (1 | school)", table),
        lambda: sm.build_model("score ~ student + (1 | school)", "~ 1 + (1 | school)", table),
    ):
        with pytest.warns(UserWarning, match="^one student makes much of the spread of 1"):
            call()


@pytest.mark.parametrize("missing", ["raise", "drop"])
def test_nothing_but_gaps(missing):
    table = clean(3).assign(score=np.nan)
    with pytest.raises(
        ValueError, match=r"data has no row with both a finite 'score' and a 'school'; found [\d,]+ rows"
    ):
        sm.summarise_schools(table, outcome="score", school="school", missing=missing)
    with pytest.raises(
        ValueError, match=r"data must have a row with finite values in \['score', 'school', 'student'\]"
    ):
        sm.build_model("score ~ student + (1 | school)", "~ 1 + (1 | school)", table, missing=missing)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pl.LazyFrame])
def test_an_outcome_of_text_is_counted(kind):
    table = kind({"school": ["a", "a", "b"], "score": ["n/a", "n/a", "12"]})
    with pytest.raises(ValueError, match=r"found \w+, such as 'n/a' in 2 rows; sm\.inspect says what to do\.$"):
        sm.summarise_schools(table, outcome="score", school="school")
