"""No unit, no origin, no order and no name may matter: the same PIPs, and the same coefficients after conversion."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from posteriors import posterior_of
from scipy import stats

import ssmelsm_helpers as sm
from ssmelsm_helpers.spec.design import build_design
from ssmelsm_helpers.spec.formulas import parse_formulas
from ssmelsm_helpers.spec.model_priors import ModelPriors
from ssmelsm_helpers.spec.standard import DATA_UNITS, Columns, Margins, Units

QUIET = {"progressbar": False, "random_seed": 1}
FEW = QUIET | {"sampler": "importance", "draws": 300}


@pytest.fixture(scope="module")
def students() -> pd.DataFrame:
    """24 schools of five to thirty students, three of them with a larger SD; a covariate, a 0/1 column and a grade."""
    rng = np.random.default_rng(11)
    counts = rng.integers(5, 31, size=24)
    school = np.repeat(np.arange(24), counts)
    x = rng.normal(size=len(school)) + 0.5 * rng.normal(size=24)[school]
    girl = (rng.random(len(school)) < 0.4).astype(int)
    sd = np.exp(0.15 * x - 0.2 * girl + np.where(school < 3, 0.8, 0.0))
    score = 0.3 * x + 0.5 * girl + 0.4 * rng.normal(size=24)[school] + 0.8 * sd * rng.normal(size=len(school))
    grade = rng.choice(list("abc"), size=len(school))
    z = rng.normal(size=len(school))
    score += z * (0.2 + 0.3 * rng.normal(size=24)[school])
    return pd.DataFrame({"school": school, "score": score, "x": x, "girl": girl, "grade": grade, "z": z})


MODELS = {
    "covariates in both": ("score ~ x * girl + (1 | school)", "~ x + (1 | school)"),
    # (Of z, whose zero stays: where it is, the effect of the intercept is another. That is the model, not a unit.)
    "a random slope": ("score ~ x + z + (1 + z | school)", "~ x + (1 | school)"),
    "a 0/1 column": ("score ~ girl + x + (1 | school)", "~ girl + x + (1 | school)"),
}
# What becomes of the data, and of a coefficient per unit of the outcome (a), and of the columns (c).
CHANGES = {
    "points": (lambda d: d.assign(score=500 + 100 * d["score"]), 100.0, 500.0, 1.0),
    "millionths": (lambda d: d.assign(score=1e-6 * d["score"]), 1e-6, 0.0, 1.0),
    "mirrored": (lambda d: d.assign(score=-d["score"]), -1.0, 0.0, 1.0),
    "years": (lambda d: d.assign(x=2010 + d["x"]), 1.0, 0.0, 1.0),
    "metres to millimetres, mirrored": (lambda d: d.assign(x=-1000 * d["x"]), 1.0, 0.0, -1000.0),
    "shuffled": (lambda d: d.sample(frac=1, random_state=2), 1.0, 0.0, 1.0),
    "renamed": (lambda d: d.assign(school=[f"S{(7 * s) % 24:02d}" for s in d["school"]]), 1.0, 0.0, 1.0),
    "the other way round": (lambda d: d, 1.0, 0.0, 1.0),
}


def without_an_order(location: str, scale: str) -> tuple[str, str]:
    """Formulas with their terms in another order."""
    swaps = {"x * girl": "girl * x", "girl + x": "x + girl", "x + z": "z + x"}
    for old, new in swaps.items():
        location, scale = location.replace(old, new), scale.replace(old, new)
    return location, scale


@pytest.fixture(scope="module")
def as_they_are(students):
    return {name: sm.fit(*formulas, students, **FEW) for name, formulas in MODELS.items()}


def x_slope(fit, name: str) -> tuple[float, float]:
    """Posterior mean of the coefficient of x, and its Monte Carlo error."""
    row = sm.convergence(fit).loc[f"{name}[x]"]
    return row["mean"], row["mcse"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_fit_does_not_depend_on_how_the_data_are_counted(model, change, students, as_they_are):
    """24 fits; largest difference in standard errors of some 600 numbers: 4.5 leaves a right fit its luck."""
    make, a, _shift, c = CHANGES[change]
    formulas = without_an_order(*MODELS[model]) if change == "the other way round" else MODELS[model]
    before, after = as_they_are[model], sm.fit(*formulas, make(students), **FEW)
    one, two = sm.pip_table(before), sm.pip_table(after)
    if change == "renamed":
        two = two.loc[[f"S{(7 * s) % 24:02d}" for s in one.index]].set_axis(one.index)
    error = np.hypot(one["pip_mcse"], two["pip_mcse"])
    assert ((one["pip"] - two["pip"]).abs() <= 4.5 * error + 1e-9).all()
    np.testing.assert_allclose(two["sd"], abs(a) * one["sd"], rtol=0.05)
    for name, factor in (("gamma", a / c), ("eta", 1 / c)):
        if change == "years" and model == "covariates in both" and name == "gamma":
            continue  # the slope of boys and girls together now belongs to another year
        (was, e), (is_now, e_now) = x_slope(before, name), x_slope(after, name)
        assert abs(is_now / factor - was) <= 4.5 * np.hypot(e, e_now / factor) + 1e-9
    if change in ("points", "millionths", "years", "shuffled"):  # the very same draws, but for rounding
        np.testing.assert_allclose(two["pip"], one["pip"], atol=1e-6)


@pytest.mark.parametrize("formulation", ["collapsed", "marginal", "sampled"])
def test_so_do_chains_of_every_formulation(formulation, students):
    """All at once: another unit of the outcome, years, other names, another order of the rows."""
    formulas = MODELS["a 0/1 column"]
    few = students[students["school"] < 10]
    run = {"draws": 200, "tune": 200, "chains": 2, "formulation": formulation} | QUIET
    other = few.assign(
        score=1e7 + 1e6 * few["score"], x=2010 + 0.001 * few["x"], school=[f"S{s}" for s in few["school"]]
    )
    one, two = (sm.fit(*formulas, d, **run) for d in (few, other.sample(frac=1, random_state=1)))
    pips = [sm.pip_table(fit) for fit in (one, two)]
    error = np.hypot(pips[0]["pip_mcse"], pips[1]["pip_mcse"].to_numpy())
    assert ((pips[0]["pip"] - pips[1]["pip"].to_numpy()).abs() <= 4.5 * error).all()
    for name, factor in (("gamma", 1e6 / 0.001), ("eta", 1000)):
        (was, e), (now, e_now) = x_slope(one, name), x_slope(two, name)
        assert abs(now / factor - was) <= 4.5 * np.hypot(e, e_now / factor)


ANY_FORMULAS = [
    ("score ~ x * girl + (1 | school)", "~ x * girl + (1 | school)"),
    ("score ~ x + I(x**2) + (1 | school)", "~ x + I(x**2) + (1 | school)"),
    ("score ~ x * girl * z + (x || school)", "~ x * z + (1 + girl | school)"),
    ("score ~ C(grade) * x + (1 | school)", "~ C(grade) * x + (1 | school)"),
    ("score ~ 0 + C(grade) + x + (1 | school)", "~ 0 + C(grade) + x + (1 | school)"),
    ("score ~ 0 + C(grade) + C(grade):x + (1 | school)", "~ 1 + (1 | school)"),
]


@pytest.mark.parametrize("formulas", ANY_FORMULAS)
def test_the_standard_scale_and_the_priors_on_it_are_the_same(formulas, students):
    """Products, powers, levels without an intercept: what the samplers see does not change, whatever the formulation."""
    data = students
    moved = data.assign(score=1e6 + 1e3 * data["score"], x=2010 + 0.5 * data["x"], z=-1000 + 300 * data["z"])
    found = []
    for d in (data, moved):
        design = build_design(parse_formulas(*formulas), d)
        margins = Margins.of(design)
        units = Units(margins)
        found.append((units.of_design(design), ModelPriors.of(sm.Priors(), margins, units)))
    (one, priors), (two, other_priors) = found
    for name in ("y", "X", "W", "S"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(two, name), atol=1e-5, err_msg=name
        )  # of years and their products
    for part in ("gamma", "eta"):
        was, is_now = getattr(priors, part), getattr(other_priors, part)
        assert was.plain
        assert is_now.plain
        for a, b in zip(was.priors, is_now.priors, strict=True):
            assert (a.mean, a.sd) == pytest.approx((b.mean, b.sd), abs=1e-6)
    assert [(p.df, p.scale) for p in priors.tau] == [pytest.approx((p.df, p.scale)) for p in other_priors.tau]


@pytest.mark.parametrize("formulas", ANY_FORMULAS)
def test_the_way_to_the_standard_scale_leads_back(formulas, students):
    """Same fitted values and log SDs for the same parameters, and the same log likelihood and prior density."""
    data = students.assign(x=2010 + 3 * students["x"])
    design = build_design(parse_formulas(*formulas), data.assign(score=50 + 7 * data["score"]))
    units = Units(Margins.of(design))
    standard, rng = units.of_design(design), np.random.default_rng(5)
    K, M = len(design.location_effects), len(design.effects)
    draws = {"gamma": rng.normal(size=(2, 3, standard.X.shape[1])), "eta": rng.normal(size=(2, 3, standard.W.shape[1]))}
    draws |= {
        "tau": rng.random((2, 3, M)),
        "u": rng.normal(size=(2, 3, 24, K)),
        "t": rng.normal(size=(2, 3, 24, M - K)),
    }
    drawn = {name: value[..., 0] if value.shape[-1] == 1 and name in "ut" else value for name, value in draws.items()}
    there = units.to_data(drawn)
    np.testing.assert_allclose(
        there["gamma"] @ design.X.T, units.shift + units.unit * draws["gamma"] @ standard.X.T, rtol=1e-6
    )
    np.testing.assert_allclose(there["eta"] @ design.W.T, np.log(units.unit) + draws["eta"] @ standard.W.T, atol=1e-6)
    for name, columns, own, factor in (("u", design.Z, standard.Z, units.unit), ("t", design.S, standard.S, 1.0)):
        effects = there[name] if there[name].ndim == 4 else there[name][..., None]
        ours = draws[name]
        np.testing.assert_allclose(effects[..., 0, :] @ columns.T, factor * ours[..., 0, :] @ own.T, atol=1e-9)
    for back, was in zip(units.to_standard(there["gamma"], there["eta"], there["tau"]), draws.values(), strict=False):
        np.testing.assert_allclose(back, was, atol=1e-6)


def test_densities_on_both_scales_differ_by_the_coordinates_volume_only(students):
    """Given numbers, distributions and defaults together: evidence is that of the data in their own units."""
    import pymc as pm

    priors = sm.Priors(
        gamma_intercept_sd=2.0, eta=pm.Laplace.dist(0.1, 0.7), tau_u=pm.HalfNormal.dist(3.0), tau_t_scale=0.4
    )
    moved = students.assign(x=30 + 4 * students["x"], score=5 + 2 * students["score"])
    design = build_design(parse_formulas("score ~ x + (1 + x | school)", "~ x + (1 | school)"), moved)
    plain, standard = (posterior_of(design, 0.3, priors, standard=on) for on in (False, True))
    differences = []
    for seed in range(4):
        x = standard.start()[0] + np.random.default_rng(seed).normal(scale=0.2, size=standard.size)
        tau, _ = standard.covariance.constrain(x[standard.effects])
        there = standard.units.to_data(
            {"gamma": x[standard.gamma], "eta": x[standard.eta], "tau": tau, "u": np.zeros((1, 2)), "t": np.zeros(1)}
        )
        y = np.concatenate([there["gamma"], there["eta"], np.log(there["tau"]), x[standard.effects][3:]])
        differences.append(standard.log_density_and_gradient(x)[0] - plain.log_density_and_gradient(y)[0])
    u = standard.units
    # gamma = unit A^-1 g and eta = B^-1 h with det A and det B the products of the sizes; log tau only moves.
    volume = sum(-np.log(columns.size).sum() for columns in (u.margins.location, u.margins.scale)) + 2 * np.log(u.unit)
    np.testing.assert_allclose(differences, volume, atol=1e-6)


def test_default_priors_are_those_of_the_table(students):
    """In the data's units, by their definitions."""
    design = build_design(parse_formulas("score ~ x + girl + (1 + x | school)", "~ x + (1 + x | school)"), students)
    y, x, girl = (students[name] for name in ("score", "x", "girl"))
    found = ModelPriors.of(sm.Priors(), Margins.of(design), DATA_UNITS)
    expected = [(y.mean(), 3 * y.std()), (0, 1000 * y.std() / x.std()), (0, 1000 * y.std() / girl.std())]
    assert [(p.mean, p.sd) for p in found.gamma.priors] == [pytest.approx(pair) for pair in expected]
    np.testing.assert_allclose(found.gamma.rows[0], [1, x.mean(), girl.mean()])
    np.testing.assert_allclose(found.gamma.rows[1:], np.eye(3)[1:])
    assert [(p.mean, p.sd) for p in found.eta.priors] == [
        pytest.approx(p) for p in [(np.log(y.std()), 3), (0, 3 / x.std())]
    ]
    scales = [y.std(), y.std() / x.std(), 1, 1 / x.std()]
    assert [(p.df, p.scale) for p in found.tau] == [pytest.approx((3, scale)) for scale in scales]


