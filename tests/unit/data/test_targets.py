"""Targets of the multitask heads: worked values, what each class has, and labels that none of the published are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.labels import SPECIES_BY_VERSION
from facewarden.core.tasks import HEADS, SPOOF_TYPES
from facewarden.data.loading import load_batch
from facewarden.data.sample import Sample
from facewarden.data.targets import REACH, TYPE_OF_SPECIES, read_target

TASKS = tuple(head for head in HEADS if head != "live")
MARKS = "01?" + "0" * 36 + "1"


def sample(label: int, **changes: object) -> Sample:
    made = Sample(
        "k", "train", label, "bona_fide" if label else "replay_phone", "s", "d", rgb="k.png", box=(2.0, 2.0, 6.0, 6.0)
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def frame() -> np.ndarray:
    return np.full((8, 10, 3), 0.5, np.float32)


def test_codes_of_a_bona_fide_presentation_are_zero_and_those_of_an_attack_come_from_what_is_known(
    tmp_path: Path,
) -> None:
    live, attack = sample(1, illumination="back"), sample(0, illumination="back")
    assert [read_target(h, live, root=tmp_path, frame=None) for h in ("spoof_type", "illumination")] == [0, 0]
    assert [read_target(h, attack, root=tmp_path, frame=None) for h in ("spoof_type", "illumination")] == [9, 3]
    told = sample(0, extra={"spoof_type": "5"})
    assert read_target("spoof_type", told, root=tmp_path, frame=None) == 5
    assert read_target("illumination", told, root=tmp_path, frame=None) == -1
    assert read_target("spoof_type", sample(0, species="makeup"), root=tmp_path, frame=None) == -1
    assert set(TYPE_OF_SPECIES) == set(SPECIES_BY_VERSION[2])
    assert {SPOOF_TYPES[code] for code in TYPE_OF_SPECIES.values()} >= {"live", "photo", "a4", "pc", "3d_mask"}


@pytest.mark.parametrize(("label", "code"), [(0, "11"), (0, "-1"), (0, "x"), (0, "0"), (1, "3")])
def test_a_spoof_type_that_is_none_or_of_the_other_class_is_refused(tmp_path: Path, label: int, code: str) -> None:
    with pytest.raises(BadInputError, match=r"'k'.*spoof type") as raised:
        read_target("spoof_type", sample(label, extra={"spoof_type": code}), root=tmp_path, frame=None)
    assert "10" in raised.value.hint


def test_attributes_are_forty_marks_of_a_bona_fide_face_and_none_of_an_attack(tmp_path: Path) -> None:
    found = read_target("attributes", sample(1, attributes={"celeba": MARKS}), root=tmp_path, frame=None)
    assert isinstance(found, np.ndarray)
    assert found[:2].tolist() == [0.0, 1.0]
    assert np.isnan(found[2])
    assert found[39] == 1.0
    attack = read_target("attributes", sample(0, attributes={"celeba": MARKS}), root=tmp_path, frame=None)
    assert np.array_equal(attack, np.zeros(40))
    assert np.isnan(read_target("attributes", sample(1), root=tmp_path, frame=None)).all()


@pytest.mark.parametrize("marks", ["0" * 39, "0" * 43, "2" * 40])
def test_attributes_of_another_length_or_alphabet_are_refused(tmp_path: Path, marks: str) -> None:
    with pytest.raises(BadInputError, match=r"'k'.*attributes"):
        read_target("attributes", sample(1, attributes={"celeba": marks}), root=tmp_path, frame=None)


def test_depth_is_one_at_the_nearest_point_of_the_face_and_zero_where_nothing_is(tmp_path: Path) -> None:
    tenths = np.full((8, 10), 10000, np.uint16)
    tenths[3:6, 3:6] = 5000
    tenths[2, 2] = 5000 + int(REACH * 10) // 2
    tenths[0, 0] = 0
    cv2.imwrite(str(tmp_path / "d.png"), tenths)
    known = sample(1, extra={"truedepth": "d.png"})
    found = read_target("depth_map", known, root=tmp_path, frame=frame())
    assert isinstance(found, np.ndarray)
    assert found.shape == (8, 10, 1)
    assert found[4, 4, 0] == 1.0
    assert found[2, 2, 0] == pytest.approx(0.5)
    assert found[7, 9, 0] == found[0, 0, 0] == 0.0
    attack = read_target("depth_map", sample(0, extra={"truedepth": "d.png"}), root=tmp_path, frame=frame())
    assert not np.asarray(attack).any(), "an attack has no depth"
    assert np.isnan(read_target("depth_map", sample(1), root=tmp_path, frame=frame())).all()


def test_reflection_is_the_file_of_an_attack_and_nothing_of_a_bona_fide_face(tmp_path: Path) -> None:
    gray = np.zeros((8, 10), np.uint8)
    gray[1, 2] = 51
    cv2.imwrite(str(tmp_path / "r.png"), gray)
    found = read_target("reflection_map", sample(0, extra={"reflection": "r.png"}), root=tmp_path, frame=frame())
    assert isinstance(found, np.ndarray)
    assert found[1, 2].tolist() == pytest.approx([1.055 * 0.2 ** (1 / 2.4) - 0.055] * 3, abs=1e-6)
    assert float(np.delete(found.reshape(-1, 3), 12, axis=0).sum()) == 0.0
    live = read_target("reflection_map", sample(1, extra={"reflection": "r.png"}), root=tmp_path, frame=frame())
    assert not np.asarray(live).any()
    assert np.isnan(read_target("reflection_map", sample(0), root=tmp_path, frame=frame())).all()


def test_pseudo_maps_are_made_only_on_request(tmp_path: Path) -> None:
    depth = read_target("depth_map", sample(1, extra={"maps": "pseudo"}), root=tmp_path, frame=frame())
    assert isinstance(depth, np.ndarray)
    assert depth[3:5, 3:5].min() > 0.9
    assert depth[0].max() == depth[:, 9].max() == 0.0
    image = frame()
    image[3:5, 3:5] = 1.0
    shine = read_target("reflection_map", sample(0, extra={"maps": "pseudo"}), root=tmp_path, frame=image)
    assert isinstance(shine, np.ndarray)
    assert shine[3:5, 3:5].min() > shine[0].max() >= 0.0


def test_a_map_of_another_size_or_without_its_image_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "d.png"), np.ones((4, 4), np.uint16))
    known = sample(1, extra={"truedepth": "d.png"})
    with pytest.raises(BadInputError, match=r"\(4, 4\).*\(8, 10\)"):
        read_target("depth_map", known, root=tmp_path, frame=frame())
    with pytest.raises(BadInputError, match="color"):
        read_target("depth_map", known, root=tmp_path, frame=None)
    with pytest.raises(BadInputError, match="smile"):
        read_target("smile", known, root=tmp_path, frame=frame())


def test_targets_travel_in_the_batch_on_the_grid_of_the_frames(tmp_path: Path) -> None:
    tenths = np.full((8, 10), 9000, np.uint16)
    tenths[2:6, 2:6] = 5000
    cv2.imwrite(str(tmp_path / "d.png"), tenths)
    cv2.imwrite(str(tmp_path / "k.png"), np.full((8, 10, 3), 99, np.uint8))
    box = (0.0, 0.0, 8.0, 8.0)
    rows = [
        sample(1, extra={"truedepth": "d.png"}, attributes={"celeba": MARKS}, box=box),
        sample(0, illumination="dark", key="other", box=box),
    ]
    batch = load_batch(rows, root=tmp_path, modalities=("rgb",), targets=TASKS)
    assert {head: tuple(value.shape) for head, value in batch.tasks.items()} == {
        "attributes": (2, 40), "spoof_type": (2,), "illumination": (2,), "depth_map": (2, 1, 8, 10),
        "reflection_map": (2, 3, 8, 10),
    }  # fmt: skip
    assert batch.tasks["spoof_type"].tolist() == [0, 9]
    assert batch.tasks["illumination"].tolist() == [0, 4]
    assert float(batch.tasks["depth_map"][0, 0, 3, 3]) == 1.0
    small = load_batch(rows, root=tmp_path, modalities=("rgb",), targets=TASKS, size=20)
    assert small.tasks["depth_map"].shape == (2, 1, 20, 20)
    assert float(small.tasks["depth_map"][0, 0, 8, 8]) == 1.0
    assert bool(small.tasks["reflection_map"][1].isnan().all()), "padding is not known either"
    assert not load_batch(rows, root=tmp_path, modalities=("rgb",)).tasks
