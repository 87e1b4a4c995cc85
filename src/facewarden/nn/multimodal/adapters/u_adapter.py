"""U-Adapters: narrow cross-modal attention whose queries are tempered by the helper's certainty."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.errors import BadInputError
from facewarden.nn.multimodal.cdc import CentralDifferenceConv2d, fold_central_difference
from facewarden.nn.precision import at_least_single

_SLOPE = 1.702


def quick_gelu(x: Tensor) -> Tensor:
    """The cheap form of GELU, `x * sigmoid(1.702 x)`."""
    return x * torch.sigmoid(_SLOPE * x)


def start_at_zero(*down: nn.Linear, up: nn.Linear) -> None:
    """Initial values of an adapter: down-projections are drawn (Xavier), the up-projection gives 0.

    So a fresh adapter adds nothing.
    """
    for layer in down:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    nn.init.zeros_(up.weight)
    nn.init.zeros_(up.bias)


def attend_by_channel(
    query: Float[Tensor, "b r h"], key: Float[Tensor, "b n h"], value: Float[Tensor, "b n h"]
) -> Float[Tensor, "b r h"]:
    """Attention with one head of width 1 for each channel, whose logits are not scaled; in single precision."""
    with torch.autocast(query.device.type, enabled=False):  # heads of width 1 gain nothing from bfloat16
        heads = [at_least_single(x).transpose(1, 2)[..., None] for x in (query, key, value)]
        mixed = F.scaled_dot_product_attention(heads[0], heads[1], heads[2], scale=1.0)
    return mixed[..., 0].transpose(1, 2)


class UAdapter(nn.Module):
    """Adds features of one modality (the helper) to another (the receiver) inside a transformer block.

    Query from the helper, key, value and residual from the receiver, logits of row i times the helper's certainty of
    token i, then a central difference convolution over the patches. The up-projection starts at zero, so a fresh
    adapter adds nothing. It has `13 h^2 + (3 d + 5) h + d` parameters.

    Source: Lin et al., CVPR 2024, equation 4; heads, residual and initial values as released.

    Args:
        dim: width d of the transformer.
        hidden: width h inside, which is also the number of heads (each of width 1).
        theta: share of the central difference.
        dropout: before the up-projection.
    """

    def __init__(self, dim: int, *, hidden: int = 8, theta: float = 0.5, dropout: float = 0.2) -> None:
        super().__init__()
        self.hidden, self.dropout = hidden, dropout
        self.down_receiver = nn.Linear(dim, hidden)
        self.down_helper = nn.Linear(dim, hidden)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.value = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.conv = CentralDifferenceConv2d(hidden, hidden, theta=theta)
        self.up = nn.Linear(hidden, dim)
        start_at_zero(self.down_receiver, self.down_helper, up=self.up)

    def forward(
        self, helper: Float[Tensor, "b n d"], receiver: Float[Tensor, "b n d"], certainty: Float[Tensor, "b n"]
    ) -> Float[Tensor, "b n d"]:
        """What is added to the receiver's stream; token 0 is the class token, the others a square of patches.

        The plain form, one adapter at a time: `run_adapters` computes all four of a block at once.
        """
        keep = quick_gelu(self.down_receiver(receiver))
        queries = self.query(quick_gelu(self.down_helper(helper))).transpose(1, 2)
        key, value = self.key(keep).transpose(1, 2), self.value(keep).transpose(1, 2)
        logits = queries[..., :, None] * key[..., None, :] * certainty[:, None, :, None]
        mixed = (logits.softmax(dim=-1) @ value[..., None]).squeeze(-1).transpose(1, 2)
        tokens = self.norm(self.out(mixed) + keep)
        side = grid_side(tokens.shape[1] - 1)
        maps = tokens[:, 1:].transpose(1, 2).unflatten(2, (side, side))
        patches = self.conv(maps).flatten(2).transpose(1, 2)
        first = self.conv(tokens[:, :1].transpose(1, 2)[..., None]).flatten(2).transpose(1, 2)
        active = quick_gelu(torch.cat([first, patches], dim=1))
        added: Tensor = self.up(F.dropout(active, self.dropout, self.training))
        return added


def grid_side(patches: int) -> int:
    """Side of the square that the patches form.

    Raises:
        BadInputError: they form none.
    """
    side = math.isqrt(patches)
    if side * side != patches:
        raise BadInputError(f"{patches} patches are no square", hint="use square images")
    return side


def run_adapters(
    adapters: Sequence[UAdapter],
    routes: Sequence[tuple[int, int]],
    tokens: Float[Tensor, "m b n d"],
    *,
    certainty: Float[Tensor, "m b n"],
    weight: Float[Tensor, "m b"] | None = None,
    class_only: bool = False,
) -> Float[Tensor, "m b r d"]:
    """Sum of what all adapters of a block add to each stream, computed for all of them together.

    Args:
        adapters: of equal sizes.
        routes: (helper, receiver) of each, as positions on the first axis of `tokens`.
        tokens: normalized tokens of the streams, class token first.
        certainty: of each token.
        weight: factor on what each stream's sample gives as a helper and takes as a receiver, 0 for an absent one.
        class_only: compute the class token's row only (r = 1), which is all that a last block needs.
    """
    first = adapters[0]
    streams, batch, count, _ = tokens.shape
    keep, queries = _project_down(adapters, routes, tokens, rows=1 if class_only else count)
    pool = len(adapters) * batch

    def mix(x: Tensor, layers: Sequence[nn.Linear]) -> Tensor:
        stacked = torch.stack([layer.weight for layer in layers])
        return (x.flatten(1, 2) @ stacked.transpose(1, 2)).view(x.shape[0], batch, -1, x.shape[-1])

    rows = queries.shape[2]
    gate = torch.stack([certainty[helper, :, :rows] for helper, _ in routes])
    query = mix(queries, [a.query for a in adapters]) * gate[..., None].to(queries.dtype)
    key, value = mix(keep, [a.key for a in adapters]), mix(keep, [a.value for a in adapters])
    mixed = attend_by_channel(*(x.reshape(pool, -1, first.hidden) for x in (query, key, value)))
    mixed = mixed.view(len(adapters), batch, rows, -1)
    mixed = mix(mixed, [a.out for a in adapters]) + _stack([a.out.bias for a in adapters])
    kept = F.layer_norm(mixed + keep[:, :, :rows], (first.hidden,), eps=first.norm.eps)
    kept = kept * _stack([a.norm.weight for a in adapters]) + _stack([a.norm.bias for a in adapters])
    active = F.dropout(quick_gelu(_convolve(adapters, kept)), first.dropout, first.training)
    if weight is None:
        said = active.new_ones(*active.shape[:2])
    else:
        said = torch.stack([weight[helper] * weight[receiver] for helper, receiver in routes]).to(active.dtype)
    return _project_up(adapters, routes, active, said=said[..., None, None], streams=streams)


def _project_down(
    adapters: Sequence[UAdapter], routes: Sequence[tuple[int, int]], tokens: Tensor, *, rows: int
) -> tuple[Tensor, Tensor]:
    """Receiver's and helper's narrow tokens of each adapter: one product per stream instead of two per adapter."""
    keep: list[Tensor | None] = [None] * len(adapters)
    queries: list[Tensor | None] = [None] * len(adapters)
    for stream, own in enumerate(tokens.unbind(0)):  # one unbind: indexing would cost a zero-filled gradient each
        takes = [i for i, (_, receiver) in enumerate(routes) if receiver == stream]
        gives = [i for i, (helper, _) in enumerate(routes) if helper == stream]
        layers = [adapters[i].down_receiver for i in takes] + [adapters[i].down_helper for i in gives]
        wide = F.linear(own, torch.cat([x.weight for x in layers]), torch.cat([x.bias for x in layers]))
        parts = quick_gelu(wide).tensor_split(len(layers), dim=-1)
        for i, part in zip(takes, parts, strict=False):
            keep[i] = part
        for i, part in zip(gives, parts[len(takes) :], strict=True):
            queries[i] = part[:, :rows]
    return torch.stack([x for x in keep if x is not None]), torch.stack([x for x in queries if x is not None])


def _convolve(adapters: Sequence[UAdapter], kept: Tensor) -> Tensor:
    """Central difference convolution of all adapters' tokens; the class token sees the kernel's center only."""
    many, batch, rows, hidden = kept.shape
    weight = fold_central_difference(torch.stack([a.conv.weight for a in adapters]), theta=adapters[0].conv.theta)
    center = weight[..., weight.shape[-2] // 2, weight.shape[-1] // 2]
    first = kept[:, :, 0] @ center.transpose(1, 2)
    if rows == 1:
        return first[:, :, None]
    side = grid_side(rows - 1)
    maps = kept[:, :, 1:].permute(1, 0, 3, 2).reshape(batch, many * hidden, side, side)
    seen = F.conv2d(maps, weight.flatten(0, 1), padding=weight.shape[-1] // 2, groups=many)
    patches = seen.view(batch, many, hidden, side * side).permute(1, 0, 3, 2)
    return torch.cat([first[:, :, None], patches], dim=2)


def _project_up(
    adapters: Sequence[UAdapter],
    routes: Sequence[tuple[int, int]],
    active: Tensor,
    *,
    said: Tensor,
    streams: int,
) -> Tensor:
    """One product per stream over all its adapters side by side; a column that holds `said` carries the bias."""
    inputs = torch.cat([active * said, said.expand(*active.shape[:3], 1)], dim=-1)
    weights = torch.stack([torch.cat([a.up.weight, a.up.bias[:, None]], dim=1) for a in adapters])
    into = [[i for i, (_, receiver) in enumerate(routes) if receiver == stream] for stream in range(streams)]
    widest = max(map(len, into)) * inputs.shape[-1]

    def side_by_side(tensors: Sequence[Tensor]) -> Tensor:
        wide = torch.cat(list(tensors), dim=-1)
        return F.pad(wide, (0, widest - wide.shape[-1]))

    left = torch.stack([side_by_side([inputs[i] for i in group]) for group in into]).flatten(1, 2)
    right = torch.stack([side_by_side([weights[i] for i in group]) for group in into])
    added: Tensor = left @ right.transpose(1, 2)
    return added.view(streams, *active.shape[1:3], -1)


def _stack(vectors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(vectors))[:, None, None]
