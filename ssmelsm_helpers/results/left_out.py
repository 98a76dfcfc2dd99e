"""One school with some of its students left out: what the draws of a fit say of it then, or where they do not, a new fit."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from ..fitting.importance import adapt
from ..fitting.tree import evenly_spaced
from ..fitting.weights import GOOD_PARETO_K, resample, weigh
from ..model.cells import Cells, cells_of, without_each
from ..model.collapsed import CollapsedPosterior, blocks
from ..spec.design import Design

# Draws that tell which student's removal lowers a PIP most, and the fewest of a new fit; the PIP itself comes from all.
_FEW = 200
# Cells that are looked at together: those of a school, once for every student.
_CELLS = 400_000
# Scores whose range is below this share of the largest one are the same.
_ROUNDING = 1e-9


class Given(NamedTuple):
    """Draws of the hyperparameters given some students of a school, and all of the others."""

    x: np.ndarray  #: (S, size)
    log_p: np.ndarray  #: (S,) log p(these students | x)
    inclusion: np.ndarray  #: (S,) P(delta = 1 | these students, x)
    pip: float
    pip_mcse: float
    pareto_k: float = 0.0  #: of the importance sampling that the draws are from


class School(NamedTuple):
    """A school among the others, and how much the fit's draws tell."""

    posterior: CollapsedPosterior  #: of the students one by one
    at: int
    share: float  #: of the draws that is effective
    refits: bool  #: whether the priors are known, so that the model can be fitted again

    @property
    def design(self) -> Design:
        """The students, on the scale that is sampled."""
        return self.posterior.model.design

    @property
    def rows(self) -> np.ndarray:
        """Its students."""
        return np.flatnonzero(self.design.school == self.at)

    def cells(self, rows) -> Cells:
        """Of some students, as of the only ones."""
        return cells_of(self.design.of_rows(rows))

    def seen(self, x, cells: Cells) -> np.ndarray:
        """log p(y_j | x) and P(delta_j = 1 | y_j, x) (2, S, J) of cells in this school's place."""
        other = self.posterior.of_cells(cells)
        found = np.empty((2, len(x), other.n_schools))

        def work(draws):
            spike, slab = other.likelihoods(x[draws])
            log_odds = np.expand_dims(other.log_odds(x[draws]), -1)
            found[:, draws] = other.log_mixture(x[draws], spike, slab), expit(slab - spike + log_odds)

        other.over_draws(work, len(x))
        return found

    def seen_without_each(self, x, rows) -> tuple[np.ndarray, np.ndarray]:
        """The same (2, S, V) without one of some students, for each kind of them; and the kind of each.

        Students of one kind are alike in everything. Where the others have no spread, NaN: there is no posterior.
        """
        cells, design = self.cells(rows), self.design
        columns = np.column_stack([design.X, design.W, design.Z, design.S])[rows]
        cell = np.unique(columns, axis=0, return_inverse=True)[1].ravel()
        kinds, kind = np.unique(np.column_stack([cell, design.y[rows]]), axis=0, return_inverse=True)
        parts = blocks(len(kinds), max(_CELLS // len(cells.n), 1))
        parts = [without_each(cells, kinds[part, 0].astype(int), kinds[part, 1]) for part in parts]
        found = np.concatenate([self.seen(x, part) for part in parts], axis=-1)
        ordered = np.sort(design.y[rows])
        if len(rows) > 2:
            low = np.where(kinds[:, 1] == ordered[0], ordered[1], ordered[0])
            high = np.where(kinds[:, 1] == ordered[-1], ordered[-2], ordered[-1])
            found[..., high - low <= _ROUNDING * np.abs(ordered).max()] = np.nan
        return found, kind.ravel()

    def with_students(self, rows, given: Given, log_p, inclusion) -> tuple[float, float, float, Given | None]:
        """PIP, its error and k-hat with these students, whose log p and P(delta = 1) are known (S,), from draws given others.

        Where the weights are not to be trusted, from a new fit, whose draws are the last.
        """
        weighted, before = weigh(given.x, log_p - given.log_p), given.inclusion.mean()
        weights = weighted.weights
        pip = weights @ inclusion
        # The same draws before and after: what they err in alike is not in the change.
        change = weights * (inclusion - pip) - (given.inclusion - before) / len(weights)
        mcse = np.sqrt(change @ change / self.share + given.pip_mcse**2)
        if weighted.pareto_k > GOOD_PARETO_K and self.refits:
            anew = self.anew(rows, len(given.x))
            return anew.pip, anew.pip_mcse, anew.pareto_k, anew
        return float(np.clip(given.pip + pip - before, 0.0, 1.0)), float(mcse), weighted.pareto_k, None

    def without_each(self, given: Given) -> pd.DataFrame:
        """PIP, error and k-hat without each single student, by refits where the weights are not to be trusted."""
        (log_p, inclusion), kind = self.seen_without_each(given.x, self.rows)
        found = []
        for at in range(log_p.shape[1]):
            values, anew = [np.nan] * 3, None
            if not np.isnan(log_p[0, at]):
                left = np.delete(self.rows, np.flatnonzero(kind == at)[0])
                *values, anew = self.with_students(left, given, log_p[:, at], inclusion[:, at])
            found.append((*values, anew is not None))
        table = pd.DataFrame(found, columns=["pip", "pip_mcse", "pareto_k", "refitted"])
        return table.iloc[kind].reset_index(drop=True)

    def anew(self, rows, draws: int) -> Given:
        """Draws of the same model with the same priors, in which the school has some of its students only."""
        others = np.flatnonzero(self.design.school != self.at)
        other = self.posterior.of_cells(self.cells(np.sort(np.append(others, rows))))
        rng = np.random.default_rng(0)
        weighted = adapt(other, rng).weighted(max(draws, _FEW), rng)
        log_p, inclusion = self.seen(weighted.x, self.cells(rows))[..., 0]
        pip, kept = weighted.weights @ inclusion, resample(weighted, draws, rng)
        mcse = np.sqrt(weighted.weights**2 @ (inclusion - pip) ** 2)
        return Given(weighted.x[kept], log_p[kept], inclusion[kept], pip, mcse, weighted.pareto_k)

    def lowest(self, given: Given, rows) -> np.ndarray:
        """The PIP without each of some students (n,), roughly."""
        few = evenly_spaced(len(given.x), min(_FEW, len(given.x)))
        (log_p, inclusion), kind = self.seen_without_each(given.x[few], rows)
        return (softmax(log_p - given.log_p[few, None], axis=0) * inclusion).sum(axis=0)[kind]

    def carriers(self, given: Given, without: np.ndarray, threshold: float, most: int) -> tuple[np.ndarray, float]:
        """Which student is taken away first, second, ... (n,), NaN for the others; and how many until the flag is gone.

        `without` are the PIPs without each single one. NaN for how many: the flag does not go away, or nobody knows.
        """
        order, places, pip = np.full(len(self.rows), np.nan), np.arange(len(self.rows)), given.pip
        for number in range(1, most + 1):
            if pip < threshold or len(places) == 1:
                break
            without = without if number == 1 else self.lowest(given, self.rows[places])
            if np.isnan(without).all():
                break
            out = np.nanargmin(without)
            left = np.delete(places, out)
            rows = self.rows[left]
            pip, _, pareto_k, anew = self.with_students(rows, given, *self.seen(given.x, self.cells(rows))[..., 0])
            if pareto_k > GOOD_PARETO_K:
                return order, np.nan
            given = anew or given
            order[places[out]], places = number, left
        return order, np.nanmax(order, initial=0) if pip < threshold else np.nan
