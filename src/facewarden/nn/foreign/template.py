"""A card template of the file of a network: what the file tells is filled in, the rest says what to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.card import FILL_IN, Card
from facewarden.core.identity.own_hash import with_file_hashes
from facewarden.nn.foreign.graph import FileGraph
from facewarden.nn.foreign.open_graph import open_graph
from facewarden.nn.foreign.probe import PICTURES, probe_pictures

ROLES = {"detector": "pad", "recognizer": "recognizer", "purifier": "purifier"}
"""What a person calls a model -> the role on its card."""

_SIDE = 112
_SHORTEST_EMBEDDING = 32


@dataclass(frozen=True)
class Template:
    """What a template holds.

    Attributes:
        card: the card as JSON values.
        role: "detector", "recognizer" or "purifier".
        read: what was read from the file, a sentence each.
    """

    card: dict[str, Any]
    role: str
    read: tuple[str, ...]


def card_template(path: Path, *, role: str | None = None) -> Template:
    """The template of the card of an ONNX, TFLite or OpenVINO file.

    Args:
        path: the file.
        role: "detector", "recognizer" or "purifier"; by default what its outputs look like.

    Raises:
        BadInputError: no such file that can run.
    """
    graph = open_graph(path)
    layout = graph.layout()
    channels = graph.channels(layout or "NCHW") or 3
    side = next((one for one in graph.sides(layout or "NCHW") if one), None)
    outputs = _outputs(graph, channels=channels, side=side or _SIDE)
    shapes = {one.name: _shape(outputs.get(one.name), one.shape) for one in graph.outputs}
    role = role or _role(shapes, side or _SIDE)
    several = "; ".join(f"{name} {shape}" for name, shape in shapes.items())
    name = next(iter(shapes))
    read = [f"input {graph.input}, {graph.input.dtype}", f"outputs: {several}"]
    settings: dict[str, Any] = {}
    if len(shapes) > 1:
        settings["output_name"] = f"{FILL_IN}: one of {several}"
    settings["size"] = side or (
        None if role == "purifier" else f"{FILL_IN}: side in pixels that it was trained on, such as {_SIDE}"
    )
    settings["layout"] = layout or f"{FILL_IN}: NCHW or NHWC; the file does not tell"
    if role != "detector" or channels == 3:
        settings["order"] = f"{FILL_IN}: RGB or BGR"
    settings |= _units(graph)
    if role == "detector":
        settings |= _detector(graph, outputs.get(name), shapes, channels=channels, name=name)
    elif role == "purifier":
        settings["output"] = f"{FILL_IN}: unit for 0..1, gray for 0..255, input for the units of its input"
    stated = with_file_hashes(Card(path.stem, "", ROLES[role]), path)
    card = {
        "name": path.stem,
        "summary": f"{FILL_IN}: one sentence that says what it is",
        "role": ROLES[role],
        "licence": "unknown",
        "source": "",
        "training_data": "unstated",
        "intended_use": "",
        "limits": "",
        "sha256": stated.sha256,
        "settings": settings,
    }
    return Template(card, role, tuple(read))


def _outputs(graph: FileGraph, *, channels: int, side: int) -> Mapping[str, NDArray[Any]]:
    """Outputs for the pictures of the probe; none where the file does not run with what is known of it."""
    pictures = probe_pictures(channels, side) if channels in (1, 3) else torch.rand(PICTURES, channels, side, side)
    gray = graph.dtype is np.uint8
    rows = (pictures * 255).round() if gray else (pictures * 255 - 127.5) / 127.5
    rows = rows if graph.layout() != "NHWC" else rows.permute(0, 2, 3, 1)
    step = graph.fixed_batch or PICTURES
    try:
        return graph.run(_repeated(rows, step).astype(graph.dtype))
    except Exception:  # the types of what runs it exist only where it is installed; the shapes are then the file's
        return {}


def _repeated(rows: Tensor, count: int) -> NDArray[Any]:
    array: NDArray[Any] = rows.numpy()[np.arange(count) % len(rows)]
    return array


def _shape(found: NDArray[Any] | None, stated: tuple[int | str, ...]) -> str:
    inner = stated[1:] if found is None else found.shape[1:]
    return f"(n{''.join(f', {size}' for size in inner)})"


def _role(shapes: Mapping[str, str], side: int) -> str:
    if any(shape in (f"(n, 3, {side}, {side})", f"(n, {side}, {side}, 3)") for shape in shapes.values()):
        return "purifier"
    lengths = [shape.strip("()").split(", ")[1:] for shape in shapes.values()]
    longest = max((int(one[0]) for one in lengths if len(one) == 1 and one[0].isdigit()), default=0)
    return "recognizer" if len(shapes) == 1 and longest >= _SHORTEST_EMBEDDING else "detector"


def _units(graph: FileGraph) -> dict[str, Any]:
    if graph.dtype is np.uint8:
        return {"mean": 0, "std": 1, "range": 255}
    return {
        "mean": f"{FILL_IN}: one number, or one per channel, such as 127.5",
        "std": f"{FILL_IN}: one number, or one per channel, such as 127.5",
        "range": f"{FILL_IN}: 255 if mean and std count gray levels, 1 if they are in units of 0..1",
    }


def _detector(
    graph: FileGraph, values: NDArray[Any] | None, shapes: Mapping[str, str], *, channels: int, name: str
) -> dict[str, Any]:
    found: dict[str, Any] = {"scale": f"{FILL_IN}: factor on the face box, such as 2.7; null for the whole frame"}
    if channels != 3:
        found["modality"] = f"{FILL_IN}: depth or infrared"
    if len(shapes) > 1 or values is None:
        found["output"] = f"{FILL_IN}: logits, probability or logit"
        found["bona_fide"] = f"{FILL_IN}: index of the class of bona fide, or remove this line for a single value"
        return found
    if values.ndim > 2 and int(np.prod(values.shape[1:])) > max(values.shape[1:]):
        found["reduce"] = f"{FILL_IN}: mean, max, min or median of the map {shapes[name]}"
    count = values.shape[1] if values.ndim > 1 else 1
    final = graph.final_functions(name)
    flat = values.reshape(len(values), -1)
    sums = flat.shape[1] > 1 and bool((np.abs(flat.sum(axis=1) - 1) < 1e-3).all()) and float(flat.min()) >= 0
    if final[:1] in (("Softmax",), ("Sigmoid",)) or sums:
        found["output"] = "probability"
    elif count > 1:
        found["output"] = "logits"
    elif float(flat.min()) < 0 or float(flat.max()) > 1:
        found["output"] = "logit"
    else:
        found["output"] = f"{FILL_IN}: logit or probability"
    if count > 1:
        found["bona_fide"] = f"{FILL_IN}: index of the class of bona fide, 0 to {count - 1}"
    else:
        found["invert"] = f"{FILL_IN}: true if the value is higher for attacks, else false"
    return found
