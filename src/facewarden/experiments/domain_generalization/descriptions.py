"""Descriptions of a plan's captures by a detector in closed form: computed once a plan, not once a cell."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from facewarden.core.files import writing
from facewarden.core.identity.code_version import code_of
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.progress import track
from facewarden.core.seeding import derive
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.crop_store import CropStore
from facewarden.nn.closed_form import ClosedForm, DescribedRows

LARGEST = 4 * 2**30
"""Bytes of descriptions that a plan keeps of one detector; of more captures each cell describes its own."""

_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Descriptions:
    """Descriptions of all captures of a store.

    Attributes:
        model: the detector, of which nothing is fitted here.
        array: (n, f), mapped.
        place: key -> row.
    """

    model: ClosedForm
    array: NDArray[np.float32]
    place: dict[str, int]

    def rows(
        self, samples: Sequence[Sample], *, only: Collection[Modality], labels: Sequence[int] | None = None
    ) -> DescribedRows:
        """Samples as a closed form sees them.

        Args:
            samples: all in the store.
            only: sensors that are told; the others count as absent.
            labels: other labels than the samples', for checks.
        """
        description = self.array[[self.place[sample.key] for sample in samples]]
        absent = [name for name in MODALITIES if name not in only]
        known = [sample.label for sample in samples] if labels is None else list(labels)
        return DescribedRows(
            self.model.without(description, absent), np.array(known, np.int64),
            domains=tuple(sample.domain for sample in samples), species=tuple(sample.species for sample in samples),
            subjects=tuple(sample.subject for sample in samples),
        )  # fmt: skip

    def scores(self, samples: Sequence[Sample], *, only: Collection[Modality]) -> list[float]:
        """Scores of samples by the detector as it was fitted."""
        found: list[float] = self.model.decide(self.rows(samples, only=only).description).tolist()
        return found


def descriptions(
    model: ClosedForm, store: CropStore, samples: Sequence[Sample], *, folder: Path, start: str | None
) -> Descriptions | None:
    """Open the descriptions of a store, or compute them; None where they would be too large to keep.

    Args:
        model: describes; what it was fitted to has no part in that.
        store: crops in its view, without a margin.
        samples: every readable capture of the store.
        folder: that the cells of the plan share.
        start: which weights its network starts from.
    """
    settings = json.dumps(dict(model.settings), sort_keys=True, default=str)
    name = type(model)
    key = derive(0, f"{name.__module__}.{name.__qualname__}", settings, str(start), store.view.key)
    path = folder / f"described-{key:016x}-{code_of('descriptions')}.npy"
    if not path.is_file():
        first = model.describe(next(iter(store.views(samples[:1], batch=1))))
        if len(samples) * first.shape[1] * first.itemsize > LARGEST:
            return None
        _write(path, model, store, samples, width=first.shape[1])
    array: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return Descriptions(model, array, {sample.key: row for row, sample in enumerate(samples)})


def _write(path: Path, model: ClosedForm, store: CropStore, samples: Sequence[Sample], *, width: int) -> None:
    views = store.views(samples, batch=_AT_ONCE)
    with writing(path) as temporary:
        array: Any = open_memmap(temporary, mode="w+", dtype=np.float32, shape=(len(samples), width))
        start = 0
        for batch in track(views, label="describing", total=len(samples), unit="captures", size=len):
            array[start : start + len(batch)] = model.describe(batch)
            start += len(batch)
        array.flush()
        del array
