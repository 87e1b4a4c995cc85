"""Your detector as an ONNX file with a card beside it: onnx_file:PATH; not differentiable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.identity.own_hash import with_onnx_hashes
from facewarden.core.labels import CHANNELS, Modality
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.settings import OneOrMore, Positive, SettingError, Whole, read_settings
from facewarden.nn.crop import Border, crop_resize

Output = Literal["logits", "probability", "logit"]

_HINT = (
    'settings: {"size": 80, "scale": 2.7, "border": "inside", "modality": "rgb", "order": "BGR", "mean": 0, "std": 1, '
    '"output": "logits", "bona_fide": 1}'
)


@dataclass(frozen=True)
class OnnxSettings:
    """Settings of an ONNX detector, as its card states them.

    Attributes:
        size: side of the square input in pixels.
        scale: factor on the face box; None gives the whole frame.
        border: what happens where the crop leaves the frame, as in `facewarden.nn.crop.crop_resize`.
        modality: what it reads.
        order: channel order of rgb, "RGB" or "BGR".
        mean, std: the network sees (255 x - mean) / std; one number, or one per channel in the network's order.
        output: "logits" of at least two classes, one "probability" of bona fide (or one per class), or one "logit".
        bona_fide: index of the class that is bona fide.
        invert: the single output is that of an attack.
    """

    size: Annotated[int, Ge(8), Le(1024)]
    scale: Annotated[float, Gt(0), Le(10)] | None = None
    border: Border = "inside"
    modality: Modality = "rgb"
    order: Literal["RGB", "BGR"] = "RGB"
    mean: Annotated[tuple[float, ...], OneOrMore()] = (0.0,)
    std: Annotated[tuple[Positive, ...], OneOrMore()] = (1.0,)
    output: Output = "logits"
    bona_fide: Whole = 1
    invert: bool = False

    def __post_init__(self) -> None:
        channels = CHANNELS[self.modality]
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (1, channels):
                raise SettingError(
                    f"{name} is {list(numbers)}; allowed for {self.modality}: one number or {channels}",
                    hint=_HINT,
                    at=(name,),
                )


class OnnxDetector(Detector):
    """Runs an ONNX file with onnxruntime on the CPU; its first output is read.

    Args:
        path: the ONNX file, with one image input in NCHW.
        card: default is the card file `NAME.json` beside `NAME.onnx`; its `settings` are those of `OnnxSettings`. Its
            `sha256`, where it names the file, must agree; the detector's card holds the hash of the file in any case.

    Raises:
        BadInputError: onnxruntime is not installed, a file is missing or no ONNX, or the card does not fit.
    """

    differentiable = False

    def __init__(self, path: Path, *, card: Card | None = None) -> None:
        super().__init__()
        if not path.is_file():
            raise BadInputError(f"{path}: no such file", hint="give an .onnx file")
        beside = path.with_suffix(".json")
        if card is None and not beside.is_file():
            raise BadInputError(f"{path}: no card beside it, expected {beside.name}", hint=_HINT)
        self.card = with_onnx_hashes(Card.read(beside) if card is None else card, path)
        self.card.require_role("pad", source=str(beside))
        self.settings = read_settings(
            OnnxSettings, self.card.settings, source=str(beside), at=("settings",), hint=_HINT
        )
        self.modalities = (self.settings.modality,)
        self.needs_box = self.settings.scale is not None
        self._path, self._session = path, _open(path)
        self._input = self._session.get_inputs()[0]
        self._check_input()
        side, channels = self.settings.size, CHANNELS[self.settings.modality]
        self._score(self._run(np.zeros((1, channels, side, side), dtype=np.float32)))
        self.eval()

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score a batch; gradients end here."""
        settings = self.settings
        images = batch.images[settings.modality].detach()
        height, width = images.shape[-2:]
        whole = torch.tensor([[0.0, 0.0, width, height]]).repeat(len(batch), 1)
        boxes = whole if settings.scale is None or batch.box is None else batch.box.float()
        crop = crop_resize(
            images, boxes.to(images.device), scale=settings.scale or 1.0, size=settings.size, border=settings.border
        )
        if settings.order == "BGR" and settings.modality == "rgb":
            crop = crop.flip(1)
        channels = CHANNELS[settings.modality]
        mean, std = (torch.tensor(value).reshape(1, -1, 1, 1) for value in (settings.mean, settings.std))
        network_input = ((crop.cpu().float() * 255 - mean) / std).expand(-1, channels, -1, -1)
        return PadOutput(score=self._score(self._run(network_input.cpu().numpy())).to(images.device))

    def _score(self, raw: NDArray[np.float32]) -> Tensor:
        values, settings = torch.from_numpy(raw).double(), self.settings
        if values.shape[1] == 1:
            single = values[:, 0]
            if settings.output == "logits":
                raise BadInputError(
                    f"{self._path}: one output, but its card says logits of classes", hint='output: "logit"'
                )
            score = single if settings.output == "logit" else torch.logit(single, eps=1e-7)
            return (-score if settings.invert else score).float()
        if settings.output == "logit" or not 0 <= settings.bona_fide < values.shape[1]:
            raise BadInputError(
                f"{self._path}: {values.shape[1]} outputs do not fit output {settings.output!r} with bona_fide "
                f"{settings.bona_fide}",
                hint=_HINT,
            )
        if settings.output == "probability":
            return torch.logit(values[:, settings.bona_fide], eps=1e-7).float()
        others = torch.cat([values[:, : settings.bona_fide], values[:, settings.bona_fide + 1 :]], dim=1)
        return (values[:, settings.bona_fide] - torch.logsumexp(others, dim=1)).float()

    def _run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        fixed = self._input.shape[0]
        step = fixed if isinstance(fixed, int) and fixed > 0 else len(pictures)
        outputs = []
        for start in range(0, len(pictures), step):
            lot = pictures[start : start + step]
            rows = np.minimum(np.arange(step), len(lot) - 1)  # a fixed batch is filled up with copies
            try:
                (out, *_) = self._session.run(None, {self._input.name: np.ascontiguousarray(lot[rows])})
            except Exception as error:  # onnxruntime's own types exist only where it is installed
                raise BadInputError(f"{self._path}: does not take what its card says: {error}", hint=_HINT) from error
            outputs.append(np.asarray(out, dtype=np.float32).reshape(step, -1)[: len(lot)])
        return np.concatenate(outputs)

    def _check_input(self) -> None:
        shape, channels = self._input.shape, CHANNELS[self.settings.modality]
        if len(shape) == 4 and isinstance(shape[1], int) and shape[1] != channels:
            raise BadInputError(
                f"{self._path}: takes {shape[1]} channels, but {self.settings.modality} has {channels}",
                hint="name the modality that it reads in the card, and export it as NCHW",
            )

    @classmethod
    def example(cls, folder: Path) -> OnnxDetector:
        """Return a tiny detector whose file and card are written into a folder."""
        from onnx import TensorProto, helper, numpy_helper, save

        weight = np.random.default_rng(0).normal(0, 0.01, (2, 3, 8, 8)).astype(np.float32)
        node = helper.make_node("Conv", ["image", "weight"], ["classes"], kernel_shape=[8, 8])
        images = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])
        classes = helper.make_tensor_value_info("classes", TensorProto.FLOAT, ["n", 2, 1, 1])
        graph = helper.make_graph([node], "tiny", [images], [classes], [numpy_helper.from_array(weight, "weight")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        save(model, str(folder / "tiny.onnx"))
        Card(
            name="onnx_file",
            summary="A tiny random network",
            role="pad",
            licence="Apache-2.0",
            source="made here",
            training_data="none",
            intended_use="tests",
            limits="it has learned nothing",
            settings={"size": 8, "scale": 1.5},
        ).write(folder / "tiny.json")
        return cls(folder / "tiny.onnx")


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
    except Exception as error:  # onnxruntime's own types exist only where it is installed
        raise BadInputError(f"{path}: not an ONNX file that can run: {error}", hint="export it again") from error


entry = OnnxDetector
