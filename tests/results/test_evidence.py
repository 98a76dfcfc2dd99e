"""One school's evidence is that of a two-dimensional integration over its students."""

import numpy as np
import pandas as pd
import pytest
from brute_force import integrate_students
from scipy.special import expit, logit

import ssmelsm_helpers as sm

SETTINGS = {"gamma": 0.1, "eta": -0.2, "tau_u": 0.4, "tau_t": 0.3, "rho": -0.5}


@pytest.mark.parametrize("scores", [[0.3], [0.2, 1.9], [-1.5, 0.1, 0.2, 0.9, 2.5, -0.4]])
def test_a_school_against_brute_force(scores):
    exact = integrate_students(np.array(scores), **SETTINGS)
    sd = np.std(scores, ddof=1) if len(scores) > 1 else 0.0
    found = sm.school_evidence(len(scores), np.mean(scores), sd, **SETTINGS, inclusion_prior=0.2)
    assert found.log_spike == pytest.approx(exact.log_spike, abs=1e-6)
    assert found.log_slab == pytest.approx(exact.log_slab, abs=1e-6)
    assert found.log_bf == pytest.approx(exact.log_slab - exact.log_spike, abs=1e-6)
    assert found.inclusion == pytest.approx(expit(exact.log_slab - exact.log_spike + logit(0.2)), abs=1e-6)


def test_arguments_broadcast_and_a_single_student_needs_no_sd():
    found = sm.school_evidence([[1], [50]], sd=[0.5, 1.0, 2.0])
    assert found.log_bf.shape == (2, 3)
    np.testing.assert_allclose(found.log_bf[0], found.log_bf[0, 0])
    assert found.log_bf[1, 2] > found.log_bf[1, 0] > found.log_bf[1, 1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "n must be whole numbers of at least 1; found 0."),
        ({"n": 2.5}, "n must be whole numbers"),
        ({"sd": -1}, "sd must be finite numbers of at least 0"),
        ({"mean": np.nan}, "mean must be finite numbers"),
        ({"rho": 1}, "rho must be numbers between -1 and 1"),
        ({"tau_t": 0}, "tau_t must be positive finite numbers"),
        ({"tau_u": "wide"}, "tau_u must be positive finite numbers; found 'wide'"),
        ({"n": True}, "n must be whole numbers of at least 1; found True"),
        ({"sd": pd.DataFrame({"a": ["x"]})}, "sd must be finite numbers of at least 0; found a 0 x"),
        ({"inclusion_prior": 1}, "inclusion_prior must be a number between 0 and 1"),
        ({"sd": [1, 2], "mean": [1, 2, 3]}, "cannot be broadcast"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        sm.school_evidence(**({"n": 20} | wrong))
