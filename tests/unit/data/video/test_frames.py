"""Frames of clips: which are chosen, and that pictures and times are those that were encoded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from clips import write_clip
from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import LimitError
from facewarden.data.video.frames import camera_frames, folder_frames, video_frames
from facewarden.data.video.sampling import Sampling


def levels(count: int, side: int = 64) -> list[np.ndarray]:  # type: ignore[type-arg]
    return [np.full((side, side, 3), 20 + 10 * number, np.uint8) for number in range(count)]


def test_the_middle_of_equal_parts_and_frames_by_time_are_chosen() -> None:
    times = [0.1 * place for place in range(20)]
    assert Sampling("count", 4.0).chosen(times) == [2, 7, 12, 17]
    assert Sampling("count", 1.0).chosen(times) == [10]
    assert Sampling("count", 50.0).chosen(times) == list(range(20))
    assert Sampling("every", 0.5).chosen(times) == [0, 5, 10, 15]
    assert Sampling("every", 0.5).chosen([0.0, 0.2, 2.0, 2.1, 2.6]) == [0, 2, 4]
    assert Sampling.read("8") == Sampling.read("count=8") == Sampling()
    for wrong in ("0", "every=0", "every", "each=3", "count=-1", ""):
        with pytest.raises(BadInputError, match="no such rule"):
            Sampling.read(wrong)


def test_frames_of_a_video_have_their_pictures_and_times(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.2, 0.7, 1.0, 1.4, 1.5, 1.6, 1.9, 2.0]  # a variable rate
    path = write_clip(tmp_path / "a.mp4", levels(10), times=times)
    found = list(video_frames(path, Sampling("all", 0.0)))
    assert [frame.seconds for frame in found] == pytest.approx(times, abs=2e-3)
    assert [float(frame.image.mean()) for frame in found] == pytest.approx([20 + 10 * n for n in range(10)], abs=3)
    every = list(video_frames(path, Sampling("every", 0.5)))
    assert [frame.seconds for frame in every] == pytest.approx([0.0, 0.7, 1.0, 1.5, 2.0], abs=2e-3)
    few = list(video_frames(path, Sampling("count", 2.0)))
    assert [frame.number for frame in few] == [2, 7]
    assert float(few[1].image.mean()) == pytest.approx(90, abs=3)


def test_what_is_no_video_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(BadInputError, match=r"a\.mp4: no video that can be read"):
        list(video_frames(tmp_path / "a.mp4", Sampling()))
    path = write_clip(tmp_path / "b.mp4", levels(6))
    cut = path.read_bytes()
    (tmp_path / "c.mp4").write_bytes(cut[: len(cut) // 3])
    with pytest.raises(BadInputError, match="no video that can be read"):
        list(video_frames(tmp_path / "c.mp4", Sampling()))
    monkeypatch.setenv("FACEWARDEN_LIMIT_VIDEO_FRAMES", "5")
    with pytest.raises(LimitError):
        list(video_frames(path, Sampling()))


def test_a_folder_of_frames_has_no_times(tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (8, 8), (number, 0, 0)).save(paths[-1])
    found = list(folder_frames(paths, Sampling("count", 2.0)))
    assert [(frame.name, int(frame.image[0, 0, 0])) for frame in found] == [("1.png", 1), ("3.png", 3)]
    assert np.isnan(found[0].seconds)
    with pytest.raises(BadInputError, match="states no times"):
        list(folder_frames(paths, Sampling("every", 1.0)))


class Camera:
    """Gives blue-green-red pictures, as OpenCV does."""

    def __init__(self, number: int) -> None:
        self.there, self.released = number == 0, False

    def isOpened(self) -> bool:
        return self.there

    def read(self) -> tuple[bool, np.ndarray]:  # type: ignore[type-arg]
        return True, np.tile(np.array([1, 2, 3], np.uint8), (4, 4, 1))

    def release(self) -> None:
        self.released = True


def test_a_camera_gives_rgb_frames_for_some_seconds() -> None:
    found = list(camera_frames(0, Sampling("count", 3.0), seconds=0.06, capture=Camera))
    assert [frame.number for frame in found] == list(range(len(found)))
    assert 1 <= len(found) <= 3
    assert found[0].image[0, 0].tolist() == [3, 2, 1]
    with pytest.raises(BadInputError, match="camera 1 cannot be opened"):
        list(camera_frames(1, Sampling(), seconds=0.1, capture=Camera))


def test_a_frame_is_turned_as_a_phone_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAV cannot write the turn, so a stand-in states it: degrees against the clock."""
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0] = 255  # upper left

    class Frame(SimpleNamespace):
        def to_ndarray(self, *, format: str) -> np.ndarray:  # type: ignore[type-arg]
            return image

    class Container:
        streams = SimpleNamespace(video=[SimpleNamespace(width=3, height=2, average_rate=25)])

        def demux(self, stream: object) -> list[SimpleNamespace]:
            return [SimpleNamespace(size=1, pts=0, time_base=1)]

        def decode(self, stream: object) -> list[Frame]:
            return [Frame(time=0.0, width=3, height=2, rotation=-90)]

        def close(self) -> None:
            """Nothing is open."""

    monkeypatch.setitem(sys.modules, "av", SimpleNamespace(open=lambda path: Container()))
    (frame,) = video_frames(tmp_path / "phone.mp4", Sampling())
    assert frame.image.shape == (3, 2, 3)
    assert frame.image[0, 1].tolist() == [255, 255, 255]  # a quarter with the clock: upper right


def as_av(monkeypatch: pytest.MonkeyPatch, *, stated: Sequence[int], decoded: Sequence[int], tick: float) -> None:
    """A file that states these places and of which the decoder gives some; a frame's gray level is its place."""

    class Frame(SimpleNamespace):
        def to_ndarray(self, *, format: str) -> np.ndarray:  # type: ignore[type-arg]
            return np.full((2, 2, 3), self.level, np.uint8)

    class Container:
        streams = SimpleNamespace(video=[SimpleNamespace(width=2, height=2, average_rate=10)])

        def demux(self, stream: object) -> list[SimpleNamespace]:
            return [SimpleNamespace(size=1, pts=place, time_base=tick) for place in stated]

        def decode(self, stream: object) -> list[Frame]:
            return [Frame(time=place * tick, width=2, height=2, level=place) for place in decoded]

        def close(self) -> None:
            """Nothing is open."""

    monkeypatch.setitem(sys.modules, "av", SimpleNamespace(open=lambda path: Container()))


def test_frames_that_a_damaged_file_does_not_give_are_told_and_move_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_av(monkeypatch, stated=range(10), decoded=(0, 1, 2, 6, 7), tick=0.1)
    found = list(video_frames(tmp_path / "a.avi", Sampling("count", 5.0)))
    assert [(frame.number, frame.image.size > 0) for frame in found] == [
        (1, True), (3, False), (5, False), (7, True), (9, False)
    ]  # fmt: skip
    assert int(found[3].image[0, 0, 0]) == 7
    assert found[3].seconds == pytest.approx(0.7)


def test_two_frames_of_one_time_lose_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some AVI files end."""
    as_av(monkeypatch, stated=(0, 1, 2, 2), decoded=(0, 1, 2, 2), tick=1.0)
    found = list(video_frames(tmp_path / "a.avi", Sampling("all", 0.0)))
    assert [(frame.number, frame.image.size > 0) for frame in found] == [(n, True) for n in range(4)]
