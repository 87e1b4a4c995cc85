"""What every set of captures does with lists: missing files, repeats, overlaps, labels, exchanged modalities."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from facewarden.core.errors import BadInputError, FacewardenError, UnknownEntryError
from facewarden.core.labels import MODALITIES, Split
from facewarden.data.captures import capture_set, open_captures
from facewarden.data.importing import import_captures
from facewarden.data.loading import load_batch
from facewarden.data.manifest import Manifest
from twins import copied, twin

SETS = ("wmca", "casia_surf", "casia_cefa", "padisi")
CLIPS = ("wmca", "casia_surf", "casia_cefa")


def lists(folder: Path, *splits: Split) -> dict[Split, Path]:
    return {split: folder / "lists" / f"{split}.txt" for split in splits or ("train", "dev", "test")}


@pytest.mark.parametrize("name", SETS)
def test_absent_files_of_a_list_are_named_and_counted(name: str) -> None:
    with pytest.raises(BadInputError) as error:
        capture_set(name, twin(name), lists=lists(twin(name))).manifest()
    assert "files that lists name and that are not there: 1, in 1 of" in error.value.message
    assert ".jpg" in error.value.message or "t9999x.npz" in error.value.message
    assert "--missing skip" in error.value.hint


def test_of_many_absent_files_the_first_are_named(tmp_path: Path) -> None:
    folder = copied("casia_surf", tmp_path)
    for number, ir in enumerate(sorted(folder.rglob("fake_train_part/*/*/ir"))):
        if number < 4:
            shutil.rmtree(ir)
    with pytest.raises(BadInputError, match=r"and \d+ more") as error:
        capture_set("casia_surf", folder, lists=lists(folder, "train")).manifest()
    assert error.value.message.count(".jpg") == 5


@pytest.mark.parametrize("name", SETS)
def test_rows_without_their_files_are_skipped_or_marked_only_when_asked(name: str) -> None:
    folder = twin(name)
    skipped = capture_set(name, folder, lists=lists(folder), missing="skip").manifest()
    marked = capture_set(name, folder, lists=lists(folder), missing="absent").manifest()
    assert all(len(row.modalities) == 3 for row in skipped)
    partial = [row for row in marked if len(row.modalities) < 3]
    assert len(marked) == len(skipped) + len(partial)
    assert len(partial) == (0 if name == "padisi" else 1)  # of an array file, all is lost or nothing
    assert any("not there: 1" in note for note in skipped.notes)
    if partial:
        assert partial[0].modalities == ("rgb", "infrared")
        batch = load_batch(partial, root=marked.root)
        assert not batch.present["depth"].any()
        assert torch.count_nonzero(batch.images["depth"]) == 0


@pytest.mark.parametrize("name", SETS)
def test_repeated_rows_stay_unless_told_otherwise_and_are_counted(name: str) -> None:
    folder = twin(name)
    kept = capture_set(name, folder, lists=lists(folder, "train"), missing="skip").manifest()
    single = capture_set(name, folder, lists=lists(folder, "train"), missing="skip", dedup=True).manifest()
    assert len(kept) == len(single) + 1
    assert "rows that repeat an earlier one: 1" in kept.notes
    assert "rows that repeat an earlier one, left out: 1" in single.notes
    assert len({row.rgb for row in single}) == len(single)
    again = next(row for row in kept if row.key.endswith(" again 1"))
    assert [row.rgb for row in kept].count(again.rgb) == 2


@pytest.mark.parametrize("name", SETS)
def test_lists_and_rule_agree_where_lists_have_no_defect(name: str) -> None:
    folder = twin(name)
    by_rule = capture_set(name, folder).manifest()
    by_list = capture_set(name, folder, lists=lists(folder, "test")).manifest()
    facts = {row.rgb: (row.label, row.species, row.subject, row.split, row.extra["video"]) for row in by_rule}
    assert by_list.rows
    for row in by_list:
        if row.rgb in facts:
            assert facts[row.rgb] == (row.label, row.species, row.subject, "test", row.extra["video"])
    assert sum(row.rgb in facts for row in by_list) >= 0.6 * len(by_list)


@pytest.mark.parametrize("name", SETS)
def test_a_list_with_inverted_labels_is_refused(name: str, tmp_path: Path) -> None:
    text = (twin(name) / "lists" / "test.txt").read_text().splitlines()
    turned = [line[:-1] + str(1 - int(line[-1])) for line in text if line]
    path = tmp_path / "turned.txt"
    path.write_text("\n".join(turned))
    with pytest.raises(BadInputError, match=f"{len(turned)} of {len(turned)} labels contradict") as error:
        capture_set(name, twin(name), lists={"test": path}).manifest()
    assert "other way round" in error.value.hint


@pytest.mark.parametrize("name", CLIPS)
def test_two_columns_find_the_neighbors_by_component(name: str, tmp_path: Path) -> None:
    rows = [line.split() for line in (twin(name) / "lists" / "test.txt").read_text().splitlines()]
    path = tmp_path / "two.txt"
    path.write_text("\n".join(f"{row[0]} {row[3]}" for row in rows))
    two = capture_set(name, twin(name), lists={"test": path}).manifest()
    four = capture_set(name, twin(name), lists=lists(twin(name), "test")).manifest()
    assert two.rows == four.rows


@pytest.mark.parametrize("name", CLIPS)
def test_color_in_the_place_of_depth_is_refused(name: str, tmp_path: Path) -> None:
    rows = [line.split() for line in (twin(name) / "lists" / "test.txt").read_text().splitlines()]
    for order in ((0, 0, 0, 3), (0, 2, 1, 3), (1, 0, 2, 3)):
        path = tmp_path / "list.txt"
        path.write_text("\n".join(" ".join(row[i] for i in order) for row in rows))
        with pytest.raises(BadInputError, match=r"row 1: .*(stands where|is no color image)"):
            capture_set(name, twin(name), lists={"test": path}).manifest()


@pytest.mark.parametrize("name", CLIPS)
def test_a_modality_folder_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    folder = copied(name, tmp_path)
    victim = sorted(path for path in folder.rglob("depth") if path.is_dir() and "CeFA-Mask" not in path.parts)[0]
    shutil.rmtree(victim)
    with pytest.raises(BadInputError, match=r"captures that lack a modality: 3, in 3 of .*\(depth\)"):
        capture_set(name, folder).manifest()
    kept = capture_set(name, folder, missing="absent").manifest()
    assert sum("depth" not in row.modalities for row in kept) == 3
    assert len(capture_set(name, folder, missing="skip").manifest()) == len(kept) - 3


@pytest.mark.parametrize("name", SETS)
def test_subjects_of_the_splits_are_disjoint_and_carry_the_sets_name(name: str) -> None:
    manifest = capture_set(name, twin(name)).manifest()
    people = [set(manifest.where(split=split).subjects) for split in ("train", "dev", "test")]
    assert sum(map(len, people)) == len(set.union(*people))
    assert all(subject.startswith(f"{name}/") for subject in set.union(*people))


def test_sets_join_without_clashes(tmp_path: Path) -> None:
    manifests = [open_captures(f"{name}:{twin(name)}") for name in SETS]
    joined = Manifest.joined(manifests, name="all")
    assert len(joined) == sum(map(len, manifests))
    assert set(joined.domains) == set(SETS)
    for name, alone in zip(SETS, manifests, strict=True):
        row = joined.where(domain=name).rows[0]
        one, other = load_batch([row], root=joined.root), load_batch(alone.rows[:1], root=alone.root)
        assert all(torch.equal(one.images[modality], other.images[modality]) for modality in MODALITIES)
    again = Manifest.joined([manifests[0], Manifest(manifests[0].rows, manifests[0].root, "copy")], name="twice")
    assert len({row.key for row in again}) == 2 * len(manifests[0])


def test_an_unknown_layout_and_a_set_of_photos_are_refused() -> None:
    with pytest.raises(FacewardenError, match="wmka"):
        capture_set("wmka", twin("wmca"))
    with pytest.raises(BadInputError, match="no set of captures") as error:
        capture_set("orl", twin("wmca"))
    assert "wmca" in error.value.hint


@pytest.mark.parametrize(
    ("typed", "meant"), [("wmka:/tmp", "wmca:/tmp"), ("Padisi:x", "padisi:x"), ("casia-surf:x y", "casia_surf:x y")]
)
def test_a_misspelt_set_is_told_which_one_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(UnknownEntryError, match=f"no set of captures .*; did you mean {meant}\\?") as error:
        open_captures(typed)
    assert "wmca:PATH" in error.value.hint
    with pytest.raises(UnknownEntryError, match=f"did you mean {meant}"):
        import_captures(typed, out=Path("never.csv"))


def test_paths_with_a_colon_are_paths(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="unknown kind of table"):
        open_captures("C:/sets/wmca")
    with pytest.raises(BadInputError, match="no such table"):
        open_captures("sets:old.csv")
    (tmp_path / "sets:old").mkdir()
    with pytest.raises(BadInputError, match="no manifest in this folder"):
        open_captures(tmp_path / "sets:old")


def test_a_path_that_exists_comes_before_the_name_of_a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiny_captures import write_captures

    monkeypatch.chdir(tmp_path)
    (tmp_path / "wmca:mine").mkdir()
    write_captures(tmp_path / "wmca:mine").rename(tmp_path / "wmca:mine" / "manifest.csv")
    assert len(open_captures("wmca:mine")) == 36
