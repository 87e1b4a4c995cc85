"""Leave-one-out with depth, infrared or both missing at test; training has all modalities, color is never missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality, Split
from facewarden.data.protocols.parts.transfer import LEAVE_ONE_OUT, DomainTransfer
from facewarden.data.sample import Sample

DROPS: tuple[tuple[Modality, ...], ...] = (("depth",), ("infrared",), ("depth", "infrared"))
"""What is missing in the three columns of the published table."""


class MissingAtTest(DomainTransfer):
    """The models of `fixed_modalities`, tested without one or two sensors.

    What stands for a missing modality is the detector's own setting (`missing_fill`) and is recorded with it.

    Source: Lin et al., CVPR 2024, protocol 2.

    Args:
        name, sources, targets, whole_target: as of `DomainTransfer`.
        drop: the modalities that test captures lack.

    Raises:
        BadInputError: color is dropped, or nothing is.
    """

    summary = "as fixed_modalities, test captures without depth, infrared or both"
    names = LEAVE_ONE_OUT
    shape = (tuple(range(1, 100)), (1,))

    def __init__(
        self,
        name: str | None = None,
        *,
        drop: Sequence[Modality] = ("depth",),
        sources: Sequence[str] = (),
        targets: Sequence[str] = (),
        whole_target: bool = False,
    ) -> None:
        super().__init__(name, sources=sources, targets=targets, whole_target=whole_target)
        if not drop or set(drop) - {"depth", "infrared"}:
            raise BadInputError(
                f"cannot drop {', '.join(drop) or 'nothing'} at test",
                hint="depth, infrared or both; color is never dropped",
            )
        self.drop = tuple(drop)

    @classmethod
    def example(cls, folder: Path) -> MissingAtTest:
        """Return an instance that tests the domain "lab" without infrared; no file is needed."""
        return cls(sources=("street",), targets=("lab",), drop=("infrared",))

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of each split, those of test without the dropped modalities."""
        result = dict(super().choose(samples, seed=seed))
        result["test"] = [without(sample, self.drop) for sample in result["test"]]
        return result


def without(sample: Sample, drop: Sequence[Modality]) -> Sample:
    """Return the sample without the images of those sensors.

    Raises:
        BadInputError: nothing would be left.
    """
    return replace(
        sample,
        depth=None if "depth" in drop else sample.depth,
        infrared=None if "infrared" in drop else sample.infrared,
    )


entry = MissingAtTest
