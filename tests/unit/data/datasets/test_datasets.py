from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.folder import Folder
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.datasets.london import London
from facewarden.data.datasets.orl import Orl
from facewarden.data.datasets.parts.lfw_photos import USERS_HAVE
from facewarden.data.datasets.scrapshots import ScrapShots
from facewarden.data.datasets.simulated import Simulated
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.photo_files import photos_of
from facewarden.data.sample import Sample


def put(*paths: Path) -> None:
    """Write a tiny picture at every path."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            Image.fromarray(np.zeros((4, 4, 3), dtype=np.uint8)).save(file, format="PNG")


def test_folder_with_people(tmp_path: Path) -> None:
    put(tmp_path / "p10" / "1.png", tmp_path / "p2" / "deep" / "b.JPG", tmp_path / "p2" / "a.png", tmp_path / "x.png")
    (tmp_path / "p2" / "notes.txt").write_text("no picture")
    (tmp_path / "p2" / "._a.png").write_bytes(b"a hidden companion file")
    (tmp_path / "empty").mkdir()
    (tmp_path / "p2" / "loop").symlink_to(tmp_path)
    found = Folder(tmp_path)
    assert [(photo.identity, photo.key) for photo in found.photos()] == [
        ("p2", "p2/a.png"),
        ("p2", "p2/deep/b.JPG"),
        ("p10", "p10/1.png"),
    ]
    assert found.notes == (
        "1 loose photos beside the folders of people are left out",
        "1 x hidden file, not read",
        "1 x link to a folder, not followed",
        "1 x not read: .txt",
    )
    assert found.name == tmp_path.name
    assert not found.simulated


def test_flat_folder_is_one_person_a_stem_and_says_so(tmp_path: Path) -> None:
    put(tmp_path / "ann.png", tmp_path / "bob.jpg", tmp_path / "bob.png")
    found = open_dataset(str(tmp_path))
    assert [(photo.identity, photo.key) for photo in found.photos()] == [
        ("ann", "ann.png"),
        ("bob", "bob.jpg"),
        ("bob", "bob.png"),
    ]
    assert "flat folder" in found.notes[0]


@pytest.mark.skipif(os.name != "posix", reason="names that are not UTF-8 exist on POSIX only")
def test_names_that_are_not_utf8_stay_distinct_and_printable(tmp_path: Path) -> None:
    for name in (b"\xff", b"\xfe"):
        put(tmp_path / os.fsdecode(name) / os.fsdecode(b"\xe4.png"))
    photos = Folder(tmp_path).photos()
    assert sorted(photo.identity for photo in photos) == ["\\xfe", "\\xff"]
    assert len({photo.public_id for photo in photos}) == 2
    for photo in photos:
        photo.key.encode("utf-8")
        assert read_photo(photo.path).shape == (4, 4, 3)


def test_folders_without_photos(tmp_path: Path) -> None:
    (tmp_path / "somebody").mkdir()
    with pytest.raises(BadInputError, match="no photos") as raised:
        Folder(tmp_path).photos()
    assert "one folder per person" in raised.value.hint
    (tmp_path / "file.bin").write_bytes(b"x")
    with pytest.raises(BadInputError, match="cannot be listed"):
        open_dataset(tmp_path / "file.bin")


def test_lfw_layout_pairs_and_parts(tmp_path: Path) -> None:
    people = tmp_path / "lfw-deepfunneled"
    put(*(people / "Many_Shots" / f"Many_Shots_{i:04d}.jpg" for i in range(1, 11)))
    put(people / "One_Shot" / "One_Shot_0001.jpg", people / "One_Shot" / "thumb.jpg")
    put(people / "Two_Shots" / "Two_Shots_0001.jpg", people / "Two_Shots" / "Two_Shots_0002.jpg")
    lfw = Lfw(tmp_path)
    photos = lfw.photos()
    assert len(photos) == 13
    assert not any("Shot" in photo.identity + photo.key + photo.public_id for photo in photos)  # nobody is named
    assert len(lfw.part("users")) == 10
    assert {photo.path.parent.name for photo in lfw.part("train")} == {"One_Shot", "Two_Shots"}
    assert Lfw(people).photos() == photos

    (tmp_path / "pairs.txt").write_text(
        "2\t1\n"
        "Many_Shots\t1\t10\n"
        "Many_Shots\t2\tOne_Shot\t1\n"
        "Two_Shots\t1\t3\n"  # the third is not there
        "One_Shot\t1\tTwo_Shots\t2\n",
        encoding="utf-8",
    )
    official = lfw.pairs()
    assert [(pair.fold, pair.same) for pair in official.pairs] == [(0, True), (0, False), (1, False)]
    assert [pair.second.path.name for pair in official.pairs] == [
        "Many_Shots_0010.jpg",
        "One_Shot_0001.jpg",
        "Two_Shots_0002.jpg",
    ]
    assert official.missing == 1
    (tmp_path / "pairs.tsv").write_text(
        "fold\tsame\tname1\tindex1\tname2\tindex2\n"
        "0\t1\tMany_Shots\t1\tMany_Shots\t10\n"
        "0\t0\tMany_Shots\t2\tOne_Shot\t1\n"
        "1\t1\tTwo_Shots\t1\tTwo_Shots\t3\n"
        "1\t0\tOne_Shot\t1\tTwo_Shots\t2\n",
        encoding="utf-8",
    )
    assert lfw.pairs() == official
    assert Lfw(people).pairs() == official  # looks beside the people's folder too


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"10 300\n",
        b"10\t300\nA\t1\t2\n",
        b"1\t1\nA\t1\t2\nA\tx\tB\t2\n",
        b"fold\tsame\n0\t2\tA\t1\tB\t1\n",
    ],
)
def test_lists_that_are_no_pairs(tmp_path: Path, content: bytes) -> None:
    put(tmp_path / "A" / "A_0001.jpg")
    (tmp_path / "pairs.txt").write_bytes(content)
    with pytest.raises(BadInputError, match=r"pairs\.txt"):
        Lfw(tmp_path).pairs()


def test_london_landmarks(tmp_path: Path) -> None:
    put(tmp_path / "neutral" / "001.jpg", tmp_path / "smiling" / "001.jpg")
    points = tmp_path / "neutral" / "001.pts"
    points.write_text("\n".join(f"{i} {i + 0.5}" for i in range(189)), encoding="ascii")
    neutral, smiling = London(tmp_path).photos()
    nose = (54 + 60 + 179 + 182) / 4
    assert neutral.landmarks == ((0.0, 0.5), (1.0, 1.5), (nose, nose + 0.5), (87.0, 87.5), (93.0, 93.5))
    assert smiling.landmarks is None
    assert {neutral.identity, smiling.identity} == {"001"}
    for damaged in (b"1 2\n", b"\xff", b"nan nan\n" * 189, b"1 2 3\n" * 189, b""):
        points.write_bytes(damaged)
        with pytest.raises(BadInputError, match=r"001\.pts"):
            London(tmp_path).photos()


def test_simulated_takes_bona_fide_rows(tmp_path: Path) -> None:
    live = Sample(
        key="k1",
        split="dev",
        label=1,
        species="bona_fide",
        subject="s1",
        domain="alder",
        rgb="images/1.png",
        landmarks=((1.0, 1.0), (3.0, 1.0), (2.0, 2.0), (1.0, 3.0), (3.0, 3.0)),
        simulated=True,
    )
    attack = replace(live, key="k2", label=0, species="replay_pc", rgb="images/2.png")
    no_color = replace(live, key="k3", rgb=None, depth="d.png")
    Manifest((live, attack, no_color), tmp_path, "set").write(tmp_path / "manifest.csv")
    for spec in (str(tmp_path), f"simulated:{tmp_path}", str(tmp_path / "manifest.csv")):
        found = open_dataset(spec)
        assert isinstance(found, Simulated)
        assert found.simulated
        (photo,) = found.photos()
        assert (photo.key, photo.identity, photo.landmarks) == ("k1", "s1", live.landmarks)
        assert photo.path == tmp_path / "images" / "1.png"


def test_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "orl" / "s1" / "1.pgm")
    assert isinstance(open_dataset(f"orl:{tmp_path / 'orl'}"), Orl)
    assert isinstance(open_dataset(tmp_path / "orl"), Folder)
    for spec, message, hint in (
        ("lfw", "lfw cannot be fetched", "lfw:PATH"),
        ("lfw:", "no path after the colon", "lfw:PATH"),
        ("lfv:/absent", "did you mean lfw:PATH", "one of folder, lfw"),
        ("olr", "did you mean orl?", "one folder per person"),
        (str(tmp_path / "absent"), "neither a folder nor a known set", "one folder per person"),
        (f"london:{tmp_path / 'absent'}", "no such folder", ""),
        ("a\0b", "neither", ""),
    ):
        with pytest.raises(BadInputError, match=message.replace("?", r"\?")) as raised:
            open_dataset(spec)
        assert hint in raised.value.hint
    monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path / "nothing"))
    for name in ("orl", "scrapshots"):
        with pytest.raises(MissingAssetError) as missing:
            open_dataset(name)
        assert missing.value.hint == f"facewarden fetch {name}"


def test_a_path_that_exists_comes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("orl", "lfw:mine"):
        put(tmp_path / name / "s1" / "1.png")
        assert isinstance(open_dataset(name), Folder)


@pytest.mark.parametrize(
    ("given", "what", "hint"),
    [
        ("clip.MP4", "is a video", "ffmpeg"),
        ("face.heic", "is a HEIC picture", "heif-convert"),
        ("https://example.org/faces.zip", "is a URL", "curl -O"),
    ],
)
def test_what_holds_no_photos_gets_a_hint_that_fits(
    given: str, what: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("facewarden.data.video.file_kinds.reads_heic", lambda: False)
    monkeypatch.setattr("facewarden.data.photo_files.reads_heic", lambda: False)
    if "//" not in given:
        (tmp_path / given).write_bytes(b"0000")
    for open_it in (open_dataset, lambda text: photos_of(Path(text))):
        with pytest.raises(BadInputError, match=what) as raised:
            open_it(given)
        assert hint in raised.value.hint
    if "//" not in given:  # alone in a folder
        with pytest.raises(BadInputError, match=f"holds no photos; what is there {what}"):
            photos_of(tmp_path)


@pytest.mark.parametrize(
    ("brand", "what"), [(b"heic", "is a HEIC picture"), (b"mif1", "is a HEIC picture"), (b"isom", "is a video")]
)
def test_a_wrong_suffix_hides_neither(brand: bytes, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facewarden.data.video.file_kinds.reads_heic", lambda: False)
    path = tmp_path / "renamed.jpg"
    path.write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0" * 64)
    with pytest.raises(BadInputError, match=what):
        read_photo(path)
    with pytest.raises(BadInputError, match=what):
        photos_of(path)


def test_a_jpeg_with_another_suffix_is_a_photo(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.heic")
    assert photos_of(tmp_path / "a.heic").photos == (tmp_path / "a.heic",)


def test_fetched_orl_is_complete(need_asset: Callable[[str], Path]) -> None:
    need_asset("orl")
    photos = open_dataset("orl").photos()
    assert Counter(photo.identity for photo in photos) == {f"s{i}": 10 for i in range(1, 41)}
    assert photos[9].key == "s1/10"
    assert read_photo(photos[0].path).shape == (112, 92, 3)


def test_fetched_scrapshots_is_complete(need_asset: Callable[[str], Path]) -> None:
    need_asset("scrapshots")
    found = open_dataset("scrapshots")
    assert isinstance(found, ScrapShots)
    photos = found.photos()
    assert len(photos) == 173
    assert len({photo.identity for photo in photos}) == 30
    eyes = found.eyes()
    assert set(eyes) == {photo.key for photo in photos}
    height, width = read_photo(photos[0].path).shape[:2]
    assert all(0 < left[0] < right[0] < width and 0 < left[1] < height for left, right in eyes.values())


def test_shared_lfw_has_the_counts_of_its_readme(shared_data: Path) -> None:
    lfw = Lfw(shared_data / "lfw")
    photos = lfw.photos()
    count = Counter(photo.identity for photo in photos)
    assert (len(photos), len(count), sum(held >= 10 for held in count.values())) == (10809, 5709, 118)
    pairs = lfw.pairs()
    assert (len(pairs.pairs), pairs.missing) == (5686, 0)
    assert all((pair.first.identity == pair.second.identity) == pair.same for pair in pairs.pairs)


def test_shared_london_landmarks_are_on_the_face(shared_data: Path) -> None:
    photos = open_dataset(f"london:{shared_data / 'london'}").photos()
    assert (len(photos), len({photo.identity for photo in photos})) == (204, 102)
    points = np.array([photo.landmarks for photo in photos if photo.landmarks])
    assert points.shape == (102, 5, 2)
    left, right, nose, mouth_left, mouth_right = points.transpose(1, 0, 2)
    assert bool((left[:, 0] < nose[:, 0]).all() and (nose[:, 0] < right[:, 0]).all())
    assert bool((left[:, 1] < nose[:, 1]).all() and (nose[:, 1] < mouth_left[:, 1]).all())
    assert bool((mouth_left[:, 0] < mouth_right[:, 0]).all())


def test_nobody_is_both_learned_from_and_tested_on_in_lfw(tmp_path: Path) -> None:
    counts = {"Ann_Doe": USERS_HAVE, "Bo_Roe": USERS_HAVE - 1, "Cy_Poe": USERS_HAVE + 1, "Di_Moe": 1}
    for name, count in counts.items():
        put(*(tmp_path / name / f"{name}_{number:04d}.jpg" for number in range(1, count + 1)))
    whole, train, users = (open_dataset(f"{name}:{tmp_path}") for name in ("lfw", "lfw_train", "lfw_users"))
    assert [len(one.photos()) for one in (train, users)] == [USERS_HAVE, 2 * USERS_HAVE + 1]
    assert {photo.key for photo in train.photos()} | {photo.key for photo in users.photos()} == {
        photo.key for photo in whole.photos()
    }
    assert not {photo.identity for photo in train.photos()} & {photo.identity for photo in users.photos()}
    assert (train.name, users.name) == ("lfw_train", "lfw_users")
