"""The perturbation experiment of the audit: how little noise flips the detector's decision, and through which sensors.

Only samples that the detector decides correctly when clean take part; success is measured at the deployed threshold.
Random noise of the same size is the control that every attack must beat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from facewarden.core.attack import Attack
from facewarden.core.batch import FaceBatch
from facewarden.core.compute.device import device_of
from facewarden.core.decision_goal import Evade
from facewarden.core.gradient_source import GradientSource
from facewarden.core.head_goal import goal_of, labeled
from facewarden.core.labels import Modality
from facewarden.core.objective import Objective
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel
from facewarden.evaluation.decisions import correct_scores, known_decisions
from facewarden.evaluation.lost_samples import check_lost

_COLUMNS = ("key", "label", "subject", "species", "success")


@dataclass(frozen=True, eq=False)
class AttackRun:
    """One cell of the grid: who attacks how, by how much, through which sensors; whether the judges look at it."""

    name: str
    attack: Attack
    threat: ThreatModel
    judged: bool = False

    @property
    def stage(self) -> str:
        """Name of the run's stage."""
        gray = f"{self.threat.eps * 255:g}"
        return f"perturbation-{self.name}-{'+'.join(self.threat.modalities)}-{gray}"


@dataclass(frozen=True, eq=False)
class AttackSetup:
    """Everything that decides the experiment's numbers.

    Attributes:
        detector: the victim.
        source: the model whose gradients are read: the victim itself, or a surrogate.
        threshold, source_threshold: decision thresholds of the two.
        batches: clean samples, all decided correctly by the victim.
        seed: of random starts.
        head: whose loss is climbed; None is the decision itself.
        towards: the class that the head is to name; None moves away from the truth.
        reading: where gradients are read, if not at the image.
        shown: is given every clean batch and what the attack made of it, for pictures on request.
        judges: column -> function of a clean batch and of what the attack made of it, one whole number for each sample;
            they look at the cells that are `judged`.
    """

    detector: Detector
    source: Detector
    threshold: float
    source_threshold: float
    batches: Sequence[FaceBatch]
    seed: int
    head: str | None = None
    towards: int | None = None
    reading: GradientSource | None = None
    shown: Callable[[FaceBatch, FaceBatch], None] | None = None
    judges: Mapping[str, Callable[[FaceBatch, FaceBatch], Sequence[int]]] = field(default_factory=dict)

    @property
    def transfer(self) -> bool:
        """Whether the attack only has a surrogate's gradients."""
        return self.source is not self.detector


def choose_samples(
    scores: Sequence[float],
    labels: Sequence[int],
    *,
    threshold: float,
    subjects: Sequence[str],
    per_class: int,
    seed: int,
) -> list[int]:
    """Choose correctly decided rows, the same number of each class where there are enough, subjects mixed by seed."""
    correct = correct_scores(scores, labels, threshold=threshold)
    chosen: list[int] = []
    for label in (1, 0):
        right = np.flatnonzero(correct & (np.asarray(labels) == label)).tolist()
        order = np.random.default_rng(derive(seed, "perturbation", label)).permutation(len(right))
        chosen += [right[i] for i in order[:per_class].tolist()]
    return sorted(chosen, key=lambda row: (labels[row], subjects[row], row))


def attack_cell(setting: AttackSetup, cell: AttackRun) -> dict[str, Any]:
    """Attack every sample with one cell of the grid; JSON-able rows of key, label, subject and success.

    Samples without the truth of the attacked head are no failed attacks: they are left out and counted as `unlabeled`.
    Those to which a model gives no number under attack are left out as well, and named in `lost`.
    """
    batches = track(
        setting.batches,
        label=f"{cell.name} at {cell.threat.eps * 255:g}/255 on {'+'.join(cell.threat.modalities)}",
        total=sum(map(len, setting.batches)),
        unit="captures",
        size=len,
    )
    return joined_rows(setting, cell, [attack_batch(setting, cell, batch) for batch in batches])


def attack_batch(setting: AttackSetup, cell: AttackRun, whole: FaceBatch) -> dict[str, Any]:
    """Attack one batch; the rows of `attack_cell` for it. It ends alike in any company, since samples start alone.

    Args:
        setting: the detector, and where gradients come from.
        cell: attack and budget.
        whole: clean samples.
    """
    judges = setting.judges if cell.judged else {}
    rows: dict[str, Any] = {name: [] for name in (*_COLUMNS, *judges)}
    rows |= {"gradient_calls": 0, "unlabeled": 0, "lost": []}
    there = labeled(setting.source, whole, head=setting.head)
    rows["unlabeled"] = int((~there).sum())
    if not bool(there.any()):
        return rows
    batch = whole if bool(there.all()) else whole.select(there)
    batch = batch.to(device_of(setting.source) or batch.device)  # the whole walk stays there
    found = cell.attack(_goal(setting, batch), cell.threat, seed=setting.seed, reading=setting.reading)
    success, known = found.success, ~found.lost
    if setting.transfer:
        moved = batch.with_images(found.images)
        scored, right = known_decisions(setting.detector, moved, threshold=setting.threshold)
        success, known = ~right, known.cpu() & scored
    if not bool(known.any()):
        return {**rows, "lost": list(batch.key)}
    if not bool(known.all()):
        rows["lost"] = list(batch.select(~known).key)
        batch, success = batch.select(known), success[known]
        found = replace(found, images={name: image[known] for name, image in found.images.items()})
    if setting.shown is not None:
        setting.shown(batch, batch.with_images(found.images))
    assert batch.label is not None
    assert batch.subject is not None
    assert batch.species is not None
    return {
        **rows,
        **{name: list(judge(batch, batch.with_images(found.images))) for name, judge in judges.items()},
        "key": list(batch.key),
        "label": batch.label.tolist(),
        "subject": list(batch.subject),
        "species": list(batch.species),
        "success": success.int().tolist(),
        "gradient_calls": found.gradient_calls,
    }


