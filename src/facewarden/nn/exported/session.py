"""Run an exported graph: an ONNX file by onnxruntime, an OpenVINO file by OpenVINO, both on the CPU in float32."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError

SUFFIXES = (".onnx", ".xml")
"""Of files that can be run."""


class GraphSession(ABC):
    """An opened graph with named inputs.

    Attributes:
        path: its file.
        inputs: name -> shape; -1 for an axis that may have any size.
    """

    path: Path
    inputs: Mapping[str, tuple[int, ...]]

    @abstractmethod
    def run(self, given: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name, in the order of the graph, for inputs by name.

        Raises:
            BadInputError: the graph cannot take them.
        """

    def check_inputs(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse a graph whose inputs are not those of its card.

        Raises:
            BadInputError: they differ.
        """
        if dict(self.inputs) != dict(shapes):
            raise BadInputError(
                f"{self.path}: takes {dict(self.inputs)}, its card says {dict(shapes)}", hint="copy the folder again"
            )


def open_onnx(path: Path) -> Any:
    """Open an ONNX file with onnxruntime on the CPU, with as many threads as torch uses.

    Raises:
        BadInputError: onnxruntime is not installed, or no such file, or no ONNX.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BadInputError(
            f"{path}: running an ONNX file needs onnxruntime", hint="pip install 'facewarden[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own types exist only where it is installed
        raise BadInputError(f"{path}: not an ONNX file that can run: {error}", hint="export it again") from error


class OnnxSession(GraphSession):
    """An ONNX file.

    Args:
        path: the file.

    Raises:
        BadInputError: onnxruntime is not installed, or no such file, or no ONNX.
    """

    def __init__(self, path: Path) -> None:
        session = open_onnx(path)
        self.path, self._session = path, session
        self._outputs = [one.name for one in session.get_outputs()]
        self.inputs = {
            one.name: tuple(side if isinstance(side, int) else -1 for side in one.shape) for one in session.get_inputs()
        }

    def run(self, given: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name."""
        try:
            found = self._session.run(self._outputs, dict(given))
        except Exception as error:  # onnxruntime's own types exist only where it is installed
            raise BadInputError(f"{self.path}: cannot run: {error}", hint="export it again") from error
        return {name: np.asarray(value) for name, value in zip(self._outputs, found, strict=True)}


class OpenVinoSession(GraphSession):
    """An OpenVINO file; it computes in float32, since OpenVINO takes bfloat16 on its own where a processor has it.

    Args:
        path: `NAME.xml`, with its weights `NAME.bin` beside it.

    Raises:
        BadInputError: openvino is not installed, or no such file, or no model.
    """

    def __init__(self, path: Path) -> None:
        try:
            import openvino
        except ImportError as error:
            raise BadInputError(
                f"{path}: running an OpenVINO file needs openvino", hint="pip install 'facewarden[openvino]'"
            ) from error
        hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        try:
            model = openvino.Core().compile_model(str(path), "CPU", hints)
        except Exception as error:  # openvino's own types exist only where it is installed
            raise BadInputError(
                f"{path}: not an OpenVINO model that can run: {str(error).splitlines()[0]}", hint="export it again"
            ) from error
        self.path, self._model = path, model
        self.inputs = {one.get_any_name(): _sides(one) for one in model.inputs}

    def run(self, given: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name."""
        try:
            found = self._model(dict(given))
        except Exception as error:  # openvino's own types exist only where it is installed
            raise BadInputError(f"{self.path}: cannot run: {error}", hint="export it again") from error
        return {one.get_any_name(): np.array(found[one]) for one in self._model.outputs}


def _sides(one: Any) -> tuple[int, ...]:
    """Sizes of an input."""
    return tuple(-1 if side.is_dynamic else int(side.get_length()) for side in one.get_partial_shape())


def open_session(path: Path) -> GraphSession:
    """Open an exported graph by its suffix.

    Raises:
        BadInputError: no such file, another format, or what runs it is not installed.
    """
    if not path.is_file():
        raise BadInputError(f"{path}: no such file", hint="give a file that facewarden export wrote")
    if path.suffix.lower() not in SUFFIXES:
        raise BadInputError(f"{path}: neither .onnx nor .xml", hint="give a file that facewarden export wrote")
    return OnnxSession(path) if path.suffix.lower() == ".onnx" else OpenVinoSession(path)
