"""Precision of training: which ones the loops support, and the Accelerator that computes in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from facewarden.core.compute.device import resolve_device
from facewarden.core.compute.precision import Precision, accelerate_precision, check_precision
from facewarden.core.errors import BadInputError
from facewarden.training.parts.ranks import process_device

if TYPE_CHECKING:
    from accelerate import Accelerator


def check_training_precision(precision: str) -> Precision:
    """Return the precision in today's spelling.

    Raises:
        BadInputError: it is unknown, or float16, whose loss scaling the gradient rules do not support.
    """
    checked = check_precision(precision)
    if checked == "float16":
        raise BadInputError("no training in float16: its loss scaling is not supported", hint="precision: bfloat16")
    return checked


def accelerator_for(precision: str, device: str | torch.device = "auto") -> Accelerator:
    """An Accelerator on a device that computes in the resolved precision.

    Args:
        precision: what was asked for.
        device: as in `facewarden.core.compute.device.resolve_device`. Of several processes each has the device that its
            launcher gave it, and only "auto" or the kind of that device may be asked for.

    Raises:
        BadInputError: the device is not there.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    # Accelerate keeps the first precision and device of a process for good; a plan trains in several
    AcceleratorState._reset_state()
    home = process_device(device)
    if home is None:
        home = PartialState().device = resolve_device(device)
    return Accelerator(mixed_precision=accelerate_precision(precision, home))
