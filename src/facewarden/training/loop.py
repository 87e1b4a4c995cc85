"""The training loop on Accelerate: balanced batches, deterministic changes, resumable to the same bits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from facewarden.core.compute.precision import PrecisionSetting
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.core.settings import Count, NotNegative, Positive, Share, ShareBelowOne, check_fields
from facewarden.nn.trainable import Trainable
from facewarden.training.checkpoint import load_checkpoint, save_checkpoint
from facewarden.training.crops import CropSet
from facewarden.training.objectives.parts.base import TrainingObjective
from facewarden.training.objectives.parts.evaluating import evaluating
from facewarden.training.objectives.parts.gradients import average_gradients
from facewarden.training.parts.augment_settings import Augmentation
from facewarden.training.parts.epochs import epoch_done
from facewarden.training.parts.feed import Feed, StepSet, StillBatches
from facewarden.training.parts.options import AveragedWeights, recomputed_blocks
from facewarden.training.parts.ranks import Ranks, gathered, ranks
from facewarden.training.parts.shared_norm import shared_batch_norm
from facewarden.training.parts.speed import SPEED, SpeedLog
from facewarden.training.precision import accelerator_for, check_training_precision
from facewarden.training.schedule import scheduled_rate, set_rate
from facewarden.training.tokens.drawn_views import Views

LOG, CHECKPOINTS = "training.jsonl", "checkpoints"
_EMA = "averaged weights"


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
        views: `pixels` changes each crop by `augmentation`; `sensor` takes one of four views of the capture instead,
            the clean one or as another sensor would have stored it, the same for all methods. Of `augmentation`
            then `drop` alone applies.
        accumulate: batches of one optimizer step, for more samples than memory holds; the last step of an epoch takes
            what is left, so that nothing is open where a checkpoint is written.
        ema: share of the old values in a moving average of the weights, which is what the training leaves; 0 for the
            last weights.
        compile: compile the network with torch.compile, which needs a C++ compiler and minutes at the start.
        recompute: compute blocks of the network twice instead of keeping what lies between them: less memory.
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
    ema: ShareBelowOne = 0.0
    compile: bool = False
    recompute: bool = False
    views: Views = "pixels"

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
    workers: int | None = None,
    stop_after: int | None = None,
    observe: Callable[[int], None] | None = None,
) -> list[dict[str, Any]]:
    """Train a detector in place; a run that was killed goes on from its last checkpoint and ends with the same bits.

    Several processes that a launcher started share every batch, and only the first of them writes.

    Every random number has an address (seed, epoch or step, key), so there is no generator state to keep.

    Args:
        model: a `Trainable`; left in evaluation mode, frozen, on the device that trained it.
        source: crops with the margin of the settings.
        objective: what to minimize.
        settings: how.
        seed: decides everything.
        run: folder for checkpoints and the log (one JSON line per epoch).
        device: where to train, as in `facewarden.core.compute.device.resolve_device`.
        workers: processes that prepare batches; None for as many as suit the device. They change no bit.
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
    here = ranks()
    if settings.batch < here.count:
        raise BadInputError(f"a batch of {settings.batch} for {here.count} processes", hint="a larger batch")
    optimizer = torch.optim.AdamW(model.parameter_groups(decay=settings.decay), lr=settings.rate)
    # Moves the network, so it comes before its tensors. It is not wrapped for several processes: objectives that take
    # gradients apart would pass by the wrapper, and `average_gradients` below serves all of them.
    prepared = accelerator.prepare_model(model, evaluation_mode=True)
    optimizer = accelerator.prepare_optimizer(optimizer)
    if settings.compile:
        model.network.compile()
    steps_of = StepSet(source, settings, size=model.view_size, seed=seed, ranks=here)
    feed = Feed(steps_of, device=accelerator.device, workers=workers)
    per_epoch = steps_of.per_epoch
    objective.gather(settings.accumulate)
    objective.begin(domains=sorted(set(source.domain)), steps=per_epoch * settings.epochs)
    state = load_checkpoint(run / CHECKPOINTS, model.network, optimizer) or {"step": 0, "log": []}
    averaged = AveragedWeights(model.network, decay=settings.ema)
    held = dict(state.get("objective") or {})
    averaged.load_state_dict(held.pop(_EMA, {}))
    if held:
        objective.load_state_dict(held)
    total, log = per_epoch * settings.epochs, list(state["log"])
    first = state["step"] // per_epoch
    still = StillBatches(source, size=model.view_size, batch=settings.batch, device=accelerator.device)
    speed = SpeedLog(run / SPEED, feed, processes=here.count)
    with shared_batch_norm(model), recomputed_blocks(model.network, on=settings.recompute):
        coming = feed.batches(first * per_epoch, total)
        epochs = range(first, settings.epochs)
        for epoch in track(epochs, label="training", total=settings.epochs - first, unit="epochs"):
            if stop_after is not None and epoch >= stop_after:
                break
            speed.begin()
            objective.refresh(prepared, still, epoch=epoch, seed=seed)
            sums: dict[str, float] = {}
            counts: Counter[str] = Counter()
            rate = 0.0
            for number in range(per_epoch):
                step = epoch * per_epoch + number
                rate = scheduled_rate(step, total, peak=settings.rate, warmup=settings.warmup)
                set_rate(optimizer, rate)
                batch = next(coming)
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(_drawn(seed, step, here))  # for layers that draw, such as dropout
                    loss = objective(prepared, batch)
                    share = _micro_batches(number, per_epoch, settings)
                    part = len(batch) * here.count / settings.batch
                    objective.backward(prepared, loss, run=_mean_of(accelerator.backward, part=part, batches=share))
                steps = (number + 1) % settings.accumulate == 0
                if not steps and number + 1 == per_epoch:
                    objective.finish()
                    steps = True
                if steps:
                    average_gradients(model.parameters())
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
                averaged.step()
            log.append(epoch_done({"epoch": epoch + 1, "steps": per_epoch, "rate": rate, **_means(sums, counts)}))
            speed.end(epoch + 1, samples=per_epoch * settings.batch)
            if observe is not None and here.first:
                with averaged.applied(), evaluating(model), torch.no_grad():
                    observe(epoch + 1)
            last = epoch + 1 == settings.epochs
            if here.first and (last or (epoch + 1) % settings.every == 0):
                more = {_EMA: found} if (found := averaged.state_dict()) else {}
                save_checkpoint(
                    run / CHECKPOINTS,
                    model.network,
                    optimizer,
                    step=(epoch + 1) * per_epoch,
                    state={"log": log},
                    objective={**objective.state_dict(), **more},
                )
                write_text(run / LOG, "".join(json.dumps(line) + "\n" for line in log))
                speed.write()
    averaged.apply()
    model.requires_grad_(False).eval()
    return log


def _drawn(seed: int, step: int, here: Ranks) -> int:
    """The seed of what layers draw in a step; the processes draw apart, the first as one process alone does."""
    return derive(seed, "step", step) if here.first else derive(seed, "step", step, here.index)


def _means(sums: Mapping[str, float], counts: Mapping[str, int]) -> dict[str, float]:
    """Means over the steps of all processes."""
    parts = gathered((dict(sums), dict(counts)))
    names = dict.fromkeys(name for some, _ in parts for name in some)
    return {
        name: sum(some.get(name, 0.0) for some, _ in parts) / sum(taken.get(name, 0) for _, taken in parts)
        for name in names
    }


def _micro_batches(number: int, per_epoch: int, settings: TrainSettings) -> int:
    """Number of micro-batches in this optimizer step."""
    first = number - number % settings.accumulate
    return min(settings.accumulate, per_epoch - first)


def _mean_of(run: Callable[[Tensor], None], *, part: float, batches: int) -> Callable[[Tensor], None]:
    """Backpropagate the part of a micro-batch in the mean of an optimizer step over micro-batches and processes."""
    return run if part == 1 and batches == 1 else lambda total: run(total * part / batches)
