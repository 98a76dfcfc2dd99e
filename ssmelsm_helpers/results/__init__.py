"""Sentences about a fit: PIPs, verdicts, evidence, sensitivity, checks, prediction."""
