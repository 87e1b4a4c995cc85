"""CelebA-Spoof: label vectors, virtual boxes, policies for conflicts, splits by subject, and every published defect."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.core.tasks import ATTRIBUTES, LIGHTS, SPOOF_TYPES
from facewarden.data.captures import capture_set, open_captures
from facewarden.data.datasets.celeba_spoof import CelebaSpoof
from facewarden.data.datasets.parts.celeba_labels import decode, normal_key, read_box, read_labels
from facewarden.data.loading import load_batch
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.nn.crop import crop_resize
from twins import copied, twin

NONE = [0] * 40


@pytest.fixture(scope="module")
def root() -> Path:
    return twin("celeba_spoof")


@pytest.fixture(scope="module")
def manifest(root: Path) -> Manifest:
    return CelebaSpoof(root).manifest()


def image(sample: Sample) -> str:
    return sample.extra["video"].removeprefix("celeba_spoof/")


def labels_of(root: Path, *, protocol: str = "intra_test") -> dict[str, list[int]]:
    parts = [json.loads((root / "metas" / protocol / f"{split}_label.json").read_text()) for split in ("train", "test")]
    return {normal_key(key): values for part in parts for key, values in part.items()}


def box_text(root: Path, text: str) -> str:
    """The image whose box file holds this text."""
    found = [path for path in sorted(root.rglob("*_BB.txt")) if path.read_text().strip() == text]
    assert found, text
    return found[0].relative_to(root).as_posix().removesuffix("_BB.txt")


def row_of(manifest: Manifest, stem: str) -> Sample:
    return next(row for row in manifest if image(row).rpartition(".")[0] == stem)


# the label vector


def test_the_published_row_is_decoded_index_by_index() -> None:
    marks = [int(name in ("Eyeglasses", "Young")) for name in ATTRIBUTES]
    live = decode([*marks, 0, 0, 0, 0], key="a")
    assert (live.attributes, live.spoof_type, live.spoof) == ("".join(map(str, marks)), 0, False)
    spoof = decode([*NONE, 5, 1, 2, 1], key="b")  # upper-body mask, normal light, outdoor, spoof
    assert (SPOOF_TYPES[spoof.spoof_type], LIGHTS[spoof.illumination], spoof.environment, spoof.spoof) == (
        "upper_body_mask", "normal", 2, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([*NONE, 5, 1, 1], "43 values instead of 44"),
        ([*NONE, 5, 1, 1, 1, 0], "45 values"),
        ({"a": 1}, "dict"),
        ([*NONE, 11, 1, 1, 1], "spoof type 11"),
        ([*NONE, 1, 5, 1, 1], "illumination 5"),
        ([*NONE, 1, 1, 3, 1], "environment 3"),
        ([*NONE, 1, 1, 1, 2], "label 2"),
        ([*NONE, 1, 1, 1, -1], "label -1"),
        ([-1, *NONE[1:], 0, 0, 0, 0], "5_o_Clock_Shadow is -1"),
        ([0.5, *NONE[1:], 0, 0, 0, 0], "whole numbers"),
        ([True, *NONE[1:], 0, 0, 0, 0], "whole numbers"),
    ],
)
def test_a_vector_that_is_none_is_refused_with_its_key(values: object, words: str) -> None:
    with pytest.raises(BadInputError, match=words) as raised:
        decode(values, key="Data/train/1/spoof/000001.png")
    assert "Data/train/1/spoof/000001.png" in raised.value.message
    assert raised.value.hint


def test_a_label_file_of_43_values_is_refused_where_it_is_read(root: Path) -> None:
    with pytest.raises(BadInputError, match=r"Data/train/1/live/000000\.jpg: 43 values instead of 44"):
        CelebaSpoof(root, protocol=Path("defect_43_values")).manifest()
    with pytest.raises(BadInputError, match="spoof type 11"):
        CelebaSpoof(root, protocol=Path("defect_unknown_code")).manifest()


def test_labels_travel_from_the_file_to_the_targets(root: Path, manifest: Manifest) -> None:
    known = labels_of(root)
    for row in manifest:
        *marks, kind, light, scene, spoof = known[image(row)]
        assert row.label == 1 - spoof
        assert row.extra["spoof_type"] == str(kind)
        assert row.attributes["attack_group"] == (SPOOF_TYPES[kind] if spoof else "bona fide")
        assert row.illumination == (LIGHTS[light] if spoof else None)
        assert row.environment == (("", "indoor", "outdoor")[scene] if spoof else None)
        assert row.attributes.get("celeba") == (None if spoof else "".join(map(str, marks)))
    rows = [manifest.where(label=1).rows[0], manifest.where(label=0).rows[0]]
    tasks = load_batch(
        rows, root=manifest.root, modalities=("rgb",), size=64,
        targets=("attributes", "spoof_type", "illumination", "depth_map", "reflection_map"),
    ).tasks  # fmt: skip
    wanted = [known[image(row)] for row in rows]
    assert tasks["attributes"].tolist() == [row[:40] for row in wanted]
    assert tasks["spoof_type"].tolist() == [row[40] for row in wanted]
    assert tasks["illumination"].tolist() == [row[41] for row in wanted]
    assert bool(tasks["depth_map"][0].isnan().all()), "the set has no maps of faces"
    assert not tasks["depth_map"][1].any(), "an attack has no depth"


def test_every_type_and_illumination_is_there(root: Path) -> None:
    labels = labels_of(root)
    values = labels.values()
    assert {row[40] for row in values} == set(range(11))
    assert {row[41] for row in values} == set(range(5))
    assert all(not any(row[:40]) for key, row in labels.items() if "/spoof/" in key)
    assert all(not any(row[40:43]) for row in values if not row[43])
    assert {path.suffix for path in (root / "Data").rglob("0*") if path.suffix != ".txt"} == {".jpg", ".png"}


# boxes in the virtual frame


@pytest.mark.parametrize(
    ("text", "box", "wrong"),
    [
        ("61 40 100 130 0.99", (16.0, 16.0, 42.0, 68.0), ""),
        ("61.0 40.7 100.5 130.0 0.99", (16.0, 16.0, 42.0, 68.0), ""),  # int(float(v)) comes first
        ("-12 -9 140 170 0.99", (0.0, 0.0, 34.0, 65.0), ""),  # the far corner is x + w with the negative x
        ("150 120 120 130 0.99", (40.0, 48.0, 60.0, 90.0), ""),
        ("", None, "empty"),
        ("80 90 0 60 0.5", None, "without area"),
        ("80 90 8 60 0.5", None, "without area"),  # 2 pixels of 60
        ("230 90 50 60 0.5", None, "outside"),
        ("-90 10 60 60 0.5", None, "outside"),
        ("1 2 3", None, "unreadable"),
        ("a b c d", None, "unreadable"),
        ("nan 2 3 4", None, "unreadable"),
    ],
)
def test_a_box_is_brought_to_the_image_as_the_published_code_does(
    tmp_path: Path, text: str, box: tuple[float, ...] | None, wrong: str
) -> None:
    (tmp_path / "x_BB.txt").write_text(text)
    assert read_box(tmp_path / "x_BB.txt", width=60, height=90) == (box, wrong)


def test_a_box_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    assert read_box(tmp_path / "x_BB.txt", width=60, height=90) == (None, "missing")


def test_the_crop_holds_the_pixels_of_a_computation_by_hand(root: Path, manifest: Manifest) -> None:
    stem = box_text(root, "61.0 40.0 100.5 130.0 0.99")
    row = row_of(manifest, stem)
    pixels = cv2.imread(str(root / image(row)))[..., ::-1]
    height, width = pixels.shape[:2]
    left, top, w, h = int(61 * width / 224), int(40 * height / 224), int(100 * width / 224), int(130 * height / 224)
    assert row.box == (left, top, left + w, top + h)
    batch = load_batch([row], root=manifest.root, modalities=("rgb",))
    assert batch.box is not None
    side = max(w, h)
    crop = crop_resize(batch.images["rgb"], batch.box, scale=1.0, size=side)  # the square about the box, unscaled
    # where the square sticks out by half a pixel, each of its pixels is the mean of two neighbors
    odd_x, odd_y = (side - w) % 2, (side - h) % 2
    w, h = w - odd_x, h - odd_y
    by_hand = np.mean(
        [pixels[top + y : top + y + h, left + x : left + x + w] for y in (0, odd_y) for x in (0, odd_x)], 0
    )
    x, y = (side - w) // 2, (side - h) // 2
    found = (crop[0, :, y : y + h, x : x + w] * 255).permute(1, 2, 0).numpy()
    assert found.size > 100
    np.testing.assert_allclose(found, by_hand, atol=0.01)


@pytest.mark.parametrize(("text", "wrong"), [("", "empty"), ("80 90 0 60 0.5", "without area")])
def test_an_unusable_box_becomes_the_whole_image_and_is_flagged(
    root: Path, manifest: Manifest, text: str, wrong: str
) -> None:
    row = row_of(manifest, box_text(root, text))
    height, width = cv2.imread(str(root / image(row))).shape[:2]
    assert row.box == (0.0, 0.0, width, height)
    assert wrong in row.extra["box"]
    assert any(wrong in note for note in manifest.notes)


def test_a_missing_box_file_becomes_the_whole_image_and_is_flagged(root: Path, manifest: Manifest) -> None:
    flagged = [row for row in manifest if "missing" in row.extra.get("box", "")]
    assert len(flagged) == 1
    assert not (root / image(flagged[0])).with_suffix("").with_name(f"{Path(image(flagged[0])).stem}_BB.txt").exists()


def test_no_row_of_the_test_split_is_dropped_for_its_box(root: Path, manifest: Manifest) -> None:
    tested = json.loads((root / "metas/intra_test/test_label.json").read_text())
    assert len(manifest.where(split="test")) == len(tested)
    assert any("empty" in row.extra.get("box", "") for row in manifest.where(split="test"))


@pytest.mark.parametrize("text", ["-12 -9 140 170 0.99", "90 80 170 170 0.99"])
def test_a_box_over_the_border_is_cut_to_the_image(root: Path, manifest: Manifest, text: str) -> None:
    row = row_of(manifest, box_text(root, text))
    height, width = cv2.imread(str(root / image(row))).shape[:2]
    assert row.box is not None
    assert "box" not in row.extra
    assert 0 <= row.box[0] < row.box[2] <= width
    assert 0 <= row.box[1] < row.box[3] <= height


# splits and conflicts


def test_splits_share_no_subject_and_those_of_the_test_split_are_dropped_from_training(
    root: Path, manifest: Manifest
) -> None:
    people = {split: set(manifest.where(split=split).subjects) for split in ("train", "dev", "test")}  # type: ignore[arg-type]
    assert all(people.values())
    assert not people["train"] & people["test"]
    assert not people["dev"] & (people["test"] | people["train"])
    listed = {key.split("/")[2] for key in labels_of(root) if "/train/" in key}
    shared = listed & {key.split("/")[2] for key in labels_of(root) if "/test/" in key}
    assert len(shared) == 1
    assert any(f"left out: 7, of {shared.pop()}" in note for note in manifest.notes)


def test_dev_is_the_same_whatever_the_order_and_grows_with_its_share(root: Path, manifest: Manifest) -> None:
    assert CelebaSpoof(root).manifest().rows == manifest.rows
    half = CelebaSpoof(root, validation=0.5).manifest()
    few, many = (set(found.where(split="dev").subjects) for found in (manifest, half))
    assert few < many


def test_the_three_policies_for_conflicting_rows_give_three_counts(root: Path) -> None:
    found = {
        policy: CelebaSpoof(root, conflicts=policy).manifest()  # type: ignore[arg-type]
        for policy in ("exclude", "trust_label", "trust_path")
    }
    attacks = {policy: manifest.counts("label")["0"] for policy, manifest in found.items()}
    total = {policy: len(manifest) for policy, manifest in found.items()}
    assert total["trust_label"] == total["trust_path"] == total["exclude"] + 1
    assert attacks["trust_label"] == attacks["trust_path"] + 1 == attacks["exclude"] + 1
    for policy, words in (
        ("exclude", "left out"),
        ("trust_label", "by their label"),
        ("trust_path", "by their folder"),
    ):
        assert any(words in note and note.endswith("1") for note in found[policy].notes)
    key = next(key for key, values in labels_of(root).items() if "/live/" in key and values[43])
    live = next(row for row in found["trust_path"] if image(row) == key)
    assert (live.label, live.species, "spoof_type" in live.extra) == (1, "bona_fide", False)
    spoof = next(row for row in found["trust_label"] if image(row) == key)
    assert (spoof.label, spoof.attributes["attack_group"]) == (0, "upper_body_mask")


def test_a_type_of_the_other_class_is_unknown_and_counted(tmp_path: Path) -> None:
    folder = copied("celeba_spoof", tmp_path)
    path = folder / "metas/intra_test/test_label.json"
    values = json.loads(path.read_text())
    key = next(key for key in values if "/spoof/" in key)
    values[key][40] = 0
    path.write_text(json.dumps(values))
    manifest = CelebaSpoof(folder).manifest()
    row = next(row for row in manifest if image(row) == key)
    assert (row.label, row.species, row.attributes["attack_group"]) == (0, "other", "unknown")
    assert load_batch([row], root=folder, modalities=("rgb",), targets=("spoof_type",)).tasks["spoof_type"].item() == -1
    assert any("spoof type is not of their class" in note for note in manifest.notes)


def test_a_key_without_its_first_folder_is_the_same_image(root: Path, manifest: Manifest) -> None:
    raw = json.loads((root / "metas/intra_test/train_label.json").read_text())
    assert sum(not key.startswith("Data/") for key in raw) == 1
    assert all(image(row).startswith("Data/") for row in manifest)
    assert normal_key("train/1/live/a.png") == normal_key("./x/Data/train/1/live/a.png") == "Data/train/1/live/a.png"
    for wrong in ("Data/val/1/live/a.png", "a.png", "Data/train/1/other/a.png", "../train/1/live/../a.png"):
        with pytest.raises(BadInputError, match="no image of CelebA-Spoof"):
            normal_key(wrong)


def test_an_image_named_twice_or_a_file_that_is_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train_label.json"
    path.write_text('{"Data/train/1/live/a.png": [], "train/1/live/a.png": []}')
    with pytest.raises(BadInputError, match="twice"):
        read_labels(path)
    for text in ("[1, 2]", "[]", "{", '"x"'):
        path.write_text(text)
        with pytest.raises(BadInputError, match=r"train_label\.json"):
            read_labels(path)


def test_images_that_no_file_names_are_left_alone(root: Path, manifest: Manifest) -> None:
    stray = list((root / "Data").glob("train_copy/*/*/*"))
    assert stray
    assert not any("train_copy" in image(row) for row in manifest)


def test_an_image_that_is_named_and_not_there_is_reported(root: Path) -> None:
    protocol = Path("defect_unknown_image")
    with pytest.raises(BadInputError, match=r"Data/train/01/live/000000\.jpg") as raised:
        CelebaSpoof(root, protocol=protocol).manifest()
    assert "skip" in raised.value.hint
    found = capture_set("celeba_spoof", root, protocol=protocol, missing="skip").manifest()
    assert any("000000.jpg" in note for note in found.notes)
    assert len(found) == len(CelebaSpoof(root).manifest())


# protocols


def test_protocol_1_tests_on_types_that_training_never_saw(root: Path) -> None:
    found = capture_set("celeba_spoof", root, protocol=Path("protocol1")).manifest()
    kinds = {split: {row.extra["spoof_type"] for row in found.where(split=split)} for split in ("train", "dev", "test")}  # type: ignore[arg-type]
    assert kinds["test"] - {"0"}
    assert kinds["test"] & (kinds["train"] | kinds["dev"]) == {"0"}


@pytest.mark.parametrize("device", ["high", "middle", "low"])
def test_protocol_2_tests_on_the_device_that_training_never_saw(root: Path, device: str) -> None:
    found = capture_set("celeba_spoof", root, protocol=Path(f"protocol2/test_on_{device}_quality_device")).manifest()
    number = {row.extra["video"]: int(Path(image(row)).stem) % 3 for row in found}
    tested = {number[row.extra["video"]] for row in found.where(split="test")}
    learned = {number[row.extra["video"]] for row in found if row.split != "test"}
    assert len(tested) == 1
    assert not tested & learned


def test_an_unknown_protocol_names_those_there_are(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="protocol9") as raised:
        CelebaSpoof(root, protocol=Path("protocol9")).manifest()
    assert "protocol2/test_on_low_quality_device" in raised.value.hint
    (tmp_path / "Data").mkdir()
    with pytest.raises(BadInputError, match="train_label") as raised:
        CelebaSpoof(tmp_path).manifest()
    assert "metas" in raised.value.hint


def test_options_that_are_none_are_refused(root: Path) -> None:
    with pytest.raises(BadInputError, match="validation"):
        CelebaSpoof(root, validation=1.5)


def test_the_published_folder_name_may_be_inside(tmp_path: Path, root: Path) -> None:
    copied("celeba_spoof", tmp_path).rename(tmp_path / "CelebA_Spoof")
    outer = open_captures(f"celeba_spoof:{tmp_path}")
    assert [row.key for row in outer] == [row.key for row in CelebaSpoof(root).manifest()]


def test_pseudo_maps_are_marked_in_rows_and_notes(root: Path) -> None:
    found = CelebaSpoof(root, maps="pseudo").manifest()
    assert all(row.extra["maps"] == "pseudo" for row in found)
    assert any("not comparable" in note for note in found.notes)
    live = found.where(label=1).rows[0]
    depth = load_batch([live], root=found.root, modalities=("rgb",), targets=("depth_map",)).tasks["depth_map"]
    assert float(depth.max()) > 0.9
    assert not bool(torch.isnan(depth).any())


def test_rows_of_a_list_are_read_too(root: Path, tmp_path: Path, manifest: Manifest) -> None:
    rows = [manifest.where(label=label).rows[0] for label in (0, 1)]
    (tmp_path / "test.txt").write_text("".join(f"elsewhere/{image(row)} {row.label}\n" for row in rows))
    found = capture_set("celeba_spoof", root, lists={"test": tmp_path / "test.txt"}).manifest()
    assert [row.label for row in found] == [0, 1]
    assert [row.box for row in found] == [row.box for row in rows]
