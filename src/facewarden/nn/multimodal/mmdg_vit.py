"""The MMDG network: one timm vision transformer shared by three modalities, with U-Adapters between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.seeding import derive
from facewarden.nn.multimodal.adapters.u_adapter import UAdapter, run_adapters
from facewarden.nn.multimodal.shared_trunk import SharedTrunk
from facewarden.nn.multimodal.uem import UncertaintyMode, certainty_closed_form, certainty_mc
from facewarden.nn.multimodal.vjp import ReusableGelu, fastest_attention
from facewarden.nn.precision import at_least_single, full_precision

Preset = Literal["paper", "released"]

ROUTES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "rgb_from_depth": (1, 0),
        "rgb_from_infrared": (2, 0),
        "depth_from_rgb": (0, 1),
        "infrared_from_rgb": (0, 2),
    }
)
"""Adapter -> (helper, receiver) as positions in rgb, depth, infrared: RGB is the hub, the others never meet."""


@dataclass(frozen=True, eq=False)
class StreamOutput:
    """What the network says of a batch.

    Attributes:
        logits: `(b, 2)` attack and bona fide.
        tokens: `(m, b, d)` final class tokens of rgb, depth, infrared.
        certainty: `(m, b)` of the class token in the last block; no gradient.
        maps: `(m, b, blocks, n)` certainty of every token in every block that has adapters, where asked for.
    """

    logits: Tensor
    tokens: Tensor
    certainty: Tensor
    maps: Tensor | None = None


class MmdgVit(SharedTrunk):
    """Three streams through one transformer, coupled by four U-Adapters a block.

    The streams lie one after another on the batch axis, so the shared blocks see one large batch. Only the class tokens
    leave the network, so the last block computes its MLP and its adapters for them alone.

    Source: Lin et al., CVPR 2024, section 3 and figure 3; where paper and released code differ, the residual of the
    pretrained block is kept (as the code does).

    Args:
        trunk: a timm `VisionTransformer`; its blocks are used as they are, its patch projection, class token and
            position embedding are copied for each modality.
        hidden: width of the adapters.
        theta: share of the central difference in their convolution.
        dropout: inside the adapters.
        uncertainty: `closed_form`, or `mc` with the published 20 samples.
        gated: whether certainties temper the adapters' attention; they are reported either way.
        seed: of the fresh layers, and of the draws of `mc` in evaluation.
        first: block of the first adapters; in the published network the first of all.

    Raises:
        BadInputError: the trunk has no single class token, other blocks, or fewer than `first`.
    """

    def __init__(
        self,
        trunk: nn.Module,
        *,
        hidden: int = 8,
        theta: float = 0.5,
        dropout: float = 0.2,
        uncertainty: UncertaintyMode = "closed_form",
        gated: bool = True,
        seed: int = 0,
        first: int = 0,
    ) -> None:
        super().__init__(trunk, first=first)
        self.seed, self.uncertainty, self.gated = seed, uncertainty, gated
        blocks: Any = self.blocks
        for block in blocks:
            if type(block.mlp.act) is nn.GELU:  # exact type: another activation stays as it is
                block.mlp.act = ReusableGelu(block.mlp.act.approximate)
        with torch.random.fork_rng(devices=[]):  # torch draws initial values from its global generator
            torch.manual_seed(derive(seed, "mmdg", "adapters"))
            self.adapters = nn.ModuleList(
                nn.ModuleDict(
                    {name: UAdapter(self.dim, hidden=hidden, theta=theta, dropout=dropout) for name in ROUTES}
                )
                for _ in range(first, len(self.blocks))
            )
            self.head = nn.Linear(len(MODALITIES) * self.dim, 2)

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
        maps: bool = False,
    ) -> StreamOutput:
        """Run normalized images.

        Args:
            images: rgb, depth, infrared, each with three channels; or the streams in front of the first adapters.
            weight: 0 where a sample's modality neither helps another, nor is helped, nor reaches the classifier.
            maps: also return every token's certainty.
        """
        streams, batch = images.shape[:2]
        stream = self.enter(images)
        certainties = []
        with fastest_attention(self.blocks, like=stream):
            for index in range(self.first, len(self.blocks)):
                stream, certainty = self._block(index, stream, batch=batch, weight=weight)
                certainties.append(certainty)
        tokens = at_least_single(self.norm(stream[:, 0]).reshape(streams, batch, -1))
        weighted = tokens if weight is None else tokens * weight[..., None].to(tokens.dtype)
        with full_precision(weighted):
            logits = self.head(weighted.transpose(0, 1).flatten(1))
        return StreamOutput(
            logits=logits,
            tokens=tokens,
            certainty=certainties[-1][:, :, 0],
            maps=torch.stack(certainties, dim=2) if maps else None,
        )

    def _block(self, index: int, stream: Tensor, *, batch: int, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        block: Any = self.blocks[index]
        last = index == len(self.blocks) - 1
        attended = block.attn(block.norm1(stream))
        certainty = self._certainty(attended.detach(), index, batch=batch)
        stream = stream + block.drop_path1(block.ls1(attended))
        normal = block.norm2(stream)
        adapters: Any = self.adapters[index - self.first]
        added = run_adapters(
            [adapters[name] for name in ROUTES],
            list(ROUTES.values()),
            normal.view(-1, batch, *normal.shape[1:]),
            certainty=certainty if self.gated else torch.ones_like(certainty),
            weight=weight,
            class_only=last,
        ).flatten(0, 1)
        if last:
            stream, normal = stream[:, :1], normal[:, :1]
        return stream + block.drop_path2(block.ls2(block.mlp(normal))) + added, certainty

    def _certainty(self, attended: Tensor, index: int, *, batch: int) -> Tensor:
        each = attended.view(-1, batch, *attended.shape[1:])
        if self.uncertainty == "closed_form":
            return certainty_closed_form(each)
        if self.training:
            return certainty_mc(each)
        generator = torch.Generator(each.device).manual_seed(derive(self.seed, "uem", index))
        return certainty_mc(each, generator=generator, shared=True)

    def choose_trainable(self, preset: Preset) -> None:
        """Let gradients reach what a preset trains: `paper` the adapters and the head, `released` what its code does.

        The released code also trains class tokens, position embeddings, the last block and the final norm.
        """
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.startswith(_trained(preset, blocks=len(self.blocks))))

    def forget_positions(self) -> None:
        """Draw the position embeddings from N(0, 0.02), as the released code does with the pretrained ones."""
        generator = torch.Generator().manual_seed(derive(self.seed, "mmdg", "positions"))
        for position in self.positions.values():
            position.data = (torch.randn(position.shape, generator=generator) * 0.02).to(position)

    def owned(self) -> Iterator[tuple[str, nn.Parameter, Modality | None]]:
        """Trainable parameters with the modality that owns them: the receiving one for an adapter, none for shared."""
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                yield name, parameter, _owner(name)


def _trained(preset: Preset, *, blocks: int) -> tuple[str, ...]:
    always = ("adapters.", "head.")
    if preset == "paper":
        return always
    return (*always, "class_tokens.", "positions.", f"blocks.{blocks - 1}.", "norm.")


def _owner(name: str) -> Modality | None:
    group, *rest = name.split(".")
    if group == "adapters":
        return MODALITIES[ROUTES[rest[1]][1]]
    if group in ("class_tokens", "positions", "patches"):
        return next(m for m in MODALITIES if m == rest[0])
    return None
