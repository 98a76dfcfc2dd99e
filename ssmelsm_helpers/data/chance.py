"""How much schools' observed SDs differ, and how much of that chance alone would give."""

import numpy as np
import pandas as pd
from scipy.stats import chi2

from ..arguments import check_numbers, check_probability, is_number, require, whole_numbers
from .schools import check_summary, sum_of_squares

POSITIONS = ("above the band", "below the band", "inside")
# A school's SD counts as none where it is below this share of the usual one, and below what chance gives to one ordinary
# school in ten million with so few students: then it comes from the rounding of equal outcomes.
_SHARE, _CHANCE = 0.005, 1e-7


def pooled_sd(schools: pd.DataFrame) -> float:
    """The SD within schools, were it the same in all of them.

    Parameters
    ----------
    schools : pandas.DataFrame
        A school summary (n, mean, sd).

    Returns
    -------
    float
        Outcome's units.

    Raises
    ------
    ValueError, TypeError
        The summary is malformed.

    Examples
    --------
    >>> pooled_sd(pd.DataFrame({"n": [3, 3], "mean": [0.0, 1.0], "sd": [1.0, 7.0]}))
    5.0
    """
    return pooled(check_summary(schools))


def pooled(table: pd.DataFrame) -> float:
    """The pooled SD of a summary that has been checked."""
    return float(np.sqrt(sum_of_squares(table).sum() / (table["n"] - 1).sum()))


def chance_band(n, sd: float, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Limits between which the observed SD of n students falls by chance, if their true SD is `sd`.

    Parameters
    ----------
    n : int or array of int
        Students, at least 2.
    sd : float
        The true SD (outcome's units).
    level : float, default 0.95
        Probability of the band, half of the rest on either side.

    Returns
    -------
    low, high : numpy.ndarray
        From the chi-square distribution of the sample variance of Normal scores.

    Raises
    ------
    ValueError
        A school has fewer than two students, the SD is not positive, or the level is out of range.

    Examples
    --------
    >>> low, high = chance_band(71, 1.0)
    >>> round(float(low), 2), round(float(high), 2)
    (0.83, 1.17)
    """
    check_probability("level", level)
    df = check_numbers("n", n, *whole_numbers(2)) - 1
    require(is_number(sd) and sd > 0, "sd must be a positive finite number", sd)
    tail = (1 - level) / 2
    return sd * np.sqrt(chi2.ppf(tail, df) / df), sd * np.sqrt(chi2.ppf(1 - tail, df) / df)


def compare_with_chance(schools: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Each school's SD beside the chance band around the pooled SD.

    Parameters
    ----------
    schools : pandas.DataFrame
        A school summary (n, mean, sd). Schools of one student, who have no SD, do not appear in the result.
    level : float, default 0.95
        Probability of the band.

    Returns
    -------
    pandas.DataFrame
        Indexed by school: ``n``, ``sd``, ``low``, ``high`` (the band), ``position`` ("above the band", "below the
        band", "inside").

    Raises
    ------
    ValueError, TypeError
        The summary is malformed, or the level is out of range.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> compare_with_chance(sm.load_saeb_schools())["position"].value_counts().loc["inside"]
    np.int64(140)
    """
    return against_chance(check_summary(schools), level)


def against_chance(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """`compare_with_chance` of a summary that has been checked."""
    several = table.loc[table["n"] > 1, ["n", "sd"]]
    low, high = chance_band(several["n"], pooled(table), level=level)
    above, below, inside = POSITIONS
    position = np.where(several["sd"] > high, above, np.where(several["sd"] < low, below, inside))
    return several.assign(low=low, high=high, position=position)


def without_spread(df, sd) -> np.ndarray:
    """Which schools have no spread, from degrees of freedom (0: none to be judged by) and SDs."""
    judged = df > 0
    positive = sd[judged & (sd > 0)]
    if not len(positive):
        return judged & (sd == 0)
    by_chance = np.sqrt(chi2.ppf(_CHANCE, np.maximum(df, 1)) / np.maximum(df, 1))
    return judged & (sd <= np.minimum(by_chance, _SHARE) * np.median(positive))
