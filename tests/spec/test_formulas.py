"""Formulas in lme4's notation: what is read, and what is refused in one sentence. No data here."""

import re

import pytest

from ssmelsm_helpers.spec.formulas import parse_formulas

SCALE = "~ 1 + (1 | school)"


@pytest.mark.parametrize(
    ("location", "scale"),
    [
        ("score ~ 1 + (1 | school)", "~ 1 + (1 | school)"),
        ("score~1+(1|school)", "~1+(1|school)"),
        ("score ~ (1 | school)", "~ (1 | school)"),
        ("score ~ (1 | school) + 1", "1 + (1 | school)"),
        ("  score ~\n\t1\n + (1\u00a0|\n school) ", "~ (1 || school)"),
        ("`score` ~ (1 | `school`)", "~ 1 + 1 + (1 + 1 | school)"),
    ],
)
def test_the_intercept_only_model_in_several_spellings(location, scale):
    formulas = parse_formulas(location, scale)
    assert formulas.intercept_only
    assert (formulas.outcome, formulas.school) == ("score", "school")


# The right side, its fixed part, the effects of its group terms, the columns that the fixed part needs.
READ = [
    ("ses * school_ses + (1 | school)", "1 + ses + school_ses + ses:school_ses", ["1"], ["school_ses", "ses"]),
    ("(1 | school) + ses", "1 + ses", ["1"], ["ses"]),
    ("ses + (1 | school) + public", "1 + ses + public", ["1"], ["public", "ses"]),
    ("(1 | school) - 1 + ses", "0 + ses", ["1"], ["ses"]),
    ("0 + ses + (1 | school)", "0 + ses", ["1"], ["ses"]),
    ("ses * z - z + (1 | school)", "1 + ses + ses:z", ["1"], ["ses", "z"]),
    ("ses + z - z + (1 | school)", "1 + ses", ["1"], ["ses"]),
    ("1 + (ses | school)", "1", ["1 + ses"], []),
    ("1 + (1 + ses | school)", "1", ["1 + ses"], []),
    ("1 + (0 + ses | school)", "1", ["0 + ses"], []),
    # These are common effects like any other, although formulae's own bar has its troubles with them.
    ("1 + (ses - 1 | school)", "1", ["0 + ses"], []),
    ("1 + (ses + z - 1 | school)", "1", ["0 + ses + z"], []),
    ("1 + (1 + ses - 1 | school)", "1", ["0 + ses"], []),
    ("1 + (ses + 0 | school)", "1", ["0 + ses"], []),
    ("1 + (ses || school)", "1", ["1", "0 + ses"], []),
    ("1 + (0 + ses || school)", "1", ["0 + ses"], []),
    ("1 + (ses - 1 || school)", "1", ["0 + ses"], []),
    ("(a * b || school)", "1", ["1", "0 + a", "0 + b", "0 + a:b"], []),
    ("(np.log(a) + `my b` || school)", "1", ["1", "0 + np.log(a)", "0 + my b"], []),
    ("(1 | school) + (0 + ses | school)", "1", ["1", "0 + ses"], []),
    ("I((a + 1) * 2) + (I((b + 1) * 2) || school)", "1 + I(a + 1 * 2)", ["1", "0 + I(b + 1 * 2)"], ["a"]),
    ("(a + b)**2 + (1 | school)", "1 + a + b + a:b", ["1"], ["a", "b"]),
    ("((a + b))**2 + ((a + b)**2 | school)", "1 + a + b + a:b", ["1 + a + b + a:b"], ["a", "b"]),
    (
        "scale(scale) + log(`log (x|y) @`) + (1 | school)",
        "1 + scale(scale) + log(log (x|y) @)",
        ["1"],
        ["log (x|y) @", "scale"],
    ),
    (
        "C(kind, Sum) + T(kind, ref='a) | (b') + (1 | school)",
        "1 + C(kind, Sum) + T(kind, ref='a) | (b')",
        ["1"],
        ["kind"],
    ),
    ("math.score + `_x` + (1 | school)", "1 + math.score + _x", ["1"], ["_x", "math.score"]),
    ("Sum + C(x, Sum) + (1 | school)", "1 + Sum + C(x, Sum)", ["1"], ["Sum", "x"]),
    # The same word as a column, a contrast, a value and an argument's name: where it stands decides.
    ("C(Treatment, contrast=Treatment) + (1 | school)", "1 + C(Treatment, contrast=Treatment)", ["1"], ["Treatment"]),
    (
        "T(Sum, ref=1) + scale(Treatment) + (1 | school)",
        "1 + T(Sum, ref=1) + scale(Treatment)",
        ["1"],
        ["Sum", "Treatment"],
    ),
    (
        "poly(`True`, 2, raw=True) + log(log) + (1 | school)",
        "1 + poly(True, 2, raw=True) + log(log)",
        ["1"],
        ["True", "log"],
    ),
    ("bs(df, df=4) + {np / C} + (1 | school)", "1 + bs(df, df=4) + I(np / C)", ["1"], ["C", "df", "np"]),
    ("_x + I(x == `False`) + (1 | school)", "1 + _x + I(x == False)", ["1"], ["False", "_x", "x"]),
    ("(np.log(`None`) + C(`Sum`):scale || school)", "1", ["1", "0 + np.log(None)", "0 + C(Sum):scale"], []),
]


