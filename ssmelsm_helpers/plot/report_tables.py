"""The tables of a fit's page, as HTML: flags and what they rest on, other priors, checks, findings in the data."""

import html

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import require
from ..data.findings import Finding
from ..fitting.weights import GOOD_PARETO_K
from ..results.checks import GOOD_RHAT, convergence
from ..results.flags import LEAST_EVIDENCE, has_evidence, with_tau_t_scale
from ..results.influence import influence
from ..results.pips import VERDICTS
from ..results.sensitivity import sensitivity_table
from ..spec.inclusion import Inclusion
from .naming import Names
from .style import listed

# Columns of the tables, and what stands in them.
_FLAGGED = {
    "PIP": "{pip:.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{error:.3f}",
    "Bayes factor": "{factor}",
    "SD": "{sd:.2f}",
    "95 % interval": "{sd_lower:.2f} to {sd_upper:.2f}",
    "SD ratio": "{sd_ratio:.2f}",
    "verdict": "{verdict}",
}
_CHECKS = {"mean": "{mean:.3g}", "sd": "{sd:.3g}", "ESS": "{ess_bulk:,.0f}"}
_PRIORS = {"flags with evidence (Bayes factor)": "{which}", "by the prior alone": "{alone}", "how": "{how}"}
_FINDINGS = [*Finding._fields]
_MOST = 10
# A change of a Bayes factor that is not worth a table.
_LITTLE = 0.1


def table_of_rows(rows: pd.DataFrame, columns: dict[str, str], caption: str) -> str:
    """Rows as HTML: each column by its format, which names columns of the rows; no text is cut short."""
    texts = [[form.format(**row) for form in columns.values()] for row in rows.to_dict("records")]
    # The name of the index stands in the corner, not in a row of its own.
    head = pd.Index(columns, name=rows.index.name)
    with pd.option_context("display.max_colwidth", None):
        table = pd.DataFrame(texts, index=list(map(str, rows.index)), columns=head).to_html(border=0)
    return table.replace(">", f">\n<caption>{html.escape(caption)}</caption>", 1)


def _factor(value: float) -> str:
    return "> 1,000" if value > 1000 else f"{value:.1f}"


def trust(fit: xr.DataTree) -> tuple[dict, dict]:
    """Words and parts of the page on whether the computation can be trusted."""
    checks = convergence(fit)
    nuts, importance = ("R-hat", GOOD_RHAT, "r_hat"), ("Pareto k-hat", GOOD_PARETO_K, "pareto_k")
    measure, limit, column = importance if "pareto_k" in checks else nuts
    passes = "passes" if checks["ok"].all() else "<strong>does not pass</strong>"
    table = table_of_rows(checks, _CHECKS | {measure: f"{{{column}:.3g}}"}, "Parameters")
    words = {"limit": f"{measure} at most {limit}", "divergences": checks.attrs["divergences"]}
    return words, {"passes": passes, "checks": table}


