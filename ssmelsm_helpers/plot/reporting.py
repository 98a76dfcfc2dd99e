"""A fit as a page to hand on: self-contained, with the list, its sensitivity, and what it does not say."""

from __future__ import annotations

import html
import io
import json
from pathlib import Path
from string import Template

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_path, check_text, shown
from ..results.checks import convergence
from ..results.pips import VERDICTS, pip_table, posterior_of_fit, selected_names
from ..results.sensitivity import sensitivity_table
from .pip_charts import funnel, outcomes
from .style import checked_threshold, listed

_PAGE = Path(__file__).with_name("report.html")
_PRIORS = (0.25, 0.5, 0.75)
# Columns of the list, and what stands in them.
_FLAGGED = {
    "members": "{n}",
    "PIP": "{pip:.3f} ± {error:.3f}",
    "Bayes factor": "{bayes_factor}",
    "SD": "{sd:.2f}",
    "95 % interval": "{sd_lower:.2f} to {sd_upper:.2f}",
    "SD ratio": "{sd_ratio:.2f}",
    "verdict": "{verdict}",
}


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
        The path does not end in .html, its folder is not there, the threshold is out of range, or the model has several selected effects.
    FileExistsError
        A file is there already, and `overwrite` is False.

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
    page = check_path("path", path)
    if page.suffix != ".html":
        raise ValueError(f"path must end in .html; found {shown(str(path))}.")
    threshold = checked_threshold(threshold)
    check_text("units", units)
    if title is not None:
        check_text("title", title)
    posterior_of_fit(fit)
    effects = selected_names(fit)
    if effects != ["scale[Intercept]"]:
        raise ValueError(f"fit must have scale[Intercept] as its one selected effect; found {effects}.")
    for target in (page, page.with_suffix(".csv")):
        if target.exists() and not overwrite:
            raise FileExistsError(f"path={str(target)!r} is there already; pass overwrite=True to replace it.")
    table = pip_table(fit, threshold=threshold)
    reached = table.loc[table["pip"] >= threshold, "pip"]
    more, less, unresolved = (listed(table.index[table["verdict"] == verdict]) for verdict in VERDICTS[:3])
    pictures = {picture.__name__: picture(fit, threshold=threshold, units=units) for picture in (funnel, outcomes)}
    words = {
        "title": title or f"Which {units} are unusually consistent?",
        "units": units,
        "groups": len(table),
        "members": f"{int(table['n'].sum()):,}",
        "threshold": f"{threshold:g}",
        "more": more,
        "less": less,
        "unresolved": unresolved,
        "reached": len(reached),
        "expected_false": f"{(1 - reached).sum():.1f}",
        "csv": page.with_suffix(".csv").name,
        **{f"{name}_in_words": picture.description for name, picture in pictures.items()},
    }
    parts = {
        "flagged": _flagged(table, units),
        "sensitivity": _sensitivity(fit, threshold),
        "checks": _checks(fit),
        "made": _how_it_was_made(fit),
        **{name: _svg(picture) for name, picture in pictures.items()},
    }
    escaped = {name: html.escape(str(word)) for name, word in words.items()}
    page.write_text(Template(_PAGE.read_text("utf8")).substitute(escaped, **parts), encoding="utf8")
    table.to_csv(page.with_suffix(".csv"))
    return page


def _svg(chart: alt.TopLevelMixin) -> str:
    text = io.StringIO()
    chart.save(text, format="svg")
    return text.getvalue()


def _table(rows: pd.DataFrame, caption: str) -> str:
    """Rows as HTML, no text cut short."""
    rows = rows.astype(str).set_axis(rows.index.map(str)).rename_axis(index=None, columns=rows.index.name)
    with pd.option_context("display.max_colwidth", None):
        return rows.to_html(border=0).replace(">", f">\n<caption>{html.escape(caption)}</caption>", 1)


def _in_words(rows: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Numbers as texts: each column by its format, which names columns of the rows."""
    texts = [{name: form.format(**row) for name, form in columns.items()} for row in rows.to_dict("records")]
    return pd.DataFrame(texts, index=rows.index)


def _flagged(table: pd.DataFrame, units: str) -> str:
    rows = table[table["verdict"] != VERDICTS[3]].sort_values("pip", ascending=False)
    if rows.empty:
        return f"<p>None of the {html.escape(units)} is flagged or near the threshold.</p>"
    factors = ["> 1,000" if factor > 1000 else f"{factor:.1f}" for factor in rows["bayes_factor"]]
    rows = _in_words(rows.assign(error=2 * rows["pip_mcse"], bayes_factor=factors), _FLAGGED)
    return (
        _table(rows, "Flagged, or too close to call; ± two Monte Carlo standard errors")
        + "<p>The PIP says how sure one can be <em>that</em> the spread differs. By how much, the SD ratio says: the "
        "estimated SD over that of one whose spread is the common one.</p>"
    )


def _sensitivity(fit: xr.DataTree, threshold: float) -> str:
    if fit.attrs["formulation"] != "collapsed" or "inclusion_beta" in fit.attrs:
        return "<p>This fit cannot be reweighted to another pi; fit it again to see what changes.</p>"
    found = sensitivity_table(fit, sorted({*_PRIORS, float(fit.attrs["inclusion_prior"])}))
    rows = []
    for pi, part in found.groupby("inclusion_prior"):
        k_hat = part["pareto_k"].iloc[0]
        how = "this fit" if np.isnan(k_hat) else f"reweighted, k-hat {k_hat:.2f}"
        how += "" if part["trusted"].all() else ": not to be trusted, fit again"
        who = part.loc[part["pip"] >= threshold, "school"]
        rows.append({"pi": f"{pi:g}", "flags": len(who), "which": listed(who), "how": how})
    table = _table(pd.DataFrame(rows).set_index("pi"), f"PIP of at least {threshold:g}, by pi")
    return f"<p>Under other values:</p>\n{table}"


def _checks(fit: xr.DataTree) -> str:
    found = convergence(fit)
    name, measure, limit = ("Pareto k-hat", "pareto_k", 0.7) if "pareto_k" in found else ("R-hat", "r_hat", 1.01)
    words = "passes" if found["ok"].all() else "<strong>does not pass</strong>"
    columns = {"mean": "{mean:.3g}", "sd": "{sd:.3g}", "ESS": "{ess_bulk:,.0f}", name: f"{{{measure}:.3g}}"}
    return (
        f"<p>This fit {words} the usual checks: {name} at most {limit}, at least 400 effective draws; "
        f"{found.attrs['divergences']} divergences.</p>\n" + _table(_in_words(found, columns), "Parameters")
    )


def _how_it_was_made(fit: xr.DataTree) -> str:
    attrs = fit.attrs
    beta = ", ".join(f"{value:g}" for value in attrs.get("inclusion_beta", ()))
    facts = {
        "Location": attrs["location"],
        "Scale (log SD)": attrs["scale"],
        "Prior probability of inclusion": f"Beta({beta})" if beta else attrs["inclusion_prior"],
        "Priors, in the data's units": "; ".join(
            f"{name} ~ {text}" for name, text in json.loads(attrs["priors"]).items()
        ),
        "Formulation, sampler": f"{attrs['formulation']}, {attrs['sampler']}",
        "Random seed": attrs["random_seed"],
        "Made": attrs["created_at"],
        "Versions": ", ".join(f"{name} {version}" for name, version in json.loads(attrs["versions"]).items()),
    }
    return _table(pd.DataFrame({"": facts}), "Model and computation")
