"""Export a model to ONNX or OpenVINO, behind a gate that compares it with the original."""

from __future__ import annotations

from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_exported, check_sets
from facewarden.cli.parts.kinds import Captures, Folder, Model
from facewarden.cli.parts.outcome import Outcome


def export(
    model: Model,
    format: Annotated[Literal["onnx", "openvino"], "onnx|openvino"],
    /,
    *,
    out: Folder,
    captures: Captures | None = None,
    int8: Annotated[str, "CALIBRATION"] | None = None,
    int8_limit: float = 0.02,
    role: Literal["detector", "recognizer", "purifier"] | None = None,
) -> Outcome:
    """Export a model to a folder that needs no torch; nothing is written unless it answers as the original does.

    Args:
        model: detector, recognizer or purifier: a name, NAME:PATH, or a folder that facewarden train wrote.
        format: onnx or openvino.
        out: folder to write: graph, card, decision rule, licence, and what was compared.
        captures: what is compared on, 256 at least; left out, captures are simulated.
        int8: captures that calibrate int8, of other people than those of --captures; left out, float32 is written.
        int8_limit: what int8 may cost at most in AUC, in EER and in ACER at the threshold, by the upper end of the 95 %
            interval.
        role: what the model is, where a name could be several.
    """
    check_exported(model, role)
    check_sets([captures, int8])
    from facewarden.verbs.deployment.export import export as run

    result = run(model, format, out=out, captures=captures, int8=int8, int8_limit=int8_limit, role=role)
    lines = [f"licence of the weights: {result.card.licence}"]
    for row in result.parity.rows:
        decisions = f", {row.differ} decisions differ" if result.parity.threshold is not None else ""
        lines.append(f"same answers on {row.n} {row.what}: largest difference {row.largest:.1e}{decisions}")
    if result.loss is not None:
        costs = (("AUC", result.loss.auc), ("EER", result.loss.eer), ("ACER at the threshold", result.loss.acer))
        told = ", ".join(f"{name} {cost.value:+.4f} [{cost.low:+.4f}, {cost.high:+.4f}]" for name, cost in costs)
        lines.append(f"int8 costs {told}, n = {result.loss.auc.n}")
    lines.append(f"exported: {result.folder} (compared on {result.captures})")
    return Outcome(result, lines)


entry = export
