"""Copies of frozen models that give the same gradients in less time, for attacks; where they do not, the model itself.

A copy shares all tensors with its model, except the convolutions that `lay_out` replaces.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.folding import lay_out
from facewarden.core.compute.stamp import Stamp, stamp_of
from facewarden.core.errors import NotFiniteError
from facewarden.core.roles import Detector, Recognizer

_SAME_VALUE = 1e-4
_SAME_GRADIENT = 1e-3
"""By which the copy may differ, in units of the value (or of one) and of the gradient's length. Rounding stays below
both; a normalization that is folded where it must not be changes both by far more."""
_ROUNDED, _LIKE_ROUNDING = 2e-7, 10.0
"""Where rounding the pixels moves the gradient of the model itself by more, as it does where maxima are taken, this
many times as much is allowed."""
_NOISE = 0.03  # at the clean face itself some goals have no gradient
_LOG = logging.getLogger("facewarden")
_Model = TypeVar("_Model", Detector, Recognizer)


@dataclass
class _Made:
    """What was made of a model: nothing where the copy was not faster or not equal."""

    stamp: Stamp
    copy: Detector | Recognizer | None


_COPIES: WeakKeyDictionary[Detector | Recognizer, _Made] = WeakKeyDictionary()


def detector_for_gradients(detector: Detector, batch: FaceBatch) -> Detector:
    """The detector that an attack reads gradients of: an equal one that is faster, or the same.

    Args:
        detector: under attack.
        batch: the first of its samples that has all sensors is what both are compared on.
    """
    whole = torch.stack([batch.present[name].cpu() for name in batch.images]).all(dim=0).nonzero().flatten()
    if not len(whole):
        return detector
    probe = batch.select(whole[:1])

    def read(model: Detector, shift: float) -> tuple[Tensor, Tensor]:
        images = {name: _noisy(image, shift) for name, image in probe.images.items()}
        output = model(replace(probe, images=images))
        value = _weighed(output.score) + sum(_weighed(output.tasks[name]) for name in sorted(output.tasks))
        found = torch.autograd.grad(value, list(images.values()), allow_unused=True)
        return value.detach(), torch.cat([part.flatten() for part in found if part is not None])

    return _copied(detector, read)


def recognizer_for_gradients(recognizer: Recognizer, images: Tensor) -> Recognizer:
    """The recognizer that an attack reads gradients of; as `detector_for_gradients`.

    Args:
        recognizer: under attack.
        images: `(b, 3, 112, 112)`; the first one is what both are compared on.
    """
    if not len(images):
        return recognizer

    def read(model: Recognizer, shift: float) -> tuple[Tensor, Tensor]:
        noisy = _noisy(images[:1], shift)
        value = _weighed(model.embed(noisy))
        return value.detach(), torch.autograd.grad(value, noisy)[0].flatten()

    return _copied(recognizer, read)


def _copied(model: _Model, read: Callable[[_Model, float], tuple[Tensor, Tensor]]) -> _Model:
    modules = list(model.modules())
    if not model.differentiable or any(module.training or _watched(module) for module in modules):
        return model
    made, stamp = _COPIES.get(model), stamp_of(model)
    if made is None:
        try:
            made = _COPIES[model] = _Made(stamp, _equal_copy(model, read))
        except NotFiniteError:  # of this sample, which says nothing of others
            return model
    elif made.stamp != stamp:  # it is being trained: copies would be made at every step
        made = _COPIES[model] = _Made(stamp, None)
    return model if made.copy is None else made.copy  # type: ignore[return-value]


def _equal_copy(model: _Model, read: Callable[[_Model, float], tuple[Tensor, Tensor]]) -> _Model | None:
    name = model.told_as or type(model).__name__
    try:
        plain = copy.copy(model)  # compared in the model's own precision: halves would hide what is looked for
        other = copy.deepcopy(model, {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())})
        asked, plain.asked_precision, other.asked_precision = model.asked_precision, None, None
        with torch.enable_grad():
            if not lay_out(other, lambda: read(other, 0.0)):
                return None
            value, gradient = read(plain, 0.0)
            value_of_copy, gradient_of_copy = read(other, 0.0)
            rounded = read(plain, _ROUNDED)[1]
    except NotFiniteError:
        raise
    except Exception as error:  # of a foreign network: it cannot be copied, or not be run alone
        _LOG.debug("%s: gradients are read of the model itself: %s", name, error)
        return None
    length = max(float(gradient.norm()), 1e-30)
    apart = float((gradient - gradient_of_copy).norm()) / length
    allowed = max(_SAME_GRADIENT, _LIKE_ROUNDING * float((gradient - rounded).norm()) / length)
    off = float((value - value_of_copy).abs().max()) / max(1.0, float(value.abs().max()))
    if not (apart <= allowed and off <= _SAME_VALUE):
        _LOG.debug("%s: a copy for gradients differs by %.1e: the model itself is used", name, max(apart, off))
        return None
    other.asked_precision = asked
    return other


def _watched(module: nn.Module) -> bool:
    """Whether somebody looks at a module's passes, who would not see those of a copy."""
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def _noisy(images: Tensor, shift: float) -> Tensor:
    """Images with noise, the same at every call, and with `shift` times other noise."""
    draws = torch.rand((2, *images.shape), generator=torch.Generator().manual_seed(0)).to(images)
    noise = _NOISE * (2.0 * draws[0] - 1.0) + shift * (2.0 * draws[1] - 1.0)
    return (images.detach() + noise).clamp(0.0, 1.0).requires_grad_(True)


def _weighed(output: Tensor) -> Tensor:
    """One number in which every value of an output counts otherwise."""
    flat = output.float().flatten()
    weights = torch.arange(1, len(flat) + 1, device=flat.device).cos()
    total: Tensor = (flat * weights).sum() / max(1.0, len(flat) ** 0.5)
    return total
