"""A fit as a page to hand on: self-contained, with the list, its sensitivity, and what it does not say."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from jinja2 import Environment, StrictUndefined

from ..arguments import require
from ..data.findings import Finding
from ..fitting.weights import GOOD_PARETO_K
from ..results.checks import GOOD_RHAT, convergence
from ..results.draws import selected_names
from ..results.flags import LEAST_EVIDENCE, end_of_scale, has_evidence, with_tau_t_scale
from ..results.influence import influence
from ..results.pips import VERDICTS, pip_table
from ..results.sensitivity import sensitivity_table
from ..spec.inclusion import Inclusion
from .naming import Called, Names
from .pip_charts import funnel, outcomes
from .style import checked_threshold, listed

_PAGE = Path(__file__).with_name("report.html")  # how the tables look, whose numbers are made here
_FINDINGS = [*Finding._fields]
_MOST = 10
# A change of a Bayes factor that is not worth a table.
_LITTLE = 0.1


def report(
    fit: xr.DataTree,
    path: str | Path,
    *,
    threshold: float = 0.75,
    title: str | None = None,
    units: Called = "schools",
    unit: str | None = None,
    data=None,
    outcome: str | None = None,
    findings: pd.DataFrame | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a fit as one HTML page that needs nothing else, and its table as CSV beside it.

    Parameters
    ----------
    fit : xarray.DataTree
        With one selected effect.
    path : path ending in .html
        The CSV has the same name with the ending .csv.
    threshold : float, default 0.75
        PIP at which a school is flagged.
    title : str, optional
        Heading. Default: "Which schools are unusually consistent?"
    units : str or two str, default ("schools", "students")
        What the groups are called, and their members, both in the plural: ``("patients", "readings")``; of the groups alone,
        "patients", their members are members.
    unit : str, optional
        The outcome's unit, such as "points", for means and SDs.
    data : data frame, optional
        The students of the fit: with them the table of flags says how low each PIP falls without one of them, and which
        students carry the flag (`influence`).
    outcome : str, optional
        Their column of scores, which a fit of summaries does not know.
    findings : pandas.DataFrame, optional
        What was found in the data and is still there: columns ``kind, column, where, count, why, mend``. A section lists
        them; it says "Nothing" where the frame is empty, and is left out without one.
    overwrite : bool, default False
        Whether files that are there already may be replaced.

    Returns
    -------
    pathlib.Path
        Of the page.

    Raises
    ------
    ValueError, TypeError
        The path does not end in .html, the threshold is out of range, the model has several selected effects, the data are
        not those of the fit, or `findings` lacks a column.
    FileExistsError, FileNotFoundError
        A file is there already, and `overwrite` is False; or its folder is not there.

    Notes
    -----
    A flag needs evidence: a Bayes factor of at least 3, which is what a PIP of .75 takes at pi = .5. A school that reaches
    the threshold with less does so by the prior alone, and is counted apart.

    Examples
    --------
    >>> import tempfile
    >>> import ssmelsm_helpers as sm
    >>> result = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = sm.report(result, Path(folder) / "saeb.html")
    ...     "<h1>Which schools are unusually consistent?</h1>" in page.read_text("utf8")
    True
    """
    page, names = Path(path), Names.of(units)
    require(page.suffix == ".html", "path must end in .html", str(path))
    threshold = checked_threshold(threshold)
    effects = selected_names(fit)
    require(effects == ["scale[Intercept]"], "fit must have scale[Intercept] as its one selected effect", effects)
    csv = page.with_suffix(".csv")
    for target in (page, csv):
        if target.exists() and not overwrite:
            raise FileExistsError(f"path={str(target)!r} is there already; pass overwrite=True to replace it.")
    findings, pi = _checked(findings), Inclusion.of_fit(fit.attrs)
    table = pip_table(fit, threshold=threshold)
    # Flagged or too close to call: by evidence, or by the prior alone.
    near, evident = table["verdict"] != VERDICTS[3], has_evidence(table, *pi.means)
    rows = table.assign(mark=end_of_scale(fit, table))[near & evident].sort_values("pip", ascending=False)
    charts = {draw.__name__: draw(fit, threshold=threshold, units=units, unit=unit) for draw in (funnel, outcomes)}
    words = fit.attrs | names._asdict()
    words |= {name: json.loads(fit.attrs[name]) for name in ("priors", "versions")}
    words |= {
        "title": title or f"Which {names.groups} are unusually consistent?",
        "unit": unit,
        "threshold": threshold,
        "table": table,
        "reached": table.loc[table["pip"] >= threshold, "pip"],
        "called": {verdict: listed(table.index[evident & (table["verdict"] == verdict)]) for verdict in VERDICTS[:3]},
        "flags": rows.join(_carried(fit, rows, threshold, data, outcome)),
        "alone": table[near & ~evident],
        "charts": {name: (chart.description, _svg(chart)) for name, chart in charts.items()},
        "pi": pi,
        "sensitivity": _sensitivity(fit, table, threshold, pi),
        "scales": _scales(fit, rows) if len(rows) else None,
        "findings": findings,
        "convergence": convergence(fit),
        "limits": {"r_hat": ("R-hat", GOOD_RHAT), "pareto_k": ("Pareto k-hat", GOOD_PARETO_K)},
        "least": LEAST_EVIDENCE,
        "most": _MOST,
        "little": _LITTLE,
        "csv": csv.name,
        "listed": listed,
    }
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE.read_text("utf8"))
    page.write_text(template.render(words), encoding="utf8")
    table.to_csv(csv)
    return page


