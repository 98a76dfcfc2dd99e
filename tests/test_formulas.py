"""Formulas in lme4's notation: what is read, and what is refused in one sentence. No data here."""

import logging
import re

import pytest

from ssmelsm_helpers.spec.expressions import variables
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


# The right side, its fixed part, its group terms, the columns that the fixed part needs.
READ = [
    ("ses * school_ses + (1 | school)", "ses * school_ses", ["1"], ["school_ses", "ses"]),
    ("(1 | school) + ses", "ses", ["1"], ["ses"]),
    ("ses + (1 | school) + public", "ses + public", ["1"], ["public", "ses"]),
    ("(1 | school) - 1 + ses", "- 1 + ses", ["1"], ["ses"]),
    ("0 + ses + (1 | school)", "0 + ses", ["1"], ["ses"]),
    ("1 + (ses | school)", "1", ["ses"], []),
    ("1 + (1 + ses | school)", "1", ["1 + ses"], []),
    ("1 + (0 + ses | school)", "1", ["0 + ses"], []),
    ("1 + (ses || school)", "1", ["1", "0 + `ses`"], []),
    ("1 + (0 + ses || school)", "1", ["0 + `ses`"], []),
    ("1 + (ses - 1 || school)", "1", ["0 + `ses`"], []),
    ("(a * b || school)", "1", ["1", "0 + `a`", "0 + `b`", "0 + `a`:`b`"], []),
    ("(np.log(a) + `my b` || school)", "1", ["1", "0 + np.log(a)", "0 + `my b`"], []),
    ("(1 | school) + (0 + ses | school)", "1", ["1", "0 + ses"], []),
    ("I((a + 1) * 2) + (1 | school)", "I((a + 1) * 2)", ["1"], ["a"]),
    ("(a + b)**2 + (1 | school)", "(a + b)**2", ["1"], ["a", "b"]),
    (
        "scale(scale) + log(`log (x|y) @`) + (1 | school)",
        "scale(scale) + log(`log (x|y) @`)",
        ["1"],
        ["log (x|y) @", "scale"],
    ),
    ("C(kind, Sum) + T(kind, ref='a) | (b') + (1 | school)", "C(kind, Sum) + T(kind, ref='a) | (b')", ["1"], ["kind"]),
    ("math.score + `_x` + (1 | school)", "math.score + `_x`", ["1"], ["_x", "math.score"]),
    ("Sum + C(x, Sum) + (1 | school)", "Sum + C(x, Sum)", ["1"], ["Sum", "x"]),
    # The same word as a column, a contrast, a value and an argument's name: where it stands decides.
    ("C(Treatment, contrast=Treatment) + (1 | school)", "C(Treatment, contrast=Treatment)", ["1"], ["Treatment"]),
    (
        "T(Sum, ref=1) + scale(Treatment) + (1 | school)",
        "T(Sum, ref=1) + scale(Treatment)",
        ["1"],
        ["Sum", "Treatment"],
    ),
    (
        "poly(`True`, 2, raw=True) + log(log) + (1 | school)",
        "poly(`True`, 2, raw=True) + log(log)",
        ["1"],
        ["True", "log"],
    ),
    ("bs(df, df=4) + {np / C} + (1 | school)", "bs(df, df=4) + {np / C}", ["1"], ["C", "df", "np"]),
    ("_x + I(x == `False`) + (1 | school)", "_x + I(x == `False`)", ["1"], ["False", "_x", "x"]),
    ("(np.log(`None`) + C(`Sum`):scale || school)", "1", ["1", "0 + np.log(`None`)", "0 + C(`Sum`):`scale`"], []),
]


@pytest.mark.parametrize(("side", "fixed", "groups", "needed"), READ)
def test_parts_of_a_formula(side, fixed, groups, needed):
    location = parse_formulas(f"score ~ {side}", SCALE).location
    assert location.fixed == fixed
    assert location.groups == tuple(groups)
    assert variables(location.fixed) == needed
    scale = parse_formulas("score ~ (1 | school)", f"~ {side}").scale
    assert (scale.fixed, scale.groups) == (location.fixed, location.groups)


def test_names_in_backticks():
    formulas = parse_formulas("`math | score` ~ `a (b)` + (1 | `the school`)", "~ (`a (b)` || `the school`)")
    assert (formulas.outcome, formulas.school) == ("math | score", "the school")
    assert formulas.scale.groups == ("1", "0 + `a (b)`")


