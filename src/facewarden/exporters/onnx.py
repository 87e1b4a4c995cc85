"""ONNX: the graph is recorded by torch.export, with one capture at a time as its fixed batch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib.util import find_spec
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


def write_onnx(module: nn.Module, inputs: Mapping[str, Tensor], path: Path, *, output: str) -> None:
    """Record a module and write it as one ONNX file.

    Args:
        module: of tensors alone, in evaluation mode.
        inputs: an example of every input by name, in the order of its arguments; its shapes become fixed.
        path: the file.
        output: name of its result.

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
            program: Any = export(
                module, tuple(inputs.values()), dynamo=True, verbose=False, opset_version=_OPSET, external_data=False,
                input_names=list(inputs), output_names=[output], optimize=False,
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
