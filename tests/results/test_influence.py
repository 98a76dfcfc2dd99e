"""The PIP without each student is that of fits without the student, and of a computation of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from brute_force import Case, log_slab_dense, log_spike
from scipy.special import expit

import ssmelsm_helpers as sm
from ssmelsm_helpers.fitting.weights import GOOD_PARETO_K
from ssmelsm_helpers.model.cells import Cells, cells_of, without_each
from ssmelsm_helpers.spec.design import build_design
from ssmelsm_helpers.spec.formulas import parse_formulas

PLAIN = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
SES = "score ~ ses + (1 | school)", "~ ses + (1 | school)"
# Numbers, so that a fit without a student has the same priors: those left out would be relative to the data.
PRIORS = sm.Priors(
    gamma_intercept_mean=0.0, gamma_intercept_sd=3.0, gamma_sd=10.0, eta_sd=3.0, tau_u_scale=1.0, tau_t_scale=1.0
)


def fitted(model, students, **options):
    """By importance sampling, with many draws."""
    options = {"priors": PRIORS, "sampler": "importance", "random_seed": 1, "progressbar": False} | options
    return sm.fit(*model, students, **options)


def assert_refits_agree(model, students, found, rows, **options):
    """Rows of an influence table against fits without the student, within Monte Carlo error."""
    for row in rows:
        one = found[found["row"] == row].iloc[0]
        refit = sm.pip_table(fitted(model, students.drop(index=students.index[row]), **options)).loc[one["school"]]
        assert abs(one["pip"] - refit["pip"]) < 4.5 * np.hypot(one["pip_mcse"], refit["pip_mcse"]), one


@pytest.fixture(scope="module")
def students() -> pd.DataFrame:
    """Thirty schools, of which some deviate, with a covariate; rows in no order, with an index of their own."""
    made = sm.simulate_schools(n_schools=30, n_students=25, tau_t=0.4, inclusion=0.4, random_seed=3).students
    made["ses"] = np.random.default_rng(1).normal(size=len(made))
    made["score"] += 0.2 * made["ses"]
    return made.sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def outlier() -> pd.DataFrame:
    """Thirty ordinary schools of sixty, and one pupil at ten SDs in the first of them."""
    made = sm.simulate_schools(n_schools=30, n_students=60, inclusion=0.0, random_seed=2).students
    first = made["school"] == made["school"].iloc[0]
    made.loc[made.index[0], "score"] = made.loc[first, "score"].mean() + 10 * made.loc[first, "score"].std()
    return made


@pytest.mark.parametrize("model", [PLAIN, SES])
def test_without_a_student_is_a_fit_without(model, students):
    found = sm.influence(fitted(model, students), students)
    assert found["school"].nunique() >= 2
    strongest = found.groupby("school", sort=False)["row"].first().head(2)
    weakest = found.groupby("school", sort=False)["row"].last().head(1)
    assert_refits_agree(model, students, found, [*strongest, *weakest])
    assert (found["pareto_k"] <= GOOD_PARETO_K).all()


def test_the_draws_say_it(students):
    """All of one school again, from the draws and the model's definition."""
    fit = fitted(PLAIN, students, draws=250)
    found = sm.influence(fit, students).query("school == school.iloc[0]").sort_values("row")
    y = found["outcome"].to_numpy()
    assert y.tolist() == students["score"].iloc[found["row"]].tolist()
    draws = {name: fit["posterior"][name].to_numpy().ravel() for name in ("gamma", "eta", "rho")}
    tau_u, tau_t = fit["posterior"]["tau"].to_numpy().reshape(-1, 2).T
    known = (draws["gamma"], draws["eta"], tau_u, tau_t, draws["rho"])

    def seen(y):
        case = Case(len(y), y.mean(), ((y - y.mean()) ** 2).sum(), *known)
        spike, slab = log_spike(case), log_slab_dense(case)
        return np.logaddexp(spike, slab), expit(slab - spike)

    log_p, inclusion = seen(y)
    pips, k_hats = np.empty((2, len(y)))
    for at in range(len(y)):
        log_less, inclusion_less = seen(np.delete(y, at))
        log_weights, k_hats[at] = array_stats.psislw(log_p - log_less)
        pips[at] = np.exp(log_weights) @ inclusion_less
    assert sm.pip_table(fit)["pip"].max() == pytest.approx(inclusion.mean(), abs=1e-5)
    np.testing.assert_allclose(found["pip"], pips, atol=1e-5)
    np.testing.assert_allclose(found["pareto_k"], k_hats, atol=1e-3)


@pytest.mark.filterwarnings("ignore:one student makes")
def test_one_pupil_at_ten_sds(outlier):
    """Without whom the school is as it was; weights cannot know, and a new fit says so."""
    fit = fitted(PLAIN, outlier)
    table = sm.pip_table(fit)
    school = outlier["school"].iloc[0]
    assert table.loc[school, "pip"] > 0.99
    found = sm.influence(fit, outlier, school=school)
    first = found.iloc[0]
    assert first["row"] == 0
    assert first["pip"] < 0.6
    assert first[["removal", "students_to_unflag"]].tolist() == [1, 1]
    assert (found["pip"].iloc[1:] > 0.99).all()
    assert_refits_agree(PLAIN, outlier, found, [0])


@pytest.mark.filterwarnings("ignore:one student makes")
def test_priors_that_cannot_be_read_are_no_refit(outlier):
    import pymc as pm

    found = sm.influence(fitted(PLAIN, outlier, priors=sm.Priors(tau_t=pm.HalfStudentT.dist(3, 1))), outlier)
    first = found[found["row"] == 0].iloc[0]
    assert first["pareto_k"] > GOOD_PARETO_K
    assert not found["refitted"].any()
    assert pd.isna(first["students_to_unflag"])


