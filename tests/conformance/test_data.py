"""Every data set and every protocol: photos with unique keys, splits that share nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facewarden.core import registry
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, SPLITS
from facewarden.data.captures import capture_sets, open_captures
from facewarden.data.datasets import open_dataset
from facewarden.data.loading import load_batch
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.protocols.parts.base import Protocol
from facewarden.data.sample import Sample
from facewarden.data.simulate.sensor.domains import DOMAINS
from registered import build, names

CAPTURES = capture_sets()
PHOTOS = [name for name in names("datasets") if name not in CAPTURES]


@pytest.mark.parametrize("name", PHOTOS)
def test_a_set_lists_its_photos_in_a_fixed_order(name: str) -> None:
    made = build("datasets", name)
    photos = made.photos()
    assert photos == made.photos() == type(made)(made.root).photos()
    assert len({photo.key for photo in photos}) == len(photos) > 1
    assert len({photo.identity for photo in photos}) > 1
    for photo in photos:
        assert photo.path.is_relative_to(made.root)
        assert read_photo(photo.path).ndim == 3
        assert photo.landmarks is None or len(photo.landmarks) == 5


@pytest.mark.parametrize("name", PHOTOS)
def test_a_set_is_opened_by_name_and_path(name: str) -> None:
    made = build("datasets", name)
    opened = open_dataset(f"{name}:{made.root}")
    assert type(opened) is type(made)
    assert opened.photos() == made.photos()
    assert opened.name
    assert isinstance(opened.simulated, bool)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_folder_without_photos_is_refused_in_words(name: str, tmp_path: Path) -> None:
    made = registry.load("datasets", name)
    with pytest.raises(BadInputError) as error:
        made(tmp_path).photos()
    assert error.value.hint
    with pytest.raises(BadInputError):
        made(tmp_path / "absent").photos()


def test_both_kinds_of_sets_are_there() -> None:
    assert {"lfw", "folder"} <= set(PHOTOS)
    assert {"wmca", "casia_surf", "casia_cefa", "padisi"} <= set(CAPTURES)


@pytest.mark.parametrize("name", CAPTURES)
def test_a_set_names_the_simulated_site_that_stands_for_it(name: str) -> None:
    assert registry.load("datasets", name).twin_site in DOMAINS


@pytest.mark.parametrize("name", CAPTURES)
def test_captures_of_a_set_can_be_read_and_have_splits_of_both_classes(name: str) -> None:
    made = build("datasets", name)
    manifest = open_captures(f"{name}:{made.root}")
    assert manifest.rows == made.manifest().rows
    assert manifest.simulated
    assert manifest.domains == (name,)
    for split in SPLITS:
        assert {row.label for row in manifest.where(split=split)} == {0, 1}
    videos = {row.extra["video"] for row in manifest}
    assert 1 < len(videos) <= len(manifest)
    batch = load_batch(manifest.rows[:3], root=manifest.root, modalities=made.modalities, size=64)
    assert set(batch.images) == set(made.modalities)
    assert all(bool(batch.present[modality].all()) for modality in made.modalities)


@pytest.mark.parametrize("name", CAPTURES)
def test_a_set_of_captures_survives_being_written_as_a_manifest(name: str, tmp_path: Path) -> None:
    manifest = build("datasets", name).manifest()
    manifest.write(tmp_path / "manifest.parquet")
    again = Manifest.read(tmp_path / "manifest.parquet")
    assert [row.key for row in again] == [row.key for row in manifest]
    one, other = (load_batch(item.rows[-2:], root=item.root, size=64) for item in (manifest, again))
    assert all(torch.equal(one.images[modality], other.images[modality]) for modality in MODALITIES)


@pytest.mark.parametrize("name", CAPTURES)
def test_a_folder_without_the_layout_is_refused_in_words(name: str, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(BadInputError) as error:
            open_captures(f"{name}:{path}")
        assert error.value.hint
    with pytest.raises(BadInputError, match="set of captures"):
        open_dataset(f"{name}:{tmp_path}")


def samples(*, people: int = 12) -> list[Sample]:
    """Two domains and both classes; every third person was captured in both domains, and is of one split."""
    rows = []
    for person in range(people):
        for domain in ("lab", "street") if person % 3 == 0 else (("lab",) if person % 2 else ("street",)):
            for species in ("bona_fide", "print_flat", "mask_rigid"):
                key, label = f"{person}-{domain}-{species}", int(species == "bona_fide")
                split = SPLITS[person % 3]
                rows.append(Sample(key, split, label, species, f"person {person}", domain, rgb=f"{key}.png"))
    return rows


def assign(name: str, rows: list[Sample], seed: int) -> dict[str, tuple[Sample, ...]]:
    protocol: Protocol = build("protocols", name)
    return {str(split): chosen for split, chosen in protocol.assign(rows, seed=seed).items()}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", names("protocols"))
def test_splits_share_no_subject_and_no_sample(name: str, seed: int) -> None:
    rows = samples()
    splits = assign(name, rows, seed)
    assert set(splits) == set(SPLITS)
    for what in ("subject", "key"):
        held = [{getattr(sample, what) for sample in splits[split]} for split in SPLITS]
        assert sum(map(len, held)) == len(set.union(*held)), f"a {what} is in two splits"
    assert {sample.key for split in splits.values() for sample in split} <= {row.key for row in rows}
    for split, chosen in splits.items():
        assert all(sample.split == split for sample in chosen)
    for split in ("dev", "test"):
        assert {sample.label for sample in splits[split]} == {0, 1}
    assert splits["train"]


@pytest.mark.parametrize("name", names("protocols"))
def test_the_same_seed_gives_the_same_splits_in_any_order_of_rows(name: str) -> None:
    rows = samples()
    one, other = assign(name, rows, 3), assign(name, rows[::-1], 3)
    for split in SPLITS:
        assert {sample.key for sample in one[split]} == {sample.key for sample in other[split]}
    assert assign(name, rows, 3) == one


@pytest.mark.parametrize("name", names("protocols"))
def test_no_samples_are_refused(name: str) -> None:
    with pytest.raises(BadInputError):
        build("protocols", name).assign([])
