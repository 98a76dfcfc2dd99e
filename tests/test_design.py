"""Formulas in lme4's notation: those that ask for random intercepts are read, all others refused by name."""

import re

import pytest

from ssmelsm_helpers.design import parse_intercept_only


@pytest.mark.parametrize(
    ("location", "scale"),
    [
        ("score ~ 1 + (1 | school)", "~ 1 + (1 | school)"),
        ("score~1+(1|school)", "~1+(1|school)"),
        ("score ~ (1 | school)", "~ (1 | school)"),
        ("score ~ (1 | school) + 1", "1 + (1 | school)"),
    ],
)
def test_the_same_model_in_several_spellings(location, scale):
    assert parse_intercept_only(location, scale) == ("score", "school")


@pytest.mark.parametrize(
    ("location", "scale", "message"),
    [
        ("1 + (1 | school)", "~ 1 + (1 | school)", "location must be a formula with an outcome"),
        ("y ~ 1 + (1 | school)", "sd ~ 1 + (1 | school)", "scale must not have an outcome"),
        ("y ~ ses + (1 | school)", "~ 1 + (1 | school)", "location must be '1 + (1 | school)'"),
        ("y ~ 1 + (1 + ses | school)", "~ 1 + (1 | school)", "location must be '1 + (1 | school)'"),
        ("y ~ 0 + (1 | school)", "~ 1 + (1 | school)", "location must be '1 + (1 | school)'"),
        ("y ~ 1 + (1 | school)", "~ ses + (1 | school)", "scale must be '1 + (1 | school)'"),
        ("y ~ 1 + (1 | school)", "~ 1", "scale must be '1 + (1 | school)'"),
        ("y ~ 1 + (1 | school) + (1 | town)", "~ 1 + (1 | school)", "location must be '1 + (1 | school)'"),
        ("y ~ 1 + (1 | school)", "~ 1 + (1 | town)", "location groups by 'school' and scale by 'town'"),
        ("y ~ 1 + (1 | school", "~ 1 + (1 | school)", "location: the formula '1 + (1 | school' cannot be read"),
        ("y ~ ", "~ 1 + (1 | school)", "location"),
    ],
)
def test_other_models_are_refused(location, scale, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_intercept_only(location, scale)


def test_formulas_are_strings():
    with pytest.raises(TypeError, match=r"location must be a formula \(a string\); found int"):
        parse_intercept_only(3, "~ 1 + (1 | school)")
    with pytest.raises(TypeError, match=r"scale must be a formula \(a string\); found NoneType"):
        parse_intercept_only("y ~ 1 + (1 | school)", None)
