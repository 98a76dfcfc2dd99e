"""Everything that takes long, in a notebook's kernel with its progress bars: other packages import only there what bars need."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

SETUP = """
import pymc as pm

import ssmelsm_helpers as sm

made = sm.simulate_schools(n_schools=8, n_students=12, random_seed=1)
model = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
design = sm.study.published()
design = sm.study.Design(design.name, design.conditions.head(2), design.replicate)
short = {"draws": 60, "tune": 60, "chains": 2, "random_seed": 1, "progressbar": True}
"""
CALLS = {
    "collapsed": 'sm.fit(*model, made.students, formulation="collapsed", **short)',
    "importance": 'sm.fit_schools(made.schools, sampler="importance", draws=100, random_seed=1, progressbar=True)',
    "marginal": 'sm.fit(*model, made.students, formulation="marginal", **short)',
    "sampled": 'sm.fit(*model, made.students, formulation="sampled", **short)',
    "PyMC's own sampler": """with sm.build_model(*model, made.students, formulation="marginal"):
    pm.sample(draws=20, tune=20, chains=2, cores=1, random_seed=1, progressbar=True)""",
    "study": "sm.study.run(design, replications=1, random_seed=1, progressbar=True)",
}


@pytest.mark.slow
def test_progress_bars_need_nothing_that_is_not_installed():
    cells = [nbformat.v4.new_code_cell(source) for source in [SETUP, *CALLS.values()]]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=300, allow_errors=True)
    client.execute()
    for name, cell in zip(CALLS, cells[1:], strict=True):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert errors == [], f"{name}: {errors[0].evalue if errors else ''}"
        noise = [output.text for output in cell.outputs if output.get("name") == "stderr"]
        # Few draws are asked for: their warnings are right, but nothing else.
        assert [text for text in noise if "Error" in text or "install" in text] == [], name
