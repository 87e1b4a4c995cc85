"""Detector inputs in memory: the detector's own crops of captures, or whole frames where it crops inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.nn.trainable import Trainable

_AT_ONCE = 32


def read_views(
    manifest: Manifest,
    detector: Detector,
    *,
    samples: Sequence[Sample] | None = None,
    targets: Sequence[str] = (),
    skipped: list[Skipped] | None = None,
    whole: bool = False,
    modalities: Sequence[Modality] = (),
) -> list[FaceBatch]:
    """Read captures as the detector's views, one batch for each size of image.

    Args:
        manifest: where the captures are.
        detector: one that trains here gives its crops; of others whole frames are kept.
        samples: which of the manifest's; all by default.
        targets: heads whose truth to read too.
        skipped: receives what cannot be read; without it such a capture raises.
        whole: keep frames even where the detector has crops.
        modalities: sensors to read; those of the detector by default.

    Raises:
        BadInputError: nothing can be read.
    """
    wanted = list(manifest) if samples is None else list(samples)
    batches = iter_batches(
        wanted,
        _AT_ONCE,
        root=manifest.root,
        modalities=tuple(modalities) or detector.modalities,
        targets=targets,
        on_error="raise" if skipped is None else "skip",
        skipped=skipped,
        squash=detector.squash,
    )
    groups: dict[tuple[int, ...], list[FaceBatch]] = {}
    for batch in track(batches, label=f"reading {manifest.name}", total=len(wanted), unit="captures", size=len):
        view = batch
        if isinstance(detector, Trainable) and not whole:
            view = detector.crop(batch, size=detector.view_size, scale=detector.view_scale)
        first = next(iter(view.images.values()))
        groups.setdefault((*first.shape[-2:], int(view.box is not None)), []).append(view)
    if not wanted:
        raise BadInputError(f"{manifest.name}: no rows to read, a split is empty", hint="facewarden data check")
    if not groups:
        raise BadInputError(f"{manifest.name}: no capture can be read", hint="facewarden data check")
    return [joined(group) for group in groups.values()]


def joined(batches: Sequence[FaceBatch]) -> FaceBatch:
    """Join batches whose images have one size and that have the same modalities and labels."""
    first = batches[0]

    def cat(values: Sequence[Any]) -> Any:
        if isinstance(values[0], Tensor):
            return torch.cat(list(values))
        if isinstance(values[0], tuple):
            return tuple(item for value in values for item in value)
        if values[0] is None:
            return None
        return {name: cat([value[name] for value in values]) for name in values[0]}

    names = ("images", "key", "present", "box", "label", "species", "subject", "domain", "tasks")
    return replace(first, **{name: cat([getattr(batch, name) for batch in batches]) for name in names})
