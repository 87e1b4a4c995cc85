"""A frozen network without gradients: in onnxruntime on a CPU, where it is installed and agrees, else in torch."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

_SAME = 1e-5
"""By which outputs of both engines may differ; they differ by rounding, a tenth of this."""
_LOG = logging.getLogger("facewarden")


class FastForward:
    """Calls a network, in onnxruntime where that is possible and in torch elsewhere.

    onnxruntime takes batches of one size of image in float32 on the CPU, outside of autocast and where no gradients are
    recorded; it computes in one thread. Which engine computes is not measured at run time: workers side by side would
    choose apart, and give other bits. A network is given to this class because it was measured
    (`docs/results/speed.md`).

    Args:
        network: frozen, of one image batch and one output of as many rows. When its weights are changed or moved,
            torch computes.
        shape: channels, height and width of the images that onnxruntime takes.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, int, int]) -> None:
        self.network, self.shape = network, shape
        self._session: Any = None
        self._stamp: tuple[tuple[int, int], ...] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return FastForward, (self.network, self.shape)  # a session is opened anew where it is needed

    def __call__(self, images: Float[Tensor, "b c h w"]) -> Tensor:
        """Compute the output of a batch."""
        if not self._possible(images):
            return self._plain(images)
        if self._stamp is None:
            self._stamp = _stamp(self.network)
            self._session = self._opened()
        if self._session is None or self._stamp != _stamp(self.network):
            return self._plain(images)
        return self._run(self._session, images)

    @property
    def engine(self) -> str:
        """What computed the last batches: onnxruntime or torch."""
        return "torch" if self._session is None else "onnxruntime"

    def _plain(self, images: Tensor) -> Tensor:
        output: Tensor = self.network(images)
        return output

    def _possible(self, images: Tensor) -> bool:
        plain = type(images) is Tensor and images.device.type == "cpu" and images.dtype == torch.float32
        outside = not (torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling())
        return plain and outside and len(images) > 0 and tuple(images.shape[1:]) == self.shape

    def _opened(self) -> Any:
        """A session that agrees with torch on noise; None where there is none."""
        try:
            import onnxruntime
        except ImportError:
            return None
        probe = torch.rand((2, *self.shape), generator=torch.Generator().manual_seed(0))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
        name = type(self.network).__name__
        try:
            session = onnxruntime.InferenceSession(self._recorded(probe), options, providers=["CPUExecutionProvider"])
            apart = max(
                float((self._run(session, some) - self._plain(some)).abs().max()) for some in (probe, probe[:1])
            )
        except Exception as error:  # of torch's exporter and of onnxruntime, whose types are their own
            _LOG.debug("onnxruntime does not compute %s: %s", name, error)
            return None
        if not apart <= _SAME:
            _LOG.warning("onnxruntime and torch differ by %.1e for %s: torch computes", apart, name)
            return None
        return session

    def _recorded(self, probe: Tensor) -> bytes:
        """The network as an ONNX file."""
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")  # that this way of recording is the old one; it needs no other package
            path = Path(folder, "network.onnx")
            torch.onnx.export(
                self.network, (probe,), path, dynamo=False, opset_version=17, input_names=["images"],
                output_names=["output"], dynamic_axes={"images": {0: "batch"}, "output": {0: "batch"}},
            )  # fmt: skip
            return path.read_bytes()

    @staticmethod
    def _run(session: Any, images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"images": images.contiguous().numpy()})[0])


def _stamp(network: nn.Module) -> tuple[tuple[int, int], ...]:
    """What changes when weights are written, replaced or moved."""
    return tuple(
        (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)
        for tensors in (network.parameters(), network.buffers())
        for tensor in tensors
    )
