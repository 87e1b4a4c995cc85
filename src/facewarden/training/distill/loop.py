"""The distillation itself: mixed batches of photos, depth and infrared, resumable to the same bits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge

from facewarden.core.compute.device import resolve_device
from facewarden.core.compute.precision import PrecisionSetting, autocast
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.core.progress import track
from facewarden.core.seeding import derive
from facewarden.core.settings import Count, NotNegative, Positive, Share, check_fields
from facewarden.nn.trainable import decay_groups
from facewarden.training.checkpoint import load_checkpoint, save_checkpoint
from facewarden.training.distill.changes import change
from facewarden.training.distill.distillation_data import DistillationViews
from facewarden.training.distill.student import Student, distance
from facewarden.training.loop import CHECKPOINTS, LOG
from facewarden.training.precision import check_training_precision
from facewarden.training.schedule import scheduled_rate, set_rate


@dataclass(frozen=True)
class DistillSettings:
    """How to distill.

    Attributes:
        epochs: passes over all views; the learning rate falls to zero over them as a half cosine.
        batch: views per step, all of one kind.
        rate, decay, warmup, clip: as for any training here.
        patches, whole: weights of the feature map and of its mean beside the identity's 1.
        simulated: weight of the identity of drawn people, whom recognizers know less well.
        gray: chance that a photo is shown as an infrared camera could see it.
        precision: "float32", "bfloat16" or "auto", see `facewarden.core.compute.precision`.
    """

    epochs: Count = 24
    batch: Annotated[int, Ge(2)] = 96
    rate: Positive = 1e-3
    decay: NotNegative = 0.05
    warmup: Share = 0.04
    clip: Positive = 1.0
    patches: NotNegative = 0.6
    whole: NotNegative = 0.2
    simulated: NotNegative = 0.3
    gray: Share = 0.3
    precision: PrecisionSetting = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", check_training_precision(self.precision))
        check_fields(self, source="training")


def distill_student(
    student: Student,
    views: Mapping[str, DistillationViews],
    *,
    settings: DistillSettings,
    seed: int,
    run: Path,
    device: str | torch.device = "auto",
    stop_after: int | None = None,
) -> list[dict[str, Any]]:
    """Distill in place; a run that was killed goes on from its last epoch and ends with the same bits.

    Args:
        student: learns; left on the device that trained it.
        views: by kind.
        settings: how.
        seed: decides everything.
        run: folder for checkpoints and the log (one JSON line per epoch).
        device: where to train, as in `facewarden.core.compute.device.resolve_device`.
        stop_after: leave after this many epochs, as if killed.

    Returns:
        The log: per epoch the means of the losses by kind.

    Raises:
        BadInputError: the device is not there, or checkpoints cannot be read or written.
    """
    home = resolve_device(device)
    student.to(home).train()
    optimizer = torch.optim.AdamW(decay_groups(student.parameters(), decay=settings.decay), lr=settings.rate)
    state = load_checkpoint(run / CHECKPOINTS, student, optimizer) or {"step": 0, "log": []}
    per_epoch = sum(-(-len(held) // settings.batch) for held in views.values())
    total, log = per_epoch * settings.epochs, list(state["log"])
    first = state["step"] // per_epoch
    for epoch in track(range(first, settings.epochs), label="distilling", total=settings.epochs - first, unit="epochs"):
        if stop_after is not None and epoch >= stop_after:
            break
        sums: dict[str, list[float]] = {}
        for number, (kind, rows) in enumerate(_batches(views, settings.batch, seed=seed, epoch=epoch)):
            step = epoch * per_epoch + number
            set_rate(optimizer, scheduled_rate(step, total, peak=settings.rate, warmup=settings.warmup))
            drawn = derive(seed, "distill", step)
            losses = _losses(student, views[kind].select(rows), settings, seed=drawn, device=home)
            known = 1.0 if kind == "photo" else settings.simulated
            loss = known * losses["identity"] + settings.patches * losses["patches"] + settings.whole * losses["whole"]
            if not bool(torch.isfinite(loss)):
                raise BadInputError(f"the loss is {loss.item()} at step {step}", hint="lower the learning rate")
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(student.parameters(), settings.clip)
            optimizer.step()
            optimizer.zero_grad()
            for name, value in losses.items():
                sums.setdefault(f"{name}_{kind}", []).append(float(value.detach()))
        log.append({"epoch": epoch + 1, **{name: sum(values) / len(values) for name, values in sums.items()}})
        save_checkpoint(run / CHECKPOINTS, student, optimizer, step=(epoch + 1) * per_epoch, state={"log": log})
        write_text(run / LOG, "".join(json.dumps(line) + "\n" for line in log))
    student.eval()
    return log


def _batches(
    views: Mapping[str, DistillationViews], size: int, *, seed: int, epoch: int
) -> Iterator[tuple[str, list[int]]]:
    found = []
    for kind in sorted(views):
        order = np.random.default_rng(derive(seed, "distill", "order", kind, epoch)).permutation(len(views[kind]))
        found += [(kind, order[start : start + size].tolist()) for start in range(0, len(order), size)]
    shuffled = np.random.default_rng(derive(seed, "distill", "batches", epoch)).permutation(len(found))
    for place in shuffled.tolist():
        yield found[place]


def _losses(
    student: Student, views: DistillationViews, settings: DistillSettings, *, seed: int, device: torch.device
) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    size = int(student.trunk.patch_embed.img_size[0])
    images, maps = change(
        views.pixels.float() / 255, views.maps.float(), kind=views.kind, size=size, gray=settings.gray,
        generator=generator,
    )  # fmt: skip
    embeddings = {name: vectors.to(device) for name, vectors in views.embeddings.items()}
    with autocast(settings.precision, device):
        said = student(images.to(device))
    return distance(said, embeddings=embeddings, maps=maps.to(device))
