"""DADM's network: three streams, a mask for each pair of modalities in every block, and a head for each domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES, Modality
from facewarden.nn.multimodal.adapters.cdc_adapter import CdcAdapter
from facewarden.nn.multimodal.domain_heads import DomainHeads
from facewarden.nn.multimodal.mmdg_vit import StreamOutput
from facewarden.nn.multimodal.mutual_mask import Form, MutualMask
from facewarden.nn.multimodal.shared_trunk import SharedTrunk, choose_trainable
from facewarden.nn.multimodal.vjp import fastest_attention
from facewarden.nn.precision import at_least_single, full_precision

PAIRS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"rgb_depth": (0, 1), "rgb_infrared": (0, 2), "depth_infrared": (1, 2)}
)
"""Pair -> its modalities as positions in rgb, depth, infrared; the second owns the pair's parameters, as released."""

_THETA, _DROPOUT = 0.7, 0.1


@dataclass(frozen=True, eq=False)
class DadmOutput(StreamOutput):
    """What the network says of a batch; `logits` are the mean head's, `certainty` the mean of the information vectors.

    Attributes:
        by_domain: `(b, places, 2)` logits of each domain's head.
        information: `(blocks, pairs, 2, b, d)` mean token of each modality after the pair's mask, where there are any.
    """

    by_domain: Tensor | None = None
    information: Tensor | None = None


