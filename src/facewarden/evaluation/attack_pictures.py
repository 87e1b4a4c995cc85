"""Pictures of perturbations, only on request: clean, attacked, and the change stretched so that an eye can see it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.threat import ThreatModel


def picture_writer(folder: Path, threat: ThreatModel) -> Callable[[FaceBatch, FaceBatch], None]:
    """Return a function that writes one PNG for each sample and sensor in reach of an attack.

    Side by side: the clean image, the attacked one, and the change, gray where there is none and black or white where
    it is as large as the budget (with L2: as the largest change of the sample). Files are named by a hash of the
    sample's key, which may hold a person's name.

    Args:
        folder: made when absent.
        threat: which sensors, and the budget.

    Raises:
        BadInputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(f"{folder}: cannot be written: {error}", hint="--pictures DIR") from error

    def write(clean: FaceBatch, attacked: FaceBatch) -> None:
        for row, key in enumerate(clean.key):
            name = hashlib.blake2b(key.encode(), digest_size=6).hexdigest()
            for modality in threat.modalities:
                before, after = clean.images[modality][row], attacked.images[modality][row]
                change = after - before
                largest = threat.eps if threat.norm == "linf" else float(change.abs().max())
                shown = 0.5 + 0.5 * change / max(largest, 1e-12)
                panels = torch.cat([before, after, shown.clamp(0.0, 1.0)], dim=2)
                try:
                    with writing(folder / f"{name}-{modality}.png", sync=False) as temporary:
                        _picture(panels).save(temporary)
                except OSError as error:
                    raise BadInputError(f"{folder}: cannot be written: {error}", hint="--pictures DIR") from error

    return write


def _picture(image: Tensor) -> Image.Image:
    array = (image.detach().cpu() * 255).round().to(torch.uint8).numpy().transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[2] == 1 else array))
