"""Precision of training: which ones the loops support, and the Accelerator that computes in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewarden.core.errors import BadInputError
from facewarden.core.precision import Precision, accelerate_precision, check_precision

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


def accelerator_for(precision: str) -> Accelerator:
    """An Accelerator on this machine's training device that computes in the resolved precision."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    # Accelerate keeps the first precision of a process for good; a plan trains in several
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision=accelerate_precision(precision, PartialState().device))
