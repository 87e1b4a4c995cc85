"""One sequence of all modalities' patches behind one class token, through one transformer with multimodal adapters."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES, Modality
from facewarden.nn.multimodal.adapters.cdc_adapter import convolve_tokens
from facewarden.nn.multimodal.adapters.u_adapter import quick_gelu, start_at_zero
from facewarden.nn.multimodal.shared_trunk import SharedTrunk, check_plain, choose_trainable, owned_by_name
from facewarden.nn.multimodal.vjp import fastest_attention
from facewarden.nn.precision import at_least_single, full_precision

_MANY = len(MODALITIES)


class JointAdapter(nn.Module):
    """Narrows the joint sequence, convolves the three maps together and gives them back with one weight per modality.

    With `k = act(down(x))`, the three maps `k_m` side by side and `f = conv3x3([k_1, k_2, k_3])`, the weights are
    `a = sigmoid(W mean_patches([k_1, k_2, k_3]))` and patches of modality m receive `up(act(a_m f))`. The class token
    stands for all three, each a map of one pixel. `act` is QuickGELU. A fresh one adds nothing.

    Source: the adaptive multimodal adapter of Yu et al., "Rethinking Vision Transformer and Masked Autoencoder in
    Multimodal Face Anti-Spoofing", IJCV 2024, in the form that code of MMDG's lineage has.

    Args:
        dim: width d of the transformer.
        hidden: channels inside.
        dropout: before the up-projection.
    """

    def __init__(self, dim: int, *, hidden: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = dropout
        self.down = nn.Linear(dim, hidden)
        self.conv = nn.Conv2d(_MANY * hidden, hidden, 3, padding=1, bias=False)
        self.weigh = nn.Linear(_MANY * hidden, _MANY, bias=False)
        self.up = nn.Linear(hidden, dim)
        start_at_zero(self.down, up=self.up)

    def forward(self, tokens: Float[Tensor, "b n d"], weight: Float[Tensor, "m b"] | None) -> Float[Tensor, "b n d"]:
        """What is added to the sequence: token 0 is the class token, then the patches of rgb, depth and infrared."""
        narrow = quick_gelu(self.down(tokens))
        maps = narrow[:, 1:].reshape(narrow.shape[0], _MANY, -1, narrow.shape[-1])
        if weight is not None:
            maps = maps * weight.T[..., None, None].to(maps.dtype)
        beside = torch.cat(maps.unbind(dim=1), dim=-1)
        together = convolve_tokens(torch.cat([narrow[:, :1].repeat(1, 1, _MANY), beside], dim=1), self.conv.weight)
        shares = torch.sigmoid(self.weigh(beside.mean(dim=1)))
        patches = (shares[..., None, None] * together[:, None, 1:]).flatten(1, 2)
        active = quick_gelu(torch.cat([together[:, :1], patches], dim=1))
        added: Tensor = self.up(F.dropout(active, self.dropout, self.training))
        return added


class _JointSequence(nn.Module):
    """One sequence of three sensors' patches through blocks with joint adapters; what its two forms share."""

    blocks: nn.Module
    norm: nn.Module

    def _add_adapters(self, dim: int, *, hidden: int, count: int) -> None:
        self.beside_attention = nn.ModuleList(JointAdapter(dim, hidden=hidden) for _ in range(count))
        self.beside_mlp = nn.ModuleList(JointAdapter(dim, hidden=hidden) for _ in range(count))
        self.head = nn.Linear(dim, 1)

    def _scored(
        self, stream: Float[Tensor, "b n d"], weight: Float[Tensor, "m b"] | None
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, "b d"]]:
        """Score and class token of a sequence, after the last blocks, as many as there are adapters."""
        patches = (stream.shape[1] - 1) // _MANY
        blocked = None if weight is None else _blocked(weight, patches=patches).to(stream.dtype)
        blocks: list[Any] = list(self.blocks.children())[-len(self.beside_mlp) :]
        with fastest_attention(blocks, like=stream):
            for block, beside_attention, beside_mlp in zip(blocks, self.beside_attention, self.beside_mlp, strict=True):
                normal = block.norm1(stream)
                attended = block.attn(normal) if blocked is None else block.attn(normal, attn_mask=blocked)
                stream = stream + block.drop_path1(block.ls1(attended)) + beside_attention(normal, weight)
                normal = block.norm2(stream)
                stream = stream + block.drop_path2(block.ls2(block.mlp(normal))) + beside_mlp(normal, weight)
        token = at_least_single(self.norm(stream[:, 0]))
        with full_precision(token):
            return self.head(token)[:, 0], token

    def choose_trainable(self, preset: str) -> None:
        """Let gradients reach what a preset trains."""
        choose_trainable(self, preset, streams="", blocks=len(list(self.blocks.children())))

    def owned(self) -> Iterator[tuple[str, nn.Parameter, Modality | None]]:
        """Trainable parameters with the modality that owns them."""
        return owned_by_name(self)


