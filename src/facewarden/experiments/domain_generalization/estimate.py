"""Hours and disk of a plan of kind `presentation`, from one timed step of every method on random images."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.computing import placement
from facewarden.core.compute.device import resolve_device
from facewarden.core.errors import FacewardenError
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.core.seeding import derive
from facewarden.core.settings import read_settings
from facewarden.data.captures import open_captures
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.missing_at_test import DROPS
from facewarden.data.protocols.parts.source_fold import source_fold
from facewarden.data.sample import Sample
from facewarden.data.simulate.planned import planned_samples
from facewarden.data.simulate.specification import SeededCaptures
from facewarden.data.transfer import Splits, transfer_protocol
from facewarden.experiments.domain_generalization.cells import STREAMS
from facewarden.experiments.domain_generalization.crop_store import view_of
from facewarden.experiments.domain_generalization.degraded_sensors import DEGRADED
from facewarden.experiments.domain_generalization.kept_streams import can_keep
from facewarden.experiments.domain_generalization.settings import PresentationPlan, TrainedMethod, known_folder
from facewarden.experiments.engine.estimate import PlanEstimate, WorkEstimate
from facewarden.experiments.engine.kind import PlanCell
from facewarden.nn.closed_form import ClosedForm
from facewarden.nn.multimodal.stream_vit import shared_trunk
from facewarden.pad.parts.streams import KEPT, ThreeStreams
from facewarden.training.augment import augment
from facewarden.training.detector import DetectorTraining, untrained_detector
from facewarden.training.objectives.parts.base import TrainingObjective
from facewarden.training.recipe import parse_recipe

_FEW = 4
"""Samples of the timed step on a CPU, whose time grows with them; a GPU is timed with the whole batch."""
_BYTES_OF_A_SCORE = 22
_BYTES_OF_A_ROW = 120


@dataclass(frozen=True)
class MethodCost:
    """What one method takes on this device.

    Attributes:
        step: seconds of training one sample for one epoch.
        score: seconds of scoring one sample.
        looks: samples that the objective looks at before an epoch, as a share of the training samples.
        state: bytes of its checkpoint.
        described: whether it is a closed form, whose descriptions of all captures are computed once a plan.
    """

    step: float
    score: float
    looks: float
    state: int
    described: bool = False


def estimate_plan(plan: PresentationPlan, cells: Sequence[PlanCell], *, root: Path) -> PlanEstimate:
    """Time every method once and count samples of every protocol.

    Args:
        plan: whose cells they are.
        cells: distinct ones.
        root: the plan's folder; captures that an earlier call prepared are counted there.
    """
    notes = [
        "measured: one step and one scoring of each method on random images, on this device as busy as it is now; "
        "reading and cropping come on top"
    ]
    rows, problem = _rows(plan, root)
    notes += [problem] if problem else []
    streams = [cell for cell in cells if cell.settings.get("do") == STREAMS]
    cells = [cell for cell in cells if cell.settings.get("do") != STREAMS]
    asked = {(str(cell.settings["protocol"]), int(cell.settings.get("fold", 0))) for cell in cells}
    counts = {one: _counted(plan, one[0], rows, fold=one[1]) for one in asked}
    costs = {
        name: method_cost(method, kept=plan.activations != "none" and can_keep(method.recipe))
        for name, method in plan.methods.items()
        if _asked(plan, name)
    }
    hours: dict[str, list[float | None]] = defaultdict(list)
    disk: int | None = 0
    described: set[str] = set()
    for cell in cells:
        name = cell.name.split(" / ")[0]
        fold = int(cell.settings.get("fold", 0))
        count, method = counts[str(cell.settings["protocol"]), fold], plan.methods[name]
        told = None if count is None else _seconds(plan, method, costs[name], count, once=fold > 0) / 3600
        if costs[name].described:  # once a plan, by the first cell that needs it
            first = name not in described
            described.add(name)
            told = None if not rows else len(rows) * costs[name].score / 3600 if first else 0.0
        hours[f"{method.label}, settings" if fold else method.label].append(told)
        disk = None if disk is None or count is None else disk + _kept(plan, method, count)
    crops = _crops(plan, len(rows))
    for cell in streams:
        told, kept = _stream_cost(plan, cell, rows)
        hours["streams of the trunk"].append(told)
        crops += kept
    work = [_work(label, each) for label, each in hours.items()]
    if any(cost.looks for cost in costs.values()):
        notes.append("assumed: an objective that looks at the training data before an epoch looks at half of it")
    return PlanEstimate(
        device=str(resolve_device(placement().device)),
        work=tuple(work),
        disk=None if disk is None or not rows else disk + crops,
        working=max((cost.state for cost in costs.values()), default=0),
        notes=tuple(notes),
    )


def _work(label: str, hours: Sequence[float | None]) -> WorkEstimate:
    known = [one for one in hours if one is not None]
    if len(known) < len(hours):
        return WorkEstimate(label, len(hours), None)
    return WorkEstimate(label, len(hours), sum(known), longest=max(known))


def _stream_cost(plan: PresentationPlan, cell: PlanCell, rows: Sequence[Sample]) -> tuple[float | None, int]:
    """Hours and bytes of the streams of one view, timed on a few random images."""
    recipe = parse_recipe(cell.settings["recipe"], source="cell")
    model = untrained_detector(recipe, seed=0)
    assert isinstance(model, ThreeStreams)  # nothing else has streams
    batch = _random(_FEW, side=model.view_size)
    with torch.no_grad():
        seconds = _seconds_of(lambda: shared_trunk(model.network).below(model.prepare(batch)[0]), torch.device("cpu"))
    captures = len(rows) if cell.settings["view"] == 0 else sum(row.split == "train" for row in rows)
    values = model.filled_streams().numel()
    told = seconds / _FEW * captures / 3600 if rows else None
    return told, captures * values * (2 if plan.activations == "float16" else 4)


def method_cost(method: TrainedMethod, *, kept: bool = False) -> MethodCost:
    """Time one training step and one scoring of a method, with fresh weights of its trunk.

    Args:
        method: of the plan.
        kept: whether it reads streams that were computed beforehand.
    """
    recipe = method.recipe
    if recipe.model.get("pretrained"):  # the weights do not matter for the time, and need not be downloaded for it
        recipe = replace(recipe, model={**recipe.model, "pretrained": False, "trunk": f"{recipe.model['trunk']}:fresh"})
    training = DetectorTraining(recipe, seed=0)
    model = training.model.to(resolve_device(placement().device))
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    many = recipe.training.batch if device.type != "cpu" else min(_FEW, recipe.training.batch)
    side = view_of(model, margin=recipe.training.margin).side
    whole = replace(recipe.training.augmentation, drop=0.0)  # not every model goes without color
    batch = augment(_random(many, side=side), size=model.view_size, settings=whole, seed=0, epoch=0).to(device)
    if kept and isinstance(model, ThreeStreams):
        filled = model.filled_streams()
        batch = replace(batch, tasks={KEPT: filled.expand(many, *filled.shape) + torch.randn(many, 1, 1, 1).to(filled)})
    if isinstance(model, ClosedForm):
        described = _seconds_of(lambda: model.describe(batch), device)
        return MethodCost(described / many, described / many, looks=0.0, state=0, described=True)
    objective = training.objective
    objective.begin(domains=["a", "b"], steps=100)
    looks = 0.5 * (type(objective).refresh is not TrainingObjective.refresh)
    objective.refresh(model, [batch], epoch=0)
    model.requires_grad_(True).train()
    optimizer = torch.optim.AdamW(model.parameter_groups(decay=0.0), lr=1e-9)

    def step() -> None:
        objective.backward(model, objective(model, batch), run=_backward)
        optimizer.step()
        optimizer.zero_grad()

    trained = _seconds_of(step, device)
    state = sum(3 * p.numel() * 4 for p in model.parameters() if p.requires_grad)
    state += sum(p.numel() * 4 for p in model.parameters() if not p.requires_grad)
    model.requires_grad_(False).eval()
    with torch.no_grad():
        scored = _seconds_of(lambda: model(batch), device)
    return MethodCost(step=trained / many, score=scored / many, looks=looks, state=state)


def _backward(total: torch.Tensor) -> None:
    torch.autograd.backward(total)


def _seconds_of(run: Callable[[], Any], device: torch.device) -> float:
    """Seconds of the second call: the first one also loads and plans."""
    elapsed = 0.0
    for _ in range(2):
        _wait(device)
        before = time.perf_counter()
        run()
        _wait(device)
        elapsed = time.perf_counter() - before
    return elapsed


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _random(count: int, *, side: int) -> FaceBatch:
    draw = torch.Generator().manual_seed(derive(0, "estimate"))
    return FaceBatch(
        images={m: torch.rand(count, CHANNELS[m], side, side, generator=draw) for m in MODALITIES},
        key=tuple(f"{i}" for i in range(count)), label=torch.arange(count) % 2, species=("",) * count,
        subject=tuple(f"{i}" for i in range(count)), domain=tuple("ab"[i // 2 % 2] for i in range(count)),
    )  # fmt: skip


def _rows(plan: PresentationPlan, root: Path) -> tuple[Sequence[Sample], str]:
    """Rows of the plan's captures, and what is wrong where they cannot be had."""
    folder = known_folder(root, plan.data)
    try:
        if (folder / "manifest.csv").is_file() or (folder / "manifest.parquet").is_file():
            return tuple(Manifest.read(folder)), ""
        if plan.data.get("simulate") is not None:
            return planned_samples(read_settings(SeededCaptures, plan.data["simulate"])), ""
        return tuple(row for source in plan.data["captures"] for row in open_captures(source)), ""
    except FacewardenError as error:
        return (), f"hours and disk are unknown: {error.message}"


