"""Training all heads: targets move with the crops, results tell each head, a recipe can be like another one."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from facewarden.core.artifact import load_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.data.manifest import Manifest
from facewarden.data.simulate import Simulation, simulate
from facewarden.pad.multitask import Multitask
from facewarden.training.augment import augment
from facewarden.training.crops import load_crops
from facewarden.training.head_results import learned_heads, measure_heads
from facewarden.training.parts.augment_settings import Augmentation
from facewarden.training.recipe import read_recipe
from facewarden.training.recipe_files import FOLDER
from facewarden.training.results import dev_rule
from facewarden.verbs.train import train

STILL = Augmentation(rotation=0.0, zoom=0.0, shift=0.0, exposure=0.0, blur=0.0, noise=0.0, drop=0.0)
TASKS = ("attributes", "spoof_type", "illumination", "depth_map", "reflection_map")


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("captures") / "set"
    return simulate(
        folder,
        Simulation(subjects=3, captures_per_subject=4, domains=("alder",), size=64, framing=0.5, maps=True, seed=3),
    ).manifest


def test_targets_of_simulated_captures_are_exact_and_kept_beside_the_crops(captures: Manifest) -> None:
    model = Multitask.untrained({"size": 64}, seed=0)
    assert learned_heads(model) == TASKS
    crops = load_crops(captures, model, margin=1.25, targets=TASKS)
    assert set(crops.tasks) == set(TASKS)
    assert crops.images["rgb"].shape[-1] == 80
    assert crops.tasks["depth_map"].shape[-1] == 20
    live = crops.label == 1
    for head, value in crops.tasks.items():
        assert not bool(torch.isnan(value).any()) or head == "attributes", head
    assert float(crops.tasks["depth_map"][live].amax(dim=(1, 2, 3)).min()) > 0.9
    assert not crops.tasks["depth_map"][~live].any()
    assert not crops.tasks["reflection_map"][live].any()
    assert crops.tasks["reflection_map"][~live].any()
    assert set(crops.tasks["spoof_type"][live].tolist()) == {0}
    assert 0 not in crops.tasks["spoof_type"][~live].tolist()
    known = ~torch.isnan(crops.tasks["attributes"][live])
    assert known.sum(dim=1).tolist() == [37] * int(live.sum())


def test_maps_turn_and_mirror_with_the_pixels() -> None:
    """A map that equals the image's own red channel must still do so after every change of place."""
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(8, 1, 6, 6, generator=generator), size=80, mode="bicubic")
    red = smooth.clamp(0, 1)
    batch = FaceBatch(
        images={"rgb": red.repeat(1, 3, 1, 1)}, key=tuple(map(str, range(8))),
        tasks={"depth_map": torch.nn.functional.avg_pool2d(red, 4)},
    )  # fmt: skip
    for settings in (STILL, replace(STILL, rotation=9.0, zoom=0.1, shift=0.1)):
        found = augment(batch, size=64, settings=settings, seed=1, epoch=2)
        assert found.tasks["depth_map"].shape == (8, 1, 64, 64)
        small = torch.nn.functional.adaptive_avg_pool2d(found.images["rgb"][:, :1], 14)
        moved = torch.nn.functional.adaptive_avg_pool2d(found.tasks["depth_map"], 14)
        assert float((small - moved).abs()[..., 2:-2, 2:-2].max()) < 0.06
    turned = augment(batch, size=64, settings=replace(STILL, rotation=9.0), seed=1, epoch=2)
    still = augment(batch, size=64, settings=STILL, seed=1, epoch=2)
    assert float((turned.tasks["depth_map"] - still.tasks["depth_map"]).abs().max()) > 0.1


def test_an_unknown_map_stays_unknown() -> None:
    batch = FaceBatch(
        images={"rgb": torch.rand(2, 3, 20, 20)}, key=("a", "b"),
        tasks={"depth_map": torch.full((2, 1, 5, 5), math.nan), "spoof_type": torch.tensor([0, -1])},
    )  # fmt: skip
    found = augment(batch, size=16, settings=Augmentation(), seed=0, epoch=0).tasks
    assert bool(torch.isnan(found["depth_map"]).all())
    assert found["spoof_type"].tolist() == [0, -1]


class Knows(Detector):
    """Says the truth of some heads, as it was given."""

    heads = ("live", "attributes", "spoof_type", "depth_map")

    def __init__(self) -> None:
        super().__init__()
        self.truth: dict[str, Tensor] = {}

    def targets(self, batch: FaceBatch) -> dict[str, Tensor]:
        assert batch.label is not None
        wanted = {"live": batch.label, **batch.tasks}
        wanted["depth_map"] = torch.nn.functional.adaptive_avg_pool2d(wanted["depth_map"], 14)
        self.truth = {head: value for head, value in wanted.items() if head in self.heads}
        return self.truth

    def predict(self, batch: FaceBatch) -> PadOutput:
        wanted = self.targets(batch)
        tasks = {
            "live": torch.nn.functional.one_hot(wanted["live"], 2).float(),
            "attributes": torch.where(wanted["attributes"] > 0.5, 3.0, -3.0),
            "spoof_type": torch.zeros(len(batch), 11).index_fill_(1, torch.tensor([0]), 1.0),  # always says live
            "depth_map": (wanted["depth_map"] - 0.1).clamp(min=0),
        }
        return PadOutput(score=tasks["live"][:, 1] - tasks["live"][:, 0], tasks=tasks)


