"""What the commands of pages use, small and without a photo of anybody: captures, folders of photos, models, scores."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

import facewarden
from clips import write_clip
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.nn.foreign.tiny_tflite import write_tiny
from foreign_models import onnx_model
from twins import twin


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


def bare_onnx() -> None:
    """mine.onnx without its card."""
    mine_onnx()
    Path("mine.json").unlink()


def mine_tflite() -> None:
    """mine.tflite without a card."""
    write_tiny(Path("mine.tflite"), classes=2, card={})
    Path("mine.json").unlink()


def clips() -> None:
    """clip.mp4, and the folder `folder` with that clip and a folder of frames."""
    photos()
    paths = sorted(Path("photos/live").rglob("*.png"))[:6]
    Path("folder/frames").mkdir(parents=True)
    for path in paths:
        shutil.copy(path, Path("folder/frames", path.name))
    write_clip(Path("clip.mp4"), [read_photo(path) for path in paths for _ in range(3)])
    shutil.copy("clip.mp4", "folder/clip.mp4")


def pairs_csv() -> None:
    """pairs.csv, gallery.csv and probes.csv of the bona fide `photos`, and recognizer.onnx with its card."""
    photos()
    people = [sorted(folder.glob("*.png")) for folder in sorted(Path("photos/live").iterdir())]
    people = [paths for paths in people if len(paths) > 1]
    pairs = [(paths[0], paths[1], 1) for paths in people]
    pairs += [(one[0], other[0], 0) for one, other in itertools.combinations(people, 2)]
    lines = ["first,second,same", *(f"{first},{second},{same}" for first, second, same in pairs)]
    Path("pairs.csv").write_text("\n".join(lines), encoding="utf-8")
    for place, name in enumerate(("gallery", "probes")):
        rows = [f"{paths[place]},{paths[place].parent.name}" for paths in people]
        Path(f"{name}.csv").write_text("\n".join(["file,subject", *rows]), encoding="utf-8")
    entry = facewarden.core.registry.load("recognizers", "onnx_file")
    entry.example(Path())
    for suffix in (".onnx", ".json"):
        Path(f"means{suffix}").rename(f"recognizer{suffix}")
    text = Path("recognizer.json").read_text(encoding="utf-8").replace("means.onnx", "recognizer.onnx")
    Path("recognizer.json").write_text(text, encoding="utf-8")


def comparisons() -> None:
    """pairs.csv: comparison scores of 16 people in two splits; people.csv: who belongs to which group."""
    draw = np.random.default_rng(0)
    rows = [
        f"{draw.normal(3.0 * (a == b)):.4f},{int(a == b)},p{a},p{b},{split}"
        for split, first in (("dev", 0), ("test", 8))
        for a in range(first, first + 8)
        for b in range(a, first + 8)
        for _ in range(4 if a == b else 1)
    ]
    Path("pairs.csv").write_text("\n".join(["score,same,subject_a,subject_b,split", *rows]), encoding="utf-8")
    people = [f"p{n},{'fm'[n % 2]}" for n in range(16)]
    Path("people.csv").write_text("\n".join(["subject,attr_sex", *people]), encoding="utf-8")


def records() -> None:
    """test/records.csv and test/lab.json of a laboratory, and key.pem."""
    draw = np.random.default_rng(0)
    Path("test").mkdir()
    header = "key,score,label,subject,species,series,artifact,attempt,match"
    lines = [
        f"k{i},{draw.normal(3.0 * (i % 2)):.4f},{i % 2},s{i % 10},{kind},a{i % 10},a{i % 10}-1,1,0.8"
        for i in range(200)
        for kind in ("" if i % 2 else "print",)
    ]
    Path("test/records.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    stated = {"laboratory": "Example", "threshold": 1.0, "threshold_from": "vendor", "match_threshold": 0.5}
    Path("test/lab.json").write_text(json.dumps(stated), encoding="utf-8")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "key.pem"], check=True)


def service() -> None:
    """The page's service.py answers on port 8780 until the tests end."""
    server = subprocess.Popen([sys.executable, "service.py"])
    atexit.register(server.kill)
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 8780), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError("service.py does not listen on port 8780")


def wmca() -> None:
    """DIR: the twin of a published set."""
    shutil.copytree(twin("wmca"), "DIR")


def files() -> dict[str, Any]:
    """FILES, a list of networks."""
    return {"FILES": ["mine.onnx"]}


MATERIALS: Mapping[str, Callable[[], dict[str, Any] | None]] = MappingProxyType(
    {
        "captures": captures, "photos": photos, "mine.onnx": mine_onnx, "my.py": my_py, "scores": scores,
        "manifest.csv": manifest_csv, "own.csv": own_csv, "calibration.json": calibration_json, "audits": audits,
        "finished": finished, "photo.png": photo_png, "PHOTOS": few_photos, "laboratory": laboratory, "FILES": files,
        "bare.onnx": bare_onnx, "mine.tflite": mine_tflite, "clips": clips, "pairs.csv": pairs_csv,
        "comparisons": comparisons, "records": records, "wmca": wmca, "service": service,
    }
)  # fmt: skip
"""Name in a page's mark -> what writes it into the current folder; it may give names to the page's Python."""
