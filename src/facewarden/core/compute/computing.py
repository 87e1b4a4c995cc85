"""Where and in which precision the networks of one call compute: asked for once, followed by every model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import nn

from facewarden.core.compute.device import device_of, resolve_device
from facewarden.core.compute.precision import Precision, check_precision, forced_autocast, resolve_precision

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Placement:
    """What a call was asked for.

    Attributes:
        device: where models that are resolved in it are placed.
        precision: in which they compute; None leaves to each what its own settings say, float32 for most.
    """

    device: str | torch.device = "cpu"
    precision: Precision | None = None

    def resolved(self, own: str = "float32") -> dict[str, str]:
        """What it comes to on this machine, for records: device, precision, and what was asked for where it was.

        Args:
            own: precision of whatever computes, where none was asked for.
        """
        home = resolve_device(self.device)
        found = {"device": str(home), "precision": resolve_precision(self.precision or own, home)}
        return found if self.precision is None else {**found, "precision_asked": self.precision}


_CALL: ContextVar[Placement] = ContextVar("placement", default=Placement())  # noqa: B039 - frozen


def placement() -> Placement:
    """What the call that runs now was asked for; the CPU and no precision outside of one."""
    return _CALL.get()


@contextmanager
def computing(device: str | torch.device = "auto", precision: str | None = None) -> Iterator[Placement]:
    """Place the models that are resolved inside the block.

    Args:
        device: as in `facewarden.core.compute.device.resolve_device`.
        precision: as in `facewarden.core.compute.precision.resolve_precision`; None leaves it to the models.

    Raises:
        BadInputError: the device is not there, or an unknown precision.
    """
    asked = None if precision is None else check_precision(precision)
    token = _CALL.set(Placement(resolve_device(device), asked))
    try:
        yield _CALL.get()
    finally:
        _CALL.reset(token)


def computes(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function's keywords `device` and `precision` hold for every model that is resolved while it runs."""
    usual = inspect.signature(function).parameters["device"].default

    @wraps(function)
    def placed(*args: P.args, **kwargs: P.kwargs) -> R:
        with computing(kwargs.get("device", usual), kwargs.get("precision")):  # type: ignore[arg-type]
            return function(*args, **kwargs)

    return placed


class Computing:
    """A model that computes in the precision that a call asks for, else in its own.

    Attributes:
        asked_precision: of the call that resolved it; None where none was asked for.
        told_as: what messages call it, the file or address of a foreign one; empty for the name of its class.
    """

    asked_precision: Precision | None = None
    told_as: str = ""

    @property
    def own_precision(self) -> str:
        """What its own settings say."""
        return "float32"

    def computing(self, device: torch.device) -> AbstractContextManager[object]:
        """Autocast in the precision that was asked for; nothing where none was."""
        return nullcontext() if self.asked_precision is None else forced_autocast(self.asked_precision, device)


def computed_by(models: Iterable[object]) -> dict[str, str]:
    """Devices and precisions in which models really compute, for records; those of several are joined.

    Args:
        models: detectors, recognizers and purifiers. One without weights here (a filter, an ONNX file, a service)
            computes in its own way, whatever was asked for.
    """
    found: dict[str, list[str]] = {}
    for model in models:
        network = model if isinstance(model, nn.Module) else getattr(model, "network", None)
        home = device_of(network) if isinstance(network, nn.Module) else None
        one = {"device": "its own", "precision": "its own"}
        if home is not None:
            asked = getattr(model, "asked_precision", None)
            one = Placement(home, asked).resolved(getattr(model, "own_precision", "float32"))
        for name, value in one.items():
            found.setdefault(name, []).append(value)
    return {name: ", ".join(dict.fromkeys(values)) for name, values in found.items()}
