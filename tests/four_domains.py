"""A tiny set of four domains for the presentation plan: 24-pixel pictures whose brightness tells the classes apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from facewarden.core.labels import SPLITS
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample

DOMAINS = ("alder", "birch", "cedar", "dogwood")


def write_domains(folder: Path, *, subjects: int = 1, each: int = 4, seed: int = 0) -> Path:
    """Write pictures and a manifest: in every domain and split that many subjects with `each` captures, half bona fide.

    Bona fide presentations are brighter in every modality; each domain has its own level.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for level, domain in enumerate(DOMAINS):
        for split in SPLITS:
            for subject in range(subjects):
                for number in range(each):
                    label = int(number % 2)
                    key = f"{domain}-{split}-{subject}-{number}"
                    base = 60 + 15 * level + 60 * label
                    for name in ("rgb", "infrared"):
                        shape = (24, 24, 3) if name == "rgb" else (24, 24)
                        pixels = rng.normal(base, 15, shape).clip(0, 255).astype(np.uint8)
                        Image.fromarray(pixels).save(folder / f"{key}-{name}.png")
                    depth = rng.normal(700 - 100 * label, 30, (24, 24)).clip(1, 2000).astype(np.uint16)
                    Image.fromarray(depth).save(folder / f"{key}-depth.png")
                    rows.append(
                        Sample(
                            key=key, split=split, label=label, species="bona_fide" if label else "print_flat",
                            subject=f"{domain}-{split}-{subject}", domain=domain, rgb=f"{key}-rgb.png",
                            depth=f"{key}-depth.png", infrared=f"{key}-infrared.png", box=(4.0, 4.0, 20.0, 20.0),
                            simulated=True, extra={"video": f"{domain}-{split}-{subject}-{number % 2}"},
                        )
                    )  # fmt: skip
    Manifest(tuple(rows), root=folder, name="four domains").write(folder / "manifest.csv")
    return folder / "manifest.csv"
