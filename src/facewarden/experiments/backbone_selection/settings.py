"""Settings of a plan of kind `backbone_selection`, and the `vulnerability` plan that measures it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import MinLen

from facewarden.core.settings import Count, SettingError, Text, Whole, WrittenAs, read_settings
from facewarden.experiments.engine.plan_settings import Names, check_all_known
from facewarden.experiments.vulnerability.settings import AttackSettings, SfaChoices, check_attacks

Detectors = Annotated[tuple[Text, ...], MinLen(1)]


@dataclass(frozen=True)
class Choice:
    """What the selector sees.

    Attributes:
        attacks: of the plan's; the others are unseen and judge the choice.
        reading: gradients at the image, or with SFA.
        seeds: how many detectors of each backbone, counted from the first; the others judge the choice.
    """

    attacks: Names
    reading: Literal["none", "sfa"] = "sfa"
    seeds: Count = 1


@dataclass(frozen=True)
class SelectionPlan:
    """A plan of kind `backbone_selection`.

    Attributes:
        captures: a manifest.
        backbones: name -> detectors of it, one for each seed, two at least.
        attacks: as in a `vulnerability` plan; two at least.
        choose: what the selector sees.
        heads: attacked.
        samples: of each class that are attacked.
        sfa: SFA's generators.
        seed: decides samples, halves of people and random starts.
        title: of the summary.

    Raises:
        SettingError: nothing is left to judge the choice, or an attack cannot be made.
    """

    captures: Text
    backbones: Annotated[Mapping[str, Detectors], MinLen(2)]
    attacks: Annotated[Mapping[str, AttackSettings], MinLen(2)]
    choose: Choice
    heads: Names = ("live",)
    samples: Count = 150
    sfa: Annotated[Mapping[str, Any], WrittenAs(SfaChoices)] = field(default_factory=dict)
    seed: Whole = 0
    title: Text = "Which backbone is hardest to attack"

    def __post_init__(self) -> None:
        check_attacks(self.attacks, at=("attacks",))
        check_all_known(self.choose.attacks, self.attacks, at=("choose", "attacks"))
        if not set(self.attacks) - set(self.choose.attacks):
            raise SettingError("choose.attacks are all attacks: none is left to judge the choice",
                               hint="fewer of them, or another attack", at=("choose", "attacks"))  # fmt: skip
        blind = [name for name in self.choose.attacks if self.choose.reading not in self.attacks[name].readings]
        if blind:
            raise SettingError(f"choose.reading is {self.choose.reading!r}, which attacks.{blind[0]} does not have",
                               hint=f"readings: [none, {self.choose.reading}]", at=("choose", "reading"))  # fmt: skip
        few = [name for name, detectors in self.backbones.items() if len(detectors) <= self.choose.seeds]
        if few:
            raise SettingError(
                f"backbones.{few[0]} has {len(self.backbones[few[0]])} detectors and the selector sees "
                f"{self.choose.seeds}: none is left to judge the choice",
                hint="one more seed of every backbone, or fewer seeds", at=("backbones", few[0]),
            )  # fmt: skip

    @property
    def models(self) -> dict[str, str]:
        """Name of a detector -> what resolves to it."""
        return {member(name, number): spec for name, detectors in self.backbones.items()
                for number, spec in enumerate(detectors)}  # fmt: skip


def member(backbone: str, number: int) -> str:
    """Name of one detector of a backbone."""
    return f"{backbone}-{number}"


def plan_of(settings: Mapping[str, Any]) -> SelectionPlan:
    """Check a plan's settings; `SelectionPlan` says what they are.

    Raises:
        SettingError: a setting cannot be used.
    """
    return read_settings(SelectionPlan, settings)


def as_vulnerability(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The `vulnerability` plan whose cells measure this one.

    Args:
        settings: of this plan, as they are written.
    """
    plan = plan_of(settings)
    kept = {name: settings[name] for name in ("captures", "attacks", "heads", "samples", "sfa", "seed", "title")
            if name in settings}  # fmt: skip
    return {"samples": plan.samples, **kept, "models": plan.models}
