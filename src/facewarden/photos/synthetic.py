"""Synthetic faces for recognizers, where there are no photos: bona fide captures of procedural people, aligned."""

from __future__ import annotations

import numpy as np

from facewarden.align import align_face
from facewarden.core.progress import track
from facewarden.core.seeding import derive
from facewarden.data.simulate.capture import CaptureSpec, make_capture
from facewarden.data.simulate.person.face import prepare
from facewarden.data.simulate.person.identity import sample_identity
from facewarden.data.simulate.person.pose import sample_expression, sample_pose
from facewarden.photos.aligned import AlignedFaces

DOMAIN = "alder"
"""The sensor domain with the best color."""


def drawn_faces(*, people: int, each: int, seed: int) -> AlignedFaces:
    """Render people, each several times in other poses, expressions and light, and align by known landmarks.

    Args:
        people: how many identities.
        each: captures of each.
        seed: of identities and captures.
    """
    crops, person, key = [], [], []
    for number in track(range(people), label="drawing faces", unit="people"):
        face = prepare(sample_identity(derive(seed, "identity", number)))
        for shot in range(each):
            name = f"drawn-{number:04d}-{shot:02d}"
            draw = np.random.default_rng(derive(seed, "shot", name))
            maps = face.render(pose=sample_pose(draw), expression=sample_expression(draw))
            light = "normal" if shot % 2 == 0 else "strong"
            spec = CaptureSpec(
                name,
                f"drawn-{number:04d}",
                "bona_fide",
                DOMAIN,
                illumination=light,
                session=str(shot),
                seed=seed,
                size=320,
            )
            capture = make_capture(spec, maps)
            points = [(float(x), float(y)) for x, y in capture.landmarks]
            crops.append(align_face(capture.rgb, points))
            person.append(spec.subject)
            key.append(name)
    return AlignedFaces(np.stack(crops), tuple(person), tuple(key), "drawn faces", simulated=True, skipped={})