def _svg(chart) -> str:
    svg = io.StringIO()
    chart.save(svg, format="svg")
    return svg.getvalue()


def _carried(fit: xr.DataTree, rows: pd.DataFrame, threshold: float, data, outcome: str | None) -> pd.DataFrame:
    """By school, the lowest PIP without one member, and who carries the flag; no columns without data."""
    if data is None or rows.empty:
        return pd.DataFrame(index=rows.index)
    labels = rows.index.to_list()
    found = influence(fit, data, threshold=threshold, school=labels, outcome=outcome, most=_MOST)
    schools = dict(list(found.groupby("school", sort=False)))
    parts = [(schools[label]["pip"].min(), _carriers(schools[label])) for label in labels]
    return pd.DataFrame(parts, index=rows.index, columns=["without", "carriers"])


def _carriers(one: pd.DataFrame) -> str:
    """How many carry one school's flag, and in which rows they stand."""
    enough, gone = one["students_to_unflag"].iloc[0], one[one["removal"].notna()].sort_values("removal")
    if pd.isna(enough):
        return f"more than {_MOST}" if len(gone) == _MOST else "not known"
    return f"{enough}: row {listed(gone['row'])}" if enough else "no flag"


def _sensitivity(fit: xr.DataTree, table: pd.DataFrame, threshold: float, inclusion: Inclusion) -> list[dict] | None:
    """Flags under other values of pi: by evidence, and by the prior alone; None where the fit cannot be reweighted."""
    if fit.attrs["formulation"] != "collapsed" or inclusion.learned:
        return None
    found, rows = sensitivity_table(fit, sorted({0.25, 0.5, 0.75, inclusion.prior[0]})), []
    for pi, part in found.groupby("inclusion_prior"):
        reached = part.assign(n=table["n"].to_numpy())[part["pip"] >= threshold]
        evident = has_evidence(reached, pi)
        row = {"pi": pi, "pareto_k": part["pareto_k"].iloc[0], "trusted": part["trusted"].all()}
        rows.append(row | {"flags": reached[evident], "alone": reached[~evident]})
    return rows


def _scales(fit: xr.DataTree, rows: pd.DataFrame) -> dict | None:
    """The flags' Bayes factors under half and twice the scale of tau_t's prior; None where that cannot be read back."""
    found = [with_tau_t_scale(fit, times) for times in (0.5, 1.0, 2.0)]
    if None in found:
        return None
    factors = pd.DataFrame({name: one.bayes_factor for name, one in zip(("half", "own", "twice"), found, strict=True)})
    factors, trusted = factors.reindex(rows.index), all(one.trusted for one in found)
    logs = np.log(factors)  # subtracted, not divided: a Bayes factor may be infinite
    change = logs.sub(logs["own"], axis=0).abs().max().max()
    return {"own": found[1].scale, "factors": factors, "matters": change > np.log1p(_LITTLE), "trusted": trusted}


def _checked(findings: pd.DataFrame | None) -> pd.DataFrame | None:
    """What was found in the data, gaps as empty texts; None where nobody looked."""
    if findings is None:
        return None
    fine = isinstance(findings, pd.DataFrame)
    require(fine, f"findings must be a DataFrame with the columns {_FINDINGS}", type(findings), TypeError)
    require(set(_FINDINGS) <= set(findings), f"findings must have the columns {_FINDINGS}", list(findings))
    return findings[_FINDINGS].astype(object).where(findings[_FINDINGS].notna(), "")
