"""A fit as a page to hand on: self-contained, with the list, its sensitivity, and what it does not say."""

from __future__ import annotations

import html
import json
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_path, check_text, shown
from ..results.checks import convergence
from ..results.pips import VERDICTS, pip_table, posterior_of_fit, selected_names
from ..results.sensitivity import sensitivity_table
from .style import checked_threshold

_PRIORS = (0.25, 0.5, 0.75)
_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2rem; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #ccc; }
td { font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; } figcaption { color: #444; }
.note { border-left: 4px solid #9a6fb0; padding: .2rem 1rem; background: #f6f2f8; }
@media print { body { margin: 0; max-width: none; } }
"""


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
    title = title or f"Which {units} are unusually consistent?"
    sections = [
        f"<h1>{html.escape(title)}</h1>",
        _summary(table, threshold, units),
        _flagged(table, units),
        _pictures(fit, threshold, units),
        _sensitivity(fit, threshold, units),
        _trust(fit),
        _what_it_does_not_say(units),
        _how_it_was_made(fit, page.with_suffix(".csv").name),
    ]
    page.write_text(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n",
        encoding="utf8",
    )
    table.to_csv(page.with_suffix(".csv"))
    return page


def _labels(table: pd.DataFrame, verdict: str) -> str:
    return ", ".join(str(label) for label in table.index[table["verdict"] == verdict]) or "none"


def _summary(table: pd.DataFrame, threshold: float, units: str) -> str:
    flagged = table[table["pip"] >= threshold]
    more, less, unresolved = (html.escape(_labels(table, verdict)) for verdict in VERDICTS[:3])
    return (
        f"<p>{len(table)} {html.escape(units)} with {int(table['n'].sum()):,} members in all were compared by their "
        "spread: the standard deviation of the members' outcomes around what the model expects. A group is flagged "
        f"where the probability that its spread differs from the common one (its posterior inclusion probability, PIP) is at "
        f"least {threshold:g}.</p>\n<ul>\n<li>More variable than the others: <strong>{more}</strong>.</li>\n"
        f"<li>Less variable: <strong>{less}</strong>.</li>\n"
        f"<li>Too close to the threshold to call: <strong>{unresolved}</strong>.</li>\n</ul>\n"
        f"<p>{len(flagged)} reach the threshold; about {(1 - flagged['pip']).sum():.1f} of these flags are expected to be "
        "false, if the model and its prior probability hold.</p>"
    )


def _flagged(table: pd.DataFrame, units: str) -> str:
    wanted = table[table["verdict"] != VERDICTS[3]].sort_values("pip", ascending=False)
    if wanted.empty:
        return f"<p>None of the {html.escape(units)} is flagged or near the threshold.</p>"
    rows = pd.DataFrame(
        {
            "members": wanted["n"],
            "PIP": [
                f"{pip:.3f} ± {error:.3f}" for pip, error in zip(wanted["pip"], 2 * wanted["pip_mcse"], strict=True)
            ],
            "Bayes factor": ["> 1,000" if bf > 1000 else f"{bf:.1f}" for bf in wanted["bayes_factor"]],
            "SD": wanted["sd"].map("{:.2f}".format),
            "95 % interval": [
                f"{a:.2f} to {b:.2f}" for a, b in zip(wanted["sd_lower"], wanted["sd_upper"], strict=True)
            ],
            "SD ratio": wanted["sd_ratio"].map("{:.2f}".format),
            "verdict": wanted["verdict"],
        },
        index=wanted.index,
    )
    caption = "Flagged, or too close to call; ± two Monte Carlo standard errors"
    return _as_html(rows, caption) + (
        "<p>The PIP says how sure one can be <em>that</em> the spread differs. By how much, the SD ratio says: the "
        "estimated SD over that of one whose spread is the common one.</p>"
    )


def _as_html(rows: pd.DataFrame, caption: str) -> str:
    def cells(kind, values, scope=""):
        return "".join(f"<{kind}{scope}>{html.escape(str(value))}</{kind}>" for value in values)

    head = cells("th", [rows.index.name or "", *rows.columns], ' scope="col"')
    body = "".join(
        f"<tr>{cells('th', [label], ' scope="row"')}{cells('td', values)}</tr>\n"
        for label, *values in rows.itertuples(name=None)
    )
    return f"<table>\n<caption>{html.escape(caption)}</caption>\n<tr>{head}</tr>\n{body}</table>\n"


def _pictures(fit: xr.DataTree, threshold: float, units: str) -> str:
    import vl_convert

    from .pip_charts import funnel, outcomes

    figures = []
    for chart, words in (
        (funnel(fit, threshold=threshold, units=units), "PIP against the SD: the V."),
        (outcomes(fit, threshold=threshold, units=units), "PIP against the mean outcome."),
    ):
        specification = _without_controls(chart)
        svg = vl_convert.vegalite_to_svg(specification, vl_version=_version())
        text = html.escape(specification["description"], quote=True)
        figures.append(
            f'<figure><div role="img" aria-label="{text}">{svg}</div><figcaption>{words}</figcaption></figure>'
        )
    return "<h2>The pictures</h2>\n" + "\n".join(figures)


def _without_controls(chart: alt.TopLevelMixin) -> dict:
    specification = chart.to_dict()
    for parameter in specification.get("params", []):
        parameter.pop("bind", None)
    return specification


def _version() -> str:
    from altair.utils._importers import vl_version_for_vl_convert

    return vl_version_for_vl_convert()


def _sensitivity(fit: xr.DataTree, threshold: float, units: str) -> str:
    head = f"<h2>How much hangs on the prior</h2>\n<p>The prior probability pi is the share of {html.escape(units)} "
    head += "expected to differ, before the data. "
    if fit.attrs["formulation"] != "collapsed" or "inclusion_beta" in fit.attrs:
        return head + "This fit cannot be reweighted to another pi; fit it again to see what changes.</p>"
    own = float(fit.attrs["inclusion_prior"])
    found = sensitivity_table(fit, sorted({*_PRIORS, own}))
    rows = {}
    for pi, part in found.groupby("inclusion_prior"):
        flagged = part[part["pip"] >= threshold]
        who = ", ".join(str(label) for label in flagged["school"]) or "none"
        k_hat = part["pareto_k"].iloc[0]
        trust = "this fit" if np.isnan(k_hat) else f"reweighted, k-hat {k_hat:.2f}"
        rows[f"{pi:g}"] = (
            len(flagged),
            who,
            trust if part["trusted"].all() else f"{trust}: not to be trusted, fit again",
        )
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["flags", "which", "how"]).rename_axis("pi")
    return f"{head}Under other values:</p>\n" + _as_html(table, f"PIP of at least {threshold:g}, by pi")


def _trust(fit: xr.DataTree) -> str:
    found = convergence(fit)
    measure = "pareto_k" if "pareto_k" in found else "r_hat"
    name = {"pareto_k": "Pareto k-hat", "r_hat": "R-hat"}[measure]
    words = "passes" if found["ok"].all() else "<strong>does not pass</strong>"
    rows = found[["mean", "sd", "ess_bulk", measure]].map("{:.3g}".format)
    rows["ess_bulk"] = found["ess_bulk"].map("{:,.0f}".format)
    rows = rows.rename(columns={"ess_bulk": "ESS", measure: name})
    return (
        f"<h2>Can the computation be trusted?</h2>\n<p>This fit {words} the usual checks: {name} at most "
        f"{0.7 if measure == 'pareto_k' else 1.01:g}, at least 400 effective draws; "
        f"{found.attrs['divergences']} divergences.</p>\n" + _as_html(rows, "Parameters")
    )


def _what_it_does_not_say(units: str) -> str:
    units = html.escape(units)
    return f"""<h2>What this does not say</h2>
<div class="note">
<p>"Unusual" means hard to explain by the spread that these {units} have in common, given this model, this outcome and
their sizes. It is not a verdict on quality: a small spread is neither good nor bad, and who joins, what the outcome can
measure, and where its scale ends all make spread.</p>
<p>Not flagged does not mean ordinary. With few members a PIP stays near its prior probability whatever the truth is;
a value near pi means that the data do not tell.</p>
<p>The list is no ranking, and an order within it is not supported. Before anybody acts on a flag, look at the members,
the outcome and the records of that group.</p>
</div>"""


def _how_it_was_made(fit: xr.DataTree, csv: str) -> str:
    attrs = fit.attrs
    prior = (
        f"Beta({', '.join(f'{v:g}' for v in attrs['inclusion_beta'])})"
        if "inclusion_beta" in attrs
        else attrs["inclusion_prior"]
    )
    facts = {
        "Location": attrs["location"],
        "Scale (log SD)": attrs["scale"],
        "Prior probability of inclusion": prior,
        "Priors, in the data's units": "; ".join(
            f"{name} ~ {text}" for name, text in json.loads(attrs["priors"]).items()
        ),
        "Formulation, sampler": f"{attrs['formulation']}, {attrs['sampler']}",
        "Random seed": attrs["random_seed"],
        "Made": attrs["created_at"],
        "Versions": ", ".join(f"{name} {version}" for name, version in json.loads(attrs["versions"]).items()),
    }
    table = pd.DataFrame({"": list(facts.values())}, index=pd.Index(facts, name=""))
    return f"<h2>How it was made</h2>\n{_as_html(table, 'Model and computation')}<p>All rows: {html.escape(csv)}.</p>"
