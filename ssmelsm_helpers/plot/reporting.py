"""A fit as a page to hand on: self-contained, with the list, its sensitivity, and what it does not say."""

import html
import io
import json
from pathlib import Path
from string import Template

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import require
from ..fitting.weights import GOOD_PARETO_K
from ..results.checks import GOOD_RHAT, convergence
from ..results.draws import posterior_of_fit, selected_names
from ..results.pips import VERDICTS, pip_table
from ..results.sensitivity import sensitivity_table
from ..spec.inclusion import Inclusion
from .pip_charts import funnel, outcomes
from .style import checked_threshold, listed

_PAGE = Path(__file__).with_name("report.html")
# Columns of the tables, and what stands in them.
_FLAGGED = {
    "members": "{n}",
    "PIP": "{pip:.3f} ± {error:.3f}",
    "Bayes factor": "{bayes_factor}",
    "SD": "{sd:.2f}",
    "95 % interval": "{sd_lower:.2f} to {sd_upper:.2f}",
    "SD ratio": "{sd_ratio:.2f}",
    "verdict": "{verdict}",
}
_CHECKS = {"mean": "{mean:.3g}", "sd": "{sd:.3g}", "ESS": "{ess_bulk:,.0f}"}


def report(
    fit: xr.DataTree,
    path: str | Path,
    *,
    threshold: float = 0.75,
    title: str | None = None,
    units: str = "schools",
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
        Heading. Default: "Which <units> are unusually consistent?"
    units : str, default "schools"
        What the groups are, in the plural: "teams", "patients".
    overwrite : bool, default False
        Whether files that are there already may be replaced.

    Returns
    -------
    pathlib.Path
        Of the page.

    Raises
    ------
    ValueError, TypeError
        The path does not end in .html, the threshold is out of range, or the model has several selected effects.
    FileExistsError, FileNotFoundError
        A file is there already, and `overwrite` is False; or its folder is not there.

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
    page = Path(path)
    require(page.suffix == ".html", "path must end in .html", str(path))
    threshold = checked_threshold(threshold)
    posterior_of_fit(fit)
    effects = selected_names(fit)
    require(effects == ["scale[Intercept]"], "fit must have scale[Intercept] as its one selected effect", effects)
    csv = page.with_suffix(".csv")
    for target in (page, csv):
        if target.exists() and not overwrite:
            raise FileExistsError(f"path={str(target)!r} is there already; pass overwrite=True to replace it.")
    table = pip_table(fit, threshold=threshold)
    reached = table.loc[table["pip"] >= threshold, "pip"]
    words, parts = _trust(fit)
    words |= fit.attrs | {
        "title": title or f"Which {units} are unusually consistent?",
        "units": units,
        "groups": len(table),
        "members": f"{int(table['n'].sum()):,}",
        "threshold": f"{threshold:g}",
        "reached": len(reached),
        "expected_false": f"{(1 - reached).sum():.1f}",
        "pi": Inclusion.of_fit(fit.attrs),
        "priors": "; ".join(f"{name} ~ {text}" for name, text in json.loads(fit.attrs["priors"]).items()),
        "versions": ", ".join(f"{name} {version}" for name, version in json.loads(fit.attrs["versions"]).items()),
        "csv": csv.name,
    }
    parts |= {"flagged": _flagged(table, units), "sensitivity": _sensitivity(fit, threshold)}
    for verdict in VERDICTS[:3]:
        words[verdict.replace(" ", "_")] = listed(table.index[table["verdict"] == verdict])
    for draw in (funnel, outcomes):
        chart, svg = draw(fit, threshold=threshold, units=units), io.StringIO()
        chart.save(svg, format="svg")
        words[f"{draw.__name__}_in_words"], parts[draw.__name__] = chart.description, svg.getvalue()
    escaped = {name: html.escape(str(word)) for name, word in words.items()}
    page.write_text(Template(_PAGE.read_text("utf8")).substitute(escaped | parts), encoding="utf8")
    table.to_csv(csv)
    return page


def _trust(fit: xr.DataTree) -> tuple[dict, dict]:
    """Words and parts of the page on whether the computation can be trusted."""
    checks = convergence(fit)
    nuts, importance = ("R-hat", GOOD_RHAT, "r_hat"), ("Pareto k-hat", GOOD_PARETO_K, "pareto_k")
    measure, limit, column = importance if "pareto_k" in checks else nuts
    passes = "passes" if checks["ok"].all() else "<strong>does not pass</strong>"
    table = _table(checks, _CHECKS | {measure: f"{{{column}:.3g}}"}, "Parameters")
    words = {"limit": f"{measure} at most {limit}", "divergences": checks.attrs["divergences"]}
    return words, {"passes": passes, "checks": table}


def _table(rows: pd.DataFrame, columns: dict[str, str], caption: str) -> str:
    """Rows as HTML: each column by its format, which names columns of the rows; no text is cut short."""
    texts = [[form.format(**row) for form in columns.values()] for row in rows.to_dict("records")]
    # The name of the index stands in the corner, not in a row of its own.
    head = pd.Index(columns, name=rows.index.name)
    with pd.option_context("display.max_colwidth", None):
        table = pd.DataFrame(texts, index=list(map(str, rows.index)), columns=head).to_html(border=0)
    return table.replace(">", f">\n<caption>{html.escape(caption)}</caption>", 1)


def _flagged(table: pd.DataFrame, units: str) -> str:
    rows = table[table["verdict"] != VERDICTS[3]].sort_values("pip", ascending=False)
    if rows.empty:
        return f"<p>None of the {html.escape(units)} is flagged or near the threshold.</p>"
    factors = ["> 1,000" if factor > 1000 else f"{factor:.1f}" for factor in rows["bayes_factor"]]
    rows = rows.assign(error=2 * rows["pip_mcse"], bayes_factor=factors)
    return _table(rows, _FLAGGED, "Flagged, or too close to call; ± two Monte Carlo standard errors") + (
        "<p>The PIP says how sure one can be <em>that</em> the spread differs. By how much, the SD ratio says: the estimated "
        "SD over that of one whose spread is the common one.</p>"
    )


def _sensitivity(fit: xr.DataTree, threshold: float) -> str:
    inclusion = Inclusion.of_fit(fit.attrs)
    if fit.attrs["formulation"] != "collapsed" or inclusion.learned:
        return "<p>This fit cannot be reweighted to another pi; fit it again to see what changes.</p>"
    found = sensitivity_table(fit, sorted({0.25, 0.5, 0.75, inclusion.prior[0]}))
    rows = []
    for pi, part in found.groupby("inclusion_prior"):
        k_hat = part["pareto_k"].iloc[0]
        how = "this fit" if np.isnan(k_hat) else f"reweighted, k-hat {k_hat:.2f}"
        how += "" if part["trusted"].all() else ": not to be trusted, fit again"
        who = part.loc[part["pip"] >= threshold, "school"]
        rows.append({"pi": f"{pi:g}", "flags": len(who), "which": listed(who), "how": how})
    columns = {"flags": "{flags}", "which": "{which}", "how": "{how}"}
    table = _table(pd.DataFrame(rows).set_index("pi"), columns, f"PIP of at least {threshold:g}, by pi")
    return f"<p>Under other values:</p>\n{table}"
