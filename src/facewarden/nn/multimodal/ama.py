"""Adapters that convolve the tokens of all modalities together and weight the result for each modality."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.adapters.cdc_adapter import convolve_tokens
from facewarden.nn.multimodal.stream_vit import OnStreams, StreamVit
from facewarden.nn.precision import at_least_single, full_precision


class MultimodalAdapter(nn.Module):
    """Tokens of all modalities, narrowed, convolved together and given back with one adaptive weight per modality.

    With `k_m = gelu(down_m(x_m))`, 0 where a modality is masked: `f = gelu(conv3x3([k_1, k_2, k_3]))`, the weights
    `a = sigmoid(W mean_patches([k_1, k_2, k_3]) + b)`, and modality m receives `up_m(a_m f + k_m)`. A fresh one adds
    nothing.

    Source: after the adaptive multimodal adapter of Yu et al., "Rethinking Vision Transformer and Masked Autoencoder in
    Multimodal Face Anti-Spoofing", IJCV 2024; no public code of it exists, the form of the weights is ours.

    Args:
        dim: width d of the transformer.
        hidden: channels inside, per modality.
    """

    def __init__(self, dim: int, *, hidden: int) -> None:
        super().__init__()
        many = len(MODALITIES)
        self.down = nn.ModuleDict({m: nn.Linear(dim, hidden) for m in MODALITIES})
        self.conv = nn.Conv2d(many * hidden, hidden, 3, padding=1, bias=False)
        self.weigh = nn.Linear(many * hidden, many)
        self.up = nn.ModuleDict({m: nn.Linear(hidden, dim) for m in MODALITIES})
        for layer in self.up.values():
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, tokens: Float[Tensor, "m b n d"], weight: Float[Tensor, "m b"] | None
    ) -> Float[Tensor, "m b n d"]:
        """What is added to each stream; token 0 is the class token, the others a square of patches."""
        narrow = torch.stack([F.gelu(self.down[m](x)) for m, x in zip(MODALITIES, tokens, strict=True)])
        if weight is not None:
            narrow = narrow * weight[..., None, None].to(narrow.dtype)
        beside = torch.cat(narrow.unbind(), dim=-1)
        together = F.gelu(convolve_tokens(beside, self.conv.weight))
        shares = torch.sigmoid(self.weigh(beside[:, 1:].mean(dim=1)))
        given = [self.up[m](shares[:, i, None, None] * together + narrow[i]) for i, m in enumerate(MODALITIES)]
        return torch.stack(given)


class FlexibleVit(OnStreams):
    """A transformer with multimodal adapters that is scored from the mean class token of the modalities it was given.

    Args:
        streams: the transformer with its adapters.
    """

    def __init__(self, streams: StreamVit) -> None:
        super().__init__(streams)
        self.head = nn.Linear(streams.dim, 1)

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, "m b d"]]:
        """Score and class tokens of normalized images; where `weight` is 0 a modality has no influence."""
        tokens = at_least_single(self.streams(images, weight=weight))
        shares = torch.ones_like(tokens[..., :1]) if weight is None else weight[..., None].to(tokens.dtype)
        mean = (tokens * shares).sum(dim=0) / shares.sum(dim=0).clamp(min=1)
        with full_precision(mean):
            return self.head(mean)[:, 0], tokens
