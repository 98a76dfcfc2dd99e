"""The SS-MELSM: a school's likelihood, the posteriors of its formulations, PyMC models of the same, simulation."""
