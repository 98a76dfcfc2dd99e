"""How likely is a deviating school to be found? By quadrature, before any data.

The hyperparameters are taken as known and rho as 0. A school's PIP is then a function of its SD, falling towards the
common SD and rising away from it, so that "PIP >= threshold" means "SD below one root or above another"; and a
normal sample's SD has a known distribution.
"""

import numpy as np
import pandas as pd
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import minimize_scalar
from scipy.special import logit
from scipy.stats import chi2

from ..arguments import POSITIVE, check_count, check_number, check_numbers, check_probability, whole_numbers
from ..results.evidence import school_evidence

# The school's mean matters little: few Gauss-Hermite nodes do.
_MEAN_NODES, _MEAN_WEIGHTS = hermegauss(9)
_STUDENTS = whole_numbers(2)
_SHARE = (lambda v: (v > 0) & (v < 1), "a number between 0 and 1, both excluded")
# t matters much, and detection changes within a standard error of log SD: a fine grid, in SDs of t. The SDs that the
# threshold asks for hardly change with t (only through the mean's variance): they are interpolated from few points, most
# of them where most schools are. (The error is below .004 from n = 2 on; with equal steps it reached .02.)
_T_GRID = np.linspace(-4.5, 4.5, 601)
_T_WEIGHTS = np.exp(-0.5 * _T_GRID**2) / np.exp(-0.5 * _T_GRID**2).sum()
_COARSE = 4.5 * np.sinh(np.linspace(-2.5, 2.5, 13)) / np.sinh(2.5)
_BISECTIONS = 30
_TAU_U = 0.4  # in units of the common SD, about that of the Saeb schools
_FARTHEST = 8.0  # of log SD ratios
_TAU_T_BOUNDS = (np.log(0.005), np.log(3.0))


def detection_probability(
    n, *, sd_ratio, tau_t, inclusion_prior: float = 0.5, threshold: float = 0.75, tau_u: float = _TAU_U
) -> np.ndarray | float:
    """Probability that a school of n students reaches the threshold.

    With ``sd_ratio=1`` this is the probability of a false flag.

    Parameters
    ----------
    n : int or array of int, at least 2
        Students. Arrays broadcast.
    sd_ratio : float or array
        The school's true SD over the common one.
    tau_t : float or array
        SD of t in the slab (log-SD units), as the model has learned it from all schools; see `design_table`.
    inclusion_prior : float, default 0.5
        pi.
    threshold : float, default 0.75
        PIP at which a school is flagged.
    tau_u : float, default 0.4
        SD of the schools' means, in units of the common SD. It hardly matters.

    Returns
    -------
    float or numpy.ndarray
        Of the arguments' common shape.

    Raises
    ------
    ValueError
        An argument is outside of its range.

    Notes
    -----
    Given the school's mean, P(PIP >= threshold) is a chi-square probability outside of two roots, found by bisection;
    the mean is integrated out by Gauss-Hermite quadrature. From n = 3 on the error is below .002; at n = 2, where the
    mean decides as much as the SD, it can reach .05.

    Examples
    --------
    >>> detection_probability([20, 71, 300], sd_ratio=1.3, tau_t=0.1).round(2)
    array([0.19, 0.82, 1.  ])
    """
    least_bf = _least_bf(inclusion_prior, threshold)
    check_number("tau_u", tau_u, low=0.0)
    values = {"n": (n, _STUDENTS), "sd_ratio": (sd_ratio, POSITIVE), "tau_t": (tau_t, POSITIVE)}
    checked = [check_numbers(name, value, *kind) for name, (value, kind) in values.items()]
    n, sd_ratio, tau_t = (array[..., None] for array in np.broadcast_arrays(*checked))
    probability = _outside(n, sd_ratio, *_roots(n, sd_ratio, tau_t, tau_u, least_bf))
    return probability if probability.ndim else float(probability)


def _least_bf(inclusion_prior, threshold) -> float:
    """The log Bayes factor with which the PIP reaches the threshold."""
    prior = check_probability("inclusion_prior", inclusion_prior)
    return logit(check_probability("threshold", threshold)) - logit(prior)


def _outside(n, sd_ratio, below, above) -> np.ndarray:
    """P(log SD of n scores is below one root or above the other), averaged over the nodes of the mean."""
    df = n - 1
    low, high = (df * (np.exp(root) / sd_ratio) ** 2 for root in (below, above))
    return np.minimum(chi2.cdf(low, df) + chi2.sf(high, df), 1.0) @ (_MEAN_WEIGHTS / _MEAN_WEIGHTS.sum())


def _roots(n, sd_ratio, tau_t, tau_u, least_bf) -> np.ndarray:
    """Log SDs below and above which the log Bayes factor is at least `least_bf`; where it never is, out of reach.

    By nodes of the school's mean, on the last axis.
    """
    mean = _MEAN_NODES * np.sqrt(tau_u**2 + sd_ratio**2 / n)

    def surplus(log_sd):
        return school_evidence(n, mean, np.exp(log_sd), tau_u=tau_u, tau_t=tau_t).log_bf - least_bf

    lowest = _lowest(surplus, mean.shape)
    inside = np.stack([lowest, lowest])
    outside = np.stack([np.full_like(lowest, -_FARTHEST), np.full_like(lowest, _FARTHEST)])
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        enough = surplus(middle) >= 0
        inside, outside = np.where(enough, inside, middle), np.where(enough, middle, outside)
    return np.where(surplus(lowest) >= 0, lowest, outside)


