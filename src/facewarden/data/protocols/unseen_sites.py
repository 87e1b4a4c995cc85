"""Train on half of the domains, test on the other half: many targets, so that a mean over them says something."""

from __future__ import annotations

from pathlib import Path

from facewarden.data.protocols.parts.halves import HalfTransfer
from facewarden.data.protocols.parts.transfer import HALVES


class UnseenSites(HalfTransfer):
    """Sources are every second domain, targets are the others; arguments as of `HalfTransfer`."""

    summary = "sources are every second domain, targets are the others"
    names = HALVES

    @classmethod
    def example(cls, folder: Path) -> UnseenSites:
        """Return an instance with the target "lab"; no file is needed."""
        return cls(sources=("street",), targets=("lab",))


entry = UnseenSites
