"""School summaries: the same from every kind of frame, from any label, and exact for the intercept-only model."""

import math
import shutil
import time
import warnings
from decimal import Decimal
from fractions import Fraction

import dask.dataframe
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ssmelsm_helpers as sm
from ssmelsm_helpers.data.schools import check_summary, pooled_moments, sum_of_squares
from ssmelsm_helpers.spec.design import build_design
from ssmelsm_helpers.spec.formulas import parse_formulas

FRAMES = {
    "pandas": lambda table: table,
    "polars": pl.from_pandas,
    "polars lazy": lambda table: pl.from_pandas(table).lazy(),
    "pyarrow": lambda table: pa.Table.from_pandas(table, preserve_index=False),
    "duckdb": lambda table: duckdb.from_arrow(pa.Table.from_pandas(table, preserve_index=False)),
    "dask": lambda table: dask.dataframe.from_pandas(table, npartitions=3),
}
EAGER = ["pandas", "polars", "pyarrow"]
LAZY = ["polars lazy", "duckdb", "dask"]


@pytest.fixture(scope="module")
def students() -> pd.DataFrame:
    """Schools of 1 to 30 students, rows shuffled."""
    simulation = sm.simulate_schools(n_schools=6, n_students=[5, 1, 8, 30, 20, 4], random_seed=1)
    return simulation.students.sample(frac=1, random_state=1).reset_index(drop=True)


def summarise(data, **options):
    return sm.summarise_schools(data, outcome="score", school="school", **options)


@pytest.mark.parametrize("kind", FRAMES)
def test_every_frame_gives_the_same_summary(kind, students):
    """Against NumPy, school by school; engines add in different orders, hence the last digit."""
    found = summarise(FRAMES[kind](students))
    assert found.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.index.name == "school"
    assert found["n"].tolist() == [5, 1, 8, 30, 20, 4]
    for label, row in found.iterrows():
        scores = students.loc[students["school"] == label, "score"].to_numpy()
        assert row["mean"] == pytest.approx(scores.mean(), abs=1e-13)
        if len(scores) > 1:
            assert row["sd"] == pytest.approx(scores.std(ddof=1), rel=1e-13)
    assert found["sd"].isna().tolist() == [False, True, False, False, False, False]


