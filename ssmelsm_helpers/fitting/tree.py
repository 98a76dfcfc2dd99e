"""A fit as an ArviZ DataTree: every axis named, every coordinate with the data's own labels."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from .. import __version__
from ..data.labels import label_index
from ..spec.design import Design
from ..spec.options import Model


class Draws(NamedTuple):
    """Posterior draws (chain, draw, ...) by name, statistics (chain, draw), and attributes."""

    posterior: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]
    attributes: dict[str, Any]


def evenly_spaced(total: int, kept: int) -> np.ndarray:
    """Positions of `kept` of `total` draws, the first and the last among them."""
    return np.linspace(0, total - 1, kept).round().astype(int)


def assemble(draws: Draws, model: Model) -> xr.DataTree:
    """The DataTree of a fit: effects that stand alone have no axis of their own."""
    design, selected = model.design, model.inclusion.effects
    axes = {"location_term": design.location_terms, "scale_term": design.scale_terms, "effect": design.effects}
    axes |= {"effect_bis": design.effects} if "omega" in draws.posterior else {}
    # The selected effects are plainly the scale effects unless a location effect is among them.
    of_scale = all(name.startswith("scale[") for name in selected)
    several = {"location_effect": design.location_effects, "random_scale_effect": design.scale_effects}
    several |= {"scale_effect" if of_scale else "selected_effect": selected}
    several = {name: labels for name, labels in several.items() if len(labels) > 1}

    def per_school(*names):
        return ("school", *(name for name in names if name in several))

    dims = {"gamma": ("location_term",), "eta": ("scale_term",), "tau": ("effect",), "omega": ("effect", "effect_bis")}
    dims |= {"u": per_school("location_effect"), "t": per_school("random_scale_effect")}
    dims |= dict.fromkeys(("log_bf", "delta"), per_school("scale_effect", "selected_effect"))
    first = next(iter(draws.posterior.values()))
    index = {"chain": np.arange(first.shape[0]), "draw": np.arange(first.shape[1])}
    coords = {name: list(labels) for name, labels in (axes | several).items()}
    school = {"school": ("school", design.labels)}
    arrays = {name: (("chain", "draw", *dims.get(name, ())), value) for name, value in draws.posterior.items()}
    statistics = {name: (("chain", "draw"), value) for name, value in draws.statistics.items()}
    observed = {name: ("school", column.to_numpy()) for name, column in design.summary.items()}
    groups = {
        "posterior": xr.Dataset(arrays, coords=index | coords | school),
        "sample_stats": xr.Dataset(statistics, coords=index),
        "observed_data": xr.Dataset(observed, coords=school),
    }
    if design.table is None:
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


def attributes_of(model: Model, seed: int) -> dict:
    """What a saved fit says of itself."""
    packages = ("numpy", "nutpie", "arviz", "pymc")
    return {
        "school": str(model.design.labels.name or "school"),
        **{name: getattr(model, name) for name in ("formulation", "sampler", "family", "indicator")},
        **model.inclusion.attributes(),
        "priors": json.dumps(model.priors.texts(model.design.effects, model.family)),
        "priors_given": json.dumps(model.given.as_dict()),
        "random_seed": seed,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": json.dumps({"ssmelsm_helpers": __version__} | {name: version(name) for name in packages}),
        **({"blocks": json.dumps(model.design.blocks)} if model.design.table is None else {}),
    }


def observed_schools(fit: xr.DataTree) -> pd.DataFrame:
    """n, mean and sd per school, as they were when the model was fitted."""
    labels = label_index(fit["posterior"].indexes["school"], name=fit.attrs.get("school"))
    return pd.DataFrame({name: fit["observed_data"][name].to_numpy() for name in ("n", "mean", "sd")}, index=labels)


def design_from(fit: xr.DataTree) -> Design:
    """The design behind a fit; of one that needed no more than the schools' summaries, these."""
    schools = observed_schools(fit)
    if "constant_data" not in fit.children:
        return Design.of_schools(schools)
    data = fit["constant_data"]

    def matrix(name: str, terms: str):
        return data[name].to_numpy(), tuple(str(term) for term in data[terms].to_numpy())

    columns = [("X", "location_term"), ("W", "scale_term"), ("Z", "z_column"), ("S", "s_column")]
    matrices = [part for names in columns for part in matrix(*names)]
    blocks = tuple(tuple(block) for block in json.loads(fit.attrs["blocks"]))
    rows = (data["school_position"].to_numpy(), schools.index, data["row"].to_numpy())
    return Design(data["outcome"].to_numpy(), *matrices, blocks, *rows)
