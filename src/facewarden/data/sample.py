"""`Sample`: one capture with its labels, checked at construction."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import check_limit
from facewarden.core.labels import BONA_FIDE, ILLUMINATIONS, MODALITIES, DepthEncoding, Modality, Split
from facewarden.data.sample_words import as_depth_encoding, as_name, as_split, check_label, one_of

SHARES = 2.0
"""No box of a face in pixels has all its coordinates within this; they are shares of the frame."""

INFRARED_BITS = range(8, 17)
"""How many bits of a 16-bit file an infrared sensor may fill."""

NON_RESPONSE = "non_response"
"""Column of a manifest, in `extra`: why a capture gets no decision, such as that no face was found in it."""

Box = tuple[float, float, float, float]
Landmarks = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Sample:
    """One capture: up to three registered images of one presentation.

    Attributes:
        key: its unique name.
        split: "train", "dev" or "test".
        label: 1 = bona fide, 0 = attack presentation.
        species: one of `facewarden.core.labels.ALL_SPECIES`, or an own one, `other_NAME`; "bona_fide" exactly where the
            label is 1.
        subject: whose face is shown, an opaque name. It and the two below are kept as `as_name` spells them.
        domain: which sensor and set it comes from.
        session: which visit of the subject, where known.
        illumination: one of `ILLUMINATIONS`, where known.
        environment: the scene, where known.
        rgb, depth, infrared: image files relative to the manifest's folder; at least one is there. An array inside a
            file is named as in `facewarden.data.arrays`.
        depth_encoding: "millimeters" for a 16-bit PNG, 0 = hole; "picture" for 8-bit gray values that are taken as
            they are.
        depth_unit: millimeters that one stored value of 16-bit depth stands for: 1, or 0.1 for tenths of millimeters,
            10 for centimeters, 1000 for meters.
        infrared_bits: how many bits of a 16-bit infrared image the sensor fills, 8 to 16; None where nobody said.
        box: face box x0 y0 x1 y1 in pixels of the frame.
        landmarks: five (x, y) in pixels: left eye, right eye, nose tip, left and right mouth corner, as seen.
        simulated: whether the capture was rendered.
        seed: what it was rendered from.
        attributes: glasses, beard, age band …, as text.
        extra: further columns of the manifest, kept as text.

    Raises:
        BadInputError: a value outside the lists above, or a label that contradicts the species.
    """

    key: str
    split: Split
    label: int
    species: str
    subject: str
    domain: str
    rgb: str | None = None
    depth: str | None = None
    infrared: str | None = None
    depth_encoding: DepthEncoding = "millimeters"
    depth_unit: float = 1.0
    infrared_bits: int | None = None
    session: str | None = None
    illumination: str | None = None
    environment: str | None = None
    box: Box | None = None
    landmarks: Landmarks | None = None
    simulated: bool = False
    seed: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("subject", "domain", "session"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_name(getattr(self, name)))
        for name in ("key", "subject", "domain"):
            if not getattr(self, name):
                raise BadInputError(f"{name} is empty", hint=f"give every row a {name}")
        longest = max(len(self.key), len(self.subject), len(self.domain))
        check_limit("key_letters", longest, what=f"key, subject or domain of {self.key[:40]!r}")
        as_split(self.split)
        as_depth_encoding(self.depth_encoding)
        if self.illumination is not None:
            one_of("illumination", self.illumination, ILLUMINATIONS)
        check_label(self.label, self.species)
        self._check_units()
        paths = [path for name in MODALITIES if (path := self.path(name)) is not None]
        if not paths:
            raise BadInputError("no image is named", hint=f"fill at least one of {', '.join(MODALITIES)}")
        if any("\0" in path for path in paths):
            raise BadInputError("an image's name holds a NUL character", hint="write the manifest again")
        if len({posixpath.normpath(path) for path in paths}) < len(paths):
            named = ", ".join(f"{name} {path}" for name, path in zip(self.modalities, paths, strict=True))
            raise BadInputError(
                f"one image stands for two modalities: {named}",
                hint="color, depth and infrared are three images; leave out what was not captured",
            )
        self._check_geometry()
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))
        object.__setattr__(self, "extra", MappingProxyType(dict(self.extra)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Samples travel between processes, which views of mappings cannot."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return _again, ({**values, "attributes": dict(self.attributes), "extra": dict(self.extra)},)

    def _check_units(self) -> None:
        if not (math.isfinite(self.depth_unit) and 0.001 <= self.depth_unit <= 1000):
            raise BadInputError(
                f"depth_unit {self.depth_unit}",
                hint="millimeters that one stored value stands for: 1, 0.1 for tenths, 10 for centimeters, 1000 for "
                "meters",
            )
        if self.infrared_bits is not None and self.infrared_bits not in INFRARED_BITS:
            raise BadInputError(f"infrared_bits {self.infrared_bits}", hint="8 to 16, such as 10 or 12")

    def _check_geometry(self) -> None:
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            if not (all(map(math.isfinite, self.box)) and x0 < x1 and y0 < y1):
                raise BadInputError(
                    f"box {self.box} is not a box", hint="x0 < x1 and y0 < y1: two corners in pixels, not a size"
                )
            if max(map(abs, self.box)) <= SHARES:
                raise BadInputError(
                    f"box {self.box} is in shares of the frame, not in pixels",
                    hint="multiply x0 and x1 by the width, y0 and y1 by the height of the image",
                )
        if self.landmarks is not None:
            flat = [value for point in self.landmarks for value in point]
            if len(self.landmarks) != 5 or len(flat) != 10 or not all(map(math.isfinite, flat)):
                raise BadInputError(f"landmarks {self.landmarks} are not five points", hint="lm0x, lm0y … lm4x, lm4y")
            if max(map(abs, flat)) <= SHARES:
                raise BadInputError(
                    f"landmarks {self.landmarks} are in shares of the frame, not in pixels",
                    hint="multiply x by the width and y by the height of the image",
                )

    def path(self, modality: Modality) -> str | None:
        """Return the file of a modality relative to the manifest's folder, or None where there is none."""
        value: str | None = getattr(self, modality)
        return value

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that were captured, in the order rgb, depth, infrared."""
        return tuple(name for name in MODALITIES if self.path(name) is not None)

    @property
    def bona_fide(self) -> bool:
        """Whether it is a bona fide presentation."""
        return self.label == BONA_FIDE


def _again(values: dict[str, Any]) -> Sample:
    return Sample(**values)