def test_what_is_given_is_about_the_formulas_own_columns(students):
    """Numbers and the reference's priors, at the covariates' zero; the rest stays relative."""
    design = build_design(
        parse_formulas("score ~ x + (1 | school)", "~ x + (1 | school)"), students.assign(x=students["x"] + 9)
    )
    margins, y = Margins.of(design), students["score"]
    reference = ModelPriors.of(sm.Priors.reference(), margins, DATA_UNITS)
    assert reference.gamma.plain
    assert reference.eta.plain
    assert [(p.mean, p.sd) for p in reference.gamma.priors] == [pytest.approx((y.mean(), 3 * y.std())), (0.0, 1000.0)]
    assert [(p.mean, p.sd) for p in reference.eta.priors] == [(0.0, 3.0), (0.0, 3.0)]
    assert [(p.df, p.scale) for p in reference.tau] == [(3.0, 1.0), (3.0, 1.0)]
    given = ModelPriors.of(sm.Priors(gamma_intercept_mean=5.0, eta_intercept_sd=0.2), margins, DATA_UNITS)
    assert given.gamma.plain
    assert (given.gamma.priors[0].mean, given.gamma.priors[0].sd) == pytest.approx((5.0, 3 * y.std()))
    assert (given.eta.priors[0].mean, given.eta.priors[0].sd) == pytest.approx((np.log(y.std()), 0.2))
    assert given.eta.priors[1].sd == pytest.approx(3 / students["x"].std())


