"""What low, medium and high quality of an instrument mean in millimeters and shares (version 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from facewarden.data.simulate.species.parts.stage import SpeciesStage

Range = tuple[float, float]


@dataclass(frozen=True)
class Grade:
    """The ranges that an instrument of one quality is drawn from; guesses, ordered by what each of them costs to make.

    Attributes:
        detail: pixels of the attacker's picture per pixel of the head's maps, which are as fine as the frame.
        blur: of the attacker's picture, in its own pixels.
        lines: halftone screen of a laser printer, lines an inch.
        saturation: of the picture as ink, panel or paint gives it; above 1 the attacker has raised it.
        contrast: of the picture, raised by who knows that a print is flatter than a face in the room's light.
        black: reflectance of full ink.
        shift: registration error of color against relief, mm.
        relief_blur: detail that the relief loses, mm.
        relief_scale: height of the relief, relative to the true one.
        texture: share of the fine texture of skin that is kept.
        edge: gap of a worn thing to the face, mm.
        infrared: how near the infrared reflectance comes to that of what is imitated, 0 not at all, 1 alike.
    """

    detail: Range
    blur: Range
    lines: Range
    saturation: Range
    contrast: Range
    black: Range
    shift: Range
    relief_blur: Range
    relief_scale: Range
    texture: Range
    edge: Range
    infrared: Range


GRADES: Mapping[str, Grade] = MappingProxyType({
    "low": Grade((1.0, 2.0), (1.0, 2.2), (75.0, 106.0), (0.75, 1.0), (0.9, 1.05), (0.06, 0.1), (3.0, 6.0),
                 (3.5, 6.0), (0.65, 0.85), (0.3, 0.5), (3.0, 6.0), (0.0, 0.35)),
    "medium": Grade((2.0, 4.0), (0.5, 1.1), (106.0, 150.0), (1.0, 1.25), (0.95, 1.15), (0.035, 0.065), (1.2, 3.0),
                    (1.8, 3.5), (0.85, 1.0), (0.5, 0.75), (1.5, 3.5), (0.4, 0.75)),
    "high": Grade((4.0, 8.0), (0.3, 0.6), (150.0, 200.0), (1.15, 1.4), (1.0, 1.2), (0.015, 0.035), (0.2, 1.2),
                  (0.7, 1.6), (0.95, 1.05), (0.75, 1.0), (0.4, 1.2), (0.8, 1.0)),
})  # fmt: skip
"""The grade of each of `facewarden.core.labels.QUALITIES`."""


def grade_of(stage: SpeciesStage) -> Grade:
    """The grade that a capture asks for."""
    return GRADES[stage.quality]
