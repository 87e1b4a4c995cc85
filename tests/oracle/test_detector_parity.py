"""Detectors with public weights against onnxruntime and against the publisher's own sample photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from facewarden.core.batch import FaceBatch
from facewarden.pad.fr_liveness import FrLiveness
from facewarden.pad.minifasnet import MiniFasNet

# Face boxes that YuNet gives on the three photos, turned upright by their EXIF tag, in whole pixels.
YUNET = {"T1": (119, 113, 289, 353), "F1": (188, 110, 383, 349), "F2": (139, 217, 362, 515)}


def test_fr_liveness_is_what_onnxruntime_computes(need_asset: Callable[[str], Path]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    need_asset("faceplugin_liveness")
    from facewarden.assets import locate

    session = onnxruntime.InferenceSession(str(locate("faceplugin_liveness", "fr_liveness.onnx")))
    detector = FrLiveness()
    rng = np.random.default_rng(0)
    for number in range(4):
        coarse = torch.from_numpy(rng.uniform(0, 255, (1, 3, 8 * 2**number, 8 * 2**number)).astype(np.float32))
        image = torch.nn.functional.interpolate(coarse, size=(128, 128), mode="bilinear")
        (expected,) = session.run(None, {"input": image.numpy()})
        with torch.no_grad():
            found = detector.network(image)[0].numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.fixture(scope="module")
def minifasnet(shared_data: Path) -> MiniFasNet:
    return MiniFasNet(shared_data / "minifasnet")


def live(detector: MiniFasNet, photo: Path, box: tuple[float, ...]) -> float:
    upright = np.asarray(ImageOps.exif_transpose(Image.open(photo)).convert("RGB"))
    frame = torch.from_numpy(upright.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        score = detector(FaceBatch(images={"rgb": frame}, key=(photo.stem,), box=torch.tensor([box]).float())).score
    return float(torch.sigmoid(score))


def moved(box: tuple[int, ...], dx: float, dy: float, wide: float, high: float) -> tuple[float, ...]:
    w, h = box[2] - box[0], box[3] - box[1]
    x, y = (box[0] + box[2]) / 2 + dx * w, (box[1] + box[3]) / 2 + dy * h
    return (x - w * wide / 2, y - h * high / 2, x + w * wide / 2, y + h * high / 2)


@pytest.mark.parametrize(("photo", "published"), [("T1", 0.994), ("F1", 0.072), ("F2", 0.181)])
def test_minifasnet_gives_the_published_scores_for_a_box_like_the_publishers(
    minifasnet: MiniFasNet, shared_data: Path, photo: str, published: float
) -> None:
    # The publisher's boxes come from a detector of their own, which is not here, and F2 hangs on them: .002 with
    # YuNet's box, .28 when the box below moves by a pixel. One box relative to YuNet's, the same for all three photos
    # and cut to whole pixels as the publisher cuts, gives their three figures. It was found by search: this pins the
    # network and the crop, it is no independent proof. The tolerance is the rounding of their crop to 8 bits.
    x0, y0, x1, y1 = moved(YUNET[photo], 0.11, 0.04, 1.219, 0.974)
    box = (int(x0), int(y0), int(x0) + int(x1 - x0), int(y0) + int(y1 - y0))
    assert live(minifasnet, shared_data / "minifasnet" / f"image_{photo}.jpg", box) == pytest.approx(
        published, abs=0.02
    )


@pytest.mark.parametrize("change", [(0, 0, 1, 1), (0.1, 0, 1, 1), (0, -0.1, 1, 1), (0, 0, 0.9, 0.9), (0, 0, 1.2, 1.2)])
def test_minifasnet_decides_right_for_any_sensible_box(
    minifasnet: MiniFasNet, shared_data: Path, change: tuple[float, float, float, float]
) -> None:
    # P(live) of the print moves between .02 and .38 with the aspect of the box, of the live face between .99 and 1
    found = {
        photo: live(minifasnet, shared_data / "minifasnet" / f"image_{photo}.jpg", moved(box, *change))
        for photo, box in YUNET.items()
    }
    assert found["T1"] > 0.95
    assert found["F1"] < 0.45
    assert found["F2"] < 0.45
