"""Training on another device than the captures, and everything that measures the trained model afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from facewarden.core.artifact import load_artifact
from facewarden.core.compute.device import device_of
from facewarden.data.simulate import Simulation, simulate
from facewarden.nn.restorer import build_restorer
from facewarden.nn.trunk import TrunkShape
from facewarden.pad.mmdg import Mmdg
from facewarden.pad.multi_cnn import MultiCnn
from facewarden.training.distill.distillation_data import DistillationViews
from facewarden.training.distill.loop import DistillSettings, distill_student
from facewarden.training.distill.student import Student
from facewarden.training.features import FeatureDistance
from facewarden.training.loop import TrainSettings, fit
from facewarden.training.objectives.cross_entropy import CrossEntropy
from facewarden.training.objectives.regrad import Regrad
from facewarden.training.pairs import PairSet
from facewarden.training.parts.augment_settings import Augmentation
from facewarden.training.purifier_loop import fit_purifier
from facewarden.training.purifier_recipe import PurifierSettings
from facewarden.training.sfa import SfaSettings, fit_pair
from facewarden.training.suspicion import fit_suspicion
from facewarden.verbs.distill import verification
from facewarden.verbs.train import train
from many_heads import ManyHeads, toy_faces
from second_device import NAME, second_device
from stand_ins import crop_set

pytestmark = pytest.mark.slow
SETTINGS = TrainSettings(epochs=2, batch=8, rate=3e-3, margin=1.0, augmentation=Augmentation(noise=0.01))


@pytest.fixture(autouse=True)
def second() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


def multi_cnn(objective: Any = CrossEntropy) -> tuple[Any, Any]:
    return MultiCnn.untrained({"backbone": "lcnet_035", "width": 8, "size": 32}, seed=0), objective()


def mmdg(_: Any = None) -> tuple[Any, Any]:
    model = Mmdg.untrained({"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 2}, seed=0)
    return model, Regrad(sources=("a", "b"))


@pytest.mark.parametrize("make", [multi_cnn, mmdg])
def test_a_detector_learns_there_resumes_and_scores_captures_from_here(
    make: Any, tmp_path: Path, second: torch.device
) -> None:
    found: dict[str, dict[str, Tensor]] = {}
    for device, stops in (("cpu", (None,)), (second, (1, None))):
        for stop in stops:
            model, objective = make()
            log = fit(
                model, crop_set(), objective=objective, settings=SETTINGS, seed=0, run=tmp_path / str(device),
                device=device, stop_after=stop,
            )  # fmt: skip
        assert device_of(model) == torch.device(device)
        score = model(crop_set().batch(range(4))).score
        assert score.device == torch.device("cpu")
        found[str(device)] = {"score": score, "loss": torch.tensor([line["loss"] for line in log])}
    torch.testing.assert_close(found["cpu"], found[str(second)], rtol=1e-3, atol=1e-3)


MULTITASK = {
    "like": "multitask", "summary": "a tiny one", "model": {"size": 32},
    "training": {"epochs": 1, "batch": 8, "margin": 1.0},
}  # fmt: skip
ATTACKED = {
    **MULTITASK,
    "objective": "pgd_at",
    "objective_settings": {"eps": 2.0, "steps": 2},
    "weights_precision": "float16",
}
TINY = {
    "entry": "multi_cnn", "summary": "a tiny one", "model": {"backbone": "lcnet_035", "width": 8, "size": 32},
    "training": {"epochs": 1, "batch": 8, "margin": 1},
}  # fmt: skip


@pytest.mark.parametrize("recipe", [TINY, MULTITASK, ATTACKED])
def test_the_verb_trains_sets_the_threshold_measures_and_writes_a_folder(
    recipe: dict[str, Any], tmp_path: Path, second: torch.device
) -> None:
    captures = simulate(
        tmp_path / "captures",
        Simulation(subjects=3, captures_per_subject=4, domains=("alder",), size=64, framing=0.5, maps=True, seed=3),
    ).manifest.root
    (tmp_path / "tiny.json").write_text(json.dumps(recipe))
    found = {}
    for device in ("cpu", NAME):
        out = train(str(tmp_path / "tiny.json"), out=tmp_path / device, captures=captures, device=device)
        assert all(type(value) is Tensor for value in load_artifact(out).weights.values())
        found[device] = json.loads((out / "results.json").read_text())
    values = [{metric["name"]: metric["value"] for metric in found[device]["all"]} for device in found]
    assert values[0] == pytest.approx(values[1], abs=1e-6, nan_ok=True)
    assert set(found["cpu"].get("heads", {})) == set(found[NAME].get("heads", {}))


def pairs(count: int = 16) -> PairSet:
    draw = np.random.default_rng(0)
    clean = draw.integers(60, 190, (count, 16, 16, 3)).astype(np.uint8)
    board = (np.indices((16, 16)).sum(0) % 2 * 16 - 8)[None, :, :, None]
    people = tuple(f"person {i}" for i in range(count))
    return PairSet(clean, (clean + board).astype(np.uint8), people, people, ("board",) * count)


class Pooled(FeatureDistance):
    """A distance that is placed like a recognizer's."""

    name = "pooled"

    def __init__(self) -> None:
        self.model = nn.Conv2d(3, 2, 4, stride=4).requires_grad_(False)

    def __call__(self, found: Tensor, wanted: Tensor) -> Tensor:
        return (self.model(found) - self.model(wanted)).square().mean()


