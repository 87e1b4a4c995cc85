from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from facewarden.core.artifact import save_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.nn.multimodal.infrared_channels import stack_infrared
from facewarden.pad.mmdg import Mmdg
from facewarden.pad.parts.mmdg_settings import MmdgSettings
from stand_ins import generator, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 2}


def detector(**overrides: object) -> Mmdg:
    made = Mmdg(MmdgSettings(**{**TINY, **overrides}))  # type: ignore[arg-type]
    for name, parameter in made.network.named_parameters():
        if ".up." in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(len(name))) * 0.1
    return made


def faces(count: int = 5, *, size: int = 40) -> FaceBatch:
    return make_batch(count, size=size, seed=2)


def absent(batch: FaceBatch, modality: str, where: list[bool]) -> FaceBatch:
    return replace(batch, present={**batch.present, modality: ~torch.tensor(where)})  # type: ignore[dict-item]


@pytest.mark.parametrize("uncertainty", ["closed_form", "mc"])
def test_scores_are_bit_identical_over_batch_size_and_order(uncertainty: str) -> None:
    model, batch = detector(uncertainty=uncertainty), faces(7)
    with torch.no_grad():
        together = model(batch)
        order = torch.randperm(7, generator=generator(1))
        assert torch.equal(model(batch.select(order)).score, together.score[order])
        for rows in ([3], [5, 0], [1, 2, 6], [6, 5, 4, 3, 2, 1]):
            part = model(batch.select(rows))
            assert torch.equal(part.score, together.score[rows])
            assert part.features is not None
            assert together.features is not None
            assert torch.equal(part.features, together.features[rows])
        assert torch.equal(model(batch).score, together.score)


def test_stacked_scores_agree_to_rounding() -> None:
    one, other, batch = detector(), detector(tiling="batch"), faces()
    torch.testing.assert_close(one(batch).score, other(batch).score, atol=1e-5, rtol=1e-5)


def test_features_are_the_class_tokens_and_the_score_is_the_logit() -> None:
    model, batch = detector(), faces()
    output, streams = model(batch), model.streams(batch, maps=True)
    assert output.features is not None
    torch.testing.assert_close(output.features.view(5, 3, -1).transpose(0, 1), streams.tokens)
    torch.testing.assert_close(output.score.sigmoid(), streams.logits.softmax(dim=1)[:, 1])
    assert streams.maps is not None
    assert streams.maps.shape == (3, 5, 2, 5)


def test_images_are_cropped_by_the_box_and_normalized_inside() -> None:
    model, batch = detector(scale=1.0), faces(2)
    images = {name: torch.zeros_like(image) for name, image in batch.images.items()}
    for image in images.values():
        image[:, :, 4:36, 4:36] = 1.0
    box = torch.tensor([[4.0, 4.0, 36.0, 36.0]]).repeat(2, 1)
    views, present = model.prepare(replace(batch, images=images, box=box))
    torch.testing.assert_close(views, torch.full((3, 2, 3, 32, 32), 127.5 / 128))
    assert bool(present.all())
    whole, _ = model.prepare(replace(batch, images=images, box=None))
    assert float(whole.min()) == pytest.approx(-127.5 / 128)


@pytest.mark.parametrize(("fill", "value"), [("pixel0", -127.5 / 128), ("norm0", 0.0), ("masked_tokens", 0.0)])
@pytest.mark.parametrize("infrared_input", ["gray", "gray_hog_plgf"])
def test_what_stands_for_an_absent_modality(fill: str, value: float, infrared_input: str) -> None:
    model = detector(missing_fill=fill, infrared_input=infrared_input)
    batch = absent(faces(3), "infrared", [False, True, False])
    views, present = model.prepare(batch)
    assert present.tolist() == [[True] * 3, [True] * 3, [True, False, True]]
    assert torch.equal(views[2, 1], torch.full((3, 32, 32), value))
    assert float(views[2, 0].std()) > 0.01


@pytest.mark.parametrize("fill", ["pixel0", "norm0", "masked_tokens"])
def test_a_modality_without_pixels_counts_as_absent_from_every_sample(fill: str) -> None:
    model, batch = detector(missing_fill=fill), faces(3)
    less = replace(batch, images={m: x for m, x in batch.images.items() if m != "depth"}, present={})
    gone = absent(batch, "depth", [True] * 3)
    assert torch.equal(model(less).score, model(gone).score)
    assert not torch.equal(model(gone).score, model(batch).score)


def test_fills_differ_and_samples_with_everything_do_not_care() -> None:
    scores = []
    for fill in ("pixel0", "norm0", "masked_tokens"):
        scores.append(detector(missing_fill=fill)(absent(faces(3), "depth", [True, False, False])).score.detach())
    assert len({float(score[0]) for score in scores}) == 3
    torch.testing.assert_close(scores[0][1:], scores[2][1:])
    assert torch.equal(scores[0][1:], scores[1][1:])


def test_rgb_is_never_absent() -> None:
    with pytest.raises(ContractError, match="rgb"):
        detector()(absent(faces(2), "rgb", [True, False]))


def test_masked_pixels_get_no_gradient() -> None:
    model, batch = detector(), absent(faces(2), "depth", [True, False])
    depth = batch.images["depth"].clone().requires_grad_(True)
    model(batch.with_images({"depth": depth})).score.sum().backward()
    assert depth.grad is not None
    assert float(depth.grad[0].abs().sum()) == 0.0
    assert float(depth.grad[1].abs().sum()) > 0.0


