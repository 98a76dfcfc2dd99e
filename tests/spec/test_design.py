"""Students to named matrices: values against matrices made by hand, rows that never lose their student."""

import datetime
import re
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmelsm_helpers.spec.design import build_design
from ssmelsm_helpers.spec.formulas import parse_formulas
from ssmelsm_helpers.spec.options import selected_effects

N = 60
SCALE = "~ 1 + (1 | school)"


def make_students() -> pd.DataFrame:
    """Six schools of ten students, in no order, with a column of every kind."""
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "school": rng.permutation(np.repeat(list("fabecd"), N // 6)),
            "score": rng.normal(size=N),
            "ses": rng.normal(size=N),
            "school_ses": rng.normal(size=N),
            "income": rng.exponential(size=N) + 0.1,
            "public": rng.random(N) < 0.5,
            "track": rng.choice(["u", "v", "w"], N),
            "size": pd.Categorical(rng.choice(["small", "big", "huge"], N), categories=["small", "big", "huge"]),
            "grade": rng.integers(5, 9, N).astype("int8"),
            "my col": rng.normal(size=N),
            "scale": rng.normal(size=N),
            "count": pd.array(rng.integers(0, 9, N), dtype="Int64"),
            "one": "same",
        }
    )


STUDENTS = make_students()


def design_of(location: str, scale: str = SCALE, data=None, **options):
    return build_design(parse_formulas(location, scale), STUDENTS if data is None else data, **options)


def is_level(column, *levels):
    """Indicator columns by hand."""
    return [(column == level).to_numpy(dtype=float) for level in levels]


def standardised(x):
    return (x - x.mean()) / x.std(ddof=0)


# A right side, the names of its columns, and the columns from the students' frame.
FIXED = [
    ("1", ["Intercept"], lambda d: [np.ones(N)]),
    ("ses + school_ses", ["Intercept", "ses", "school_ses"], lambda d: [np.ones(N), d.ses, d.school_ses]),
    (
        "ses * school_ses",
        ["Intercept", "ses", "school_ses", "ses:school_ses"],
        lambda d: [np.ones(N), d.ses, d.school_ses, d.ses * d.school_ses],
    ),
    ("0 + ses", ["ses"], lambda d: [d.ses]),
    ("ses - 1", ["ses"], lambda d: [d.ses]),
    ("ses:school_ses", ["Intercept", "ses:school_ses"], lambda d: [np.ones(N), d.ses * d.school_ses]),
    ("public", ["Intercept", "public"], lambda d: [np.ones(N), d.public]),
    ("ses:public", ["Intercept", "ses:public"], lambda d: [np.ones(N), d.ses * d.public]),
    ("track", ["Intercept", "track[v]", "track[w]"], lambda d: [np.ones(N), *is_level(d.track, "v", "w")]),
    ("0 + track", ["track[u]", "track[v]", "track[w]"], lambda d: is_level(d.track, "u", "v", "w")),
    # A category's order decides what is compared with what: not the alphabet.
    ("size", ["Intercept", "size[big]", "size[huge]"], lambda d: [np.ones(N), *is_level(d["size"], "big", "huge")]),
    (
        "C(size)",
        ["Intercept", "C(size)[big]", "C(size)[huge]"],
        lambda d: [np.ones(N), *is_level(d["size"], "big", "huge")],
    ),
    (
        "ses * track",
        ["Intercept", "ses", "track[v]", "track[w]", "ses:track[v]", "ses:track[w]"],
        lambda d: [np.ones(N), d.ses, *is_level(d.track, "v", "w"), *(d.ses * v for v in is_level(d.track, "v", "w"))],
    ),
    (
        "track * size",
        ["Intercept", "track[v]", "track[w]", "size[big]", "size[huge]"]
        + [f"track[{a}]:size[{b}]" for a in "vw" for b in ("big", "huge")],
        lambda d: [
            np.ones(N),
            *is_level(d.track, "v", "w"),
            *is_level(d["size"], "big", "huge"),
            *(a * b for a in is_level(d.track, "v", "w") for b in is_level(d["size"], "big", "huge")),
        ],
    ),
    (
        "C(grade)",
        ["Intercept", *(f"C(grade)[{g}]" for g in (6, 7, 8))],
        lambda d: [np.ones(N), *is_level(d.grade, 6, 7, 8)],
    ),
    (
        "C(track, Sum)",
        ["Intercept", "C(track, Sum)[u]", "C(track, Sum)[v]"],
        lambda d: [np.ones(N), *(v - is_level(d.track, "w")[0] for v in is_level(d.track, "u", "v"))],
    ),
    (
        "T(track, ref='w')",
        ["Intercept", "T(track, ref='w')[u]", "T(track, ref='w')[v]"],
        lambda d: [np.ones(N), *is_level(d.track, "u", "v")],
    ),
    ("np.log(income)", ["Intercept", "np.log(income)"], lambda d: [np.ones(N), np.log(d.income)]),
    ("log(income)", ["Intercept", "log(income)"], lambda d: [np.ones(N), np.log(d.income)]),
    ("scale(ses)", ["Intercept", "scale(ses)"], lambda d: [np.ones(N), standardised(d.ses)]),
    ("scale(scale)", ["Intercept", "scale(scale)"], lambda d: [np.ones(N), standardised(d["scale"])]),
    ("scale + ses", ["Intercept", "scale", "ses"], lambda d: [np.ones(N), d["scale"], d.ses]),
    (
        "center(ses):public",
        ["Intercept", "center(ses):public"],
        lambda d: [np.ones(N), (d.ses - d.ses.mean()) * d.public],
    ),
    (
        "poly(ses, 2, raw=True)",
        ["Intercept", "poly(ses, 2, raw=True)[0]", "poly(ses, 2, raw=True)[1]"],
        lambda d: [np.ones(N), d.ses, d.ses**2],
    ),
    ("I((ses + 1) * 2)", ["Intercept", "I(ses + 1 * 2)"], lambda d: [np.ones(N), (d.ses + 1) * 2]),
    ("{ses / income}", ["Intercept", "I(ses / income)"], lambda d: [np.ones(N), d.ses / d.income]),
    ("I(track == 'u')", ["Intercept", "I(track == 'u')"], lambda d: [np.ones(N), *is_level(d.track, "u")]),
    # 8 to the fourth does not fit into eight bits.
    ("I(grade**4)", ["Intercept", "I(grade ** 4)"], lambda d: [np.ones(N), d.grade.astype(float) ** 4]),
    ("count", ["Intercept", "count"], lambda d: [np.ones(N), d["count"].astype(float)]),
    ("`my col` + ses", ["Intercept", "my col", "ses"], lambda d: [np.ones(N), d["my col"], d.ses]),
    ("np.exp(`my col`)", ["Intercept", "np.exp(my col)"], lambda d: [np.ones(N), np.exp(d["my col"])]),
    # A running sum runs over the data's rows, although the design's are sorted by school.
    ("np.cumsum(ses)", ["Intercept", "np.cumsum(ses)"], lambda d: [np.ones(N), np.cumsum(d.ses)]),
    (
        "ses / track",
        ["Intercept", "ses", "ses:track[v]", "ses:track[w]"],
        lambda d: [np.ones(N), d.ses, *(d.ses * v for v in is_level(d.track, "v", "w"))],
    ),
    # The track's columns differ in the two terms, which have it in common.
    (
        "track / ses",
        ["Intercept", "track[v]", "track[w]", "track[u]:ses", "track[v]:ses", "track[w]:ses"],
        lambda d: [np.ones(N), *is_level(d.track, "v", "w"), *(d.ses * v for v in is_level(d.track, "u", "v", "w"))],
    ),
    (
        "(ses + public)**2",
        ["Intercept", "ses", "public", "ses:public"],
        lambda d: [np.ones(N), d.ses, d.public, d.ses * d.public],
    ),
]