def test_students_who_carry_the_flag(students):
    """Without all of them the flag is gone, with the last of them it is there."""
    found = sm.influence(fitted(PLAIN, students), students)
    carried = found[found["removal"].notna() & found["students_to_unflag"].notna()].sort_values("removal")
    assert len(carried)
    school = carried["school"].iloc[0]
    rows = carried.loc[carried["school"] == school, "row"].tolist()
    assert len(rows) == carried["students_to_unflag"].iloc[0]
    for gone, flagged in ((rows, False), (rows[:-1], True)):
        row = sm.pip_table(fitted(PLAIN, students.drop(index=students.index[gone]))).loc[school]
        assert (row["pip"] > 0.75 - 4 * row["pip_mcse"]) if flagged else (row["pip"] < 0.75 + 4 * row["pip_mcse"])


def test_students_and_summaries_say_the_same(students):
    """Columns may have any name, and the summary need not come with the data's order."""
    renamed = students.rename(columns={"school": "School ID", "score": "Total score"})
    schools = sm.summarise_schools(renamed, outcome="Total score", school="School ID")
    options = {"priors": PRIORS, "sampler": "importance", "random_seed": 1, "progressbar": False}
    found = sm.influence(sm.fit_schools(schools, **options), renamed, outcome="Total score")
    # The same draws but for the rounding of the summaries.
    pd.testing.assert_frame_equal(found, sm.influence(fitted(PLAIN, students), students), atol=1e-4)
    with pytest.raises(ValueError, match="outcome must name a column of data, since the fit knows only"):
        sm.influence(sm.fit_schools(schools, **options), renamed)


def test_other_frames_a_learned_pi_and_nuts(students):
    import polars as pl

    options = {"inclusion_prior": sm.Beta(1, 1), "sampler": "nuts", "draws": 500, "chains": 2}
    fit = fitted(PLAIN, students, **options)
    found = sm.influence(fit, pl.from_pandas(students))
    pd.testing.assert_frame_equal(found, sm.influence(fit, students))
    assert_refits_agree(PLAIN, students, found, [found["row"].iloc[0]], **options)


@pytest.mark.filterwarnings("ignore:the prior counts for more")
def test_small_schools(students):
    """Without its only student a school has its prior probability; without the third of three, two equal ones no posterior."""
    few = pd.DataFrame({"school": ["one", *["three"] * 3], "score": [0.5, 1.0, 1.0, 1.5], "ses": 0.0})
    data = pd.concat([students.assign(school=students["school"].astype(str)), few], ignore_index=True)
    found = sm.influence(fitted(PLAIN, data), data, school=["one", "three"]).set_index("row")
    alone, equal = len(students), len(students) + 3
    assert found.loc[alone, "pip"] == pytest.approx(0.5, abs=4 * found.loc[alone, "pip_mcse"])
    assert np.isnan(found.loc[equal, "pip"])
    assert found["pip"].isna().sum() == 1
    assert (found["students_to_unflag"] == 0).all()
    # Students who are alike in everything are so in this, too.
    assert found.loc[equal - 2, "pip"] == found.loc[equal - 1, "pip"]


def test_cells_without_a_student_are_those_of_the_others():
    data = pd.DataFrame({"school": [*"aaaaabb"], "score": [1.0, 2, 4, 8, 9, 1, 2], "x": [0, 0, 0, 1, 2, 1, 0]})
    formulas = parse_formulas("score ~ x + (1 | school)", "~ x + (1 | school)")
    whole = cells_of(build_design(formulas, data))
    own = Cells(*(part[whole.school == 0] for part in whole))
    for row, cell in enumerate([0, 0, 0, 1, 2]):
        found = without_each(own, np.array([cell]), data["score"].to_numpy()[[row]])
        expected = cells_of(build_design(formulas, data.drop(index=row)))
        left = found.n > 0
        for name in ("n", "mean", "sum_squares"):
            np.testing.assert_allclose(getattr(found, name)[left], getattr(expected, name)[expected.school == 0])


def test_nobody_is_flagged(students):
    found = sm.influence(fitted(PLAIN, students), students, threshold=0.9999999)
    assert len(found) == 0
    assert "students_to_unflag" in found


def test_what_is_refused(students):
    fit = fitted(PLAIN, students)
    with pytest.raises(ValueError, match=r"data must be the students of the fit .750 in 30 schools.; found 749 in 30"):
        sm.influence(fit, students.iloc[1:])
    with pytest.raises(ValueError, match="found other labels, outcomes or covariates"):
        sm.influence(fit, students.assign(score=students["score"] + students["ses"] / 100))
    with pytest.raises(ValueError, match="school must be one of the fit's schools; found 'nowhere'"):
        sm.influence(fit, students, school="nowhere")
    with pytest.raises(ValueError, match="most must be a whole number of at least 1; found 0"):
        sm.influence(fit, students, most=0)
    with pytest.raises(ValueError, match="threshold must be a number between 0 and 1"):
        sm.influence(fit, students, threshold=2)
    with pytest.raises(TypeError, match="fit must be a DataTree"):
        sm.influence(students, students)
    both = sm.fit(*PLAIN, students, select="both", draws=20, tune=20, chains=1, random_seed=1, progressbar=False)
    with pytest.raises(ValueError, match="fit must be of a model that can be collapsed: it selects"):
        sm.influence(both, students, school=students["school"].iloc[0])