def _lowest(function, shape) -> np.ndarray:
    """Where each of many functions with one valley, near 0, is lowest: by golden sections."""
    low, high, ratio = np.full(shape, -2.0), np.full(shape, 2.0), (np.sqrt(5) - 1) / 2
    for _ in range(20):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        leftwards = function(left) < function(right)
        low, high = np.where(leftwards, low, left), np.where(leftwards, right, high)
    return (low + high) / 2


def design_table(
    n_students,
    *,
    size,
    share=0.1,
    n_schools: int = 100,
    inclusion_prior: float = 0.5,
    threshold: float = 0.75,
    tau_t: float | None = None,
) -> pd.DataFrame:
    """What a study of schools of equal size can find, for every combination of students, size and share.

    Parameters
    ----------
    n_students : int or sequence of int
        Students per school, at least 2.
    size : float or sequence of float
        SD of t among the schools that deviate (log-SD units).
    share : float or sequence of float, default 0.1
        Share of schools that deviate.
    n_schools : int, default 100
        Schools.
    inclusion_prior, threshold : float, default 0.5 and 0.75
        pi of the analysis, and the PIP at which it flags.
    tau_t : float, optional
        The slab's SD that the analysis works with. Default: the one that many such schools would teach it, which is
        below `size` where pi is above the true share, for the slab then has to fit ordinary schools as well.

    Returns
    -------
    pandas.DataFrame
        One row per combination: ``n_students``, ``n_schools``, ``share``, ``size``, ``tau_t``; ``tpr`` and ``fpr``
        (probabilities that a deviating and an ordinary school are flagged); ``hits`` and ``false_flags`` expected.

    Raises
    ------
    ValueError
        An argument is outside of its range.

    Examples
    --------
    >>> design_table([50, 150], size=0.437, n_schools=150)[["n_students", "tpr", "fpr"]].round(2)
       n_students   tpr   fpr
    0          50  0.62  0.03
    1         150  0.76  0.02
    """
    lists = {"n_students": n_students, "share": share, "size": size}
    for kind, (name, value) in zip((_STUDENTS, _SHARE, POSITIVE), lists.items(), strict=True):
        check_numbers(name, value, *kind)
        lists[name] = np.ravel(value)
    check_count("n_schools", n_schools)
    least_bf = _least_bf(inclusion_prior, threshold)
    if tau_t is not None:
        check_number("tau_t", tau_t, low=0.0)
    table = pd.MultiIndex.from_product(lists.values(), names=lists).to_frame(index=False)
    found = []
    for n, p, sd in table.itertuples(index=False):
        slab = learned_tau_t(n, size=sd, share=p, inclusion_prior=inclusion_prior) if tau_t is None else tau_t
        found.append((slab, *_rates(n, sd, slab, least_bf)))
    table.insert(1, "n_schools", n_schools)
    table = table.join(pd.DataFrame(found, columns=["tau_t", "tpr", "fpr"]))
    deviating = n_schools * table["share"]
    return table.assign(hits=deviating * table["tpr"], false_flags=n_schools * (1 - table["share"]) * table["fpr"])


def _rates(n: int, size: float, tau_t: float, least_bf: float) -> tuple[float, float]:
    """P(flagged) of a school with t ~ Normal(0, size), and of one with t = 0."""
    coarse = size * _COARSE[:, None]
    roots = _roots(n, np.exp(coarse), tau_t, _TAU_U, least_bf)
    t = np.append(size * _T_GRID, 0.0)
    fine = [np.stack([np.interp(t, coarse[:, 0], column) for column in root.T], axis=1) for root in roots]
    probability = _outside(n, np.exp(t)[:, None], *fine)
    return float(probability[:-1] @ _T_WEIGHTS), float(probability[-1])


def learned_tau_t(n: int, *, size: float, share: float, inclusion_prior: float = 0.5) -> float:
    """The tau_t to which the posterior tends, as schools of n students become many.

    It maximises the expected log p(SD) of the analysis' mixture (share pi in the slab) under the true one.

    Parameters
    ----------
    n : int
        Students per school, at least 2.
    size : float
        SD of t among the schools that deviate (log-SD units).
    share : float
        Share of schools that deviate.
    inclusion_prior : float, default 0.5
        pi of the analysis.

    Returns
    -------
    float
        SD of t in the slab (log-SD units), from .005 to 3.

    Raises
    ------
    ValueError
        An argument is outside of its range.

    Examples
    --------
    >>> learned_tau_t(75, size=0.437, share=0.25) < 0.437
    True
    """
    for name, value, kind in (("n", n, _STUDENTS), ("size", size, POSITIVE)):
        check_numbers(name, check_number(name, value), *kind)
    check_probability("share", share)
    check_probability("inclusion_prior", inclusion_prior)
    # Observed log SDs, on a grid; its density under the truth: ordinary schools and, for every t, deviating ones.
    t, weights = np.append(size * _T_GRID, 0.0), np.append(share * _T_WEIGHTS, 1 - share)
    se = 1 / np.sqrt(2 * (n - 1))
    centres = np.linspace(-1, 1, 401) * min(6 * np.hypot(size, se) + se, _FARTHEST / 2)
    squares = (n - 1) * np.exp(2 * (centres[:, None] - t))
    density = (chi2.pdf(squares, n - 1) * squares) @ weights
    density /= density.sum()

    def minus_expected(log_tau):
        log_bf = school_evidence(n, sd=np.exp(centres), tau_t=np.exp(log_tau)).log_bf
        return -(density * np.logaddexp(np.log(inclusion_prior) + log_bf, np.log1p(-inclusion_prior))).sum()

    return float(np.exp(minimize_scalar(minus_expected, bounds=_TAU_T_BOUNDS, method="bounded").x))