def test_given_priors_mean_the_same_on_the_standard_scale(students):
    """A prior about the formula's intercept is one about a combination there, with the same density but for its volume."""
    design = build_design(
        parse_formulas("score ~ x + (1 | school)", "~ x + (1 | school)"), students.assign(x=students["x"] + 9)
    )
    margins = Margins.of(design)
    units = Units(margins)
    priors = ModelPriors.of(sm.Priors(gamma_intercept_mean=0.5, gamma_intercept_sd=0.2), margins, units)
    for g in np.random.default_rng(1).normal(size=(3, 2)):
        there = units.to_data({"gamma": g, "eta": g, "tau": np.ones(2), "u": np.ones(1), "t": np.ones(1)})["gamma"]
        sd = 1000 * margins.sd / students["x"].std()
        expected = stats.norm.logpdf(there[0], 0.5, 0.2) + stats.norm.logpdf(there[1], 0, sd)
        volume = 2 * np.log(units.unit) - np.log(margins.location.size).sum()
        assert priors.gamma.log_density(g) == pytest.approx(expected + volume, abs=1e-8)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("Intercept", "x", "z", "x:z"), {"x:z": ["x", "z"]}),
        (("Intercept", "x", "I(x ** 2)"), {"I(x ** 2)": ["x"]}),
        (("Intercept", "C(g)[b]", "x", "C(g)[b]:x"), {"C(g)[b]:x": ["C(g)[b]", "x"]}),
        (("Intercept", "x", "C(g)[x]"), {}),  # a level named like a column
        (("Intercept", "x", "z", "w", "x:z", "x:z:w"), {"x:z": ["x", "z"], "x:z:w": ["x", "z", "w", "x:z"]}),
        (
            ("Intercept", "x", "np.log(x)", "z", "np.log(x):z"),
            {"np.log(x)": ["x"], "np.log(x):z": ["x", "np.log(x)", "z"]},
        ),
    ],
)
def test_products_and_functions_know_their_parts(names, parts):
    from ssmelsm_helpers.spec.standard import _parts

    found = {name: [names[at] for at in _parts(names, k)] for k, name in enumerate(names)}
    assert {name: value for name, value in found.items() if value} == parts


