"""Open the file of a network by its suffix."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.nn.foreign.graph import FileGraph, plain_file

FORMATS = {".onnx": "ONNX", ".tflite": "TFLite", ".xml": "OpenVINO IR"}
"""Suffix -> what such a file is."""


def open_graph(path: Path) -> FileGraph:
    """Open a network on the CPU.

    Args:
        path: .onnx, .tflite, or .xml with its .bin beside it.

    Raises:
        BadInputError: another suffix, no such file, what runs it is not installed, or no network in it.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise BadInputError(f"{path}: no network in a file", hint=f"one of {', '.join(FORMATS)}")
    plain_file(path, suffix)
    if suffix == ".onnx":
        from facewarden.nn.foreign.onnx_graph import OnnxGraph

        return OnnxGraph(path)
    if suffix == ".tflite":
        from facewarden.nn.foreign.tflite_graph import TfliteGraph

        return TfliteGraph(path)
    from facewarden.nn.foreign.openvino_graph import OpenVinoGraph

    return OpenVinoGraph(path)
