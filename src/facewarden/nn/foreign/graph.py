"""A network in a file as it is, whatever runs it: one input of pictures, its outputs, and how to compute them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.nn.foreign.settings import Layout

_LARGEST_AXIS, _LARGEST_INPUT = 2048, 2**26  # of what a file fixes: pixels or pictures, and numbers in all

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class End:
    """An input or output of a file.

    Attributes:
        name: as the file calls it.
        shape: sizes; text for an axis that may have any.
        dtype: word of what runs it for the type.
    """

    name: str
    shape: Shape
    dtype: str

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.shape))})"


class FileGraph(ABC):
    """A file that has been opened on the CPU.

    Attributes:
        path: the file.
        kind: what a person calls such a file.
        input: its one input.
        outputs: what it gives.
        dtype: numpy type of what it is given.
        exact: relative difference below which two of its answers are the same.
        held: smallest and largest number that a quantized input can hold; None of any other.
    """

    path: Path
    kind: str
    input: End
    outputs: tuple[End, ...]
    dtype: Any
    exact: float = 1e-4
    held: tuple[float, float] | None = None

    @abstractmethod
    def run(self, pictures: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Compute all outputs of an input in the file's own layout and type."""

    def final_functions(self, output: str) -> tuple[str, ...]:
        """Softmax, Sigmoid and LogSoftmax at the end of the graph before an output, the last first."""
        return ()

    @property
    def fixed_batch(self) -> int | None:
        """How many pictures the file takes, where it takes one number of them alone."""
        first = self.input.shape[0] if self.input.shape else None
        return first if isinstance(first, int) and first > 0 else None

    def layout(self) -> Layout | None:
        """Where the channels are; None where the shape of the input does not tell."""
        if not self.input.shape:
            return None
        front, back = (self.input.shape[axis] in (1, 3) for axis in (1, 3))
        if front == back:
            return None
        return "NCHW" if front else "NHWC"

    def channels(self, layout: Layout) -> int | None:
        """Number of channels that the file fixes."""
        return self._axis(1 if layout == "NCHW" else 3)

    def sides(self, layout: Layout) -> tuple[int | None, int | None]:
        """Height and width that the file fixes."""
        return (self._axis(2), self._axis(3)) if layout == "NCHW" else (self._axis(1), self._axis(2))

    def _axis(self, axis: int) -> int | None:
        size = self.input.shape[axis] if self.input.shape else None
        return size if isinstance(size, int) and size > 0 else None


def one_picture_input(path: Path, inputs: tuple[End, ...], outputs: tuple[End, ...], *, possible: Any) -> End:
    """The one input of pictures of a file.

    Args:
        path: of the file.
        inputs, outputs: of the file.
        possible: words of types that can be filled.

    Raises:
        BadInputError: several inputs, another type, no outputs, or no batch of pictures.
    """
    if len(inputs) != 1:
        raise BadInputError(
            f"{path}: has {len(inputs)} inputs: {'; '.join(map(str, inputs))}",
            hint="export it with one input, the pictures",
        )
    found = inputs[0]
    if found.dtype not in possible:
        raise BadInputError(
            f"{path}: its input {found.name} is {found.dtype}; possible: {', '.join(possible)}",
            hint="export it with a float32, float16 or uint8 input",
        )
    if not outputs:
        raise BadInputError(f"{path}: has no outputs", hint="export it with its scores, embedding or picture")
    fixed = [size for size in found.shape if isinstance(size, int)]
    if max(fixed, default=0) > _LARGEST_AXIS or math.prod(fixed) > _LARGEST_INPUT:
        raise BadInputError(
            f"{path}: its input {found} is larger than any batch of faces", hint="export it as (n, 3, h, w)"
        )
    if found.shape and len(found.shape) != 4:
        raise BadInputError(f"{path}: its input {found} is no batch of pictures", hint="export it as (n, 3, h, w)")
    return found


def plain_file(path: Path, suffix: str) -> None:
    """Refuse a file that is not there.

    Raises:
        BadInputError: it is not.
    """
    if not path.is_file():
        raise BadInputError(f"{path}: no such file", hint=f"give an {suffix} file")
