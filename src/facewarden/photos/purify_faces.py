"""Purify the faces of photos together and put the changes back where the faces are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from facewarden.align import align_face, paste_change
from facewarden.core.compute.finite import vectors_of
from facewarden.core.roles import FaceLocation, Purifier, Recognizer
from facewarden.photos.aligned import to_images
from facewarden.photos.cloak_detector import SUSPICIOUS, CloakDetector, Suspicion, most_suspicious

_SEAM = 4
"""Pixels over which the change fades at the border of the crop, so that no edge is seen in the photo."""
_TOGETHER = 16
"""Faces that a purifier is given at a time."""


@dataclass(frozen=True, eq=False)
class FacesOfPhoto:
    """A photo with the faces in it.

    Attributes:
        pixels: `(h, w, 3)` uint8.
        faces: where they are, one at least.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    faces: tuple[FaceLocation, ...]

    def crops(self) -> UInt8[np.ndarray, "n 112 112 3"]:
        """The aligned faces."""
        return np.stack([align_face(self.pixels, face.landmarks) for face in self.faces])


@dataclass(frozen=True, eq=False)
class PurifiedPhoto:
    """A photo after its faces were purified.

    Attributes:
        pixels: `(h, w, 3)` uint8, untouched outside of the crops; None where it was left as it was.
        likelihood: that its most suspicious face is cloaked; None without a detector.
        identity: mean cosine between the faces before and after, None without a recognizer; NaN where the recognizer
            gave no vector.
        kind: the likeliest kind of cloak of that face; empty where the photo is not suspicious, or no kinds are told.
    """

    pixels: UInt8[np.ndarray, "h w 3"] | None
    likelihood: float | None
    identity: float | None
    kind: str = ""


@dataclass(frozen=True, eq=False)
class FacePurifier:
    """Purifies faces of photos; networks are given the faces of several photos together, and each face once.

    Attributes:
        purifier: applied to the aligned crops.
        recognizer: compares the crops of the photo before and after.
        detector: tells how likely a face is cloaked.
        threshold: photos without a face from this likelihood on are left as they are; None purifies all.
    """

    purifier: Purifier
    recognizer: Recognizer | None = None
    detector: CloakDetector | None = None
    threshold: float | None = None

    def __call__(self, photos: Sequence[FacesOfPhoto]) -> list[PurifiedPhoto]:
        """Purify every face of every photo.

        The aligned crop is purified, and the photo is changed so that its crop becomes that, as nearly as possible.
        Photos in gray stay gray.
        """
        if not photos:
            return []
        crops = to_images(np.concatenate([photo.crops() for photo in photos]))
        restored, each = self._purified(crops)
        found = _most_suspicious(each, photos)
        likelihoods = [None if one is None else one.likelihood for one in found]
        wanted = (torch.round(restored * 255) / 255 - crops) * border()
        made = []
        changes = _by_photo(wanted.permute(0, 2, 3, 1).double(), photos)
        for photo, change, likely in zip(photos, changes, likelihoods, strict=True):
            left = self.threshold is not None and likely is not None and likely < self.threshold
            made.append(None if left else _pasted(photo, change.numpy()))
        identities = self._identities(crops, photos, made)
        kinds = [self._kind(one) for one in found]
        return [PurifiedPhoto(*values) for values in zip(made, likelihoods, identities, kinds, strict=True)]

    def _purified(self, crops: Tensor) -> tuple[Tensor, list[Suspicion] | None]:
        """Purified faces, and what the detector says of each before."""
        if self.detector is not None and self.detector.purifier is self.purifier:
            return self.detector.purified(crops, batch=_TOGETHER)
        with torch.no_grad():
            restored = torch.cat([self.purifier(part) for part in torch.split(crops, _TOGETHER)])
        return restored, None if self.detector is None else self.detector.suspicions(crops)

    def _kind(self, found: Suspicion | None) -> str:
        least = SUSPICIOUS if self.threshold is None else self.threshold
        return "" if found is None else found.kind_from(least)

    def _identities(
        self, crops: Tensor, photos: Sequence[FacesOfPhoto], made: Sequence[UInt8[np.ndarray, "h w 3"] | None]
    ) -> list[float | None]:
        """Of each photo; 1 where it was left as it was."""
        if self.recognizer is None:
            return [None] * len(photos)
        pairs = [
            (before, to_images(FacesOfPhoto(pixels, photo.faces).crops()))
            for photo, pixels, before in zip(photos, made, _by_photo(crops, photos), strict=True)
            if pixels is not None
        ]
        if not pairs:
            return [1.0] * len(photos)
        images = torch.cat([torch.cat(pair) for pair in pairs])
        vectors = iter(torch.split(vectors_of(self.recognizer, images), [len(part) for pair in pairs for part in pair]))
        return [
            1.0 if pixels is None else float((next(vectors) * next(vectors)).sum(dim=1).double().mean())
            for pixels in made
        ]


def _most_suspicious(faces: Sequence[Suspicion] | None, photos: Sequence[FacesOfPhoto]) -> Sequence[Suspicion | None]:
    """Of the faces of each photo."""
    if faces is None:
        return [None] * len(photos)
    each = iter(faces)
    return [most_suspicious([next(each) for _ in photo.faces]) for photo in photos]


def _by_photo(rows: Tensor, photos: Sequence[FacesOfPhoto]) -> Iterator[Tensor]:
    yield from torch.split(rows, [len(photo.faces) for photo in photos])


def _pasted(photo: FacesOfPhoto, moved: Float[np.ndarray, "n 112 112 3"]) -> UInt8[np.ndarray, "h w 3"]:
    gray = bool((photo.pixels == photo.pixels[..., :1]).all())
    pixels = photo.pixels
    for face, change in zip(photo.faces, moved, strict=True):
        wanted = np.repeat(change.mean(axis=2, keepdims=True), 3, axis=2) if gray else change
        limit = float(np.abs(wanted).max())
        pixels = paste_change(pixels, wanted, face.landmarks, limit=limit, original=photo.pixels).photo
    # rounding is the same in all channels, but nothing may depend on it
    return np.repeat(pixels[..., :1], 3, axis=2) if gray else pixels


def border() -> Float[torch.Tensor, "112 112"]:
    """Weight of the change: 1 inside of the crop, falling to 0 at its border."""
    line = torch.arange(112.0)
    ramp = (torch.minimum(line + 1, 112 - line) / (_SEAM + 1)).clamp(max=1.0)
    return torch.minimum(ramp[:, None], ramp[None, :])
