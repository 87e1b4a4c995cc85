"""The poisoning experiment of the audit: one person cloaks their photos; does the recognizer still find them?

One cloaked person at a time among natural ones. The gallery is what the tracker scraped: the person's cloaked photos
and everybody else's natural ones, all of them passed through the purifier. Probes are clean and not purified. The
tracker is 1-NN by cosine similarity on a judge that is none of the surrogates the cloak was made on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.bench.faces import AlignedFaces, embed_all
from facewarden.core.attack import Attack
from facewarden.core.errors import BadInputError
from facewarden.core.objective import PushAway
from facewarden.core.progress import track
from facewarden.core.roles import Purifier, Recognizer
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel

Embeddings = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cloaking:
    """Everything that decides the experiment's numbers.

    Attributes:
        faces: aligned faces of all people.
        judge: the recognizer that the tracker uses.
        surrogates: the recognizers that the cloak is made on together; none of them is the judge.
        attack, threat: how the cloak is made.
        purifiers: name -> purifier; "identity" is no treatment.
        users: how many people cloak, one at a time.
        seed: of splits, users and cloaks.
    """

    faces: AlignedFaces
    judge: Recognizer
    surrogates: tuple[Recognizer, ...]
    attack: Attack
    threat: ThreatModel
    purifiers: Mapping[str, Purifier]
    users: int
    seed: int

    @cached_property
    def split(self) -> dict[str, tuple[list[int], list[int]]]:
        """Person -> (gallery rows, probe rows): 70 % and the rest, at least one of each.

        People of whom fewer than two photos could be aligned cannot be searched for and take no part.

        Raises:
            BadInputError: fewer than two people are left.
        """
        parts = {}
        for person, rows in self.faces.by_person().items():
            if len(rows) < 2:
                continue
            order = np.random.default_rng(derive(self.seed, "gallery", person)).permutation(rows).tolist()
            cut = min(len(order) - 1, max(1, round(0.7 * len(order))))
            parts[person] = (sorted(order[:cut]), sorted(order[cut:]))
        if len(parts) < 2:
            raise BadInputError(
                f"{len(parts)} people of {self.faces.source} have two photos with a face {dict(self.faces.skipped)}",
                hint="one folder per person, several photos in each: --faces DIR",
            )
        return parts

    @cached_property
    def cloakers(self) -> tuple[str, ...]:
        """The people who cloak, drawn by seed."""
        order = np.random.default_rng(derive(self.seed, "cloakers")).permutation(sorted(self.split))
        return tuple(sorted(order[: self.users].tolist()))

    @cached_property
    def raw(self) -> Embeddings:
        """The judge's embedding of every face as it is."""
        rows = list(range(len(self.faces)))
        chunks = [rows[i : i + 16] for i in range(0, len(rows), 16)]
        parts = [embed_all(self.judge, self.faces.images(c)) for c in track(chunks, label="judge reads the faces")]
        return np.concatenate(parts)

    @cached_property
    def treated(self) -> dict[str, Embeddings]:
        """Purifier -> the judge's embedding of every natural face after it."""
        found = {}
        for name, purifier in self.purifiers.items():
            if name == "identity":
                found[name] = self.raw
                continue
            rows = list(range(len(self.faces)))
            chunks = [rows[i : i + 16] for i in range(0, len(rows), 16)]
            label = f"judge reads the faces after {name}"
            parts = [embed_all(self.judge, purify(purifier, self.faces.images(c))) for c in track(chunks, label=label)]
            found[name] = np.concatenate(parts)
        return found


def purify(purifier: Purifier, images: Tensor) -> Tensor:
    """Purify and round to eight bits, as a stored photo is."""
    with torch.no_grad():
        return torch.round(purifier(images) * 255) / 255


def cloak(setting: Cloaking, rows: Sequence[int]) -> Tensor:
    """Cloak faces on the surrogates and round them to eight bits, as a stored photo is."""
    clean = setting.faces.images(rows)
    keys = [setting.faces.key[row] for row in rows]
    goal = PushAway(setting.surrogates, clean, keys=keys)
    found = setting.attack(goal, setting.threat, seed=derive(setting.seed, "cloak"))
    return torch.round(found.images["rgb"] * 255) / 255


def measure_user(setting: Cloaking, person: str) -> dict[str, Any]:
    """Let one person cloak their gallery photos and count what the tracker finds; JSON-able.

    Returns:
        `psnr` of each cloak in dB, and for each purifier the 1-NN hits on the person's probes with a cloaked and with a
        natural gallery, and the share of hits on everybody else's probes with the cloaked one.
    """
    gallery, probes = setting.split[person]
    cloaked = cloak(setting, gallery)
    noise = (cloaked - setting.faces.images(gallery)).double().square().flatten(1).mean(dim=1)
    result: dict[str, Any] = {"psnr": (-10 * torch.log10(noise.clamp(min=1e-10))).tolist(), "purifiers": {}}
    others = [p for p in setting.split if p != person]
    everyone = [row for p in setting.split for row in setting.split[p][0]]
    other_probes = [row for p in others for row in setting.split[p][1]]
    who = np.array(setting.faces.person)
    for name, purifier in setting.purifiers.items():
        natural = setting.treated[name]
        poisoned = natural.copy()
        poisoned[gallery] = embed_all(setting.judge, purify(purifier, cloaked))
        result["purifiers"][name] = {
            "cloaked": _hits(setting.raw[probes], poisoned[everyone], who[everyone], person=[person] * len(probes)),
            "natural": _hits(setting.raw[probes], natural[everyone], who[everyone], person=[person] * len(probes)),
            "others": float(
                np.mean(_hits(setting.raw[other_probes], poisoned[everyone], who[everyone], person=who[other_probes]))
            ),
        }
    return result


def _hits(
    probes: Embeddings, gallery: Embeddings, names: NDArray[Any], *, person: Sequence[str] | NDArray[Any]
) -> list[int]:
    nearest = (probes @ gallery.T).argmax(axis=1)
    return [int(hit) for hit in names[nearest] == np.asarray(person)]


def run_cloaking(setting: Cloaking, run: RunFolder) -> dict[str, dict[str, Any]]:
    """Measure every cloaking person, one resumable stage each; person -> what `measure_user` found."""
    found = {}
    for index, person in enumerate(track(setting.cloakers, label="people cloak their photos")):
        found[person] = run.stage(f"poisoning-user-{index:03d}", partial(measure_user, setting, person))
    return found


@dataclass(frozen=True, eq=False)
class Pairs:
    """Similarities between clean probes and the natural gallery after a purifier, and whose probe each is."""

    genuine: Embeddings
    genuine_subject: NDArray[Any]
    impostor: Embeddings
    impostor_subject: NDArray[Any]


def verification_pairs(setting: Cloaking, purifier: str) -> Pairs:
    """All probe-gallery pairs after a purifier: what purification costs honest people."""
    everyone = [row for p in setting.split for row in setting.split[p][0]]
    probes = [row for p in setting.split for row in setting.split[p][1]]
    who = np.array(setting.faces.person)
    similarity = setting.raw[probes] @ setting.treated[purifier][everyone].T
    same = who[probes][:, None] == who[everyone][None, :]
    subject = np.broadcast_to(who[probes][:, None], same.shape)
    return Pairs(similarity[same], subject[same], similarity[~same], subject[~same])
