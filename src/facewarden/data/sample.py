"""`Sample`: one capture with its labels, checked at construction."""

from __future__ import annotations

import difflib
import math
import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast

from facewarden.core.errors import BadInputError
from facewarden.core.labels import (
    ALL_SPECIES,
    ATTACK,
    BONA_FIDE,
    DEPTH_ENCODINGS,
    ILLUMINATIONS,
    MODALITIES,
    SPLITS,
    DepthEncoding,
    Modality,
    Split,
)

Box = tuple[float, float, float, float]
Landmarks = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Sample:
    """One capture: up to three registered images of one presentation.

    Attributes:
        key: its unique name.
        split: "train", "dev" or "test".
        label: 1 = bona fide, 0 = attack presentation.
        species: one of `facewarden.core.labels.ALL_SPECIES`; "bona_fide" exactly where the label is 1.
        subject: whose face is shown, an opaque name.
        domain: which sensor and set it comes from.
        session: which visit of the subject, where known.
        illumination: one of `ILLUMINATIONS`, where known.
        environment: the scene, where known.
        rgb, depth, infrared: image files relative to the manifest's folder; at least one is there. An array inside a
            file is named as in `facewarden.data.arrays`.
        depth_encoding: "millimeters" for a 16-bit PNG, 0 = hole; "picture" for 8-bit gray values that are taken as
            they are.
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
        for name in ("key", "subject", "domain"):
            if not getattr(self, name):
                raise BadInputError(f"{name} is empty", hint=f"give every row a {name}")
        as_split(self.split)
        _one_of("species", self.species, ALL_SPECIES)
        as_depth_encoding(self.depth_encoding)
        if self.illumination is not None:
            _one_of("illumination", self.illumination, ILLUMINATIONS)
        if self.label not in (BONA_FIDE, ATTACK):
            raise BadInputError(f"unknown label {self.label!r}", hint="1 = bona fide, 0 = attack presentation")
        if (self.label == BONA_FIDE) != (self.species == "bona_fide"):
            raise BadInputError(
                f"label {self.label} contradicts species {self.species}",
                hint="label 1 goes with species bona_fide, label 0 with the other species",
            )
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

    def _check_geometry(self) -> None:
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            if not (all(map(math.isfinite, self.box)) and x0 < x1 and y0 < y1):
                raise BadInputError(f"box {self.box} is not a box", hint="x0 < x1 and y0 < y1, in pixels")
        if self.landmarks is not None:
            flat = [value for point in self.landmarks for value in point]
            if len(self.landmarks) != 5 or len(flat) != 10 or not all(map(math.isfinite, flat)):
                raise BadInputError(f"landmarks {self.landmarks} are not five points", hint="lm0x, lm0y … lm4x, lm4y")

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


def as_split(text: str) -> Split:
    """Return a split's name as such.

    Raises:
        BadInputError: it is none of train, dev and test.
    """
    _one_of("split", text, SPLITS)
    return cast(Split, text)


def as_depth_encoding(text: str) -> DepthEncoding:
    """Return the name of a way to store depth as such.

    Raises:
        BadInputError: it is neither millimeters nor picture.
    """
    _one_of("depth_encoding", text, DEPTH_ENCODINGS)
    return cast(DepthEncoding, text)


def _one_of(what: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        close = difflib.get_close_matches(value, list(known), n=2, cutoff=0.5)
        guess = f"; did you mean {' or '.join(close)}?" if close else ""
        raise BadInputError(f"unknown {what} {value!r}{guess}", hint=f"one of: {', '.join(known)}")
