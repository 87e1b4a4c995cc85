"""Three modalities through one plain vision transformer, side by side: the common base of the baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.nn.multimodal.adapters.u_adapter import grid_side
from facewarden.nn.multimodal.shared_trunk import SharedTrunk, choose_trainable, owned_by_name
from facewarden.nn.multimodal.vjp import fastest_attention
from facewarden.nn.precision import at_least_single


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
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> tuple[Float[Tensor, "b c g g"], Float[Tensor, "b c g g"]]:
        """Patches after the middle block and, normalized, after the last, as maps; for streams without adapters.

        Where the middle block lies below block `first`, the first of the two maps is what enters block `first`.

        Args:
            images: rgb, depth, infrared, each with three channels; or the streams in front of block `first`.
            weight: 0 where a modality's channels are 0.

        Returns:
            Two maps in single precision or better, with the channels of the three modalities side by side.

        Raises:
            BadInputError: the patches form no square.
        """
        streams, batch = images.shape[:2]
        stream = self.enter(images)
        middle = stream
        with fastest_attention(self.blocks, like=stream):
            for index in range(self.first, len(self.blocks)):
                stream = self.blocks[index](stream)
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