def far_from_zero() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of a million and SDs of a thousandth; and exact summaries, in rational arithmetic."""
    rng = np.random.default_rng(5)
    sizes = [3, 40, 700, 5000]
    school = np.repeat(["a", "b", "c", "d"], sizes)
    score = 1e6 + np.repeat(rng.normal(size=4), sizes) + 1e-3 * rng.normal(size=sum(sizes))
    rows = {}
    for label in "abcd":
        exact = [Fraction(value) for value in score[school == label]]
        mean = sum(exact) / len(exact)
        variance = sum((value - mean) ** 2 for value in exact) / (len(exact) - 1)
        rows[label] = len(exact), float(mean), math.sqrt(variance)
    expected = pd.DataFrame.from_dict(rows, orient="index", columns=["n", "mean", "sd"])
    order = rng.permutation(len(score))
    return pd.DataFrame({"school": school[order], "score": score[order]}), expected


@pytest.mark.parametrize("kind", FRAMES)
def test_small_spreads_far_from_zero_keep_their_digits(kind):
    """A sum of squared scores would have lost every digit of these SDs."""
    data, expected = far_from_zero()
    found = summarise(FRAMES[kind](data))
    assert found["n"].tolist() == expected["n"].tolist()
    np.testing.assert_allclose(found[["mean", "sd"]], expected[["mean", "sd"]], rtol=1e-12)


@pytest.mark.spark
def test_spark_gives_the_same_summary(students):
    """PySpark needs Java: `pip install pyspark`, then `pytest -m spark`."""
    pyspark = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("PySpark needs Java, which is not here")
    session = pyspark.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        for data in (students, far_from_zero()[0]):
            found = summarise(session.createDataFrame(data))
            np.testing.assert_allclose(found, summarise(data), rtol=1e-12)
    finally:
        session.stop()


@pytest.mark.parametrize("kind", EAGER)
@pytest.mark.parametrize(("problem", "word"), [(np.nan, "missing"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_unusable_scores_are_counted_and_located(kind, problem, word, students):
    broken = students.copy()
    broken.loc[[3, 7], "score"] = problem
    expected = rf"data has 2 rows with an? {word} 'score' \(first rows, counted from 0: \[3, 7\]\)"
    with pytest.raises(ValueError, match=expected + "; remove them or pass missing='drop'"):
        summarise(FRAMES[kind](broken))


@pytest.mark.parametrize("kind", LAZY)
def test_lazy_frames_count_unusable_scores(kind, students):
    """Their rows have no order, so there are no row numbers to name."""
    broken = students.copy()
    broken.loc[[3, 7], "score"] = np.nan
    with pytest.raises(ValueError, match="data has 2 rows with a missing 'score'; remove them or pass missing='drop'"):
        summarise(FRAMES[kind](broken))


@pytest.mark.parametrize("kind", FRAMES)
def test_dropping_is_reported_and_gives_what_remains(kind, students, capsys):
    broken = students.copy()
    broken.loc[[3, 7], "score"] = np.nan
    broken.loc[11, "score"] = np.inf
    found = summarise(FRAMES[kind](broken), missing="drop")
    said = capsys.readouterr().out
    assert "left out 2 rows with a missing 'score'" in said
    assert "left out 1 row with an infinite 'score'" in said
    pd.testing.assert_frame_equal(found, summarise(students.drop([3, 7, 11])), rtol=1e-12)


@pytest.mark.parametrize("kind", FRAMES)
def test_missing_school_labels_are_refused(kind, students):
    """Absent, and NaN in a column of floats where a frame tells the two apart."""
    broken = students.astype({"school": float})
    broken.loc[2, "school"] = np.nan
    frames = [FRAMES[kind](broken)]
    if kind.startswith("polars"):
        frames.append(pl.from_pandas(broken, nan_to_null=False).lazy())
    for frame in frames:
        with pytest.raises(ValueError, match="data has 1 row with a missing 'school'"):
            summarise(frame)


def as_objects(labels) -> np.ndarray:
    """An object array of labels, tuples included."""
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    return array


LABELS = {
    "strings": ["b", "a", "c"],
    "integers": [30, 1, -2],
    "floats": [0.5, -1.5, 2.0],
    "tuples": [("north", 2), ("north", 1), ("south", 1)],
    "mixed": ["a", 7, ("north", 1)],
    "sets": [frozenset({1}), frozenset({2}), "b"],
    "dates": list(pd.to_datetime(["2021-03-01", "2020-01-01", "2022-05-05"])),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_labels_come_back_as_they_came(kind, seed):
    """Any hashable, in any row order: each label with its own school's numbers, sorted where labels can be."""
    labels = LABELS[kind]
    scores = {0: [1.0, 3.0], 1: [5.0, 6.0, 10.0], 2: [-1.0, 0.0, 0.0, 2.0]}
    table = pd.DataFrame({"place": np.repeat([0, 1, 2], [2, 3, 4]), "score": np.concatenate(list(scores.values()))})
    table = table.sample(frac=1, random_state=seed)
    table["school"] = pd.Series(as_objects(labels)[table["place"]], index=table.index)
    found = summarise(table)
    assert set(found.index) == set(labels)
    assert all(type(there) is type(labels[labels.index(there)]) for there in found.index)
    for place, label in enumerate(labels):
        row = found.iloc[found.index.tolist().index(label)]
        assert (row["n"], row["mean"]) == (len(scores[place]), np.mean(scores[place]))
    if kind not in ("mixed", "sets"):
        assert found.index.tolist() == sorted(labels)