@pytest.mark.parametrize(("side", "fixed", "groups", "needed"), READ)
def test_parts_of_a_formula(side, fixed, groups, needed):
    location = parse_formulas(f"score ~ {side}", SCALE).location
    assert location.fixed.text == fixed
    assert [group.text for group in location.groups] == groups
    assert list(location.fixed.columns.values()) == needed
    scale = parse_formulas("score ~ (1 | school)", f"~ {side}").scale
    assert repr((scale.fixed, scale.groups)) == repr((location.fixed, location.groups))


def test_names_in_backticks():
    formulas = parse_formulas("`math | score` ~ `a (b)` + (1 | `the school`)", "~ (`a (b)` || `the school`)")
    assert (formulas.outcome, formulas.school) == ("math | score", "the school")
    assert [group.text for group in formulas.scale.groups] == ["1", "0 + a (b)"]


def test_words_without_backticks_are_the_outcome_and_the_groups():
    formulas = parse_formulas("True ~ log + (1 | None)", "~ (1 | None)")
    assert (formulas.outcome, formulas.school) == ("True", "None")


def test_formulas_that_are_too_long_or_too_deep():
    """Formulae recurses once per term and parenthesis: hundreds are read, thousands refused as anything else is."""
    names = [f"x{i}" for i in range(250)]
    formulas = parse_formulas("score ~ " + "\n + ".join(names) + " + (1 | school)", SCALE)
    assert list(formulas.location.fixed.columns.values()) == sorted(names)
    sides = (
        " + ".join(f"x{i}" for i in range(11_000)),
        f"{'(' * 11_000}x{')' * 11_000}",
        f"I({'-' * 11_000}x)",
        f"I({'x + ' * 11_000}x)",
    )
    for side in sides:  # deeper than any limit that a library may have set
        with pytest.raises(ValueError, match=r"^location cannot be read .*: maximum recursion depth exceeded"):
            parse_formulas(f"score ~ {side} + (1 | school)", SCALE)


