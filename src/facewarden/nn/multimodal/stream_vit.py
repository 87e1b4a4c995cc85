"""Three modalities through one plain vision transformer, side by side: the common base of the baselines."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.nn.multimodal.u_adapter import grid_side
from facewarden.nn.multimodal.vjp import fastest_attention
from facewarden.nn.precision import at_least_single, full_precision

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
        first = self.class_tokens[modality].expand(len(patches), -1, -1)
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


class StreamVit(SharedTrunk):
    """Class tokens of rgb, depth and infrared from shared blocks, with adapters beside attention and MLP or without.

    The streams lie one after another on the batch axis. Without adapters every stream is the plain transformer.

    Args:
        trunk: a timm `VisionTransformer`; its blocks are used as they are.
        make_adapter: given the width of the tokens, a module that is called with the normalized tokens `(m, b, n, d)`
            and the weight `(m, b)` or None, and returns what is added beside the attention, and another of them beside
            the MLP, of every block.
        only_mlp: adapters lie beside the MLP only.
        norm_added: send what an adapter gives through the norm of the block that its input came from, before it is
            added; then a fresh adapter adds the norm's bias.
        first: block of the first adapters.

    Raises:
        BadInputError: the trunk has no single class token, other blocks, or fewer than `first`.
    """

    def __init__(
        self,
        trunk: nn.Module,
        *,
        make_adapter: Callable[[int], nn.Module] | None = None,
        only_mlp: bool = False,
        norm_added: bool = False,
        first: int = 0,
    ) -> None:
        super().__init__(trunk, first=first)
        self.norm_added = norm_added
        count = (len(self.blocks) - first) * (1 if only_mlp else 2)
        made = [] if make_adapter is None else [make_adapter(self.dim) for _ in range(count)]
        self.beside_attention = nn.ModuleList([] if only_mlp else made[0::2])
        self.beside_mlp = nn.ModuleList(made if only_mlp else made[1::2])

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> Float[Tensor, "m b d"]:
        """Class tokens of normalized images.

        Args:
            images: rgb, depth, infrared, each with three channels; or the streams in front of the first block that is
                adapted.
            weight: 0 where a sample's modality is masked; only adapters that look across modalities heed it.
        """
        streams, batch = images.shape[:2]
        stream = self.enter(images)
        with fastest_attention(self.blocks, like=stream):
            for index in range(self.first, len(self.blocks)):
                stream = self._block(index, stream, batch=batch, weight=weight)
        tokens: Tensor = self.norm(stream[:, 0]).reshape(streams, batch, -1)
        return tokens

    def patch_maps(
        self, images: Float[Tensor, "m b 3 s s"], *, weight: Float[Tensor, "m b"] | None = None
    ) -> tuple[Float[Tensor, "b c g g"], Float[Tensor, "b c g g"]]:
        """Patches after the middle block and, normalized, after the last, as maps; for streams without adapters.

        Args:
            images: rgb, depth, infrared, each with three channels.
            weight: 0 where a modality's channels are 0.

        Returns:
            Two maps in single precision or better, with the channels of the three modalities side by side.

        Raises:
            BadInputError: the patches form no square.
        """
        streams, batch = images.shape[:2]
        stream = self.embed_all(images)
        middle = stream
        with fastest_attention(self.blocks, like=stream):
            for index, block in enumerate(self.blocks):
                stream = block(stream)
                middle = stream if index == (len(self.blocks) - 1) // 2 else middle
        side = grid_side(stream.shape[1] - 1)

        def map_of(tokens: Tensor) -> Tensor:
            full = at_least_single(tokens[:, 1:]).reshape(streams, batch, -1, self.dim)
            shown = full if weight is None else full * weight[..., None, None].to(full)
            return shown.permute(1, 0, 3, 2).reshape(batch, -1, side, side)

        return map_of(middle), map_of(self.norm(stream))

    def _block(self, index: int, stream: Tensor, *, batch: int, weight: Tensor | None) -> Tensor:
        block: Any = self.blocks[index]
        last, place = index == len(self.blocks) - 1, index - self.first
        normal = block.norm1(stream)
        stream = stream + block.drop_path1(block.ls1(block.attn(normal)))
        if self.beside_attention:
            stream = stream + self._added(self.beside_attention[place], block.norm1, normal, batch, weight)
        elif last and not self.beside_mlp:
            stream = stream[:, :1]  # only the class token leaves
        normal = block.norm2(stream)
        stream = stream + block.drop_path2(block.ls2(block.mlp(normal)))
        if self.beside_mlp:
            stream = stream + self._added(self.beside_mlp[place], block.norm2, normal, batch, weight)
        return stream

    def _added(self, adapter: nn.Module, norm: nn.Module, normal: Tensor, batch: int, weight: Tensor | None) -> Tensor:
        added: Tensor = adapter(normal.view(-1, batch, *normal.shape[1:]), weight).flatten(0, 1)
        return norm(added) if self.norm_added else added


class OnStreams(nn.Module):
    """A network that stands on the tokens of a `StreamVit`.

    Args:
        streams: the transformer.
    """

    def __init__(self, streams: StreamVit) -> None:
        super().__init__()
        self.streams = streams

    def choose_trainable(self, preset: str) -> None:
        """Let gradients reach what a preset trains, see `choose_trainable`."""
        choose_trainable(self, preset, streams="streams.", blocks=len(self.streams.blocks))

    def owned(self) -> Iterator[tuple[str, nn.Parameter, Modality | None]]:
        """Trainable parameters with the modality that owns them."""
        return owned_by_name(self)


@dataclass(frozen=True, eq=False)
class StreamScores:
    """Output of a classifier over three streams.

    Attributes:
        score: `(b,)` logit of all modalities together.
        features: `(b, 3 d)` class tokens of rgb, depth, infrared side by side.
        alone: `(m, b)` logit of each modality, where there are such heads.
    """

    score: Tensor
    features: Tensor
    alone: Tensor | None = None


class StreamClassifier(OnStreams):
    """A linear classifier on the concatenated class tokens of a `StreamVit`, and one on each of them if wanted.

    Args:
        streams: the transformer.
        branches: also classify each modality alone.
    """

    def __init__(self, streams: StreamVit, *, branches: bool = False) -> None:
        super().__init__(streams)
        self.head = nn.Linear(len(MODALITIES) * streams.dim, 1)
        self.alone = nn.ModuleDict({m: nn.Linear(streams.dim, 1) for m in MODALITIES if branches})

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> StreamScores:
        """Score normalized images; where `weight` is 0 a modality does not reach the joint classifier."""
        tokens = at_least_single(self.streams(images, weight=weight))
        weighted = tokens if weight is None else tokens * weight[..., None].to(tokens.dtype)
        with full_precision(weighted):
            single = [self.alone[m](tokens[i])[:, 0] for i, m in enumerate(MODALITIES)] if self.alone else []
            score = self.head(weighted.transpose(0, 1).flatten(1))[:, 0]
        return StreamScores(
            score=score,
            features=tokens.transpose(0, 1).flatten(1),
            alone=torch.stack(single) if single else None,
        )


class StreamEnsemble(OnStreams):
    """A linear classifier on each class token of a `StreamVit`; the score is the mean of those that are there.

    Args:
        streams: the transformer.
    """

    def __init__(self, streams: StreamVit) -> None:
        super().__init__(streams)
        self.alone = nn.ModuleDict({m: nn.Linear(streams.dim, 1) for m in MODALITIES})

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> StreamScores:
        """Score normalized images; where `weight` is 0 a modality has no vote."""
        tokens = at_least_single(self.streams(images, weight=weight))
        with full_precision(tokens):
            single = torch.stack([self.alone[m](tokens[i])[:, 0] for i, m in enumerate(MODALITIES)])
        votes = torch.ones_like(single) if weight is None else weight.to(single)
        score = (single * votes).sum(dim=0) / votes.sum(dim=0).clamp(min=1)
        return StreamScores(score=score, features=tokens.transpose(0, 1).flatten(1), alone=single)


def shared_trunk(network: nn.Module) -> SharedTrunk:
    """The transformer that a network is, or stands on.

    Raises:
        BadInputError: it has none whose first blocks can be kept.
    """
    inside = network.streams if isinstance(network, OnStreams) else network
    if not isinstance(inside, SharedTrunk):
        raise BadInputError(
            f"{type(network).__name__} has no blocks that could be kept", hint="a detector with first_block"
        )
    return inside


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
