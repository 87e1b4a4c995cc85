"""Trunks by name, with fresh weights, from a folder: the same network comes back, what does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facewarden.core.artifact import save_artifact, sha256
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.nn import trunk as module
from facewarden.nn.multimodal.mmdg_vit import MmdgVit
from facewarden.nn.trunk import ROLE, SHAPES, TrunkShape, load_trunk, make_trunk, trunk_identity, trunk_settings

TINY = TrunkShape(size=32, patch=16, width=8, depth=2, heads=2)


def written(folder: Path, *, role: str = ROLE, shape: TrunkShape = TINY) -> torch.nn.Module:
    trunk = make_trunk(TINY, seed=3)
    half = {name: value.half() for name, value in trunk.state_dict().items()}
    save_artifact(folder, half, card=Card("tiny", "A tiny trunk", role, settings=trunk_settings(shape)), recipe={})
    return trunk


def test_fresh_weights_come_from_the_seed_alone() -> None:
    first, again, other = (load_trunk("face_vit:fresh", size=112, seed=s).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["patch_embed.proj.weight"], other["patch_embed.proj.weight"])


def test_it_carries_mmdg() -> None:
    network = MmdgVit(load_trunk("face_vit:fresh", size=112, seed=0, depth=2))
    assert len(network.blocks) == 2
    assert network(torch.zeros(3, 1, 3, 112, 112)).tokens.shape == (3, 1, SHAPES["face_vit"].width)


def test_a_folder_gives_back_the_network_in_single_precision(tmp_path: Path) -> None:
    trunk = written(tmp_path / "t")
    found = load_trunk(str(tmp_path / "t"), size=32, seed=0)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert {value.dtype for value in found.state_dict().values()} == {torch.float32}
    torch.testing.assert_close(found.eval()(images), trunk.eval()(images), atol=5e-3, rtol=0)


def test_another_size_resamples_the_positions(tmp_path: Path) -> None:
    written(tmp_path / "t")
    large = load_trunk(str(tmp_path / "t"), size=64, seed=0)
    assert large(torch.zeros(1, 3, 64, 64)).shape == (1, 8)
    small = load_trunk(str(tmp_path / "t"), size=32, seed=0)
    assert torch.equal(large.state_dict()["pos_embed"][:, 0], small.state_dict()["pos_embed"][:, 0])


def test_the_shipped_trunk_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHIPPED", tmp_path)
    monkeypatch.setattr(module, "SHAPES", {"face_vit": TINY})
    with pytest.raises(MissingAssetError, match="without its weights"):
        load_trunk("face_vit", size=32, seed=0)
    trunk = written(tmp_path / "face_vit")
    found = load_trunk("face_vit", size=32, seed=0)
    assert torch.equal(found.state_dict()["cls_token"], trunk.state_dict()["cls_token"].half().float())


@pytest.mark.parametrize(
    ("name", "size", "depth", "message"),
    [
        ("face_vit:fresh", 100, None, "100 px"),
        ("face_vit:fresh", 112, 9, "6 blocks"),
        ("dinov2_small:fresh", 100, None, "100 px"),
        ("dinov2_small:fresh", 112, 13, "12 blocks"),
        ("no_such_trunk", 112, None, "no_such_trunk"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, size: int, depth: int | None, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        load_trunk(name, size=size, seed=0, depth=depth)


def test_a_detector_is_no_trunk(tmp_path: Path) -> None:
    written(tmp_path / "t", role="pad")
    with pytest.raises(BadInputError, match="not a trunk"):
        load_trunk(str(tmp_path / "t"), size=32, seed=0)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "t", shape=TrunkShape(size=32, patch=16, width=8, depth=3, heads=2))
    with pytest.raises(BadInputError, match="do not fit"):
        load_trunk(str(tmp_path / "t"), size=32, seed=0)


def test_there_is_no_transformer_with_half_a_patch() -> None:
    with pytest.raises(BadInputError, match="shape"):
        TrunkShape(size=33, patch=16, width=8, depth=2, heads=2)


def test_what_a_trunk_starts_from_is_told_without_loading_it(tmp_path: Path) -> None:
    written(tmp_path / "t")
    digest = sha256(tmp_path / "t" / "weights.safetensors")
    assert trunk_identity(str(tmp_path / "t"), pretrained=False) == f"sha256:{digest}"
    assert trunk_identity("face_vit", pretrained=False).startswith("sha256:")
    assert trunk_identity("vit_tiny_patch16_224", pretrained=True).startswith("hub:timm/vit_tiny_patch16_224.")
    for name in ("face_vit:fresh", "vit_tiny_patch16_224", "vit_tiny_patch16_224:fresh"):
        assert trunk_identity(name, pretrained=False) == "fresh"
