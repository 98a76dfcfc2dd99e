"""What studies found: rates by condition, calibration of the PIPs, and the committed results."""

from __future__ import annotations

import pandas as pd

from ..arguments import check_one_of, sequence, shown
from ..data.saeb import committed_table
from .conditions import PIP_CLASSES


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
    _check_table(table)
    by = _conditions(table) if by is None else by
    if any(str(name).startswith("rank_") for name in table):
        return _verdicts(table, _check_columns(table, by, "error"))
    by = _check_study(table, by, "hits", "false_flags")
    if not by:
        raise ValueError("by must name at least one column; found none.")
    good = table[table["error"].isna()]
    with_deviating = good["deviating"].where(good["deviating"] > 0)
    flagged = good["hits"] + good["false_flags"]
    pips = good[[f"class{at}_pips" for at in range(len(PIP_CLASSES) - 1)]].sum(axis=1)
    schools = good["deviating"] + good["ordinary"]
    rates = good[by].assign(
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
        surplus=(pips - good["deviating"]) / schools,
        tau_t=good["tau_t"],
    )
    groups = rates.groupby(by, sort=True)
    failed = table["error"].notna().groupby([table[name] for name in by]).sum()
    # A condition without a single success has no rates, but it must not disappear.
    result = groups.mean().reindex(failed.index)
    result["tpr_se"], result["fpr_se"] = groups["tpr"].sem(), groups["fpr"].sem()
    result.insert(0, "replications", groups.size().reindex(failed.index, fill_value=0))
    result.insert(1, "failed", failed)
    return result


def _verdicts(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Of one condition the verdict, of several each one's."""
    from .sbc import calibration_verdict  # which loads the samplers

    groups = dict(list(table.groupby(by))) if by else {}
    if len(groups) < 2:
        return calibration_verdict(table)
    return pd.concat({label: calibration_verdict(part) for label, part in groups.items()}, names=by)


def _conditions(table: pd.DataFrame) -> list[str]:
    """The columns of a study's conditions: between the row's number and the replication's, where `sm.study.run` puts them."""
    _check_columns(table, [], "condition", "replication")
    names = list(table)
    return names[names.index("condition") + 1 : names.index("replication")]


def _check_table(table) -> None:
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table must be a study's, as study.run() returns it; found {type(table).__name__}.")


def _check_columns(table: pd.DataFrame, by, *others: str) -> list[str]:
    """The columns to group by; refuse tables that lack them or others."""
    names = sequence(by)
    if names is None:
        raise TypeError(f"by must be a sequence of columns; found {shown(by)}.")
    absent = [name for name in [*names, *others] if name not in table]
    if absent:
        raise ValueError(f"table must be a study's, with the columns {shown(absent)}; found {shown(list(table))}.")
    return names


def _check_study(table, by, *others: str) -> list[str]:
    """The columns to group by; refuse tables that are not those of a study with schools that deviate."""
    _check_table(table)
    classes = [f"class{at}_{name}" for at in range(len(PIP_CLASSES) - 1) for name in ("schools", "pips", "deviating")]
    return _check_columns(table, by, *others, *classes, "error")


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
    by = _check_study(table, by)
    good = table[table["error"].isna()]
    parts = []
    for at in range(len(PIP_CLASSES) - 1):
        names = {f"class{at}_{name}": name for name in ("schools", "pips", "deviating")}
        sums = good[[*by, *names]].rename(columns=names)
        sums = sums.groupby(by).sum().reset_index() if by else sums.sum().to_frame().T
        sums.insert(len(by), "low", PIP_CLASSES[at])
        sums.insert(len(by) + 1, "high", PIP_CLASSES[at + 1])
        parts.append(sums)
    result = pd.concat(parts, ignore_index=True)
    count = result["schools"].where(result["schools"] > 0)
    result["mean_pip"], result["share_deviating"] = result["pips"] / count, result["deviating"] / count
    return result.drop(columns=["pips", "deviating"]).astype({"schools": int})
