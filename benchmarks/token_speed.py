"""Pictures per second of DINOv2-small on one thread, torch against onnxruntime: `python benchmarks/token_speed.py`."""

from __future__ import annotations

import argparse
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch

from facewarden.core.files import write_json
from facewarden.training.tokens.engine import EngineKind, EngineSettings, make_engine

KINDS: tuple[EngineKind, ...] = ("torch", "onnxruntime")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0, help="of processor time for each figure, about")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    told: dict[str, object] = {
        "machine": platform.machine(), "capability": torch.backends.cpu.get_cpu_capability(), "batch": options.batch,
        "torch": version("torch"), "onnxruntime": version("onnxruntime"),
    }  # fmt: skip
    for size in (112, 224):
        pixels = torch.rand(options.batch, 3, size, size, generator=torch.Generator().manual_seed(0))
        seen = {}
        for kind in KINDS:
            look = make_engine(EngineSettings(size=size, kind=kind))
            seen[kind] = look(pixels).summary  # the first call prepares
            count, begun = 0, time.process_time()
            while time.process_time() - begun < options.seconds:
                look(pixels)
                count += options.batch
            rate = count / (time.process_time() - begun)
            told[f"{kind}, {size} px"] = {"pictures": count, "a_processor_second": rate}
            print(f"{kind}, {size} px: {rate:.1f} pictures per processor second ({count})")
        apart = abs(seen["torch"].astype("float32") - seen["onnxruntime"].astype("float32"))
        told[f"largest difference, {size} px"] = float(apart.max())
        print(f"largest difference of the summaries, {size} px, float16: {apart.max():.1e}")
    if options.out:
        write_json(options.out, told)


if __name__ == "__main__":
    main()
