"""`score` on clips: one decision each by its rule, a table of frames, and clips of the simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clips import write_clip
from facewarden.cli.parts.main import main
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, Detector, FaceLocation, PadOutput
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.table import read_table
from facewarden.evaluation import photo_scores
from facewarden.evaluation.verdicts.clips import ClipRule
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.verbs import score as module
from facewarden.verbs.score import score
from facewarden.verbs.simulate import simulate


class Brightness(Detector):
    """Score = 10 x mean of the frame."""

    card = Card("brightness", "brightness", "pad")

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(10 * batch.images["rgb"].mean(dim=(1, 2, 3)))


class WhereBright(Aligner):
    """Finds a face in every picture that is not black."""

    def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:  # type: ignore[type-arg]
        points = ((20.0, 20.0), (40.0, 20.0), (30.0, 30.0), (22.0, 40.0), (38.0, 40.0))
        return (FaceLocation((10.0, 10.0, 50.0, 55.0), points),) if image.max() > 12 else ()


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: Brightness())
    for where in (module, photo_scores):
        monkeypatch.setattr(where, "resolve_aligner", lambda name: WhereBright())
    folder = tmp_path / "in"
    (folder / "ann" / "day").mkdir(parents=True)
    shown = [0, 51, 102, 102, 153, 255, 255, 255]
    write_clip(folder / "a.mp4", [np.full((64, 64, 3), level, np.uint8) for level in shown])
    write_clip(folder / "dark.mp4", [np.zeros((64, 64, 3), np.uint8)] * 4)
    for number in range(3):
        Image.new("RGB", (64, 64), (51 * (number + 1),) * 3).save(folder / "ann" / "day" / f"{number}.png")
    return folder


def test_rules_make_one_score_of_frames() -> None:
    scores = [1.0, 5.0, 2.0, 4.0]
    assert ClipRule.read("mean").score(scores) == 3.0
    assert ClipRule.read("median").score(scores) == 3.0
    for share in (0.25, 0.5, 0.75, 1.0):
        rule = ClipRule.read(f"share={share}")
        for threshold in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 4.5, 5.0, 6.0):
            accepted = np.mean([score >= threshold for score in scores])
            assert (rule.score(scores) >= threshold) == (accepted >= share)
    for wrong in ("max", "share=0", "share=1.5", "share"):
        with pytest.raises(BadInputError):
            ClipRule.read(wrong)


def test_a_video_gets_one_decision_and_a_table_of_frames(clips: Path, tmp_path: Path) -> None:
    VerdictRule(5.0, "eer", "dev of lobby", 9, 8).write(tmp_path / "rule.json")
    found = score(clips / "a.mp4", rule=tmp_path / "rule.json", quality="off", frame_table=tmp_path / "f.csv")
    assert found.key == ("a.mp4",)
    assert found.score == pytest.approx((6.0,), abs=0.2)  # the median of 2, 4, 4, 6, 10, 10, 10: black shows no face
    assert found.decision == ("bona_fide",)
    assert found.notes[0].startswith("7 of 8 frames scored; 1 frames: no face found")
    assert found.clip_rule == "median of the frames, of 8 frames, evenly spread"
    table = read_table(tmp_path / "f.csv")
    assert table["clip"] == ["a.mp4"] * 8
    assert [float(one) for one in table["seconds"]] == pytest.approx([0.1 * n for n in range(8)], abs=2e-3)
    assert table["score"][0] is None
    share = score(clips / "a.mp4", clip_rule="share=0.9", quality="off")
    assert share.score == pytest.approx((2.0,), abs=0.2)


def test_a_folder_of_videos_and_frames_is_a_clip_each(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = score(clips, clips=True, quality="off", out=tmp_path / "c.csv")
    assert found.key == ("a.mp4", "ann/day")
    assert found.score[1] == pytest.approx(4.0)
    assert found.skipped == {"no frame of the clip could be scored: no face found": 1}
    table = read_table(tmp_path / "c.csv")
    assert dict(zip(table["key"], table["decision"], strict=True))["dark.mp4"] == "no_response"
    assert table["frames_scored"] == ["7", "3", "0"]
    plain = score(clips, quality="off")  # photos, as ever; videos are counted
    assert len(plain.key) == 3
    assert plain.skipped == {"not read: .mp4": 2}
    assert main(["score", str(clips / "a.mp4"), "--quality", "off", "--clip-rule", "mean"]) == 0
    assert "clips: mean of the frames" in capsys.readouterr().out


def test_clips_that_cannot_be_read_are_counted_by_their_reason(clips: Path) -> None:
    whole = (clips / "a.mp4").read_bytes()
    for name in ("b.mp4", "c.mp4"):
        (clips / name).write_bytes(whole[: len(whole) // 3])
    lost = {why: count for why, count in score(clips, clips=True, quality="off").skipped.items() if "read" in why}
    assert list(lost.values()) == [2]
    assert ".mp4" not in next(iter(lost))


def test_what_is_no_clip_is_refused_before_a_model_is_made(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: pytest.fail("made"))
    for given in ({"frames": "few"}, {"clip_rule": "best"}, {"frame_table": "f.csv"}, {"camera": 0, "seconds": 0.0}):
        with pytest.raises(BadInputError):
            score(None if "camera" in given else clips / "ann", **given)  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="and a camera"):
        score(clips, camera=0)


def test_what_a_camera_shows_is_one_clip(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shown:
        """A camera with one gray picture."""

        def __init__(self, number: int) -> None:
            self.number = number

        def isOpened(self) -> bool:
            return self.number == 0

        def read(self) -> tuple[bool, np.ndarray]:  # type: ignore[type-arg]
            return True, np.full((64, 64, 3), 102, np.uint8)

        def release(self) -> None:
            """Leave the camera."""

    monkeypatch.setattr("cv2.VideoCapture", Shown)
    found = score(camera=0, seconds=0.2, frames="count=3", quality="off")
    assert found.key == ("camera 0",)
    assert found.score == pytest.approx((4.0,))
    with pytest.raises(BadInputError, match="camera 3 cannot be opened"):
        score(camera=3, seconds=0.2)


def test_a_device_is_read_as_opencv_reads_it(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video file stands in for the device: OpenCV decodes it, in its own order of colors, and starts it again."""
    import cv2

    write_clip(clips / "red.mp4", [np.full((64, 64, 3), (220, 30, 30), np.uint8)] * 4)
    opened = cv2.VideoCapture

    class Device:
        def __init__(self, number: int) -> None:
            self.file = opened(str(clips / "red.mp4")) if number == 0 else opened(str(clips / "absent.mp4"))

        def isOpened(self) -> bool:
            return self.file.isOpened()

        def read(self) -> tuple[bool, Any]:
            good, image = self.file.read()
            if not good:
                self.file.set(cv2.CAP_PROP_POS_FRAMES, 0)
                good, image = self.file.read()
            return good, image

        def release(self) -> None:
            self.file.release()

    class Redness(Brightness):
        def predict(self, batch: Any) -> PadOutput:
            red, _, blue = batch.images["rgb"].mean(dim=(2, 3)).T
            return PadOutput(10 * (red - blue))

    if not Device(0).isOpened():
        pytest.skip("this OpenCV decodes no video files")
    monkeypatch.setattr("cv2.VideoCapture", Device)
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: Redness())
    table = clips.parent / "frames.csv"
    assert main(["score", "--camera", "0", "--seconds", "0.3", "--frames", "count=3", "--quality", "off",
                 "--frame-table", str(table), "--out", str(clips.parent / "c.csv")]) == 0  # fmt: skip
    (score_of_clip,) = map(float, read_table(clips.parent / "c.csv")["score"])
    assert score_of_clip == pytest.approx(10 * 190 / 255, abs=0.4)  # red, and not blue; video colors are rounded
    seconds = [float(value) for value in read_table(table)["seconds"]]
    assert 1 <= len(seconds) <= 3
    assert seconds == sorted(seconds)
    assert main(["score", "--camera", "1", "--seconds", "0.1"]) == 2


def test_clips_of_the_simulator_are_scored(tmp_path: Path, need_asset: Callable[[str], Path]) -> None:
    """Frames of one person and species as a short clip each, which is what a terminal would record."""
    need_asset("yunet")
    simulate(tmp_path / "sim", subjects=1, captures_per_subject=4, domains=("alder",), seed=5, workers=1)
    manifest = Manifest.read(tmp_path / "sim")
    (tmp_path / "in").mkdir()
    for label in (0, 1):
        rows = [row for row in manifest if row.label == label]
        images = [read_photo(path) for row in rows for _ in range(3) if (path := manifest.path(row, "rgb"))]
        write_clip(tmp_path / "in" / f"{label}.mp4", images)
    found = score(tmp_path / "in", detector="multi_cnn", frames="count=4")
    assert found.key == ("0.mp4", "1.mp4")
    assert len(found.decision) == 2
    assert all("of 4 frames scored" in note for note in found.notes)
