"""The ladder of attackers: what each further piece of knowledge lets through, from a bare instrument to gradients.

An attacker wants an attack presentation to be accepted, so only attacks that the detector rejects when clean take part,
the same ones on every rung above the first. The first rung is no perturbation at all: the APCER of the worst species.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from facewarden.auditing.presets import Preset
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import FacewardenError
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_detector
from facewarden.core.roles import Detector
from facewarden.core.run import RunFolder
from facewarden.core.settings.budget import same_budget
from facewarden.core.threat import ThreatModel
from facewarden.evaluation.attack_ahead import AttackTask
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, attack_cell
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.reporting.document import Metric, Section, Table
from facewarden.reporting.format import measured, plain
from facewarden.reporting.grades import BUDGET, Verdict, capped

LADDER = "ladder_success"
FEWEST, MOST = 4, 16
"""Attacks that are perturbed on each rung: a thousand queries of each cost as much as the rest of the section."""
SURROGATES = ("multi_cnn", "multitask")
"""Detectors that ship in the package, whose gradients somebody has who knows nothing of the audited one."""


@dataclass(frozen=True)
class Rung:
    """One attacker of the ladder.

    Attributes:
        name: for the gate.
        has: what it has, in words.
        rate: of attacks that are accepted; None where it was not measured.
        why: why not.
    """

    name: str
    has: str
    rate: Interval | None
    why: str = ""


def with_ladder(
    section: Section, climb: Climb | None, found: Mapping[str, Mapping[str, Any]], presentation: Section,
    run: RunFolder, *, seed: int,
) -> Section:  # fmt: skip
    """The perturbation section with the ladder of attackers; a quarter of the attacked presentations climb it.

    Args:
        section: of the attacks on the decision itself.
        climb: of `ladder_of`; None leaves the section as it is.
        found: stage name -> rows of the grid, see `run_grid`; PGD of it is the last rung.
        presentation: whose APCER is the first rung.
        run: keeps the rungs.
        seed: of the bootstrap.
    """
    if climb is None:
        return section
    batches, sensors, eps = climb.batches, climb.own.threat.modalities, climb.own.threat.eps
    rungs = [_bare(presentation), _transfer(climb, run, seed=seed), *_by_scores(climb, run, seed=seed)]
    rungs.append(_white_box(climb, found[climb.own.stage], seed=seed))
    group = {"eps": f"{eps * 255:g}/255", "modalities": "+".join(sensors)}
    metrics = tuple(
        Metric(LADDER, one.rate.value, one.rate.low, one.rate.high, one.rate.n, section.simulated, "%",
               {"attacker": one.name, **group}, f"attacks accepted; {one.rate.method}")
        for one in rungs if one.rate is not None
    )  # fmt: skip
    shown = {one.group["attacker"]: measured(one) for one in metrics}
    table = Table(
        f"Ladder of attackers, {group['eps']} on {group['modalities']}",
        ("Attacker", "What the attacker has", "Attacks accepted"),
        tuple((plain(one.name), one.has, shown.get(one.name, f"not measured: {one.why}")) for one in rungs),
        note=f"Above the first row: {sum(map(len, batches))} attack presentations that are rejected when clean, "
        "changed after the camera. What fewer queries let through counts for more queries as well.",
        simulated=section.simulated,
    )
    climbed = [one for one in metrics if one.group["attacker"] != "recapture_only"]
    at_budget = [one for one in climbed if same_budget(one.group["eps"], BUDGET)]
    verdict, first = capped(Verdict(section.grade, section.reason), at_budget)
    return replace(
        section,
        grade=verdict.letter,
        reason=verdict.reason,
        finding=" ".join(filter(None, (ladder_words(section.metrics, climbed), section.finding))),
        metrics=(*([first] if first else []), *section.metrics, *(one for one in metrics if one is not first)),
        tables=(section.tables[0], table, *section.tables[1:]),
    )


def ladder_words(grid: Sequence[Metric], climbed: Sequence[Metric]) -> str:
    """What an attacker of the ladder achieves, where it is more than all attacks of the grid; empty elsewhere.

    Args:
        grid: metrics of the attacks on the decision.
        climbed: of the rungs, from the attacker who has least.
    """
    flipped = [one.value for one in grid if one.name == "success_rate"]
    top = max(climbed, key=lambda one: one.value, default=None)
    if top is None or top.value <= max(flipped, default=0.0):
        return ""
    kind, _, count = top.group["attacker"].partition("_")
    who = f"{int(count):,} scores of a photo" if kind == "scores" else "the gradients of another detector"
    who = "the detector itself" if top.group["attacker"] == "white_box" else who
    return f"An attacker with {who} gets {measured(top)} of the rejected attacks accepted ({top.group['eps']})."


@dataclass(frozen=True, eq=False)
class Climb:
    """Who climbs the ladder, and how those do that are not in the grid.

    Attributes:
        detector: that is audited.
        batches: attack presentations that are rejected when clean.
        own: the cell of the grid with the detector's own gradients.
        transfer: with gradients of another detector; None where there is none.
        no_transfer: why not.
        queries: how many scores are asked for -> the attack with them.
    """

    detector: Detector
    batches: list[FaceBatch]
    own: AttackRun
    transfer: AttackTask | None
    no_transfer: str
    queries: Mapping[int, AttackTask]

    @property
    def tasks(self) -> tuple[AttackTask, ...]:
        """All of them."""
        return (*([self.transfer] if self.transfer else []), *self.queries.values())


def ladder_of(setting: AttackSetup, cells: Sequence[AttackRun], *, sizes: Preset, device: str) -> Climb | None:
    """The rungs between a bare instrument and white-box gradients; None where no attack is rejected when clean.

    Args:
        setting: the detector, its threshold and samples that it decides correctly.
        cells: the grid; the ladder takes its first sensors, and 8/255 or else the largest budget.
        sizes: of the audit.
        device: of the surrogate.
    """
    batches = rejected_attacks(setting.batches, at_most=min(MOST, max(FEWEST, sizes.attacked_per_class // 4)))
    if not batches:
        return None
    sensors = cells[0].threat.modalities
    walks = {cell.threat.eps: cell for cell in cells if cell.name == "pgd" and cell.threat.modalities == sensors}
    own = next((cell for eps, cell in walks.items() if f"{eps * 255:g}/255" == BUDGET), walks[max(walks)])
    victim = replace(setting, batches=batches, head=None, source=setting.detector, source_threshold=setting.threshold)
    threat = ThreatModel(eps=own.threat.eps, modalities=sensors)
    queries = {
        count: AttackTask(f"ladder-square-{count}", victim,  # one more asks for the start
                          AttackRun(f"square {count} queries", load("attacks", "square")(queries=count - 1), threat))
        for count in sizes.queries
    }  # fmt: skip
    transfer, why = None, ""
    try:
        source = _surrogate(setting.detector, batches, threat, device=device)
        if source is None:
            why = "no shipped detector reads the same sensor"
        else:
            attack = load("attacks", "pgd")(steps=sizes.pgd_steps, stop_at_success=False)
            # zero is where the scores of the shipped detectors divide the classes
            other = replace(victim, source=source, source_threshold=0.0)
            cell = AttackRun("pgd", attack, replace(threat, knowledge="transfer"))
            transfer = AttackTask("ladder-transfer", other, cell)
    except FacewardenError as error:
        why = error.message
    return Climb(setting.detector, batches, own, transfer, why, queries)


def rejected_attacks(batches: Sequence[FaceBatch], *, at_most: int) -> list[FaceBatch]:
    """The attack presentations among samples that are decided correctly, the first of them.

    Args:
        batches: labeled samples.
        at_most: how many.
    """
    kept: list[FaceBatch] = []
    left = at_most
    for batch in batches:
        assert batch.label is not None
        rows = torch.nonzero(batch.label == 0).flatten()[:left]
        if len(rows):
            kept.append(batch.select(rows))
            left -= len(rows)
    return kept


def _bare(presentation: Section) -> Rung:
    found = next((one for one in presentation.metrics if one.name == "apcer_worst_species" and not one.group), None)
    has = "an instrument, nothing is perturbed (APCER, worst species)"
    if found is None or found.low is None or found.high is None:
        return Rung("recapture_only", has, None, "presentations were not measured")
    return Rung("recapture_only", has, Interval(found.value, found.low, found.high, found.n, found.note))


def _rows(task: AttackTask, run: RunFolder) -> dict[str, Any]:
    return dict(run.stage(task.stage, partial(attack_cell, task.setting, task.cell)))


def _transfer(climb: Climb, run: RunFolder, *, seed: int) -> Rung:
    if climb.transfer is None:
        return Rung("transfer", "another detector", None, climb.no_transfer)
    name = climb.transfer.setting.source.card.name
    return Rung(
        "transfer", f"another detector, {name}, and its gradients", _rate(_rows(climb.transfer, run), seed=seed)
    )


def _surrogate(victim: Detector, batches: Sequence[FaceBatch], threat: ThreatModel, *, device: str) -> Detector | None:
    there = {name for name in batches[0].images if bool(batches[0].present[name].all())}
    for name in SURROGATES:
        if name == victim.card.name:
            continue
        source = resolve_detector(name, device=device)
        needed = {one for one in source.modalities if one not in source.optional}
        if set(threat.modalities) <= set(source.modalities) and needed <= there:
            return source
    return None


def _by_scores(climb: Climb, run: RunFolder, *, seed: int) -> list[Rung]:
    fallen: set[str] = set()
    rungs = []
    for queries, task in climb.queries.items():
        rows = _rows(task, run)
        fallen |= {key for key, hit in zip(rows["key"], rows["success"], strict=True) if hit}
        rows["success"] = [int(key in fallen) for key in rows["key"]]
        rungs.append(Rung(f"scores_{queries}", f"scores, {queries:,} queries a photo", _rate(rows, seed=seed)))
    return rungs


def _white_box(climb: Climb, rows: Mapping[str, Any], *, seed: int) -> Rung:
    """The rung of the grid's PGD: every sample starts at a point of its own, so that it ends alike in any company."""
    has = "the detector itself and its gradients"
    if not climb.detector.differentiable:
        return Rung("white_box", has, None, "the detector gives no gradients")
    climbing = {key for batch in climb.batches for key in batch.key}
    places = [place for place, key in enumerate(rows["key"]) if key in climbing]
    columns = {"key": "key", "subject": "subject", "success": "success_alone"}  # of this budget by itself
    return Rung("white_box", has, _rate({name: [rows[column][place] for place in places]
                                         for name, column in columns.items()}, seed=seed))  # fmt: skip


def _rate(rows: Mapping[str, Any], *, seed: int) -> Interval | None:
    if not rows["key"]:
        return None
    return mean_by_subject(np.array(rows["success"]), np.array(rows["subject"]), seed=seed)
