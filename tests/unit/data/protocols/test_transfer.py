from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError, LeakError, UnknownEntryError
from facewarden.core.labels import SPLITS, Modality
from facewarden.data.captures import open_captures
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.fixed_modalities import FixedModalities
from facewarden.data.protocols.limited_sources import LimitedSources
from facewarden.data.protocols.missing_at_test import MissingAtTest
from facewarden.data.sample import Sample
from facewarden.data.transfer import audit_splits, transfer_protocol
from twins import twin

PUBLISHED = {"c": "casia_cefa", "p": "padisi", "s": "casia_surf", "w": "wmca"}
SIMULATED = ("alder", "birch", "cedar", "dogwood")


def make(domains: Sequence[str] = tuple(PUBLISHED.values())) -> list[Sample]:
    """One subject, two bona fide and three attack presentations in every split of every domain."""
    return [
        Sample(
            key=f"{domain}/{split}/{i}", split=split, label=int(i < 2), species="bona_fide" if i < 2 else "print_flat",
            subject=f"{domain}/{split}", domain=domain, rgb=f"{domain}{split}{i}.png", depth="d.png", infrared="i.png",
        )
        for domain in domains
        for split in SPLITS
        for i in range(5)
    ]  # fmt: skip


def domains_of(samples: Sequence[Sample]) -> set[str]:
    return {sample.domain for sample in samples}


@pytest.mark.parametrize("name", ["cps_w", "cpw_s", "csw_p", "psw_c"])
@pytest.mark.parametrize("written", [str.lower, str.upper, lambda name: name.upper().replace("_", "→")])
def test_sources_give_train_and_dev_and_the_target_gives_test(name: str, written: object) -> None:
    assert callable(written)
    result = FixedModalities(written(name)).assign(make())
    sources, target = {PUBLISHED[letter] for letter in name[:3]}, PUBLISHED[name[-1]]
    assert domains_of(result["train"]) == domains_of(result["dev"]) == sources
    assert domains_of(result["test"]) == {target}
    # each split's rows are the sets' own lists of that split: a target is never tuned on, a source never tested on
    for split in SPLITS:
        assert {sample.key.split("/")[1] for sample in result[split]} == {split}
    assert [len(result[split]) for split in SPLITS] == [15, 15, 5]


def test_letters_are_those_of_the_sets_that_are_there() -> None:
    result = FixedModalities("abd_c").assign(make(SIMULATED))
    assert domains_of(result["test"]) == {"cedar"}
    with pytest.raises(BadInputError, match=r"'c' may mean casia_cefa or cedar"):
        FixedModalities("abd_c").assign(make((*SIMULATED, "casia_cefa")))
    with pytest.raises(BadInputError, match="no captures of domain 'padisi'"):
        FixedModalities("cps_w").assign(make(("casia_cefa", "casia_surf", "wmca")))


def test_a_whole_target_is_tested_whole_and_shared_people_are_a_leak() -> None:
    result = FixedModalities("bcd_a", whole_target=True).assign(make(SIMULATED))
    assert len(result["test"]) == 15
    assert [len(result[split]) for split in ("train", "dev")] == [15, 15]
    shared = [
        Sample(f"x{d}{i}", "train", i, "bona_fide" if i else "print_flat", "same", d, rgb="r.png")
        for d in ("birch", "alder")
        for i in (0, 1)
    ]
    with pytest.raises(LeakError, match="same"):
        FixedModalities("bcd_a", whole_target=True).assign(make(SIMULATED) + shared)


@pytest.mark.parametrize(("name", "drop"), [("cps_w", ("depth",)), ("psw_c", ("depth", "infrared"))])
def test_test_captures_lose_sensors_and_training_keeps_them(name: str, drop: tuple[Modality, ...]) -> None:
    whole, less = FixedModalities(name).assign(make()), MissingAtTest(name, drop=drop).assign(make())
    assert less["train"] == whole["train"]
    assert less["dev"] == whole["dev"]
    assert [sample.key for sample in less["test"]] == [sample.key for sample in whole["test"]]
    for sample in less["test"]:
        assert set(sample.modalities) == {"rgb", "depth", "infrared"} - set(drop)


@pytest.mark.parametrize("drop", [("rgb",), (), ("rgb", "depth")])
def test_color_is_never_dropped(drop: tuple[Modality, ...]) -> None:
    with pytest.raises(BadInputError, match="cannot drop"):
        MissingAtTest("cps_w", drop=drop)


def test_limited_sources() -> None:
    result = LimitedSources("cw_ps").assign(make())
    assert domains_of(result["train"]) == domains_of(result["dev"]) == {"casia_cefa", "wmca"}
    assert domains_of(result["test"]) == {"padisi", "casia_surf"}


@pytest.mark.parametrize(("label", "words"), [(0, "0 bona fide and 3 attack"), (1, "2 bona fide and 0 attack")])
def test_a_source_with_one_class_is_refused_by_name_and_count(label: int, words: str) -> None:
    one_class = [row for row in make() if not (row.domain == "padisi" and row.split == "train" and row.label != label)]
    with pytest.raises(BadInputError, match=f"padisi has {words}"):
        FixedModalities("cps_w").assign(one_class)
    FixedModalities("csw_p").assign(one_class)  # as a target its train list is not looked at