def test_categories_without_students_are_no_schools(students, capsys):
    students = students.assign(school=pd.Categorical(students["school"], categories=range(1, 9)))
    assert summarise(students)["n"].tolist() == [5, 1, 8, 30, 20, 4]
    assert capsys.readouterr().out == "data: left out 2 levels of 'school' without students: [7, 8].\n"


@pytest.mark.parametrize("lazy", [False, True])
def test_levels_of_a_polars_enum_without_students_are_reported(lazy, capsys):
    kind = pl.Enum(["a", "b", "never"])
    table = pl.DataFrame({"school": ["b", "a", "a"], "score": [1.0, 2.0, 3.0]}, schema_overrides={"school": kind})
    assert summarise(table.lazy() if lazy else table)["n"].tolist() == [2, 1]
    assert capsys.readouterr().out == "data: left out 1 level of 'school' without students: ['never'].\n"


# --- labels that look alike, and texts with nothing in them -------------------------------------------------------

PLAIN, WITH_X = ("y ~ 1 + (1 | school)", "~ 1 + (1 | school)"), ("y ~ x + (1 | school)", "~ 1 + (1 | school)")


def with_labels(*labels) -> pd.DataFrame:
    """A school of 6 students for each label, in turns."""
    rng = np.random.default_rng(2)
    size = 6 * len(labels)
    school = pd.Series(as_objects(labels)[np.arange(size) % len(labels)])
    return pd.DataFrame({"school": school, "y": rng.normal(size=size), "x": rng.normal(size=size)})


ALIKE = [
    ("001", "001 "),
    ("a b", "a\u00a0b"),
    ("a b", "A  B"),
    ("a b", "ab"),
    ("7", "\ufeff7"),
    ("n", "n\0"),
    ("Stra\u00dfe", "STRASSE"),
    ("Caf\u00e9", "Cafe\u0301"),
    (1, "1"),
    (np.int64(1), "1"),
    (2.5, "2.5"),
    (True, "True"),
    (("a", 1), ("a ", 1)),
]


@pytest.mark.parametrize("labels", ALIKE, ids=ascii)
def test_labels_that_look_alike_are_kept_apart_and_named(labels):
    """With their students, in the summary and in the design."""
    data = with_labels(*labels, "other")
    for call in (
        lambda: sm.summarise_schools(data, outcome="y", school="school").index,
        lambda: build_design(parse_formulas(*WITH_X), data).labels,
    ):
        with pytest.warns(UserWarning, match="^school labels that look alike are kept apart: ") as heard:
            found = call()
        assert sorted(map(ascii, found)) == sorted(map(ascii, pd.Index([*labels, "other"], tupleize_cols=False)))
        text = str(heard[0].message)
        assert text.count("(6 students)") == 2
        assert "other" not in text
        one, other = text.removesuffix(" (6 students).").split(": ")[1].split(" (6 students) and ")
        assert one != other
        assert one.isprintable()


@pytest.mark.parametrize("kind", FRAMES)
def test_labels_that_look_alike_in_every_frame(kind):
    data = with_labels("S1", "s1", "S 1 ", "T").astype({"school": str})
    with pytest.warns(UserWarning, match=r": 'S 1 ' \(6 students\), 'S1' \(6 students\) and 's1' \(6 students\)\.$"):
        found = sm.summarise_schools(FRAMES[kind](data), outcome="y", school="school")
    assert found.index.tolist() == ["S 1 ", "S1", "T", "s1"]


@pytest.mark.parametrize(
    "labels", [("a", "b", "aa"), (1, 2, 11), (0.5, 1.5, 2.0), (("a", 1), ("a", 2)), ("1.0", "1", "10")]
)
def test_labels_that_do_not_look_alike_are_no_cause_for_alarm(labels, recwarn):
    assert len(sm.summarise_schools(with_labels(*labels), outcome="y", school="school")) == len(labels)
    assert not list(recwarn)


