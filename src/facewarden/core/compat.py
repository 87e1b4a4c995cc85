"""Makes `import torchvision` work where its compiled part does not fit the installed torch."""

from __future__ import annotations

import importlib.util

import torch

_KEEP: list[torch.library.Library] = []  # a Library undoes its definitions when it is collected

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def ensure_torchvision() -> str:
    """Import torchvision, declaring the two operators that its Python part looks for when its compiled part is dead.

    The CPU build of torch has no matching torchvision wheel: the CUDA-linked one installs, its extension does not load,
    and the import then fails on missing operators, taking timm and lpips down with it. With the operators declared the
    Python part works; `torchvision.ops.nms` and `torchvision.io` decoding stay unusable and are not used here.

    Returns:
        "healthy", "repaired" or "absent".
    """
    if importlib.util.find_spec("torchvision") is None:
        return "absent"
    if _KEEP:
        return "repaired"
    try:
        import torchvision
    except (RuntimeError, OSError):
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in _SCHEMAS:
            library.define(schema)  # type: ignore[no-untyped-call]
        _KEEP.append(library)
        import torchvision  # noqa: F401

        return "repaired"
    return "healthy"