def test_a_purifier_learns_is_looked_at_and_tells_cloaks(tmp_path: Path, second: torch.device) -> None:
    found = {}
    for device in ("cpu", second):
        torch.manual_seed(0)
        network = build_restorer({"body": "unet", "widths": [8, 8], "contrast": 12, "gain": 0.1}, seed=0)
        settings = PurifierSettings(epochs=2, batch=8, precision="float32", feature=0.1)
        log = fit_purifier(
            network, pairs(), dev=pairs(), features=[Pooled()], settings=settings, seed=0,
            run=tmp_path / str(device), device=device,
        )  # fmt: skip
        assert device_of(network) == torch.device(device)
        told = fit_suspicion(network, pairs())
        found[str(device)] = [*log[-1].values(), *told["weights"]]
    assert found["cpu"] == pytest.approx(found[str(second)], rel=1e-2, abs=1e-3)


def test_a_student_is_distilled(tmp_path: Path, second: torch.device) -> None:
    found = {}
    draw = torch.Generator().manual_seed(0)
    views = DistillationViews(
        "photo", torch.randint(0, 256, (8, 3, 36, 36), generator=draw, dtype=torch.uint8),
        {"ada": functional.normalize(torch.randn(8, 6, generator=draw), dim=1)},
        torch.randn(8, 4, 2, 2, generator=draw), tuple(f"p{i // 2}" for i in range(8)),
    )  # fmt: skip
    for device in ("cpu", second):
        shape = TrunkShape(size=32, patch=16, width=16, depth=1, heads=2)
        student = Student(shape, teachers={"ada": 6}, components=4, seed=1)
        settings = DistillSettings(epochs=2, batch=4, precision="float32")
        log = distill_student(
            student, {"photo": views}, settings=settings, seed=0, run=tmp_path / str(device), device=device
        )
        assert device_of(student) == torch.device(device)
        judged = verification(student, views, teachers=(), seed=0)
        found[str(device)] = [*log[-1].values(), judged["trunk"]["eer"]["value"]]
    assert found["cpu"] == pytest.approx(found[str(second)], rel=1e-3, abs=1e-4)


def test_generators_of_sfa_learn_where_the_detector_is(second: torch.device) -> None:
    found = []
    for device in ("cpu", second):
        detector = ManyHeads(1).to(device)
        settings = SfaSettings(widths=(4,), epochs=1, batch=8)
        pair, log = fit_pair(detector, [toy_faces(16, seed=3)], settings=settings, seed=0)
        assert device_of(pair) == torch.device(device)
        found.append([log[0]["loss"], log[0]["size"]])
    assert found[0] == pytest.approx(found[1], rel=1e-4)
