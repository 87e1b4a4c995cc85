"""Which frames of a clip are looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from facewarden.core.errors import BadInputError

FORMS = "count=8, every=0.5 (seconds) or all"


@dataclass(frozen=True)
class Sampling:
    """A rule for choosing frames.

    Attributes:
        kind: "count" of frames spread evenly over the clip, "every" so many seconds, or "all".
        value: the number, or the seconds.
    """

    kind: Literal["count", "every", "all"] = "count"
    value: float = 8.0

    @classmethod
    def read(cls, text: str) -> Sampling:
        """Read the rule as a person types it.

        Raises:
            BadInputError: no rule.

        >>> Sampling.read("every=0.5")
        Sampling(kind='every', value=0.5)
        """
        if text == "all":
            return cls("all", 0.0)
        match = re.fullmatch(r"(?:count=)?([1-9]\d{0,4})", text)
        if match is not None:
            return cls("count", float(match[1]))
        match = re.fullmatch(r"every=(\d+\.?\d*|\.\d+)", text)
        if match is not None and float(match[1]) > 0:
            return cls("every", float(match[1]))
        raise BadInputError(f"--frames {text}: no such rule", hint=f"--frames {FORMS}")

    def words(self) -> str:
        """The rule for a person."""
        if self.kind == "all":
            return "all frames"
        return f"{self.value:g} frames, evenly spread" if self.kind == "count" else f"a frame each {self.value:g} s"

    def chosen(self, times: Sequence[float]) -> list[int]:
        """Places of the chosen frames.

        Args:
            times: of all frames in seconds, rising.

        >>> Sampling("count", 2.0).chosen([0.0, 0.1, 0.2, 0.3])
        [1, 3]
        >>> Sampling("every", 0.25).chosen([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
        [0, 3, 5]
        """
        count = len(times)
        if self.kind == "all" or (self.kind == "count" and self.value >= count):
            return list(range(count))
        if self.kind == "count":  # the middle of each of so many equal parts
            number = int(self.value)
            return [int((place + 0.5) * count / number) for place in range(number)]
        found: list[int] = []
        wanted = times[0] if times else 0.0
        for place, time in enumerate(times):
            if time >= wanted - 1e-9:
                found.append(place)
                while wanted <= time + 1e-9:
                    wanted += self.value
        return found