def test_formulas_of_any_length():
    """Formulae's own parser recurses, and gives up at some 500 terms."""
    names = [f"x{i}" for i in range(700)]
    formula = "score ~ " + "\n + ".join(names) + " + (1 | school)"
    assert variables(parse_formulas(formula, SCALE).location.fixed) == sorted(names)


REFUSED = [
    ("1 + (1 | school)", SCALE, "location must be a formula with an outcome, like 'score ~ ses + (1 | school)'; found"),
    ("~ 1 + (1 | school)", SCALE, "location must be a formula with an outcome"),
    ("", SCALE, "location must be a formula with an outcome, like 'score ~ ses + (1 | school)'; found ''."),
    (
        "log(y) ~ (1 | school)",
        SCALE,
        "location must name its outcome as a column of data, which can be transformed there; found 'log(y)'",
    ),
    ("y + z ~ (1 | school)", SCALE, "found 'y + z' in"),
    (
        "y ~ (1 | school)",
        "sd ~ 1 + (1 | school)",
        "scale must not have an outcome, like '~ ses + (1 | school)'; found 'sd ~",
    ),
    (
        "y ~ ses",
        SCALE,
        "location needs random effects of the schools, like 'score ~ ses + (1 | school)'; found 'y ~ ses'.",
    ),
    ("y ~ (1 | school)", "~ 1", "scale needs random effects of the schools, like '~ ses + (1 | school)'; found '~ 1'."),
    ("y ~ (1 | school)", "", "scale needs random effects of the schools"),
    ("y ~ (1 | school)", "~ (1 | town)", "location groups by 'school' and scale by 'town'; they must be the same."),
    (
        "y ~ (1 | school) + (1 | town)",
        SCALE,
        "location must have one grouping factor, not ['school', 'town']; found 'y ~",
    ),
    (
        "y ~ (1 | school)",
        "~ (1 | school) + (0 + x | town)",
        "scale must have one grouping factor, not ['school', 'town']",
    ),
    ("y ~ (1 | town/school)", SCALE, "location must not nest or cross its groups, as 'town/school' does"),
    ("y ~ (1 | town:school)", SCALE, "location must not nest or cross its groups, as 'town:school' does"),
    ("y ~ (1 | town*school)", SCALE, "location must not nest or cross its groups, as 'town*school' does"),
    ("y ~ (1 | town + school)", SCALE, "location must have one column of data right of the bar, not 'town + school'"),
    ("y ~ (1 | C(school))", SCALE, "location must have one column of data right of the bar, not 'C(school)'"),
    ("y ~ (1 | )", SCALE, "location must have one column of data right of the bar, not ''"),
    ("y ~ (1 | school | town)", SCALE, "location must have one column of data right of the bar, not 'school | town'"),
    ("y ~ (1 | y)", "~ (1 | y)", "location has 'y' both as its outcome and as its grouping factor; they must differ."),
    ("y ~ ( | school)", SCALE, "location has a group term '( | school)' without effects"),
    ("y ~ (0 | school)", SCALE, "location has a group term '(0 | school)' without effects"),
    ("y ~ 0 + (1 | school)", SCALE, "location needs at least one fixed term, if only the intercept 1"),
    ("y ~ (1 | school)", "~ (1 | school) - 1", "scale needs at least one fixed term, if only the intercept 1"),
    ("y ~ x:(1 | school)", SCALE, "location must join its group terms to the others by '+'"),
    ("y ~ x * (1 | school)", SCALE, "location must join its group terms to the others by '+'"),
    ("y ~ x - (1 | school)", SCALE, "location must join its group terms to the others by '+'"),
    ("y ~ (1 | school)(1 | school)", SCALE, "location must join its group terms to the others by '+'"),
    (
        "y ~ (x + (1 | school))",
        SCALE,
        "location has a group term inside other parentheses, where it must stand by itself",
    ),
    ("y ~ 1 + (1 | school", SCALE, "location has a '(' without its ')'; found 'y ~ 1 + (1 | school'."),
    ("y ~ 1 + (1 | school))", SCALE, "location has a ')' without its '('"),
    ("y ~ 1 | school", SCALE, "location has a bar outside parentheses; write (1 | school)"),
    ("y ~ `my x + (1 | school)", SCALE, "location has a ` that is not closed"),
    ("y ~ x ~ z + (1 | school)", SCALE, "location has more than one '~'"),
    ("y ~ x + * z + (1 | school)", SCALE, "location cannot be read: Don't know how to parse '*'"),
    ("y ~ x + + (1 | school)", SCALE, "location cannot be read: Don't know how to parse its end"),
    ("y ~ x^2 + (1 | school)", SCALE, "location cannot be read: Unexpected character: ^"),
    ("y ~ x z + (1 | school)", SCALE, "location cannot be read: 'z' follows 'x' without an operator"),
    ("y ~ f(1 | school) + (1 | school)", SCALE, "location cannot be read:"),
    ("y ~ bs(x):z + (1 | school)", SCALE, "location cannot be read: Interaction with 'bs' is not supported"),
    (
        "y ~ x**2 + (1 | school)",
        SCALE,
        "location has a power of a variable outside of a function, where I(x**2) is meant",
    ),
    ("y ~ x + 2 + (1 | school)", SCALE, "location has the number 2 as a term"),
    ("y ~ x['a'] + (1 | school)", SCALE, "location has a level in brackets after 'x', which only a response can have"),
    ("y ~ offset(x) + (1 | school)", SCALE, "location uses offset(), which this model does not have"),
    ("y ~ lag(x) + (1 | school)", SCALE, "location uses the unknown function 'lag'; known are"),
    ("y ~ np.lag(x) + (1 | school)", SCALE, "location uses the unknown function 'np.lag'; known are"),
    ("y ~ np.sort(x) + (1 | school)", SCALE, "location uses np.sort(), which need not give every student a value of"),
    ("y ~ scale(np.mean(x)) + (1 | school)", SCALE, "location uses np.mean(), which need not give every student"),
    ("y ~ np.random.normal(x) + (1 | school)", SCALE, "location uses np.random.normal(), which need not give"),
    ("y ~ np.add.reduce(x) + (1 | school)", SCALE, "location uses np.add.reduce(), which need not give"),
    ("y ~ np.load('x') + (1 | school)", SCALE, "location uses np.load(), which need not give"),
    ("y ~ log(x, 3) + (1 | school)", SCALE, "location must give log() 1 and no other arguments"),
    ("y ~ exp(x, x) + (1 | school)", SCALE, "location must give exp() 1 and no other arguments"),
    ("y ~ scale(lag(x)) + (1 | school)", SCALE, "location uses the unknown function 'lag'; known are"),
    (
        "y ~ I((x+1)*2) + I(x+1*2) + (1 | school)",
        SCALE,
        "location has different terms that are both named 'I(x + 1 * 2)'",
    ),
    (
        "y ~ True + (1 | school)",
        SCALE,
        "location has the word True, which Python reads as a value; write it in backticks",
    ),
    (
        "y ~ x - False + (1 | school)",
        SCALE,
        "as `False`, for the column of that name, or rename the column; found 'y ~",
    ),
    ("y ~ x:None + (1 | school)", SCALE, "location has the word None, which Python reads as a value"),
    ("y ~ np.log(True) + (1 | school)", SCALE, "location has the word True, which Python reads as a value"),
    ("y ~ poly(x, 2, True) + (1 | school)", SCALE, "location has the word True, which Python reads as a value"),
    ("y ~ (1 + True | school)", SCALE, "location has the word True, which Python reads as a value"),
    ("y ~ (1 | school)", "~ (False || school)", "scale has the word False, which Python reads as a value"),
    ("y ~ C(1) + (1 | school)", SCALE, "location has the term 'C(1)', which uses no column"),
    ("y ~ x:np.exp(2) + (1 | school)", SCALE, "location has the term 'np.exp(2)', which uses no column"),
    ("y ~ `log`(x) + (1 | school)", SCALE, "location has a '(' after `log`, which names a column and no function"),
    (
        "y ~ (I((x+1)*2) || school)",
        SCALE,
        "location has a function left of '||' that has to be written out, as (1 | g) + (0 + f(x) | g)",
    ),
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


def test_the_logger_is_left_as_it_was():
    logger = logging.getLogger("formulae")
    before = list(logger.filters)
    parse_formulas("y ~ x + (x | school)", SCALE)
    assert logger.filters == before
