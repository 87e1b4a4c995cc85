"""The joint sequence: the formula of its adapter, timm's transformer without adapters, what is masked is not heard."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from facewarden.nn.multimodal.joint_vit import JointAdapter, JointVit, LateJointVit
from facewarden.nn.trunk import TrunkShape, make_trunk
from stand_ins import generator

SHAPE = TrunkShape(size=32, patch=16, width=24, depth=2, heads=3)
APART = ("class_tokens", "positions")  # of the two forms in other shapes; both are the trunk's


def awake(module: torch.nn.Module) -> Any:
    for number, (name, parameter) in enumerate(module.named_parameters()):
        if "up." in name or "weigh" in name or "conv" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(number)) * 0.3
    return module.requires_grad_(False).eval()


def images(count: int = 2) -> Tensor:
    return torch.randn(3, count, 3, 32, 32, generator=generator(1))


def act(x: Tensor) -> Tensor:
    return x / (1 + (-1.702 * x).exp())


def test_the_adapter_is_the_formula() -> None:
    made, x = awake(JointAdapter(6, hidden=2)), torch.randn(2, 13, 6, generator=generator(5))
    with torch.no_grad():
        narrow = act(made.down(x))
        maps = [narrow[:, 1 + 4 * i : 5 + 4 * i].transpose(1, 2).reshape(2, 2, 2, 2) for i in range(3)]
        together = F.conv2d(torch.cat(maps, dim=1), made.conv.weight, padding=1)
        shares = torch.sigmoid(torch.cat(maps, dim=1).mean(dim=(2, 3)) @ made.weigh.weight.T)
        patches = [(shares[:, i, None, None, None] * together).flatten(2).transpose(1, 2) for i in range(3)]
        first = F.conv2d(narrow[:, 0].repeat(1, 3)[..., None, None], made.conv.weight, padding=1)[:, :, 0, 0]
        expected = made.up(act(torch.cat([first[:, None], *patches], dim=1)))
    torch.testing.assert_close(made(x, None), expected, atol=1e-5, rtol=1e-5)
    assert float(JointAdapter(6, hidden=2)(x, None).abs().sum().detach()) == 0.0


def test_with_fresh_adapters_it_is_the_trunk_on_the_long_sequence() -> None:
    trunk: Any = make_trunk(SHAPE, seed=0).eval()
    given = images()
    x = torch.cat([trunk._pos_embed(trunk.patch_embed(given[0]))[:, :1].mean(dim=0, keepdim=True).expand(2, -1, -1),
                   *(trunk._pos_embed(trunk.patch_embed(one))[:, 1:] for one in given)], dim=1)  # fmt: skip
    for block in trunk.blocks:
        x = block(x)
    network = JointVit(trunk, hidden=2).requires_grad_(False).eval()
    score, token = network(given)
    torch.testing.assert_close(token, trunk.norm(x)[:, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(score, network.head(token)[:, 0])


def test_joined_at_block_0_it_is_the_joint_form_and_at_a_later_one_the_lower_blocks_see_one_sensor() -> None:
    torch.manual_seed(0)
    joint = awake(JointVit(make_trunk(SHAPE, seed=0), hidden=2))
    late = LateJointVit(make_trunk(SHAPE, seed=0), hidden=2, first=0).requires_grad_(False).eval()
    late.load_state_dict({k: v for k, v in joint.state_dict().items() if k.split(".")[0] not in APART}, strict=False)
    given = images()
    torch.testing.assert_close(late(given)[0], joint(given)[0], atol=1e-5, rtol=1e-5)
    from_last = awake(LateJointVit(make_trunk(SHAPE, seed=0), hidden=2, first=1))
    kept = from_last.below(given).reshape(3, given.shape[1], -1, from_last.dim)
    torch.testing.assert_close(kept[1], from_last.blocks[0](from_last.embed(given[1], "depth")))
    torch.testing.assert_close(from_last(kept)[0], from_last(given)[0])
    weight = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    changed = given.clone()
    changed[1] += 1.0
    one, other = from_last(given, weight=weight)[0], from_last(changed, weight=weight)[0]
    assert float(one[0]) == float(other[0])
    assert float(one[1]) != float(other[1])


@pytest.mark.parametrize("fused", [True, False])
def test_what_is_masked_is_not_heard_and_the_class_token_sees_all_that_is_there(fused: bool) -> None:
    network = awake(JointVit(make_trunk(SHAPE, seed=0), hidden=2))
    for block in network.blocks:
        block.attn.fused_attn = fused
    given, weight = images(), torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    changed = given.clone()
    changed[1] += 1.0
    one, other = network(given, weight=weight)[0], network(changed, weight=weight)[0]
    assert float(one[0]) == float(other[0])
    assert float(one[1]) != float(other[1])
    torch.testing.assert_close(network(given, weight=torch.ones(3, 2))[0], network(given)[0])
    alone = network(given[:, 1:], weight=weight[:, 1:])[0]
    torch.testing.assert_close(alone, one[1:], msg="the company does not matter")


def test_presets_and_owners() -> None:
    network = JointVit(make_trunk(SHAPE, seed=0), hidden=2)
    network.choose_trainable("paper")
    trained = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert trained == {"beside_attention", "beside_mlp", "head"}
    network.choose_trainable("released")
    assert {name for name, _, owner in network.owned() if owner == "depth"} == {"positions.depth"}
