"""The training loop on Accelerate: balanced batches, deterministic changes, resumable to the same bits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.precision import PrecisionSetting
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.core.settings import Count, NotNegative, Positive, Share, check_fields
from facewarden.nn.trainable import Trainable
from facewarden.training.augment import Augmentation, augment
from facewarden.training.checkpoint import load_checkpoint, save_checkpoint
from facewarden.training.crops import CropSet
from facewarden.training.objectives.parts.base import TrainingObjective
from facewarden.training.objectives.parts.evaluating import evaluating
from facewarden.training.precision import accelerator_for, check_training_precision
from facewarden.training.sampling import balanced_epoch
from facewarden.training.schedule import scheduled_rate, set_rate

LOG, CHECKPOINTS = "training.jsonl", "checkpoints"


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes:
        epochs: passes; the learning rate falls to zero over them as a half cosine.
        batch: samples per step, over all processes.
        rate: peak learning rate of AdamW.
        decay: weight decay, on matrices and filters only.
        warmup: share of all steps over which the rate rises.
        clip: largest norm of the gradient.
        margin: how much larger than the view the crops in memory are.
        augmentation: strength of the changes.
        precision: "float32", "bfloat16" or "auto", see `facewarden.core.compute.precision`; small convolutional
            networks are slower in bfloat16 on a CPU.
        every: epochs between checkpoints.
        accumulate: batches of one optimizer step, for more samples than memory holds; the last step of an epoch takes
            what is left, so that nothing is open where a checkpoint is written.
    """

    epochs: Count = 20
    batch: Annotated[int, Ge(2)] = 48
    rate: Positive = 2e-3
    decay: NotNegative = 0.02
    warmup: Share = 0.05
    clip: Positive = 5.0
    margin: Annotated[float, Ge(1)] = 8 / 7
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: PrecisionSetting = "float32"
    every: Count = 1
    accumulate: Count = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", check_training_precision(self.precision))
        check_fields(self, source="training")


