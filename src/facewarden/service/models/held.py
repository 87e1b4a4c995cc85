"""Models that a service holds: loaded once at its start, each with its batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.card import Card
from facewarden.core.compute.computing import computed_by, computing
from facewarden.core.errors import BadInputError, FacewardenError, MissingAssetError
from facewarden.core.identity.given import name_of
from facewarden.core.resolve import resolve_aligner, resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.core.roles import Purifier, Recognizer
from facewarden.evaluation.photo_scores import PhotoScore
from facewarden.evaluation.verdicts.choice import chosen_rule
from facewarden.evaluation.verdicts.quality import QualityGate
from facewarden.photos.cloak_detector import CloakDetector, Suspicion
from facewarden.photos.purify_faces import FacePurifier, FacesOfPhoto, PurifiedPhoto
from facewarden.photos.purify_photos import detector_of
from facewarden.service.metrics import Metrics
from facewarden.service.models.batcher import Batcher
from facewarden.service.models.faces import FaceFinder, embedded, suspicions
from facewarden.service.models.scorer import Frames, Scorer
from facewarden.service.problems import Problem
from facewarden.service.settings import ServiceSettings

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ServedDetector:
    """A detector with its batches.

    Attributes:
        spec: as the settings name it.
        scorer: reads and scores.
        batches: of samples that were read.
    """

    spec: str
    scorer: Scorer
    batches: Batcher[Frames, PhotoScore]


class HeldModels:
    """Everything that computes, and the threads in which it does.

    Networks compute in one thread, one batch at a time; pictures are read in others.

    Args:
        settings: of the service.
        metrics: told of batches.

    Raises:
        FacewardenError: a detector cannot be loaded. Without the face finder, the purifier or the recognizer the
            service starts, and says so.
    """

    def __init__(self, settings: ServiceSettings, metrics: Metrics) -> None:
        self.settings = settings
        self._metrics = metrics
        self._networks = ThreadPoolExecutor(1, "networks")
        self._readers = ThreadPoolExecutor(settings.batching.readers, "readers")
        self.absent: dict[str, FacewardenError] = {}
        if settings.threads:
            torch.set_num_threads(settings.threads)
        gate = QualityGate.read(settings.quality)
        self.detectors: dict[str, ServedDetector] = {}
        self.finder = FaceFinder(settings.aligner)
        with computing(settings.device, settings.precision):
            for spec in settings.detectors:
                self._add_detector(spec, gate)
            self._optional("face finder", lambda: resolve_aligner(settings.aligner))
            self.purifier = self._optional("purifier", self._purifier)
            self.recognizer = self._optional("recognizer", self._recognizer)
        unknown = sorted(set(settings.rules) - set(self.detectors))
        if unknown:
            raise BadInputError(
                f"rules of {', '.join(unknown)}, which is not served", hint=f"of {', '.join(self.detectors)}"
            )
        # purifies all photos and tells a kind of cloak for each: a request says from which likelihood on that counts
        faces = None if self.purifier is None else FacePurifier(
            self.purifier, self.recognizer, self._optional("cloak detector", self._tells), threshold=0.0
        )  # fmt: skip
        self.cloaks: CloakDetector | None = None if faces is None else faces.detector
        self.purifying: Batcher[FacesOfPhoto, PurifiedPhoto] | None = (
            None if faces is None or self.purifier is None else self._batches(faces, self.purifier.card)
        )
        self.telling: Batcher[FacesOfPhoto, list[Suspicion]] | None = (
            None if self.cloaks is None else self._batches(partial(suspicions, self.cloaks), self.cloaks.purifier.card)
        )
        self.embedding: Batcher[NDArray[np.uint8], NDArray[np.float64]] | None = (
            None if self.recognizer is None else self._batches(partial(embedded, self.recognizer), self.recognizer.card)
        )

    def detector(self, name: str | None) -> ServedDetector:
        """A served detector; the first one where no name is given.

        Raises:
            Problem: 404, it is not served.
        """
        found = self.detectors.get(next(iter(self.detectors)) if name is None else name)
        if found is None:
            raise Problem(404, "model", "no such detector is served", hint=f"one of {', '.join(self.detectors)}")
        return found

    def needed(self, role: str, model: T | None) -> T:
        """A model that this service may lack.

        Raises:
            Problem: 404, it is not served.
        """
        missing = self.absent.get(role) or self.absent.get("face finder")
        if model is None or "face finder" in self.absent:
            why = "not in the settings" if missing is None else missing.message
            raise Problem(404, "model", f"no {role} is served: {why}", hint="" if missing is None else missing.hint)
        return model

    async def read(self, work: Callable[[], T]) -> T:
        """Run something that reads pictures in a thread of the readers."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    def computed(self) -> dict[str, str]:
        """Device and precision of the detectors."""
        return computed_by([one.scorer.detector for one in self.detectors.values()])

    def cards(self) -> list[Card]:
        """Cards of everything that is served."""
        others = [one.card for one in (self.purifier, self.recognizer) if one is not None]
        return [*(one.scorer.detector.card for one in self.detectors.values()), *others]

    async def stop(self) -> None:
        """End the threads when what was accepted is computed."""
        batches: list[Batcher[Any, Any] | None] = [one.batches for one in self.detectors.values()]
        for one in (*batches, self.purifying, self.telling, self.embedding):
            if one is not None:
                await one.stop()
        self._networks.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)

    def _add_detector(self, spec: str, gate: QualityGate) -> None:
        model = resolve_detector(spec)
        name = model.card.name if model.card.name not in self.detectors else name_of(spec)
        if name in self.detectors:
            raise BadInputError(f"the detector {spec} is given twice", hint='"detectors" of different names')
        rule = chosen_rule(model, spec, rule=self.settings.rules.get(name), dev=None, policy=None)
        scorer = Scorer(name, model, rule, aligner=self.settings.aligner, gate=gate)
        self.detectors[name] = ServedDetector(spec, scorer, self._batches(scorer.score, model.card, name=name))

    def _batches(
        self, work: Callable[[Sequence[Any]], Sequence[Any]], card: Card, *, name: str = ""
    ) -> Batcher[Any, Any]:
        return Batcher(
            work, name=name or card.name, settings=self.settings.batching, pool=self._networks, metrics=self._metrics
        )

    def _optional(self, role: str, make: Callable[[], T | None]) -> T | None:
        try:
            return make()
        except MissingAssetError as error:
            self.absent[role] = error
            return None

    def _purifier(self) -> Purifier | None:
        return resolve_purifier(self.settings.purifier) if self.settings.purifier else None

    def _recognizer(self) -> Recognizer | None:
        return resolve_recognizer(self.settings.recognizer) if self.settings.recognizer else None

    def _tells(self) -> CloakDetector | None:
        return None if self.purifier is None else detector_of(self.purifier, needed=False)