def test_names_that_are_no_protocol() -> None:
    with pytest.raises(UnknownEntryError, match="did you mean cps_w"):
        transfer_protocol("cpsw_w")
    with pytest.raises(UnknownEntryError, match="no protocol"):
        FixedModalities("cw_ps")
    with pytest.raises(BadInputError, match="needs a name"):
        FixedModalities()
    assert isinstance(transfer_protocol("CW→PS"), LimitedSources)
    assert isinstance(transfer_protocol("cps_w", drop=("depth",)), MissingAtTest)
    assert type(transfer_protocol("Cps_W")) is FixedModalities


def test_published_layouts_go_through_the_protocols() -> None:
    sets = [open_captures(f"{name}:{twin(name)}") for name in PUBLISHED.values()]
    whole = Manifest.joined(sets, name="four sets")
    for name in ("cps_w", "cpw_s", "csw_p", "psw_c"):
        result = FixedModalities(name).assign(whole)
        for split in SPLITS:
            own = [
                row for found in sets for row in found if row.split == split and row.domain in domains_of(result[split])
            ]
            assert len(result[split]) == len(own) > 0


def test_the_audit_counts_and_finds_doubles(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = make(SIMULATED)
    for row in rows:
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).save(tmp_path / str(row.rgb))
    splits = FixedModalities("bcd_a").assign(rows)
    audit = audit_splits(splits, root=tmp_path)
    assert audit.counts["train", "birch", "print_flat"] == 3
    assert audit.counts["test", "alder", "bona_fide"] == 2
    assert Counter(row[0] for row in audit.rows()) == {"train": 6, "dev": 6, "test": 2}
    assert sum(row[3] for row in audit.rows()) == 35
    assert audit.subjects["dev", "cedar"] == 1
    assert (audit.shared_subjects, audit.same_path, audit.same_content, audit.across_splits) == ((), 0, 0, 0)

    first, second = splits["train"][0], splits["test"][0]
    (tmp_path / str(second.rgb)).write_bytes((tmp_path / str(first.rgb)).read_bytes())
    again = {**splits, "dev": (*splits["dev"], splits["dev"][0]), "test": (*splits["test"], splits["train"][1])}
    audit = audit_splits(again, root=tmp_path)
    assert audit.same_path == 2  # once inside dev, once from train to test
    assert audit.same_content == 1
    assert audit.across_splits == 2
    assert audit.shared_subjects == (first.subject,)


SITES = tuple(f"site_{number:02d}" for number in range(1, 7))
KINDS = ("print_flat", "replay_pc", "mask_rigid", "partial_glasses")


def many(kinds: dict[str, tuple[str, ...]] | None = None) -> list[Sample]:
    """Six sites; in each split of each two bona fide captures and one of every species."""
    return [
        Sample(
            key=f"{site}/{split}/{i}", split=split, label=int(kind == "bona_fide"), species=kind,
            subject=f"{site}/{split}", domain=site, rgb=f"{site}{split}{i}.png",
        )
        for site in SITES
        for split in SPLITS
        for i, kind in enumerate(("bona_fide", "bona_fide", *(kinds or {}).get(site, KINDS)))
    ]  # fmt: skip


def test_the_two_directions_of_halves_test_every_site_once() -> None:
    first, second = (transfer_protocol(name).assign(many()) for name in ("half1_half2", "half2→half1"))
    assert domains_of(first["train"]) == domains_of(second["test"]) == {"site_01", "site_03", "site_05"}
    assert domains_of(first["test"]) == domains_of(second["train"]) == {"site_02", "site_04", "site_06"}
    # a source's own test list is in no split; a target is tested whole
    assert {sample.key.split("/")[1] for sample in (*first["train"], *first["dev"])} == {"train", "dev"}
    assert len(first["test"]) == 3 * 3 * 6


def test_one_site_has_no_halves() -> None:
    with pytest.raises(BadInputError, match="only domain"):
        transfer_protocol("half1_half2").assign([sample for sample in many() if sample.domain == "site_01"])


@pytest.mark.parametrize(("group", "kind"), [("masks", "mask_rigid"), ("partial", "partial_glasses")])
def test_a_group_of_species_is_in_no_source_and_alone_in_the_test(group: str, kind: str) -> None:
    result = transfer_protocol(f"half1_half2-{group}").assign(many())
    for split in ("train", "dev"):
        assert {sample.species for sample in result[split]} == {"bona_fide", *KINDS} - {kind}
    assert {sample.species for sample in result["test"]} == {"bona_fide", kind}
    assert domains_of(result["test"]) == {"site_02", "site_04", "site_06"}


def test_sources_and_targets_without_what_the_protocol_needs_are_left_out_whole() -> None:
    kinds = {"site_01": ("mask_rigid",), "site_02": ("print_flat",)}
    result = transfer_protocol("half1_half2-masks").assign(many(kinds))
    assert "site_01" not in domains_of((*result["train"], *result["dev"]))  # nothing but masks to learn from
    assert domains_of(result["test"]) == {"site_04", "site_06"}  # no mask is shown at the second site
    with pytest.raises(BadInputError, match="no target has attacks of masks"):
        transfer_protocol("half1_half2-masks").assign(many(dict.fromkeys(SITES, ("print_flat",))))


def test_a_group_that_there_is_not_is_named() -> None:
    with pytest.raises(UnknownEntryError, match="half1_half2-prints"):
        transfer_protocol("half1_half2-print")
