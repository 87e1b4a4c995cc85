"""ONNX: the graph is recorded by torch.export, for any batch where the model allows it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from inspect import signature
from io import StringIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export
from torch.onnx import ONNXProgram
from torch.onnx import export as convert

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.exporters.parts.formulas import OnnxFormulas

FILE = "model.onnx"
"""Name of the graph in an exported folder."""

_OPSET = 18
_CHATTY = ("onnxscript", "onnx_ir", "torch.onnx", "torch.fx", "torch._export")
_REFUSALS = (RuntimeError, TypeError, ValueError)
"""What torch.export and the conversion raise; OnnxExporterError is a RuntimeError."""


def check_onnx() -> None:
    """Refuse to begin without what writes and runs ONNX files.

    Raises:
        BadInputError: it is not installed.
    """
    absent = [name for name in ("onnxscript", "onnxruntime") if find_spec(name) is None]
    if absent:
        raise BadInputError(f"export needs {' and '.join(absent)}", hint="pip install 'facewarden[onnx]'")


def write_onnx(module: nn.Module, inputs: Mapping[str, Tensor], path: Path, *, outputs: Sequence[str]) -> bool:
    """Record a module and write it as one ONNX file.

    Args:
        module: of tensors alone, in evaluation mode.
        inputs: an example of every input by name, of batch 1, in the order of its arguments; all other sizes are fixed.
        path: the file.
        outputs: names of its results.

    Returns:
        Whether the graph takes any batch; otherwise the module fixes it, and the graph takes one sample at a time.

    Raises:
        BadInputError: the module does what no graph can record.
    """
    check_onnx()
    recorded = _Recorded(module, tuple(inputs.values()), names=tuple(inputs), outputs=tuple(outputs))
    try:
        with _silent():
            with torch.no_grad(), OnnxFormulas():
                program, any_batch = recorded.largest()
            with writing(path) as temporary:
                program.save(str(temporary), external_data=False)
    except _REFUSALS as error:
        told = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
        raise BadInputError(
            f"{type(module).__name__}: cannot be recorded as a graph: {told.strip()[:300]}",
            hint="a detector that computes with tensors alone, such as multi_cnn",
        ) from error
    return any_batch


@dataclass(frozen=True, eq=False)
class _Recorded:
    """A module and what `write_onnx` was given for it."""

    module: nn.Module
    examples: tuple[Tensor, ...]
    names: tuple[str, ...]
    outputs: tuple[str, ...]

    def largest(self) -> tuple[ONNXProgram, bool]:
        """The graph, and whether it takes any batch: of one sample where no other can be recorded or converted."""
        try:
            return self._converted(self._of_any_batch()), True
        except _REFUSALS:
            return self._converted(self.module), False

    def _of_any_batch(self) -> ExportedProgram:
        """The module recorded with a free first axis."""
        two = tuple(torch.cat([one, one]) for one in self.examples)  # a batch of 1 would be taken for a constant
        sizes = tuple({0: Dim("batch")} for _ in two)
        together = any(one.kind is one.VAR_POSITIONAL for one in signature(self.module.forward).parameters.values())
        return export(self.module, two, dynamic_shapes=(sizes,) if together else sizes, strict=False)

    def _converted(self, module: nn.Module | ExportedProgram) -> ONNXProgram:
        """The module as a graph of ONNX, without what its result does not need."""
        from onnxscript.optimizer import fold_constants, inline, remove_unused_nodes

        program = convert(
            module, self.examples, dynamo=True, verbose=False, opset_version=_OPSET, external_data=False,
            input_names=self.names, output_names=self.outputs, optimize=False,
        )  # fmt: skip
        assert program is not None  # it is where no file is written
        # not `optimize`: its rule for `x + 0` takes a constant of 1e-9 for 0, and what keeps a logarithm or a
        # root from 0 would be gone
        inline(program.model)
        fold_constants(program.model)
        remove_unused_nodes(program.model)
        return program


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what the recording says from the log, from the warnings and from standard output."""
    levels = {name: logging.getLogger(name).level for name in _CHATTY}
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