def test_a_model_without_a_constant_keeps_its_origin():
    """Without an intercept a shift of the outcome is another model; another unit is not, where the scale has a constant."""
    x = np.random.default_rng(1).normal(size=(50, 1)) + 3
    columns = Columns.of(["x"], x)
    assert not columns.constant.any()
    np.testing.assert_array_equal(columns.centring, [[1.0]])


EXAMPLES = {
    "years": lambda d: d.assign(x=2010 + d["x"]),
    "age in months": lambda d: d.assign(x=186 + 3.5 * d["x"]),
    "millions": lambda d: d.assign(score=1e6 * d["score"]),
    "millionths": lambda d: d.assign(x=1e-6 * d["x"]),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_prior_that_counts_for_more_than_the_data_is_named(example, students):
    """The absolute priors in units they are not made for; the defaults say nothing."""
    formulas, data = ("score ~ x + (1 | school)", "~ 1 + (1 | school)"), EXAMPLES[example](students)
    with pytest.warns(UserWarning, match=r"the prior counts for more than the data in gamma\[(x|Intercept)\] ~ Normal"):
        sm.fit(*formulas, data, sampler="importance", priors=sm.Priors.reference(), **QUIET)
    fit = sm.fit(*formulas, data, sampler="importance", **QUIET)
    used = json.loads(fit.attrs["priors"])
    assert used["gamma[Intercept]"].endswith("at the means of the other columns")
    assert used["omega"] == "LKJ(1)"
