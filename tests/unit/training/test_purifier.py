"""Training of purifiers: what amplification does, what is left of a cloak, same bits after a stop, a whole folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from facewarden.core.artifact import load_artifact
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.settings import read_settings
from facewarden.nn.restorer import build_restorer
from facewarden.purifiers.puface import PuFace
from facewarden.training.amplify import amplify, draw_batch, eight_bits, residual_cloak
from facewarden.training.features import EmbeddingDistance
from facewarden.training.pairs import CloakKind, PairSet, read_pairs, write_shard
from facewarden.training.purifier_loop import fit_purifier
from facewarden.training.purifier_recipe import PurifierSettings, is_purifier_recipe, read_purifier_recipe
from facewarden.training.recipe_files import FOLDER
from facewarden.verbs.train import train
from stand_ins import TinyRecognizer, generator, make_faces

UNET = {"body": "unet", "widths": [8, 8], "contrast": 12, "gain": 0.1}


def pair_set(count: int = 24, *, side: int = 16, seed: int = 0) -> PairSet:
    """Smooth faces with a faint checkerboard as their cloak: easy to learn."""
    rng = np.random.default_rng(seed)
    clean = np.repeat(np.repeat(rng.integers(60, 190, (count, side // 4, side // 4, 3)), 4, 1), 4, 2)
    board = np.indices((side, side)).sum(0) % 2 * 16 - 8
    names = tuple(f"face {i}" for i in range(count))
    cloaked = (clean + board[None, :, :, None]).astype(np.uint8)
    return PairSet(
        clean.astype(np.uint8), cloaked, tuple(f"somebody {i}" for i in range(count)), names, ("board",) * count
    )


def tensors(pairs: PairSet) -> tuple[torch.Tensor, torch.Tensor]:
    clean, cloaked = (
        torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255 for crops in (pairs.clean, pairs.cloaked)
    )
    return clean, cloaked


def test_amplification_by_one_is_the_cloak_and_by_zero_the_face() -> None:
    clean, cloaked = tensors(pair_set(4))
    torch.testing.assert_close(amplify(clean, cloaked, torch.ones(4)), cloaked, atol=1e-6, rtol=0)
    assert torch.equal(amplify(clean, cloaked, torch.zeros(4)), clean)
    assert torch.equal(amplify(clean, clean, torch.full((4,), 9.0)), clean)
    far = amplify(clean, cloaked, torch.full((4,), 40.0))
    assert (float(far.min()), float(far.max())) == (0.0, 1.0)


def test_an_amplified_cloak_points_along_the_cloak_and_the_ablation_against_it() -> None:
    clean, cloaked = tensors(pair_set(4))
    for sign in (1.0, -1.0):
        moved = amplify(clean, cloaked, torch.full((4,), 3.0 * sign)) - clean
        assert float((moved * (cloaked - clean)).sum()) * sign > 0


def test_what_is_left_is_one_before_zero_after_and_blind_to_unrelated_noise() -> None:
    clean, cloaked = torch.full((2, 3, 32, 32), 0.5), torch.full((2, 3, 32, 32), 0.5)
    cloaked = cloaked + 0.03 * torch.randn(cloaked.shape, generator=generator(1))
    assert float(residual_cloak(cloaked - clean, cloaked - clean, grid=1)) == pytest.approx(1.0 / 1.1**2, abs=0.01)
    assert float(residual_cloak(clean - clean, cloaked - clean)) == 0.0
    half = clean + 0.5 * (cloaked - clean)
    assert float(residual_cloak(half - clean, cloaked - clean, grid=1)) == pytest.approx(0.25 / 1.1**2, abs=0.01)
    noise = 0.03 * torch.randn(clean.shape, generator=generator(2))
    assert float(residual_cloak(noise, cloaked - clean, grid=1)) < 0.1  # as large as the cloak, in other directions
    assert float(residual_cloak(noise, clean - clean)) < 0.1  # nothing was changed


def test_too_much_here_does_not_make_up_for_too_little_there() -> None:
    clean = torch.full((1, 3, 32, 32), 0.5)
    change = 0.03 * torch.randn(clean.shape, generator=generator(1))
    left = change.clone()
    left[..., :16] *= -1
    assert float(residual_cloak(left, change, grid=1)) < 0.1
    assert float(residual_cloak(left, change, grid=4)) > 0.6


def test_what_happens_after_the_cloak_happens_to_both() -> None:
    pairs = pair_set(6, side=32)
    plain = PurifierSettings(natural=0.0, amplify=(1.0, 1.0), mirror=False)
    for changed in ({"warped": 1.0}, {"jpeg_share": 1.0}, {"varied": 1.0}):
        moved = PurifierSettings(natural=0.0, amplify=(1.0, 1.0), mirror=False, **changed)
        seen, wanted, _ = draw_batch(pairs, list(range(6)), settings=moved, seed=0, epoch=0)
        before, clean, _ = draw_batch(pairs, list(range(6)), settings=plain, seed=0, epoch=0)
        assert not torch.equal(wanted, clean)
        assert not torch.equal(seen, before)
        torch.testing.assert_close(seen * 255, (seen * 255).round(), atol=1e-3, rtol=0)
        still = PurifierSettings(natural=0.999, mirror=False, **changed)
        seen, wanted, _ = draw_batch(pairs, list(range(6)), settings=still, seed=0, epoch=0)
        assert torch.equal(seen, wanted)


def test_the_change_is_what_it_was_before_the_image_was_stored() -> None:
    pairs = pair_set(6, side=32)
    calm = PurifierSettings(natural=0.0, mirror=False)
    stored = PurifierSettings(natural=0.0, mirror=False, jpeg_share=1.0, quality=(50, 50))
    mirrored = draw_batch(pairs, list(range(6)), settings=PurifierSettings(natural=0.0), seed=0, epoch=0)
    assert torch.equal(mirrored.change, mirrored.seen - mirrored.wanted)
    before = draw_batch(pairs, list(range(6)), settings=calm, seed=0, epoch=0)
    after = draw_batch(pairs, list(range(6)), settings=stored, seed=0, epoch=0)
    assert torch.equal(before.change, before.seen - before.wanted)
    assert torch.equal(after.change, before.change)
    assert not torch.equal(after.change, after.seen - after.wanted)


def test_the_quality_of_storing_is_the_one_of_the_recipe() -> None:
    pairs = pair_set(40, side=32)
    apart = []
    for quality in ((10, 10), (10, 95), (95, 95)):
        settings = PurifierSettings(natural=0.0, mirror=False, amplify=(0.0, 0.0), jpeg_share=1.0, quality=quality)
        found = draw_batch(pairs, list(range(40)), settings=settings, seed=0, epoch=0).wanted
        apart.append(float((found - tensors(pairs)[0]).abs().mean()))
    assert apart[0] > apart[1] > apart[2]


def test_rounding_lets_the_gradient_pass() -> None:
    images = torch.tensor([[[[0.1, 0.5, 1.3, -0.2]]]], requires_grad=True)
    rounded = eight_bits(images)
    torch.testing.assert_close(rounded * 255, (rounded * 255).round())
    rounded.sum().backward()
    assert torch.equal(images.grad, torch.ones_like(images))  # type: ignore[arg-type]


def test_draws_depend_on_the_face_and_not_on_its_company() -> None:
    pairs, settings = pair_set(8), PurifierSettings(amplify=(0.5, 3.0), natural=0.3)
    together = draw_batch(pairs, list(range(8)), settings=settings, seed=1, epoch=2).seen
    alone = draw_batch(pairs, [5], settings=settings, seed=1, epoch=2).seen
    assert torch.equal(alone[0], together[5])
    other = draw_batch(pairs, list(range(8)), settings=settings, seed=1, epoch=3).seen
    assert not torch.equal(other, together)


def test_natural_samples_appear_as_often_as_asked_and_noise_takes_the_place_of_cloaks() -> None:
    pairs = pair_set(200)
    seen, wanted, _ = draw_batch(
        pairs, list(range(200)), settings=PurifierSettings(natural=0.3, mirror=False), seed=0, epoch=0
    )
    same = (seen == wanted).flatten(1).all(dim=1).float().mean()
    assert 0.2 < float(same) < 0.4
    noisy, clean, _ = draw_batch(
        pairs, list(range(50)), settings=PurifierSettings(natural=0.0, noise=20.0, mirror=False), seed=0, epoch=0
    )
    board = torch.from_numpy(pairs.cloaked[:50].astype(np.float32) - pairs.clean[:50]).permute(0, 3, 1, 2)
    correlation = torch.corrcoef(torch.stack([(noisy - clean).flatten(), board.flatten()]))[0, 1]
    assert abs(float(correlation)) < 0.05


def settings(**changed: object) -> PurifierSettings:
    values = {
        "epochs": 3,
        "batch": 8,
        "rate": 5e-3,
        "precision": "no",
        "residual_cloak": 0.01,
        "warmup": 0.0,
        **changed,
    }
    return PurifierSettings(**values)  # type: ignore[arg-type]


def test_a_network_learns_to_take_the_cloak_out_and_spares_natural_faces(tmp_path: Path) -> None:
    pairs, network = pair_set(64), build_restorer(UNET)
    log = fit_purifier(
        network, pairs, dev=pair_set(8, seed=9), features=[], settings=settings(epochs=12), seed=0, run=tmp_path
    )
    assert log[-1]["dev_purified"] > log[-1]["dev_cloaked"] + 3
    assert log[-1]["dev_natural"] > log[-1]["dev_cloaked"]
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_stopped_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    pairs = pair_set()

    def run(folder: Path, *, stops: tuple[int | None, ...]) -> nn.Module:
        for stop in stops:
            network = build_restorer(UNET)
            fit_purifier(
                network, pairs, dev=None, features=[], settings=settings(), seed=0, run=folder, stop_after=stop
            )
        return network

    whole, stopped = run(tmp_path / "a", stops=(None,)), run(tmp_path / "b", stops=(1, None))
    for one, other in zip(whole.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(one, other)


def test_feature_gradients_reach_the_images_and_change_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facewarden.core.registry.load", lambda group, name: TinyRecognizer)
    distance = EmbeddingDistance("tiny")
    faces = make_faces(2)
    moved = (faces + 0.02).clamp(0, 1).requires_grad_(True)
    assert float(distance(faces, faces)) < 2e-3
    distance(moved, faces).backward()
    assert moved.grad is not None
    assert bool(torch.isfinite(moved.grad).all())
    assert float(moved.grad.abs().sum()) > 0
    assert all(parameter.grad is None for parameter in distance.model.parameters())


def test_the_feature_term_is_learned_from_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facewarden.core.registry.load", lambda group, name: TinyRecognizer)
    log = fit_purifier(
        build_restorer(UNET), pair_set(8, side=112), dev=None, features=[EmbeddingDistance("tiny")],
        settings=settings(epochs=1, feature=0.5, feature_faces=2), seed=0, run=tmp_path,
    )  # fmt: skip
    assert log[0]["tiny"] > 0
    assert log[0]["loss"] == pytest.approx(log[0]["tiny"] + log[0]["image"] + log[0]["residual_cloak"], rel=1e-4)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    pairs = pair_set(80, side=32)
    for start in (0, 40):
        part = pairs.rows(range(start, start + 40))
        write_shard(
            tmp_path / "pairs" / f"pairs-{start:06d}.safetensors",
            clean=part.clean, cloaked=part.cloaked, person=part.person, key=part.key, kind=part.kind,
        )  # fmt: skip
    return tmp_path / "pairs"


def test_shards_come_back_as_written_and_people_keep_their_side(shards: Path) -> None:
    pairs = read_pairs(shards)
    assert np.array_equal(pairs.cloaked, pair_set(80, side=32).cloaked)
    assert len(read_pairs(shards, at_most=7)) == 7
    learned, dev = pairs.split()
    assert len(learned) + len(dev) == 80
    assert len(dev) > 0
    assert not set(learned.person) & set(dev.person)
    with pytest.raises(BadInputError, match="no pairs here"):
        read_pairs(shards.parent)
    (shards / "pairs-000000.safetensors").write_bytes(b"torn")
    with pytest.raises(BadInputError, match="not a shard"):
        read_pairs(shards)


def test_a_recipe_learns_from_the_kinds_that_it_names(tmp_path: Path) -> None:
    pairs = pair_set(6, side=32)
    write_shard(
        tmp_path / "pairs-000000.safetensors",
        clean=pairs.clean, cloaked=pairs.cloaked, person=pairs.person, key=pairs.key,
        kind=["a", "b", "a", "c", "b", "a"],
    )  # fmt: skip
    assert read_pairs(tmp_path, kinds=("a", "c")).key == ("face 0", "face 2", "face 3", "face 5")
    assert read_pairs(tmp_path, kinds=("b",), at_most=1).key == ("face 1",)
    with pytest.raises(BadInputError, match="no pairs of kind d; there are a, b, c"):
        read_pairs(tmp_path, kinds=("a", "d"))


def recipe(folder: Path, **changed: object) -> str:
    values = {
        "kind": "purifier", "entry": "puface", "summary": "a tiny one", "network": UNET,
        "training": {"epochs": 2, "batch": 16, "precision": "no", "amplify": [1, 2]}, **changed,
    }  # fmt: skip
    path = folder / "tiny.json"
    path.write_text(json.dumps(values))
    return str(path)


def test_training_writes_a_folder_that_purifies_and_tells_cloaks(shards: Path, tmp_path: Path) -> None:
    out = train(recipe(tmp_path), out=tmp_path / "out", pairs=shards, seed=1)
    purifier = PuFace(out)
    faces = torch.rand(2, 3, 45, 50, generator=generator(3))
    assert purifier(faces).shape == faces.shape
    likelihood = purifier.likelihood(faces)
    assert likelihood.shape == (2,)
    assert bool(((likelihood >= 0) & (likelihood <= 1)).all())
    assert load_artifact(out).card.settings["features"] == []
    assert train(recipe(tmp_path), out=tmp_path / "out", pairs=shards, seed=1, resume=True) == out
    with pytest.raises(BadInputError, match="holds a run"):
        train(recipe(tmp_path), out=tmp_path / "out", pairs=shards, seed=1)
    first, *_, last = sorted(shards.glob("*.safetensors"))
    last.write_bytes(first.read_bytes())  # as many pairs, of other faces
    with pytest.raises(BadInputError, match="begun with other pairs"):
        train(recipe(tmp_path), out=tmp_path / "out", pairs=shards, seed=1, resume=True)


def test_training_goes_on_from_weights_that_were_trained_before(shards: Path, tmp_path: Path) -> None:
    first = train(recipe(tmp_path), out=tmp_path / "first", pairs=shards, seed=1)
    still = recipe(tmp_path, training={"epochs": 1, "batch": 16, "precision": "no", "rate": 1e-12})
    second = train(still, out=tmp_path / "second", pairs=shards, seed=2, start=first)
    before, after = load_artifact(first), load_artifact(second)
    assert after.recipe["start"] == before.card.sha256["weights.safetensors"]
    for name, value in before.weights.items():
        torch.testing.assert_close(after.weights[name], value, atol=1e-6, rtol=0)
    for changed in ({"widths": [8, 12]}, {"gain": 5.0}):  # of other shapes, and of the same ones
        other = recipe(tmp_path, network={**UNET, **changed})
        with pytest.raises(BadInputError, match="weights of another network"):
            train(other, out=tmp_path / "third", pairs=shards, start=first)


def test_what_weights_have_learned_from_before_stays_on_their_card(shards: Path, tmp_path: Path) -> None:
    first = train(recipe(tmp_path), out=tmp_path / "first", pairs=shards, seed=1)
    card = json.loads((first / "card.json").read_text())
    card["settings"]["features"], card["training_data"] = ["faceres"], "other photos"
    (first / "card.json").write_text(json.dumps(card))
    after = load_artifact(train(recipe(tmp_path), out=tmp_path / "second", pairs=shards, seed=2, start=first)).card
    assert after.settings["features"] == ["faceres"]
    assert "before that: other photos" in after.training_data
    assert card["source"] in after.source


def test_pairs_and_captures_are_not_mistaken_for_each_other(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="learns from pairs"):
        train(recipe(tmp_path), out=tmp_path / "out")
    with pytest.raises(BadInputError, match="not from captures"):
        train(recipe(tmp_path), out=tmp_path / "out", pairs=shards, captures=tmp_path)
    with pytest.raises(BadInputError, match="takes no pairs"):
        train("multi_cnn", out=tmp_path / "out", pairs=shards)


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.json")) if is_purifier_recipe(path.stem)])
def test_recipes_of_the_package_can_be_built_and_come_back_from_json(name: str, tmp_path: Path) -> None:
    plan = read_purifier_recipe(name)
    build_restorer(plan.network)
    (tmp_path / "again.json").write_text(json.dumps(plan.plain()))
    assert read_purifier_recipe(str(tmp_path / "again.json")) == plan


@pytest.mark.parametrize(
    "wrong",
    [
        {"training": {"epochs": 0}},
        {"training": {"amplify": [3, 1]}},
        {"training": {"image": "l3"}},
        {"training": {"quality": [95, 50]}},
        {"training": {"unheard": 1}},
        {"pairs": [{"name": "x"}]},
        {"pairs": [{"name": "x", "attack": "pgd", "surrogates": [], "eps": 8}]},
        {"kind": "detector"},
    ],
)
def test_recipes_that_make_no_sense_are_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(BadInputError):
        read_purifier_recipe(recipe(tmp_path, **wrong))


def test_unknown_recipes_and_networks_are_named() -> None:
    with pytest.raises(UnknownEntryError, match="known: "):
        read_purifier_recipe("nobody")
    assert not is_purifier_recipe("nobody")
    assert not is_purifier_recipe("multi_cnn")
    with pytest.raises(BadInputError, match="no network"):
        build_restorer({"body": "transformer"})
    with pytest.raises(BadInputError):
        build_restorer({"body": "unet", "layers": 30})


def test_kinds_of_cloak_say_what_they_are() -> None:
    values = {"name": "x", "attack": "pgd", "surrogates": ["a"], "eps": 8, "weights": [1]}
    kind = read_settings(CloakKind, values)
    assert (kind.eps, kind.weights, kind.region) == (8.0, (1.0,), "crop")
    with pytest.raises(BadInputError, match='region is "sky"; allowed: crop or face'):
        read_settings(CloakKind, {**values, "region": "sky"})
    with pytest.raises(BadInputError, match="surrogates is"):
        read_settings(CloakKind, {**values, "surrogates": []})
    with pytest.raises(BadInputError, match="eps is 0"):
        read_settings(CloakKind, {**values, "eps": 0})


def test_a_kind_whose_budget_is_no_gray_levels_has_a_strength_by_name_and_its_own_option() -> None:
    values = {"name": "x", "attack": "tint", "surrogates": ["a"], "settings": {"color": 0.3}, "eps": "high"}
    kind = read_settings(CloakKind, values)
    attack, eps = kind.build()
    assert (getattr(attack, "color", None), eps) == (0.3, 255.0)
    assert read_settings(CloakKind, kind.plain()) == kind
    with pytest.raises(BadInputError, match="not gray levels"):
        read_settings(CloakKind, {**values, "eps": 8}).build()
    with pytest.raises(BadInputError, match="eps is"):
        read_settings(CloakKind, {**values, "eps": "highest"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"sign": 2}}, "training.sign is 2; allowed: 1 or -1"),
        ({"training": {"amplify": [2, 1]}}, r"amplify is \[2.0, 1.0\]; allowed: low before high"),
        ({"training": {"amplify": 2}}, "training.amplify is 2; allowed: a list of 2"),
        ({"training": {"quality": [70, 101]}}, r"training.quality\[1\] is 101; allowed: a whole number from 1 to 100"),
        ({"training": {"warm": 0.1}}, "unknown setting 'training.warm'; did you mean 'warmup'"),
        ({"training": {"rate": 10**400}}, "training.rate is a number of about 400 digits"),
        ({"pairs": [{"name": "x"}]}, r"pairs\[0\].attack is missing"),
        ({"kind": "detector"}, 'no "kind": "purifier"'),
    ],
)
def test_a_recipe_that_cannot_be_used_names_the_setting(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"like": "puface", "pairs": [], **changes}))
    with pytest.raises(BadInputError, match=rf"mine\.json: .*{message}") as caught:
        read_purifier_recipe(str(path))
    assert caught.value.hint


def test_a_recipe_like_another_holds_only_what_differs() -> None:
    whole, control = read_purifier_recipe("puface"), read_purifier_recipe("denoise_rednet")
    assert (control.network, control.pairs) == (whole.network, whole.pairs)
    assert (control.training.image, control.training.batch) == (whole.training.image, whole.training.batch)
    assert (control.training.noise, control.training.residual_cloak) == (16.0, 0.0)
    assert read_purifier_recipe("puface_wrong_sign").training.sign == -1


def test_a_recipe_of_the_release_before_is_read_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"like": "puface", "training": {"remainder": 0.03, "stored": 0.7}}))
    training = read_purifier_recipe(str(path)).training
    assert (training.residual_cloak, training.jpeg_share) == (0.03, 0.7)
    assert "training.stored is spelled training.jpeg_share now" in caplog.text
    path.write_text(json.dumps({"like": "puface", "training": {"jpeg_share": 0.2, "stored": 0.7}}))
    with pytest.raises(BadInputError, match="stored"):
        read_purifier_recipe(str(path))
    path.write_text(json.dumps({"like": "puface", "training": 3}))
    with pytest.raises(BadInputError, match="training"):
        read_purifier_recipe(str(path))
