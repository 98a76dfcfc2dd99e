"""A fit as an ArviZ DataTree: every axis named, every coordinate with the data's own labels."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from .. import __version__
from ..data.labels import label_index
from ..spec.design import Design
from ..spec.options import Model


class Draws(NamedTuple):
    """Posterior draws and statistics by name, of all chains in turn or (chain, draw, ...), and attributes."""

    posterior: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]
    attributes: dict[str, Any]


# The design's matrices, which make a saved fit usable without its data, and what their columns are.
_MATRICES = {"X": "location_term", "W": "scale_term", "Z": "z_column", "S": "s_column"}


def evenly_spaced(total: int, kept: int) -> np.ndarray:
    """Positions of `kept` of `total` draws, the first and the last among them."""
    return np.linspace(0, total - 1, kept).round().astype(int)


def assemble(draws: Draws, model: Model, chains: int) -> xr.DataTree:
    """The DataTree of a fit: effects that stand alone have no axis of their own."""
    from arviz_base import from_dict

    design, selected = model.design, model.inclusion.effects
    # The selected effects are plainly the scale effects unless a location effect is among them.
    chosen = "scale_effect" if all(name.startswith("scale[") for name in selected) else "selected_effect"
    axes = {"location_effect": design.location_effects, "random_scale_effect": design.scale_effects, chosen: selected}
    axes = {name: labels for name, labels in axes.items() if len(labels) > 1}
    axes |= {"location_term": design.location_terms, "scale_term": design.scale_terms}
    axes |= {"effect": design.effects, "effect_bis": design.effects}
    axes |= {"z_column": design.location_effects, "s_column": design.scale_effects}
    coords = {name: list(labels) for name, labels in axes.items()} | {"school": design.labels.rename("school")}
    dims = {"gamma": ["location_term"], "eta": ["scale_term"], "tau": ["effect"], "omega": ["effect", "effect_bis"]}
    dims |= {"rho": [], "pi": [], "nu": [], "u": ["school", "location_effect"], "t": ["school", "random_scale_effect"]}
    dims |= {"delta": ["school", chosen], "log_bf": ["school", chosen]}
    dims = {name: [axis for axis in its if axis in coords] for name, its in dims.items()}

    def shaped(value, name):
        return value.reshape(chains, -1, *(len(coords[axis]) for axis in dims.get(name, ())))

    groups = {
        "posterior": {name: shaped(draws.posterior[name], name) for name in dims if name in draws.posterior},
        "sample_stats": {name: shaped(value, name) for name, value in draws.statistics.items()},
        "observed_data": {name: column.to_numpy() for name, column in design.summary.items()},
    }
    dims |= {name: ["school"] for name in design.summary}
    if design.table is None:
        rows = {"outcome": design.y, "school_position": design.school, "row": design.rows}
        groups["constant_data"] = rows | {name: getattr(design, name) for name in _MATRICES}
        dims |= {name: ["student"] for name in rows} | {name: ["student", of] for name, of in _MATRICES.items()}
    tree = from_dict(groups, coords=coords, dims=dims, check_conventions=False)
    for group in tree.children.values():  # what ArviZ says of each stands once, above all
        group.attrs.clear()
    tree.attrs = dict(draws.attributes)
    return tree


def attributes_of(model: Model) -> dict:
    """What a saved fit says of itself."""
    packages = ("numpy", "nutpie", "arviz", "pymc")
    return {
        "school": str(model.design.labels.name or "school"),
        **{name: getattr(model, name) for name in ("formulation", "sampler", "family", "indicator")},
        **model.inclusion.attributes(),
        "priors": json.dumps(model.priors.texts(model.design.effects, model.family)),
        "priors_given": json.dumps(model.given.as_dict()),
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
    columns = ((data[name].to_numpy(), tuple(map(str, data[of].to_numpy()))) for name, of in _MATRICES.items())
    blocks = tuple(map(tuple, json.loads(fit.attrs["blocks"])))
    rows = data["school_position"].to_numpy(), schools.index, data["row"].to_numpy()
    return Design(data["outcome"].to_numpy(), *chain.from_iterable(columns), blocks, *rows)