def _counted(
    plan: PresentationPlan, protocol: str, rows: Sequence[Sample], *, fold: int
) -> Mapping[str, int] | None:  # fmt: skip
    if not rows:
        return None
    known = Manifest(tuple(rows), root=Path(), name="captures")
    splits: Splits = transfer_protocol(protocol, whole_target=plan.whole_target).assign(known)
    splits = source_fold(splits, sites=fold) if fold else splits
    return {split: len(samples) for split, samples in splits.items()}


def _asked(plan: PresentationPlan, name: str) -> bool:
    return any(name in part.methods for part in plan.parts)


def _seconds(
    plan: PresentationPlan, method: TrainedMethod, cost: MethodCost, count: Mapping[str, int], *, once: bool = False
) -> float:
    """Seconds of a cell; `once` where it scores after the last epoch alone and with all sensors."""
    recipe, scored = method.recipe.training, count["dev"] + count["test"]
    steps = -(-count["train"] // recipe.batch)
    epoch = steps * recipe.batch * cost.step + cost.looks * count["train"] * cost.score
    times = 1 if once else (recipe.epochs if plan.every_epoch else 1) + _further(plan, method)
    return recipe.epochs * epoch + times * scored * cost.score


def _further(plan: PresentationPlan, method: TrainedMethod) -> int:
    """How often dev and target are scored once more, without sensors and with degraded ones."""
    missing = len(DROPS) if plan.missing and set(method.only) == set(MODALITIES) else 0
    return missing + (len(DEGRADED) if plan.degraded else 0)


def _kept(plan: PresentationPlan, method: TrainedMethod, count: Mapping[str, int]) -> int:
    """Bytes of a finished cell: scores of every epoch, and the rows and chosen scores in its result."""
    scored = count["dev"] + count["test"]
    times = method.recipe.training.epochs if plan.every_epoch else 1
    chosen = 3 if plan.every_epoch else 1
    return scored * ((times + chosen + _further(plan, method)) * _BYTES_OF_A_SCORE + _BYTES_OF_A_ROW)


def _crops(plan: PresentationPlan, captures: int) -> int:
    """Bytes of the crops that all cells share: one store for each view."""
    stores = {}
    for name, method in plan.methods.items():
        if _asked(plan, name):
            size, margin = int(method.recipe.model.get("size", 224)), method.recipe.training.margin
            side = round(size * margin)
            stores[size, side, method.recipe.model.get("fit")] = side + (side - size) % 2
    channels = sum(CHANNELS.values())
    return sum(captures * channels * side**2 for side in stores.values())
