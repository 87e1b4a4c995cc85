"""Frames of a clip as upright RGB pictures with their times: from a video file, a folder of frames, or a camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import check_limit
from facewarden.data.photo import read_photo
from facewarden.data.text import printable
from facewarden.data.video.sampling import Sampling

_NONE = np.empty((0, 0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame of a clip.

    Attributes:
        number: its place in the clip, from 0.
        seconds: since the first frame; NaN where nobody knows, as in a folder of frames.
        image: `(h, w, 3)` RGB, upright; empty where the file is damaged in this place.
        name: of its file, in a folder of frames.
    """

    number: int
    seconds: float
    image: NDArray[np.uint8]
    name: str = ""


def video_frames(path: Path, sampling: Sampling) -> Iterator[VideoFrame]:
    """The chosen frames of a video file, with the times that the file states.

    The file is gone through twice: once for the times of all its frames, without decoding, and once for the pictures.

    Args:
        path: the video.
        sampling: which frames.

    Raises:
        LimitError: more frames or pixels than are read.
        BadInputError: PyAV is not installed, or no video that can be read.
    """
    av = _av(path)
    name = printable(path)
    try:
        stamps = _stamps(av, path, name)
        if not stamps:
            raise BadInputError(f"{name}: holds no frames", hint="a video file")
        times = [stamp - stamps[0] for stamp in stamps]
        places, place = {stamp: number for number, stamp in reversed([*enumerate(stamps)])}, -1
        wanted = sampling.chosen(times)
        last = wanted[-1]
        with closing(av.open(str(path))) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            for number, frame in enumerate(container.decode(stream)):
                if number == 0 and frame.time != stamps[0]:  # the file states no times of its own
                    places = {}
                earlier, place = place, max(place + 1, places.get(frame.time, number))  # frames may be lost on the way
                yield from (VideoFrame(lost, times[lost], _NONE) for lost in wanted if earlier < lost < place)
                if place in wanted:
                    check_limit("picture_pixels", frame.width * frame.height, what=f"{name}: a frame")
                    seconds = times[place] if frame.time is None else float(frame.time) - stamps[0]
                    yield VideoFrame(place, seconds, _upright(frame))
                if place >= last:
                    return
        yield from (VideoFrame(lost, times[lost], _NONE) for lost in wanted if lost > place)
    except BadInputError:
        raise
    except Exception as error:  # PyAV has a type of error for each of FFmpeg's, and others
        plain = getattr(error, "strerror", None) or str(error)  # the text of an error of FFmpeg ends with the path
        told = str(plain).splitlines()[0] if plain else type(error).__name__
        raise BadInputError(f"{name}: no video that can be read: {told}", hint="convert it to mp4") from error


def _av(path: Path) -> Any:
    try:
        import av
    except ImportError as error:
        raise BadInputError(
            f"{printable(path)}: reading a video needs PyAV", hint="pip install 'facewarden[video]'"
        ) from error
    return av


def _stamps(av: Any, path: Path, name: str) -> list[float]:
    """Times of all frames in seconds, rising; by number where the file states none."""
    with closing(av.open(str(path))) as container:
        if not container.streams.video:
            raise BadInputError(f"{name}: has no pictures", hint="a video file")
        stream = container.streams.video[0]
        check_limit("picture_pixels", stream.width * stream.height, what=f"{name}: a frame")
        stamps: list[float | None] = []
        for packet in container.demux(stream):
            if packet.size:
                stamps.append(None if packet.pts is None else float(packet.pts * packet.time_base))
                if len(stamps) % 1000 == 0:
                    check_limit("video_frames", len(stamps), what=name)
        check_limit("video_frames", len(stamps), what=name)
        known = [stamp for stamp in stamps if stamp is not None]
        if len(known) < len(stamps):
            rate = float(stream.average_rate or 25)
            return [number / rate for number in range(len(stamps))]
        return sorted(known)


def _upright(frame: Any) -> NDArray[np.uint8]:
    """The picture turned as the file says, as phones write it."""
    image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    quarters = round(int(getattr(frame, "rotation", 0) or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters))


def folder_frames(paths: Sequence[Path], sampling: Sampling) -> Iterator[VideoFrame]:
    """The chosen frames of a folder; a rule in seconds needs times, which pictures do not have.

    Args:
        paths: the pictures, in the order of time.
        sampling: which frames.

    Raises:
        BadInputError: a rule in seconds, or a picture that cannot be read.
    """
    if sampling.kind == "every":
        raise BadInputError("a folder of frames states no times", hint="--frames count=8 or --frames all")
    for number in sampling.chosen([float(place) for place in range(len(paths))]):
        yield VideoFrame(number, float("nan"), read_photo(paths[number]), paths[number].name)


def camera_frames(
    number: int, sampling: Sampling, *, seconds: float, capture: Callable[[int], Any] | None = None
) -> Iterator[VideoFrame]:
    """Frames of a camera for some seconds, chosen as they come.

    Args:
        number: of the camera, 0 for the first.
        sampling: which frames; a count is spread over the time.
        seconds: how long it looks.
        capture: what opens a camera; OpenCV by default.

    Raises:
        BadInputError: no such camera, or it gives no picture.
    """
    if capture is None:
        import cv2

        capture = cv2.VideoCapture
    camera = capture(number)
    try:
        if not camera.isOpened():
            raise BadInputError(f"camera {number} cannot be opened", hint="--camera 0; is another program using it?")
        step = seconds / sampling.value if sampling.kind == "count" else sampling.value
        started, due, place = time.monotonic(), 0.0, 0
        while (now := time.monotonic() - started) < seconds:
            good, image = camera.read()
            if not good:
                raise BadInputError(f"camera {number} gives no picture", hint="look at its cable and permissions")
            if now >= due:
                check_limit("picture_pixels", image.shape[0] * image.shape[1], what=f"camera {number}: a frame")
                yield VideoFrame(place, now, np.ascontiguousarray(image[..., ::-1]))
                place, due = place + 1, due + step
    finally:
        camera.release()
