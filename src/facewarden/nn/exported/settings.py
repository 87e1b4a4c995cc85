"""What the card of an exported detector says: its views, its mask of sensors, and what was left beside the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, Modality
from facewarden.core.settings import Count, Positive, Text, read_settings
from facewarden.nn.crop import Border

PRESENT, SCORE = "present", "score"
"""Names of the input that says which sensors are there, and of the output that decides."""

Arithmetic = Literal["float32", "int8"]


def head_output(head: str) -> str:
    """Name of the output of a head: sensors and heads may share names, inputs and outputs of a graph may not."""
    return f"head_{head}"


@dataclass(frozen=True)
class CropView:
    """One input of pictures: a square view of one sensor in [0, 1], RGB order, which is cut outside of the graph.

    Attributes:
        input: name in the graph.
        modality: sensor.
        size: side in pixels.
        scale: factor on the face box.
        border: what happens where the crop leaves the frame, as in `facewarden.nn.crop.crop_resize`.
        antialias: the kernel is widened by the factor of reduction.
        whole: what becomes of a frame without a box that is not of this size: `crop` resamples it as a box of the whole
            frame at factor 1; `press` resamples both axes on their own and repeats the edge.
    """

    input: Text
    modality: Modality
    size: Count
    scale: Positive
    border: Border = "zero"
    antialias: bool = False
    whole: Literal["crop", "press"] = "crop"

    @property
    def channels(self) -> int:
        """Channels of the sensor."""
        return CHANNELS[self.modality]


@dataclass(frozen=True)
class ExportedSettings:
    """Settings of an exported detector.

    Boxes stay beside the graph: whoever runs it cuts the views. The mask of missing sensors is an input of it.

    Attributes:
        views: inputs of pictures, in the order of the graph.
        present: the graph has an input `present`, (1, m) with 1 or 0 for each of `sensors`.
        sensors: order of that input.
        optional: sensors that may be absent; their views are then all 0.
        needs_box: frames without a face box are refused.
        frame_size: side of frames that it is best given.
        heads: further outputs, in the order of the graph; that of a head is called `head_` and its name.
        batch: whether the graph takes any number of captures, or one at a time.
        squash: side to which readers bring each sensor's frame without a box, as of `facewarden.core.roles.Detector`.
        arithmetic: of the weights and products.
        source_entry: registry name of the detector that was exported.
        source_sha256: hash of its weights.
        not_exported: outputs of the detector that the graph does not give.
    """

    views: tuple[CropView, ...]
    present: bool = False
    sensors: tuple[Modality, ...] = ()
    optional: tuple[Modality, ...] = ()
    needs_box: bool = False
    frame_size: Count = 224
    heads: tuple[Text, ...] = ()
    batch: Literal["one", "any"] = "one"
    squash: Count | None = None
    arithmetic: Arithmetic = "float32"
    source_entry: str = ""
    source_sha256: tuple[str, ...] = ()
    not_exported: tuple[str, ...] = ()


def is_exported(card: Card) -> bool:
    """Whether a card is that of a detector that facewarden exported."""
    return card.role == "pad" and "views" in card.settings


def read_exported(card: Card, *, source: str) -> ExportedSettings:
    """Read the settings of a card.

    Raises:
        BadInputError: another role, unknown settings, or views that contradict each other.
    """
    card.require_role("pad", source=source)
    settings = read_settings(ExportedSettings, card.settings, source=source, at=("settings",))
    names = [view.input for view in settings.views]
    unknown = [view.modality for view in settings.views if settings.present and view.modality not in settings.sensors]
    if not names or len(set(names)) < len(names) or unknown or (settings.present and not settings.sensors):
        raise BadInputError(
            f"{source}: its views do not fit together", hint="facewarden export writes such cards; export it again"
        )
    return settings
