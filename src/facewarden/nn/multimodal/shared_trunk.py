"""A plain vision transformer whose blocks three modalities share."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality

_PARTS = ("norm1", "attn", "ls1", "drop_path1", "norm2", "mlp", "ls2", "drop_path2")
_TRUNK = ("patches.", "class_tokens.", "positions.", "norm_pre.", "blocks.", "norm.")


class SharedTrunk(nn.Module):
    """A plain transformer whose blocks three modalities share; the rest of its input is copied for each of them.

    These are patch projection, class token and position embedding.

    Args:
        trunk: a timm `VisionTransformer`; its blocks are used as they are.
        first: block at which begins what a network adds; those below are the plain transformer's.

    Raises:
        BadInputError: the trunk has no single class token, other blocks, or fewer than `first`.
    """

    def __init__(self, trunk: nn.Module, *, first: int = 0) -> None:
        super().__init__()
        parts: Any = trunk
        check_plain(parts)
        if not 0 <= first < len(parts.blocks):
            raise BadInputError(
                f"first block {first} of {len(parts.blocks)}", hint=f"first_block: 0 to {len(parts.blocks) - 1}"
            )
        self.first = first
        self.dim = int(parts.embed_dim)
        self.patches = nn.ModuleDict({m: copy.deepcopy(parts.patch_embed) for m in MODALITIES})
        self.class_tokens = nn.ParameterDict({m: nn.Parameter(parts.cls_token.detach().clone()) for m in MODALITIES})
        self.positions = nn.ParameterDict({m: nn.Parameter(parts.pos_embed.detach().clone()) for m in MODALITIES})
        self.norm_pre, self.blocks, self.norm = parts.norm_pre, parts.blocks, parts.norm

    def embed(self, images: Float[Tensor, "b 3 s s"], modality: Modality) -> Float[Tensor, "b n d"]:
        """Class token and patches of one modality, with their positions."""
        patches = self.patches[modality](images)
        first = self.class_tokens[modality].expand(patches.shape[0], -1, -1)
        embedded: Tensor = self.norm_pre(torch.cat([first, patches], dim=1) + self.positions[modality])
        return embedded

    def embed_all(self, images: Float[Tensor, "m b 3 s s"]) -> Float[Tensor, "mb n d"]:
        """The embedded modalities one after another on the batch axis, so that blocks see one large batch."""
        return torch.cat([self.embed(images[i], m) for i, m in enumerate(MODALITIES)])

    def enter(self, images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"]) -> Float[Tensor, "mb n d"]:
        """The streams in front of block `first`: of pixels, or as `below` gave them before."""
        return images.flatten(0, 1) if images.ndim == 4 else self.below(images)

    def below(self, images: Float[Tensor, "m b 3 s s"]) -> Float[Tensor, "mb n d"]:
        """What the embedding and the blocks below `first` make of normalized images."""
        stream = self.embed_all(images)
        for block in list(self.blocks)[: self.first]:
            stream = block(stream)
        return stream

    def lower_state(self) -> dict[str, Tensor]:
        """Everything that `below` computes with, by name."""
        kept = ("patches.", "class_tokens.", "positions.", "norm_pre.")
        blocks = tuple(f"blocks.{index}." for index in range(self.first))
        return {name: value for name, value in self.state_dict().items() if name.startswith((*kept, *blocks))}


def choose_trainable(network: nn.Module, preset: str, *, streams: str, blocks: int) -> None:
    """Let gradients reach what a preset trains.

    Args:
        network: holds a `StreamVit`.
        preset: `paper` what was added to the trunk, `released` also its class tokens, position embeddings, last block
            and final norm, `full` everything.
        streams: name of the `StreamVit` in the network, with a dot.
        blocks: how many it has.
    """
    late = ("class_tokens.", "positions.", f"blocks.{blocks - 1}.", "norm.")
    for name, parameter in network.named_parameters():
        inside = name.removeprefix(streams)
        added = not (name.startswith(streams) and inside.startswith(_TRUNK))
        parameter.requires_grad_(preset == "full" or added or (preset == "released" and inside.startswith(late)))


def owned_by_name(network: nn.Module) -> Iterator[tuple[str, nn.Parameter, Modality | None]]:
    """Trainable parameters with the modality that a part of their name says, or None."""
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            yield name, parameter, next((m for m in MODALITIES if m in name.split(".")), None)


def check_plain(trunk: Any) -> None:
    """Raise when a transformer is not one whose blocks can be wrapped here.

    Raises:
        BadInputError: it has no single class token with position embeddings, or other blocks than timm's plain ones.
    """
    kind = type(trunk).__name__
    blocks = list(getattr(trunk, "blocks", ()))
    plain = blocks and all(hasattr(block, part) for block in blocks for part in _PARTS)
    single = getattr(trunk, "num_prefix_tokens", 0) == 1 and getattr(trunk, "cls_token", None) is not None
    embedded = getattr(trunk, "pos_embed", None) is not None and not getattr(trunk, "no_embed_class", False)
    if not (plain and single and embedded):
        raise BadInputError(
            f"{kind}: three streams need a plain vision transformer with one class token and position embeddings",
            hint="for example vit_base_patch16_224, vit_small_patch16_224 or vit_tiny_patch16_224",
        )
