"""Attack potential of a PAI species: points for finding the attack and for carrying it out; class of its artifacts.

Points and levels are those of the Common Criteria toolboxes for face presentation attack detection (biometricITC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Time = Literal["one day", "one week", "two weeks", "one month", "more"]
Expertise = Literal["layman", "proficient", "expert", "several experts"]
Knowledge = Literal["public", "restricted", "sensitive", "critical"]
Access = Literal["easy", "moderate", "difficult"]
Characteristic = Literal["without notice", "non-cooperative", "cooperative"]
Equipment = Literal["standard", "specialised", "bespoke"]

TIME: dict[str, tuple[int, int]] = {
    "one day": (0, 0), "one week": (1, 2), "two weeks": (2, 4), "one month": (4, 8), "more": (8, 16),
}  # fmt: skip
EXPERTISE: dict[str, tuple[int, int | None]] = {
    "layman": (0, 0), "proficient": (2, 4), "expert": (4, 8), "several experts": (8, None),
}  # fmt: skip
KNOWLEDGE: dict[str, int] = {"public": 0, "restricted": 2, "sensitive": 4, "critical": 8}
DEVICE: dict[str, tuple[int, int]] = {"easy": (0, 0), "moderate": (2, 4), "difficult": (4, 8)}
CHARACTERISTIC: dict[str, int] = {"without notice": 0, "non-cooperative": 2, "cooperative": 4}
EQUIPMENT: dict[str, tuple[int, int]] = {"standard": (0, 0), "specialised": (2, 4), "bespoke": (4, 8)}

LEVELS = ((10, "basic"), (20, "enhanced-basic"), (30, "moderate"), (40, "high"))
PAD_LEVELS = {"basic": "PAD level 1", "enhanced-basic": "PAD level 2", "moderate": "PAD level 3"}


@dataclass(frozen=True)
class AttackPotential:
    """What an attacker needs, to find the attack (identification) and to carry it out (exploitation).

    Attributes:
        time, exploitation_time: elapsed.
        expertise, exploitation_expertise: of the attacker; several experts are not rated for exploitation.
        knowledge: of the system, for identification only.
        device, exploitation_device: access to the device.
        characteristic: access to the target's face, for exploitation only.
        equipment, exploitation_equipment: that is needed.
    """

    time: Time = "one day"
    exploitation_time: Time = "one day"
    expertise: Expertise = "layman"
    exploitation_expertise: Literal["layman", "proficient", "expert"] = "layman"
    knowledge: Knowledge = "public"
    device: Access = "easy"
    exploitation_device: Access = "easy"
    characteristic: Characteristic = "without notice"
    equipment: Equipment = "standard"
    exploitation_equipment: Equipment = "standard"

    @property
    def identification(self) -> int:
        """Points for finding the attack."""
        return (
            TIME[self.time][0] + EXPERTISE[self.expertise][0] + KNOWLEDGE[self.knowledge] + DEVICE[self.device][0]
            + EQUIPMENT[self.equipment][0]
        )  # fmt: skip

    @property
    def exploitation(self) -> int:
        """Points for carrying it out."""
        return (
            TIME[self.exploitation_time][1] + (EXPERTISE[self.exploitation_expertise][1] or 0)
            + DEVICE[self.exploitation_device][1] + CHARACTERISTIC[self.characteristic]
            + EQUIPMENT[self.exploitation_equipment][1]
        )  # fmt: skip

    @property
    def points(self) -> int:
        """The sum of both."""
        return self.identification + self.exploitation

    @property
    def level(self) -> str:
        """The attack potential by name.

        >>> AttackPotential().level, AttackPotential(time="one month", equipment="bespoke", device="moderate").level
        ('basic', 'enhanced-basic')
        """
        return next((name for limit, name in LEVELS if self.points < limit), "beyond high")

    @property
    def words(self) -> str:
        """Points and level in words."""
        pad = PAD_LEVELS.get(self.level)
        return f"{self.points} ({self.identification} + {self.exploitation}), {self.level}{f', {pad}' if pad else ''}"


def artifact_class(kind: str, access: str, cost: str) -> str:
    """Class of an artifact, A to C: the highest of its kind, of the access to its source and of its cost.

    Args:
        kind: simple, specialised or sophisticated.
        access: to the source: easy, moderate or difficult.
        cost: low, medium or high.

    >>> artifact_class("simple", "easy", "low"), artifact_class("simple", "moderate", "low")
    ('A', 'B')
    """
    orders = ("simple", "specialised", "sophisticated"), ("easy", "moderate", "difficult"), ("low", "medium", "high")
    return "ABC"[max(order.index(word) for order, word in zip(orders, (kind, access, cost), strict=True))]
