"""A frozen network without gradients: in onnxruntime on a CPU, where it is installed and agrees, else in torch."""

from __future__ import annotations

import copy
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.compute.stamp import Stamp, stamp_of

_SAME = 1e-5
"""By which outputs of both engines may differ; they differ by rounding, a tenth of this."""
_LOG = logging.getLogger("facewarden")
_IN_TORCH: ContextVar[bool] = ContextVar("facewarden_in_torch", default=False)


@contextmanager
def in_torch() -> Iterator[None]:
    """Let torch compute inside of the block, whatever is installed: what a copy of a network is compared with."""
    token = _IN_TORCH.set(True)
    try:
        yield
    finally:
        _IN_TORCH.reset(token)


class FastForward:
    """Calls a network, in onnxruntime where that is possible and in torch elsewhere.

    onnxruntime takes batches of one size of image in float32 on the CPU, outside of autocast and where no gradients are
    recorded; it computes in one thread. Which engine computes is not measured at run time: workers side by side would
    choose apart, and give other bits. A network is given to this class because it was measured
    (`docs/results/speed.md`).

    Args:
        network: frozen, of one image batch and one output of as many rows, or a tuple of several. When its weights are
            changed or moved, torch computes.
        shape: channels, height and width of the images that onnxruntime takes.
        largest: value of their pixels, for the comparison.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, int, int], *, largest: float = 1.0) -> None:
        self.network, self.shape, self.largest = network, shape, largest
        self._session: Any = None
        self._stamp: Stamp | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.network, self.shape, self.largest)  # a session is opened anew where it is needed

    def __call__(self, images: Float[Tensor, "b c h w"]) -> Any:
        """Compute the output of a batch, as the network returns it."""
        if not self._possible(images):
            return self.network(images)
        if self._stamp is None:
            self._stamp = stamp_of(self.network)
            self._session = self._opened()
        if self._session is None or self._stamp != stamp_of(self.network):
            return self.network(images)
        outputs = self._run(self._session, images)
        return outputs if len(outputs) > 1 else outputs[0]

    @property
    def engine(self) -> str:
        """What computed the last batches: onnxruntime or torch."""
        return "torch" if self._session is None else "onnxruntime"

    def _possible(self, images: Tensor) -> bool:
        plain = type(images) is Tensor and images.device.type == "cpu" and images.dtype == torch.float32
        outside = not (torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling())
        return plain and outside and not _IN_TORCH.get() and len(images) > 0 and tuple(images.shape[1:]) == self.shape

    def _opened(self) -> Any:
        """A session that agrees with torch on noise; None where there is none."""
        try:
            import onnxruntime
        except ImportError:
            return None
        probe = self.largest * torch.rand((2, *self.shape), generator=torch.Generator().manual_seed(0))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
        name = type(self.network).__name__
        try:
            session = onnxruntime.InferenceSession(self._recorded(probe), options, providers=["CPUExecutionProvider"])
            apart = max(self._apart(session, some) for some in (probe, probe[:1]))
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
            plain = self.network(probe)
            network = _with_quick_slopes(self.network)
            names = [f"output {number}" for number in range(len(plain) if isinstance(plain, tuple) else 1)]
            torch.onnx.export(
                network, (probe,), path, dynamo=False, opset_version=17, input_names=["images"],
                output_names=names, dynamic_axes={name: {0: "batch"} for name in ("images", *names)},
            )  # fmt: skip
            return path.read_bytes()

    def _apart(self, session: Any, images: Tensor) -> float:
        """Largest difference of both engines, in units of the largest output or of one."""
        found, plain = self._run(session, images), self.network(images)
        pairs = zip(found, plain if isinstance(plain, tuple) else (plain,), strict=True)
        return max(float((one - two).abs().max()) / max(1.0, float(two.abs().max())) for one, two in pairs)

    @staticmethod
    def _run(session: Any, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(map(torch.from_numpy, session.run(None, {"images": images.contiguous().numpy()})))


class _Slope(nn.Module):
    """PReLU of slopes up to 1, which is the larger of x and a x: onnxruntime's own takes several times as long."""

    slopes: Tensor

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.register_buffer("slopes", slopes.detach().view(-1, 1, 1) if len(slopes) > 1 else slopes.detach())

    def forward(self, values: Tensor) -> Tensor:
        return torch.maximum(values, self.slopes * values)


def _with_quick_slopes(network: nn.Module) -> nn.Module:
    """A copy of a network whose PReLU are written as what onnxruntime computes quickly; the same finite values."""
    found = copy.deepcopy(network)
    for parent in list(found.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, nn.PReLU) and bool((part.weight <= 1).all()):
                setattr(parent, name, _Slope(part.weight))
    return found


def _again(network: nn.Module, shape: tuple[int, int, int], largest: float) -> FastForward:
    return FastForward(network, shape, largest=largest)
