from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.data.loading import load_batch
from facewarden.data.manifest import Manifest
from facewarden.experiments.domain_generalization.crop_store import CropStore, make_store, open_store, view_of
from facewarden.pad.vit_concat import VitConcat
from facewarden.training.augment import augment
from facewarden.training.crops import load_crops
from facewarden.training.loop import TrainSettings
from facewarden.training.parts.augment_settings import STILL
from facewarden.training.parts.feed import StepSet
from facewarden.training.parts.ranks import Ranks
from facewarden.training.tokens.drawn_views import Views, drawn_view
from four_domains import write_domains


def detector(size: int = 16) -> VitConcat:
    return VitConcat.untrained({"trunk": "vit_tiny_patch16_224:fresh", "depth": 1, "size": size}, seed=0)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, CropStore, VitConcat]:
    folder = tmp_path_factory.mktemp("store")
    manifest, model = Manifest.read(write_domains(folder / "data", each=2)), detector()
    store = make_store(manifest, model, view=view_of(model, margin=1.5), folder=folder / "crops")
    return manifest, store, model


def test_the_stored_crops_are_those_that_training_reads(held: tuple[Manifest, CropStore, VitConcat]) -> None:
    manifest, store, model = held
    assert (store.view.size, store.view.side) == (16, 24)
    plain = load_crops(manifest, model, margin=1.5)
    mapped = store.crops([sample for key in plain.key for sample in manifest if sample.key == key])
    rows = [3, 0, 3, 7]
    one, other = plain.batch(rows), mapped.batch(rows)
    for name in one.images:
        assert torch.equal(one.images[name], other.images[name])
        assert torch.equal(one.present[name], other.present[name])
    assert one.key == other.key
    assert one.key[2] == f"{one.key[0]} again 1"
    assert (one.species, one.subject, one.domain) == (other.species, other.subject, other.domain)
    assert one.label is not None
    assert other.label is not None
    assert torch.equal(one.label, other.label)


@pytest.mark.parametrize("views", ["pixels", "sensor"])
def test_a_training_step_gets_the_crops_of_its_samples_not_those_at_their_numbers_in_the_store(
    held: tuple[Manifest, CropStore, VitConcat], views: Views
) -> None:
    manifest, store, _ = held
    samples = store.readable(list(manifest))
    some = samples[7:15]
    whole = {sample.key: store.crops(samples).batch([row]) for row, sample in enumerate(samples)}
    settings = TrainSettings(batch=4, margin=1.5, augmentation=STILL, views=views)
    steps = StepSet(store.crops(some), settings, size=16, seed=0, ranks=Ranks())
    for step in range(steps.per_epoch):
        batch = steps[step].on(torch.device("cpu"))
        expected = {
            key: augment(whole[key.partition(" ")[0]], size=16, settings=STILL, seed=0, epoch=0) for key in batch.key
        }
        same = [torch.allclose(batch.images["rgb"][row], expected[key].images["rgb"][0], atol=1e-5)
                for row, key in enumerate(batch.key)]  # fmt: skip
        clean = [views == "pixels" or drawn_view(key, seed=0, epoch=0) == 0 for key in batch.key]
        assert same == clean


def test_face_crops_without_boxes_keep_their_rim(tmp_path: Path) -> None:
    boxed, model = Manifest.read(write_domains(tmp_path / "data", each=2)), detector()
    manifest = Manifest(tuple(replace(sample, box=None) for sample in boxed), root=boxed.root, name="crops")
    store = make_store(manifest, model, view=view_of(model, margin=1.5), folder=tmp_path / "crops")
    plain = load_crops(manifest, model, margin=1.5)
    mapped = store.crops([sample for key in plain.key for sample in manifest if sample.key == key])
    one, other = plain.batch([3, 0]), mapped.batch([3, 0])
    for name in one.images:
        assert torch.equal(one.images[name], other.images[name])


def test_the_middle_of_a_crop_is_the_models_own_view(held: tuple[Manifest, CropStore, VitConcat]) -> None:
    manifest, store, model = held
    samples = list(manifest)[5:9]
    (view,) = store.views(samples, batch=8)
    frames = load_batch(samples, root=manifest.root)
    own = model.crop(frames, size=16, scale=float(model.settings["scale"]))
    assert view.key == own.key
    for name, image in own.images.items():
        assert (view.images[name] - image).abs().max() < 0.5 / 255 + 0.02  # bytes, and the filter's edge


def test_only_some_modalities_and_other_labels(held: tuple[Manifest, CropStore, VitConcat]) -> None:
    manifest, store, _ = held
    samples = list(manifest)[:4]
    crops = store.crops(samples, only=("rgb",), labels=[1, 1, 0, 0])
    batch = crops.batch([0, 1, 2, 3])
    assert batch.label is not None
    assert batch.label.tolist() == [1, 1, 0, 0]
    assert bool(batch.present["rgb"].all())
    assert not bool(batch.present["depth"].any())
    assert not bool(batch.present["infrared"].any())


def test_a_store_is_made_once_and_unreadable_captures_are_listed(tmp_path: Path) -> None:
    manifest, model = Manifest.read(write_domains(tmp_path / "data", each=2)), detector()
    broken = next(iter(manifest))
    (manifest.root / str(broken.infrared)).write_bytes(b"no picture")
    view = view_of(model, margin=1.0)
    store = make_store(manifest, model, view=view, folder=tmp_path / "crops")
    assert [key for key, _ in store.skipped] == [broken.key]
    assert broken not in store.readable(list(manifest))
    assert len(store.readable(list(manifest))) == len(manifest) - 1
    stamp = (tmp_path / "crops" / "rgb.u8").stat().st_mtime_ns
    make_store(manifest, model, view=view, folder=tmp_path / "crops")
    assert (tmp_path / "crops" / "rgb.u8").stat().st_mtime_ns == stamp
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "data"]


def test_nobody_writes_into_the_store_by_writing_into_a_batch(tmp_path: Path) -> None:
    manifest, model = Manifest.read(write_domains(tmp_path / "data", each=2)), detector()
    store = make_store(manifest, model, view=view_of(model, margin=1.0), folder=tmp_path / "crops")
    before = (tmp_path / "crops" / "rgb.u8").read_bytes()
    store.images["rgb"].zero_()
    del store
    assert (tmp_path / "crops" / "rgb.u8").read_bytes() == before


def test_a_broken_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "crops.json").write_text("{}")
    with pytest.raises(BadInputError, match="no crops here"):
        open_store(tmp_path / "crops")
