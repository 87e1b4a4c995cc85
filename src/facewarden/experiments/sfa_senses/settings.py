"""Settings of a plan of kind `sfa_senses`, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MinLen

from facewarden.core.errors import FacewardenError
from facewarden.core.settings import Count, SettingError, Text, Whole, WrittenAs, read_settings
from facewarden.evaluation.attack_options import build_attack
from facewarden.experiments.engine.plan_settings import Names, RealBudget, check_all_known, check_known
from facewarden.training.sfa import SfaSettings

PLAIN, MAIN = "plain", "sfa"
"""The two arms of every plan: gradients at the image, and at the image moved by its own generators."""

Direction = Literal["attack_as_bona_fide", "bona_fide_as_attack", "pooled"]
Unit = Literal["percent", "points"]
Percent = Annotated[float, Ge(0), Le(100)]
Budgets = Annotated[tuple[RealBudget, ...], MinLen(1)]


@dataclass(frozen=True)
class Arm:
    """One way to attack, a row of the tables.

    Attributes:
        read: where gradients are read: at the image, moved by the generators of the attacked network ("own"), against
            their direction ("contrast"), by their map with drawn signs ("signs"), by noise up to their cap ("random"),
            or by the generators of the plan's next network ("other").
        generators: what the generators differ in from the plan's, as in `SfaSettings`.
        attacked_head: train the generators on the loss of the attacked head too.
        form: climb the loss of the head, or its logits, which do not saturate.
        halvings: also try a half, a quarter … of the step, and succeed where any does.
        starts: random starts, each with one step through the whole budget; succeeds where any does. 0 starts at the
            image.
        method: an attack of several steps instead of one step of the whole budget.
        set: its options.
        against: the arm that it is compared with.
        heads, eps, samples: a part of the plan's, where the arm is expensive; `plain` and `sfa` attack every head, the
            other arms by default those beside the decision.
        models: how many of the models, counted from the first; all by default.
    """

    read: Literal["image", "own", "contrast", "signs", "random", "other"] = "image"
    generators: Annotated[Mapping[str, Any], WrittenAs(SfaSettings)] = field(default_factory=dict)
    attacked_head: bool = False
    form: Literal["loss", "logits"] = "loss"
    halvings: Whole = 0
    starts: Whole = 0
    method: Text | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    against: Text = PLAIN
    heads: tuple[Text, ...] | None = None
    eps: tuple[RealBudget, ...] | None = None
    samples: Count | None = None
    models: Count | None = None

    @property
    def one_step(self) -> bool:
        """Whether all budgets share one gradient."""
        return self.method is None and not self.starts


@dataclass(frozen=True)
class Sense:
    """One reading of "SFA raises the success rate", fixed before anything is measured.

    Attributes:
        unit: percent of the mean success without SFA, or points.
        direction: of the flips that count.
        heads: attacked; by default every head but the decision.
        eps: budgets in gray levels; by default the plan's.
        band: success without SFA, in percent, that a cell must have on one half of the people to count on the other;
            None counts every cell.
        each_head: one value for each head instead of one for all.
    """

    unit: Unit = "percent"
    direction: Direction = "attack_as_bona_fide"
    heads: tuple[Text, ...] | None = None
    eps: tuple[RealBudget, ...] | None = None
    band: tuple[Percent, Percent] | None = None
    each_head: bool = False


@dataclass(frozen=True)
class TransferArm:
    """One step of the gradient of one network, tried on the others.

    Attributes:
        eps: budgets in gray levels.
        heads: through which it is made.
    """

    eps: Budgets
    heads: Names = ("live",)


@dataclass(frozen=True)
class SensesPlan:
    """A plan of kind `sfa_senses`.

    Attributes:
        captures: a manifest; `train` trains the generators, `dev` stops them and sets thresholds, `test` is attacked.
        models: name -> detector with heads.
        heads: attacked.
        eps: budgets in gray levels.
        samples: of each class that are attacked.
        sfa: generators, as in `SfaSettings`.
        arms: name -> one way to attack; `plain` and `sfa` must be there.
        senses: name -> one reading of the claim; the first is the main one.
        percent: by which SFA is said to raise success.
        min_accuracy: in percent, on clean captures: a model below it is shown, and counts in no sense and no control.
        regimes: bounds, in percent of plain success, of the table that shows where SFA helps.
        transfer: one step on other networks.
        seed: decides halves, samples and random draws.
        title: of the summary.

    Raises:
        SettingError: an arm, a head or an attack cannot be used.
    """

    captures: Text
    models: Annotated[Mapping[str, Text], MinLen(1)]
    heads: Names
    eps: Budgets
    arms: Mapping[str, Arm]
    senses: Annotated[Mapping[str, Sense], MinLen(1)]
    samples: Count = 300
    sfa: Annotated[Mapping[str, Any], WrittenAs(SfaSettings)] = field(default_factory=dict)
    percent: Percent = 40.0
    min_accuracy: Percent = 0.0
    regimes: tuple[Percent, ...] = (0.0, 5.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    transfer: TransferArm | None = None
    seed: Whole = 0
    title: Text = "In which regime SFA raises success"

    def __post_init__(self) -> None:
        for name in (PLAIN, MAIN):
            check_known(name, self.arms, at=("arms",))
        if not self.sfa.get("patience"):
            raise SettingError("sfa.patience is missing: generators are to be trained until their loss is flat",
                               hint="patience: 2", at=("sfa", "patience"))  # fmt: skip
        for name, arm in self.arms.items():
            at = ("arms", name)
            check_known(arm.against, self.arms, at=(*at, "against"))
            check_all_known(arm.heads, self.heads, at=(*at, "heads"))
            if arm.read == "other" and len(self.models) < 2:
                raise SettingError(f"arms.{name}: there is no other network", hint="a second model", at=at)
            if not arm.one_step and (arm.halvings or (arm.method and arm.starts)):
                raise SettingError(
                    f"arms.{name}: halvings, starts and method cannot be combined", hint="one of them", at=at
                )
            _check_attack(name, arm)
        for name, sense in self.senses.items():
            check_all_known(sense.heads, self.heads, at=("senses", name, "heads"))
            unknown = [eps for eps in sense.eps or () if eps not in self.eps]
            if unknown:
                raise SettingError(f"senses.{name}.eps: {unknown[0]:g} is no budget of the plan",
                                   hint="one of: " + ", ".join(f"{eps:g}" for eps in self.eps),
                                   at=("senses", name, "eps"))  # fmt: skip

    @property
    def auxiliary(self) -> tuple[str, ...]:
        """The attacked heads but the decision."""
        return tuple(head for head in self.heads if head != "live")


def plan_of(settings: Mapping[str, Any]) -> SensesPlan:
    """Check a plan's settings; `SensesPlan` says what they are.

    Raises:
        SettingError: a setting cannot be used.
    """
    return read_settings(SensesPlan, settings)


def _check_attack(name: str, arm: Arm) -> None:
    if arm.method is None:
        return
    try:
        build_attack(arm.method, arm.set)
    except FacewardenError as error:
        at = ("arms", name, "set" if arm.set else "method")
        raise SettingError(f"arms.{name}: {error.message}", hint=error.hint, at=at) from error
