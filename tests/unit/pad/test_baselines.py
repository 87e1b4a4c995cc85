"""The baselines beside MMDG: one rule for what is missing, artifacts, recipes that fit, and all of them learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from facewarden.core import registry
from facewarden.core.artifact import save_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.pad.mmdg import Mmdg
from facewarden.pad.parts.streams import ThreeStreams
from facewarden.training.crops import CropSet
from facewarden.training.loop import TrainSettings, fit
from facewarden.training.parts.augment_settings import Augmentation
from facewarden.training.recipe import read_recipe
from stand_ins import generator, make_batch

TRUNK = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 1, "precision": "float32"}
SMALL: dict[str, dict[str, Any]] = {
    "mm_cdcn": {"size": 32, "width": 4},
    "ssdg": {**TRUNK, "width": 32, "dropout": 0.1},
    "dadm": {**TRUNK, "width": 8},
    "mmda": {**TRUNK, "width": 16},
    "ssan": {**TRUNK, "width": 8},
    "iadg": {**TRUNK, "width": 8},
    "mmdg_plus_plus": {**TRUNK, "width": 16},
}
NAMES = [
    "vit_concat",
    "vit_cdc_adapter",
    "ama",
    "cmfl",
    "ssdg",
    "mm_cdcn",
    "mmdg",
    "dadm",
    "mmda",
    "unimodal_ensemble",
    "mmdg_plus_plus",
    "ssan",
    "iadg",
    "vp_fas_like",
]
RELEASED = ["vit_cdc_adapter_released", "ama_joint", "cmfl_released", "ssdg_released", "mm_cdcn_released"]
MORE = ["dadm_published", "ogm_ge"]
FAINT = ["mmdg_regrad_relative", "mmdg_regrad_missing", "mmdg_drop"]
RECIPES = [*NAMES, "mmdg_regrad_token", "mmdg_regrad_every", *RELEASED, *MORE, *FAINT]


EPOCHS = {
    "mm_cdcn": 24,  # its batch statistics have to settle
    "dadm": 16,
    "iadg": 24,
    "dadm_published": 16,
    "ama_joint": 30,  # what the adapters add to the patches reaches the class token in the next block
    "vit_cdc_adapter_released": 60,  # the norm of next to nothing throws it about at first
}
FALLS = {"vit_cdc_adapter_released": 0.95}  # its dropout stands before that norm


def untrained(name: str, **overrides: Any) -> ThreeStreams:
    made: ThreeStreams = registry.load("pad", name).untrained({**SMALL.get(name, TRUNK), **overrides}, seed=0)
    draw = generator(0)
    for key, parameter in made.network.named_parameters():
        if ".up." in key or key.endswith("bias"):  # zeros would hide half of what is tested
            parameter.data = torch.randn(parameter.shape, generator=draw) * 0.1
    return made.requires_grad_(False).eval()


def faces(count: int = 3) -> FaceBatch:
    return make_batch(count, size=40, seed=2)


def without(batch: FaceBatch, modality: str, where: list[bool]) -> FaceBatch:
    return replace(batch, present={**batch.present, modality: ~torch.tensor(where)})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fill", ["pixel0", "norm0", "masked_tokens"])
def test_all_see_what_mmdg_sees(name: str, fill: str) -> None:
    batch = without(faces(), "infrared", [False, True, False])
    model = untrained(name, missing_fill=fill)
    wanted, present = Mmdg.untrained({**TRUNK, "missing_fill": fill}, seed=0).prepare(batch)
    found, masks = model.prepare(batch)
    assert torch.equal(found, wanted)
    assert torch.equal(masks, present)


@pytest.mark.parametrize("name", NAMES)
def test_fills_matter_for_samples_that_lack_something_and_for_no_others(name: str) -> None:
    batch = without(faces(), "depth", [True, False, False])
    scores = [untrained(name, missing_fill=fill)(batch).score for fill in ("pixel0", "norm0", "masked_tokens")]
    assert len({float(score[0]) for score in scores}) == 3
    torch.testing.assert_close(scores[0][1:], scores[1][1:])
    torch.testing.assert_close(scores[0][1:], scores[2][1:])


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_bit_identical_in_any_company(name: str) -> None:
    model, batch = untrained(name), faces(4)
    together = model(batch)
    part = model(batch.select([3, 1]))
    assert torch.equal(part.score, together.score[[3, 1]])
    assert all(torch.equal(part.tasks[head], together.tasks[head][[3, 1]]) for head in model.heads)
    whole = untrained(name, tiling="batch")(batch).score
    torch.testing.assert_close(whole, together.score, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_back_from_its_artifact(name: str, tmp_path: Path) -> None:
    model = untrained(name, missing_fill="norm0")
    save_artifact(tmp_path, model.network.state_dict(), card=model.card, recipe={"entry": name})
    again = type(model).from_artifact(tmp_path)
    assert again.options == model.options
    assert torch.equal(again(faces()).score, model(faces()).score)
    wider = {"width": 64} if "width" in SMALL.get(name, {}) else {"size": 48}
    strange = replace(model.card, settings={**model.card.settings, **wider})
    save_artifact(tmp_path / "other", model.network.state_dict(), card=strange, recipe={})
    with pytest.raises(BadInputError, match="do not fit"):
        type(model).from_artifact(tmp_path / "other")


@pytest.mark.parametrize("name", NAMES)
def test_unknown_settings_and_words_are_named(name: str) -> None:
    entry = registry.load("pad", name)
    with pytest.raises(BadInputError, match="color"):
        entry.untrained({"color": "red"}, seed=0)
    with pytest.raises(BadInputError, match='missing_fill is "mean"; allowed: pixel0, norm0'):
        entry.untrained({"missing_fill": "mean"}, seed=0)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_and_no_global_draw_is_used(name: str) -> None:
    entry, settings = registry.load("pad", name), SMALL.get(name, TRUNK)
    before = torch.random.get_rng_state()
    one, two, other = (entry.untrained(settings, seed=seed).network.state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def separable() -> CropSet:
    """Bona fide samples have relief in depth and a bright center in color; infrared tells nothing."""
    draw, label = generator(0), torch.arange(16) % 2
    images = {m: torch.randint(0, 80, (16, CHANNELS[m], 32, 32), generator=draw) for m in MODALITIES}
    images["rgb"][label == 1, :, 8:24, 8:24] += 150
    images["depth"][label == 1, :, 8:24, 8:24] += 120
    return CropSet(
        images={m: image.to(torch.uint8) for m, image in images.items()},
        present={m: torch.ones(16, dtype=torch.bool) for m in MODALITIES},
        key=tuple(f"{i}" for i in range(16)), label=label, species=("",) * 16,
        subject=tuple(f"{i // 2}" for i in range(16)), domain=tuple("ab"[i // 2 % 2] for i in range(16)),
    )  # fmt: skip


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in ("mm_cdcn_released", *FAINT)])
def test_it_learns_by_its_recipe_s_objective(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    small = {"size": 16, "width": 4} if name == "mm_cdcn" else SMALL.get(recipe.entry, TRUNK)
    model = registry.load("pad", recipe.entry).untrained({**recipe.model, **small}, seed=0)
    objective = registry.load("objectives", recipe.objective)(**recipe.objective_settings)
    rate = 3e-3 if recipe.model.get("preset", "paper") == "paper" else 3e-4
    epochs = EPOCHS.get(name, 10)
    settings = TrainSettings(
        epochs=epochs, batch=16, rate=rate, decay=0.0, margin=1.0, every=epochs,
        augmentation=Augmentation(rotation=0.0, exposure=0.05, noise=0.01, blur=0.0, drop=0.0),
    )  # fmt: skip
    log = fit(model, separable(), objective=objective, settings=settings, seed=0, run=tmp_path)
    told = "cross_entropy" if name == "iadg" else "loss"  # its other terms begin with the second epoch
    assert log[-1][told] < FALLS.get(name, 0.8) * log[0][told]
    crops = separable()
    with torch.no_grad():
        score = model(crops.batch(range(16))).score
    above = (score[crops.label == 1, None] > score[None, crops.label == 0]).float().mean()
    assert float(above) > 0.9, "area under the curve on what it was shown"


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_share_budget_and_view(name: str) -> None:
    recipe, reference = read_recipe(name), read_recipe("mmdg")
    assert (recipe.training.epochs, recipe.training.batch) == (reference.training.epochs, reference.training.batch)
    assert recipe.model["size"] == reference.model["size"]
    assert recipe.captures == reference.captures
    assert recipe.model.get("trunk", "face_vit") == reference.model["trunk"]
    same = replace(reference.training.augmentation, drop=recipe.training.augmentation.drop)
    assert recipe.training.augmentation == same, "only some drop sensors while they learn"
    assert (recipe.training.augmentation.drop > 0) == (name in ("ama", "ama_joint", "mmdg_drop"))


def test_cards_of_the_first_release_mean_what_they_meant(tmp_path: Path) -> None:
    """They know no arrangement and no kind of sequence: their weights are those of the plain ones."""
    for name, key in (("vit_cdc_adapter", "arrangement"), ("ama", "sequence")):
        model = untrained(name)
        first = replace(model.card, settings={k: v for k, v in model.card.settings.items() if k != key})
        save_artifact(tmp_path / name, model.network.state_dict(), card=first, recipe={"entry": name})
        assert torch.equal(type(model).from_artifact(tmp_path / name)(faces()).score, model(faces()).score)
    apart = untrained("ama")
    joint = replace(apart.card, settings={**apart.card.settings, "sequence": "joint"})
    save_artifact(tmp_path / "other", apart.network.state_dict(), card=joint, recipe={})
    with pytest.raises(BadInputError, match="do not fit"):
        type(apart).from_artifact(tmp_path / "other")


def test_the_released_arrangement_sums_four_losses_and_is_another_network() -> None:
    recipe = read_recipe("vit_cdc_adapter_released")
    model, batch = untrained("vit_cdc_adapter", theta=0.7, arrangement="released"), faces(4)
    assert (recipe.model["theta"], recipe.model["arrangement"]) == (0.7, "released")
    output = model(batch)
    label = batch.label.float()  # type: ignore[union-attr]
    four = [output.score, *(output.tasks[m][:, 0] for m in MODALITIES)]
    wanted = sum(torch.nn.functional.binary_cross_entropy_with_logits(one, label) for one in four)
    loss = registry.load("objectives", recipe.objective)(**recipe.objective_settings)(model, batch)
    torch.testing.assert_close(loss.total, torch.as_tensor(wanted))
    plain = untrained("vit_cdc_adapter", theta=0.7)
    assert not torch.allclose(plain(batch).score, output.score, atol=1e-3)


def test_frames_are_squashed_where_the_lineage_does_it() -> None:
    """A frame without a box that is twice as wide as high: kept in shape with black around, or pressed to a square."""
    tall = make_batch(2, size=64, seed=4)
    batch = replace(tall, box=None, images={m: image[:, :, :32] for m, image in tall.images.items()}, tasks={})
    kept = untrained("vit_concat").crop(batch, size=32, scale=1.0).images["rgb"]
    pressed = untrained("vit_concat", fit="squash").crop(batch, size=32, scale=1.0).images["rgb"]
    assert float(kept[:, :, :7].abs().max()) == 0.0
    assert float(pressed[:, :, 2:].mean()) > 0.4
    for image, square in zip(batch.images["rgb"], pressed, strict=True):
        read = cv2.resize(image.permute(1, 2, 0).numpy(), (32, 32), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(square.permute(1, 2, 0).numpy(), read, atol=2e-5)
    boxed = replace(batch, box=torch.tensor([[8.0, 4.0, 40.0, 20.0]]).repeat(2, 1))
    whole = replace(batch, images={m: image[:, :, 4:20, 8:40] for m, image in batch.images.items()})
    one, other = (
        untrained("vit_concat", fit="squash").crop(x, size=32, scale=1.0).images["rgb"] for x in (boxed, whole)
    )
    torch.testing.assert_close(one[..., 2:-2, 2:-2], other[..., 2:-2, 2:-2])


def test_the_model_changes_each_copy_of_a_gray_sensor_as_the_batch_says() -> None:
    model, batch = untrained("vit_concat"), replace(make_batch(2, size=32), box=None, tasks={})
    change = torch.tensor([[0.1, -0.1, 0.0, 1.5], [0.0, 0.0, 0.0, 1.0]])
    plain, _ = model.prepare(batch)
    changed, _ = model.prepare(replace(batch, tasks={"photometry/infrared": change}))
    torch.testing.assert_close(changed[:2], plain[:2])
    torch.testing.assert_close(changed[2, 1], plain[2, 1])
    gray = batch.images["infrared"][0, 0]
    for copy, offset in enumerate((0.1, -0.1, 0.0)):
        wanted = ((gray + offset).clamp(0, 1) ** 1.5 * 255 - 127.5) / 128
        torch.testing.assert_close(changed[2, 0, copy], wanted)
