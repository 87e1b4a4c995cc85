"""What an export does: the original, its threshold and captures, the graph, the gate, and int8."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facewarden.core.artifact import CARD, RULE
from facewarden.core.card import Card, KnownAnswer
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.identity.given import PathLike
from facewarden.core.registry import list_entries
from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.core.roles import Detector, Purifier, Recognizer
from facewarden.data.captures import open_captures
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.simulate import Simulation
from facewarden.evaluation.exporting.gate import (
    QuantizationLoss,
    detector_parity,
    face_crops,
    purifier_parity,
    quantization_loss,
    recognizer_parity,
)
from facewarden.evaluation.scores import rows_of_split, score_manifest
from facewarden.evaluation.simulated_captures import simulate_captures
from facewarden.exporters import onnx, openvino
from facewarden.exporters.parts.folder import write_card
from facewarden.exporters.parts.parity import Parity
from facewarden.exporters.parts.quantize import write_int8
from facewarden.exporters.parts.subjects import ExportSubject, Model
from facewarden.metrics.intervals import Interval
from facewarden.metrics.pad import fit_rule
from facewarden.nn.exported.settings import is_exported, read_exported
from facewarden.nn.exported.views import views_of
from facewarden.pad.parts.exported import ExportedDetector

Format = Literal["onnx", "openvino"]
Role = Literal["detector", "recognizer", "purifier"]
OPENED_BY: Mapping[Format, str] = {"onnx": "onnx_file", "openvino": "openvino_file"}
"""Format -> registry name of what opens it."""

_GROUPS = {"detector": "pad", "recognizer": "recognizers", "purifier": "purifiers"}
_SIMULATED = Simulation(subjects=44, captures_per_subject=8)
_CALIBRATION = 128


def resolved(model: PathLike | Model, role: Role | None) -> Model:
    """The model that a caller means.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.
    """
    if isinstance(model, Detector | Recognizer | Purifier):
        return model
    text = str(model)
    role = role or _role_of(text)
    if role == "recognizer":
        return resolve_recognizer(text, device="cpu")
    return resolve_purifier(text, device="cpu") if role == "purifier" else resolve_detector(text, device="cpu")


def _role_of(text: str) -> Role:
    """What a person means: the role of a folder's card, or of the registry that has the name.

    Raises:
        BadInputError: none of them, or several.
    """
    for name, role in (("pad", "detector"), ("recognizer", "recognizer"), ("purifier", "purifier")):
        if (Path(text) / CARD).is_file() and Card.read(Path(text) / CARD).role == name:
            return role  # type: ignore[return-value]
    base = text.partition(":")[0].partition("{")[0]
    known = [role for role, group in _GROUPS.items() if base in {entry.name for entry in list_entries(group)}]
    if len(known) != 1:
        what = f"{' and '.join(known)} are called so" if known else "no detector, recognizer or purifier of this name"
        raise BadInputError(
            f"{text}: {what}", hint="--role detector, recognizer or purifier, or a name of facewarden list"
        )
    return known[0]  # type: ignore[return-value]


@contextmanager
def captures_of(given: Path | None) -> Iterator[Manifest]:
    """The captures that were given, or simulated ones as long as they are needed."""
    if given is not None:
        yield open_captures(given)
        return
    with tempfile.TemporaryDirectory(prefix="facewarden-export-") as folder:
        yield replace(simulate_captures(Path(folder), _SIMULATED).manifest, name="simulated captures")


def rule_of(detector: Detector, given: PathLike | Model, manifest: Manifest) -> tuple[DecisionRule, Manifest]:
    """The detector's own threshold, or one that is set on dev; and the captures that are left for the gate."""
    own = getattr(detector, "rule", None)
    if isinstance(own, DecisionRule):
        return own, manifest
    if not isinstance(given, Detector | Recognizer | Purifier):
        beside = Path(str(given).partition(":")[2] or str(given)) / RULE
        if beside.is_file():
            return DecisionRule.read(beside), manifest
    dev = rows_of_split(score_manifest(detector, manifest.where(split="dev")), "dev")
    rule = fit_rule(dev.score, dev.label, split="dev", source=manifest.name, simulated=manifest.simulated)
    return rule, replace(manifest, rows=tuple(row for row in manifest.rows if row.split != "dev"))


def recorded(subject: ExportSubject, graph: Path) -> ExportSubject:
    """Write the graph; the card of a detector then says whether it takes any batch."""
    batch = "any" if onnx.write_onnx(subject.module, subject.inputs, graph, outputs=subject.outputs) else "one"
    if not is_exported(subject.card):
        return subject
    return replace(subject, card=replace(subject.card, settings={**subject.card.settings, "batch": batch}))


