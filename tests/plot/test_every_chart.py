"""What holds for every chart and explorer: ends of marks, the palette, contrasts, room for labels."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator

import numpy as np
import pytest
import vl_convert
from explorer_oracles import filled

import ssmelsm_helpers as sm
from ssmelsm_helpers.plot import style

PAGES = {"light": "#FFFFFF", "dark": "#14181E"}  # of the book's theme
MEANINGS = {
    style.MORE: {"more variable", "own SD, larger", "above the band"},
    style.LESS: {"less variable", "own SD, smaller", "below the band"},
    style.OPEN: {"unresolved"},
}
PALETTE = {look[0] for look in [*style.LOOKS, *style.GROUPS]}
CHARTS = (
    "pips funnel outcomes caterpillar school_sds spike_and_bump pip_comparison formulations two_effects ranks power"
)
CHARTS = [*CHARTS.split(), "common_and_own_sd", "few_schools", "inspection"]
EXPLORERS = ["threshold", "construction", "spike_slab", "melsm", "explore.power", "card", "card with students", "grid"]


def made(importance_fit, saeb_schools, **words) -> dict[str, dict]:
    """Every chart, and every explorer where it starts; with words for those that take them."""

    def call(make, *values, **named):
        takes = inspect.signature(make).parameters
        return make(*values, **named, **{name: word for name, word in words.items() if name in takes})

    other = sm.fit_schools(saeb_schools, inclusion_prior=0.2, sampler="importance", random_seed=1, progressbar=False)
    plan = {"n_schools": 8, "n_students": 20, "inclusion": 1, "random_seed": 1}
    common, own = (sm.simulate_schools(tau_t=tau_t, **plan) for tau_t in (0, 0.4))
    formulas = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
    quick = {"draws": 30, "tune": 30, "chains": 1, "random_seed": 1, "progressbar": False}
    both = sm.fit(*formulas, own.students, select="both", **quick)
    by_student = sm.fit(*formulas, own.students, sampler="importance", random_seed=1, progressbar=False)
    fits, few = {"a": importance_fit, "b": other}, own.students[own.students["school"] <= 3]
    given = {
        "school_sds": [saeb_schools],
        "spike_and_bump": [importance_fit, [46, 1]],
        "pip_comparison": [fits],
        "formulations": [fits],
        "two_effects": [both],
        "ranks": [{"right": sm.study.run(sm.study.calibration(), replications=5, random_seed=1)}],
        "power": [sm.study.design_table([20, 80], size=[0.2, 0.5])],
        "common_and_own_sd": [common, own],
        "few_schools": [few],
        "inspection": [own.students],
    }
    named = {name: {"outcome": "score", "school": "school"} for name in ("few_schools", "inspection")}
    found = {
        name: call(getattr(sm.plot, name), *given.get(name, [importance_fit]), **named.get(name, {})).to_dict()
        for name in CHARTS
    }
    explorers = {
        "threshold": call(sm.explore.threshold, importance_fit),
        "card": call(sm.explore.school_card, importance_fit, 39),
        "card with students": call(sm.explore.school_card, by_student, 1, data=own.students),
        "explore.power": sm.explore.power(),
    }
    found |= {n: filled(explorers.get(n) or getattr(sm.explore, n)()) for n in EXPLORERS}
    return found | {f"{n} in words": explorers[n].view().sentence for n in ("threshold", "card", "card with students")}


@pytest.fixture(scope="module")
def specs(importance_fit, saeb_schools):
    return made(importance_fit, saeb_schools)


def test_all_charts_are_here():
    assert {*sm.plot.__all__} == {*CHARTS}
    assert len(sm.explore.__all__) == len(EXPLORERS) - 1


def units(spec: dict, above: dict | None = None) -> Iterator[dict]:
    """The single views of a specification, with what they have from those above them."""
    above = above or {}
    own = {name: spec[name] for name in ("data", "datasets") if name in spec}
    own["transform"] = [*above.get("transform", []), *spec.get("transform", [])]
    own["encoding"] = above.get("encoding", {}) | spec.get("encoding", {})
    own["params"] = [*above.get("params", []), *(p for p in spec.get("params", []) if "value" in p)]
    own = above | own
    inside = [*spec.get("layer", []), *spec.get("vconcat", []), *spec.get("hconcat", []), *spec.get("concat", [])]
    inside += [spec["spec"]] if "spec" in spec else []
    for one in inside:
        yield from units(one, own)
    if "mark" in spec:
        yield own | {"mark": spec["mark"]}


def marks(group: dict) -> Iterator[dict]:
    """The marks of a drawn scene, without axes and legends."""
    if group.get("marktype") not in (None, "group") and group.get("role", "mark") == "mark":
        yield group
    for item in group.get("items", []):
        yield from marks(item)


def drawn(spec: dict) -> list[dict]:
    scene = vl_convert.vegalite_to_scenegraph(spec)
    return [
        mark for mark in marks(scene["scenegraph"]) if "_brush" not in mark.get("name", "")
    ]  # not drawn by a hand yet


def pairs(mark: dict, axis: str) -> np.ndarray:
    """Where the marks of one layer begin and end along an axis, in order."""
    size = {"x": "width", "y": "height"}[axis]
    first = np.array([item.get(axis, 0) for item in mark["items"]], dtype=float)
    second = [item.get(f"{axis}2", item.get(axis, 0) + item.get(size, 0)) for item in mark["items"]]
    return np.sort(np.column_stack([first, second]), axis=1)


@pytest.mark.parametrize("name", [*CHARTS, *EXPLORERS])
def test_marks_end_where_the_data_say(specs, name):
    """A mark with two ends states both, and is drawn between the places where points would stand for them."""
    for unit in units(specs[name]):
        mark = unit["mark"] if isinstance(unit["mark"], dict) else {"type": unit["mark"]}
        ends = [axis for axis in "xy" if f"{axis}2" in unit["encoding"]]
        if mark["type"] in ("bar", "area"):
            assert "y" in ends, f"{mark['type']} of {name} leaves its second end to a default"
        for axis in ends:
            encoding = {c: e for c, e in unit["encoding"].items() if c in ("x", "y", "x2", "y2", "xOffset", "yOffset")}
            second = unit["encoding"][axis] | unit["encoding"][f"{axis}2"]
            if "datum" in second:
                second = {key: value for key, value in second.items() if key not in ("field", "stack")}
            at = [{k: v for k, v in encoding.items() if k not in ("x2", "y2")} for _ in range(2)]
            at[1][axis] = second
            layers = [{"mark": mark, "encoding": encoding}, *({"mark": "point", "encoding": one} for one in at)]
            plain = {key: value for key, value in unit.items() if key not in ("mark", "encoding")}
            bars, one, two = drawn(plain | {"layer": layers})
            expected = np.sort(np.column_stack([[i.get(axis, 0) for i in m["items"]] for m in (one, two)]), axis=1)
            found = pairs(bars, axis)
            assert len(found) == len(expected) > 0
            gap = 1 if mark["type"] == "bar" and axis == "x" else 0.01  # there is a pixel between bars
            order = [np.lexsort(values.round(1).T) for values in (found, expected)]
            np.testing.assert_allclose(found[order[0]], expected[order[1]], atol=gap)


def luminance(colour: np.ndarray) -> float:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(colour: str, page: str, opacity: float = 1.0) -> float:
    """Of a colour, a little transparent, to the page behind it (WCAG 2)."""
    front, back = (np.array([int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]) for text in (colour, page))
    light, dark = sorted([luminance(opacity * front + (1 - opacity) * back), luminance(back)])
    return (dark + 0.05) / (light + 0.05)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", [*CHARTS, *EXPLORERS])
def test_marks_stand_out_and_words_have_the_pages_colour(specs, name, page):
    """Of each mark the line or the filling has a contrast of 3; words are left to the page, which has more than 4.5."""
    for mark in drawn(specs[name]):
        for item in mark["items"]:
            whole = item.get("opacity", 1)
            parts = [(item.get(p), whole * item.get(f"{p}Opacity", 1)) for p in ("fill", "stroke")]
            coloured = [(c, o) for c, o in parts if c not in (None, "transparent", "black")]
            if mark["marktype"] == "text":
                assert coloured == []
            elif coloured:
                assert {colour.upper() for colour, _ in coloured} <= PALETTE
                assert max(contrast(c, PAGES[page], o) for c, o in coloured) >= 3, coloured


@pytest.mark.parametrize("name", [*CHARTS, *EXPLORERS])
def test_a_colour_has_one_meaning(specs, name):
    for unit in units(specs[name]):
        scale = unit["encoding"].get("color", {}).get("scale") or {}
        for word, colour in zip(scale.get("domain", []), scale.get("range", []), strict=True):
            for meant, words in MEANINGS.items():
                assert (colour == meant) == (word in words), (word, colour)
        if "scale" not in unit["encoding"].get("color", {}):
            mark = unit["mark"] if isinstance(unit["mark"], dict) else {}
            assert mark.get("color") not in MEANINGS, f"{name}: a direction without a word"


@pytest.mark.parametrize("width", [style.WIDTH, style.WIDTH // 2])
@pytest.mark.parametrize("name", ["pips", "funnel", "outcomes", "pip_comparison", "two_effects"])
def test_labels_do_not_cover_each_other(specs, name, width):
    spec = specs[name] | {"width": width}
    spec["params"] = [p | ({"value": 0.5} if p.get("name") == "threshold" else {}) for p in spec.get("params", [])]
    boxes = [
        (item["x"] + item.get("dx", 0), item["y"] + item.get("dy", 0), 3 * len(item["text"].rstrip()))
        for mark in drawn(spec)
        if mark["marktype"] == "text"
        for item in mark["items"]
    ]
    assert len(boxes) > 2
    for at, (x, y, half) in enumerate(boxes):
        for other_x, other_y, other_half in boxes[:at]:
            assert abs(x - other_x) >= half + other_half or abs(y - other_y) >= 10


def test_who_has_no_label_is_counted(specs, importance_fit):
    view = sm.explore.threshold(importance_fit).view(pi=0.9)
    flagged = view.data["schools"].set_index("label").loc[list(view.marked)]
    counts = [int(flagged[f"{panel}_dx"].isna().sum()) for panel in ("position", "sd", "mean")]
    assert min(counts) > 100
    assert f"Without a label, for want of room: {', '.join(map(str, counts))} (by panel)." in view.sentence
    described = sm.plot.outcomes(importance_fit, threshold=0.45).description
    assert re.search(r"Without a label, for want of room: \d+\.$", described)
    assert "want of room" not in specs["pips"]["description"]


MADE_UP = {"ranks", "common_and_own_sd", "construction", "spike_slab", "melsm", "explore.power", "grid"}
MADE_UP |= {"inspection"}  # which speaks in the names of the columns
SPOKEN = r'"(?:title|description|label)": "([^"]*)"'


def test_groups_and_members_are_called_as_asked(importance_fit, saeb_schools):
    """In every title, tooltip, description and sentence about a reader's own data; SDs have the outcome's unit."""
    found = made(importance_fit, saeb_schools, units=("patients", "readings"), unit="mmHg")
    spoken = {n: " ".join(re.findall(SPOKEN, json.dumps(s))) if isinstance(s, dict) else s for n, s in found.items()}
    wrong = {name: re.findall(r"\w*(?:school|student)\w*", text, re.I) for name, text in spoken.items()}
    assert {name for name, words in wrong.items() if words} <= MADE_UP
    assert all("patient" in text.lower() for name, text in spoken.items() if name not in MADE_UP | {"card"})
    for name in ("funnel", "outcomes", "school_sds", "few_schools", "threshold", "card in words", "card with students"):
        assert "mmHg" in spoken[name], name
    assert spoken["card in words"].startswith("Patient 39 has 191 readings and an SD of 0.93 mmHg,")


@pytest.mark.parametrize("units", ["", ("patients",), ("a", "b", "c"), 3, ("patients", None)])
def test_units_are_one_plural_or_two(importance_fit, units):
    with pytest.raises(ValueError, match="units must be a plural, or two: of the groups and of their members; found"):
        sm.plot.pips(importance_fit, units=units)
