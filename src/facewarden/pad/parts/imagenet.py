"""ImageNet weights that can be fetched as a package, brought into timm's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from facewarden.assets import get, locate
from facewarden.core.compat import ensure_torchvision
from facewarden.core.errors import BadInputError

_CLASSIFIER = ("_fc.weight", "_fc.bias")


def load_imagenet(network: nn.Module, backbone: str) -> str:
    """Fill a backbone without classifier with its published weights.

    Args:
        network: timm's network of that backbone.
        backbone: a key of `facewarden.nn.multitask_net.BACKBONES`.

    Returns:
        Where the weights come from, for a card.

    Raises:
        MissingAssetError: they are not fetched.
        BadInputError: no package holds weights of this backbone.
    """
    if backbone not in _LOADERS:
        raise BadInputError(
            f"no package holds ImageNet weights of {backbone}", hint=f"pretrained: false, or {', '.join(_LOADERS)}"
        )
    return _LOADERS[backbone](network)


def _efficientnet_lite0(network: nn.Module) -> str:
    """Fill the network, or as many of its first stages as it has."""
    asset = get("efficientnet_lite0")
    name = "efficientnet-lite0-57934424.pth"
    published: dict[str, Tensor] = torch.load(locate(asset.name, name), map_location="cpu", weights_only=True)
    # Both codes list the same layers in the same order under names of their own.
    values = [value for key, value in published.items() if key not in _CLASSIFIER]
    ensure_torchvision()
    import timm

    whole = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0, global_pool="").state_dict()
    if [value.shape for value in values] != [value.shape for value in whole.values()]:
        raise BadInputError(f"{name}: not the layers of EfficientNet-Lite0", hint=f"facewarden fetch {asset.name}")
    found = dict(zip(whole, values, strict=True))
    network.load_state_dict({key: found[key] for key in network.state_dict()})
    return asset.source


_LOADERS: Mapping[str, Callable[[nn.Module], str]] = MappingProxyType(
    {"efficientnet_lite0": _efficientnet_lite0, "efficientnet_lite0_5": _efficientnet_lite0}
)
