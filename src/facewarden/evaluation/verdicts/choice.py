"""Which rule decides: a file, development captures, the detector's own, or none, which is then said."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewarden.core.artifact import RULE
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.data.captures import open_captures
from facewarden.data.table import SUFFIXES, read_table
from facewarden.data.tables.column_names import under_known_names
from facewarden.data.text import printable
from facewarden.evaluation.scores import Scores, absent_words, rows_of_split, score_manifest
from facewarden.evaluation.verdicts.fitting import fitted_rule
from facewarden.evaluation.verdicts.rule import VerdictRule, simulation_notes

_LOG = logging.getLogger("facewarden")
DEFAULT_POLICY = "eer"


def chosen_rule(
    model: Detector,
    spec: Any,
    *,
    rule: Path | None,
    dev: Path | None,
    policy: str | None,
    scored: Scores | None = None,
) -> VerdictRule | None:
    """The rule that decides, or None where there is no threshold.

    Args:
        model: the detector.
        spec: as it was named, a folder with a decision.json among others.
        rule: file of `facewarden calibrate`, or a decision.json.
        dev: captures with dev rows, or a table of their scores.
        policy: how the threshold is set on dev rows; None for the equal error rate of `dev`, or no such rows.
        scored: scores of captures, whose own dev rows serve where a policy is given and no dev.

    Raises:
        BadInputError: both, a rule of another detector, dev rows of one class, or a policy without dev rows.
    """
    if rule is not None and dev is not None:
        raise BadInputError("a rule and dev captures", hint="--rule FILE, or --dev CAPTURES with --policy")
    if rule is not None:
        if policy is not None:
            raise BadInputError("a rule has its policy in it", hint="--rule alone, or --dev CAPTURES --policy")
        read = VerdictRule.read(rule)
        read.check_detector(model.card, source=str(rule))
        known = read.detector or not model.card.sha256
        return read if known else replace(read, remarks=(*read.remarks, _unnamed(rule, model)))
    rows = None if dev is None else dev_scores(model, dev)
    if rows is None and scored is not None:
        rows = scored
    if rows is not None:
        return fitted_rule(rows_of_split(rows, "dev"), policy=policy or DEFAULT_POLICY, detector=model.card.sha256)
    own = _own_rule(model, spec)
    if policy is not None and (own is None or own.policy != policy):
        held = "has no threshold of its own" if own is None else f"has its own threshold by {own.policy}"
        raise BadInputError(
            f"{model.card.name} {held}, and a policy needs scores of both classes",
            hint="--dev CAPTURES or SCORES.csv, whose dev rows set the threshold",
        )
    return None if own is None else VerdictRule.of(own, simulated=bool(simulation_notes(model.card)))


def _unnamed(rule: Path, model: Detector) -> str:
    return (
        f"{printable(rule.name)} does not say for which detector it was set, so nothing shows that its threshold is "
        f"one of {model.card.name}; facewarden calibrate writes one that says it"
    )


def dev_scores(model: Detector, dev: Path) -> Scores:
    """Scores of development rows: from a table of scores, or of captures that are scored now.

    Raises:
        BadInputError: neither, or a table that another model has written.
    """
    held = under_known_names(dev, read_table(dev), ("score", "model")) if dev.suffix.lower() in SUFFIXES else {}
    if "score" in held:
        others = sorted({str(name) for name in held.get("model", ()) if name} - {model.card.name})
        if others:
            raise BadInputError(
                f"{printable(dev)}: scores of {printable(', '.join(others[:3]))}, and the detector is "
                f"{printable(model.card.name)}",
                hint="--detector with the one that wrote them, or scores of this one: facewarden score CAPTURES "
                "--detector …",
            )
        return Scores.read(dev, source=dev.stem)
    captures = open_captures(dev).where(split="dev")
    for told in absent_words(model, captures):
        _LOG.warning("%s: %s", printable(dev), told)
    return score_manifest(model, captures, label="scoring dev")


def _own_rule(model: Detector, spec: Any) -> DecisionRule | None:
    held = getattr(model, "rule", None)
    if isinstance(held, DecisionRule):
        return held
    if isinstance(spec, str | os.PathLike):
        file = Path(spec) / RULE
        if file.is_file():
            return DecisionRule.read(file)
    return None
