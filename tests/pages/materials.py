"""What the commands of pages use, small and without a photo of anybody: captures, folders of photos, models, scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

import facewarden
from facewarden.data.manifest import Manifest
from foreign_models import onnx_model


def captures() -> None:
    """runs/captures/manifest.csv: simulated captures."""
    from facewarden.data.simulate import Simulation, simulate

    if not Path("runs/captures").is_dir():
        simulate(Path("runs/captures"), Simulation(subjects=12, captures_per_subject=4, size=128, seed=1))


def photos() -> None:
    """photos/live/WHO and photos/spoof/SPECIES/WHO: the color images of simulated captures."""
    captures()
    manifest = Manifest.read(Path("runs/captures/manifest.csv"))
    for row in manifest:
        kind = "live" if row.label == 1 else f"spoof/{row.species.replace('print_flat', 'print')}"
        path = manifest.path(row, "rgb")
        assert path is not None
        copy = Path("photos", kind, row.subject, f"{row.key}.png")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


def mine_onnx() -> None:
    """mine.onnx with its card: a detector of whole photos."""
    settings = {"scale": None, "mean": 0.0, "std": 1.0, "output": "logits", "bona_fide": 1, "order": "RGB"}
    onnx_model(Path(), name="mine", **settings)


def my_py() -> None:
    """my.py with the class Net and its card my.json."""
    Path("my.py").write_text(
        "import torch\n\n\nclass Net(torch.nn.Module):\n    def forward(self, images):\n"
        "        return 4 * (images[:, 0] - images[:, 2]).mean(dim=(1, 2))\n",
        encoding="utf-8",
    )
    settings = {"size": 32, "scale": None, "mean": 127.5, "std": 127.5, "output": "logit", "order": "RGB"}
    card = {"name": "net", "summary": "red less blue", "role": "pad", "settings": settings}
    Path("my.json").write_text(json.dumps(card), encoding="utf-8")


def scores() -> None:
    """my.csv, A.csv, B.csv and C.csv: scores of 240 presentations."""
    draw = np.random.default_rng(0)
    label = np.arange(240) % 2
    for name in ("my", "A", "B", "C"):
        values = draw.normal(2.0 * label, 1.0)
        rows = [
            f"k{i},{value:.4f},{kind},s{i // 8},{'print' if i % 4 else 'mask_silicone'},{'dev' if i < 120 else 'test'}"
            for i, (value, kind) in enumerate(zip(values, label, strict=True))
        ]
        Path(f"{name}.csv").write_text("\n".join(["key,score,label,subject,species,split", *rows]), encoding="utf-8")


def manifest_csv() -> None:
    """manifest.csv: simulated captures, as `captures` writes them."""
    captures()
    Manifest.read(Path("runs/captures/manifest.csv")).write(Path("manifest.csv"))


def own_csv() -> None:
    """own.csv: the manifest of `photos`."""
    photos()
    facewarden.data_from_folders(bona_fide=["photos/live"], attacks=["photos/spoof"], out="own.csv")


def calibration_json() -> None:
    """calibration.json: a threshold of mine.onnx."""
    own_csv()
    mine_onnx()
    facewarden.calibrate("mine.onnx", dev="own.csv", out="calibration.json")


def audits() -> None:
    """runs/audit_january and runs/audit_june, and the report.json of the first."""
    manifest_csv()
    mine_onnx()
    for month in ("january", "june"):
        facewarden.audit(detector="mine.onnx", captures="manifest.csv", out=f"runs/audit_{month}")
    shutil.copy("runs/audit_january/report.json", "report.json")


def finished() -> None:
    """runs/scores: what `evaluate scores` wrote."""
    scores()
    facewarden.evaluate_scores("my.csv", out="runs/scores")


def photo_png() -> None:
    """photo.png: one of `photos`."""
    photos()
    shutil.copy(min(Path("photos/live").rglob("*.png")), "photo.png")


def few_photos() -> None:
    """PHOTOS: two of `photos`."""
    photos()
    for path in sorted(Path("photos/live").rglob("*.png"))[:2]:
        copy = Path("PHOTOS", path.name)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)


def laboratory() -> None:
    """runs/audit: the folder of an audit."""
    audits()
    shutil.copytree("runs/audit_june", "runs/audit")


def files() -> dict[str, Any]:
    """FILES, a list of networks."""
    return {"FILES": ["mine.onnx"]}


MATERIALS: Mapping[str, Callable[[], dict[str, Any] | None]] = MappingProxyType(
    {
        "captures": captures, "photos": photos, "mine.onnx": mine_onnx, "my.py": my_py, "scores": scores,
        "manifest.csv": manifest_csv, "own.csv": own_csv, "calibration.json": calibration_json, "audits": audits,
        "finished": finished, "photo.png": photo_png, "PHOTOS": few_photos, "laboratory": laboratory, "FILES": files,
    }
)  # fmt: skip
"""Name in a page's mark -> what writes it into the current folder; it may give names to the page's Python."""