def fit(
    model: Detector,
    source: CropSet,
    *,
    objective: TrainingObjective,
    settings: TrainSettings,
    seed: int,
    run: Path,
    device: str | torch.device = "auto",
    stop_after: int | None = None,
    observe: Callable[[int], None] | None = None,
) -> list[dict[str, Any]]:
    """Train a detector in place; a run that was killed goes on from its last checkpoint and ends with the same bits.

    Every random number has an address (seed, epoch or step, key), so there is no generator state to keep.

    Args:
        model: a `Trainable`; left in evaluation mode, frozen, on the device that trained it.
        source: crops with the margin of the settings.
        objective: what to minimize.
        settings: how.
        seed: decides everything.
        run: folder for checkpoints and the log (one JSON line per epoch).
        device: where to train, as in `facewarden.core.compute.device.resolve_device`.
        stop_after: leave after this many epochs, as if killed.
        observe: called with the number of epochs done, after each, before its checkpoint; the model is in evaluation
            mode then, and what is done there has no part in the training.

    Returns:
        The log: per epoch the means of the loss, its parts and the objective's statistics over the steps that had
        them, and the learning rate at its end.

    Raises:
        BadInputError: the model cannot be trained, the device is not there, or checkpoints cannot be read or written.
    """
    if not isinstance(model, Trainable):
        raise BadInputError(f"{type(model).__name__} cannot be trained here", hint="facewarden train multi_cnn")
    model.requires_grad_(True).train()
    accelerator = accelerator_for(settings.precision, device)
    optimizer = torch.optim.AdamW(model.parameter_groups(decay=settings.decay), lr=settings.rate)
    prepared, optimizer = accelerator.prepare(model, optimizer)  # moves the network, so it comes before its tensors
    per_epoch = -(-len(source) // settings.batch)
    objective.gather(settings.accumulate)
    objective.begin(domains=sorted(set(source.domain)), steps=per_epoch * settings.epochs)
    state = load_checkpoint(run / CHECKPOINTS, model.network, optimizer) or {"step": 0, "log": []}
    if state.get("objective"):
        objective.load_state_dict(state["objective"])
    total, log = per_epoch * settings.epochs, list(state["log"])
    first = state["step"] // per_epoch
    for epoch in track(range(first, settings.epochs), label="training", total=settings.epochs - first, unit="epochs"):
        if stop_after is not None and epoch >= stop_after:
            break
        order = balanced_epoch(
            source.label.tolist(), source.domain, count=per_epoch * settings.batch, seed=seed, epoch=epoch
        )
        objective.refresh(prepared, _unchanged(source, model, settings, accelerator.device), epoch=epoch, seed=seed)
        sums: dict[str, float] = {}
        counts: Counter[str] = Counter()
        rate = 0.0
        for number in range(per_epoch):
            step = epoch * per_epoch + number
            rate = scheduled_rate(step, total, peak=settings.rate, warmup=settings.warmup)
            set_rate(optimizer, rate)
            rows = order[number * settings.batch : (number + 1) * settings.batch]
            mine = rows[accelerator.process_index :: accelerator.num_processes]
            batch = augment(
                source.batch(mine.tolist()), size=model.view_size, settings=settings.augmentation,
                seed=seed, epoch=epoch,
            ).to(accelerator.device)  # fmt: skip
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(seed, "step", step))  # for layers that draw, such as dropout
                loss = objective(prepared, batch)
                share = _micro_batches(number, per_epoch, settings)
                objective.backward(prepared, loss, run=_mean_of(accelerator.backward, batches=share))
            steps = (number + 1) % settings.accumulate == 0
            if not steps and number + 1 == per_epoch:
                objective.finish()
                steps = True
            told: Mapping[str, float | Tensor] = loss.parts
            if steps:  # before, the gradients are not whole
                told = {**told, **objective.statistics(prepared)}
            for name, value in {"loss": loss.total.detach(), **told}.items():
                sums[name] = sums.get(name, 0.0) + float(value)
                counts[name] += 1
            if not steps:
                continue
            accelerator.clip_grad_norm_(prepared.parameters(), settings.clip)
            optimizer.step()
            optimizer.zero_grad()
            objective.after_step(prepared)
        means = {name: value / counts[name] for name, value in sums.items()}
        log.append({"epoch": epoch + 1, "steps": per_epoch, "rate": rate, **means})
        if observe is not None and accelerator.is_main_process:
            with evaluating(model), torch.no_grad():
                observe(epoch + 1)
        last = epoch + 1 == settings.epochs
        if accelerator.is_main_process and (last or (epoch + 1) % settings.every == 0):
            save_checkpoint(
                run / CHECKPOINTS,
                model.network,
                optimizer,
                step=(epoch + 1) * per_epoch,
                state={"log": log},
                objective=objective.state_dict(),
            )
            write_text(run / LOG, "".join(json.dumps(line) + "\n" for line in log))
    model.requires_grad_(False).eval()
    return log


def _micro_batches(number: int, per_epoch: int, settings: TrainSettings) -> int:
    """Number of micro-batches in this optimizer step."""
    first = number - number % settings.accumulate
    return min(settings.accumulate, per_epoch - first)


def _mean_of(run: Callable[[Tensor], None], *, batches: int) -> Callable[[Tensor], None]:
    """Backpropagate a micro-batch's share of the mean over the micro-batches of an optimizer step."""
    return run if batches == 1 else lambda total: run(total / batches)


def _unchanged(source: CropSet, model: Trainable, settings: TrainSettings, device: torch.device) -> Iterator[FaceBatch]:
    """All samples once, unchanged: the central view of every crop."""
    still = Augmentation(rotation=0.0, zoom=0.0, shift=0.0, exposure=0.0, blur=0.0, noise=0.0, drop=0.0)
    for start in range(0, len(source), settings.batch):
        batch = source.batch(range(start, min(start + settings.batch, len(source))))
        yield augment(batch, size=model.view_size, settings=still, seed=0, epoch=0).to(device)
