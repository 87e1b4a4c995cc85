"""Training of SFA's two generators against a frozen detector; a run that was killed resumes to the same bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.device import device_of
from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import check_head, loss_of_head, truth_of
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.nn.gradient_sources.generator_pair import GeneratorPair, offset_sign
from facewarden.nn.gradient_sources.lbp import Pattern
from facewarden.training.checkpoint import load_checkpoint, save_checkpoint

Target = Literal["keep", "flip"]
_FULL = 0.95


@dataclass(frozen=True)
class SfaSettings:
    """How the generators are made and trained.

    Attributes:
        target: "keep" trains them so that the image moved by the other class's map is still seen as what it is; "flip"
            so that it is seen as the other class.
        cap: largest value of the map in gray levels of 255.
        gate: whether the texture map chooses between the generators.
        pattern, radius: of the local binary pattern.
        widths: channels of each generator at half, quarter … size; their number is its depth.
        generators: one for each class; 1 leaves out that of spoofs.
        heads: whose losses are added to that of the decision; none by default.
        epochs, batch, rate: of Adam.
        patience: stop once the loss on held-out captures has not fallen for so many epochs; 0 trains all epochs.
        flat: a fall by less than this share of the lowest loss counts as none.
        quiet: weight of the mean size of the map relative to its cap.
    """

    target: Target = "keep"
    cap: float = 3.0
    gate: bool = True
    pattern: Pattern = "plain"
    radius: int = 1
    widths: tuple[int, ...] = (16, 32, 64)
    generators: int = 2
    heads: tuple[str, ...] = ()
    epochs: int = 5
    batch: int = 64
    rate: float = 1e-3
    patience: int = 0
    flat: float = 0.01
    quiet: float = 0.0

    def __post_init__(self) -> None:
        if self.target not in get_args(Target):
            raise BadInputError(f"SFA has no target {self.target!r}", hint=f"one of: {', '.join(get_args(Target))}")
        if not 0.0 < self.cap <= 255.0:
            raise BadInputError(f"a cap of {self.cap:g} gray levels", hint="--cap 3, a few times the attack's eps")
        if self.epochs < 1 or self.batch < 1 or self.quiet < 0:
            raise BadInputError(f"{self.epochs} epochs of batches of {self.batch}", hint="--epochs 5")
        if self.patience < 0 or not 0.0 <= self.flat < 1.0:
            raise BadInputError(f"a patience of {self.patience}, flat {self.flat:g}", hint="--patience 2")


def check_learnable(detector: Detector, heads: Sequence[str]) -> None:
    """Refuse a detector that generators cannot be trained against.

    Raises:
        BadInputError: it gives no gradient of color images, or lacks a head.
    """
    for head in heads:
        check_head(detector, head)
    if not detector.differentiable or "rgb" not in detector.modalities:
        raise BadInputError(
            f"{type(detector).__name__} gives no gradient of color images", hint="train SFA on a surrogate"
        )


def check_classes(labels: Iterable[int | None]) -> None:
    """Refuse samples to learn from that are of one class, or none.

    Raises:
        BadInputError: they are.
    """
    if set(labels) != {0, 1}:
        raise BadInputError("SFA learns from bona fide and attack samples", hint="a train split with both labels")


def fit_pair(
    detector: Detector,
    views: Sequence[FaceBatch],
    *,
    settings: SfaSettings,
    seed: int,
    held_out: Sequence[FaceBatch] = (),
    run: Path | None = None,
    stop_after: int | None = None,
) -> tuple[GeneratorPair, list[dict[str, float]]]:
    """Minimize the cross-entropy of the decision at x - s D(x), s = +1 for bona fide and -1 for attacks.

    Both classes count alike. The detector stays as it is: no gradient of its weights, no batch statistics. With
    held-out samples the generators of the epoch with the lowest loss on them are kept.

    Args:
        detector: differentiable; in evaluation mode.
        views: labeled training samples as `facewarden.training.detector_inputs.read_views` gives them.
        settings: how.
        seed: decides initial weights and the order of samples.
        held_out: labeled samples of other people, on which the loss is measured after every epoch.
        run: folder for checkpoints; without it a killed run starts again.
        stop_after: leave after this many epochs, as if killed.

    Returns:
        The generators, frozen, on the detector's device, and per epoch the mean loss, the mean size of the map
        relative to its cap, the share of its values above 95 % of the cap, and with held-out samples their loss; the
        first line also has their loss without a map, since generators begin with one that is zero.

    Raises:
        BadInputError: a detector without gradients, one that does not read color, one without a head that is to be
            learned from, only one class of samples, or patience without held-out samples.
    """
    if settings.patience and not held_out:
        raise BadInputError("patience needs held-out samples to watch", hint="captures with a dev split, or patience 0")
    check_learnable(detector, settings.heads)
    check_classes(int(label) for view in views if view.label is not None for label in view.label.tolist())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "sfa"))
        pair = GeneratorPair(
            cap=settings.cap / 255,
            gate=settings.gate,
            pattern=settings.pattern,
            radius=settings.radius,
            widths=settings.widths,
            generators=settings.generators,
        )
    device = device_of(detector) or views[0].device
    pair.to(device)
    optimizer = torch.optim.Adam(pair.parameters(), lr=settings.rate)
    state: dict[str, Any] = {"step": 0, "log": []}
    if run is not None:
        state = load_checkpoint(run, pair, optimizer) or state
    log: list[dict[str, float]] = list(state["log"])
    best: dict[str, Tensor] = dict((state.get("objective") or {}).get("best", {}))
    held = [parameter for parameter in detector.parameters() if parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        for epoch in track(range(state["step"], settings.epochs), label="training SFA's generators", unit="epochs"):
            if stop_after is not None and epoch >= stop_after:
                break
            if _flat(log, settings):
                break
            untouched = held_out_loss(detector, held_out, pair, settings=settings) if held_out and not epoch else None
            log.append(_epoch(detector, views, pair, optimizer, settings=settings, seed=seed, epoch=epoch))
            if untouched is not None:
                log[-1]["held_out_without_map"] = untouched
            if held_out:
                log[-1]["held_out_loss"] = held_out_loss(detector, held_out, pair, settings=settings)
                if log[-1]["held_out_loss"] == min(line["held_out_loss"] for line in log):
                    best = {name: value.detach().clone() for name, value in pair.state_dict().items()}
            if run is not None:
                save_checkpoint(run, pair, optimizer, step=epoch + 1, state={"log": log}, objective={"best": best})
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
    if best:
        pair.load_state_dict(best)
    return pair.requires_grad_(False).eval(), log


def _epoch(
    detector: Detector,
    views: Sequence[FaceBatch],
    pair: GeneratorPair,
    optimizer: torch.optim.Optimizer,
    *,
    settings: SfaSettings,
    seed: int,
    epoch: int,
) -> dict[str, float]:
    losses, sizes, full = [], [], []
    device = next(pair.parameters()).device
    for batch in (part.to(device) for part in _batches(views, settings.batch, seed=seed, epoch=epoch)):
        loss, offset = _loss(detector, batch, pair, settings=settings)
        size = offset.abs().mean() / pair.cap
        loss = loss + settings.quiet * size
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
        sizes.append(float(size.detach()))
        full.append(float((offset.detach().abs() > _FULL * pair.cap).float().mean()))
    return {"loss": float(np.mean(losses)), "size": float(np.mean(sizes)), "saturated": float(np.mean(full))}


def held_out_loss(
    detector: Detector, views: Sequence[FaceBatch], pair: GeneratorPair, *, settings: SfaSettings
) -> float:
    """The loss that the generators are trained on, of samples that they do not learn from; batches count by size.

    Args:
        detector, views, pair: as in `fit_pair`.
        settings: target, heads and size of a batch.
    """
    device = next(pair.parameters()).device
    losses, counts = [], []
    with torch.no_grad():
        for batch in (part.to(device) for part in _batches(views, settings.batch, seed=0, epoch=0)):
            losses.append(float(_loss(detector, batch, pair, settings=settings)[0]))
            counts.append(len(batch))
    return float(np.average(losses, weights=counts))


def _flat(log: Sequence[dict[str, float]], settings: SfaSettings) -> bool:
    """Whether the loss on held-out samples has stopped falling."""
    if not settings.patience:
        return False
    lowest, since = float("inf"), 0
    for line in log:
        falls = line["held_out_loss"] < (1.0 - settings.flat) * lowest
        lowest, since = (line["held_out_loss"], 0) if falls else (lowest, since + 1)
    return since >= settings.patience


def _loss(detector: Detector, batch: FaceBatch, pair: GeneratorPair, *, settings: SfaSettings) -> tuple[Tensor, Tensor]:
    """The loss at the image that is moved by the other class's map, and the map."""
    assert batch.label is not None
    offset = pair(batch.images["rgb"])
    moved = (batch.images["rgb"] - offset_sign(batch.label) * offset).clamp(0.0, 1.0)
    output = detector(batch.with_images({"rgb": moved}))
    wanted = batch.label if settings.target == "keep" else 1 - batch.label
    loss = _balanced(output.score, wanted)
    for head in settings.heads:
        towards = 1.0 if settings.target == "keep" else -1.0
        truth = truth_of(detector, batch, head).to(output.tasks[head].device)
        loss = loss + towards * loss_of_head(head, output.tasks[head], truth).mean()
    return loss, offset


def _balanced(score: Tensor, wanted: Tensor) -> Tensor:
    each = functional.binary_cross_entropy_with_logits(score, wanted.to(score), reduction="none")
    return torch.stack([each[wanted == label].mean() for label in (0, 1) if bool((wanted == label).any())]).mean()


def _batches(views: Sequence[FaceBatch], size: int, *, seed: int, epoch: int) -> Iterator[FaceBatch]:
    """All samples once in a drawn order, each batch of images of one size."""
    rng = np.random.default_rng(derive(seed, "sfa order", epoch))
    parts = []
    for number, view in enumerate(views):
        order = rng.permutation(len(view))
        parts += [(number, order[start : start + size]) for start in range(0, len(view), size)]
    for place in rng.permutation(len(parts)):
        number, rows = parts[place]
        yield views[number].select(rows.tolist())


def pair_settings(settings: SfaSettings) -> dict[str, Any]:
    """The settings as JSON values, for the recipe of the artifact."""
    return {**vars(settings), "widths": list(settings.widths), "heads": list(settings.heads)}