@pytest.mark.parametrize(("side", "names", "columns"), FIXED, ids=[case[0] for case in FIXED])
def test_columns_by_hand(side, names, columns):
    """In the location and in the scale alike."""
    design = design_of(f"score ~ {side} + (1 | school)", f"~ {side} + (1 | school)")
    assert list(design.location_terms) == list(design.scale_terms) == names
    expected = np.column_stack(columns(STUDENTS))[design.rows]
    np.testing.assert_allclose(design.X, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(design.W, design.X)
    assert (design.Z == 1).all()
    assert (design.S == 1).all()
    assert design.X.dtype == float


@pytest.mark.parametrize("side", ["poly(ses, 3)", "bs(ses, df=4)", "cr(ses, df=4)"])
def test_bases_span_what_they_are_for(side):
    """Bases are their library's business; that they are finite, independent and smooth in ses is ours."""
    design = design_of(f"score ~ {side} + (1 | school)")
    assert design.X.shape == (N, 4 if side.startswith("poly") else 5)
    assert all(name.startswith(side) for name in design.location_terms[1:])
    ses = STUDENTS["ses"].to_numpy()[design.rows]
    left = ses - design.X @ np.linalg.lstsq(design.X, ses, rcond=None)[0]
    np.testing.assert_allclose(left, 0, atol=1e-9)


WORDS = ["True", "None", "Treatment", "Sum", "C", "T", "scale", "poly", "np", "log", "offset", "a:b", "1", "smcol0z"]
SIDES = ["@", "C(@)", "C(@, Sum)", "scale(@) + ses", "np.log(@)", "@:ses", "poly(@, 2, raw=True)", "I(@ / ses)"]
FEW = STUDENTS[["school", "score", "ses", "grade"]]


@pytest.mark.parametrize("word", WORDS)
def test_columns_named_like_words_of_the_formula_language(word):
    """In backticks they are columns like any other: in terms of either kind, in calls, as outcome, as groups."""
    named = FEW.rename(columns={"grade": word})
    for side in SIDES:
        terms = f"{side} + (@ || school)"
        found = design_of(f"score ~ {terms.replace('@', f'`{word}`')}", data=named)
        expected = design_of(f"score ~ {terms.replace('@', 'grade')}")
        assert found.location_terms == tuple(name.replace("grade", word) for name in expected.location_terms)
        assert found.location_effects == ("Intercept", word)
        np.testing.assert_array_equal(found.X, expected.X)
        np.testing.assert_array_equal(found.Z, expected.Z)
        for new, old in zip(found.new_rows(named.head(3)), expected.new_rows(FEW.head(3)), strict=True):
            np.testing.assert_array_equal(new, old)
    for column in ("score", "school"):
        outcome, school = (f"`{word}`" if column == name else name for name in ("score", "school"))
        formulas = parse_formulas(f"{outcome} ~ ses + (1 | {school})", f"~ 1 + (1 | {school})")
        found = build_design(formulas, FEW.rename(columns={column: word}))
        np.testing.assert_array_equal(found.y, design_of("score ~ ses + (1 | school)").y)


@pytest.mark.parametrize("word", ["Treatment", "Sum", "C", "scale", "np", "_x"])
def test_words_without_backticks_are_columns_where_nothing_else_can_be_meant(word):
    for side in ("@", "C(@)", "C(@, Sum)", "C(@, contrast=Treatment)", "scale(@)"):
        found = design_of(f"score ~ {side.replace('@', word)} + (1 | school)", data=FEW.rename(columns={"grade": word}))
        expected = design_of(f"score ~ {side.replace('@', 'grade')} + (1 | school)")
        np.testing.assert_array_equal(found.X, expected.X)


# Group terms, the effects' names, and blocks with a single random intercept in the scale as the last effect.
RANDOM = [
    ("(1 | school)", ["Intercept"], [(0, 1)]),
    ("(1 + ses | school)", ["Intercept", "ses"], [(0, 1, 2)]),
    ("(ses | school)", ["Intercept", "ses"], [(0, 1, 2)]),
    ("(ses || school)", ["Intercept", "ses"], [(0, 2), (1,)]),
    ("(1 | school) + (0 + ses | school)", ["Intercept", "ses"], [(0, 2), (1,)]),
    ("(0 + ses | school)", ["ses"], [(0, 1)]),
    ("(track | school)", ["Intercept", "track[v]", "track[w]"], [(0, 1, 2, 3)]),
    ("(0 + track | school)", ["track[u]", "track[v]", "track[w]"], [(0, 1, 2, 3)]),
    ("(ses * public || school)", ["Intercept", "ses", "public", "ses:public"], [(0, 4), (1,), (2,), (3,)]),
    ("(0 + ses | school) + (1 + public | school)", ["ses", "Intercept", "public"], [(0, 3), (1, 2)]),
    ("(scale(ses) | school)", ["Intercept", "scale(ses)"], [(0, 1, 2)]),
]


@pytest.mark.parametrize(("terms", "names", "blocks"), RANDOM)
def test_random_effects_and_their_blocks(terms, names, blocks):
    design = design_of(f"score ~ ses + {terms}")
    assert list(design.location_effects) == names
    assert list(design.blocks) == blocks
    assert design.effects == (*(f"location[{name}]" for name in names), "scale[Intercept]")
    values = {
        "Intercept": np.ones(N),
        "ses": STUDENTS.ses,
        "public": STUDENTS.public,
        "ses:public": STUDENTS.ses * STUDENTS.public,
    }
    values |= {"scale(ses)": standardised(STUDENTS.ses)} | {
        f"track[{t}]": is_level(STUDENTS.track, t)[0] for t in "uvw"
    }
    expected = np.column_stack([values[name] for name in names]).astype(float)[design.rows]
    np.testing.assert_allclose(design.Z, expected, rtol=1e-12, atol=1e-14)


def test_blocks_of_several_terms_in_both_submodels():
    """First terms together; every later one by itself, the location's before the scale's."""
    design = design_of("score ~ 1 + (ses || school)", "~ 1 + (1 + public | school) + (0 + income | school)")
    assert design.effects == tuple(
        f"{kind}[{name}]"
        for kind, names in (("location", ["Intercept", "ses"]), ("scale", ["Intercept", "public", "income"]))
        for name in names
    )
    assert design.blocks == ((0, 2, 3), (1,), (4,))
    assert design.S.shape == (N, 3)


# --- rows keep their student -------------------------------------------------------------------------------------

LOCATION = "score ~ ses * track + (1 + income | school)"


def check_against_pandas(design, data: pd.DataFrame) -> None:
    """Labels, sizes and every school's rows, from pandas alone."""
    data = data.reset_index(drop=True)
    assert list(design.labels) == sorted(data["school"].unique())
    assert design.labels.name == "school"
    np.testing.assert_array_equal(design.n, data.groupby("school").size().to_numpy())
    assert (np.diff(design.school) >= 0).all()
    for j, label in enumerate(design.labels):
        rows = design.rows[design.starts[j] : design.starts[j] + design.n[j]]
        mine = data.index[data["school"] == label]
        assert rows.tolist() == mine.tolist()  # the data's order within a school
    sorted_by_school = data.loc[design.rows]
    np.testing.assert_array_equal(design.y, sorted_by_school["score"])
    np.testing.assert_array_equal(design.X[:, 1], sorted_by_school["ses"])
    np.testing.assert_array_equal(design.X[:, 3], sorted_by_school["track"] == "w")
    np.testing.assert_array_equal(design.Z[:, 1], sorted_by_school["income"])
    assert design.n_schools == data["school"].nunique()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_any_row_order(seed):
    shuffled = STUDENTS.sample(frac=1, random_state=seed)
    check_against_pandas(design_of(LOCATION, data=shuffled), shuffled)


INDICES = {
    "duplicates": [0] * N,
    "texts": [f"student {i % 7}" for i in range(N)],
    "backwards": range(N, 0, -1),
    "missing": [np.nan] * N,
    "several levels": pd.MultiIndex.from_product([range(6), range(10)]),
    "dates": pd.date_range("2020-01-01", periods=N),
}


@pytest.mark.parametrize("kind", INDICES)
def test_any_index(kind):
    """Even one whose levels are named like columns."""
    data = STUDENTS.set_axis(INDICES[kind])
    if kind == "several levels":
        data.index.names = ["school", "ses"]
    check_against_pandas(design_of(LOCATION, data=data), data)


FRAMES = {
    "polars": pl.from_pandas,
    "lazy polars": lambda d: pl.from_pandas(d).lazy(),
    "arrow": lambda d: pl.from_pandas(d).to_arrow(),
    "pandas with arrow's types": lambda d: d.convert_dtypes(dtype_backend="pyarrow"),
    "pandas with its nullable types": lambda d: d.convert_dtypes(),
    "pandas with objects": lambda d: d.astype(object),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_other_data_frames(kind):
    columns = ["school", "score", "ses", "track", "income", "public", "size", "count"]
    frame = FRAMES[kind](STUDENTS[columns].astype({"size": str} if "pandas" in kind else {}))
    if kind == "pandas with objects":  # an outcome of objects is refused
        frame["score"] = frame["score"].astype(float)
    check_against_pandas(design_of(LOCATION, data=frame), STUDENTS)
    location = "score ~ public + size + count + (1 | school)"
    alphabetical = STUDENTS.assign(size=STUDENTS["size"].astype(str))
    np.testing.assert_array_equal(design_of(location, data=frame).X, design_of(location, data=alphabetical).X)


def test_the_order_of_polars_levels():
    """An Enum has one; a Categorical's would be the order of the rows, so it gets the alphabet's."""
    levels = ["small", "big", "huge"]
    frame = pl.from_pandas(STUDENTS[["school", "score"]]).with_columns(
        size=pl.Series(STUDENTS["size"].astype(str).to_list())
    )
    for dtype, second in ((pl.Enum(levels), "size[big]"), (pl.Categorical, "size[huge]"), (pl.String, "size[huge]")):
        for data in (frame, frame.reverse()):
            design = design_of("score ~ size + (1 | school)", data=data.with_columns(pl.col("size").cast(dtype)))
            assert design.location_terms[1] == second


def test_columns_that_are_not_needed_do_not_matter():
    data = STUDENTS.assign(note=None, **{"0": [[1, 2]] * N})
    data[5] = datetime.date(2020, 1, 1)
    check_against_pandas(design_of(LOCATION, data=data), STUDENTS)


def test_the_data_are_left_alone():
    before = STUDENTS.copy(deep=True)
    design = design_of("score ~ C(grade) + size + (1 | school)", "~ scale(ses) + count + (1 | school)")
    design.X[:] = design.y[:, None]
    pd.testing.assert_frame_equal(STUDENTS, before)


# --- schools' labels ---------------------------------------------------------------------------------------------

NAMES = {
    "integers": [10, 9, -3],
    "texts": ["b", "a", "School of Rock"],
    "fractions": [2.5, 1.0, 3.0],
    "tuples": [("b", 1), ("a", 2), ("a", 1)],
    "dates": [datetime.date(2021, 1, 1), datetime.date(2020, 5, 1), datetime.date(2019, 1, 1)],
    "times": list(pd.to_datetime(["2021-01-01", "2020-05-01", "2019-01-01"])),
    "booleans": [True, False],
    "texts with blanks": ["b", " a", "c c"],
}


@pytest.mark.parametrize(
    ("kind", "categorical"), [(k, c) for k in NAMES for c in (False, True) if (k, c) != ("tuples", True)]
)
def test_labels_of_any_type(kind, categorical):
    names = NAMES[kind]
    labels = pd.Series([names[i % len(names)] for i in range(N)], dtype=object if kind == "tuples" else None)
    data = STUDENTS.assign(school=labels.astype("category") if categorical else labels)
    design = design_of(LOCATION, data=data)
    assert list(design.labels) == sorted(names)
    np.testing.assert_array_equal(design.y, data["score"].to_numpy()[design.rows])
    assert [design.labels[at] for at in design.school] == [labels[row] for row in design.rows]


def test_labels_that_cannot_be_compared_keep_their_order():
    labels = pd.Series([1, "1", ("x", 2), 2.5][i % 4] for i in range(N))
    with pytest.warns(UserWarning, match=r"look alike are kept apart: 1 \(15 students\) and '1' \(15 students\)\.$"):
        design = design_of(LOCATION, data=STUDENTS.assign(school=labels))
    assert list(design.labels) == [1, "1", ("x", 2), 2.5]
    assert [design.labels[at] for at in design.school] == [labels[row] for row in design.rows]
    np.testing.assert_array_equal(design.y, STUDENTS["score"].to_numpy()[design.rows])


def test_labels_that_can_change_are_refused():
    with pytest.raises(
        ValueError, match="school='school' must hold labels that do not change, such as texts or numbers"
    ):
        design_of(LOCATION, data=STUDENTS.assign(school=[["a"], ["b"]] * (N // 2)))


# --- missing values ----------------------------------------------------------------------------------------------


def with_gaps() -> pd.DataFrame:
    data = STUDENTS.set_axis([0] * N).copy()
    data.iloc[[3, 17], data.columns.get_loc("ses")] = np.nan
    data.iloc[[17, 40], data.columns.get_loc("track")] = None
    data.iloc[50, data.columns.get_loc("school")] = None
    data.iloc[55, data.columns.get_loc("score")] = np.inf
    data.iloc[20, data.columns.get_loc("my col")] = np.nan  # not used
    return data


def test_missing_values_are_refused_with_their_count():
    message = (
        "data has 4 rows with missing values in ['school', 'ses', 'track'] (first rows, counted from 0: [3, 17, 40, 50]); "
        "remove them or pass missing='drop'."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        design_of("score ~ ses + (1 | school)", "~ track + (1 | school)", data=with_gaps())
    with pytest.raises(ValueError, match=r"\(first rows, counted from 0: \[3, 17, 40, 50\]\)\.$"):
        design_of("score ~ ses + (1 | school)", "~ track + (1 | school)", data=with_gaps(), missing=None)
    message = "data has 1 row with an infinite 'score' (first rows, counted from 0: [55]); remove them or pass missing='drop'."
    with pytest.raises(ValueError, match=re.escape(message)):
        design_of("score ~ income + (1 | school)", data=with_gaps().assign(school=STUDENTS["school"].to_numpy()))


@pytest.mark.parametrize("convert", [lambda d: d, lambda d: pl.from_pandas(d.reset_index(drop=True))])
def test_rows_are_dropped_from_both_submodels_together_and_reported(convert, capsys):
    data = with_gaps()
    design = design_of(
        LOCATION, "~ my_ses + (1 | school)", data=convert(data.assign(my_ses=data["ses"])), missing="drop"
    )
    kept = [row for row in range(N) if row not in (3, 17, 40, 50, 55)]
    assert sorted(design.rows) == kept
    assert capsys.readouterr().out == (
        "data: left out 4 rows with missing values in ['school', 'ses', 'track', 'my_ses'] "
        "(first rows, counted from 0: [3, 17, 40, 50]).\n"
        "data: left out 1 row with an infinite 'score' (first rows, counted from 0: [55]).\n"
    )
    complete = data.reset_index(drop=True).loc[design.rows]
    np.testing.assert_array_equal(design.y, complete["score"])
    np.testing.assert_array_equal(design.X[:, 1], complete["ses"])
    np.testing.assert_array_equal(design.W[:, 1], complete["ses"])
    np.testing.assert_array_equal(design.X[:, 3], complete["track"] == "w")
    assert [design.labels[at] for at in design.school] == complete["school"].tolist()


def test_transformations_learn_from_the_rows_that_are_kept(capsys):
    data = with_gaps()
    data.iloc[0, data.columns.get_loc("school_ses")] = 1e6
    data.iloc[0, data.columns.get_loc("ses")] = np.nan
    design = design_of("score ~ ses + scale(school_ses) + (1 | school)", data=data, missing="drop")
    assert abs(design.X[:, 2].mean()) < 1e-9
    assert abs(design.X[:, 2]).max() < 10
    assert "left out 4 rows" in capsys.readouterr().out


BLANK = {
    "objects": lambda column: column.astype(object),
    "strings": lambda column: column.astype("string"),
    "arrow strings": lambda column: column.astype("string[pyarrow]"),
    "categories": lambda column: column.astype("category"),
    "ordered": lambda column: column.astype(pd.CategoricalDtype(["w", "\u00a0", "v", "", "u"], ordered=True)),
}


@pytest.mark.parametrize("kind", [*BLANK, "polars", "polars categories"])
def test_a_text_with_nothing_in_it_is_missing(kind, capsys):
    """In a covariate and among the labels; it is no level of its own."""
    data = STUDENTS[["school", "score", "ses", "track"]].copy()
    data.loc[[2, 9], "track"] = ["", "\u00a0"]
    data.loc[30, "school"] = " \t"
    frame = data.assign(track=BLANK[kind](data["track"])) if kind in BLANK else pl.from_pandas(data)
    if kind == "polars categories":
        frame = frame.with_columns(pl.col("track", "school").cast(pl.Categorical))
    message = (
        "data has 3 rows with missing values in ['school', 'track'] (first rows, counted from 0: [2, 9, 30]); remove"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        design_of("score ~ ses * track + (1 | school)", data=frame)
    design = design_of("score ~ ses + (track | school)", data=frame, missing="drop")
    assert "left out 3 rows with missing values in ['school', 'track']" in capsys.readouterr().out
    complete = data.drop([2, 9, 30])
    assert sorted(design.rows) == complete.index.tolist()
    levels = ["w", "v", "u"] if kind == "ordered" else ["u", "v", "w"]
    assert design.location_effects == ("Intercept", *(f"track[{level}]" for level in levels[1:]))
    assert list(design.labels) == list("abcdef")
    with pytest.raises(ValueError, match=re.escape("students has 1 row with missing values in ['track']")):
        design.new_rows(data.loc[[2, 3]])


def test_unused_levels_are_reported(capsys):
    data = STUDENTS.assign(
        size=STUDENTS["size"].cat.add_categories(["tiny", "never"]),
        school=STUDENTS["school"].astype("category").cat.add_categories("z"),
    )
    design = design_of("score ~ size + (1 | school)", data=data)
    assert design.location_terms == ("Intercept", "size[big]", "size[huge]")
    assert list(design.labels) == list("abcdef")
    assert capsys.readouterr().out == (
        "data: left out 1 level of 'school' without students: ['z'].\n"
        "data: left out 2 levels of 'size' without students: ['tiny', 'never'].\n"
    )


# --- what is refused ---------------------------------------------------------------------------------------------

REFUSED = [
    (
        "nothing + (1 | school)",
        {},
        "location needs the column 'nothing', which data lacks; its columns are ['school', 'score',",
    ),
    (
        "np.log(score) + (1 | school)",
        {},
        "location must not use the outcome 'score' as a covariate; found '1 + np.log(score)'.",
    ),
    ("1 + (1 + score | school)", {}, "location must not use the outcome 'score' as a covariate; found '1 + score'."),
    ("ses + I(2 * ses) + (1 | school)", {}, "location: 'I(2 * ses)' is determined by ['ses']; leave one of them out."),
    (
        "ses + income + I(ses + 3 * income) + (1 | school)",
        {},
        "location: 'I(ses + 3 * income)' is determined by ['ses', 'income']; leave one of them out.",
    ),
    ("ses + (1 | school)", {"ses": 2.5}, "location: 'ses' is determined by ['Intercept']; leave one of them out."),
    ("ses + (1 | school)", {"ses": 0.0}, "location: 'ses' is zero for every student."),
    ("track + size + (1 | school)", {"size": STUDENTS["track"]}, "location: 'size[v]' is determined by ['track[v]']"),
    (
        "track * size + (1 | school)",
        {"size": STUDENTS["track"]},
        "location: 'size[v]' is determined by ['track[v]']; leave one of them out.",
    ),
    (
        "track + (1 | school)",
        {"track": "u"},
        "location: 'track' has a single level, so that there is no effect to estimate.",
    ),
    (
        "(track || school)",
        {},
        "location (random effects): 'track[w]' is determined by ['Intercept', 'track[u]', 'track[v]']; leave",
    ),
    (
        "(1 | school) + (1 + ses | school)",
        {},
        "location (random effects) must have columns of different names; found ['Intercept'].",
    ),
    (
        "Intercept + (1 | school)",
        {"Intercept": 1.0},
        "location must have columns of different names; found ['Intercept'].",
    ),
    (
        "two + (1 | school)",
        {"two": pd.Categorical([0, 1, "1"] * (N // 3), categories=[0, 1, "1"])},
        "location must have columns of different names; found ['two[1]'].",
    ),
    ("np.log(ses) + (1 | school)", {}, "location: ['np.log(ses)'] must be finite, but for"),
    (
        "ses + (1 | school)",
        {"ses": [np.inf, *STUDENTS["ses"][1:]]},
        "location: ['ses'] must be finite, but for 1 student it is",
    ),
    (
        "scale(ses) + (1 | school)",
        {"ses": 2.0},
        "location: ['scale(ses)'] must be finite, but for 60 students it is missing or infinite.",
    ),
    ("I(track * 2) + (1 | school)", {}, "location: '1 + I(track * 2)' cannot be evaluated: unsupported operand"),
    ("np.diff(ses) + (1 | school)", {}, "location uses np.diff(), which need not give every student their own value"),
    (
        "0 + np.cumsum(poly(ses, 2)) + (1 | school)",
        {},
        "location: '0 + np.cumsum(poly(ses, 2))' cannot be evaluated: it must have 1 values for each student",
    ),
    # Further arguments of a NumPy function would be written to.
    ("log(ses, 3) + (1 | school)", {}, "location: '1 + log(ses, 3)' cannot be evaluated: cannot specify 'out' as both"),
    ("exp(ses, ses) + (1 | school)", {}, "location: '1 + exp(ses, ses)' cannot be evaluated: cannot specify 'out'"),
    ("np.exp(ses, where=public) + (1 | school)", {}, "cannot be evaluated: "),
    (
        "T(track, ref='z') + (1 | school)",
        {},
        "location: \"1 + T(track, ref='z')\" cannot be evaluated: reference not in levels.",
    ),
    (
        "day + (1 | school)",
        {"day": pd.Timestamp("2020-01-01")},
        "location needs numbers, true or false, texts or categories in the column 'day'; found datetime64",
    ),
    (
        "mix + (1 | school)",
        {"mix": [1, "a"] * (N // 2)},
        "texts or categories in the column 'mix'; found mixed-integer.",
    ),
    ("z + (1 | school)", {"z": 1j}, "texts or categories in the column 'z'; found complex128."),
    ("1 + (1 | school)", {"score": "high"}, "outcome='score' must be numeric; found String, such as 'high' in 60 rows"),
    ("1 + (1 | school)", {"score": STUDENTS["public"]}, "outcome='score' must be numeric; found Boolean."),
    ("1 + (1 | school)", {"school": "a"}, "data must hold at least two schools in 'school'; found 1."),
    (
        "1 + (1 | school)",
        {"school": range(N)},
        "every school has a single student: there is no within-school spread to model, or the column is one of students.",
    ),
    (
        "1 + (1 | school)",
        {"score": STUDENTS["school"].map(ord) * 0.1},
        "the outcome is constant within every school: there is no spread to model.",
    ),
    (
        "1 + (1 | school)",
        {"score": 0.1},
        "the outcome is constant within every school and all means are equal: there is no spread",
    ),
]


@pytest.mark.parametrize(("side", "columns", "message"), REFUSED)
def test_refused_designs(side, columns, message, capfd, caplog, recwarn):
    """By one sentence; NumPy's warnings stay out of sight."""
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        design_of(f"score ~ {side}", data=STUDENTS.assign(**columns))
    text = str(raised.value)
    assert "\n" not in text
    assert text.endswith(".")
    # Formulae says so itself where a function fails.
    assert capfd.readouterr() in [
        ("", ""),
        ("Unexpected error while trying to evaluate a Call: <class 'ValueError'>\n", ""),
    ]
    assert not caplog.records
    assert not list(recwarn)


def test_the_scale_is_named_where_it_is_at_fault():
    for scale, message in (
        ("~ ses + I(2 * ses) + (1 | school)", "scale: 'I(2 * ses)' is determined by ['ses']"),
        ("~ score + (1 | school)", "scale must not use the outcome 'score' as a covariate"),
        ("~ (0 + track | school) + (1 | school)", "scale (random effects): 'Intercept' is determined by"),
        ("~ nothing + (1 | school)", "scale needs the column 'nothing', which data lacks"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            design_of("score ~ 1 + (1 | school)", scale)


def test_more_columns_than_students():
    data = STUDENTS.iloc[:5]
    with pytest.raises(ValueError, match="location must have fewer columns than there are students, 5; found 7"):
        design_of("score ~ ses + school_ses + income + scale + `my col` + count + (1 | school)", data=data)


def test_a_text_column_with_a_level_per_student_is_refused():
    """Before its indicator matrix takes the memory."""
    data = pd.concat([STUDENTS] * 20, ignore_index=True).assign(name=[f"student {i}" for i in range(20 * N)])
    with pytest.raises(
        ValueError, match="location: 'name' has 1200 levels, where at most 1000 can have an effect each"
    ):
        design_of("score ~ name + (1 | school)", data=data)


@pytest.mark.parametrize("data", [None, {"score": [1.0]}, [1, 2], STUDENTS["score"], 3])
def test_something_that_is_no_data_frame(data):
    with pytest.raises(TypeError, match=r"data must be a data frame \(pandas, Polars, \.\.\.\); found"):
        build_design(parse_formulas("score ~ 1 + (1 | school)", SCALE), data)


def test_columns_of_the_same_name():
    data = pd.concat([STUDENTS, STUDENTS[["ses"]]], axis=1)
    with pytest.raises(
        TypeError,
        match="found DataFrame whose columns cannot be read: Expected unique column names, got: - 'ses' 2 times",
    ):
        design_of(LOCATION, data=data)


# --- other students ----------------------------------------------------------------------------------------------


def test_other_students_get_the_same_columns():
    """What transformations learned stays: means, SDs, polynomials, levels."""
    location = "score ~ scale(ses) * track + poly(income, 2) + C(grade) + size + (1 + center(ses) | school)"
    design = design_of(location, "~ bs(ses, df=4) + public + (1 | school)")
    x, w, z, s = design.new_rows(STUDENTS)
    for new, old in ((x, design.X), (z, design.Z), (w, design.W), (s, design.S)):
        np.testing.assert_allclose(new[design.rows], old, rtol=1e-12, atol=1e-12)
    some = STUDENTS.iloc[[7, 3, 3, 58]].drop(columns=["school", "score"]).set_axis(list("qqrs"))
    some["size"] = some["size"].astype(str)
    for frame in (some, pl.from_pandas(some)):
        for new, all_of in zip(design.new_rows(frame), (x, w, z, s), strict=True):
            np.testing.assert_allclose(new, all_of[[7, 3, 3, 58]], rtol=1e-12, atol=1e-12)


def test_other_students_of_the_intercept_only_model():
    design = design_of("score ~ 1 + (1 | school)")
    for columns in design.new_rows(STUDENTS[["ses"]].head(3)):
        np.testing.assert_array_equal(columns, np.ones((3, 1)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"track": "new"},
            "students do not fit '1 + ses + track + ses:track' of location: The levels (new) in 'track' are not present",
        ),
        (
            {"ses": np.nan},
            "students has 4 rows with missing values in ['ses'] (first rows, counted from 0: [0, 1, 2, 3]).",
        ),
        ({"ses": np.inf}, "location: ['ses', 'ses:track[v]', 'ses:track[w]'] must be finite, but for 4 students it is"),
        ({"ses": "high"}, "students do not fit '1 + ses + track + ses:track' of location:"),
        (
            {"income": pd.Timestamp("2020-01-01")},
            "students needs numbers, true or false, texts or categories in the column 'income'",
        ),
    ],
)
def test_other_students_who_do_not_fit(change, message, recwarn):
    with pytest.raises(ValueError, match=re.escape(message)):
        design_of(LOCATION).new_rows(STUDENTS.head(4).assign(**change))
    with pytest.raises(ValueError, match="students needs the column 'ses', which students lacks; its columns are"):
        design_of(LOCATION).new_rows(STUDENTS[["track", "income"]])
    assert not list(recwarn)


# --- selected effects, speed -------------------------------------------------------------------------------------

EFFECTS = ("location[Intercept]", "location[ses]", "scale[Intercept]", "scale[ses]")


@pytest.mark.parametrize(
    ("select", "positions"),
    [
        ("scale", (2, 3)),
        ("location", (0, 1)),
        ("both", (0, 1, 2, 3)),
        ("scale[ses]", (3,)),
        (["scale[ses]", "location[ses]"], (3, 1)),
        (("scale[Intercept]",), (2,)),
    ],
)
def test_selected_effects(select, positions):
    assert selected_effects(select, EFFECTS) == positions


@pytest.mark.parametrize(
    "select",
    ["Intercept", "", [], None, 3, ["scale"], ["scale[ses]", "scale[ses]"], ["scale[Ses]"], [["a"]], {"scale"}],
)
def test_effects_that_cannot_be_selected(select):
    with pytest.raises(
        ValueError, match=r"select must be 'scale', 'location', 'both', or names among \['location\[Int"
    ):
        selected_effects(select, EFFECTS)


def test_twelve_thousand_students_take_half_a_second():
    rng = np.random.default_rng(1)
    many = pd.DataFrame(
        {
            "school": rng.integers(0, 160, 11_386),
            **dict(zip(("ses", "school_ses", "score"), rng.normal(size=(3, 11_386)), strict=True)),
        }
    )
    design_of("score ~ ses + (1 | school)", data=many)  # formulae loads
    start = time.perf_counter()
    design = design_of("score ~ ses * school_ses + (1 | school)", "~ ses * school_ses + (1 | school)", data=many)
    assert time.perf_counter() - start < 0.5
    assert design.X.shape == (11_386, 4)


@pytest.mark.slow
def test_a_million_students_take_a_few_seconds():
    rng = np.random.default_rng(1)
    size = 1_000_000
    many = pd.DataFrame(
        {"school": rng.integers(0, 5000, size), "ses": rng.normal(size=size), "score": rng.normal(size=size)}
    )
    many["school"] = "school " + many["school"].astype(str)
    start = time.process_time()
    design = design_of("score ~ ses + (1 + ses | school)", "~ ses + (1 | school)", data=many)
    assert time.process_time() - start < 5
    np.testing.assert_array_equal(design.y, many["score"].to_numpy()[design.rows])
