"""Every registered model on another device than its inputs: the CPU's outputs, given back where the inputs were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from facewarden.core.compute.device import device_of
from facewarden.core.roles import Detector, Purifier, Recognizer
from facewarden.data.manifest import Manifest
from facewarden.evaluation.scores import score_manifest
from facewarden.pad.mmdg import Mmdg
from facewarden.photos.aligned import embed_all, purify
from facewarden.photos.cloak_detector import TellsCloaks
from registered import build, names, placed
from second_device import second_device
from stand_ins import frames_for, make_faces
from tiny_captures import write_captures

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def second() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


@pytest.mark.parametrize("name", names("pad"))
def test_a_detector_scores_where_its_weights_are(name: str, second: torch.device) -> None:
    detector: Detector = build("pad", name)
    batch = frames_for(detector)
    with torch.no_grad():
        expected = detector(batch)
    with placed(detector, second):
        for where in (CPU, second):
            with torch.no_grad():
                found = detector(batch.to(where))
            pairs = [
                (found.score, expected.score),
                *((found.tasks[head], expected.tasks[head]) for head in found.tasks),
            ]
            for one, other in pairs:
                assert one.device == where
                torch.testing.assert_close(one.cpu(), other, rtol=1e-4, atol=1e-4)
        if detector.differentiable:
            pixels = {m: image.clone().requires_grad_(True) for m, image in batch.images.items()}
            detector(batch.with_images(pixels)).score.sum().backward()
            assert all(image.grad is not None and type(image.grad) is Tensor for image in pixels.values())


@pytest.mark.parametrize("name", names("recognizers"))
def test_a_recognizer_embeds_where_its_weights_are(name: str, second: torch.device) -> None:
    recognizer: Recognizer = build("recognizers", name)
    faces = make_faces(2)
    expected = torch.from_numpy(embed_all(recognizer, faces))
    with placed(recognizer, second), torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(embed_all(recognizer, faces)), expected, rtol=1e-4, atol=1e-5)
        vectors = recognizer.embed(faces.to(second))
    assert vectors.device == second
    torch.testing.assert_close(vectors.cpu(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", names("purifiers"))
def test_a_purifier_purifies_where_its_weights_are(name: str, second: torch.device) -> None:
    purifier: Purifier = build("purifiers", name)
    faces = make_faces(2)
    expected, rounded = purifier(faces), purify(purifier, faces)
    likelihood = purifier.likelihood(faces) if isinstance(purifier, TellsCloaks) else None
    found = purifier(faces.to(second))  # the images of a GPU, and a purifier that was never moved
    assert found.device == second
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-4)
    assert purifier.network is None or device_of(purifier.network) == CPU
    with placed(purifier, second):
        torch.testing.assert_close(purify(purifier, faces), rounded, rtol=0, atol=1.01 / 255)
        found = purifier(faces.to(second))
        if likelihood is not None:
            torch.testing.assert_close(purifier.likelihood(faces), likelihood, rtol=1e-3, atol=1e-4)
    assert found.device == second
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-4)


def test_captures_are_scored_and_uncertainty_is_drawn(
    tmp_path: Path, second: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facewarden.verbs import explain as module

    manifest = write_captures(tmp_path)
    model = Mmdg.untrained({"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 2}, seed=0)
    model.requires_grad_(False).eval()
    scores, numbers = [], []
    for device in (CPU, second):
        model.to(device)
        scores.append(score_manifest(model, Manifest.read(manifest)).score)
        monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: model)
        out = tmp_path / str(device.type)
        module.explain(str(manifest), detector="mmdg", out=out, limit=1)
        numbers.append(json.loads((out / module.NUMBERS).read_text())["captures"])
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)
    (key,) = numbers[0]
    assert numbers[0][key]["rgb"][0] == pytest.approx(numbers[1][key]["rgb"][0], abs=1e-4)
