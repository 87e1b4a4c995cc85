"""Evidence from every sensor and from their agreement, each a calibrated log-likelihood ratio, added up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from facewarden.core.errors import BadInputError
from facewarden.core.labels import species_group
from facewarden.nn.closed_form import DescribedRows
from facewarden.nn.evidence.describer import EvidenceDescriber
from facewarden.nn.evidence.head import EvidenceSum
from facewarden.nn.floors.heads import Described
from facewarden.pad.parts.described import DescribedDetector
from facewarden.pad.parts.evidence_fitting import EvidenceSettings, fit_evidence
from facewarden.pad.parts.stream_settings import MissingFill, TransformerSettings


@dataclass(frozen=True)
class SensorEvidenceSettings(EvidenceSettings, TransformerSettings):
    """Settings of the transformer, and of how evidence is weighed.

    Attributes:
        trunk: frozen, as `facewarden.nn.trunk.load_trunk` takes it.
        preset: only the evidence on its features is fitted.
        pull, toward, clip, hold_out_species: as of `facewarden.pad.parts.evidence_fitting.EvidenceSettings`.
        without: terms that are left out, by their names.
    """

    trunk: str = "dinov2_small"
    size: int = 112
    scale: float = 1.25
    missing_fill: MissingFill = "masked_tokens"
    preset: Literal["paper"] = "paper"
    without: tuple[str, ...] = ()


class SensorEvidence(DescribedDetector):
    """A sum of evidence: tokens, relief, fine structure, reflection, and what one sensor lets expect of another.

    Each term is a line on its own numbers, averaged over the sources, or the distance from what bona fide captures let
    expect. It is calibrated on domains and groups of species that it did not see, limited to the ratio that so many
    rows support, and added with a weight that is never negative. A missing sensor drops its terms; every set of sensors
    has a threshold, which is the best for the worst held-out domain and species. The score is 0 there.

    Source: written for this project, see docs/methods/sensor_evidence.md.
    """

    kind = SensorEvidenceSettings
    name = "sensor_evidence"
    summary = "Calibrated evidence of three sensors and of their agreement, added up."
    source = "written for this project: docs/methods/sensor_evidence.md"
    options: SensorEvidenceSettings

    def build(self, trunk: nn.Module | None) -> Described:
        """The description and the sum on it."""
        assert trunk is not None  # the settings name one
        describer = EvidenceDescriber(trunk)
        unknown = sorted(set(self.options.without) - {term.name for term in describer.terms})
        if unknown:
            raise BadInputError(
                f"no term {', '.join(map(repr, unknown))} to leave out",
                hint=f"without: some of {', '.join(term.name for term in describer.terms)}",
            )
        terms = [term for term in describer.terms if term.name not in self.options.without]
        return Described(describer, EvidenceSum(terms, widths=describer.widths, needs=describer.needs))

    def fit(self, train: DescribedRows, *, dev: DescribedRows) -> dict[str, Any]:
        """Fit on the training rows alone: what calibrates is held out inside of them.

        Dev has no part in it, so that a threshold may be set there as for any other detector.
        """
        head = self.network.head
        assert isinstance(head, EvidenceSum)
        return fit_evidence(
            head,
            np.split(train.description, np.cumsum(self.network.describer.widths)[:-1], axis=1),
            train.labels,
            domains=train.domains,
            groups=[species_group(species) or "" for species in train.species],
            subjects=train.subjects,
            settings=self.options,
        )

    @classmethod
    def example(cls, folder: Path) -> SensorEvidence:
        """Return a tiny one on a random transformer, not fitted, for tests."""
        return cls(SensorEvidenceSettings(trunk="vit_tiny_patch16_224:fresh", size=32, depth=2))


entry = SensorEvidence
