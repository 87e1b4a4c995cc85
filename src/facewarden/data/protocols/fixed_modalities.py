"""Leave-one-out over published sets with all modalities: CPS→W, CPW→S, CSW→P, PSW→C, and over simulated domains."""

from __future__ import annotations

from pathlib import Path

from facewarden.data.protocols.parts.transfer import LEAVE_ONE_OUT, DomainTransfer


class FixedModalities(DomainTransfer):
    """Train on three source domains, test on an unseen fourth; color, depth and infrared are always present.

    C is casia_cefa, P padisi, S casia_surf, W wmca; of the simulated domains A is alder, B birch, C cedar, D dogwood.

    Source: Lin et al., CVPR 2024, protocol 1; arguments as of `DomainTransfer`.
    """

    summary = "sources' train and dev lists, the unseen target's test list"
    names = LEAVE_ONE_OUT
    shape = (tuple(range(1, 100)), (1,))

    @classmethod
    def example(cls, folder: Path) -> FixedModalities:
        """Return an instance that leaves out the domain "lab"; no file is needed."""
        return cls(sources=("street",), targets=("lab",))


entry = FixedModalities
