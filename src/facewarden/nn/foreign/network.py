"""A network of another maker as one thing: pictures in, named outputs out; from a file or a Python callable."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.nn.foreign.graph import FileGraph
from facewarden.nn.foreign.probe import set_to_evaluation
from facewarden.nn.foreign.settings import InputSettings, Layout

_RANGE_SLACK = 0.05
"""Share of the range of a quantized input by which its ends may be off: they are taken from a few pictures."""


class ForeignNetwork(nn.Module, ABC):
    """Computes the outputs of a batch of pictures, in parts where it takes a few at a time.

    Attributes:
        source: what messages call it.
        layout: where the channels are in its input and in maps that it gives.
        side: of its square input; None for one that takes any size.
        differentiable: whether gradients may flow through it.
        exact: relative difference below which two of its answers are the same.
        opaque: whether its file does not hold all that decides its answers.
    """

    source: str
    layout: Layout
    side: int | None
    differentiable = False
    exact = 1e-4
    opaque = False

    @abstractmethod
    def compute(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Outputs by name of pictures in the network's own layout."""

    def final_functions(self, output: str) -> tuple[str, ...]:
        """Softmax and the like at the end of what gives an output, where that can be told without running it."""
        return ()

    def part(self) -> int | None:
        """How many pictures it takes at a time; None for any number."""
        return None

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Outputs by name of normalized pictures `(n, c, h, w)`.

        Raises:
            BadInputError: it cannot take them, or an output does not have one row a picture.
        """
        rows = pictures if self.layout == "NCHW" else pictures.permute(0, 2, 3, 1)
        step = self.part() or max(len(rows), 1)
        parts: list[Mapping[str, Tensor]] = []
        for start in range(0, len(rows), step):
            found = self.compute(rows[start : start + step])
            parts.append({name: self._checked(name, value, len(rows[start : start + step]))
                          for name, value in found.items()})  # fmt: skip
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}

    def _checked(self, name: str, value: Tensor, count: int) -> Tensor:
        if value.ndim == 0 and count == 1:
            value = value.reshape(1)
        if value.ndim == 0 or len(value) != count:
            raise BadInputError(
                f"{self.source}: does not take what its card says: output {name} of {count} pictures has the shape "
                f"{tuple(value.shape)}, whose first axis must be {count}",
                hint='"batch": 1, if it takes one picture at a time',
            )
        return value


class FileNetwork(ForeignNetwork):
    """A network in a file (ONNX, TFLite, OpenVINO) on the CPU; layout, type and size are read from it.

    Args:
        graph: the opened file.
        settings: of its card; what it states of layout and size must agree with the file.

    Raises:
        BadInputError: a file that contradicts its card; with the word of the card to change.
    """

    def __init__(self, graph: FileGraph, settings: InputSettings) -> None:
        super().__init__()
        path = graph.path
        self.source, self.graph, self.settings = str(path), graph, settings
        if len(self.graph.outputs) > 1 and settings.output_name is None:  # some may be no tensors
            raise BadInputError(
                f"{path}: has {len(self.graph.outputs)} outputs: {'; '.join(map(str, self.graph.outputs))}; its card "
                "does not say which one is read",
                hint=f"add output_name: one of {', '.join(one.name for one in self.graph.outputs)}",
            )
        told = self.graph.layout()
        if settings.layout is not None and told is not None and settings.layout != told:
            raise BadInputError(
                f"{path}: does not take what its card says: layout is {settings.layout}, the file takes "
                f"{self.graph.input}",
                hint=f'"layout": "{told}"',
            )
        self.layout = settings.layout or told or "NCHW"
        found = self.graph.channels(self.layout)
        if found is not None and found != settings.channels:
            modality = getattr(settings, "modality", "rgb")
            raise BadInputError(
                f"{path}: takes {found} channels, but {modality} has {settings.channels}",
                hint="name the modality that it reads in the card",
            )
        self.side = self._side(settings)
        self.exact = self.graph.exact
        plain = (settings.mean, settings.std, settings.range) == ((0.0,), (1.0,), 255)
        if self.graph.dtype is np.uint8 and not plain:
            raise BadInputError(
                f"{path}: takes uint8, gray levels of 0..255, so that mean and std cannot apply",
                hint='"mean": 0, "std": 1, "range": 255',
            )
        self._check_held(settings)

    def _check_held(self, settings: InputSettings) -> None:
        """Refuse pixels that a quantized input would cut off, or of whose range it would see a part of its own."""
        if self.graph.held is None:
            return
        low, high = self.graph.held
        ends = (np.array([[0], [settings.range]]) - np.array(settings.mean)) / np.array(settings.std)
        width = high - low
        if max(abs(ends.min() - low), abs(ends.max() - high)) > _RANGE_SLACK * width:
            raise BadInputError(
                f"{self.source}: does not take what its card says: by its mean and std pixels are {ends.min():.3g} to "
                f"{ends.max():.3g}, its quantized input holds {low:.3g} to {high:.3g}",
                hint=f'"mean": {0 - low * settings.range / width:.4g}, "std": {settings.range / width:.4g}',
            )

    def _side(self, settings: InputSettings) -> int | None:
        height, width = self.graph.sides(self.layout)
        fixed = height or width
        if height and width and height != width:
            raise BadInputError(
                f"{self.source}: takes pictures of {height} x {width}", hint="export it for square pictures"
            )
        if fixed and settings.size is not None and settings.size != fixed:
            raise BadInputError(
                f"{self.source}: does not take what its card says: size is {settings.size}, the file takes "
                f"{self.graph.input}",
                hint=f'"size": {fixed}',
            )
        return settings.size or fixed

    def final_functions(self, output: str) -> tuple[str, ...]:
        """Softmax and the like at the end of the graph before an output."""
        return self.graph.final_functions(output)

    def part(self) -> int | None:
        """The file's own batch, or the card's."""
        return self.graph.fixed_batch or self.settings.batch

    def compute(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Run the file; a batch of fixed length is filled up with copies of the last picture."""
        lot, count = pictures.detach().cpu().numpy(), len(pictures)
        rows = np.minimum(np.arange(self.graph.fixed_batch or count), count - 1)
        dtype = self.graph.dtype
        given = np.clip(np.rint(lot), 0, 255) if dtype is np.uint8 else lot
        try:
            found = self.graph.run(given.astype(dtype)[rows])
        except Exception as error:  # the types of what runs it exist only where it is installed
            hint = '"batch": 1, if it takes one picture at a time; else size and layout of the card'
            raise BadInputError(
                f"{self.source}: does not take what its card says, {self.graph.input} of {tuple(given.shape)}: {error}",
                hint=hint,
            ) from error
        whole = {}
        for name, value in found.items():
            if value.shape[:1] == (len(rows),):
                value = value[:count]
            if value.dtype.kind in "fiub":
                whole[name] = torch.from_numpy(value.astype(np.float32)).to(pictures.device)
        return whole


