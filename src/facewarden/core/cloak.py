"""A cloak as recipes, plans and commands write it: which attack, how strong, on which recognizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.settings import SettingError, Text, check_arguments, read_settings
from facewarden.core.settings.budget import CLOAK_LEVELS, check_gray, read_budget, read_number
from facewarden.core.settings.problems import shown
from facewarden.core.sources.grammar import split_settings

if TYPE_CHECKING:
    from facewarden.core.attack import Attack


@dataclass(frozen=True)
class CloakSpecification:
    """Which attack cloaks, how strong it is, and on which recognizers it is made.

    Attributes:
        attack: an entry of the attacks.
        level: "low", "mid" or "high", as the attack understands them, or gray levels.
        surrogates: recognizers that it is made on together, all different.
        settings: of the attack, on top of those of the level.

    Raises:
        BadInputError: a recognizer is named twice.
    """

    attack: Text
    level: str | float
    surrogates: tuple[Text, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    settings_of_level: ClassVar[bool] = True
    """Whether the attack's settings of the level apply; without them every setting is given or the attack's default."""

    def __post_init__(self) -> None:
        if len(set(self.surrogates)) < len(self.surrogates):
            raise SettingError(
                f"surrogates is {shown(self.surrogates)}; allowed: different recognizers",
                hint="each of them once",
                at=("surrogates",),
            )

    @property
    def eps(self) -> float:
        """The budget in gray levels."""
        return self.build()[1]

    def build(self, *, thorough: bool = False) -> tuple[Attack, float]:
        """Make the attack, and return it with its budget in gray levels.

        Args:
            thorough: the slower of two paces, of an attack that has two.

        Raises:
            UnknownEntryError: no such attack.
            BadInputError: no level, an impossible budget, or a setting that the attack does not have.
        """
        strength, eps = self._strength()
        make = load("attacks", self.attack)
        if eps is not None:
            check_gray_budget(make)
        usual, usual_eps = make.cloak_strength(strength, thorough=thorough)
        settings = {**(usual if self.settings_of_level else {}), **self.settings}
        try:
            checked = check_arguments(make, settings, source=f"settings of {self.attack}")
        except SettingError as error:
            raise SettingError(error.message, hint=error.hint, at=("settings", *error.at)) from None
        return make(**checked), float(usual_eps) if eps is None else eps

    def _strength(self) -> tuple[str, float | None]:
        """The named strength, and the gray levels where they are given instead of its own."""
        if self.level in CLOAK_LEVELS:
            return str(self.level), None
        if not isinstance(self.level, str):
            return "mid", check_gray(self.level, least=0.0)
        try:
            eps = read_number(self.level)
        except ValueError:
            raise BadInputError(f"no strength {self.level!r}", hint="low, mid, high, or gray levels: 8") from None
        return "mid", check_gray(read_budget(self.level, norm="linf") if "/" in self.level else eps, least=0.0)


def check_gray_budget(make: type[Attack]) -> None:
    """Refuse gray levels for an attack whose budget counts something else.

    Raises:
        BadInputError: it does.
    """
    if make.own_budget is not None:
        name = make.__module__.rpartition(".")[2]
        raise BadInputError(
            f"the budget of {name} is {make.own_budget}, not gray levels",
            hint="strength low, mid or high, or its own option: --set pixels=2.5 of warp, --set color=0.2 of tint",
        )


C = TypeVar("C", bound=CloakSpecification)


def read_cloak(
    kind: type[C], value: str | Mapping[str, Any], *, level: str | None = None, surrogates: tuple[str, ...]
) -> C:
    """Read a cloak that is written as ATTACK:LEVEL, with settings in braces behind it, or as a mapping.

    Args:
        kind: `CloakSpecification`, or one that says more.
        value: `lowkey`, `lowkey:8`, `lowkey:8{"steps": 20}`, or the attributes by name.
        level: where `value` has none.
        surrogates: where `value` has none.

    Raises:
        BadInputError: of another form, without a level, or with a setting that the class does not have.
    """
    if isinstance(value, str):
        head, settings = split_settings(value)
        attack, colon, written = head.partition(":")
        if not attack or bool(colon) != bool(written) or not (written or level):
            raise BadInputError(f"cloak {value!r}", hint="ATTACK:LEVEL such as lowkey:8 or fawkes:high")
        value = {"attack": attack, "settings": settings, **({"level": written} if written else {})}
    usual = {"surrogates": list(surrogates), **({} if level is None else {"level": level})}
    return read_settings(kind, {**usual, **value}, source="cloak")
