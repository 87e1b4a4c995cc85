from __future__ import annotations

import pytest
import torch
from torch import nn

from facewarden.core.compat import ensure_torchvision
from facewarden.core.errors import BadInputError
from facewarden.nn.multimodal.mmdg_vit import MmdgVit
from facewarden.nn.multimodal.uem import UncertaintyMode
from stand_ins import generator

ensure_torchvision()
timm = pytest.importorskip("timm")


def trunk(name: str = "vit_tiny_patch16_224", *, depth: int = 3) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        made: nn.Module = timm.create_model(name, num_classes=0, img_size=32, depth=depth)
    return made.eval()


def network(*, depth: int = 3, act: bool = True, uncertainty: UncertaintyMode = "closed_form") -> MmdgVit:
    made = MmdgVit(trunk(depth=depth), uncertainty=uncertainty).eval()
    if act:
        for name, parameter in made.named_parameters():
            if ".up." in name:
                parameter.data = torch.randn(parameter.shape, generator=generator(len(name))) * 0.1
    return made


def images(count: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randn(3, count, 3, 32, 32, generator=generator(seed))


@pytest.fixture(scope="module")
def base() -> MmdgVit:
    with torch.device("meta"):  # sizes only
        return MmdgVit(timm.create_model("vit_base_patch16_224", num_classes=0))


def count(model: MmdgVit, *starts: str, trained: bool = False) -> int:
    return sum(
        p.numel() for n, p in model.named_parameters() if n.startswith(starts) and (p.requires_grad or not trained)
    )


def test_parameters_of_vit_b_are_those_of_the_paper(base: MmdgVit) -> None:
    assert count(base, "") == 88_252_034
    assert count(base, "adapters.") == 963_456 == 48 * 20_072
    assert count(base, "head.") == 4_610
    assert count(base, "class_tokens.") == 2_304
    assert count(base, "positions.") == 453_888
    assert count(base, "patches.") == 1_771_776
    assert count(base, "norm.") == 1_536
    assert count(base, "blocks.11.") == 7_087_872
    base.choose_trainable("paper")
    assert count(base, "", trained=True) == 968_066
    base.choose_trainable("released")
    assert count(base, "", trained=True) == 8_513_666


def test_owners_are_the_receiving_modalities(base: MmdgVit) -> None:
    base.choose_trainable("released")
    owners = {name: owner for name, _, owner in base.owned()}
    assert owners["adapters.0.rgb_from_depth.up.weight"] == "rgb"
    assert owners["adapters.11.rgb_from_infrared.conv.weight"] == "rgb"
    assert owners["adapters.3.depth_from_rgb.query.weight"] == "depth"
    assert owners["adapters.3.infrared_from_rgb.norm.bias"] == "infrared"
    assert owners["class_tokens.depth"] == "depth"
    assert owners["positions.infrared"] == "infrared"
    assert owners["head.weight"] is None
    assert owners["blocks.11.mlp.fc1.weight"] is None
    assert "blocks.0.mlp.fc1.weight" not in owners


def test_with_fresh_adapters_each_stream_is_timm_s_own_network() -> None:
    plain = trunk()
    expected = [plain.forward_features(x)[:, 0] for x in images()]  # type: ignore[operator]
    with torch.no_grad():
        tokens = network(act=False)(images()).tokens
    for one, other in zip(tokens, expected, strict=True):
        torch.testing.assert_close(one, other.detach(), atol=1e-5, rtol=1e-4)


def test_a_clip_trunk_fits_too() -> None:
    plain = trunk("vit_base_patch32_clip_224", depth=1)
    expected = plain.forward_features(images()[0])[:, 0].detach()  # type: ignore[operator]
    with torch.no_grad():
        tokens = MmdgVit(plain).eval()(images()).tokens
    torch.testing.assert_close(tokens[0], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["vit_base_patch16_siglip_224", "deit_tiny_distilled_patch16_224"])
def test_other_trunks_are_refused(name: str) -> None:
    with torch.device("meta"), pytest.raises(BadInputError, match="class token"):
        MmdgVit(timm.create_model(name, num_classes=0, depth=1))


def test_depth_and_infrared_meet_only_through_rgb() -> None:
    """After one block depth has not heard of infrared; after two it has, through RGB."""
    for depth, heard in ((1, False), (2, True)):
        model, x = network(depth=depth), images()
        other = x.clone()
        other[2] = -other[2]
        with torch.no_grad():
            change = (model(x).tokens - model(other).tokens).abs().amax(dim=(1, 2))
        assert float(change[0]) > 0, "RGB hears infrared at once"
        assert (float(change[1]) > 0) is heard


def test_masked_streams_reach_nobody() -> None:
    model, x = network(), images()
    weight = torch.ones(3, 2)
    weight[1, 0] = 0.0
    other = x.clone()
    other[1, 0] = -other[1, 0]
    with torch.no_grad():
        one, two = model(x, weight=weight), model(other, weight=weight)
        full, all_ones = model(x), model(x, weight=torch.ones(3, 2))
    assert torch.equal(one.logits, two.logits)
    assert torch.equal(one.tokens[0], two.tokens[0])
    assert not torch.equal(one.logits[0], full.logits[0])
    torch.testing.assert_close(one.logits[1], full.logits[1])
    torch.testing.assert_close(all_ones.logits, full.logits)


def test_certainty_maps_cover_every_token_of_every_block() -> None:
    with torch.no_grad():
        output = network()(images(), maps=True)
    assert output.maps is not None
    assert output.maps.shape == (3, 2, 3, 5)
    assert 0 < float(output.maps.min()) <= float(output.maps.max()) <= 1
    assert torch.equal(output.maps[:, :, -1, 0], output.certainty)
    assert network()(images()).maps is None


def test_sampled_certainty_repeats_itself_in_evaluation_and_varies_in_training() -> None:
    model = network(uncertainty="mc")
    with torch.no_grad():
        assert torch.equal(model(images()).logits, model(images()).logits)
        together, alone = model(images(3)).certainty, model(images(3)[:, 1:]).certainty
        torch.testing.assert_close(together[:, 1:], alone, atol=1e-5, rtol=0)
        exact = network()(images())
        assert not torch.equal(model(images()).logits, exact.logits)
        torch.testing.assert_close(model(images()).certainty, exact.certainty, atol=0.02, rtol=0)
        model.train()
        for module in model.modules():
            if hasattr(module, "dropout"):
                module.dropout = 0.0
        assert not torch.equal(model(images()).logits, model(images()).logits)


def test_released_positions_are_drawn_anew_from_the_seed() -> None:
    one, two = network(), network()
    before = one.positions["rgb"].detach().clone()
    one.forget_positions()
    two.forget_positions()
    assert not torch.equal(one.positions["rgb"], before)
    assert all(torch.equal(one.positions[m], two.positions[m]) for m in one.positions)
    assert not torch.equal(one.positions["rgb"], one.positions["depth"])
    assert float(one.positions["rgb"].detach().std()) == pytest.approx(0.02, rel=0.1)


def test_bfloat16_stays_close() -> None:
    model = network()
    with torch.no_grad():
        exact = model(images())
        with torch.autocast("cpu", torch.bfloat16):
            half = model(images())
    torch.testing.assert_close(half.tokens.float(), exact.tokens, atol=0.08, rtol=0.05)


def test_without_the_gate_adapters_attend_as_if_everything_were_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    gated, open_ = network(), network()
    open_.gated = False
    with torch.no_grad():
        one, other = gated(images()), open_(images())
        assert not torch.allclose(one.logits, other.logits, atol=1e-6)
        assert float(other.certainty.max()) < 1  # still measured: ReGrad may use it
        monkeypatch.setattr(
            "facewarden.nn.multimodal.mmdg_vit.certainty_closed_form", lambda each: torch.ones_like(each[..., 0])
        )
        assert torch.equal(gated(images()).logits, other.logits)
