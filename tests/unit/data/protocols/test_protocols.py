from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from facewarden.core.errors import BadInputError, ContractError, LeakError
from facewarden.core.labels import Split
from facewarden.data.protocols.leave_one_domain_out import LeaveOneDomainOut
from facewarden.data.protocols.manifest_split import ManifestSplit
from facewarden.data.protocols.parts.base import Protocol
from facewarden.data.protocols.subject_split import SubjectSplit
from facewarden.data.sample import Sample


def make(subjects: int, *, domains: Sequence[str] = ("a",), shared: bool = True) -> list[Sample]:
    """Two bona fide and one attack presentation of every subject in every domain."""
    return [
        Sample(
            key=f"{domain}/{subject}/{i}",
            split="train",
            label=int(i < 2),
            species="bona_fide" if i < 2 else "print_flat",
            subject=f"{'' if shared else domain}{subject}",
            domain=domain,
            rgb="x.png",
        )
        for domain in domains
        for subject in range(subjects)
        for i in range(3)
    ]


def subjects(samples: Sequence[Sample]) -> set[str]:
    return {sample.subject for sample in samples}


def test_subject_split_has_the_shares_and_no_subject_twice() -> None:
    samples = make(10)
    result = SubjectSplit().assign(samples, seed=3)
    assert [len(subjects(result[split])) for split in ("train", "dev", "test")] == [6, 2, 2]
    assert sum(map(len, result.values())) == len(samples)
    assert {sample.split for sample in result["dev"]} == {"dev"}
    assert list(result) == ["train", "dev", "test"]
    assert result == SubjectSplit().assign(samples, seed=3)
    assert result != SubjectSplit().assign(samples, seed=4)
    # the order of the rows has no part in who goes where
    assert subjects(SubjectSplit().assign(samples[::-1], seed=3)["test"]) == subjects(result["test"])


def test_three_subjects_are_the_least() -> None:
    result = SubjectSplit(train=0.9, dev=0.05).assign(make(3))
    assert [len(subjects(result[split])) for split in ("train", "dev", "test")] == [1, 1, 1]
    with pytest.raises(BadInputError, match="2 subjects"):
        SubjectSplit().assign(make(2))
    with pytest.raises(BadInputError, match="shares"):
        SubjectSplit(train=0.9, dev=0.1)


def test_manifest_split_takes_the_column_and_finds_leaks() -> None:
    splits: tuple[Split, ...] = ("train", "dev", "test")
    samples = [replace(sample, split=splits[int(sample.subject) % 3]) for sample in make(6)]
    result = ManifestSplit().assign(samples)
    assert subjects(result["dev"]) == {"1", "4"}
    leaked = [*samples[:-1], replace(samples[-1], split="train")]  # subject 5 belongs to test
    with pytest.raises(LeakError, match=r"subject '5' is in train and in test"):
        ManifestSplit().assign(leaked)


@pytest.mark.parametrize(("label", "reason"), [(1, "dev has no attack"), (0, "dev has no bona fide")])
def test_a_class_that_is_absent_is_named(label: int, reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        SubjectSplit().assign([sample for sample in make(10) if sample.label == label])
    with pytest.raises(BadInputError, match="no samples"):
        SubjectSplit().assign([])


def test_leaving_a_domain_out_with_subjects_of_its_own() -> None:
    samples = make(5, domains=("a", "b", "c"), shared=False)
    result = LeaveOneDomainOut("b").assign(samples)
    assert {sample.domain for sample in result["test"]} == {"b"}
    assert {sample.domain for sample in (*result["train"], *result["dev"])} == {"a", "c"}
    assert sum(map(len, result.values())) == len(samples)
    assert len(subjects(result["dev"])) == 2  # 20 % of ten


def test_leaving_a_domain_out_when_everybody_is_everywhere() -> None:
    samples = make(10, domains=("a", "b"))
    result = LeaveOneDomainOut("b").assign(samples, seed=1)
    assert {sample.domain for sample in result["test"]} == {"b"}
    assert len(subjects(result["test"])) == 4
    assert {sample.domain for sample in result["train"]} == {"a"}
    assert sum(map(len, result.values())) == 30  # 4 subjects in b, 6 in a, 3 samples each


def test_a_domain_that_is_not_there() -> None:
    samples = make(4, domains=("alder", "birch"))
    with pytest.raises(BadInputError, match=r"no domain 'aldre' to leave out; did you mean 'alder'") as raised:
        LeaveOneDomainOut("aldre").assign(samples)
    assert "alder, birch" in raised.value.hint
    with pytest.raises(BadInputError, match="no domain None"):
        LeaveOneDomainOut().assign(samples)
    with pytest.raises(BadInputError, match="only domain"):
        LeaveOneDomainOut("a").assign(make(4))
    with pytest.raises(BadInputError, match="shares"):
        LeaveOneDomainOut("a", dev=0.0)


class Leaky(Protocol):
    summary = "puts everything everywhere"

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        return {"train": samples, "dev": samples, "test": samples}


class Doubling(Protocol):
    summary = "takes everything twice"

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        return {"train": [*samples, *samples]}


def test_no_protocol_can_skip_the_check() -> None:
    with pytest.raises(LeakError, match="is in train and in dev"):
        Leaky().assign(make(3))
    with pytest.raises(LeakError, match="twice in train"):
        Doubling().assign(make(3))
    with pytest.raises(ContractError, match="final"):
        type("Sly", (Protocol,), {"assign": lambda self, samples: {}})
