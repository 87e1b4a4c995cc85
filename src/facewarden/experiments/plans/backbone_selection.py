"""Choose a backbone by attacks on few detectors, and validate the choice on attacks and seeds that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewarden.core.registry import load
from facewarden.experiments.backbone_selection.settings import as_vulnerability, plan_of
from facewarden.experiments.backbone_selection.summary import summarize
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary


class BackboneSelection(PlanKind):
    """Rank backbones by cheap attacks, and say how well that predicts their robustness and what a wrong choice costs.

    The cells are those of a `vulnerability` plan on all detectors.
    `facewarden.experiments.backbone_selection.settings.SelectionPlan` is its settings.

    Source: Yang et al., Exposing Fine-Grained Adversarial Vulnerability of Face Anti-Spoofing Models (2023), who say
    that such examples select robust backbones; the validation is ours.
    """

    code = 2  # that of the cells of a vulnerability plan

    def __init__(self) -> None:
        self._measuring: PlanKind = load("plans", "vulnerability")()

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Check that the captures exist and that the models have the heads."""
        self._measuring.prepare(as_vulnerability(settings), root=root)

    def inputs(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """The captures and the detectors."""
        return self._measuring.inputs(as_vulnerability(settings))

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """One cell for each detector's clean scores and generators, and for each detector, head and attack."""
        return self._measuring.cells(as_vulnerability(settings), root=root)

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Run one cell of the plan."""
        return self._measuring.run(cell, folder=folder)

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """The choice, its rank correlation and its regret."""
        return summarize(plan_of(settings), dict(settings), results)


entry = BackboneSelection