BRIEF = {"sampler": "importance", "draws": 20, "random_seed": 1, "progressbar": False}
INTAKES = {
    "fit": lambda data, _: sm.fit(*PLAIN, data, **BRIEF),
    "fit with a covariate": lambda data, _: sm.fit(*WITH_X, data, **BRIEF),
    "build_model": lambda data, _: sm.build_model(*PLAIN, data),
    "build_model with a covariate": lambda data, _: sm.build_model(*WITH_X, data),
    "simulate_outcomes": lambda data, _: sm.simulate_outcomes(
        *PLAIN, data, gamma=[0], eta=[0], tau=[1, 1], random_seed=1
    ),
    "within_between": lambda data, _: sm.within_between(data, "x", group="school"),
    "fit_schools": lambda _, schools: sm.fit_schools(schools, **BRIEF),
    "fit_schools by a column": lambda _, schools: sm.fit_schools(schools.reset_index(), school="school", **BRIEF),
    "pooled_sd": lambda _, schools: sm.pooled_sd(schools),
    "compare_with_chance": lambda _, schools: sm.compare_with_chance(schools),
    "school_sd_chart": lambda _, schools: sm.plot.school_sds(schools),
    "two_stage": lambda _, schools: sm.study.two_stage(schools),
    "students_from_summary": lambda _, schools: sm.students_from_summary(schools),
}


@pytest.mark.parametrize("intake", INTAKES)
def test_every_call_names_them_once_and_points_at_its_caller(intake):
    data = with_labels("A", "a", "b", "c")
    with pytest.warns(UserWarning, match="look alike"):
        schools = sm.summarise_schools(data, outcome="y", school="school")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "importance sampling is unreliable")
        INTAKES[intake](data, schools)
    assert [str(warning.message).count("'A' (6 students) and 'a' (6 students).") for warning in heard] == [1]
    assert heard[0].filename == __file__


def test_many_labels_that_look_alike_are_counted_quickly():
    labels = [f"School {number:05d}" for number in range(50_000)]
    labels += [label + " " for label in labels]
    table = pd.DataFrame({"n": 3, "mean": 0.0, "sd": 1.0}, index=labels)
    start = time.perf_counter()
    with pytest.warns(UserWarning, match="look alike") as heard:
        sm.pooled_sd(table)
    assert time.perf_counter() - start < 15  # comparing each with each would take minutes
    text = str(heard[0].message)
    assert text.count("'School 00004 ' (3 students)") == 1
    assert text.endswith("; and 49995 more groups.")
    assert len(text) < 600


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ((1, True, "b"), "1 (6 students) and True (6 students)."),
        ((1, 2, 1.0), "1 (6 students) and 1.0 (6 students)."),
        ((Decimal(1), 2, 1), "Decimal('1') (6 students) and 1 (6 students)."),
        ((("a", 1), ("a", True), ("b", 1)), "('a', 1) (6 students) and ('a', True) (6 students)."),
    ],
)
def test_labels_that_python_takes_for_one_are_said_to_be_one(labels, said):
    data = with_labels(*labels)
    for call in (
        lambda: sm.summarise_schools(data, outcome="y", school="school"),
        lambda: build_design(parse_formulas(*WITH_X), data).labels,
    ):
        with pytest.warns(UserWarning, match="^school labels that are equal are taken as one: ") as heard:
            assert len(call()) == 2
        assert str(heard[0].message).endswith(said)
    with warnings.catch_warnings():  # one number in two types of the same kind is one label
        warnings.simplefilter("error")
        assert len(sm.summarise_schools(with_labels(1, np.int64(1), 2), outcome="y", school="school")) == 2


CATEGORIES = {
    "pandas categories": lambda table: table.astype({"school": "category"}),
    "polars categories": lambda table: pl.from_pandas(table).with_columns(pl.col("school").cast(pl.Categorical)),
    "polars enum": lambda table: pl.from_pandas(table.astype({"school": "category"})),
    "arrow strings": lambda table: table.astype({"school": pd.ArrowDtype(pa.string())}),
    "arrow dictionary": lambda table: pa.Table.from_pandas(table.astype({"school": "category"})),
    "objects": lambda table: table.astype({"school": object}),
}


