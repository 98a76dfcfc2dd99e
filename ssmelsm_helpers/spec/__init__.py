"""What is asked for: two formulas, their matrices, priors, prior inclusion probabilities, options."""
