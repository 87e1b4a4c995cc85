"""Tests on a domain that neither training nor the threshold has seen."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.data.protocols.parts.base import Protocol, ranked
from facewarden.data.sample import Sample


class LeaveOneDomainOut(Protocol):
    """Train and dev come from the other domains, split by subject; test is the domain left out.

    Published domains show different people. Where a subject is in the left-out domain and in another one too, it is
    assigned to one side by seed and its samples on the other side are excluded, so that no face is in both.

    Args:
        domain: the one to leave out.
        dev: share of the other domains' subjects on which thresholds are set.
        shared_test: share of the subjects on both sides that are kept for test.

    Raises:
        BadInputError: a share is not between 0 and 1.
    """

    summary = "one domain is test, the others are train and dev"

    def __init__(self, domain: str | None = None, *, dev: float = 0.2, shared_test: float = 0.4) -> None:
        if not (0 < dev < 1 and 0 < shared_test < 1):
            raise BadInputError(f"shares dev {dev} and shared_test {shared_test}", hint="both between 0 and 1")
        self.domain, self.dev, self.shared_test = domain, dev, shared_test

    @classmethod
    def example(cls, folder: Path) -> LeaveOneDomainOut:
        """Return an instance that leaves out the domain "lab"; no file is needed."""
        return cls("lab")

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of each split.

        Raises:
            BadInputError: no domain was named, none has that name, or there is only one.
        """
        domains = sorted({sample.domain for sample in samples})
        if self.domain not in domains:
            close = difflib.get_close_matches(self.domain or "", domains, n=1)
            raise BadInputError(
                f"no domain {self.domain!r} to leave out" + (f"; did you mean {close[0]!r}?" if close else ""),
                hint=f"one of: {', '.join(domains)}",
            )
        if len(domains) < 2:
            raise BadInputError(f"{self.domain!r} is the only domain", hint="a manifest with two domains or more")
        inside = {sample.subject for sample in samples if sample.domain == self.domain}
        outside = {sample.subject for sample in samples if sample.domain != self.domain}
        shared = ranked(inside & outside, seed=seed, what="shared subjects")
        tested = (inside - outside) | set(shared[: round(self.shared_test * len(shared))])
        others = ranked(outside - tested, seed=seed, what="other subjects")
        tuning = set(others[: max(1, round(self.dev * len(others)))])
        result: dict[Split, list[Sample]] = {"train": [], "dev": [], "test": []}
        for sample in samples:
            if sample.domain == self.domain:
                if sample.subject in tested:
                    result["test"].append(sample)
            elif sample.subject not in tested:
                result["dev" if sample.subject in tuning else "train"].append(sample)
        return result


entry = LeaveOneDomainOut
