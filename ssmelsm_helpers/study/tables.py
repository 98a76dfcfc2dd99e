"""What studies found: rates by condition, calibration of the PIPs, and the committed results."""

from itertools import pairwise

import pandas as pd

from ..arguments import check_one_of, require, sequence, shown
from ..data.saeb import committed_table
from .conditions import PIP_CLASSES
from .sbc import calibration_verdict

_CLASSES = [f"class{at}_{name}" for at in range(len(PIP_CLASSES) - 1) for name in ("schools", "pips", "deviating")]


def load(name: str) -> pd.DataFrame:
    """Results of whole studies, as `make study` and `make sbc` wrote them, and of the reference implementation.

    Parameters
    ----------
    name : {"published", "published_classes", "unbalanced", "unbalanced_classes", "sbc", "ivd"}
        Rates by condition (`sm.study.summarise`), calibration of the PIPs by share of deviating schools
        (`sm.study.calibration_table`), simulation-based calibration (`sm.study.calibration_verdict`), or what the R
        package `ivd` found for the Saeb schools with two chains of 3,000 draws: ``pip`` with its ``pip_n_eff`` and
        ``pip_rhat``, and ``sigma_mean`` and ``sigma_sd`` of the school's residual SD.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        There is no such study.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> len(sm.study.load("published"))
    144
    """
    check_one_of("name", name, ("published", "published_classes", "unbalanced", "unbalanced_classes", "sbc", "ivd"))
    if name == "ivd":
        return pd.read_csv(committed_table("tests/reference", "ivd_saeb_intercept_only_schools.csv"))
    return pd.read_csv(committed_table("data", f"study_{name}.csv"))


def summarise(table: pd.DataFrame, by=None) -> pd.DataFrame:
    """What a study found, by condition: means over its replications, or the verdict on a calibration.

    Parameters
    ----------
    table : pandas.DataFrame
        From `sm.study.run` with a study of this package. Failed replications are left out and counted.
    by : sequence of str, optional
        Columns of the conditions to group by. Default: all of the study's own.

    Returns
    -------
    pandas.DataFrame
        By condition: ``replications``, ``failed``; ``tpr``, ``fpr``, ``precision``, ``f1``, ``auc`` of the SS-MELSM;
        ``two_stage_tpr``, ``two_stage_fpr``, ``two_stage_auc`` of the two-stage method; ``matched_tpr`` and
        ``two_stage_matched_tpr``, both by the lowest cut-off with as many false flags as the SS-MELSM has at its
        threshold; ``surplus``, the mean PIP minus the share that deviates, over all schools; ``tau_t``.
        TPR and AUC are means over replications with a deviating school; precision and F1 over those where they are
        defined; missing where there is none. ``tpr_se`` and ``fpr_se`` are standard errors of the means.
        Of a `sm.study.calibration`: its `calibration_verdict`; of several at once, that of each condition.

    Raises
    ------
    ValueError, TypeError
        The table is no study's, or lacks a column.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> design = sm.study.published()
    >>> few = sm.study.Design(design.name, design.conditions.iloc[[28]], design.replicate)
    >>> sm.study.summarise(sm.study.run(few, replications=4, random_seed=1))["replications"].tolist()
    [4]
    """
    if by is None:
        _columns(table, (), "condition", "replication")
        by = list(table.loc[:, "condition":"replication"])[1:-1]  # where `sm.study.run` puts the condition's own
    by = _columns(table, by, "error")
    if any(str(name).startswith("rank_") for name in table):
        parts = {label: calibration_verdict(part) for label, part in table.groupby(by)} if by else {}
        return pd.concat(parts, names=by) if len(parts) > 1 else calibration_verdict(table)
    _columns(table, by, "hits", "false_flags", *_CLASSES)
    require(by, "by must name at least one column", by)
    # A condition without a single success has no rates, but it must not disappear.
    good = table.where(table["error"].isna())
    with_deviating, flagged = good["deviating"].where(good["deviating"] > 0), good["hits"] + good["false_flags"]
    surplus = good.filter(like="_pips").sum(axis=1) - good["deviating"]
    rates = table[by].assign(
        tpr=good["hits"] / with_deviating,
        fpr=good["false_flags"] / good["ordinary"],
        precision=good["hits"] / flagged.where(flagged > 0),
        f1=2 * good["hits"] / (flagged + with_deviating),
        auc=good["auc"],
        two_stage_tpr=good["two_stage_hits"] / with_deviating,
        two_stage_fpr=good["two_stage_false_flags"] / good["ordinary"],
        matched_tpr=good["matched_hits"] / with_deviating,
        two_stage_matched_tpr=good["two_stage_matched_hits"] / with_deviating,
        two_stage_auc=good["two_stage_auc"],
        surplus=surplus / (good["deviating"] + good["ordinary"]),
        tau_t=good["tau_t"],
    )
    groups, conditions = rates.groupby(by), [table[name] for name in by]
    result = groups.mean().assign(tpr_se=groups["tpr"].sem(), fpr_se=groups["fpr"].sem())
    result.insert(0, "replications", good["hits"].groupby(conditions).count())
    result.insert(1, "failed", table["error"].groupby(conditions).count())
    return result


def _columns(table, by, *others: str) -> list[str]:
    """The columns to group by; refuse what is no study's table, or lacks them or others."""
    is_table, names = isinstance(table, pd.DataFrame), sequence(by)
    require(is_table, "table must be a study's, as study.run() returns it", type(table), TypeError)
    require(names is not None, "by must be a sequence of columns", by, TypeError)
    absent = [name for name in [*names, *others] if name not in table]
    require(not absent, f"table must be a study's, with the columns {shown(absent)}", list(table))
    return names


def calibration_table(table: pd.DataFrame, by=()) -> pd.DataFrame:
    """Do PIPs mean what they say? In classes of the PIP: mean PIP, and the share of schools that deviate.

    Parameters
    ----------
    table : pandas.DataFrame
        From `sm.study.run` with `sm.study.published` or `sm.study.unbalanced`.
    by : sequence of str, default ()
        Columns of the conditions to group by, such as ``["p_slab"]``.

    Returns
    -------
    pandas.DataFrame
        ``low`` and ``high`` bounds of the class, ``schools``, ``mean_pip``, ``share_deviating``.

    Raises
    ------
    ValueError, TypeError
        The table is no study's.

    Examples
    --------
    >>> import ssmelsm_helpers as sm
    >>> design = sm.study.published()
    >>> few = sm.study.Design(design.name, design.conditions.iloc[[28]], design.replicate)
    >>> int(calibration_table(sm.study.run(few, replications=4, random_seed=1))["schools"].sum())
    600
    """
    by = _columns(table, by, "error", *_CLASSES)
    good = table[table["error"].isna()]
    parts = []
    for at, (low, high) in enumerate(pairwise(PIP_CLASSES)):
        names = {f"class{at}_{name}": name for name in ("schools", "pips", "deviating")}
        parts.append(good[[*by, *names]].rename(columns=names).assign(low=low, high=high))
    sums = pd.concat(parts).groupby(["low", "high", *by], as_index=False).sum()
    count = sums["schools"].where(sums["schools"] > 0)
    result = sums[[*by, "low", "high", "schools"]].astype({"schools": int})
    return result.assign(mean_pip=sums["pips"] / count, share_deviating=sums["deviating"] / count)
