"""A fit as an ArviZ DataTree: every axis named, every coordinate with the data's own labels."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from ..data.labels import label_index, refuse_unsaved
from ..spec.design import Design
from ..spec.model_priors import ModelPriors
from ..spec.options import Choices
from ..spec.priors import Beta

SCALE = "scale_effect"


class Names(NamedTuple):
    """Names along the axes of a model."""

    location_term: tuple[str, ...]
    scale_term: tuple[str, ...]
    location_effect: tuple[str, ...]
    random_scale_effect: tuple[str, ...]
    selected: tuple[str, ...]

    @property
    def effects(self) -> tuple[str, ...]:
        """All random effects, location first."""
        return (*(f"location[{e}]" for e in self.location_effect), *(f"scale[{e}]" for e in self.random_scale_effect))

    @property
    def selected_dim(self) -> str:
        """The axis of the selected effects; plainly the scale effects unless a location effect is among them."""
        return SCALE if all(name.startswith("scale[") for name in self.selected) else "selected_effect"


INTERCEPT_ONLY = Names(*(("Intercept",),) * 4, ("scale[Intercept]",))


def names_of(design: Design, selected) -> Names:
    """Names of a design's axes, which a file must be able to hold."""
    refuse_unsaved(design.labels)
    parts = design.location_terms, design.scale_terms, design.location_effects, design.scale_effects
    return Names(*parts, tuple(design.effects[at] for at in selected))


class Draws(NamedTuple):
    """Posterior draws (chain, draw, ...) by name, statistics (chain, draw), and attributes."""

    posterior: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]
    attributes: dict[str, Any]


def evenly_spaced(total: int, kept: int) -> np.ndarray:
    """Positions of `kept` of `total` draws, the first and the last among them."""
    return np.linspace(0, total - 1, kept).round().astype(int)


def school_summary(design: Design) -> pd.DataFrame:
    """n, mean and sd (ddof=1) of the outcome per school."""
    outcome = pd.Series(design.y).groupby(design.school)
    return outcome.agg(n="size", mean="mean", sd="std").set_axis(design.labels)


def _dims(names: Names) -> dict[str, tuple[str, ...]]:
    """Axes of each variable after (chain, draw); effects that stand alone have no axis of their own."""
    several = (names.selected_dim,) if len(names.selected) > 1 else ()
    u = ("location_effect",) if len(names.location_effect) > 1 else ()
    t = ("random_scale_effect",) if len(names.random_scale_effect) > 1 else ()
    dims = {"gamma": ("location_term",), "eta": ("scale_term",), "tau": ("effect",), "omega": ("effect", "effect_bis")}
    dims |= {"u": ("school", *u), "t": ("school", *t)}
    return dims | dict.fromkeys(("log_bf", "delta"), ("school", *several))


def assemble(draws: Draws, names: Names, schools: pd.DataFrame, design: Design | None = None) -> xr.DataTree:
    """The DataTree of a fit; `schools` is the observed summary, `design` the data behind it if more than that was used."""
    dims = _dims(names)
    first = next(iter(draws.posterior.values()))
    index = {"chain": np.arange(first.shape[0]), "draw": np.arange(first.shape[1])}
    coords = {name: list(getattr(names, name)) for name in ("location_term", "scale_term")}
    coords |= {"effect": list(names.effects)}
    coords |= {"effect_bis": list(names.effects)} if "omega" in draws.posterior else {}
    coords |= {name: list(getattr(names, name)) for v in ("u", "t") for name in dims[v][1:]}
    coords |= {name: list(names.selected) for name in dims["delta"][1:]}
    school = {"school": ("school", schools.index)}
    arrays = {name: (("chain", "draw", *dims.get(name, ())), value) for name, value in draws.posterior.items()}
    statistics = {name: (("chain", "draw"), value) for name, value in draws.statistics.items()}
    groups = {
        "posterior": xr.Dataset(arrays, coords=index | coords | school),
        "sample_stats": xr.Dataset(statistics, coords=index),
        "observed_data": xr.Dataset({c: ("school", schools[c].to_numpy()) for c in schools}, coords=school),
    }
    if design is not None:
        groups["constant_data"] = _constant_data(design, coords, school)
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = dict(draws.attributes)
    return tree


def _constant_data(design: Design, coords, school) -> xr.Dataset:
    """The design's matrices, rows sorted by school: with them a saved fit can be used without its data."""
    matrices = {
        "outcome": ("student", design.y),
        "X": (("student", "location_term"), design.X),
        "W": (("student", "scale_term"), design.W),
        "Z": (("student", "z_column"), design.Z),
        "S": (("student", "s_column"), design.S),
        "school_position": ("student", design.school),
        "row": ("student", design.rows),
    }
    columns = {"z_column": list(design.location_effects), "s_column": list(design.scale_effects)}
    kept = {name: coords[name] for name in ("location_term", "scale_term")}
    return xr.Dataset(matrices, coords=kept | columns | school)


def attributes_of(choices: Choices, names: Names, school, priors: ModelPriors, seed: int) -> dict:
    """What a saved fit says of itself."""
    prior = choices.inclusion_prior
    learned = isinstance(prior, Beta)
    several = not learned and len(set(prior)) > 1
    packages = ("ssmelsm_helpers", "numpy", "nutpie", "arviz", "pymc")
    return {
        "school": str(school or "school"),
        "formulation": choices.formulation,
        "sampler": choices.sampler,
        "family": choices.family,
        "indicator": choices.indicator,
        "select": json.dumps(names.selected),
        "inclusion_prior": prior.mean if learned else list(prior) if several else float(prior[0]),
        **({"inclusion_beta": [float(prior.a), float(prior.b)]} if learned else {}),
        "priors": json.dumps(priors.texts(names.effects, choices.family)),
        "priors_given": json.dumps(priors.given.as_dict()),
        "random_seed": seed,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": json.dumps({name: version(name) for name in packages}),
    }


def design_from(fit: xr.DataTree) -> Design | None:
    """The design that `assemble` put into a fit; None for fits of school summaries."""
    if "constant_data" not in fit.children:
        return None
    data = fit["constant_data"]
    labels = label_index(fit["posterior"].indexes["school"], name=fit.attrs.get("school"))

    def text(name):
        return tuple(str(value) for value in data[name].to_numpy())

    return Design(
        formulas=None,
        y=data["outcome"].to_numpy(),
        X=data["X"].to_numpy(),
        location_terms=text("location_term"),
        W=data["W"].to_numpy(),
        scale_terms=text("scale_term"),
        Z=data["Z"].to_numpy(),
        location_effects=text("z_column"),
        S=data["S"].to_numpy(),
        scale_effects=text("s_column"),
        blocks=tuple(tuple(block) for block in json.loads(fit.attrs["blocks"])),
        school=data["school_position"].to_numpy(),
        labels=labels,
        rows=data["row"].to_numpy(),
    )
