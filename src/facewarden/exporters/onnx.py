"""ONNX: the graph is recorded by torch.export, for any batch where the model allows it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from inspect import signature
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.exporters.parts.formulas import OnnxFormulas

FILE = "model.onnx"
"""Name of the graph in an exported folder."""

_OPSET = 18
_CHATTY = ("onnxscript", "onnx_ir", "torch.onnx", "torch.fx", "torch._export")


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
    from onnxscript.optimizer import fold_constants, inline, remove_unused_nodes
    from torch.onnx import OnnxExporterError, export

    levels = {name: logging.getLogger(name).level for name in _CHATTY}
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), torch.no_grad(), OnnxFormulas(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            any_batch = _any_batch(module, tuple(inputs.values()))
            program: Any = export(
                any_batch or module, tuple(inputs.values()), dynamo=True, verbose=False, opset_version=_OPSET,
                external_data=False, input_names=list(inputs), output_names=list(outputs), optimize=False,
            )  # fmt: skip
            # not `optimize`: its rule for `x + 0` takes a constant of 1e-9 for 0, and what keeps a logarithm or a
            # root from 0 would be gone
            inline(program.model)
            fold_constants(program.model)
            remove_unused_nodes(program.model)
        with writing(path) as temporary:
            program.save(str(temporary), external_data=False)
    except (OnnxExporterError, RuntimeError, TypeError, ValueError) as error:
        told = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
        raise BadInputError(
            f"{type(module).__name__}: cannot be recorded as a graph: {told.strip()[:300]}",
            hint="a detector that computes with tensors alone, such as multi_cnn",
        ) from error
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    return any_batch is not None


def _any_batch(module: nn.Module, examples: tuple[Tensor, ...]) -> Any:
    """The module recorded with a free first axis; None where what it computes depends on one."""
    two = tuple(torch.cat([example, example]) for example in examples)  # a batch of 1 would be taken for a constant
    sizes: Any = tuple({0: torch.export.Dim("batch")} for _ in two)
    if any(one.kind is one.VAR_POSITIONAL for one in signature(module.forward).parameters.values()):
        sizes = (sizes,)
    try:
        return torch.export.export(module, two, dynamic_shapes=sizes, strict=False)
    except (RuntimeError, TypeError, ValueError):
        return None