def _goal(setting: AttackSetup, batch: FaceBatch) -> Objective:
    if setting.head is None:
        return Evade(setting.source, batch, threshold=setting.source_threshold)
    return goal_of(
        setting.source, batch, head=setting.head, threshold=setting.source_threshold, towards=setting.towards
    )


def joined_rows(setting: AttackSetup, cell: AttackRun, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows of a cell from those of its batches.

    Args:
        setting, cell: of which.
        parts: of `attack_batch`, in the order of the batches.
    """
    judges = list(setting.judges) if cell.judged else []
    rows: dict[str, Any] = {name: [one for part in parts for one in part[name]] for name in (*_COLUMNS, *judges)}
    return {
        **rows,
        **({"judged": judges} if judges else {}),
        "gradient_calls": max((part["gradient_calls"] for part in parts), default=0),
        "unlabeled": sum(part["unlabeled"] for part in parts),
        "lost": [key for part in parts for key in part["lost"]],
    }


@contextmanager
def frozen(model: Detector) -> Iterator[None]:
    """No weight of the model asks for a gradient inside the block: they would be computed for nothing."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learned:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)


def run_grid(setting: AttackSetup, cells: Sequence[AttackRun], run: RunFolder) -> dict[str, dict[str, Any]]:
    """Run every cell, one resumable stage each; stage name -> rows, with success carried upward.

    Raises:
        BadInputError: so many samples are lost under an attack that a rate over the others would be biased.
    """
    with frozen(setting.source):
        found = {cell.stage: run.stage(cell.stage, partial(attack_cell, setting, cell)) for cell in cells}
    carried = carried_upward(cells, found)
    for rows in list(carried.values())[:1]:  # all are of the same samples
        check_lost(rows["lost"], attacked=len(rows["key"]) + len(rows["lost"]), where=_named(cells))
    return carried


def _named(cells: Sequence[AttackRun]) -> str:
    largest = max(cells, key=lambda cell: cell.threat.eps)
    return f"attacks of up to {largest.threat.eps * 255:g}/255"


def carried_upward(cells: Sequence[AttackRun], found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Count what fell within a budget as fallen within every larger one, sample by sample: balls are nested.

    An attack may end worse with more room, which says something of the attack and nothing of the model. Only cells of
    one attack on the same sensors are nested. A sample that is lost in one cell is left out of all of them, so that
    all rates are of the same samples.

    Args:
        cells: the grid.
        found: stage name -> rows of `attack_cell`.

    Returns:
        The rows with `success` carried upward; `success_alone` is what the attack of this budget did by itself.
    """
    lost = {key for rows in found.values() for key in rows.get("lost", ())}
    carried = {stage: _without(rows, lost) for stage, rows in found.items()}
    for rows in carried.values():
        rows["success_alone"] = list(rows["success"])
    fallen: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for cell in sorted(cells, key=lambda cell: cell.threat.eps):
        rows = carried[cell.stage]
        before = fallen.setdefault((cell.name, tuple(cell.threat.modalities)), set())
        before |= {key for key, hit in zip(rows["key"], rows["success_alone"], strict=True) if hit}
        rows["success"] = [int(key in before) for key in rows["key"]]
    return carried


def _without(rows: Mapping[str, Any], lost: set[str]) -> dict[str, Any]:
    """Rows of `attack_cell` without some of the samples."""
    kept = [place for place, key in enumerate(rows["key"]) if key not in lost]
    names = (*_COLUMNS, *rows.get("judged", ()))
    columns = {name: [rows[name][place] for place in kept] for name in names if name in rows}
    return {**rows, **columns, "lost": sorted(lost)}


def nested_success(success: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Carry success upward among lists named "BUDGET|READING" of the same samples, for each reading by itself.

    A budget of zero is a check of the measurement and is carried nowhere.

    >>> nested_success({"2|plain": [1, 0, 0], "8|plain": [0, 1, 0], "8|sfa": [0, 0, 1]})
    {'2|plain': [1, 0, 0], '8|plain': [1, 1, 0], '8|sfa': [0, 0, 1]}
    """
    carried = {name: [int(hit) for hit in hits] for name, hits in success.items()}
    fallen: dict[str, list[int]] = {}
    for name in sorted(carried, key=lambda name: float(name.partition("|")[0])):
        eps, _, reading = name.partition("|")
        if float(eps) > 0.0:
            before = fallen.get(reading, [0] * len(carried[name]))
            fallen[reading] = carried[name] = [
                int(one or other) for one, other in zip(before, carried[name], strict=True)
            ]
    return {name: carried[name] for name in success}


def grid(
    *,
    eps: Sequence[int],
    sensors: Sequence[tuple[Modality, ...]],
    attacks: Mapping[str, Attack],
    noise: Attack,
    transfer: bool,
) -> list[AttackRun]:
    """Cells for every attack, set of sensors and budget in gray levels, and noise at the largest, the control."""
    knowledge: Literal["transfer", "white_box"] = "transfer" if transfer else "white_box"
    cells = [
        AttackRun(name, attack, ThreatModel(eps=gray / 255, modalities=where, knowledge=knowledge))
        for name, attack in attacks.items()
        for where in sensors
        for gray in eps
    ]
    return cells + [AttackRun("noise", noise, ThreatModel(eps=max(eps) / 255, modalities=where)) for where in sensors]
