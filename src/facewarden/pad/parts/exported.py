"""A detector that facewarden exported: views are cut here, a graph scores them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card, KnownAnswer
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector, PadOutput
from facewarden.data.photo import read_photo
from facewarden.nn.exported.session import open_session
from facewarden.nn.exported.settings import PRESENT, SCORE, ExportedSettings, head_output, read_exported
from facewarden.nn.exported.views import views_of
from facewarden.nn.foreign.known_answers import check_answers, known_input


class ExportedDetector(Detector):
    """Cuts the views that the card describes; the graph gives the score and the heads that the card names.

    Args:
        path: the .onnx or .xml file.
        card: its card, with the hash of the file.

    Raises:
        BadInputError: the graph or its card is damaged, or an answer of the card's `self_test` differs.
    """

    differentiable = False

    def __init__(self, path: Path, card: Card) -> None:
        super().__init__()
        self.told_as, self.folder, self.card = str(path), path.parent, card
        self.settings = read_exported(card, source=str(path.with_suffix(".json")))
        named = {view.modality for view in self.settings.views}
        self.modalities = tuple(name for name in MODALITIES if name in named)
        self.optional, self.needs_box = self.settings.optional, self.settings.needs_box
        self.frame_size, self.squash = self.settings.frame_size, self.settings.squash
        self.heads = self.settings.heads
        self.session = open_session(path)
        count = -1 if self.settings.batch == "any" else 1
        shapes: dict[str, tuple[int, ...]] = {
            view.input: (count, view.channels, view.size, view.size) for view in self.settings.views
        }
        if self.settings.present:
            shapes[PRESENT] = (count, len(self.settings.sensors))
        self.session.check_inputs(shapes)
        check_answers(card, self._answer, self.settings, others={}, source=self.told_as)
        self.eval()

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score frames by their face boxes, or crops."""
        inputs = {name: value.detach().cpu().numpy() for name, value in views_of(batch, self.settings).items()}
        if len(batch) == 0:  # a graph need not take no sample: what it gives for one, without that one
            inputs = {name: np.zeros((1, *value.shape[1:]), np.float32) for name, value in inputs.items()}
        rows = len(next(iter(inputs.values())))
        step = rows if self.settings.batch == "any" else 1
        parts = [
            self.session.run({name: value[start : start + step] for name, value in inputs.items()})
            for start in range(0, rows, step)
        ]
        found = {
            name: torch.from_numpy(np.concatenate([part[name] for part in parts]))
            .float()
            .to(batch.device)[: len(batch)]
            for name in (SCORE, *map(head_output, self.heads))
        }
        return PadOutput(score=found[SCORE].reshape(-1), tasks={head: found[head_output(head)] for head in self.heads})

    def answer(self, text: str) -> float:
        """The score of a known picture, such as noise:7, as every view and with all sensors there.

        Args:
            text: as the `self_test` of a card has it.
        """
        inputs = {name: value.numpy() for name, value in self._known(text, self.settings).items()}
        return float(self.session.run(inputs)[SCORE].reshape(-1)[0])

    def _answer(self, one: KnownAnswer, _: ExportedSettings) -> float:
        return self.answer(one.input)

    def _known(self, text: str, settings: ExportedSettings) -> dict[str, Tensor]:
        """The known picture as every view, with all sensors there."""
        inputs = {
            view.input: known_input(
                text, folder=self.folder, channels=view.channels, side=view.size, source=self.told_as, read=read_photo
            )
            for view in settings.views
        }
        return {**inputs, PRESENT: torch.ones(1, len(settings.sensors))} if settings.present else inputs
