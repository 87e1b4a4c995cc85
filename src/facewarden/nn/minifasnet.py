"""MiniFASNet: the depthwise-separable residual network of the released silent face anti-spoofing models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.errors import BadInputError


@dataclass(frozen=True)
class MiniFasNetPlan:
    """Widths of one released variant.

    Attributes:
        stages: for each of the three halvings, (hidden width, output width, hidden widths of the residual blocks).
        excite: whether the last block of each stage has squeeze-and-excitation.
        size: side of the square input in pixels, a multiple of 16.
    """

    stages: tuple[tuple[int, int, tuple[int, ...]], ...]
    excite: bool
    size: int = 80
    stem: int = 32
    wide: int = 512
    embedding: int = 128
    classes: int = 3


_NEGLIGIBLE = 1e-20  # decayed weights near 1e-38 change no digit, but their products are slow subnormal numbers
_V2 = ((103, 64, (13, 13, 13, 13)), (231, 128, (231, 52, 26, 77, 26, 26)), (308, 128, (26, 26)))
_V1 = ((103, 64, (13, 26, 13, 52)), (231, 128, (154, 52, 26, 52, 26, 26)), (308, 128, (26, 26)))

PLANS: Mapping[str, MiniFasNetPlan] = MappingProxyType(
    {
        "MiniFASNetV2": MiniFasNetPlan(_V2, excite=False),
        "MiniFASNetV1SE": MiniFasNetPlan(_V1, excite=True),
        "MiniFASNetV2SE-128": MiniFasNetPlan(_V2, excite=True, size=128),
    }
)
"""Variant -> widths: the two released 80 px checkpoints and the 128 px one of npm faceplugin."""


class _ConvPrelu(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups),
            nn.PReLU(outputs),
        )


class _Separable(nn.Sequential):
    """Widen by 1x1, filter per channel by 3x3, project by 1x1 without activation."""

    def __init__(self, inputs: int, hidden: int, *, outputs: int, stride: int = 1) -> None:
        super().__init__(
            _ConvPrelu(inputs, hidden, kernel=1),
            _ConvPrelu(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1),
        )


class _Excite(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(width, width // 4, 1),
            nn.ReLU(),
            nn.Conv2d(width // 4, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        gate: Tensor = self.gate(maps)
        return maps * gate


class _Residual(nn.Module):
    def __init__(self, width: int, hidden: int, *, excite: bool) -> None:
        super().__init__()
        self.branch = _Separable(width, hidden, outputs=width)
        self.excite = _Excite(width) if excite else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        change: Tensor = self.excite(self.branch(maps))
        return maps + change


class MiniFasNetwork(nn.Module):
    """The network with its batch normalization folded into the convolutions, for inference and gradients to the input.

    Args:
        plan: widths, one of `PLANS`.
    """

    def __init__(self, plan: MiniFasNetPlan) -> None:
        super().__init__()
        self.plan = plan
        layers: list[nn.Module] = [
            _ConvPrelu(3, plan.stem, stride=2),
            _ConvPrelu(plan.stem, plan.stem, groups=plan.stem),
        ]
        width = plan.stem
        for hidden, outputs, blocks in plan.stages:
            layers.append(_Separable(width, hidden, outputs=outputs, stride=2))
            width = outputs
            last = len(blocks) - 1
            layers += [_Residual(width, block, excite=plan.excite and i == last) for i, block in enumerate(blocks)]
        layers.append(_ConvPrelu(width, plan.wide, kernel=1))
        layers.append(nn.Conv2d(plan.wide, plan.wide, plan.size // 16, groups=plan.wide))  # one weight per position
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.embed = nn.Linear(plan.wide, plan.embedding)
        self.classify = nn.Linear(plan.embedding, plan.classes, bias=False)

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b d"]]:
        """Class logits and the embedding that they are read from."""
        embedding = self.embed(self.body(images))
        return self.classify(embedding), embedding

    def load_in_order(self, tensors: Iterable[Tensor], *, source: str) -> None:
        """Fill the parameters with tensors that come in the order of execution, then freeze them.

        Args:
            tensors: weight and bias of each convolution, slopes of each PReLU, as they are applied.
            source: named in the error.

        Raises:
            BadInputError: another number of tensors, or another shape somewhere.
        """
        given, wanted = list(tensors), list(self.named_parameters())
        if len(given) != len(wanted):
            raise BadInputError(
                f"{source}: {len(given)} tensors, this variant has {len(wanted)}",
                hint=f"known variants: {', '.join(PLANS)}",
            )
        for (name, parameter), value in zip(wanted, given, strict=True):
            if parameter.numel() != value.numel():
                raise BadInputError(
                    f"{source}: {name} has shape {tuple(value.shape)}, expected {tuple(parameter.shape)}",
                    hint=f"known variants: {', '.join(PLANS)}",
                )
            with torch.no_grad():
                parameter.copy_(value.reshape(parameter.shape))
                parameter[parameter.abs() < _NEGLIGIBLE] = 0
        self.requires_grad_(False).eval()


def fold_batch_norm(
    weight: Tensor, mean: Tensor, variance: Tensor, *, gain: Tensor, shift: Tensor, epsilon: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Weight and bias of the bias-free layer `weight` followed by batch normalization in inference mode.

    Args:
        weight: first axis is the output channel.
        mean, variance, gain, shift: one value per output channel.
        epsilon: added to the variance.
    """
    factor = gain.double() / (variance.double() + epsilon).sqrt()
    folded = weight.double() * factor.reshape(-1, *[1] * (weight.ndim - 1))
    return folded.to(weight.dtype), (shift.double() - mean.double() * factor).to(weight.dtype)
