"""The compiled school likelihood: against independent integration, over the whole documented range.

Everything else (both samplers, PIPs, verdicts) is a function of these numbers, so they are tested hardest.
"""

import brute_force
import numpy as np
import pytest
from brute_force import Case
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ssmelsm_helpers as sm

# The documented accuracy of a log Bayes factor, relative to max(1, |log_bf|).
ACCURACY = 1e-6
# The documented range, its ends and what lies on both sides of where the number of nodes changes. Deviations of a school's mean
# in units of the SD that the model gives it in the spike: three of them hold 99.7 % of all schools.
RANGE = {
    "n": [1.0, 2.0, 3.0, 10.0, 29.0, 300.0, 10_000.0, 100_000.0],
    "tau_t": [0.01, 0.05, 0.12, 0.121, 0.2, 0.3, 0.45, 0.451, 1.2, 1.21, 3.0],
    "rho": [-0.95, -0.5, 0.0, 0.3, 0.95],
    "sd_ratio": [0.2, 0.5, 1.0, 1.4, 5.0],
    "deviation": [0.0, 1.0, 3.0],
    "tau_u": [0.05, 0.35, 1.5],
}
RANDOM_CASES = 10_000
GAMMA, ETA = 0.1, -0.25


@pytest.fixture(scope="module")
def cases() -> Case:
    """Every combination of `RANGE`, and random points between its ends, one array entry each."""
    grid = np.stack([values.ravel() for values in np.meshgrid(*RANGE.values(), indexing="ij")])
    low, high = (np.array([end(values) for values in RANGE.values()])[:, None] for end in (min, max))
    share = np.random.default_rng(0).random((len(RANGE), RANDOM_CASES))
    on_log_scale = np.isin(list(RANGE), ["n", "tau_t", "sd_ratio", "tau_u"])[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        anywhere = np.where(on_log_scale, low * (high / low) ** share, low + (high - low) * share)
    anywhere[0] = np.floor(anywhere[0])
    n, tau_t, rho, sd_ratio, deviation, tau_u = np.concatenate([grid, anywhere], axis=1)
    sum_squares = (n - 1) * (sd_ratio * np.exp(ETA)) ** 2
    mean = GAMMA + deviation * np.sqrt(tau_u**2 + np.exp(2 * ETA) / n)
    same = np.ones_like(n)
    return Case(n, mean, sum_squares, GAMMA * same, ETA * same, tau_u, tau_t, rho)


@pytest.fixture(scope="module")
def exact_log_bf(cases) -> np.ndarray:
    """log Bayes factors by the dense sum."""
    return brute_force.log_slab_dense(cases, count=401) - brute_force.log_spike(cases)


def pick(values, where):
    """The same kind of tuple, every array cut down to `where`."""
    return type(values)(*(value[where] for value in values))


def evidence(case: Case):
    """The package's likelihoods of schools with these sums, from which their SDs follow."""
    sd = np.sqrt(case.sum_squares / np.maximum(case.n - 1, 1))
    known = dict(zip(Case._fields[3:], case[3:], strict=True))
    return sm.school_evidence(case.n, case.mean, sd, **known)


def relative_error(found, exact) -> np.ndarray:
    return np.abs(found - exact) / np.maximum(1, np.abs(exact))


def test_log_bayes_factors_are_accurate_over_the_whole_range(cases, exact_log_bf):
    error = relative_error(evidence(cases).log_bf, exact_log_bf)
    worst = {name: float(value[error.argmax()]) for name, value in cases._asdict().items()}
    assert error.max() <= ACCURACY, worst


def test_the_dense_reference_agrees_with_adaptive_quadrature(cases, exact_log_bf):
    """300 random cases by `scipy.integrate.quad`: the reference is a hundred times as good as it must be."""
    chosen = np.random.default_rng(1).choice(len(cases.n), 300, replace=False)
    exact = np.array([brute_force.log_slab_quad(pick(cases, i)) for i in chosen])
    exact -= brute_force.log_spike(pick(cases, chosen))
    assert relative_error(exact_log_bf[chosen], exact).max() <= ACCURACY / 100


TINY_SCHOOLS = [[0.4], [1.9], [-0.3, 0.1], [0.2, 0.2], [-1.0, 0.3, 2.1], [-0.2, 0.0, 0.1, 0.15]]
TINY_SETTINGS = [
    {"tau_u": 0.35, "tau_t": 0.08, "rho": -0.1},
    {"tau_u": 0.35, "tau_t": 0.5, "rho": 0.6},
    {"tau_u": 1.0, "tau_t": 1.0, "rho": -0.9},
]


@pytest.mark.parametrize("scores", TINY_SCHOOLS)
@pytest.mark.parametrize("setting", TINY_SETTINGS)
def test_likelihood_of_students_is_right_with_all_constants(scores, setting):
    """Two-dimensional integration over (u, t) of the product of student densities; constants included."""
    exact = brute_force.integrate_students(scores, GAMMA, ETA, **setting, count=601)
    mean = np.mean(scores)
    sum_squares = np.sum((scores - mean) ** 2)
    case = Case(*(np.array([float(v)]) for v in (len(scores), mean, sum_squares, GAMMA, ETA, *setting.values())))
    log_spike, log_slab, *_ = evidence(case)
    assert log_spike[0] == pytest.approx(exact.log_spike, abs=1e-6)
    assert log_slab[0] == pytest.approx(exact.log_slab, abs=1e-6)


def number(low, high):
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


# Spreads that lie within a school's reach; the accuracy itself is measured above.
schools = st.fixed_dictionaries(
    {
        "n": st.integers(1, 5000),
        "mean": number(-1.0, 1.0),
        "sd": number(0.1, 3.0),
        "gamma": number(-0.5, 0.5),
        "eta": number(-1.0, 1.0),
        "tau_u": number(0.2, 2.0),
        "tau_t": number(0.01, 2.0),
        "rho": number(-0.9, 0.9),
    }
)


def log_bf(n, mean, sd, gamma, eta, tau_u, tau_t, rho) -> float:
    case = Case(*(np.array([float(v)]) for v in (n, mean, (n - 1) * sd**2, gamma, eta, tau_u, tau_t, rho)))
    return float(evidence(case).log_bf[0])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(school=schools, shift=number(-50, 50), log_scale=number(-5, 5))
def test_log_bayes_factor_ignores_the_outcomes_units(school, shift, log_scale):
    """y -> a + c y with gamma -> a + c gamma, eta -> eta + log c, tau_u -> c tau_u is the same evidence."""
    scale = np.exp(log_scale)
    moved = school | {
        "mean": shift + scale * school["mean"],
        "gamma": shift + scale * school["gamma"],
        "sd": scale * school["sd"],
        "eta": school["eta"] + log_scale,
        "tau_u": scale * school["tau_u"],
    }
    before, after = log_bf(**school), log_bf(**moved)
    # The shift loses digits of the mean when the scale is small, and n of them multiply what is left.
    lost = 1e-13 * school["n"] * (1 + abs(shift) / scale) * (1 + abs(before))
    assert after == pytest.approx(before, abs=ACCURACY * max(1, abs(before)) + lost)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(school=schools)
def test_log_bayes_factor_ignores_the_outcomes_sign(school):
    mirrored = school | {"mean": -school["mean"], "gamma": -school["gamma"], "rho": -school["rho"]}
    before = log_bf(**school)
    assert log_bf(**mirrored) == pytest.approx(before, abs=2 * ACCURACY * max(1, abs(before)))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 1_000_000),
    mean=number(-100, 100),
    sd=number(0, 100),
    gamma=number(-10, 10),
    eta=number(-3, 4),
    tau_u=number(1e-4, 20),
    tau_t=number(1e-4, 1e4),
    rho=number(-0.999, 0.999),
)
def test_log_bayes_factor_is_finite_far_beyond_the_range(**school):
    """Wild values, a school without spread among them, must not break a sampler that strays there."""
    assume(school["sd"] == 0 or school["sd"] > 1e-6)
    assert np.isfinite(log_bf(**school))


def test_a_single_student_says_nothing_when_effects_are_uncorrelated_and_t_is_small():
    """n = 1: t and noise are told apart by the mean alone, so the evidence fades with tau_t."""
    found = [log_bf(1, 0.8, 0.0, GAMMA, ETA, 0.34, tau_t, 0.0) for tau_t in (0.1, 0.01, 0.001)]
    assert (np.abs(found) < [0.02, 2e-4, 2e-6]).all()
