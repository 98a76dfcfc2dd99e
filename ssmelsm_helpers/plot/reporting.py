"""A fit as a page to hand on: self-contained, with the list, its sensitivity, and what it does not say."""

import io
import json
from pathlib import Path

import pandas as pd
import xarray as xr
from jinja2 import Environment, StrictUndefined

from ..arguments import require
from ..fitting.weights import GOOD_PARETO_K
from ..results.checks import GOOD_RHAT, convergence
from ..results.draws import selected_names
from ..results.flags import LEAST_EVIDENCE, end_of_scale
from ..results.pips import VERDICTS, pip_table
from ..spec.inclusion import Inclusion
from . import report_tables as tables
from .naming import Called, Names
from .pip_charts import funnel, outcomes
from .style import checked_threshold, listed

_PAGE = Path(__file__).with_name("report.html")


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
    findings = tables.check_findings(findings)
    table = pip_table(fit, threshold=threshold)
    evident, alone = tables.flags_of(fit, table)
    rows = table.assign(mark=end_of_scale(fit, table))[evident].sort_values("pip", ascending=False)
    carried = tables.carried(fit, rows, threshold, data, outcome)
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
        "flags": rows.join(carried),
        "alone": table[alone],
        "charts": {name: (chart.description, _svg(chart)) for name, chart in charts.items()},
        "pi": Inclusion.of_fit(fit.attrs),
        "sensitivity": tables.sensitivity(fit, table, threshold),
        "scales": tables.scales(fit, rows) if len(rows) else None,
        "findings": findings,
        "convergence": convergence(fit),
        "limits": {"r_hat": ("R-hat", GOOD_RHAT), "pareto_k": ("Pareto k-hat", GOOD_PARETO_K)},
        "least": LEAST_EVIDENCE,
        "most": tables.MOST,
        "little": tables.LITTLE,
        "csv": csv.name,
        "factor": tables.factor,
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
