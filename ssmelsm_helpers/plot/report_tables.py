"""What the tables of a fit's page say: flags and what they rest on, other priors. How they look stands in `report.html`."""

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import require
from ..data.findings import Finding
from ..results.flags import has_evidence, with_tau_t_scale
from ..results.influence import influence
from ..results.pips import VERDICTS
from ..results.sensitivity import sensitivity_table
from ..spec.inclusion import Inclusion
from .style import listed

_FINDINGS = [*Finding._fields]
MOST = 10
# A change of a Bayes factor that is not worth a table.
LITTLE = 0.1


def factor(value: float) -> str:
    """A Bayes factor in print."""
    return "> 1,000" if value > 1000 else f"{value:.1f}"


def flags_of(fit: xr.DataTree, table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Which rows are flagged or too close to call, with evidence; and which the prior alone brought there."""
    near, evident = table["verdict"] != VERDICTS[3], has_evidence(table, *Inclusion.of_fit(fit.attrs).means)
    return near & evident, near & ~evident


def carried(fit: xr.DataTree, rows: pd.DataFrame, threshold: float, data, outcome: str | None) -> pd.DataFrame:
    """By school, the lowest PIP without one member, and who carries the flag; no columns without data."""
    if data is None or rows.empty:
        return pd.DataFrame(index=rows.index)
    labels = rows.index.to_list()
    found = influence(fit, data, threshold=threshold, school=labels, outcome=outcome, most=MOST)
    schools = dict(list(found.groupby("school", sort=False)))
    parts = [(schools[label]["pip"].min(), _carriers(schools[label])) for label in labels]
    return pd.DataFrame(parts, index=rows.index, columns=["without", "carriers"])


def _carriers(one: pd.DataFrame) -> str:
    """How many carry one school's flag, and in which rows they stand."""
    enough, gone = one["students_to_unflag"].iloc[0], one[one["removal"].notna()].sort_values("removal")
    if pd.isna(enough):
        return f"more than {MOST}" if len(gone) == MOST else "not known"
    return f"{enough}: row {listed(gone['row'])}" if enough else "no flag"


def sensitivity(fit: xr.DataTree, table: pd.DataFrame, threshold: float) -> list[dict] | None:
    """Flags under other values of pi: by evidence, and by the prior alone; None where the fit cannot be reweighted."""
    inclusion = Inclusion.of_fit(fit.attrs)
    if fit.attrs["formulation"] != "collapsed" or inclusion.learned:
        return None
    found, rows = sensitivity_table(fit, sorted({0.25, 0.5, 0.75, inclusion.prior[0]})), []
    for pi, part in found.groupby("inclusion_prior"):
        reached = part.assign(n=table["n"].to_numpy())[part["pip"] >= threshold]
        evident = has_evidence(reached, pi)
        row = {"pi": pi, "pareto_k": part["pareto_k"].iloc[0], "trusted": part["trusted"].all()}
        rows.append(row | {"flags": reached[evident], "alone": reached[~evident]})
    return rows


def scales(fit: xr.DataTree, rows: pd.DataFrame) -> dict | None:
    """The flags' Bayes factors under half and twice the scale of tau_t's prior; None where that cannot be read back."""
    found = [with_tau_t_scale(fit, times) for times in (0.5, 1.0, 2.0)]
    if None in found:
        return None
    factors = {
        name: one.bayes_factor.reindex(rows.index) for name, one in zip(("half", "own", "twice"), found, strict=True)
    }
    factors, trusted = pd.DataFrame(factors), all(one.trusted for one in found)
    logs = np.log(factors)  # subtracted, not divided: a Bayes factor may be infinite
    change = logs.sub(logs["own"], axis=0).abs().max().max()
    return {"own": found[1].scale, "factors": factors, "matters": change > np.log1p(LITTLE), "trusted": trusted}


def check_findings(findings: pd.DataFrame | None) -> pd.DataFrame | None:
    """What was found in the data, gaps as empty texts; None where nobody looked."""
    if findings is None:
        return None
    fine = isinstance(findings, pd.DataFrame)
    require(fine, f"findings must be a DataFrame with the columns {_FINDINGS}", type(findings), TypeError)
    require(set(_FINDINGS) <= set(findings), f"findings must have the columns {_FINDINGS}", list(findings))
    return findings[_FINDINGS].astype(object).where(findings[_FINDINGS].notna(), "")
