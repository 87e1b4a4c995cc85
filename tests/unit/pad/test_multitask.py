"""The multitask detector: heads by name, its view of images and maps, saving, and what it refuses."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from class_targets import class_targets
from facewarden.core.artifact import save_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.head_goal import HeadLoss
from facewarden.core.tasks import HEADS
from facewarden.nn.crop import crop_resize
from facewarden.pad.multitask import HEAD_SETS, Multitask
from facewarden.pad.parts import multi_head

TINY = {"size": 64}


@pytest.fixture(scope="module")
def detector() -> Multitask:
    return Multitask.untrained(TINY, seed=0).eval()


def frames(*, maps: bool = False) -> FaceBatch:
    generator = torch.Generator().manual_seed(1)
    tasks = {"depth_map": torch.rand(2, 1, 96, 96, generator=generator)} if maps else {}
    return FaceBatch(
        images={"rgb": torch.rand(2, 3, 96, 96, generator=generator)}, key=("a", "b"), label=torch.tensor([1, 0]),
        box=torch.tensor([[20.0, 10.0, 70.0, 80.0], [30.0, 30.0, 62.0, 62.0]]), tasks=tasks,
    )  # fmt: skip


def test_the_score_is_bona_fide_minus_attack_and_every_head_is_there(detector: Multitask) -> None:
    with torch.no_grad():
        output = detector(frames())
    live = output.tasks["live"]
    assert torch.equal(output.score, live[:, 1] - live[:, 0])
    assert tuple(output.tasks) == detector.heads == HEADS
    assert output.features is not None


def test_frames_and_their_crops_are_scored_alike(detector: Multitask) -> None:
    batch = frames()
    crops = detector.crop(batch, size=64, scale=detector.settings["scale"])
    assert crops.box is None
    with torch.no_grad():
        torch.testing.assert_close(detector(crops).score, detector(batch).score, atol=1e-4, rtol=1e-4)


def test_targets_show_the_map_of_its_own_view(detector: Multitask) -> None:
    batch = frames(maps=True)
    found = detector.targets(batch)
    view = crop_resize(
        batch.tasks["depth_map"], batch.box, scale=1.1, size=64, antialias=True
    )  # what the network sees of the color image, too
    torch.testing.assert_close(found["depth_map"], functional.adaptive_avg_pool2d(view, 14))
    assert torch.equal(found["live"], torch.tensor([1, 0]))
    again = detector.targets(detector.crop(batch, size=64, scale=1.1))
    torch.testing.assert_close(again["depth_map"], found["depth_map"])
    unknown = replace(batch, tasks={"depth_map": torch.full((2, 1, 96, 96), math.nan)})
    assert bool(torch.isnan(detector.targets(unknown)["depth_map"]).all())


@pytest.mark.parametrize("name", list(HEAD_SETS))
def test_a_head_set_has_a_name_and_decides_the_heads(name: str) -> None:
    made = Multitask.untrained({**TINY, "heads": name}, seed=0)
    assert made.heads == HEAD_SETS[name]
    with torch.no_grad():
        assert set(made.eval()(frames()).tasks) == set(HEAD_SETS[name])


def test_a_head_that_the_model_lacks_names_those_it_has() -> None:
    made = Multitask.untrained({**TINY, "heads": "semantic"}, seed=0).eval()
    with pytest.raises(BadInputError, match="depth_map") as raised:
        HeadLoss(made, frames(), head="depth_map", threshold=0.0)
    text = f"{raised.value.message} {raised.value.hint}"
    assert all(head in text for head in ("live", "attributes", "spoof_type", "illumination"))


@pytest.mark.parametrize("head", HEADS)
def test_every_head_gives_an_attacker_a_gradient(detector: Multitask, head: str) -> None:
    batch = frames()
    assert batch.label is not None
    batch = replace(batch, tasks=class_targets(batch.label, size=96))
    objective = HeadLoss(detector, batch, head=head, threshold=0.0)
    noise = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(2)) * 0.01
    images = (frames().images["rgb"] + noise).clamp(0, 1).requires_grad_(True)
    objective.loss({"rgb": images}).sum().backward()
    assert images.grad is not None
    assert bool(torch.isfinite(images.grad).all())
    assert float(images.grad.abs().sum()) > 0
    assert Evade(detector, frames(), threshold=0.0).success({"rgb": images.detach()}).shape == (2,)


def test_what_was_saved_scores_the_same(detector: Multitask, tmp_path: Path) -> None:
    save_artifact(tmp_path, detector.network.state_dict(), card=detector.card, recipe={"entry": "multitask"})
    loaded = Multitask.from_artifact(tmp_path)
    with torch.no_grad():
        assert torch.equal(loaded(frames()).score, detector(frames()).score)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_a_seed_decides_the_weights_and_touches_no_global_generator() -> None:
    before = torch.random.get_rng_state()
    one, same, other = (Multitask.untrained(TINY, seed=seed).network.state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"heads": "everything"}, "everything"),
        ({"head": "all"}, "head"),
        ({"backbone": "vgg"}, "vgg"),
        ({"backbone": "resnet18", "pretrained": True}, "no package holds ImageNet weights of resnet18"),
    ],
)
def test_settings_that_are_none_are_refused_with_those_there_are(settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadInputError, match=words) as raised:
        Multitask.untrained({**TINY, **settings}, seed=0)
    assert raised.value.hint


def test_without_weights_it_says_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multi_head, "_SHIPPED", tmp_path)
    with pytest.raises(MissingAssetError, match="without its weights") as raised:
        Multitask()
    assert "facewarden train" in raised.value.hint


def test_weights_of_another_network_are_refused(detector: Multitask, tmp_path: Path) -> None:
    other = Multitask.untrained({**TINY, "heads": "live_only"}, seed=0)
    save_artifact(tmp_path, other.network.state_dict(), card=detector.card, recipe={"entry": "multitask"})
    with pytest.raises(BadInputError, match="another network"):
        Multitask(tmp_path)


def test_the_shipped_weights_are_small_simulated_and_say_how_robust_they_are() -> None:
    detector = Multitask()
    assert (Multitask.shipped() / "weights.safetensors").stat().st_size <= 5_000_000
    assert "simulated" in detector.card.training_data
    for words in ("EER", "projected gradient descent", "simulated"):
        assert words in detector.card.limits
    assert detector.rule is not None
    assert detector.rule.split == "dev"
    told = json.loads((Multitask.shipped() / "recipe.json").read_text())
    assert (told["entry"], told["objective"]) == ("multitask", "pgd_at")


def test_the_card_has_the_robustness_that_its_page_measured() -> None:
    page = Path(__file__).parents[3] / "docs/results/fine_grained_shipped/summary.json"
    tables = {table["title"]: table for table in json.loads(page.read_text(encoding="utf-8"))["tables"]}
    limits = Multitask().card.limits
    for eps in (1, 2, 4):
        row = next(row for row in tables[f"Success of pgd at {eps}/255"]["rows"] if row[0] == "multitask")
        rate, low, high = re.findall(r"[\d.]+%", row[3])
        assert f"{rate} [{low}, {high}]" in limits
    clean = next(row for row in tables["Clean"]["rows"] if row[0] == "multitask")
    told = re.search(r"EER (0\.\d+)", limits)
    assert told is not None
    assert f"{float(told[1]):.1%}" == clean[6].split()[0]
