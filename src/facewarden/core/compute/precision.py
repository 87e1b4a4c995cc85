"""Numeric precision of networks: what was asked for, and what this processor computes fast enough to use."""

from __future__ import annotations

import logging
import platform
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, cast, get_args

import torch
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.settings import Renamed

Precision = Literal["auto", "float32", "bfloat16", "float16"]
ComputedPrecision = Literal["float32", "bfloat16", "float16"]

# accelerate's words, which recipes of version 0.1 used
_OLD_SPELLINGS = {"no": "float32", "fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
PrecisionSetting = Annotated[str, Renamed(tuple(_OLD_SPELLINGS.items()), today=Precision)]
"""A precision in a file of settings, in which the spellings of version 0.1 are read as well."""
_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_ACCELERATE = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
# Multiplying in bfloat16 must not be slower than in float32. Processors with the instructions are 1.5 to 3 times as
# fast; without them the reference kernel is 10 to 70 times slower, so the limit lies far from both.
_SLOWEST = 1.1

_log = logging.getLogger("facewarden")


@dataclass(frozen=True)
class Support:
    """Whether a device computes in bfloat16 natively, and what that was read from."""

    native: bool
    reason: str


def check_precision(precision: str, *, source: str = "precision") -> Precision:
    """Return the precision in today's spelling; `no`, `bf16`, `fp16` and `fp32` of version 0.1 are understood.

    Raises:
        BadInputError: it is none.
    """
    word = _OLD_SPELLINGS.get(precision, precision) if isinstance(precision, str) else precision
    if word not in get_args(Precision):
        raise BadInputError(
            f"{source}: unknown precision {precision!r}", hint=f"one of {', '.join(get_args(Precision))}"
        )
    return cast(Precision, word)


def resolve_precision(asked: str, device: str | torch.device = "cpu") -> ComputedPrecision:
    """Decide what to compute in.

    Args:
        asked: `auto` takes bfloat16 where the device has it natively and float32 elsewhere. A half precision that a
            processor has only in emulation is replaced by float32, with one line of warning.
        device: the device that computes.

    Raises:
        BadInputError: an unknown precision.

    Example:
        >>> resolve_precision("float32")
        'float32'
    """
    precision, kind = check_precision(asked), torch.device(device).type
    if precision == "float32":
        return "float32"
    if precision == "float16":
        if kind != "cpu":
            return "float16"
        _warn_once("float16 is emulated on a CPU: computing in float32")
        return "float32"
    support = native_bfloat16(kind)
    if support.native:
        return "bfloat16"
    if precision == "bfloat16":
        _warn_once(f"bfloat16 was asked for, but {support.reason}: computing in float32")
    return "float32"


def autocast(asked: str, device: str | torch.device = "cpu") -> AbstractContextManager[object]:
    """A context in which matrix products and convolutions run in the resolved precision."""
    resolved = resolve_precision(asked, device)
    if resolved == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=_DTYPES[resolved])


def forced_autocast(asked: str, device: str | torch.device = "cpu") -> AbstractContextManager[object]:
    """As `autocast`, but float32 also ends the autocast of whoever calls."""
    resolved, kind = resolve_precision(asked, device), torch.device(device).type
    if resolved == "float32":
        return torch.autocast(kind, enabled=False)
    return torch.autocast(kind, dtype=_DTYPES[resolved])


def at_least_single(x: Tensor) -> Tensor:
    """Return the tensor in float32 if it is narrower; float32 and float64 stay unchanged."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def accelerate_precision(asked: str, device: str | torch.device = "cpu") -> str:
    """The resolved precision as Accelerate spells it."""
    return _ACCELERATE[resolve_precision(asked, device)]


@lru_cache(maxsize=8)
def native_bfloat16(device_type: str = "cpu") -> Support:
    """Whether a kind of device has native bfloat16; on a CPU this is asked for and confirmed by a measurement of 20 ms.

    Args:
        device_type: "cpu", "cuda", "mps" …
    """
    if device_type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Support(True, "this GPU has bfloat16 instructions")
        return Support(False, "this GPU has no bfloat16 instructions")
    if device_type != "cpu":
        return Support(False, f"bfloat16 was not confirmed on {device_type}")
    if not _has_instructions():
        return Support(False, "this processor has no bfloat16 instructions (AVX512-BF16 or AMX)")
    ratio = _measured_ratio()
    if ratio > _SLOWEST:
        return Support(False, f"a matrix product in bfloat16 takes {ratio:.1f} times as long as in float32 here")
    return Support(True, f"a matrix product in bfloat16 takes {ratio:.2f} times as long as in float32")


def _has_instructions() -> bool:
    """Whether an x86 processor has AVX512-BF16 or AMX; True where torch cannot tell: then the measurement decides."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    questions = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    known = [bool(ask()) for ask in questions if ask is not None]  # private names of torch
    return any(known) if known else True


def _measured_ratio(seconds: float = 0.01) -> float:
    """Time of a matrix product in bfloat16 over its time in float32, each the best of several within `seconds`."""
    best = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(128, 384, dtype=dtype), torch.ones(384, 384, dtype=dtype)
        left @ right  # the first one prepares the kernel
        times: list[float] = []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            left @ right
            times.append(time.perf_counter() - start)
        best[dtype] = min(times)
    return best[torch.bfloat16] / best[torch.float32]


@lru_cache(maxsize=16)
def _warn_once(text: str) -> None:
    _log.warning(text)
