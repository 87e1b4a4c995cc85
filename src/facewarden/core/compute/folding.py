"""Batch normalizations of a frozen network folded into the convolutions in front of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facewarden.core.compute.packed import PackedConvolution, can_pack


def lay_out(network: nn.Module, run: Callable[[], object]) -> bool:
    """Fold batch normalizations of a network in place, and lay its convolutions out for the CPU.

    Which convolution is in front of which normalization is seen while the network runs: a pair is folded where every
    output of the convolution is the input of the normalization and the other way round, and both are parts of the same
    module. Whether an output is used by anything else is not seen; whoever calls this compares outputs.

    Args:
        network: in evaluation mode; a copy, whose modules may be replaced.
        run: runs the network once.

    Returns:
        Whether anything was replaced.
    """
    replaced: dict[nn.Module, nn.Module] = {}
    for convolution, normalization in _pairs(network, run).items():
        rest = _after(normalization)
        if rest is not None:
            replaced[convolution] = fuse_conv_bn_eval(convolution, normalization).requires_grad_(False)
            replaced[normalization] = rest
    for module in list(network.modules()):
        plain = replaced.get(module, module)
        if isinstance(plain, nn.Conv2d) and can_pack(plain):
            replaced[module] = PackedConvolution(plain)
    _swap(network, replaced)
    return bool(replaced)


def _pairs(network: nn.Module, run: Callable[[], object]) -> Mapping[nn.Conv2d, nn.BatchNorm2d]:
    """Convolutions and the normalizations that alone follow them."""
    made: dict[int, nn.Conv2d] = {}
    kept: list[Tensor] = []  # an address is not given to another tensor while this one lives
    calls: Counter[nn.Module] = Counter()
    fed: Counter[tuple[nn.Conv2d, nn.BatchNorm2d]] = Counter()

    def see(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls[module] += 1
        if isinstance(module, nn.Conv2d):
            made[id(output)] = module
            kept.append(output)
        elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in made:
            fed[made[id(inputs[0])], module] += 1

    kinds = (nn.Conv2d, nn.BatchNorm2d)
    hooks = [module.register_forward_hook(see) for module in network.modules() if isinstance(module, kinds)]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    parents = {child: parent for parent in network.modules() for child in parent.children()}
    return {
        convolution: normalization
        for (convolution, normalization), times in fed.items()
        if times == calls[convolution] == calls[normalization]
        and parents.get(convolution) is parents.get(normalization)
    }


def _after(normalization: nn.BatchNorm2d) -> nn.Module | None:
    """What a normalization does besides normalizing; None where that is not known."""
    if normalization.running_mean is None or normalization.running_var is None:
        return None
    if type(normalization) is nn.BatchNorm2d:
        return nn.Identity()
    if type(normalization).__name__ == "BatchNormAct2d":  # of timm
        parts = [getattr(normalization, name, None) for name in ("drop", "act")]
        if all(isinstance(part, nn.Module) for part in parts):
            return nn.Sequential(*[part for part in parts if part is not None])
    return None


def _swap(network: nn.Module, replaced: Mapping[nn.Module, nn.Module]) -> None:
    for parent in list(network.modules()):
        for name, child in parent._modules.items():
            if child is not None and child in replaced:
                parent._modules[name] = replaced[child]