class JointVit(_JointSequence):
    """Patches of rgb, depth and infrared one after another behind one class token, which a linear layer scores.

    Every token attends to those of all modalities that are there. Adapters lie beside attention and MLP.

    Args:
        trunk: a timm `VisionTransformer`; patch projection and patch positions are copied for each modality.
        hidden: channels of the adapters.

    Raises:
        BadInputError: the trunk has no single class token, or other blocks.
    """

    def __init__(self, trunk: nn.Module, *, hidden: int) -> None:
        super().__init__()
        parts: Any = trunk
        check_plain(parts)
        dim, position = int(parts.embed_dim), parts.pos_embed.detach()
        self.patches = nn.ModuleDict({m: copy.deepcopy(parts.patch_embed) for m in MODALITIES})
        self.class_tokens = nn.ParameterDict({"joint": nn.Parameter(parts.cls_token.detach() + position[:, :1])})
        self.positions = nn.ParameterDict({m: nn.Parameter(position[:, 1:].clone()) for m in MODALITIES})
        self.norm_pre, self.blocks, self.norm = parts.norm_pre, parts.blocks, parts.norm
        self._add_adapters(dim, hidden=hidden, count=len(parts.blocks))

    def forward(
        self, images: Float[Tensor, "m b 3 s s"], *, weight: Float[Tensor, "m b"] | None = None
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, "b d"]]:
        """Score and class token of normalized images; where `weight` is 0 nobody attends to a modality's patches."""
        patches = [self.patches[m](images[i]) + self.positions[m] for i, m in enumerate(MODALITIES)]
        first = self.class_tokens["joint"].expand(images.shape[1], -1, -1)
        return self._scored(self.norm_pre(torch.cat([first, *patches], dim=1)), weight)


class LateJointVit(SharedTrunk, _JointSequence):
    """Three plain streams below block `first`, and from there on one sequence, as of `JointVit`.

    Its class token is the mean of those of the modalities that are there. This form is ours: it lets plans keep what
    the frozen blocks below `first` compute.

    Args:
        trunk: a timm `VisionTransformer`; patch projection, class token and positions are copied for each modality.
        hidden: channels of the adapters.
        first: block in front of which the streams become one sequence.

    Raises:
        BadInputError: the trunk has no single class token, other blocks, or fewer than `first`.
    """

    def __init__(self, trunk: nn.Module, *, hidden: int, first: int) -> None:
        super().__init__(trunk, first=first)
        self._add_adapters(self.dim, hidden=hidden, count=len(self.blocks) - first)

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, "b d"]]:
        """Score and class token of normalized images, or of streams; `weight` as of `JointVit`."""
        batch = images.shape[1]
        streams = self.enter(images).reshape(_MANY, batch, -1, self.dim)
        shares = streams.new_ones(_MANY, batch) if weight is None else weight.to(streams)
        total = (streams[:, :, :1] * shares[..., None, None]).sum(dim=0)
        token = total / shares.sum(dim=0).clamp(min=1)[:, None, None]
        return self._scored(torch.cat([token, *streams[:, :, 1:]], dim=1), weight)


def _blocked(weight: Tensor, *, patches: int) -> Tensor:
    """Added to attention logits `(b, 1, n, n)`: minus infinity at keys of masked modalities."""
    keys = torch.repeat_interleave(weight.T > 0, patches, dim=1)
    seen = torch.cat([keys.new_ones(keys.shape[0], 1), keys], dim=1)
    added = torch.zeros(seen.shape, device=weight.device).masked_fill(~seen, -torch.inf)
    return added[:, None, None].expand(-1, 1, seen.shape[1], -1)
