"""The checks behind the exercises: `check(id, answer)`."""
