"""The two released MiniFASNet checkpoints as one RGB detector; give their folder: minifasnet:PATH."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from facewarden.core.artifact import sha256
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.roles import Detector, PadOutput
from facewarden.nn.exported.graph import DetectorGraph
from facewarden.nn.fast_forward import FastForward
from facewarden.nn.minifasnet import PLANS, MiniFasNetwork, fold_batch_norm
from facewarden.pad.parts.silent import bgr_crop, mean_live_logit, silent_graph

VARIABLE = "FACEWARDEN_MINIFASNET"
"""Environment variable that names the folder of the checkpoints where no path is given."""

FILES = {"2.7_80x80_MiniFASNetV2.pth": ("MiniFASNetV2", 2.7), "4_0_0_80x80_MiniFASNetV1SE.pth": ("MiniFASNetV1SE", 4.0)}
"""Checkpoint -> architecture and factor on the face box, both as its name says."""

_LIVE = 1
_HINT = f"--detector minifasnet:FOLDER, or {VARIABLE}=FOLDER, with {' and '.join(FILES)} in it"


class MiniFasNet(Detector):
    """Mean of the two released silent-face networks (MiniFASNetV2 at box x2.7, MiniFASNetV1SE at box x4.0).

    The score is the logit of the mean probability of class 1, live. The published crop cuts the frame to whole pixels,
    so moving the box by less than a pixel often changes nothing.

    The checkpoints are the publisher's pickles (.pth). They are read with `torch.load(weights_only=True)`, which makes
    tensors alone and runs no code of the file; every other model folder is refused when it holds pickles.

    Args:
        weights: the folder that holds both checkpoints; by default the one that `FACEWARDEN_MINIFASNET` names.

    Raises:
        MissingAssetError: no folder is given or it lacks a checkpoint.
        BadInputError: a checkpoint cannot be read as weights only, or belongs to another network.
    """

    needs_box = True
    frame_size = 640

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        folder = _folder(weights)
        self.scales = tuple(scale for _, scale in FILES.values())
        self.networks = nn.ModuleList(_network(folder / name, plan) for name, (plan, _) in FILES.items())
        self.card = Card(
            name="minifasnet",
            summary="Two small RGB networks that read the face and its surroundings (print edges, bezels, texture)",
            role="pad",
            licence="Apache-2.0, as stated by the publisher of the checkpoints",
            source="released checkpoints of Silent-Face-Anti-Spoofing, given by the user and read as weights only",
            training_data="unstated by the publisher",
            intended_use="RGB frames from a camera with the whole head and its surroundings in view",
            limits="scores depend on camera and on the shape of the face box; masks are outside of its training",
            sha256={name: sha256(folder / name) for name in FILES},
            settings={"size": 80, "scales": list(self.scales), "order": "BGR", "range": 255, "live_class": _LIVE},
        )
        self.requires_grad_(False).eval()
        self._fast = [FastForward(network, (3, 80, 80), largest=255.0) for network in self.networks]

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score a batch of frames by their face boxes."""
        pairs = [
            network(bgr_crop(batch, scale=scale, size=80))
            for network, scale in zip(self._fast, self.scales, strict=True)
        ]
        logits = torch.stack([classes for classes, _ in pairs])
        features = torch.cat([embedding for _, embedding in pairs], dim=1)
        return PadOutput(score=mean_live_logit(logits, live=_LIVE), features=features)

    def graph(self) -> DetectorGraph:
        """Both networks behind their crops."""
        return silent_graph(list(self.networks), scales=self.scales, size=80, live=_LIVE)

    @classmethod
    def example(cls, folder: Path) -> MiniFasNet:
        """Return a detector with random weights, whose checkpoints are written into a folder."""
        for number, (name, (plan, _)) in enumerate(FILES.items()):
            torch.save(_random_checkpoint(MiniFasNetwork(PLANS[plan]), seed=number), folder / name)
        return cls(folder)


def _folder(weights: Path | None) -> Path:
    named = os.environ.get(VARIABLE)
    if weights is None and not named:
        raise MissingAssetError("minifasnet needs the folder of its two released checkpoints", hint=_HINT)
    folder = Path(named or "") if weights is None else weights
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise MissingAssetError(f"{folder}: no {' and no '.join(missing)}", hint=_HINT)
    return folder


def _network(path: Path, plan: str) -> MiniFasNetwork:
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, OSError, ValueError, EOFError, KeyError) as error:
        raise BadInputError(f"{path}: not a checkpoint of plain weights", hint="download it again") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BadInputError(f"{path}: not a mapping from names to tensors", hint="download it again")
    network = MiniFasNetwork(PLANS[plan])
    network.load_in_order(_folded(state, path), source=str(path))
    return network


def _folded(state: Mapping[str, Tensor], path: Path) -> Iterator[Tensor]:
    """Tensors in the order of execution, each batch normalization merged into the layer before it."""
    pending: Tensor | None = None
    for name, value in state.items():
        layer, _, kind = name.rpartition(".")
        is_norm = f"{layer}.running_var" in state
        if is_norm and kind == "weight":
            if pending is None:
                raise BadInputError(f"{path}: {name} follows no layer", hint="download it again")
            mean, variance, shift = (state[f"{layer}.{part}"] for part in ("running_mean", "running_var", "bias"))
            yield from fold_batch_norm(pending, mean, variance, gain=value, shift=shift)
            pending = None
        elif not is_norm and value.ndim == 1:
            yield value  # slopes of a PReLU
        elif not is_norm:
            pending = value
    if pending is not None:
        yield pending  # the classifier, which nothing follows


def _random_checkpoint(network: MiniFasNetwork, *, seed: int) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        layer, _, kind = name.rpartition(".")
        if kind == "bias":
            continue  # the published layers have none, their batch normalization does
        if parameter.ndim == 1:
            state[name] = torch.full_like(parameter, 0.25)
            continue
        fan = parameter[0].numel()
        state[name] = torch.randn(parameter.shape, generator=draw) / fan**0.5
        if layer != "classify":
            filled = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
            state |= {f"{layer}_norm.{part}": torch.full(parameter.shape[:1], value) for part, value in filled.items()}
    state[next(iter(state))] /= 128  # the input comes in 0..255
    return state


entry = MiniFasNet