def converted(graph: Path, format: Format) -> Path:
    """The graph's file in a format; the ONNX file goes where it is another one."""
    if format == "onnx":
        return graph
    file = graph.with_name(openvino.FILE)
    openvino.write_openvino(graph, file)
    graph.unlink()
    return file


def gate(original: Model, made: Path, format: Format, pool: Manifest, rule: DecisionRule | None) -> Parity:
    """Compare the folder that was made with the original.

    Args:
        original: the model.
        made: the folder.
        format: of its graph.
        pool: captures to choose from.
        rule: of a detector.
    """
    spec = f"{OPENED_BY[format]}:{made / (onnx.FILE if format == 'onnx' else openvino.FILE)}"
    if isinstance(original, Detector):
        assert rule is not None  # every detector has one by now
        return detector_parity(original, resolve_detector(spec, device="cpu"), pool, threshold=rule.threshold)
    faces = face_crops(pool)
    if isinstance(original, Recognizer):
        return recognizer_parity(original, resolve_recognizer(spec, device="cpu"), faces)
    return purifier_parity(original, resolve_purifier(spec, device="cpu"), faces)


def quantized(
    original: Detector, subject: ExportSubject, made: Path, format: Format, calibration: Path, pool: Manifest, *,
    answers: tuple[KnownAnswer, ...], rule: DecisionRule, limit: float,
) -> tuple[Card, QuantizationLoss]:  # fmt: skip
    """Replace the graph by one in int8, and measure what it costs on people who did not calibrate it.

    Its card gets known answers of its own: processors round int8 differently, and one whose answers are further from
    these than int8 is from float32 is none of which the loss was measured.
    """
    rows = _spread([row for row in open_captures(calibration).rows if row.split != "test"], _CALIBRATION)
    people = {row.subject for row in rows}
    test = replace(pool, rows=tuple(row for row in pool.rows if row.subject not in people))
    if not test.rows:
        raise BadInputError(
            f"{calibration}: calibrates with everybody who is in the captures", hint="--captures of other people"
        )
    whole, coarse = made / "whole.onnx", made / onnx.FILE
    subject = recorded(subject, whole)
    count = write_int8(whole, coarse, _inputs(subject.card, rows, open_captures(calibration)))
    whole.unlink()
    card = replace(subject.card, settings={**subject.card.settings, "arithmetic": "int8"})
    file = converted(coarse, format)
    card = write_card(card, file)
    exported = resolve_detector(f"{OPENED_BY[format]}:{file}", device="cpu")
    whole_scores, int8_scores = score_manifest(original, test), score_manifest(exported, test)
    loss = quantization_loss(whole_scores, int8_scores, threshold=rule.threshold, limit=limit, calibrated_on=count)
    loss.require(name=original.card.name)
    told = f"in int8 it loses {_told(loss.auc)} AUC, {_told(loss.eer)} EER and {_told(loss.acer)} ACER at the threshold"
    told += f" (n = {loss.auc.n}" + (", *simulated*)" if loss.simulated else ")")
    largest = float(np.abs(whole_scores.score - int8_scores.score).max())
    assert isinstance(exported, ExportedDetector)
    known = tuple(
        replace(one, score=exported.answer(one.input), tolerance=max(one.tolerance, largest)) for one in answers
    )
    return write_card(
        replace(card, limits=f"{card.limits}; {told}".lstrip("; "), sha256={}), file, self_test=known
    ), loss


def _told(cost: Interval) -> str:
    return f"{cost.value:+.4f} [{cost.low:+.4f}, {cost.high:+.4f}]"


def _spread(rows: Sequence[Sample], most: int) -> list[Sample]:
    """So many rows from everywhere in a list: a manifest may have its classes one after the other."""
    return [rows[place] for place in np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]


def _inputs(card: Card, rows: list[Any], manifest: Manifest) -> Iterator[dict[str, NDArray[np.float32]]]:
    settings = read_exported(card, source=card.name)
    sensors = tuple(dict.fromkeys(view.modality for view in settings.views))
    lost: list[Skipped] = []
    for batch in iter_batches(
        rows, 16, root=manifest.root, modalities=sensors, on_error="skip", skipped=lost, squash=settings.squash
    ):
        values = {name: value.numpy() for name, value in views_of(batch, settings).items()}
        yield from ({name: value[row : row + 1] for name, value in values.items()} for row in range(len(batch)))
