"""Weights and products in int8, calibrated on captures; convolutions and matrix products alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError

FEWEST = 32
"""Captures that a calibration needs."""


def write_int8(source: Path, target: Path, inputs: Iterable[Mapping[str, NDArray[np.float32]]]) -> int:
    """Quantize an ONNX file with ranges that inputs have shown.

    Args:
        source: the file in float32.
        target: the file to write.
        inputs: of the graph, one capture each.

    Returns:
        How many captures calibrated it.

    Raises:
        BadInputError: too few captures.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    rows = [dict(one) for one in inputs]
    if len(rows) < FEWEST:
        raise BadInputError(
            f"a calibration needs {FEWEST} captures, these are {len(rows)}", hint="--int8 CAPTURES with more rows"
        )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands out the captures one by one."""

        def __init__(self) -> None:
            self.left: Iterator[dict[str, Any]] = iter(rows)

        def get_next(self) -> dict[str, Any] | None:
            """The next capture; None at the end."""
            return next(self.left, None)

    prepared = source.with_name("prepared.onnx")
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(target), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax, op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        )  # fmt: skip
    finally:
        prepared.unlink(missing_ok=True)
    return len(rows)
