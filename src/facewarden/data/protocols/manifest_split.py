"""Uses the split that the manifest's rows name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facewarden.core.labels import SPLITS, Split
from facewarden.data.protocols.parts.base import Protocol
from facewarden.data.sample import Sample


class ManifestSplit(Protocol):
    """Uses the column `split` unchanged."""

    summary = "the manifest's own split column"

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of each split; the seed is not used."""
        return {split: [sample for sample in samples if sample.split == split] for split in SPLITS}


entry = ManifestSplit
