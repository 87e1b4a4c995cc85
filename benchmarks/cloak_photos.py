"""The whole way of a photo: `python benchmarks/cloak_photos.py GALLERY PROBES --out FILE.json`.

People cloak their photo with `facewarden cloak`, one at a time; the tracker runs `facewarden purify` over its gallery,
finds and aligns every face anew, and looks for the person of each probe (1-NN). Both folders hold one photo of each
person, of the same name. So this is with everything in between that the experiment on aligned crops leaves out: a
cloak that is masked to the face, pasted back into a photo of full size and stored as a file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden import cloak, purify
from facewarden.align import align_face, find_face
from facewarden.core.resolve import resolve_aligner, resolve_recognizer
from facewarden.core.seeding import derive
from facewarden.data.photo import read_photo
from facewarden.data.photo_files import photos_of
from facewarden.metrics.intervals import count_interval
from facewarden.photos.aligned import embed_all, to_images

RECOGNIZERS = ("mobilefacenet_512", "dlib_resnet34", "mobilefacenet_128", "faceres")

KINDS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG 95": {"format": "jpeg", "quality": 95},
    "JPEG 75": {"format": "jpeg", "quality": 75},
}

Vectors = dict[str, NDArray[np.float32]]


def crops_of(paths: dict[str, Path]) -> dict[str, NDArray[np.uint8]]:
    """The aligned face of every person; of one who is left out, it is said why."""
    aligner, found = resolve_aligner("yunet"), {}
    for name, path in paths.items():
        photo = read_photo(path) if path.is_file() else None
        face = find_face(photo, aligner, no_face="skip") if photo is not None else None
        if photo is None or face is None:
            print(f"left out in every row: {path.name} {'was not written' if photo is None else 'shows no face'}")
        else:
            found[name] = align_face(photo, face.landmarks)
    return found


def embeddings(crops: dict[str, NDArray[np.uint8]], names: list[str]) -> Vectors:
    images = to_images(np.stack([crops[name] for name in names]))
    return {recognizer: embed_all(resolve_recognizer(recognizer), images) for recognizer in RECOGNIZERS}


def missed(gallery: Vectors, own: Vectors, probes: Vectors, rows: list[int]) -> dict[str, list[bool]]:
    """Whether each of some people is missed when the gallery holds `own` of that person and the others as they are."""
    found: dict[str, list[bool]] = {}
    for recognizer in RECOGNIZERS:
        for row in rows:
            held = gallery[recognizer].copy()
            held[row] = own[recognizer][row]
            found.setdefault(recognizer, []).append(int((held @ probes[recognizer][row]).argmax()) != row)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("probes", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--people", type=int, default=40, help="how many of them cloak, one at a time")
    parser.add_argument("--strength", choices=("low", "mid", "high"), default="mid")
    parser.add_argument("--method", default="lowkey")
    parser.add_argument("--purifier", default="puface")
    options = parser.parse_args()
    torch.set_num_threads(1)
    photos = {path.stem: path for path in photos_of(options.gallery).photos}
    probed = {path.stem: path for path in photos_of(options.probes).photos}
    both = sorted(set(photos) & set(probed))
    cloaking = sorted(np.random.default_rng(derive(0, "cloaking")).permutation(both)[: options.people].tolist())
    lines: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for folder, names in (("all", both), ("own", cloaking)):
            (work / folder).mkdir()
            for name in names:
                shutil.copyfile(photos[name], work / folder / photos[name].name)
        purify(work / "all", out=work / "all purified", purifier=options.purifier)
        raw = crops_of({name: photos[name] for name in both})
        pure = crops_of({name: work / "all purified" / f"{photos[name].name}.png" for name in both})
        probes = crops_of({name: probed[name] for name in both})
        hidden: dict[str, dict[str, NDArray[np.uint8]]] = {}
        for kind, settings in KINDS.items():
            made = cloak(work / "own", out=work / kind, method=options.method, strength=options.strength, **settings)
            print(kind, json.dumps({name: round(value, 3) for name, value in made.summary.items()}))
            purify(work / kind, out=work / f"{kind} purified", purifier=options.purifier)
            files = {name: f"{photos[name].name}.{'png' if kind == 'PNG' else 'jpg'}" for name in cloaking}
            hidden[f"cloak stored as {kind}, not purified"] = crops_of(
                {name: work / kind / file for name, file in files.items()}
            )
            hidden[f"cloak stored as {kind}, purified"] = crops_of(
                {name: work / f"{kind} purified" / f"{file}.png" for name, file in files.items()}
            )
        # the same people in every row: one whose photo was left out somewhere counts nowhere
        own = [name for name in cloaking if all(name in crops for crops in (raw, pure, probes, *hidden.values()))]
        names = [name for name in both if name in raw and name in pure and name in probes]
        rows = [names.index(name) for name in own]
        before, after, asked = (embeddings(crops, names) for crops in (raw, pure, probes))
        outcomes = {
            "nobody cloaks, not purified": missed(before, before, asked, rows),
            "nobody cloaks, purified": missed(after, after, asked, rows),
        }
        for way, crops in hidden.items():
            gallery, others = (before, raw) if "not purified" in way else (after, pure)
            outcomes[way] = missed(gallery, embeddings(others | crops, names), asked, rows)
    print(f"{len(names)} people, {len(rows)} of them cloak, strength {options.strength}; missed, %:")
    for way, found in outcomes.items():
        told: dict[str, object] = {"way": way, "people": len(rows)}
        for recognizer, lost in found.items():
            share = count_interval(np.array(lost), np.ones(len(lost)))
            told[recognizer] = {"value": share.value, "low": share.low, "high": share.high}
        lines.append(told)
        values = [f"{recognizer} {100 * sum(lost) / len(lost):5.1f}" for recognizer, lost in found.items()]
        print(f"{way:<38} {'  '.join(values)}", flush=True)
    about = {name: getattr(options, name) for name in ("method", "strength", "purifier")}
    if options.out is not None:
        options.out.write_text(json.dumps(about | {"rows": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
