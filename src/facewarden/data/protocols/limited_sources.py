"""Train on two sources, test on two unseen targets: CW→PS and PS→CW, and the same over simulated domains."""

from __future__ import annotations

from pathlib import Path

from facewarden.data.protocols.parts.transfer import TWO_AND_TWO, DomainTransfer


class LimitedSources(DomainTransfer):
    """Fewer sources, several targets. Published tables pool the targets' scores; the larger target then decides.

    Source: Lin et al., CVPR 2024, protocol 3; arguments as of `DomainTransfer`.
    """

    summary = "two sources, two unseen targets, to be reported pooled and averaged"
    names = TWO_AND_TWO
    shape = (tuple(range(1, 100)), tuple(range(1, 100)))

    @classmethod
    def example(cls, folder: Path) -> LimitedSources:
        """Return an instance with the target "lab"; no file is needed."""
        return cls(sources=("street",), targets=("lab",))


entry = LimitedSources
