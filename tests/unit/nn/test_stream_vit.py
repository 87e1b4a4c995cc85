"""Three plain streams: each is timm's transformer, MMDG with fresh adapters is the same, presets and owners by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.mmdg_vit import MmdgVit
from facewarden.nn.multimodal.stream_heads import StreamClassifier
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.nn.trunk import TrunkShape, make_trunk
from stand_ins import generator

SHAPE = TrunkShape(size=32, patch=16, width=24, depth=3, heads=3)


def trunk() -> Any:
    made = make_trunk(SHAPE, seed=0).eval()
    for parameter in made.parameters():  # biases and gains that are not zero or one
        parameter.data += torch.randn(parameter.shape, generator=generator(parameter.numel())) * 0.02
    return made


def images(count: int = 2) -> Tensor:
    return torch.randn(3, count, 3, 32, 32, generator=generator(1))


class Constant(nn.Module):
    """Adds one to the tokens of the modalities that are not masked."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))

    def forward(self, tokens: Tensor, weight: Tensor | None) -> Tensor:
        shown = torch.ones(tokens.shape[:2]) if weight is None else weight
        return (torch.ones_like(tokens) * shown[..., None, None]) * self.gain


def test_every_stream_is_the_plain_transformer() -> None:
    given = images()
    expected = torch.stack([trunk().forward_features(x)[:, 0] for x in given])
    torch.testing.assert_close(StreamVit(trunk()).eval()(given), expected, atol=1e-5, rtol=1e-5)


def test_mmdg_with_fresh_adapters_is_the_same() -> None:
    given = images()
    plain, coupled = StreamVit(trunk()).eval(), MmdgVit(trunk(), seed=0).eval()
    torch.testing.assert_close(plain(given), coupled(given).tokens, atol=1e-5, rtol=1e-5)


def test_what_is_added_may_go_through_the_norm_of_its_block() -> None:
    """Released: z + attention + norm1(adapter(norm1 z)), then h + mlp + norm2(adapter(norm2 h))."""
    shown = trunk()
    x = shown._pos_embed(shown.patch_embed(images()[0]))
    for block in shown.blocks:
        gain = torch.ones(SHAPE.width)
        x = x + block.attn(block.norm1(x)) + block.norm1(gain)
        x = x + block.mlp(block.norm2(x)) + block.norm2(gain)
    network = StreamVit(shown, make_adapter=Constant, norm_added=True).eval()
    torch.testing.assert_close(network(images())[0], shown.norm(x)[:, 0], atol=1e-5, rtol=1e-5)


def test_adapters_may_lie_beside_the_mlp_only() -> None:
    shown = trunk()
    x = shown._pos_embed(shown.patch_embed(images()[0]))
    for block in shown.blocks:
        x = x + block.attn(block.norm1(x))
        x = x + block.mlp(block.norm2(x)) + 1.0
    network = StreamVit(shown, make_adapter=Constant, only_mlp=True).eval()
    assert (len(network.beside_attention), len(network.beside_mlp)) == (0, SHAPE.depth)
    torch.testing.assert_close(network(images())[0], shown.norm(x)[:, 0], atol=1e-5, rtol=1e-5)


def test_patch_maps_are_the_tokens_of_the_middle_and_the_last_block_side_by_side() -> None:
    shown, given = trunk(), images()
    streams = StreamVit(trunk()).eval()
    early, late = streams.patch_maps(given)
    wide = streams.dim
    for i, one in enumerate(given):
        x = shown._pos_embed(shown.patch_embed(one))
        for block in shown.blocks[:2]:  # of three blocks, the second is the middle one
            x = block(x)
        for maps, tokens in ((early, x), (late, shown.forward_features(one))):
            own = maps[:, i * wide : (i + 1) * wide].flatten(2).transpose(1, 2)  # row by row
            torch.testing.assert_close(own, tokens[:, 1:], atol=1e-5, rtol=1e-5)
    for first, entering in ((1, early), (2, early)):  # from the third block the middle is what enters it
        kept = StreamVit(trunk(), first=first).eval()
        below = kept.below(given).reshape(3, given.shape[1], -1, wide)
        for found in (kept.patch_maps(given), kept.patch_maps(below)):
            torch.testing.assert_close(found[0], entering, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(found[1], late, atol=1e-5, rtol=1e-5)
    _, masked = streams.patch_maps(given, weight=torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]))
    expected = late.clone()
    expected[0, wide : 2 * wide] = 0.0
    torch.testing.assert_close(masked, expected)


def test_adapters_are_added_beside_attention_and_mlp_of_every_block() -> None:
    shown = trunk()
    adapted = StreamVit(shown, make_adapter=Constant).eval()
    x = shown._pos_embed(shown.patch_embed(images()[0]))
    for block in shown.blocks:
        x = x + block.attn(block.norm1(x)) + 1
        x = x + block.mlp(block.norm2(x)) + 1
    torch.testing.assert_close(adapted(images())[0], shown.norm(x)[:, 0], atol=1e-5, rtol=1e-5)
    masked = adapted(images(), weight=torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]))
    torch.testing.assert_close(masked[1, 0], StreamVit(trunk()).eval()(images())[1, 0], atol=1e-5, rtol=1e-5)


def test_what_is_masked_does_not_reach_the_joint_classifier() -> None:
    network = StreamClassifier(StreamVit(trunk()), branches=True).eval()
    weight = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    output, full = network(images(), weight=weight), network(images())
    assert output.alone is not None
    tokens = full.features.clone()
    tokens[0, 24:48] = 0.0
    torch.testing.assert_close(output.score, network.head(tokens)[:, 0])
    torch.testing.assert_close(output.alone[1], network.alone["depth"](full.features[:, 24:48])[:, 0])
    assert StreamClassifier(StreamVit(trunk())).eval()(images()).alone is None


@pytest.mark.parametrize("preset", ["paper", "released", "full"])
def test_presets(preset: str) -> None:
    network = StreamClassifier(StreamVit(trunk(), make_adapter=Constant), branches=True)
    network.choose_trainable(preset)
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    added = {n for n, _ in network.named_parameters() if n.startswith(("head.", "alone.")) or ".beside_" in n}
    late = {
        n
        for n, _ in network.named_parameters()
        if n.removeprefix("streams.").startswith(("class_tokens.", "positions.", "blocks.2.", "norm."))
    }
    everything = {name for name, _ in network.named_parameters()}
    assert trained == {"paper": added, "released": added | late, "full": everything}[preset]


def test_owners_are_read_from_names() -> None:
    network = StreamClassifier(StreamVit(trunk()), branches=True)
    owners = {name: owner for name, _, owner in network.owned()}
    assert owners["streams.patches.depth.proj.weight"] == "depth"
    assert owners["alone.infrared.weight"] == "infrared"
    assert owners["head.weight"] is None
    assert owners["streams.blocks.0.attn.qkv.weight"] is None
    assert set(owners.values()) == {*MODALITIES, None}


def test_another_network_is_refused() -> None:
    with pytest.raises(BadInputError, match="plain vision transformer"):
        StreamVit(nn.Linear(2, 2))
