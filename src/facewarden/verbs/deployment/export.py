"""Export a model to a file that runs without torch, behind a gate that compares it with the original."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from facewarden.core.artifact import CARD
from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing_folder
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.core.roles import Detector
from facewarden.evaluation.exporting.gate import QuantizationLoss
from facewarden.evaluation.exporting.run import (
    OPENED_BY,
    Format,
    Role,
    captures_of,
    converted,
    gate,
    quantized,
    recorded,
    resolved,
    rule_of,
)
from facewarden.exporters import onnx, openvino
from facewarden.exporters.parts.folder import write_about, write_card
from facewarden.exporters.parts.licences import check_licence
from facewarden.exporters.parts.parity import Parity
from facewarden.exporters.parts.self_test import known_answers
from facewarden.exporters.parts.subjects import Model, subject_of


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        folder: a complete model folder; give it wherever a model is asked for.
        file: the graph.
        card: of the exported model.
        rule: decision rule of a detector.
        parity: what the gate compared in float32.
        loss: what int8 costs, where it was asked for.
        captures: what the gate compared on.
    """

    folder: Path
    file: Path
    card: Card
    rule: DecisionRule | None
    parity: Parity
    loss: QuantizationLoss | None
    captures: str


@locking
def export(
    model: PathLike | Model,
    /,
    format: Format,
    *,
    out: PathLike,
    captures: PathLike | None = None,
    int8: PathLike | None = None,
    int8_limit: float = 0.02,
    role: Role | None = None,
) -> ExportResult:
    """Export a detector, recognizer or purifier; nothing is written unless the gate passes.

    The graph is compared with the original on 256 captures at least, half of them nearer to the threshold than the
    median, and on sets of sensors: answers agree within 1e-4 in float32, and decisions are equal.

    Args:
        model: registry name, name:PATH, a folder that `facewarden train` wrote, or a model itself.
        format: onnx or openvino.
        out: folder to write: graph, card with self-test, decision rule, recipe, licence, and the gate's numbers.
        captures: what is compared on, a manifest or NAME:PATH; by default simulated captures, which are *simulated*.
        int8: captures that calibrate int8, of other people than those of `captures`; left out, float32 is written.
        int8_limit: what int8 may cost at most, in AUC, in EER and in ACER at the threshold; the upper end of a 95 %
            interval counts.
        role: detector, recognizer or purifier, for a name that several registries have.

    Raises:
        BadInputError: the licence does not permit it, the model has no graph, a package is missing, or the gate fails.
    """
    folder = path_of(out)
    if format not in OPENED_BY:
        raise BadInputError(f"no format {format!r}", hint="onnx or openvino")
    onnx.check_onnx()
    if format == "openvino":
        openvino.check_openvino()
    if int8 is not None and not 0 < int8_limit < 1:
        raise BadInputError(f"int8_limit is {int8_limit}", hint="--int8-limit 0.02")
    original = resolved(model, role)
    if int8 is not None and not isinstance(original, Detector):
        raise BadInputError("int8 is measured for detectors alone", hint="leave --int8 out")
    check_licence(original.card)
    subject = subject_of(original)
    hold(folder)
    for name in (CARD, Path(onnx.FILE).with_suffix(".json").name):  # of a training, of an export
        if (folder / name).exists():
            raise BadInputError(f"{folder} holds a model already ({name}), which would be lost", hint="another --out")
    with captures_of(maybe_path(captures)) as manifest, writing_folder(folder / "new") as made:
        rule, pool = rule_of(original, model, manifest) if isinstance(original, Detector) else (None, manifest)
        answers = known_answers(original, subject)
        graph = made / onnx.FILE
        subject = recorded(subject, graph)
        file = converted(graph, format)
        card = write_card(subject.card, file, self_test=answers)
        parity = gate(original, made, format, pool, rule)
        parity.require(name=original.card.name)
        loss = None
        if int8 is not None and isinstance(original, Detector):
            assert rule is not None  # every detector has one by now
            card, loss = quantized(
                original, subject, made, format, path_of(int8), pool, answers=answers, rule=rule, limit=int8_limit
            )
        compared = {"parity": parity.to_dict(), "captures": manifest.name, "simulated": manifest.simulated}
        compared |= {} if loss is None else {"int8": asdict(loss)}
        write_about(made, card, entry=OPENED_BY[format], rule=rule, compared=compared)
    for path in sorted((folder / "new").iterdir(), key=lambda one: one.name == f"{file.stem}.json"):
        path.replace(folder / path.name)  # the card last: a folder with a card is complete
    (folder / "new").rmdir()
    return ExportResult(folder, folder / file.name, card, rule, parity, loss, manifest.name)
