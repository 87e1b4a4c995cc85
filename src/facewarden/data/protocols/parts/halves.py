"""Half of the domains are sources, the other half targets: what the protocols on many domains share."""

from __future__ import annotations

from collections.abc import Iterable

from facewarden.core.errors import BadInputError
from facewarden.data.protocols.parts.transfer import DomainTransfer
from facewarden.data.sample import Sample


class HalfTransfer(DomainTransfer):
    """Train and dev rows are those of one half of the domains; the other half is tested.

    The halves are the domains at odd and at even places of their names' order, so that a set that numbers its domains
    decides them. Both directions together test on every domain, and each half can be asked whether it ranks methods as
    the other does.

    Args:
        name: "half1_half2" trains on the first, third, fifth domain and so on; "half2_half1" on the others.
        sources, targets: domains by their full names, instead of a name.
        whole_target: test on all rows of the targets, where nobody of them is at a source too.
    """

    shape = (tuple(range(1, 1000)), tuple(range(1, 1000)))

    def __init__(
        self,
        name: str | None = None,
        *,
        sources: Iterable[str] = (),
        targets: Iterable[str] = (),
        whole_target: bool = False,
    ) -> None:
        super().__init__(name, sources=tuple(sources), targets=tuple(targets), whole_target=whole_target)

    def _counts(self) -> tuple[int, int]:
        """How many domains a half has only the samples say."""
        return (1, 1) if self.name is not None else super()._counts()

    def domains_among(self, samples: Iterable[Sample]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The sources and the targets by full name.

        Raises:
            BadInputError: there is only one domain, or a named one is not there.
        """
        if self.name is None:
            return super().domains_among(samples)
        first, second = halves(sample.domain for sample in samples)
        if not second:
            raise BadInputError(f"{', '.join(first)} is the only domain", hint="captures of two domains or more")
        return (first, second) if self.name.startswith("half1") else (second, first)


def halves(domains: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The first, third, fifth domain by name and so on, and the others.

    >>> halves(["c", "a", "b", "a"])
    (('a', 'c'), ('b',))
    """
    names = sorted(set(domains))
    return tuple(names[0::2]), tuple(names[1::2])
