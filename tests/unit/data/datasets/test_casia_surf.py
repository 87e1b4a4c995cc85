"""CASIA-SURF: the rule's counts on the full set's names, numbers that are not padded, clips in the wrong part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.captures import capture_set
from facewarden.data.datasets.casia_surf import CUTOUTS, SPLIT_WORDS, CasiaSurf
from facewarden.data.datasets.parts.clips import Listing
from twins import copied, twin

PEOPLE = {"train": 300, "val": 100, "test": 600}
NOT_THERE = {"train": 1, "val": 0, "test": 12}
"""Attack clips that are not there, as the counts imply: 5,397 = 3 x (1,800 - 1), 10,764 = 3 x (3,600 - 12)."""


def full_set() -> Iterator[tuple[tuple[str, ...], dict[str, list[str]]]]:
    names = [f"{number}.jpg" for number in (1, 11, 101)]
    for split, people in PEOPLE.items():
        lost = NOT_THERE[split]
        for person in range(people):
            for kind in ("real", *CUTOUTS):
                if kind == CUTOUTS[0] and person < lost:
                    continue
                part = "real" if kind == "real" else "fake"
                parts = (f"{part}_part", f"{part}_{split}_part", f"CLKJ_AS{person + 1:04d}", f"{kind}.rssdk")
                yield parts, {"rgb": names, "depth": names[::-1], "infrared": names}


def rows_of(listing: Listing) -> list[tuple[str, int]]:
    made = capture_set("casia_surf", twin("casia_surf"))
    assert isinstance(made, CasiaSurf)
    return [(frame.split, int(frame.label or 0)) for frame in made.select(listing)]


def test_the_rule_gives_the_published_counts() -> None:
    assert set(SPLIT_WORDS) == set(PEOPLE)
    counts = Counter(rows_of(full_set()))  # type: ignore[arg-type]
    assert counts == {
        ("train", 1): 900, ("train", 0): 5397, ("dev", 1): 300, ("dev", 0): 1800, ("test", 1): 1800, ("test", 0): 10764,
    }  # fmt: skip


def test_frames_are_spread_by_number_not_by_text() -> None:
    made = capture_set("casia_surf", twin("casia_surf"))
    assert isinstance(made, CasiaSurf)
    names = [f"{number}.jpg" for number in (1, 11, 101, 2, 21, 9)]
    parts = ("real_part", "real_train_part", "CLKJ_AS0001", "real.rssdk")
    frames = list(made.select([(parts, {"rgb": names, "depth": names, "infrared": names})]))
    assert [frame.number for frame in frames] == ["2", "11", "101"]
    assert frames[0].paths["depth"] == "real_part/real_train_part/CLKJ_AS0001/real.rssdk/depth/2.jpg"


def test_a_short_clip_repeats_its_frames_as_the_lists_do() -> None:
    manifest = capture_set("casia_surf", twin("casia_surf")).manifest()
    short = [row for row in manifest if row.attributes["attack_group"] == f"cut-out {CUTOUTS[-1]}"]
    per_clip = Counter(row.extra["video"] for row in short)
    assert set(per_clip.values()) == {3}
    assert len({row.rgb for row in short}) == 2 * len(per_clip)


def test_every_attack_is_a_cutout_and_people_keep_their_number() -> None:
    manifest = capture_set("casia_surf", twin("casia_surf")).manifest()
    assert set(manifest.counts("species")) == {"bona_fide", "print_cutout"}
    assert {row.attributes["attack_group"] for row in manifest if row.label == 0} == {f"cut-out {k}" for k in CUTOUTS}
    assert "casia_surf/AS0001" in manifest.subjects


def test_a_cutout_among_the_real_ones_is_refused(tmp_path: Path) -> None:
    folder = copied("casia_surf", tmp_path)
    who = next((folder / "CASIA-SURF-CROP/real_part/real_train_part").iterdir())
    (who / "real.rssdk").rename(who / "01_e_s.rssdk")
    with pytest.raises(BadInputError, match="01_e_s clip among the real ones"):
        capture_set("casia_surf", folder).manifest()


@pytest.mark.parametrize(
    "parts",
    [
        ("real_part", "real_train_part", "CLKJ_AS0001", "07_x.rssdk"),
        ("real_part", "fake_train_part", "CLKJ_AS0001", "real.rssdk"),
        ("real_part", "real_train_part", "AS0001", "real.rssdk"),
        ("real_part", "real_train_part", "real.rssdk"),
    ],
)
def test_other_names_are_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(BadInputError, match="not a clip of casia_surf"):
        rows_of([(parts, {"rgb": ["1.jpg"]})])


def test_the_folder_may_be_given_at_any_of_its_levels() -> None:
    root = twin("casia_surf")
    rows = capture_set("casia_surf", root).manifest().rows
    for path in (root / "CASIA-SURF-CROP", root / "CASIA-SURF-CROP" / "real_part"):
        assert capture_set("casia_surf", path).manifest().rows == rows