@pytest.mark.parametrize("kind", [*FRAMES, *CATEGORIES])
@pytest.mark.parametrize("blank", ["", "   ", "\t\n", "\u00a0\u2003", "\ufeff"], ids=ascii)
def test_a_text_with_nothing_in_it_is_no_label(kind, blank, capsys):
    data = with_labels("a", "b", "c").astype({"school": str})
    data.loc[[4, 7], "school"] = blank
    frame = (FRAMES | CATEGORIES)[kind](data)
    with pytest.raises(ValueError, match=r"^data has 2 rows with a missing 'school'( \(.*\[4, 7\]\))?; remove them or"):
        sm.summarise_schools(frame, outcome="y", school="school")
    found = sm.summarise_schools(frame, outcome="y", school="school", missing="drop")
    where = "" if kind in LAZY else " (first rows, counted from 0: [4, 7])"
    assert capsys.readouterr().out == f"data: left out 2 rows with a missing 'school'{where}.\n"
    assert found["n"].to_dict() == {"a": 6, "b": 4, "c": 6}


@pytest.mark.parametrize("kind", ["polars", "polars lazy", "pyarrow", "duckdb"])
def test_dates_and_lists_of_typed_frames_are_what_they_are_to_the_design(kind):
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 1, 3), eager=True)
    data = pl.from_pandas(with_labels("a", "b", "c").assign(school=0)).with_columns(school=pl.concat([days] * 6))
    convert = {"polars": lambda d: d, "polars lazy": lambda d: d.lazy(), "pyarrow": lambda d: d.to_arrow()}
    convert["duckdb"] = lambda d: duckdb.from_arrow(d.to_arrow())
    found = sm.summarise_schools(convert[kind](data), outcome="y", school="school")
    pd.testing.assert_index_equal(found.index, build_design(parse_formulas(*WITH_X), convert[kind](data)).labels)
    lists = convert[kind](data.with_columns(pl.concat_list("school")))
    with pytest.raises(ValueError, match="school='school' must hold labels that do not change"):
        sm.summarise_schools(lists, outcome="y", school="school")


def test_numbers_in_an_arrow_dictionary_stay_numbers():
    data = with_labels(10, 9, 2).assign(g=[1, 2] * 9).astype({"school": "category", "g": "category"})
    table = pa.Table.from_pandas(data, preserve_index=False)
    assert sm.summarise_schools(table, outcome="y", school="school").index.tolist() == [2, 9, 10]
    design = build_design(parse_formulas("y ~ g + (1 | school)", "~ 1 + (1 | school)"), table)
    assert design.labels.tolist() == [2, 9, 10]
    assert design.location_terms == ("Intercept", "g[2]")


def test_a_summary_of_a_school_without_a_name_is_refused():
    table = pd.DataFrame({"n": 3, "mean": 0.0, "sd": 1.0}, index=["a", "\u00a0", "b"])
    with pytest.raises(ValueError, match=r"schools: 1 school without a label: '\\xa0'\."):
        sm.pooled_sd(table)


# --- kinds of numbers ---------------------------------------------------------------------------------------------

NUMBERS = [1.5, -2.25, 3.0, 4.5, 0.0, 5.25, 1.0, 2.5, -4.0]
DECIMALS = [Decimal(str(number)) for number in NUMBERS]
AS_NUMBERS = {
    "decimal objects": pd.Series(DECIMALS, dtype=object),
    "python's floats": pd.Series(NUMBERS, dtype=object),
    "several kinds": pd.Series([DECIMALS[0], -2.25, 3, np.float64(4.5), *DECIMALS[4:]], dtype=object),
    "nullable": pd.Series(NUMBERS, dtype="Float64"),
    "sparse": pd.Series(NUMBERS, dtype=pd.SparseDtype(float, 0.0)),
    "arrow decimals": pd.Series(DECIMALS, dtype=pd.ArrowDtype(pa.decimal128(8, 3))),
    "arrow floats": pd.Series(NUMBERS, dtype="float64[pyarrow]"),
}


