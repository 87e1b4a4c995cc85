"""The three sections of an audit, measured one after the other; one that cannot be measured says why."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from facewarden.auditing.detector import load_captures, perturbation_of, presentation_of
from facewarden.auditing.full_system import WORST as IAPAR
from facewarden.auditing.recognizer import poisoning_of
from facewarden.auditing.request import (
    CLOAKING,
    AuditRequest,
    measured_or_left_out,
    model_part,
    not_measured,
    unusable_faces,
)
from facewarden.core.errors import FacewardenError, RunError
from facewarden.core.resolve import resolve_recognizer
from facewarden.core.roles import Detector
from facewarden.core.run import RunFolder
from facewarden.data.manifest import Manifest
from facewarden.evaluation.presentation import PresentationResult
from facewarden.reporting.document import AuditedPart, LeftOut, Section

_LOG = logging.getLogger("facewarden")


@dataclass(frozen=True)
class MeasuredSections:
    """What an audit measured.

    Attributes:
        presentation, perturbation, poisoning: the sections.
        parts: models and data beside the detector, each once.
    """

    presentation: Section
    perturbation: Section
    poisoning: Section
    parts: tuple[AuditedPart, ...]

    @property
    def compares(self) -> bool:
        """Whether the recognizer took part."""
        return any(part.role == "recognizer" for part in self.parts)


def measure_sections(victim: Detector, needs: AuditRequest, run: RunFolder) -> MeasuredSections:
    """Measure presentations, perturbations and the poisoning of galleries.

    Args:
        victim: the audited detector.
        needs: what else was asked for.
        run: keeps what is measured.

    Raises:
        RunError: the run's folder cannot be used.
    """
    faces_left_out = unusable_faces(needs)
    if faces_left_out is not None:
        _LOG.warning("the %s will not be measured: %s", faces_left_out.what, faces_left_out.why)
    capture_parts, presentation, perturbation = _of_captures(victim, needs, run)
    face_parts: tuple[AuditedPart, ...] = ()

    def cloaks() -> Section:
        nonlocal face_parts
        section, face_parts = poisoning_of(needs, run)
        return section

    if faces_left_out is None:
        poisoning = measured_or_left_out("poisoning", CLOAKING, cloaks)
    else:
        poisoning = not_measured("poisoning", faces_left_out)
    # the recognizer stands in both lists where captures and gallery photos were compared with it
    parts = {(part.role, part.name): part for part in (*capture_parts, *face_parts)}
    return MeasuredSections(presentation, perturbation, poisoning, tuple(parts.values()))


def _of_captures(
    victim: Detector, needs: AuditRequest, run: RunFolder
) -> tuple[tuple[AuditedPart, ...], Section, Section]:
    """What is measured on captures; where there are none to measure on, both sections say why."""
    try:
        manifest, part = load_captures(needs, run)
    except RunError:
        raise
    except FacewardenError as error:
        _LOG.warning("presentations are not measured: %s", error)
        left = LeftOut("presentation and perturbation", error.message, error.hint)
        return (), not_measured("presentation", left), not_measured("perturbation", left)
    presentation, perturbation = _of_detector(victim, manifest, needs, run)
    parts = [part]
    if any(metric.name == IAPAR for metric in presentation.metrics):
        parts.append(model_part("recognizer", resolve_recognizer(needs.recognizer).card))
    return tuple(parts), presentation, perturbation


def _of_detector(victim: Detector, manifest: Manifest, needs: AuditRequest, run: RunFolder) -> tuple[Section, Section]:
    """The sections on presentations and on perturbations; the second needs the threshold of the first."""
    found: PresentationResult | None = None

    def presentations() -> Section:
        nonlocal found
        found = presentation_of(victim, manifest, needs, run)
        return found.section

    presentation = measured_or_left_out("presentation", "presentation attacks", presentations)
    what = "attacks on the detector"
    if found is None:
        left = LeftOut(what, "there is no threshold, since presentations were not measured", "see presentation")
        return presentation, not_measured("perturbation", left)
    measure = partial(perturbation_of, victim, manifest, found, needs, run)
    return presentation, measured_or_left_out("perturbation", what, measure)
