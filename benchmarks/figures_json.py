"""What a benchmark measured, as JSON with the machine that it ran on; the pages of results are made from it."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def machine() -> dict[str, Any]:
    """The processor, the instruction set that torch uses, what it has for bfloat16, and the version of torch."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    model = re.search(r"model name\s*:\s*(.*)", text)
    return {
        "processor": model[1] if model else platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": [flag for flag in ("amx_bf16", "avx512_bf16") if re.search(rf"\b{flag}\b", text)],
        "torch": torch.__version__,
    }


def write(out: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures and machine, where a file is asked for."""
    if out is not None:
        out.write_text(json.dumps({"machine": machine(), **figures}, indent=2) + "\n", encoding="utf-8")