def columns_of(kind: str):
    """Students with numbers of a kind, and the same with floats."""
    plain = pd.DataFrame({"school": list("aaabbbccc"), "v": NUMBERS, "w": [0.1, 0.5, 2, 1, 0, 4, 1, 7, 2]})
    if kind == "polars":
        return pl.from_pandas(plain).with_columns(v=pl.Series(DECIMALS)), plain
    if kind in ("duckdb", "pyarrow"):
        table = pa.table(plain.to_dict("list") | {"v": pa.array(DECIMALS, pa.decimal128(8, 3))})
        return (table if kind == "pyarrow" else duckdb.from_arrow(table)), plain
    return plain.assign(v=AS_NUMBERS[kind]), plain


@pytest.mark.parametrize("kind", [*AS_NUMBERS, "polars", "duckdb", "pyarrow"])
def test_numbers_of_every_kind_give_what_floats_give(kind):
    """As outcome with and without covariates, as covariate, as label, and within and between."""
    data, plain = columns_of(kind)
    pd.testing.assert_frame_equal(
        sm.summarise_schools(data, outcome="v", school="school"),
        sm.summarise_schools(plain, outcome="v", school="school"),
    )
    for location in ("v ~ w + (1 | school)", "w ~ v + (1 + v || school)", "w ~ I(v > 1) + (1 | school)"):
        formulas = parse_formulas(location, "~ 1 + (1 | school)")
        one, other = build_design(formulas, data), build_design(formulas, plain)
        for name in ("y", "X", "Z"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert sm.summarise_schools(data, outcome="w", school="v").index.tolist() == sorted(NUMBERS)
    pd.testing.assert_frame_equal(
        sm.within_between(data, "v", group="school"), sm.within_between(plain, "v", group="school")
    )


def test_missing_numbers_of_every_kind_are_missing():
    for column in AS_NUMBERS.values():
        data = with_labels("a", "b", "c").head(9).assign(y=column)
        data["y"] = data["y"].astype(object).where(data.index != 3, None).astype(column.dtype)
        with pytest.raises(ValueError, match=r"data has 1 row with a missing 'y' \(.*\[3\]\)"):
            sm.summarise_schools(data, outcome="y", school="school")
        with pytest.raises(ValueError, match=r"data has 1 row with missing values in \['y'\] \(.*\[3\]\)"):
            build_design(parse_formulas(*WITH_X), data)


NO_NUMBERS = {
    "text": list("abcdefghi"),
    "true and false": [True, False, True] * 3,
    "objects, true and false": pd.Series([True, None, False] * 3, dtype=object),
    "numbers and texts": pd.Series([1, "b", 2.0] * 3, dtype=object),
    "categories of numbers": pd.Categorical([1, 2, 3] * 3),
    "dates": pd.Timestamp("2020-01-01"),
    "complex": 1j,
}


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        *(("pandas", column) for column in NO_NUMBERS),
        *((kind, column) for kind in ("polars", "pyarrow", "duckdb") for column in ("text", "true and false", "dates")),
    ],
)
def test_what_is_no_number_gets_one_sentence_whatever_the_model(kind, column):
    data = with_labels("a", "b", "c").head(9).assign(y=NO_NUMBERS[column])
    said = set()
    for formulas in (PLAIN, WITH_X):
        with pytest.raises(ValueError, match=r"^outcome='y' must be numeric; found [\w\[\]=', ();.-]+\.$") as raised:
            sm.fit(*formulas, FRAMES[kind](data), **BRIEF)
        said.add(str(raised.value))
    assert len(said) == 1


