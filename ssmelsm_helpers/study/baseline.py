"""The classical baseline: log SDs in two stages, as in Raudenbush and Bryk (1987), *Journal of Educational Statistics*, 12."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from ..arguments import check_probability, require
from ..data.schools import check_summary

_LARGEST_TAU = 5.0  # log-SD units: school SDs a hundredfold apart


def two_stage(schools: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Which schools' log SDs deviate? Each estimated by itself first, then shrunk towards their mean.

    With df = n - 1, ``d = log(sd) + 1 / (2 df)`` has mean log sigma_j and variance ``1 / (2 df)``, nearly. The second
    stage is a normal model of the d with mean mu and variance tau^2, estimated by restricted maximum likelihood. A
    school's deviation is its shrunken distance from mu (never its shrunken log SD, mu included), and z is that
    deviation over its posterior SD.

    Parameters
    ----------
    schools : pandas.DataFrame
        By school: ``n``, ``mean``, ``sd``. Single students (df = 0) have no SD and are left out of the result.
    level : float, default 0.95
        A school is flagged where the interval of this probability excludes zero.

    Returns
    -------
    pandas.DataFrame
        By school: ``log_sd`` (d), ``se`` of d, ``deviation``, ``deviation_sd``, ``z``, ``flagged``. Attributes:
        ``mu``, ``tau``, and ``single_students``, the number of schools left out.

    Raises
    ------
    ValueError
        The table or the level is malformed, an SD is zero, or fewer than three schools have an SD.

    References
    ----------
    Raudenbush & Bryk (1987), *Journal of Educational Statistics*, 12(3), 241-269.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> found = sm.study.two_stage(sm.load_saeb_schools())
    >>> len(found), int(found["flagged"].sum()), found.attrs["single_students"]
    (159, 5, 1)
    """
    check_probability("level", level)
    table = check_summary(schools)
    several = table[table["n"] > 1]
    require(len(several) >= 3, "schools must hold at least three schools with an SD", len(several))
    zero = several.loc[several["sd"] == 0, "sd"].to_dict()
    require(not zero, "schools must have SDs above 0, whose logarithm is taken", zero)
    df = several["n"].to_numpy() - 1
    d, variance = np.log(several["sd"].to_numpy()) + 1 / (2 * df), 1 / (2 * df)
    mu, tau = _second_stage(d, variance)
    shrinkage = tau**2 / (tau**2 + variance)
    deviation, deviation_sd = shrinkage * (d - mu), np.sqrt(shrinkage * variance)
    z = np.divide(deviation, deviation_sd, out=np.zeros_like(d), where=deviation_sd > 0)
    columns = {"log_sd": d, "se": np.sqrt(variance), "deviation": deviation, "deviation_sd": deviation_sd, "z": z}
    result = pd.DataFrame(columns, index=several.index)
    result["flagged"] = abs(z) > norm.ppf((1 + level) / 2)
    result.attrs = {"mu": mu, "tau": tau, "single_students": len(table) - len(several)}
    return result


def _second_stage(d, variance) -> tuple[float, float]:
    """mu and tau by restricted maximum likelihood, the first stage's variances being known."""

    def mean(tau):
        return np.average(d, weights=1 / (tau**2 + variance))

    def minus_restricted_log_likelihood(tau):
        total = tau**2 + variance
        return 0.5 * (np.log(total).sum() + np.log((1 / total).sum()) + ((d - mean(tau)) ** 2 / total).sum())

    tau = minimize_scalar(minus_restricted_log_likelihood, bounds=(0.0, _LARGEST_TAU), method="bounded").x
    if minus_restricted_log_likelihood(0.0) <= minus_restricted_log_likelihood(tau):
        tau = 0.0
    return float(mean(tau)), float(tau)
