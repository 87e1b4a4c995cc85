"""What the London set says of its people: read from its own table, and used for rates by group."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facewarden
from facewarden.cli import main
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.london import London
from facewarden.data.table import write_table
from facewarden.evaluation.verification import verify
from facewarden.evaluation.verification_groups import errors_by_group
from facewarden.verbs.evaluate import evaluate_verification

HEADER = "face_id,face_age,face_gender,face_eth\n"


class Means(Recognizer):
    """Sees the mean color alone."""

    card = Card("means", "mean color", "recognizer", match_threshold=0.97)
    dim = 3

    def features(self, images):  # type: ignore[no-untyped-def]
        return images.mean(dim=(2, 3)) - 0.2


def london(folder: Path, *, people: int = 12) -> Path:
    """A twin of the set: who is `female` here looks alike to `Means`, the others do not."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(people):
        who, female = f"{number + 1:03d}", number % 2 == 0
        color = np.array([150, 100, 100]) + rng.normal(0, 2, 3) if female else rng.uniform(40, 230, 3)
        for pose in ("neutral", "smiling"):
            (folder / pose).mkdir(parents=True, exist_ok=True)
            noise = np.clip(rng.normal(color, 6, (112, 112, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noise).save(folder / pose / f"{who}.png")
        age = ["18", "30", "31", "50", "54", "NA"][number % 6]
        rows.append(f"{who},{age},{'female' if female else 'male'},{'white' if number % 3 else 'NA'}")
    (folder / "info.csv").write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_the_table_of_the_set_gives_age_bands_gender_and_ethnicity(tmp_path: Path) -> None:
    told = London(london(tmp_path)).attributes()
    assert told["001"] == {"gender": "female", "age_band": "18-30"}  # NA is not a group
    assert told["002"] == {"gender": "male", "age_band": "18-30", "ethnicity": "white"}
    assert [told[f"{n:03d}"].get("age_band") for n in (3, 4, 5, 6)] == ["31-50", "31-50", "51-70", None]
    (tmp_path / "info.csv").unlink()
    assert London(tmp_path).attributes() == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("face_id,face_age\n001,24\n", "no column face_gender, face_eth"),
        (HEADER + "001,old,female,white\n", "row 1: could not convert"),
        (HEADER + "001,24\n", "info.csv"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, text: str, words: str) -> None:
    london(tmp_path, people=2)
    (tmp_path / "info.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError, match=words):
        London(tmp_path).attributes()


def test_rates_by_group_are_those_of_pairs_within_it_and_stand_beside_chance(tmp_path: Path) -> None:
    (found,) = verify([Means()], [f"london:{london(tmp_path)}"], aligner="precropped", rounds=100)
    assert found.groups is not None
    assert set(found.groups.by) == {"gender", "age_band"}  # ethnicity has one known group here
    gender = found.groups.by["gender"]
    photos = open_dataset(f"london:{tmp_path}").photos()
    pixels = np.stack([np.asarray(Image.open(photo.path)) for photo in photos]) / 255
    vectors = pixels.mean(axis=(1, 2)) - 0.2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    who = np.array([int(photo.identity) for photo in photos])
    similar = vectors @ vectors.T
    for group, parity in (("female", 1), ("male", 0)):
        rows = np.flatnonzero(who % 2 == parity)
        wrong, right = [], []
        for place, one in enumerate(rows):
            for other in rows[place + 1 :]:
                (right if who[one] == who[other] else wrong).append(similar[one, other] >= 0.97)
        fmr, fnmr = gender.rates[group]
        assert fmr is not None
        assert fnmr is not None
        assert fmr.value == pytest.approx(np.mean(wrong))
        assert fnmr.value == pytest.approx(1 - np.mean(right))
        assert (fmr.n, fnmr.n, gender.subjects[group]) == (60, 6, 6)
    gap = next(one for one in gender.measures if one.name == "gap_first")
    assert gap.value is not None
    assert gap.expected is not None
    assert gap.value > 2 * gap.expected
    assert gap.p < 0.05


def test_the_files_and_the_figures_hold_the_groups(tmp_path: Path) -> None:
    result = evaluate_verification(
        recognizer=(Means(),), dataset=(f"london:{london(tmp_path / 'set')}",), aligner="precropped", seed=0, run=None,
        out=tmp_path / "out",
    )  # fmt: skip
    held = json.loads((tmp_path / "out" / "verification.json").read_text(encoding="utf-8"))["results"][0]
    assert held["groups"]["threshold"] == 0.97
    assert set(held["groups"]["by"]["gender"]["rates"]) == {"female", "male"}
    page = (tmp_path / "out" / "verification.md").read_text(encoding="utf-8")
    assert "### Demographic differentials of means" in page
    assert "By chance" in page
    rates = [one for one in result.metrics if one.name == "fmr" and one.group["attribute"] == "gender"]
    assert {one.group["group"] for one in rates} == {"female", "male"}
    fdr = next(one for one in result.metrics if one.name == "fdr" and one.group["attribute"] == "gender")
    assert "by chance" in fdr.note


def test_without_a_threshold_on_the_card_a_note_says_why() -> None:
    people = {"a": {"sex": "f"}, "b": {"sex": "m"}}
    found, why = errors_by_group(people, np.array(["a", "b"]), np.eye(2), threshold=None, seed=0, rounds=10)
    assert found is None
    assert "states no match_threshold" in why


def scores(folder: Path) -> Path:
    rows = range(48)
    columns = {"score": [float((n * 7) % 11) + (n % 2) * 4 for n in rows], "label": [n % 2 for n in rows],
               "subject": [f"{n // 4 + 1:03d}" for n in rows]}  # fmt: skip
    write_table(folder / "scores.csv", columns)
    return folder / "scores.csv"


def pairs(folder: Path) -> Path:
    rows = [(a, b) for a in range(1, 13) for b in range(a, 13)]
    columns = {"score": [3.0 * (a == b) + (a * b % 7) / 7 for a, b in rows], "same": [int(a == b) for a, b in rows],
               "subject_a": [f"{a:03d}" for a, _ in rows], "subject_b": [f"{b:03d}" for _, b in rows]}  # fmt: skip
    write_table(folder / "pairs.csv", columns)
    return folder / "pairs.csv"


@pytest.mark.parametrize(
    ("verb", "made", "options"),
    [("scores", scores, ["--threshold", "6"]), ("comparisons", pairs, ["--threshold", "1"])],
)
def test_tables_of_scores_take_their_groups_from_the_set(
    tmp_path: Path, verb: str, made: Callable[[Path], Path], options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table, groups = made(tmp_path), f"london:{london(tmp_path / 'set')}"
    arguments = ["evaluate", verb, str(table), *options, "--groups"]
    assert main([*arguments, groups]) == 0
    assert "gender" in capsys.readouterr().out
    assert main([*arguments, f"london:{tmp_path / 'absent'}"]) == 2
    assert "absent" in capsys.readouterr().err
    (tmp_path / "set" / "info.csv").unlink()
    assert main([*arguments, groups]) == 2
    assert "says nothing of its people" in capsys.readouterr().err


def test_simulated_people_bring_their_attributes(tmp_path: Path) -> None:
    from facewarden.data.manifest import Manifest
    from facewarden.data.sample import Sample

    rows = [
        Sample(key=f"{who}{n}", split="test", label=1, species="bona_fide", subject=who, domain="alder",
               rgb=f"{who}{n}.png", simulated=True, attributes={"sex": sex, "glasses": str(n)})
        for who, sex in (("a", "f"), ("b", "m")) for n in range(2)
    ]  # fmt: skip
    Manifest(tuple(rows), root=tmp_path, name="m").write(tmp_path / "manifest.csv")
    told = open_dataset(str(tmp_path / "manifest.csv")).attributes()
    assert told == {"a": {"sex": "f"}, "b": {"sex": "m"}}  # glasses differ between captures of one person
    assert facewarden.evaluate_comparisons(
        pairs_of(tmp_path), groups=tmp_path / "manifest.csv", threshold=1.0, rounds=20
    ).groups["sex"].subjects == {"f": 1, "m": 1}


def pairs_of(folder: Path) -> Path:
    columns = {"score": [2.0, 0.0, 2.0, 0.5], "same": [1, 0, 1, 0], "subject_a": ["a", "a", "b", "b"],
               "subject_b": ["a", "b", "b", "a"]}  # fmt: skip
    write_table(folder / "few.csv", columns)
    return folder / "few.csv"