scores = st.lists(st.floats(-100, 100, allow_subnormal=False).map(lambda x: round(x, 3)), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(schools=st.lists(scores, min_size=2, max_size=6))
def test_pooled_moments_are_those_of_all_students(schools):
    """Mean and SD of all students, and sums of squares, from the summary alone."""
    flat = np.concatenate([np.array(school) for school in schools])
    table = summarise(
        pd.DataFrame({"school": np.repeat(range(len(schools)), [len(s) for s in schools]), "score": flat})
    )
    mean, sd = pooled_moments(table)
    assert mean == pytest.approx(flat.mean(), abs=1e-9)
    assert sd == pytest.approx(flat.std(ddof=1), abs=1e-9)
    expected = [np.sum((np.array(school) - np.mean(school)) ** 2) for school in schools]
    np.testing.assert_allclose(sum_of_squares(table), expected, atol=1e-9, rtol=1e-9)


def test_made_up_students_have_the_given_summaries(saeb_schools):
    """n, mean, SD, and the covariate's mean, SD and correlation within every school, to the last digits."""
    made_up = sm.students_from_summary(saeb_schools, outcome="score", covariate="student_ses")
    assert len(made_up) == saeb_schools["n"].sum()
    found = sm.summarise_schools(made_up, outcome="score", school="school_id")
    pd.testing.assert_frame_equal(found, saeb_schools[["n", "mean", "sd"]], rtol=1e-10, atol=1e-12)
    by_school = made_up.groupby("school_id")
    np.testing.assert_allclose(by_school["student_ses"].mean(), saeb_schools["student_ses_mean"], atol=1e-12)
    np.testing.assert_allclose(by_school["student_ses"].std(), saeb_schools["student_ses_sd"], rtol=1e-10)
    large = saeb_schools.index[saeb_schools["n"] > 2]
    found = pd.Series({j: group["score"].corr(group["student_ses"]) for j, group in by_school if j in large})
    np.testing.assert_allclose(found, saeb_schools.loc[large, "student_ses_cor"], atol=1e-10)
    assert (by_school["public"].first() == saeb_schools["public"]).all()


def test_within_and_between_add_up(students):
    """Within parts have school mean zero, between parts are constant in a school, the two add up to the covariate."""
    parts = sm.within_between(students, "score", group="school")
    assert list(parts) == ["score_within", "score_between"]
    assert parts.index.equals(students.index)
    total = parts.sum(axis=1) + students["score"].mean()
    np.testing.assert_allclose(total, students["score"], atol=1e-12)
    by_school = parts.groupby(students["school"])
    np.testing.assert_allclose(by_school["score_within"].mean(), 0, atol=1e-12)
    assert (by_school["score_between"].nunique() == 1).all()


def test_check_summary_keeps_order_and_labels():
    table = pd.DataFrame({"id": ["z", "a"], "n": [2, 1], "mean": [1, 2], "sd": [0.5, np.nan]})
    checked = check_summary(table, school="id")
    assert checked.index.tolist() == ["z", "a"]
    assert list(checked) == ["n", "mean", "sd"]
    assert checked["mean"].dtype == float


def test_a_row_bad_in_two_ways_is_one_row(capsys):
    data = pd.DataFrame({"school": ["a", None, "b", "b"], "score": [1.0, None, 2.0, 3.0]})
    found = sm.summarise_schools(data, outcome="score", school="school", missing="drop")
    assert capsys.readouterr().out == "data: left out 1 row with a missing 'score' (first rows, counted from 0: [1]).\n"
    assert found["n"].tolist() == [1, 2]


def test_within_between_of_any_frame():
    students = pd.DataFrame({"school": ["a", "b", "a"], "ses": [1.0, 5.0, 3.0]})
    expected = sm.within_between(students, "ses", group="school")
    found = sm.within_between(pl.from_pandas(students).lazy(), "ses", group="school")
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(ValueError, match="column and group must be different columns; found 'ses'"):
        sm.within_between(students, "ses", group="ses")
