"""On a real GPU: scores, embeddings, purified images and attacks as on the CPU; every recipe trains and resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from facewarden.core import registry
from facewarden.core.artifact import weights_of
from facewarden.core.compute.device import device_of
from facewarden.core.decision_goal import Evade
from facewarden.core.roles import Detector, Purifier, Recognizer
from facewarden.core.threat import ThreatModel
from facewarden.data.manifest import Manifest
from facewarden.data.simulate import Simulation, simulate
from facewarden.nn.trainable import Trainable
from facewarden.training.crops import load_crops
from facewarden.training.head_results import learned_heads
from facewarden.training.loop import fit
from facewarden.training.purifier_recipe import is_purifier_recipe
from facewarden.training.recipe import FOLDER, read_recipe
from facewarden.training.results import dev_rule, measure
from facewarden.verbs.audit import audit
from registered import build, names, placed
from stand_ins import TinyDetector, frames_for, make_batch, make_faces

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU")
CUDA = torch.device("cuda", 0)
RECIPES = sorted(path.stem for path in FOLDER.glob("*.json") if not is_purifier_recipe(path.stem))


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the 10-bit products that a GPU takes for float32."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("name", names("pad"))
def test_scores_equal_those_of_the_cpu(name: str) -> None:
    detector: Detector = build("pad", name)
    batch = frames_for(detector)
    with torch.no_grad():
        expected = detector(batch).score
        with placed(detector, CUDA):
            torch.testing.assert_close(detector(batch).score, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", names("recognizers"))
def test_embeddings_equal_those_of_the_cpu(name: str) -> None:
    recognizer: Recognizer = build("recognizers", name)
    with torch.no_grad():
        expected = recognizer.embed(make_faces(2))
        with placed(recognizer, CUDA):
            torch.testing.assert_close(recognizer.embed(make_faces(2)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", names("purifiers"))
def test_purified_images_equal_those_of_the_cpu(name: str) -> None:
    purifier: Purifier = build("purifiers", name)
    expected = purifier(make_faces(2))
    with placed(purifier, CUDA):
        torch.testing.assert_close(purifier(make_faces(2)), expected, rtol=0, atol=1.01 / 255)


@pytest.mark.parametrize("name", names("attacks"))
def test_an_attack_reaches_what_it_reaches_on_the_cpu(name: str) -> None:
    attack: Any = build("attacks", name)
    threat = ThreatModel(eps=0.06, modalities=("rgb", "depth"))
    expected = attack(Evade(TinyDetector(), make_batch(4), threshold=0.0), threat, seed=1)
    found = attack(Evade(TinyDetector().to(CUDA), make_batch(4).to(CUDA), threshold=0.0), threat, seed=1)
    assert found.images["rgb"].device == CUDA
    assert found.success.tolist() == expected.success.tolist()


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("captures") / "set"
    return simulate(
        folder, Simulation(subjects=6, captures_per_subject=4, size=128, framing=0.5, maps=True, seed=3)
    ).manifest


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_resumes_and_is_measured(name: str, captures: Manifest, tmp_path: Path) -> None:
    plan = read_recipe(name)
    settings = replace(plan.training, epochs=2, batch=8)
    for stop in (1, None):
        model: Any = cast(Any, registry.load("pad", plan.entry)).untrained(plan.model, seed=0)
        crops = load_crops(
            captures.where(split="train"), cast(Trainable, model), margin=settings.margin, targets=learned_heads(model)
        )
        objective = registry.load("objectives", plan.objective)(**plan.objective_settings)
        log = fit(
            model, crops, objective=objective, settings=settings, seed=0, run=tmp_path, device=CUDA, stop_after=stop
        )
    assert [line["epoch"] for line in log] == [1, 2]
    assert device_of(model) == CUDA
    measure(model, captures, rule=dev_rule(model, captures, policy=plan.policy), seed=0)
    assert all(bool(value.isfinite().all()) for value in weights_of(model.network, "float32").values())


def test_the_audit_gives_the_numbers_of_the_cpu(tmp_path: Path) -> None:
    found = [
        audit(preset="quick", out=tmp_path / device, device=device).report.presentation.metrics
        for device in ("cpu", "cuda")
    ]
    assert [(metric.name, metric.n) for metric in found[0]] == [(metric.name, metric.n) for metric in found[1]]
    assert [metric.value for metric in found[0]] == pytest.approx([metric.value for metric in found[1]], abs=0.01)