class CallableNetwork(ForeignNetwork):
    """A torch module, or any callable, that takes a tensor of pictures.

    A module is put into evaluation mode and its weights are frozen; that it was in training mode is said.

    Args:
        model: it gives a tensor or array, or several by name or in a row.
        settings: of its card.
        source: FILE.py:NAME.

    Attributes:
        remarks: what was changed about it.
    """

    opaque = True

    def __init__(self, model: Callable[[Tensor], Any], settings: InputSettings, *, source: str) -> None:
        super().__init__()
        self.source, self.settings = source, settings
        self.layout, self.side = settings.layout or "NCHW", settings.size
        self.remarks = tuple(set_to_evaluation(model, source=source))
        self.model = model.requires_grad_(False) if isinstance(model, nn.Module) else None
        self._call = (model,)  # in a tuple: no submodule
        self.differentiable = self._is_differentiable()

    def part(self) -> int | None:
        """The card's batch."""
        return self.settings.batch

    def compute(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Call it, with gradients where it has them."""
        return self._computed(pictures if self.differentiable else pictures.detach())

    def _computed(self, pictures: Tensor) -> dict[str, Tensor]:
        call: Callable[[Tensor], Any] = self._call[0] if self.model is None else self.model
        try:
            with torch.set_grad_enabled(torch.is_grad_enabled() and pictures.requires_grad):
                found = call(pictures)
            return {name: _tensor(value).to(pictures.device) for name, value in _named(found)}
        except FacewardenError:
            raise
        except (Exception, SystemExit) as error:  # a person's code may fail in any way
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise BadInputError(
                f"{self.source}: cannot take a float tensor of {tuple(pictures.shape)}: {error!r} "
                f"({Path(last.filename).name}:{last.lineno})",
                hint='change size, layout or "batch": 1 in its card, or the code',
            ) from error

    def _is_differentiable(self) -> bool:
        side = self.side or 64
        shape = (1, self.settings.channels, side, side)
        blank = torch.full(shape if self.layout == "NCHW" else (1, side, side, shape[1]), 0.5)
        try:
            with torch.enable_grad():
                found = self._computed(blank.requires_grad_(True))
        except BadInputError:
            return False
        return any(value.requires_grad for value in found.values())


def _named(found: Any) -> list[tuple[str, Any]]:
    if isinstance(found, Mapping):
        return [(str(name), value) for name, value in found.items() if value is not None]
    if isinstance(found, tuple) or (isinstance(found, list) and any(isinstance(one, Tensor) for one in found)):
        return [(str(number), value) for number, value in enumerate(found)]
    return [("output", found)]


def _tensor(value: Any) -> Tensor:
    held = value if isinstance(value, Tensor) else np.asarray(value)
    if held.is_complex() if isinstance(held, Tensor) else np.iscomplexobj(held):
        raise TypeError("its output is of complex numbers")
    return (held if isinstance(held, Tensor) else torch.as_tensor(held.astype(np.float64))).float()
