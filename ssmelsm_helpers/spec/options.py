"""What is fitted, and how: what a caller asks for beside formulas and data, and what follows from it for a design."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..arguments import check_one_of, require
from ..data.far import tell_far
from ..data.schools import check_summary
from ..data.summaries import school_table
from .constant import with_spread
from .design import Design, build_design
from .formulas import parse_formulas
from .inclusion import Inclusion
from .model_priors import ModelPriors
from .priors import Priors
from .standard import DATA_UNITS, Margins, Units

FORMULATIONS = ("collapsed", "marginal", "sampled")
MOST_SELECTED = 4
_INTERCEPTS = "location[Intercept]", "scale[Intercept]"


@dataclass(frozen=True)
class Options:
    """What is asked for; the parameters of `fit`. What needs no data to be found wrong is refused here."""

    formulation: str | None = None
    sampler: str = "nuts"
    inclusion_prior: Any = 0.5
    priors: Priors | None = None
    family: str = "normal"
    select: Any = "scale"
    indicator: str = "after"
    missing: str = "raise"
    constant: str = "raise"

    def __post_init__(self):
        check_one_of("formulation", self.formulation, (None, *FORMULATIONS))
        check_one_of("sampler", self.sampler, ("nuts", "importance"))
        check_one_of("family", self.family, ("normal", "student"))
        check_one_of("indicator", self.indicator, ("after", "before"))
        check_one_of("missing", self.missing, ("raise", "drop"))
        check_one_of("constant", self.constant, ("raise", "drop"))
        for option, value, only in (("indicator", "before", "sampled"), ("sampler", "importance", "collapsed")):
            possible = getattr(self, option) != value or self.formulation in (None, only)
            require(possible, f"{option}={value!r} needs formulation={only!r}", self.formulation)
        fine = isinstance(self.priors, Priors | None)
        require(fine, "priors must be a Priors object or None", type(self.priors), TypeError)

    def for_students(self, location: str, scale: str, data) -> "Model":
        """The model of students; where their schools' summaries say all that it needs, of those."""
        formulas = parse_formulas(location, scale)
        collapsed = self.formulation in (None, "collapsed") and self.family == "normal" and self.indicator == "after"
        if formulas.intercept_only and collapsed and selected_effects(self.select, _INTERCEPTS) == (1,):
            table = school_table(data, formulas.outcome, formulas.school, self.missing)
            model = self.for_schools("data", check_summary(table))
            tell_far(formulas.outcome, table)
            return model
        design = build_design(formulas, data, missing=self.missing, constant=self.constant)
        if self.family == "normal":  # a Student-t's tails are made for far scores
            tell_far(formulas.outcome, design.ends)
        return self.for_design(design)

    def for_schools(self, argument: str, table) -> "Model":
        """The intercept-only model of a checked school summary."""
        kept = with_spread(argument, Design.of_schools(table), self.constant)
        return self.for_design(Design.of_schools(table[kept]))

    def for_design(self, design: Design) -> "Model":
        """The model of a design: `formulation=None` becomes the fastest that applies."""
        selected = selected_effects(self.select, design.effects)
        names = [design.effects[at] for at in selected]
        inclusion = Inclusion.of(self.inclusion_prior, names)
        given = self.priors or Priors()
        model = Model(design, self.formulation, self.sampler, selected, inclusion, self.family, self.indicator, given)
        obstacle = model.obstacle
        if self.formulation == "collapsed" and obstacle:
            raise ValueError(f"formulation='collapsed' does not apply: {obstacle}.")
        fastest = "sampled" if self.indicator == "before" else "marginal" if obstacle else "collapsed"
        formulation = self.formulation or fastest
        few = formulation != "marginal" or len(selected) <= MOST_SELECTED
        require(few, f"select must name at most {MOST_SELECTED} effects unless formulation='sampled'", names)
        if self.sampler == "importance" and formulation != "collapsed":
            raise ValueError(f"sampler='importance' needs formulation='collapsed', which does not apply: {obstacle}.")
        return replace(model, formulation=formulation)


@dataclass(frozen=True, eq=False)
class Model:
    """One model of some data, everything decided."""

    design: Design
    formulation: str | None
    sampler: str
    selected: tuple[int, ...]  #: positions among the design's effects
    inclusion: Inclusion
    family: str
    indicator: str
    given: Priors
    units: Units = DATA_UNITS  #: the scale of the design

    @cached_property
    def margins(self) -> Margins:
        """What default priors and the standard scale need to know of the data, as they came."""
        return self.units.margins or Margins.of(self.design)

    @cached_property
    def priors(self) -> ModelPriors:
        """The priors, on the scale of the design."""
        return ModelPriors.of(self.given, self.margins, self.units)

    @cached_property
    def standard(self) -> "Model":
        """The same on the standard scale, where it is sampled: units and origins of the data do not matter there."""
        units = Units(self.margins)
        return replace(self, design=units.of_design(self.design), units=units)

    @property
    def obstacle(self) -> str | None:
        """The reason why the collapsed formulation does not apply, or None."""
        scale, selected = list(self.design.scale_effects), list(self.inclusion.effects)
        if self.family != "normal":
            return f"it needs family='normal'; found {self.family!r}"
        if self.indicator != "after":
            return f"it needs indicator='after'; found {self.indicator!r}"
        if len(scale) != 1 or not (self.design.S == 1).all():
            return f"it needs a random intercept in the scale and no other effect there; found {scale}"
        if selected != [self.design.effects[-1]]:
            return f"it selects 'scale[Intercept]' and nothing else; found select={selected}"
        return None


def selected_effects(select, effects: Sequence[str]) -> tuple[int, ...]:
    """Positions of the effects that get an indicator, in the order in which they are named."""
    if isinstance(select, str) and select in ("scale", "location", "both"):
        kinds = ("scale[", "location[") if select == "both" else (f"{select}[",)
        return tuple(at for at, name in enumerate(effects) if name.startswith(kinds))
    names = [select] if isinstance(select, str) else list(select) if isinstance(select, Sequence) else None
    fine = names and all(name in effects for name in names) and len(set(names)) == len(names)
    require(fine, f"select must be 'scale', 'location', 'both', or names among {list(effects)}, each once", select)
    return tuple(list(effects).index(name) for name in names)
