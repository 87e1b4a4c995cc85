"""Photos a second of the folder verbs, beside an earlier commit in the same run; memory and time of long folders.

Run: python benchmarks/pipeline_speed.py --out docs/results/speed/pipeline.json

Photos are drawn (simulated). Every figure is processor time, best of several rounds in which both sides take turns, so
that other work on the machine counts less. The earlier side is the code of that commit, run by the same script.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from figures_json import write
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("purify", "score", "workers", "find", "long")
MINIFASNET = "FACEWARDEN_MINIFASNET"
"""Where it names the folder of the two released checkpoints, they are measured as well."""

BEFORE = "8b9788b"
"""The last commit before the verbs worked in processes."""


def draw_photos(folder: Path, *, count: int, size: int = 250) -> None:
    """Bona fide captures as JPEG files, each another person."""
    from facewarden.core.seeding import derive
    from facewarden.data.simulate.capture import CaptureSpec, make_capture
    from facewarden.data.simulate.person.face import prepare
    from facewarden.data.simulate.person.identity import sample_identity
    from facewarden.data.simulate.person.pose import sample_expression, sample_pose

    folder.mkdir()
    for number in range(count):
        draw = np.random.default_rng(number)
        maps = prepare(sample_identity(derive(0, "identity", number))).render(
            pose=sample_pose(draw), expression=sample_expression(draw)
        )
        spec = CaptureSpec(
            f"{number:03d}", f"{number}", "bona_fide", "alder", illumination="normal", session="0", seed=0, size=size
        )
        Image.fromarray(make_capture(spec, maps).rgb).save(folder / f"{number:03d}.jpg", quality=95)


def tiny_photos(folder: Path, *, count: int) -> None:
    """Files of one small picture each."""
    folder.mkdir()
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(data, "PNG")
    for number in range(count):
        (folder / f"{number:06d}.png").write_bytes(data.getvalue())


def child(source: Path, verb: str, photos: Path, out: Path, *words: str) -> dict[str, Any]:
    """One verb in a process of its own, with the code of a side."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(out.with_name(f"{out.name}-warm"), ignore_errors=True)
    answer = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "pipeline_child.py"), verb, str(photos), str(out), *words],
        env={**os.environ, "PYTHONPATH": str(source / "src"), "OMP_NUM_THREADS": "1", "FACEWARDEN_OFFLINE": "1"},
        capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    if answer.returncode:
        raise RuntimeError(f"{verb}: {answer.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def both(sources: dict[str, Path], verb: str, photos: Path, work: Path, words: Sequence[str], *, rounds: int) -> Any:
    """Milliseconds of processor time a photo on both sides, by turns, and the ratio."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for side, source in sources.items():
            # the earlier side knows no workers
            asked = (("1",) if side == "now" else ("",), tuple(words))
            spent = child(source, verb, photos, work / f"{verb}-{side}", *asked[0], *asked[1])["seconds"]
            best[side] = min(best.get(side, spent), spent)
    count = len(list(photos.iterdir()))
    figures = {side: 1000 * spent / count for side, spent in best.items()}
    told = {"milliseconds": figures, "a_second": {k: 1000 / v for k, v in figures.items()}, "photos": count,
            "ratio": figures["before"] / figures["now"]}  # fmt: skip
    print(f"{verb} {' '.join(words)}: {figures['before']:.1f} -> {figures['now']:.1f} ms, {told['ratio']:.2f} x")
    return told


def apart(one: Path, other: Path) -> dict[str, float]:
    """How far the pictures of two folders are from each other, in gray levels."""
    largest, unequal, values = 0, 0, 0
    for path in sorted(one.rglob("*.png")):
        with Image.open(path) as first, Image.open(other / path.relative_to(one)) as second:
            change = np.abs(np.asarray(first).astype(int) - np.asarray(second))
        largest, unequal, values = (
            max(largest, int(change.max())),
            unequal + int((change > 0).sum()),
            values + change.size,
        )
    return {"largest": largest, "share_unequal": unequal / values}


def in_workers(source: Path, verb: str, photos: Path, work: Path, words: Sequence[str]) -> dict[str, Any]:
    """Processor time of two workers beside that of one process, and how evenly the work is shared."""
    one = child(source, verb, photos, work / f"{verb}-one", "1", *words)
    two = child(source, verb, photos, work / f"{verb}-two", "2", *words)
    busy = [spent for spent in two["others"] if spent > 0.05 * max(two["others"])]
    told = {"one": one["seconds"], "two": two["seconds"], "ratio": two["seconds"] / one["seconds"],
            "parent": two["own"] / two["seconds"], "least_busy": min(busy) / max(busy)}  # fmt: skip
    print(f"{verb}: two workers take {told['ratio']:.2f} x the time of one, the parent {told['parent']:.1%} of it")
    return told


def decode_find_align(photos: Path, *, rounds: int) -> dict[str, float]:
    """What comes before any network but the face finder."""
    import cv2

    from facewarden.photos.find_faces import FindJob

    cv2.setNumThreads(1)
    work, paths, best = FindJob("yunet").open(), sorted(photos.iterdir()), float("inf")
    for _ in range(rounds):
        started = time.process_time()
        found = list(work(paths))
        best = min(best, time.process_time() - started)
    assert sum(look.crop is not None for look in found) > 0.9 * len(paths)
    print(f"decode, find, align: {len(paths) / best:.0f} photos/s")
    return {"a_second": len(paths) / best, "milliseconds": 1000 * best / len(paths)}


def long_folders(source: Path, work: Path, counts: Sequence[int]) -> dict[str, Any]:
    """Time and memory of long folders of tiny photos, in one process."""
    found = []
    for count in counts:
        tiny_photos(work / f"tiny-{count}", count=count)
        found.append(child(source, "purify_pixels", work / f"tiny-{count}", work / f"tiny-out-{count}", "1"))
    few, many = counts[0], counts[-1]
    grown = [(one["memory"] - one["memory_before"]) / 2**20 for one in found]
    growth = grown[-1] - grown[0]
    told = {
        "photos": list(counts), "seconds": [one["seconds"] for one in found],
        "ratio": found[-1]["seconds"] / found[0]["seconds"], "expected": many / few, "growth_mib": growth,
        "bytes_a_photo": growth * 2**20 / (many - few), "mib_for_100000": growth * 100_000 / (many - few),
    }  # fmt: skip
    print(f"{few} to {many} photos: {told['ratio']:.2f} x the time, {growth:.1f} MiB more")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tiny", type=int, nargs=2, default=(2000, 20000))
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS, help="others stay as the file has them")
    parser.add_argument("--before", default=BEFORE, help="a commit")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    memory = Path("/dev/shm")  # so that no disk is measured
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as temporary:
        work = Path(temporary)
        packed = subprocess.run(["git", "archive", options.before, "src"], cwd=ROOT, capture_output=True, check=True)
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(work / "before", filter="data")
        shutil.copytree(ROOT / "src", work / "now" / "src")  # what is edited meanwhile must not matter
        sources = {"before": work / "before", "now": work / "now"}
        photos = work / "photos"
        draw_photos(photos, count=options.photos)
        several = work / "several"
        several.mkdir()
        for path in photos.iterdir():
            for copy in range(8):
                shutil.copy(path, several / f"{copy}{path.name}")
        held = options.out is not None and options.out.is_file() and len(options.parts) < len(PARTS)
        figures: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if held else {}
        figures |= {"simulated": True, "before": options.before}
        if "purify" in options.parts:
            figures["purify"] = both(sources, "purify", photos, work, (), rounds=options.rounds)
            figures["purify"]["apart"] = apart(work / "purify-before", work / "purify-now")
        if "score" in options.parts:
            detectors = ["fr_liveness", "multi_cnn", *(["minifasnet"] if MINIFASNET in os.environ else [])]
            figures["score"] = {
                name: both(sources, "score", several, work, (name,), rounds=options.rounds) for name in detectors
            }
        if "workers" in options.parts:
            figures["workers"] = {"purify": in_workers(sources["now"], "purify", several, work, ())}
        if "find" in options.parts:
            figures["decode_find_align"] = decode_find_align(photos, rounds=3 * options.rounds)
        if "long" in options.parts:
            figures["long"] = long_folders(sources["now"], work, options.tiny)
        write(options.out, {name: value for name, value in figures.items() if name != "machine"})


if __name__ == "__main__":
    main()
