"""Your embedder as an ONNX file with a card beside it; not differentiable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from onnx import TensorProto, save
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from torch import Tensor

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.identity.own_hash import with_onnx_hashes
from facewarden.core.roles import Recognizer
from facewarden.core.settings import OneOrMore, Positive, SettingError, read_settings
from facewarden.recognizers.parts.view import InputView

_EXAMPLE_ENDS = (("x", ["n", 3, 112, 112]), ("y", ["n", 3, 1, 1]))
_HINT = 'settings: {"size": 112, "order": "RGB", "layout": "NCHW", "mean": 127.5, "std": 127.5}'


@dataclass(frozen=True)
class OnnxRecognizerSettings:
    """What a card says of an ONNX recognizer.

    Attributes:
        size: side of the square input in pixels.
        order: channel order, "RGB" or "BGR".
        layout: "NCHW" or "NHWC".
        mean, std: the network sees (255 x - mean) / std; one number, or one per channel in the network's order.
    """

    size: Annotated[int, Ge(8), Le(1024)] = 112
    order: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: Annotated[tuple[float, ...], OneOrMore()] = (0.0,)
    std: Annotated[tuple[Positive, ...], OneOrMore()] = (1.0,)

    def __post_init__(self) -> None:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (1, 3):
                raise SettingError(f"{name} is {list(numbers)}; allowed: one number or three", hint=_HINT, at=(name,))


class OnnxRecognizer(Recognizer):
    """Runs an ONNX file with onnxruntime on the CPU.

    The network sees (255 x - mean) / std of the aligned crop, resampled to `size`.

    Args:
        path: the ONNX file, with one input of pictures and the embedding as its first output.
        card: default is the card file `NAME.json` beside `NAME.onnx`; its role is "recognizer" and its `settings` are
            those of `OnnxRecognizerSettings`. Its `sha256`, where it names the file, must agree; the card of the
            recognizer holds the hash of the file itself in any case.

    Raises:
        BadInputError: onnxruntime is not installed, a file is missing or no ONNX, or the card does not fit.
    """

    differentiable = False

    def __init__(self, path: Path, *, card: Card | None = None) -> None:
        super().__init__()
        stated = Card.read(path.with_suffix(".json")) if card is None else card
        self.card = with_onnx_hashes(stated, path)
        beside = str(path.with_suffix(".json"))
        self.card.require_role("recognizer", source=beside)
        settings = read_settings(
            OnnxRecognizerSettings, self.card.settings, source=beside, at=("settings",), hint=_HINT
        )
        self.order, self.layout, side = settings.order, settings.layout, settings.size
        self.mean, self.std = (
            np.asarray(numbers, dtype=np.float32).reshape(1, -1, 1, 1) for numbers in (settings.mean, settings.std)
        )
        self.view = InputView(0.0, 0.0, side=float(self.size), size=side)
        self._session = _open(path)
        self._input = self._session.get_inputs()[0]
        try:
            self.dim = int(self._run(np.full((1, 3, side, side), 0.5, dtype=np.float32)).shape[1])
        except Exception as error:
            # onnxruntime raises its own types, which exist only where it is installed.
            raise BadInputError(
                f"{path}: the network does not take what its card says, a picture of {side} in {self.layout}: {error}",
                hint=_HINT,
            ) from error

    @classmethod
    def example(cls, folder: Path) -> OnnxRecognizer:
        """Return a tiny embedder, the mean of each color, whose file and card are written into a folder."""
        ends = [make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in _EXAMPLE_ENDS]
        graph = make_graph([make_node("GlobalAveragePool", ["x"], ["y"])], "means", ends[:1], ends[1:])
        path = folder / "means.onnx"
        save(make_model(graph, opset_imports=[make_opsetid("", 13)], ir_version=8), str(path))
        Card(
            name="onnx_file",
            summary="mean of each color",
            role="recognizer",
            licence="Apache-2.0",
            source="facewarden",
            training_data="none",
            intended_use="an example of the format",
            limits="recognizes no one",
            sha256={path.name: sha256(path)},
            settings={"size": 112, "order": "RGB", "layout": "NCHW", "mean": 127.5, "std": 127.5},
        ).write(path.with_suffix(".json"))
        return cls(path)

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding of crops `(b, 3, 112, 112)` in [0, 1], cut off from the images' gradients."""
        embeddings = self._run(self.view(images).detach().cpu().float().numpy())
        return torch.from_numpy(embeddings).to(images)

    def _run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        ordered = pictures if self.order == "RGB" else pictures[:, ::-1]
        batch = ((ordered * 255 - self.mean) / self.std).astype(np.float32)
        if self.layout == "NHWC":
            batch = batch.transpose(0, 2, 3, 1)
        # Many exported networks take a fixed number of pictures; the last lot is filled up with copies.
        fixed = self._input.shape[0]
        step = fixed if isinstance(fixed, int) and fixed > 0 else len(batch)
        outputs = []
        for start in range(0, len(batch), step):
            lot = batch[start : start + step]
            rows = np.minimum(np.arange(step), len(lot) - 1)
            (out, *_) = self._session.run(None, {self._input.name: np.ascontiguousarray(lot[rows])})
            outputs.append(np.asarray(out, dtype=np.float32).reshape(step, -1)[: len(lot)])
        return np.concatenate(outputs)


def _open(path: Path) -> Any:
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
    except Exception as error:
        raise BadInputError(f"{path}: not an ONNX file that can run: {error}", hint="export it again") from error


entry = OnnxRecognizer
