"""Do models that nobody here trained take procedural faces for faces? Detection, same/different figures, speed.

Run with `python benchmarks/procedural_faces.py [--identities 100] [--images 4]`; needs the asset `yunet` and the
recognizers' (`facewarden fetch yunet faceplugin_recognizer facesdk_mobilefacenet`). One core is used. Every image
is a bona fide capture at one of the four simulated sites in turn, in normal, strong or back light, with its own pose,
expression and clothes; its five points come from YuNet, never from the renderer. "in_normal_light" counts only
pairs of which both captures are in normal light. All figures are of *simulated* captures.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from facewarden.align import align_face, find_face
from facewarden.core.registry import load
from facewarden.core.seeding import derive
from facewarden.data.simulate import CaptureSpec, make_capture
from facewarden.data.simulate.person.clothes import sample_clothes
from facewarden.data.simulate.person.face import prepare, sample_expression, sample_pose
from facewarden.data.simulate.person.identity import sample_identity
from facewarden.data.simulate.sensor.domains import DOMAINS
from facewarden.metrics.intervals import mean_by_subject
from facewarden.metrics.match import auc
from facewarden.metrics.verification import verification_summary

LIGHTS = ("normal", "normal", "strong", "back")


def captures(identities: int, images: int, *, size: int, seed: int, timing: dict[str, list[float]]):
    for person in range(identities):
        start = time.process_time()
        face = prepare(sample_identity(derive(seed, "person", person)))
        timing["prepare"].append(time.process_time() - start)
        for shot in range(images):
            rng = np.random.default_rng(derive(seed, "shot", person, shot))
            start = time.process_time()
            maps = face.render(pose=sample_pose(rng), expression=sample_expression(rng), clothes=sample_clothes(rng))
            timing["render"].append(time.process_time() - start)
            turn = person + shot
            spec = CaptureSpec(
                key=f"{person}-{shot}",
                subject=str(person),
                species="bona_fide",
                domain=list(DOMAINS)[turn % len(DOMAINS)],
                illumination=LIGHTS[(turn // len(DOMAINS)) % len(LIGHTS)],
                session=str(shot),
                seed=seed,
                size=size,
            )
            start = time.process_time()
            capture = make_capture(spec, maps)
            timing["capture"].append(time.process_time() - start)
            yield person, spec, capture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=100)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recognizers", nargs="*", default=["mobilefacenet_512", "mobilefacenet_128"])
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    aligner = load("align", "yunet")()
    timing: dict[str, list[float]] = {"prepare": [], "render": [], "capture": []}
    crops, owners, normal, found, error = [], [], [], {}, []
    for person, spec, capture in captures(
        options.identities, options.images, size=options.size, seed=options.seed, timing=timing
    ):
        face = find_face(capture.rgb, aligner, no_face="skip")
        for group in ("all", spec.domain, spec.illumination):
            found.setdefault(group, []).append((face is not None, person))
        if face is None:
            continue
        apart = np.linalg.norm(capture.landmarks[1] - capture.landmarks[0])
        error.append(np.linalg.norm(np.array(face.landmarks) - capture.landmarks, axis=1) / apart)
        crops.append(align_face(capture.rgb, face.landmarks))
        owners.append(person)
        normal.append(spec.illumination == "normal")

    figures: dict[str, object] = {"simulated": True, "identities": options.identities, "images": options.images}
    for group, hits in found.items():
        interval = mean_by_subject(*np.array(hits, dtype=float).T, seed=0)
        figures[f"detected/{group}"] = [interval.value, interval.low, interval.high, len(hits)]
    for name, share in zip(("eye_l", "eye_r", "nose", "mouth_l", "mouth_r"), np.mean(error, axis=0), strict=True):
        figures[f"landmark_error/{name}"] = float(share)
    owner = np.array(owners)
    first, second = np.triu_indices(len(owner), 1)
    images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
    for name in options.recognizers:
        model = load("recognizers", name)()
        with torch.inference_mode():
            vectors = torch.cat([model.embed(part) for part in images.split(64)]).numpy()
        similarity = (vectors @ vectors.T)[first, second]
        same = owner[first] == owner[second]
        usual = np.array(normal)[first] & np.array(normal)[second]
        for where, rows in (("", np.ones_like(usual)), ("/in_normal_light", usual)):
            pairs = {"first": owner[first][rows], "second": owner[second][rows]}
            found_here = verification_summary(similarity[rows], same[rows], **pairs)
            figures[f"{name}{where}/auc"] = auc(similarity[rows][same[rows]], similarity[rows][~same[rows]])
            for label, value in (
                ("eer", found_here.eer),
                *((f"tar_at_far={far:g}", tar) for far, tar in found_here.tar),
            ):
                figures[f"{name}{where}/{label}"] = [value.value, value.low, value.high, value.n]
        figures[f"{name}/similarity_genuine"] = float(similarity[same].mean())
        figures[f"{name}/similarity_impostor"] = float(similarity[~same].mean())
    for name, seconds in timing.items():
        figures[f"cpu_ms/{name}"] = 1000 * float(np.median(seconds))
    for name, value in figures.items():
        shown = ", ".join(f"{v:.4g}" for v in value) if isinstance(value, list) else f"{value:.4g}"
        print(f"{name:40s} {shown}")
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
