"""A small study that processes and clusters can import, with hooks that make it slow or fail."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

import ssmelsm_helpers as sm


def replicate(condition: dict, seed: int) -> dict:
    """Few schools, fitted; one condition fails for some seeds."""
    time.sleep(condition["pause"])
    if condition["fails"] and seed % 3 == 0:
        raise ArithmeticError(f"seed {seed} is divisible by three")
    data = sm.simulate_schools(n_schools=condition["n_schools"], n_students=20, random_seed=seed)
    spread = data.schools["sd"].to_numpy()
    return {"mean_sd": float(spread.mean()), "largest": np.float64(spread.max()), "school": condition["kind"]}


def design(pause: float = 0.0, fails: bool = False) -> sm.study.Design:
    """Three conditions."""
    conditions = pd.DataFrame({"n_schools": [5, 8, 12], "kind": ["a", "b", "c"]})
    return sm.study.Design("small", conditions.assign(pause=pause, fails=fails), replicate)