def test_infrared_can_be_gray_hog_and_plgf() -> None:
    batch = replace(faces(2, size=32), box=None)
    gray, _ = detector().prepare(batch)
    stacked, _ = detector(infrared_input="gray_hog_plgf").prepare(batch)
    assert torch.equal(gray[2, :, 0], gray[2, :, 2])
    assert torch.equal(stacked[:2], gray[:2])
    expected = (stack_infrared(batch.images["infrared"]) * 255 - 127.5) / 128
    torch.testing.assert_close(stacked[2], expected, atol=1e-4, rtol=1e-4)


def test_presets_decide_what_is_trained() -> None:
    paper, released = detector(), detector(preset="released")
    assert not any(p.requires_grad for p in paper.parameters())

    def trained(model: Mmdg) -> set[str]:
        model.requires_grad_(True)
        return {name.split(".")[1] for name, p in model.named_parameters() if p.requires_grad}

    assert trained(paper) == {"adapters", "head"}
    assert trained(released) == {"adapters", "head", "class_tokens", "positions", "blocks", "norm"}
    assert Mmdg.untrained(TINY, seed=0).training
    assert not any(p.requires_grad for n, p in released.named_parameters() if ".blocks.0." in n)
    assert torch.equal(paper.network.patches["rgb"].proj.weight, released.network.patches["rgb"].proj.weight)
    assert not torch.equal(paper.network.positions["rgb"], released.network.positions["rgb"])


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_frozen_trunk_of_random_weights_must_be_asked_for(preset: str) -> None:
    plain = {**TINY, "trunk": "vit_tiny_patch16_224", "preset": preset}
    with pytest.raises(BadInputError, match=f"preset {preset} freezes vit_tiny_patch16_224") as caught:
        Mmdg.untrained(plain, seed=0)
    assert "vit_tiny_patch16_224:fresh" in str(caught.value)
    assert "pretrained: true" in str(caught.value)
    assert Mmdg.untrained({**plain, "trunk": "vit_tiny_patch16_224:fresh"}, seed=0).training


def test_published_weights_are_asked_for_by_a_setting_and_not_again_by_an_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facewarden.core.compat import ensure_torchvision

    ensure_torchvision()
    import timm

    asked: list[bool] = []
    create = timm.create_model

    def offline(name: str, *, pretrained: bool, **options: object) -> object:
        asked.append(pretrained)
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    model = Mmdg.untrained({**TINY, "trunk": "vit_tiny_patch16_224", "pretrained": True}, seed=0)
    assert asked == [True]
    assert "published weights" in model.card.source
    save_artifact(tmp_path, model.network.state_dict(), card=model.card, recipe={"entry": "mmdg"})
    assert Mmdg.from_artifact(tmp_path).settings["pretrained"] is True
    assert asked == [True, False]
    with pytest.raises(BadInputError, match="pretrained and fresh"):
        Mmdg.untrained({**TINY, "pretrained": True}, seed=0)


def test_the_seed_decides_the_weights_and_no_global_draw_is_used() -> None:
    before = torch.random.get_rng_state()
    one, two, other = (Mmdg.untrained(TINY, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["network.head.weight"], other["network.head.weight"])
    assert not torch.equal(one["network.blocks.0.attn.qkv.weight"], other["network.blocks.0.attn.qkv.weight"])


@pytest.mark.usefixtures("bfloat16_everywhere")
def test_bfloat16_gives_float32_scores_that_are_close() -> None:
    exact, half = detector()(faces()).score, detector(precision="bfloat16")(faces()).score
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, exact, atol=0.05, rtol=0.05)
    assert not torch.equal(half, exact)


def test_it_comes_back_from_its_artifact(tmp_path: Path) -> None:
    model = detector(missing_fill="norm0")
    save_artifact(tmp_path, model.network.state_dict(), card=model.card, recipe={"entry": "mmdg"})
    again = Mmdg.from_artifact(tmp_path)
    assert again.options == model.options
    assert again.card.settings["missing_fill"] == "norm0"
    assert torch.equal(again(faces()).score, model(faces()).score)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    model = detector()
    weights: dict[str, Tensor] = model.network.state_dict()
    wrong = replace(model.card, settings={**model.card.settings, "hidden": 16})
    save_artifact(tmp_path / "a", weights, card=wrong, recipe={})
    with pytest.raises(BadInputError, match="do not fit"):
        Mmdg.from_artifact(tmp_path / "a")
    strange = replace(model.card, settings={**model.card.settings, "color": "red"})
    save_artifact(tmp_path / "b", weights, card=strange, recipe={})
    with pytest.raises(BadInputError, match="color"):
        Mmdg.from_artifact(tmp_path / "b")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"preset": "mine"}, "preset"),
        ({"missing_fill": "mean"}, "missing_fill"),
        ({"uncertainty": "mcmc"}, "uncertainty"),
        ({"infrared_input": "rgb"}, "infrared_input"),
        ({"trunk": "vit_enormous"}, "no model"),
        ({"trunk": "resnet18", "depth": None}, "resnet18"),
    ],
)
def test_senseless_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        Mmdg.untrained({**TINY, **wrong}, seed=0)