def test_each_head_is_measured_by_what_it_says(captures: Manifest) -> None:
    found = measure_heads(Knows(), captures, seed=0)
    values = {(head, m["name"]): m for head, metrics in found.items() for m in metrics}
    assert set(found) == {"live", "attributes", "spoof_type", "depth_map"}
    assert values["live", "accuracy"]["value"] == 1.0
    assert values["attributes", "accuracy"]["value"] == 1.0
    assert 0.5 < values["attributes", "usual"]["value"] < 1.0
    assert values["attributes", "accuracy/Eyeglasses"]["n"] == len(captures.where(label=1))
    assert ("attributes", "accuracy/Sideburns") not in values, "the renderer cannot tell"
    assert values["spoof_type", "accuracy"]["value"] == 0.5
    assert values["spoof_type", "accuracy/attacks"]["value"] == 0.0
    zeros = values["depth_map", "error_of_zeros/owners"]["value"]
    assert 0.05 < values["depth_map", "error/owners"]["value"] <= 0.1 < zeros
    assert values["depth_map", "error"]["value"] == pytest.approx(values["depth_map", "error/owners"]["value"] / 2)
    for metric in values.values():
        assert metric["simulated"]
        assert metric["low"] <= metric["value"] <= metric["high"]


class Forgets(Knows):
    """Says nothing finite of the first capture in one head, and of the second in its score."""

    def predict(self, batch: FaceBatch) -> PadOutput:
        found = super().predict(batch)
        for row, key in enumerate(batch.key):
            if key == self.first[0]:
                found.tasks["depth_map"][row] = torch.nan
            if key == self.first[1]:
                found.score[row] = torch.nan
        return found

    first: tuple[str, ...] = ()


def test_captures_of_which_a_head_says_nothing_are_named_and_left_out(
    captures: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    model = Forgets()
    model.first = tuple(sample.key for sample in captures)[:2]
    found = measure_heads(model, captures, seed=0)
    rest = measure_heads(Knows(), replace(captures, rows=tuple(captures)[2:]), seed=0)
    assert found == rest
    assert (
        f"2 captures are in no rate of a head, the detector's score is NaN or infinite: {', '.join(model.first)}"
        in caplog.text
    )


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "tiny.json"
    text = {
        "like": "multitask",
        "summary": "a tiny one",
        "model": {"size": 32},
        "training": {"epochs": 1, "batch": 8},
        "captures": {"subjects": 3, "captures_per_subject": 4, "domains": ["alder"], "size": 64},
    }
    path.write_text(json.dumps(text))
    return str(path)


def test_without_captures_it_simulates_some_learns_all_heads_and_tells_how_good_each_is(
    recipe: str, tmp_path: Path
) -> None:
    out = train(recipe, out=tmp_path / "out", seed=1)
    results = json.loads((out / "results.json").read_text())
    assert set(results["heads"]) == {"live", *TASKS}
    assert not results["by_modality"]
    log = json.loads((out / "run" / "training.jsonl").read_text().splitlines()[-1])
    assert {"loss/live", *(f"loss/{head}" for head in TASKS)} <= set(log)
    assert all(np.isfinite(value) for value in log.values())
    loaded = Multitask(out)
    assert loaded.settings["size"] == 32
    assert loaded.rule is not None


def test_weights_stored_at_half_size_are_those_that_were_measured(recipe: str, tmp_path: Path) -> None:
    values = json.loads(Path(recipe).read_text())
    said = "*simulated* (rendered by facewarden): drawn people"
    Path(recipe).write_text(json.dumps({**values, "weights_precision": "float16", "training_data": said}))
    assert read_recipe(recipe).plain()["weights_precision"] == "float16"
    assert "weights_precision" not in read_recipe("multitask").plain()
    out = train(recipe, out=tmp_path / "out", seed=1)
    assert load_artifact(out).card.training_data.endswith(said)
    assert "training_data" not in read_recipe("multitask").plain()
    with safe_open(out / "weights.safetensors", framework="pt") as file:
        assert {str(file.get_tensor(name).dtype) for name in file.keys()} <= {"torch.float16", "torch.int64"}  # noqa: SIM118
    manifest = Manifest.read(out / "run" / "captures" / "manifest.csv")
    found, rule = dev_rule(Multitask(out), manifest, policy="eer"), load_artifact(out).rule
    assert rule is not None
    assert found.threshold == rule.threshold
    Path(recipe).write_text(json.dumps({**values, "weights_precision": "int8"}))
    with pytest.raises(BadInputError, match="int8"):
        read_recipe(recipe)


def test_a_recipe_like_another_changes_only_what_it_says(recipe: str, tmp_path: Path) -> None:
    base, own = read_recipe("multitask"), read_recipe(recipe)
    assert own.model == {**base.model, "size": 32}
    assert own.training == replace(base.training, epochs=1, batch=8)
    assert own.captures == {**base.captures, "subjects": 3, "captures_per_subject": 4, "domains": ["alder"], "size": 64}
    assert (own.objective, own.summary) == (base.objective, "a tiny one")
    (tmp_path / "no.json").write_text('{"like": "nothing", "summary": "x"}')
    with pytest.raises(BadInputError, match="nothing"):
        read_recipe(str(tmp_path / "no.json"))


def test_every_recipe_of_the_package_for_this_detector_can_be_read() -> None:
    names = sorted(path.stem for path in FOLDER.glob("multitask*.json"))
    assert len(names) >= 7
    backbones = {read_recipe(name).model["backbone"] for name in names}
    assert {"vgg16_bn", "resnet18", "resnet50", "densenet121", "swin_tiny", "efficientnet_lite0"} <= backbones
    assert all(read_recipe(name).captures["maps"] for name in names)
