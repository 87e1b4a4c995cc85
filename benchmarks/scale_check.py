"""Shares of work on one and two workers, measured; on more of them by a model whose parameters are measured here.

Run: make scale-check    (or: python benchmarks/scale_check.py --out docs/results/scale/scale.json)

Pictures of the size of aligned faces are purified by `puface` in one share and in two shares at once, several times in
turn. The start of a share, the listing of a folder, the merge and a store's answers are measured by themselves.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from figures_json import write
from PIL import Image
from scipy import stats

import facewarden
from facewarden.core.compute.shards import Shard, working_on
from facewarden.data.photo_files import photos_of, share_of_photos
from facewarden.scale.storage import Store

WORKERS = (1, 2, 4, 8, 16, 64, 256, 1000)
SHARES_A_WORKER = 4
STORE_SECONDS = 0.03
"""Given, not measured: the round trip to a store in the same region."""
AT_ONCE = 8
PHOTOS = 1_000_000


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Mean, 95 % interval of the mean by Student's t, and n."""
    mean = statistics.mean(values)
    half = 0.0
    if len(values) > 1:
        half = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return {"value": round(mean, 5), "low": round(mean - half, 5), "high": round(mean + half, 5), "n": len(values)}


def children() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_faces(folder: Path, count: int) -> None:
    """Smooth random pictures of the size of aligned faces: what they show costs the purifier nothing."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(20, 230, (7, 7, 3), dtype=np.uint8))
        coarse.resize((112, 112), Image.Resampling.BICUBIC).save(folder / f"{number:06d}.png")


def launched(source: Path, out: Path, *, shards: int) -> tuple[float, float]:
    """Wall and processor seconds of a launch on this machine."""
    command = (
        f'purify {source} --out {out} --purifier puface --aligner precropped --recognizer "" --device cpu --workers 1'
    )
    before, begun = children(), time.perf_counter()
    facewarden.launch(command, shards=shards, at_once=shards)
    return time.perf_counter() - begun, children() - before


def per_item(work: Callable[[], object], items: int, *, repeats: int) -> dict[str, Any]:
    """Processor seconds of an item."""
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        found.append((time.process_time() - begun) / items)
    return interval(found)


def merged_rows(folder: Path, count: int, *, repeats: int) -> dict[str, Any]:
    """Processor seconds a photo of merging two shares of many small photos."""
    source = folder / "small"
    source.mkdir()
    picture = Image.new("RGB", (16, 16), (90, 60, 30))
    for number in range(count):
        picture.save(source / f"{number:06d}.png")
    homes = [folder / f"small-{number}" for number in (1, 2)]
    for number, home in enumerate(homes, start=1):
        facewarden.purify(source, out=home, purifier="identity", region="photo", workers=1, shard=f"{number}/2")

    def merge() -> None:
        facewarden.merge(homes, out=folder / "merged")
        shutil.rmtree(folder / "merged")

    return per_item(merge, count, repeats=repeats)


def listing(folder: Path, count: int, *, repeats: int) -> dict[str, Any]:
    """Processor seconds a photo of listing a folder and choosing a share."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:07d}.jpg").touch()

    def choose() -> None:
        with working_on(Shard(1, 100), ["photos"]):
            share_of_photos(photos_of(folder), base=folder)

    return per_item(choose, count, repeats=repeats)


def store_seconds(folder: Path, *, repeats: int) -> dict[str, Any]:
    """Wall seconds of one photo of 20 kB to a store and back, where the store is a folder."""
    photo = folder / "photo.jpg"
    photo.write_bytes(os.urandom(20_000))
    store = Store((folder / "store").as_uri())
    found = []
    for number in range(repeats * 10):
        begun = time.perf_counter()
        store.send(photo, f"{number}.jpg")
        store.fetch(f"{number}.jpg", folder / "back.jpg")
        found.append(time.perf_counter() - begun)
    return interval(found)


def model(parameters: dict[str, float], workers: int, *, photos: int = PHOTOS) -> dict[str, Any]:
    """Hours of so many workers, each one core; see the page for what it leaves out."""
    shares = SHARES_A_WORKER * workers
    own = SHARES_A_WORKER * (parameters["start"] + photos * parameters["listing"])
    work = photos / workers * parameters["photo"]
    store = photos / workers * 2 * STORE_SECONDS / AT_ONCE
    serial = photos * (parameters["listing"] + parameters["merge"])
    alone = SHARES_A_WORKER * (parameters["start"] + photos * parameters["listing"]) + photos * (
        parameters["photo"] + 2 * STORE_SECONDS / AT_ONCE
    ) + serial  # fmt: skip
    whole = own + work + store + serial
    return {
        "workers": workers, "shares": shares, "hours": round(whole / 3600, 3), "speedup": round(alone / whole, 1),
        "efficiency": round(alone / whole / workers, 3), "core_hours": round(whole * workers / 3600, 1),
    }  # fmt: skip


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--merged", type=int, default=3000)
    parser.add_argument("--listed", type=int, default=50_000)
    asked = parser.parse_args()
    rows: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    starts = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_faces(folder / "photos", asked.photos)
        write_faces(folder / "one", 1)
        for repeat in range(asked.repeats):
            starts.append(launched(folder / "one", folder / f"start-{repeat}", shards=1)[1])
            for shards in (1, 2):
                rows[shards].append(launched(folder / "photos", folder / f"{shards}-{repeat}", shards=shards))
        merging = merged_rows(folder, asked.merged, repeats=asked.repeats)
        listed = listing(folder / "many", asked.listed, repeats=asked.repeats)
        stored = store_seconds(folder, repeats=asked.repeats)
    photo = [(used - start) / asked.photos for (_, used), start in zip(rows[1], starts, strict=True)]
    measured = [
        {
            "workers": workers, "photos": asked.photos,
            "wall_seconds": interval([wall for wall, _ in rows[workers]]),
            "processor_seconds": interval([used for _, used in rows[workers]]),
        }
        for workers in (1, 2)
    ]  # fmt: skip
    ratio = [one[0] / two[0] for one, two in zip(rows[1], rows[2], strict=True)]
    parameters = {
        "start": interval(starts), "photo": interval(photo), "listing": listed, "merge": merging, "store": stored,
    }  # fmt: skip
    plain = {name: value["value"] for name, value in parameters.items()}
    serial = (plain["listing"] + plain["merge"]) / (plain["listing"] + plain["merge"] + plain["photo"])
    write(asked.out, {
        "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "measured": measured,
        "speedup_of_two": interval(ratio), "parameters": parameters, "serial_fraction": round(serial, 6),
        "given": {"photos": PHOTOS, "store_seconds": STORE_SECONDS, "at_once": AT_ONCE, "shares": SHARES_A_WORKER},
        "model": [model(plain, workers) for workers in WORKERS],
    })  # fmt: skip


if __name__ == "__main__":
    main()
