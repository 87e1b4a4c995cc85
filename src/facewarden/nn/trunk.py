"""Vision transformers to build detectors on: from timm by name, from the package, or from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from facewarden.core.artifact import CARD, WEIGHTS, load_artifact, sha256
from facewarden.core.compat import ensure_torchvision
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.seeding import derive
from facewarden.core.settings import Count, check_fields, read_settings
from facewarden.nn.dinov2 import NAME as DINOV2
from facewarden.nn.dinov2 import dinov2_identity, dinov2_small

SHIPPED = Path(__file__).parent.parent / "weights"
"""Where the trunks that come with the package lie."""

ROLE = "trunk"
_FRESH = ":fresh"


@dataclass(frozen=True)
class TrunkShape:
    """Shape of a plain vision transformer with one class token.

    Attributes:
        size: side of the input in pixels that its position embeddings are made for.
        patch: side of a patch in pixels.
        width: of the tokens.
        depth: blocks.
        heads: of each attention.
    """

    size: Count
    patch: Count
    width: Count
    depth: Count
    heads: Count

    def __post_init__(self) -> None:
        check_fields(self, source="shape")
        if self.size % self.patch or self.width % self.heads:
            raise BadInputError(
                f"no transformer of this shape: {self}", hint="the patch divides the size, the heads divide the width"
            )


SHAPES: Mapping[str, TrunkShape] = MappingProxyType({"face_vit": TrunkShape(112, 16, 160, 6, 5)})
"""The trunks of this package."""

_OWN = (*SHAPES, DINOV2)


def load_trunk(name: str, *, size: int, seed: int, depth: int | None = None, pretrained: bool = False) -> nn.Module:
    """Make the transformer that a detector is built on. Its inputs are normalized as (255 x - 127.5) / 128.

    Args:
        name: `face_vit` with the weights of the package, `face_vit:fresh` without them, `dinov2_small` with the fetched
            weights, a plain vision transformer of timm such as `vit_small_patch16_224` (`…:fresh` where random weights
            are meant), or the path of a folder that `facewarden distill` wrote.
        size: side of the input in pixels; position embeddings are resampled to it.
        seed: of fresh weights.
        depth: blocks to keep, the first ones; all when None.
        pretrained: take timm's published weights from a model hub, which must then answer.

    Raises:
        BadInputError: an unknown name, a size or depth that does not fit, or weights that cannot be had.
        MissingAssetError: the package came without the weights, or they are not fetched.
    """
    plain = name.removesuffix(_FRESH)
    if plain in _OWN and pretrained:
        raise BadInputError(f"{name} is not on a model hub", hint=f"pretrained: false: {plain} has its own weights")
    if plain == DINOV2:
        return dinov2_small(size=size, weights=name == plain, seed=seed, depth=depth)
    if plain in SHAPES:
        if name != plain:
            return _keep(make_trunk(SHAPES[plain], size=size, seed=seed), depth, name=name)
        if not (SHIPPED / plain / CARD).is_file():
            raise MissingAssetError(f"{plain} came without its weights", hint=f"{plain}{_FRESH} has random ones")
        return _keep(_from_folder(SHIPPED / plain, size=size), depth, name=name)
    if Path(name).is_dir():
        return _keep(_from_folder(Path(name), size=size), depth, name=name)
    if pretrained and name != plain:
        raise BadInputError(f"{name} cannot be pretrained and fresh", hint=f"pretrained: true with {plain}, or neither")
    return _from_timm(plain, size=size, seed=seed, depth=depth, pretrained=pretrained)


def is_random(name: str, *, pretrained: bool) -> bool:
    """Whether a trunk starts from random weights without its name saying so."""
    known = name.removesuffix(_FRESH) in _OWN or Path(name).is_dir()
    return not (known or pretrained or name.endswith(_FRESH))


def without_weights(name: str) -> str:
    """The name under which the same network is made without reading weights that others will replace."""
    return f"{name}{_FRESH}" if name in _OWN else name


def trunk_identity(name: str, *, pretrained: bool) -> str:
    """Which weights a trunk starts from, for ids that must change with the weights; nothing is loaded or downloaded.

    Args:
        name, pretrained: as of `load_trunk`.

    Returns:
        The digest of the package's, the asset's or a folder's weights, the hub's name of timm's, or "fresh".

    Raises:
        BadInputError: the weights cannot be read.
        MissingAssetError: the package came without them.
    """
    if name == DINOV2:
        return dinov2_identity()
    if name in SHAPES or Path(name).is_dir():
        file = (SHIPPED / name if name in SHAPES else Path(name)) / WEIGHTS
        if not file.is_file():
            kind = MissingAssetError if name in SHAPES else BadInputError
            raise kind(f"{name} came without its weights", hint="facewarden distill writes a trunk's folder")
        return f"sha256:{sha256(file)}"
    if not pretrained or name.endswith(_FRESH):
        return "fresh"
    ensure_torchvision()
    import timm

    published = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    return f"hub:{name if published is None else published.hf_hub_id or published.url or name}"


def make_trunk(shape: TrunkShape, *, seed: int, size: int | None = None) -> nn.Module:
    """Make a transformer with fresh weights.

    Args:
        shape: of the transformer.
        seed: of the weights.
        size: side of its input in pixels, the shape's own when None.

    Raises:
        BadInputError: the patches do not fill the size.
    """
    ensure_torchvision()
    from timm.models.vision_transformer import VisionTransformer

    side = shape.size if size is None else size
    if side % shape.patch:
        raise BadInputError(f"{side} px cannot be cut into patches of {shape.patch} px", hint=f"--size {shape.size}")
    with torch.random.fork_rng(devices=[]):  # torch draws initial values from its global generator
        torch.manual_seed(derive(seed, "mmdg", "trunk"))
        made: nn.Module = VisionTransformer(
            img_size=side, patch_size=shape.patch, embed_dim=shape.width, depth=shape.depth, num_heads=shape.heads,
            num_classes=0,
        )  # fmt: skip
    return made


def _from_folder(folder: Path, *, size: int) -> nn.Module:
    artifact = load_artifact(folder)
    if artifact.card.role != ROLE:
        raise BadInputError(
            f"{folder}: a {artifact.card.role}, not a trunk",
            hint="facewarden distill writes trunks; timm names work too",
        )
    try:
        shape = read_settings(TrunkShape, artifact.card.settings, source=str(folder / CARD), at=("settings",))
        trunk: Any = make_trunk(shape, seed=0)
        trunk.load_state_dict({name: value.float() for name, value in artifact.weights.items()})
    except (RuntimeError, TypeError) as error:
        raise BadInputError(
            f"{folder}: the weights do not fit the card's shape {artifact.card.settings}", hint="copy the folder again"
        ) from error
    if size != shape.size:
        if size % shape.patch:
            raise BadInputError(
                f"{folder.name}: {size} px cannot be cut into patches of {shape.patch} px", hint=f"--size {shape.size}"
            )
        trunk.set_input_size(img_size=(size, size))
    plain: nn.Module = trunk
    return plain


def _keep(trunk: nn.Module, depth: int | None, *, name: str) -> nn.Module:
    parts: Any = trunk
    if depth is not None:
        if not 1 <= depth <= len(parts.blocks):
            raise BadInputError(f"{name} has {len(parts.blocks)} blocks, not {depth}", hint="leave depth out")
        parts.blocks = parts.blocks[:depth]
    return trunk


def _from_timm(name: str, *, size: int, seed: int, depth: int | None, pretrained: bool) -> nn.Module:
    ensure_torchvision()
    import timm

    if not timm.is_model(name):
        close = timm.list_models(f"{name.split('_')[0]}*")[:5]
        own = ", ".join([*_OWN, *close])
        raise BadInputError(f"timm has no model {name!r}, and no such folder is here", hint=f"for example {own}")
    shape: dict[str, Any] = {"img_size": size, "num_classes": 0, "pretrained": pretrained}
    if depth is not None:
        shape["depth"] = depth
    with torch.random.fork_rng(devices=[]):  # torch draws initial values from its global generator
        torch.manual_seed(derive(seed, "mmdg", "trunk"))
        try:
            trunk: nn.Module = timm.create_model(name, **shape)
        except (TypeError, ValueError, AssertionError) as error:
            raise BadInputError(f"{name}: {error}", hint="a plain vit_* model and a fitting size") from error
        except Exception as error:  # every hub client has errors of its own
            raise BadInputError(
                f"{name}: its weights cannot be had: {error}",
                hint=f"go online once, a folder of weights as trunk, or {name}{_FRESH}",
            ) from error
    return trunk


def trunk_settings(shape: TrunkShape) -> dict[str, Any]:
    """A shape as a card keeps it."""
    return asdict(shape)