def flags_of(fit: xr.DataTree, table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Which rows are flagged or too close to call, with evidence; and which the prior alone brought there."""
    near, evident = table["verdict"] != VERDICTS[3], has_evidence(table, *Inclusion.of_fit(fit.attrs).means)
    return near & evident, near & ~evident


def flagged(rows: pd.DataFrame, names: Names, unit: str | None, carried: pd.DataFrame | None) -> str:
    """The flags with evidence, SDs in the outcome's unit, and the members that carry them."""
    if rows.empty:
        groups = html.escape(names.groups)
        return f"<p>None of the {groups} is flagged, or near the threshold, by evidence of its own.</p>"
    marked = rows["mark"] != ""
    verdicts = rows["verdict"].where(~marked, rows["verdict"] + ", " + rows["mark"])
    rows = rows.assign(error=2 * rows["pip_mcse"], factor=rows["bayes_factor"].map(_factor), verdict=verdicts)
    columns = {names.members: "{n}"} | _FLAGGED
    if carried is not None:
        columns[f"PIP without one {names.member}"] = "{without}"
        columns[f"{names.members} that carry the flag"] = "{carriers}"
    if unit is not None:
        columns = {f"{name} ({unit})" if name in ("SD", "95 % interval") else name: of for name, of in columns.items()}
    text = "" if carried is None else _HOW_CARRIED.format(*map(html.escape, (names.member, names.members)))
    text += _HOW_MARKED if marked.any() else ""
    rows = rows if carried is None else rows.join(carried)
    return (
        table_of_rows(rows, columns, "Flagged, or too close to call; ± two Monte Carlo standard errors") + _SIZE + text
    )


_SIZE = (
    "<p>The PIP says how sure one can be <em>that</em> the spread differs. By how much, the SD ratio says: the estimated "
    "SD over that of one whose spread is the common one.</p>"
)
_HOW_CARRIED = (
    "<p>The PIP without one {0} is the lowest that it can fall to if any single one is left out. The {1} that carry "
    "the flag are taken away one by one, each time the one who lowers the PIP most, until the flag is gone; fewer might do. "
    "Look at these rows first (counted from 0).</p>"
)
_HOW_MARKED = (
    "<p>ceiling? or floor?: a small spread together with a high (low) mean, where high (low) means go with small spreads "
    "everywhere (correlation of at least .7 in size). Does the outcome's scale end there?</p>"
)


def carried(fit: xr.DataTree, rows: pd.DataFrame, threshold: float, data, outcome: str | None) -> pd.DataFrame | None:
    """By school, the lowest PIP without one member, and who carries the flag; None without data."""
    if data is None or rows.empty:
        return None
    labels = rows.index.to_list()
    found = influence(fit, data, threshold=threshold, school=labels, outcome=outcome, most=_MOST)
    schools = dict(list(found.groupby("school", sort=False)))
    texts = [(f"{schools[label]['pip'].min():.2f}", _carriers(schools[label])) for label in labels]
    return pd.DataFrame(texts, index=rows.index, columns=["without", "carriers"])


def _carriers(one: pd.DataFrame) -> str:
    """How many carry one school's flag, and in which rows they stand."""
    enough, gone = one["students_to_unflag"].iloc[0], one[one["removal"].notna()].sort_values("removal")
    if pd.isna(enough):
        return f"more than {_MOST}" if len(gone) == _MOST else "not known"
    return f"{enough}: row {listed(gone['row'])}" if enough else "no flag"


def _counted(rows: pd.DataFrame) -> str:
    """How many, and how small one of them may be."""
    return f"{len(rows)}, the smallest of n = {rows['n'].min()}" if len(rows) else "0"


def alone(rows: pd.DataFrame) -> str:
    """Those that the prior alone brought to the threshold, as an item of a list."""
    if rows.empty:
        return ""
    who = f": {listed(rows.index)}" if len(rows) <= _MOST else ""
    text = html.escape(
        f"(a Bayes factor below {LEAST_EVIDENCE:g}, so that the data do not carry it): {_counted(rows)}{who}."
    )
    return f"<li>At the threshold by the prior alone {text}</li>"


def sensitivity(fit: xr.DataTree, table: pd.DataFrame, threshold: float) -> str:
    """Flags under other values of pi: by evidence, and by the prior alone."""
    inclusion = Inclusion.of_fit(fit.attrs)
    if fit.attrs["formulation"] != "collapsed" or inclusion.learned:
        return "<p>This fit cannot be reweighted to another pi; fit it again to see what changes.</p>"
    found = sensitivity_table(fit, sorted({0.25, 0.5, 0.75, inclusion.prior[0]}))
    rows = []
    for pi, part in found.groupby("inclusion_prior"):
        k_hat = part["pareto_k"].iloc[0]
        how = "this fit" if np.isnan(k_hat) else f"reweighted, k-hat {k_hat:.2f}"
        how += "" if part["trusted"].all() else ": not to be trusted, fit again"
        part = part.assign(n=table["n"].to_numpy())[part["pip"] >= threshold]
        evident = has_evidence(part, pi)
        flags = part[evident]
        which = [
            f"{name} ({_factor(factor)})" for name, factor in zip(flags["school"], flags["bayes_factor"], strict=True)
        ]
        which, few = f"{len(which)}: {listed(which)}" if which else "0", _counted(part[~evident])
        rows.append({"pi": f"{pi:g}", "which": which, "alone": few, "how": how})
    caption = f"PIP of at least {threshold:g}, by pi; evidence: a Bayes factor of at least {LEAST_EVIDENCE:g}"
    text = (
        "<p>Under other values. A pi near the threshold, or above it, brings one there of which the data say nothing: "
        f"only a Bayes factor of {LEAST_EVIDENCE:g} or more, which the threshold .75 asks for at pi = .5, is evidence.</p>"
    )
    return text + table_of_rows(pd.DataFrame(rows).set_index("pi"), _PRIORS, caption)


def scales(fit: xr.DataTree, rows: pd.DataFrame) -> str:
    """The flags' Bayes factors under half and twice the scale of tau_t's prior."""
    found = [with_tau_t_scale(fit, factor) for factor in (0.5, 1.0, 2.0)] if len(rows) else []
    if None in found:
        return "<p>The prior of tau of the scale cannot be read back from this fit, or is shared: its scale stays as it is.</p>"
    if not found:
        return ""
    half, own, twice = (one.bayes_factor.reindex(rows.index) for one in found)
    text = (
        "<p>A Bayes factor depends, too, on how large differences in spread are thought to be: on the scale of the prior of "
        f"tau, their SD on the log scale, which is {found[1].scale:g} here. "
    )
    text += "" if all(one.trusted for one in found) else "What follows is not to be trusted: fit again. "
    if max((own / other).map(np.log).abs().max() for other in (half, twice)) <= np.log1p(_LITTLE):
        return f"{text}Half and twice that change the Bayes factors of the flags by less than {_LITTLE:.0%}.</p>"
    texts = pd.DataFrame({"half": half.map(_factor), "own": own.map(_factor), "twice": twice.map(_factor)})
    columns = {"half the scale": "{half}", "this fit": "{own}", "twice the scale": "{twice}"}
    return f"{text}</p>" + table_of_rows(texts, columns, "Bayes factors, by the scale of tau's prior")


def findings_section(findings: pd.DataFrame | None) -> str:
    """What was found in the data and is still there: a section of its own, nothing where nobody looked."""
    if findings is None:
        return ""
    fine = isinstance(findings, pd.DataFrame)
    require(fine, f"findings must be a DataFrame with the columns {_FINDINGS}", type(findings), TypeError)
    require(set(_FINDINGS) <= set(findings), f"findings must have the columns {_FINDINGS}", list(findings))
    title = "<h2>What was found in the data</h2>\n"
    if findings.empty:
        return f"{title}<p>Nothing.</p>"
    columns = {"column": "{column}", "where": "{where}", "how many": "{count}", "why it matters": "{why}"}
    rows = (
        findings[_FINDINGS]
        .astype(object)
        .where(findings[_FINDINGS].notna(), "")
        .set_index("kind")
        .rename_axis("finding")
    )
    return title + table_of_rows(rows, columns, "Looked for before the fit, and still there")
