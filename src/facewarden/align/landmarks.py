"""Uses given landmarks: from a manifest, or from a text file beside each photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_bounded
from facewarden.core.roles import Aligner, FaceLocation


class Landmarks(Aligner):
    """Returns the landmarks given at construction.

    Args:
        points: five (x, y) in pixels, as seen: left eye, right eye, nose tip, left and right mouth corner.

    Raises:
        BadInputError: not five points, or not finite.
    """

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        array = np.array([tuple(point) for point in points], dtype=np.float64)
        if array.shape != (5, 2) or not np.isfinite(array).all():
            raise BadInputError(
                f"landmarks are five finite (x, y), got shape {array.shape}",
                hint="left eye, right eye, nose tip, left mouth corner, right mouth corner",
            )
        self.points = array

    @classmethod
    def example(cls, folder: Path) -> Landmarks:
        """Return an instance with five points inside a photo of 64 pixels; no file is needed."""
        return cls([(20.0, 24.0), (44.0, 24.0), (32.0, 34.0), (23.0, 46.0), (41.0, 46.0)])

    @classmethod
    def beside(cls, photo: Path) -> Landmarks:
        """Read the landmarks of a photo from `<photo's name>.landmarks.txt`: five lines, each x and y.

        Raises:
            BadInputError: no such file, or not five pairs of numbers.
        """
        path = photo.with_name(photo.name + ".landmarks.txt")
        try:
            lines = read_bounded(path).split("\n")
            points = [(float(x), float(y)) for x, y in (line.split() for line in lines if line.strip())]
        except (OSError, ValueError) as error:
            raise BadInputError(
                f"{path} is not a landmark file: {error}", hint="five lines, each x and y in pixels"
            ) from error
        return cls(points)

    def locate(self, image: NDArray[np.uint8]) -> tuple[FaceLocation, ...]:
        """Return the given landmarks as the one face; its box is theirs, widened to a face's usual proportions.

        Raises:
            BadInputError: a landmark lies outside the photo.
        """
        height, width = image.shape[:2]
        if (self.points < 0).any() or (self.points > (width, height)).any():
            raise BadInputError(
                f"a landmark lies outside the photo of {width} x {height}", hint="the points belong to another size"
            )
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        # From brow to chin and ear to ear a face is about twice as wide and high as its five points.
        center, half = (low + high) / 2, float(max(high - low))
        x0, y0 = np.maximum(center - half, 0)
        x1, y1 = np.minimum(center + half, (width, height))
        points = tuple((float(x), float(y)) for x, y in self.points)
        return (FaceLocation((float(x0), float(y0), float(x1), float(y1)), points),)


entry = Landmarks
