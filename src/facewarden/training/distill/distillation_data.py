"""Distillation data: faces as a detector sees them with the outputs of the teachers, kept on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing

Kind = Literal["photo", "depth", "infrared"]


@dataclass(frozen=True, eq=False)
class DistillationViews:
    """Faces of one kind.

    Attributes:
        kind: what they are: color photos, encoded depth, or infrared.
        pixels: `(n, c, s, s)` uint8, c = 3 for photos and 1 otherwise, with room around what a student is shown.
        embeddings: recognizer -> `(n, d)` unit vectors of the person as seen in color.
        maps: `(n, k, y, x)` features of the views themselves, reduced to k components.
        person: who is shown.
    """

    kind: Kind
    pixels: Tensor
    embeddings: dict[str, Tensor]
    maps: Tensor
    person: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.person)

    def select(self, rows: Sequence[int]) -> DistillationViews:
        """Some of them."""
        index = torch.tensor(list(rows), dtype=torch.long)
        return DistillationViews(
            self.kind, self.pixels[index], {name: value[index] for name, value in self.embeddings.items()},
            self.maps[index], tuple(self.person[row] for row in rows),
        )  # fmt: skip


def centered(views: DistillationViews) -> DistillationViews:
    """The same views with embeddings measured from their mean.

    Embeddings of faces share a large common part; a student that says it and nothing else is close to all of them.
    """
    apart = {name: value.float() - value.float().mean(dim=0) for name, value in views.embeddings.items()}
    return replace(views, embeddings={name: functional.normalize(value, dim=1) for name, value in apart.items()})


def join(parts: Sequence[DistillationViews]) -> DistillationViews:
    """Several sets of one kind as one."""
    return DistillationViews(
        parts[0].kind,
        torch.cat([part.pixels for part in parts]),
        {name: torch.cat([part.embeddings[name] for part in parts]) for name in parts[0].embeddings},
        torch.cat([part.maps for part in parts]),
        tuple(person for part in parts for person in part.person),
    )


def write_views(path: Path, views: DistillationViews) -> None:
    """Write them so that the file is whole or not there."""
    tensors = {"pixels": views.pixels, "maps": views.maps.half()}
    tensors |= {f"embedding {name}": value.half() for name, value in views.embeddings.items()}
    text = {"kind": views.kind, "person": json.dumps(views.person)}
    with writing(path) as temporary:
        save_file({name: value.contiguous() for name, value in tensors.items()}, temporary, metadata=text)


def read_views(path: Path) -> DistillationViews:
    """Read what `write_views` wrote.

    Raises:
        BadInputError: it cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        return DistillationViews(
            text["kind"],
            tensors["pixels"],
            {k.partition(" ")[2]: v for k, v in tensors.items() if k.startswith("embedding ")},
            tensors["maps"],
            tuple(json.loads(text["person"])),
        )
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="delete it, --resume makes it again") from error
