"""The training loop of purifiers: amplified cloaks, image and feature loss, resumable to the same bits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facewarden.core.compute.device import device_of
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.files import write_text
from facewarden.core.progress import track
from facewarden.core.seeding import derive
from facewarden.training.amplify import Batch, draw_batch, eight_bits, residual_cloak
from facewarden.training.checkpoint import load_checkpoint, save_checkpoint
from facewarden.training.features import FeatureDistance
from facewarden.training.loop import CHECKPOINTS, LOG
from facewarden.training.objectives.parts.gradients import average_gradients
from facewarden.training.pairs import PairSet
from facewarden.training.parts.epochs import epoch_done
from facewarden.training.parts.ranks import gathered, launched, ranks
from facewarden.training.parts.shared_norm import mean_of_all
from facewarden.training.precision import accelerator_for
from facewarden.training.purifier_recipe import PurifierSettings
from facewarden.training.schedule import scheduled_rate, set_rate

_UNDER_THE_ROOT = 1e-8
_DEV_PAIRS = 96


def fit_purifier(
    network: nn.Module,
    pairs: PairSet,
    *,
    dev: PairSet | None,
    features: Sequence[FeatureDistance],
    settings: PurifierSettings,
    seed: int,
    run: Path,
    device: str | torch.device = "auto",
    stop_after: int | None = None,
) -> list[dict[str, Any]]:
    """Train a network in place; a run that was killed goes on from its last checkpoint and ends with the same bits.

    Args:
        network: maps images in [0, 1] to images; left in evaluation mode, frozen, on the device that trained it.
        pairs: natural and cloaked crops to learn from.
        dev: pairs of other people, measured after every epoch; None measures nothing.
        features: networks whose features are compared; unused where the settings give them no weight.
        settings: how.
        seed: decides everything.
        run: folder for checkpoints and the log (one JSON line per epoch).
        device: where to train, as in `facewarden.core.compute.device.resolve_device`.
        stop_after: leave after this many epochs, as if killed.

    Returns:
        The log: per epoch the mean losses and, on dev, PSNR in dB of natural and cloaked faces after the network.

    Raises:
        BadInputError: fewer pairs than a batch, an absent device, or checkpoints that cannot be read or written.
        ContractError: the loss is not a finite number.
    """
    if len(pairs) < settings.batch:
        raise BadInputError(f"{len(pairs)} pairs are less than a batch", hint="facewarden cloak-pairs makes more")
    if settings.batch < launched().count:
        raise BadInputError(f"a batch of {settings.batch} for {launched().count} processes", hint="a larger batch")
    network.requires_grad_(True).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    accelerator = accelerator_for(settings.precision, device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    here = ranks()
    prepared = accelerator.prepare_model(network, evaluation_mode=True)  # `average_gradients` serves several processes
    optimizer = accelerator.prepare_optimizer(optimizer)
    for distance in features:
        distance.to(accelerator.device)
    state = load_checkpoint(run / CHECKPOINTS, network, optimizer) or {"step": 0, "log": []}
    per_epoch = len(pairs) // settings.batch
    total, log = per_epoch * settings.epochs, list(state["log"])
    first = state["step"] // per_epoch
    for epoch in track(range(first, settings.epochs), label="training", total=settings.epochs - first, unit="epochs"):
        if stop_after is not None and epoch >= stop_after:
            break
        order = np.random.default_rng(derive(seed, "epoch", epoch)).permutation(len(pairs))
        sums: dict[str, float] = {}
        for number in range(per_epoch):
            rate = scheduled_rate(epoch * per_epoch + number, total, peak=settings.rate, warmup=settings.warmup)
            set_rate(optimizer, rate)
            rows = order[number * settings.batch : (number + 1) * settings.batch]
            mine = rows[here.index :: here.count].tolist()
            batch = Batch(*(
                images.to(accelerator.device, memory_format=torch.channels_last)
                for images in draw_batch(pairs, mine, settings=settings, seed=seed, epoch=epoch)
            ))  # fmt: skip
            with accelerator.autocast():
                purified = eight_bits(prepared(batch.seen).float())
                parts = _losses(purified, batch, features=features, settings=settings, processes=here.count)
            loss = torch.stack(list(parts.values())).sum()
            if not bool(torch.isfinite(loss.detach())):
                raise ContractError(f"the loss is {float(loss.detach())}", hint="a lower rate in the recipe")
            accelerator.backward(loss if here.count == 1 else loss * (len(mine) * here.count / settings.batch))
            average_gradients(network.parameters())
            accelerator.clip_grad_norm_(prepared.parameters(), settings.clip)
            optimizer.step()
            optimizer.zero_grad()
            for name, value in {"loss": loss, **parts}.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
        every = gathered(sums)
        means = {name: sum(some[name] for some in every) / (per_epoch * here.count) for name in sums}
        line = {"epoch": epoch + 1, "rate": rate, **means}
        log.append(epoch_done(line | (_dev_psnr(prepared, dev) if dev is not None and len(dev) else {})))
        last = epoch + 1 == settings.epochs
        if here.first and (last or (epoch + 1) % settings.every == 0):
            save_checkpoint(run / CHECKPOINTS, network, optimizer, step=(epoch + 1) * per_epoch, state={"log": log})
            write_text(run / LOG, "".join(json.dumps(entry) + "\n" for entry in log))
    network.requires_grad_(False).eval()
    return log


def _losses(
    purified: Tensor, batch: Batch, *, features: Sequence[FeatureDistance], settings: PurifierSettings, processes: int
) -> dict[str, Tensor]:
    apart = purified - batch.wanted
    if settings.image == "rmse":
        parts = {"image": (mean_of_all(apart.square()) + _UNDER_THE_ROOT).sqrt()}
    elif settings.image == "rmse_each":
        parts = {"image": (apart.square().mean(dim=(1, 2, 3)) + _UNDER_THE_ROOT).sqrt().mean()}
    else:
        parts = {"image": apart.abs().mean()}
    if settings.residual_cloak > 0:
        parts["residual_cloak"] = settings.residual_cloak * residual_cloak(apart, batch.change)
    if settings.feature > 0:
        few = -(-settings.feature_faces // processes) or len(purified)
        for distance in features:
            parts[distance.name] = settings.feature / len(features) * distance(purified[:few], batch.wanted[:few])
    return parts


def _dev_psnr(network: nn.Module, dev: PairSet) -> dict[str, float]:
    """PSNR to the natural faces of other people: of their cloaks, and of both after the network."""
    network.eval()
    device = device_of(network)
    some = dev.rows(range(min(len(dev), _DEV_PAIRS)))
    clean, cloaked = (torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255 for crops in (some.clean, some.cloaked))
    with torch.no_grad():
        purified, natural = (
            torch.cat([eight_bits(network(chunk.to(device)).float()).cpu() for chunk in torch.split(images, 32)])
            for images in (cloaked, clean)
        )
    network.train()
    return {
        "dev_cloaked": _psnr(cloaked, clean),
        "dev_purified": _psnr(purified, clean),
        "dev_natural": _psnr(natural, clean),
    }


def _psnr(images: Tensor, wanted: Tensor) -> float:
    error = (images.clamp(0, 1) - wanted).double().square().mean().clamp(min=1e-10)
    return float(-10 * torch.log10(error))  # of all pixels together: a face left as it was would rule a mean
