from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import gelu

from facewarden.nn.multimodal.vjp import ReusableGelu, fastest_attention
from stand_ins import generator


def test_values_and_slopes_are_those_of_gelu() -> None:
    x = torch.randn(400, dtype=torch.float64, generator=generator(0)) * 3
    ours, theirs = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
    one, other = ReusableGelu()(ours), gelu(theirs)
    torch.testing.assert_close(one, other)
    weights = torch.randn(400, dtype=torch.float64, generator=generator(1))
    for _ in range(2):  # the graph can be used more than once
        torch.testing.assert_close(
            torch.autograd.grad(one, ours, weights, retain_graph=True),
            torch.autograd.grad(other, theirs, weights, retain_graph=True),
        )


def test_half_precision_rounds_once() -> None:
    x = torch.linspace(-6, 6, 301)
    half = x.bfloat16().requires_grad_(True)
    output = ReusableGelu()(half)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), gelu(half.detach().float()), atol=2e-3, rtol=8e-3)


def test_without_gradients_it_is_torch_s_own() -> None:
    x = torch.randn(50, generator=generator(2))
    assert torch.equal(ReusableGelu()(x), gelu(x))


def test_attention_is_written_out_only_where_that_pays() -> None:
    class Attention(nn.Module):
        fused_attn = True

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attn = Attention()

    blocks, x = [Block(), Block()], torch.zeros(1)
    blocks[1].attn.fused_attn = False
    with fastest_attention(blocks, like=x):
        assert [b.attn.fused_attn for b in blocks] == [True, False]
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad(), fastest_attention(blocks, like=x):
            assert [b.attn.fused_attn for b in blocks] == [True, False]
        with fastest_attention(blocks, like=x):
            assert [b.attn.fused_attn for b in blocks] == [False, False]
    assert [b.attn.fused_attn for b in blocks] == [True, False]
