"""The same posteriors as PyMC models, one module per formulation, to be read and to check against."""