class MaskedBlock(nn.Module):
    """What is added beside the MLP of one block: masks of the three pairs, and one adapter for each modality.

    Modality m has two pairs. In each, its masked attention output and its half of the interaction map go through a
    linear layer; the mean over the pairs goes through a central difference adapter. `published` layers give the
    transformer's width; `slim` ones give the adapter's own, as nothing lies between them and its down-projection.

    Args:
        dim: width d of the transformer.
        hidden: channels of the adapters.
        width: of the interaction map.
        form: `slim` or `published`.
    """

    def __init__(self, dim: int, *, hidden: int, width: int, form: Form) -> None:
        super().__init__()
        inner = hidden if form == "slim" else dim
        self.masks = nn.ModuleDict({p: MutualMask(dim, width=width, form=form) for p in PAIRS})
        self.fuse = nn.ModuleDict(
            {p: nn.ModuleList(nn.Linear(dim + width // 2, inner) for _ in range(2)) for p in PAIRS}
        )
        self.adapters = nn.ModuleDict({m: _adapter(dim, hidden=hidden, inputs=inner) for m in MODALITIES})

    def forward(
        self, attended: Float[Tensor, "m b n d"], weight: Float[Tensor, "m b"] | None
    ) -> tuple[Float[Tensor, "m b n d"], Float[Tensor, "p 2 b d"]]:
        """What is added to the streams, and the information vectors of the pairs; masked modalities are no partners."""
        shown = torch.ones(attended.shape[:2], device=attended.device) if weight is None else weight
        given: list[list[Tensor]] = [[] for _ in MODALITIES]
        counts = [torch.zeros_like(shown[0]) for _ in MODALITIES]
        told = []
        for name, (i, j) in PAIRS.items():
            mask: Any = self.masks[name]
            fuse: Any = self.fuse[name]
            pair = mask(attended[i], attended[j])
            both = shown[i] * shown[j]
            halves = pair.together.chunk(2, dim=-1)
            for side, (m, kept) in enumerate(((i, pair.one), (j, pair.other))):
                fused = fuse[side](torch.cat([kept, halves[side]], dim=-1))
                given[m].append(fused * both[:, None, None].to(fused.dtype))
                counts[m] = counts[m] + both
            told.append(torch.stack([pair.one.mean(dim=1), pair.other.mean(dim=1)]))
        added = []
        for m, name in enumerate(MODALITIES):
            mean = torch.stack(given[m]).sum(dim=0) / counts[m].clamp(min=1)[:, None, None].to(attended.dtype)
            added.append(self.adapters[name](mean))
        return torch.stack(added), torch.stack(told)


class OwnBlock(nn.Module):
    """The same without masks: each modality's own attention output goes through its adapter."""

    def __init__(self, dim: int, *, hidden: int) -> None:
        super().__init__()
        self.adapters = nn.ModuleDict({m: _adapter(dim, hidden=hidden, inputs=dim) for m in MODALITIES})

    def forward(
        self, attended: Float[Tensor, "m b n d"], weight: Float[Tensor, "m b"] | None
    ) -> tuple[Float[Tensor, "m b n d"], None]:
        """What is added to the streams; there is no information vector."""
        return torch.stack([self.adapters[m](one) for m, one in zip(MODALITIES, attended, strict=True)]), None


class DadmVit(SharedTrunk):
    """Three streams through one transformer, with masks and adapters beside every MLP, and heads for the domains.

    Source: Yang et al., "DADM: Dual Alignment of Domain and Modality for Face Anti-Spoofing", ICCV 2025.

    Args:
        trunk: a timm `VisionTransformer`; patch projection, class token and positions are copied for each modality.
        hidden: channels of the adapters.
        width: of the interaction maps.
        form: `slim` or `published` masks.
        masks: whether there are masks, or only the adapters.
        places: heads; one where domains are not told apart.
        first: block of the first masks and adapters; in the published network the first of all.

    Raises:
        BadInputError: the trunk has no single class token, other blocks, or fewer than `first`.
    """

    def __init__(
        self, trunk: nn.Module, *, hidden: int, width: int, form: Form, masks: bool, places: int, first: int = 0
    ) -> None:
        super().__init__(trunk, first=first)
        self.beside = nn.ModuleList(
            MaskedBlock(self.dim, hidden=hidden, width=width, form=form) if masks else OwnBlock(self.dim, hidden=hidden)
            for _ in range(first, len(self.blocks))
        )
        self.heads = DomainHeads(len(MODALITIES) * self.dim, classes=2, places=places)

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> DadmOutput:
        """Run normalized images, or the streams in front of the first masks.

        Where `weight` is 0 a modality is no partner and does not reach the heads.
        """
        streams, batch = images.shape[:2]
        stream, told = self.enter(images), []
        with fastest_attention(self.blocks, like=stream):
            for index in range(self.first, len(self.blocks)):
                stream, information = self._block(index, stream, batch=batch, weight=weight)
                told += [] if information is None else [information]
        tokens = at_least_single(self.norm(stream[:, 0]).reshape(streams, batch, -1))
        weighted = tokens if weight is None else tokens * weight[..., None].to(tokens.dtype)
        features = weighted.transpose(0, 1).flatten(1)
        with full_precision(features):
            by_domain = self.heads(features)
            logits = features @ self.heads.mean.T
        information = at_least_single(torch.stack(told)) if told else None
        certain = tokens.new_ones(streams, batch) if information is None else mean_information(information.detach())
        return DadmOutput(
            logits=logits,
            tokens=tokens,
            certainty=certain,
            by_domain=by_domain,
            information=information,
        )

    def _block(self, index: int, stream: Tensor, *, batch: int, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
        block: Any = self.blocks[index]
        attended = block.attn(block.norm1(stream))
        added, information = self.beside[index - self.first](attended.view(-1, batch, *attended.shape[1:]), weight)
        stream = stream + block.drop_path1(block.ls1(attended))
        changed = block.drop_path2(block.ls2(block.mlp(block.norm2(stream))))
        return stream + changed + added.flatten(0, 1), information

    def choose_trainable(self, preset: str) -> None:
        """Let gradients reach what a preset trains."""
        choose_trainable(self, preset, streams="", blocks=len(self.blocks))

    def owned(self) -> Iterator[tuple[str, nn.Parameter, Modality | None]]:
        """Trainable parameters with the modality that owns them: the second of a pair for masks and fusion."""
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                words = name.split(".")
                pair = next((PAIRS[word] for word in words if word in PAIRS), None)
                own = next((m for m in MODALITIES if m in words), None)
                yield name, parameter, own if pair is None else MODALITIES[pair[1]]


def _adapter(dim: int, *, hidden: int, inputs: int) -> CdcAdapter:
    return CdcAdapter(dim, hidden=hidden, theta=_THETA, activation="quick_gelu", dropout=_DROPOUT, inputs=inputs)


def mean_information(information: Tensor) -> Tensor:
    """`(m, b)` mean over blocks, the modality's two pairs and channels of its information vectors."""
    mean = information.mean(dim=(0, 4))
    sides: list[list[Tensor]] = [[] for _ in MODALITIES]
    for pair, (i, j) in enumerate(PAIRS.values()):
        sides[i].append(mean[pair, 0])
        sides[j].append(mean[pair, 1])
    return torch.stack([torch.stack(side).mean(dim=0) for side in sides])