HAS_OUTCOME = "location must have an outcome, like 'score ~ ses + (1 | school)'; found"
OUTCOME = "location must have, left of its only '~', the outcome's column, which can be transformed in the data; found"
RANDOM = (
    "location needs random effects of the schools, joined to the other terms by '+', like 'score ~ ses + (1 | school)'"
)
ONE_FACTOR = "location and scale must have one and the same grouping factor; found ['school', 'town']."
BAR = "location must have each bar in its own ( ), with one column right of it, not nested or crossed; found"
TERM = "location needs at least one term, if only the intercept 1, in its fixed part and left of each bar; found"
READ_AS = "location cannot be read as a sum of terms like (1 | school): "
TO_ITS_END = "location cannot be read to its end, as if an operator or a term were missing; found"
POWER = "location has a power of a variable outside of a function, where I(x**2) is meant; found"
OWN_VALUE = "(), which need not give every student their own value; known are np.log and the like, np.where, scale,"
REFUSED = [
    ("1 + (1 | school)", SCALE, HAS_OUTCOME),
    ("~ 1 + (1 | school)", SCALE, HAS_OUTCOME),
    ("", SCALE, f"{HAS_OUTCOME} ''."),
    ("log(y) ~ (1 | school)", SCALE, f"{OUTCOME} 'log(y) ~ (1 | school)'."),
    ("y + z ~ (1 | school)", SCALE, OUTCOME),
    ("y['a'] ~ (1 | school)", SCALE, "location has a [ that means nothing there"),
    ("(y) ~ (1 | school)", SCALE, OUTCOME),
    ("2 ~ (1 | school)", SCALE, OUTCOME),
    ("'y' ~ (1 | school)", SCALE, OUTCOME),
    (
        "y ~ (1 | school)",
        "sd ~ 1 + (1 | school)",
        "scale must not have an outcome, like '~ ses + (1 | school)'; found 'sd ~",
    ),
    ("y ~ ses", SCALE, f"{RANDOM}; found 'y ~ ses'."),
    (
        "y ~ (1 | school)",
        "~ 1",
        "scale needs random effects of the schools, joined to the other terms by '+', like '~ ses",
    ),
    ("y ~ (1 | school)", "", "scale needs random effects of the schools"),
    ("y ~ (1 | school)", "~ (1 | town)", ONE_FACTOR),
    ("y ~ (1 | school) + (1 | town)", SCALE, ONE_FACTOR),
    ("y ~ (1 | school)", "~ (1 | school) + (0 + x | town)", ONE_FACTOR),
    ("y ~ (1 | town/school)", SCALE, f"{BAR} 'y ~ (1 | town/school)'."),
    ("y ~ (1 | town:school)", SCALE, BAR),
    ("y ~ (1 | town*school)", SCALE, BAR),
    ("y ~ (1 | town + school)", SCALE, BAR),
    ("y ~ (1 | C(school))", SCALE, BAR),
    ("y ~ (1 | )", SCALE, BAR),
    ("y ~ (1 | 2)", SCALE, BAR),
    ("y ~ (1 | school | town)", SCALE, BAR),
    ("y ~ (x + (1 | school))", SCALE, BAR),
    ("y ~ 1 + (1 | school", SCALE, BAR),
    ("y ~ 1 | school", SCALE, BAR),
    ("y ~ I(1 | school) + (1 | school)", SCALE, BAR),
    ("y ~ (1 | y)", "~ (1 | y)", "location must have an outcome that is not its grouping factor, too; found 'y'."),
    ("y ~ ( | school)", SCALE, TERM),
    ("y ~ (0 | school)", SCALE, TERM),
    ("y ~ (0 || school)", SCALE, TERM),
    ("y ~ (x - 1 - x | school)", SCALE, TERM),
    ("y ~ 0 + (1 | school)", SCALE, TERM),
    ("y ~ (1 | school)", "~ (1 | school) - 1", "scale needs at least one term, if only the intercept 1"),
    ("y ~ x:(1 | school)", SCALE, f"{READ_AS}unsupported operand"),
    ("y ~ x * (1 | school)", SCALE, f"{READ_AS}unsupported operand"),
    ("y ~ (1 | school) / x", SCALE, f"{READ_AS}unsupported operand"),
    ("y ~ x - (1 | school)", SCALE, RANDOM),
    ("y ~ x - (x | school) + (1 | school)", SCALE, RANDOM),
    ("y ~ (1 | school)(1 | school)", SCALE, READ_AS),
    ("y ~ (1 | school) x", SCALE, TO_ITS_END),
    ("y ~ (x z | school)", SCALE, TO_ITS_END),
    ("y ~ 1 + (1 | school))", SCALE, TO_ITS_END),
    ("y ~ x z + (1 | school)", SCALE, f"{TO_ITS_END} 'y ~ x z + (1 | school)'."),
    ("y ~ x == z + (1 | school)", SCALE, TO_ITS_END),
    ("y ~ x % z + (1 | school)", SCALE, TO_ITS_END),
    ("y ~ (1 | school) + x +", SCALE, TO_ITS_END),
    ("y ~ (1 | school) + x *", SCALE, TO_ITS_END),
    ("y ~ (1 | school) + x -", SCALE, TO_ITS_END),
    ("y ~ `my x + (1 | school)", SCALE, "location has a ` that means nothing there"),
    ("y ~ x ~ z + (1 | school)", SCALE, OUTCOME),
    ("y ~ x + * z + (1 | school)", SCALE, f"{READ_AS}Don't know how to parse '*'"),
    ("y ~ x^2 + (1 | school)", SCALE, f"{READ_AS}Unexpected character: ^"),
    ("y ~ bs(x):z + (1 | school)", SCALE, f"{READ_AS}Interaction with 'bs' is not supported"),
    ("y ~ x**2 + (1 | school)", SCALE, POWER),
    ("y ~ (x)**2 + (1 | school)", SCALE, POWER),
    ("y ~ (log(x + 1))**2 + (1 | school)", SCALE, POWER),
    ("y ~ {x + 1}**2 + (1 | school)", SCALE, POWER),
    ("y ~ (x + z:(w)**2 | school)", SCALE, POWER),
    ("y ~ x + 2 + (1 | school)", SCALE, "location has the term 2, which uses no column"),
    ("y ~ x + 'a' + (1 | school)", SCALE, "location has the term 'a', which uses no column"),
    ("y ~ x['a'] + (1 | school)", SCALE, "location has a [ that means nothing there"),
    *(
        (f"y ~ {function}({rest} + (1 | school)", SCALE, f"location uses {function}{OWN_VALUE}")
        for function, rest in (
            ("f", "1 | school)"),
            ("offset", "x)"),
            ("prop", "x, 2)"),
            ("lag", "x)"),
            ("np.lag", "x)"),
            ("np.sort", "x)"),
            ("np.random.normal", "x)"),
            ("np.add.reduce", "x)"),
            ("np.load", "'x')"),
            ("np.matmul", "x, x)"),
            ("`log`", "x)"),
        )
    ),
    ("y ~ scale(np.mean(x)) + (1 | school)", SCALE, f"location uses np.mean{OWN_VALUE}"),
    ("y ~ scale(lag(x)) + (1 | school)", SCALE, f"location uses lag{OWN_VALUE}"),
    ("y ~ (1 | school)", "~ (lag(x) | school)", f"scale uses lag{OWN_VALUE}"),
    (
        "y ~ I((x+1)*2) + I(x+1*2) + (1 | school)",
        SCALE,
        "location has different terms that are both named 'I(x + 1 * 2)'",
    ),
    ("y ~ x - False + (1 | school)", SCALE, "write `False` for the column of that name; found 'y ~"),
    *(
        (f"y ~ {side}", SCALE, f"location has the word {word}, a value to Python; write `{word}` for the column")
        for side, word in (
            ("True + (1 | school)", "True"),
            ("x:None + (1 | school)", "None"),
            ("np.log(True) + (1 | school)", "True"),
            ("poly(x, 2, True) + (1 | school)", "True"),
            ("(1 + True | school)", "True"),
        )
    ),
    ("y ~ (1 | school)", "~ (False || school)", "scale has the word False, a value to Python"),
    ("y ~ C(1) + (1 | school)", SCALE, "location has the term 'C(1)', which uses no column"),
    ("y ~ x:np.exp(2) + (1 | school)", SCALE, "location has the term 'np.exp(2)', which uses no column"),
]


@pytest.mark.parametrize(("location", "scale", "message"), REFUSED)
def test_refused_formulas(location, scale, message, capfd, caplog):
    """By one sentence that quotes the formula; formulae's own prints and logs stay out of sight."""
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        parse_formulas(location, scale)
    text = str(raised.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_formulas_are_strings():
    with pytest.raises(TypeError, match=r"location must be a formula \(a string\); found int"):
        parse_formulas(3, SCALE)
    with pytest.raises(TypeError, match=r"scale must be a formula \(a string\); found NoneType"):
        parse_formulas("y ~ (1 | school)", None)


def test_a_long_formula_is_not_quoted_at_length():
    formula = "y ~ " + " + ".join(f"x{i}" for i in range(300))
    with pytest.raises(ValueError, match=r"found 'y ~ x0 \+ x1.*\.\.\.\.$") as raised:
        parse_formulas(formula, SCALE)
    assert len(str(raised.value)) < 400
