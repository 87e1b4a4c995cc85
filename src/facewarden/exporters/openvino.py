"""OpenVINO: the ONNX graph converted; weights stay in float32."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from facewarden.core.errors import BadInputError

FILE = "model.xml"
"""Name of the graph in an exported folder; its weights are in `model.bin`."""


def check_openvino() -> None:
    """Refuse to begin without OpenVINO.

    Raises:
        BadInputError: it is not installed.
    """
    if find_spec("openvino") is None:
        raise BadInputError("export to OpenVINO needs openvino", hint="pip install 'facewarden[openvino]'")


def write_openvino(onnx: Path, path: Path) -> None:
    """Convert an ONNX file.

    Args:
        onnx: the file.
        path: `NAME.xml` to write.

    Raises:
        BadInputError: OpenVINO is not installed, or cannot convert it.
    """
    check_openvino()
    import openvino

    try:
        openvino.save_model(openvino.convert_model(str(onnx)), str(path), compress_to_fp16=False)
    except Exception as error:  # openvino's own types exist only where it is installed
        raise BadInputError(
            f"{onnx.name}: OpenVINO cannot convert it: {str(error).splitlines()[0]}", hint="export it as onnx"
        ) from error
