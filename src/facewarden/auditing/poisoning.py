"""The poisoning part of the audit: a small run of the cloaking experiment on the audited recognizer.

One person at a time cloaks their gallery photos on surrogates that are not the audited recognizer. The gallery, the
cloaked photos with everybody else's natural ones, goes through a purifier; a nearest-neighbor tracker and a linear
probe then look for the person's clean probes (`facewarden.experiments.cloaking.measure`; `facewarden evaluate cloaking`
runs it in full).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.progress import track
from facewarden.core.run import RunFolder
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.measure import CloakingResult, measure
from facewarden.photos.aligned import to_images

TRACKERS = ("nearest", "linear")


@dataclass(frozen=True, eq=False)
class Poisoning:
    """Everything that decides the numbers of the section.

    Attributes:
        lab: the crowd, and where cloaks and embeddings are kept.
        recognizer: the recognizer that the trackers use, as the lab builds it; none of the cloak's surrogates.
        cloak: how people cloak.
        purifiers: names as the lab builds them; "identity" is no treatment.
        users: how many people cloak, one at a time.
        seed: of the split.
    """

    lab: ExperimentCache
    recognizer: str
    cloak: CloakRecipe
    purifiers: tuple[str, ...]
    users: int
    seed: int


def run_poisoning(setting: Poisoning, run: RunFolder) -> dict[str, list[CloakingResult]]:
    """Measure every purifier with both trackers, one resumable stage each; purifier -> cells."""
    found = {}
    for name in track(setting.purifiers, label="cloaked galleries", unit="purifiers"):
        held = run.stage(f"poisoning-{name}", partial(_measured, setting, name))
        found[name] = [CloakingResult.from_json(values) for values in held]
    return found


def _measured(setting: Poisoning, purifier: str) -> list[dict[str, Any]]:
    cells: list[CloakingResult] = []
    for tracker in TRACKERS:
        cells += measure(
            setting.lab,
            setting.cloak,
            purifier=purifier,
            tracker=tracker,
            recognizers=[setting.recognizer],
            attackers=setting.users,
            seeds=[setting.seed],
            gallery_only=True,
        )
    return [cell.as_json() for cell in cells]


def cloak_psnr(setting: Poisoning) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Peak signal-to-noise ratio of every cloaked gallery crop in dB, and whose it is."""
    split, faces = setting.lab.crowd.split(setting.seed), setting.lab.crowd.faces
    psnr, owner = [], []
    for number, who in enumerate(setting.lab.crowd.attackers(setting.users)):
        rows = list(split.gallery[who])
        change = to_images(setting.lab.cloaked(setting.cloak, who, rows=rows)) - faces.images(rows)
        noise = change.double().square().flatten(1).mean(dim=1).clamp(min=1e-10)
        psnr += (-10 * noise.log10()).tolist()
        owner += [number] * len(rows)
    return np.array(psnr), np.array(owner)


@dataclass(frozen=True, eq=False)
class GallerySimilarities:
    """Similarities between clean probes and the natural gallery after a purifier, and whose probe each is."""

    genuine: NDArray[np.float32]
    genuine_subject: NDArray[Any]
    impostor: NDArray[np.float32]
    impostor_subject: NDArray[Any]


def verification_pairs(setting: Poisoning, purifier: str) -> GallerySimilarities:
    """All probe-gallery pairs after a purifier: what purification costs honest people."""
    split = setting.lab.crowd.split(setting.seed)
    raw = setting.lab.vectors([setting.recognizer])[setting.recognizer]
    treated = setting.lab.vectors([setting.recognizer], purifier=purifier)[setting.recognizer]
    asked, who_asks = _rows(split.probes)
    known, who_is = _rows(split.gallery)
    similarity = raw[asked] @ treated[known].T
    same = who_asks[:, None] == who_is[None, :]
    subject = np.broadcast_to(who_asks[:, None], same.shape)
    return GallerySimilarities(similarity[same], subject[same], similarity[~same], subject[~same])


def _rows(part: Mapping[str, tuple[int, ...]]) -> tuple[list[int], NDArray[Any]]:
    return [row for rows in part.values() for row in rows], np.array([who for who, rows in part.items() for _ in rows])
