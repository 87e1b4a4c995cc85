"""Recognizers on own pairs, and on an own gallery and probes, with a recognizer that can be worked by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import facewarden
from facewarden.cli.parts.main import main
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.data.own.photo_lists import OwnPairs
from facewarden.data.table import write_table
from facewarden.evaluation.verification_pairs import ITSELF, TWICE, UNCLEAR, pairs_of
from facewarden.reporting.format import label


class Colors(Recognizer):
    """The mean color, centered: photos of one color are one person."""

    card = Card("colors", "colors", "recognizer")
    dim = 3

    def features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) - 0.5


COLORS = {"ann": (230, 40, 40), "bob": (40, 230, 40), "cid": (40, 40, 230), "dan": (230, 230, 40)}


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, color in COLORS.items():
        (tmp_path / name).mkdir()
        for shot in range(3):
            noise = rng.integers(-12, 12, (112, 112, 3))
            Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8)).save(f"{name}/{shot}.png")
    return tmp_path


def test_own_pairs_are_measured(people: Path) -> None:
    rows = [(f"{one}/{i}.png", f"{two}/{j}.png", int(one == two)) for one in COLORS for two in COLORS
            for i, j in ((0, 1), (1, 2)) if one <= two]  # fmt: skip
    first, second, same = zip(*rows, strict=True)
    write_table(people / "pairs.csv", {"first": first, "second": second, "same": same})
    found = facewarden.evaluate(
        "verification", recognizer=Colors(), pairs="pairs.csv", aligner="precropped", workers=1, out="o"
    )
    rates = {metric.name: (metric.value, metric.n) for metric in found.metrics}
    assert rates["eer"][0] == 0.0
    assert {metric.group["dataset"] for metric in found.metrics} == {"pairs"}
    assert "--pairs pairs.csv" in Path("o/verification.md").read_text()
    with pytest.raises(BadInputError, match="needs recognizers and sets"):
        facewarden.evaluate("verification", recognizer=Colors())


def test_rank_and_misses_at_a_rate_of_false_alarms(people: Path) -> None:
    write_table(people / "g.csv", {"file": [f"{who}/0.png" for who in ("ann", "bob", "cid")],
                                   "subject": ["ann", "bob", "cid"]})  # fmt: skip
    probes = [f"{who}/{shot}.png" for who in COLORS for shot in (1, 2)]
    write_table(people / "p.csv", {"file": probes, "subject": [name.split("/")[0] for name in probes]})
    given = {"recognizer": Colors(), "gallery": "g.csv", "aligner": "precropped", "workers": 1}
    found = facewarden.evaluate_identification(**given, probes="p.csv", rank=(1, 2), fpir=(0.5,), out="o")  # type: ignore[arg-type]
    rates = {metric.name: metric for metric in found.metrics}
    assert (rates["rank_1_identification"].value, rates["rank_1_identification"].n) == (1.0, 6)
    assert rates["fnir_at_fpir_50_percent"].value == 0.0
    assert float(rates["fnir_at_fpir_50_percent"].group["threshold"]) < 0.9
    assert Path("o/identification.json").is_file()
    write_table(people / "q.csv", {"file": ["ann/1.png"], "subject": ["ann"]})
    closed = facewarden.evaluate_identification(**given, probes="q.csv")  # type: ignore[arg-type]
    assert {metric.name for metric in closed.metrics} == {"rank_1_identification", "rank_5_identification"}
    assert "FNIR at FPIR is not measured" in closed.warnings[0]
    for probes_file, message in (("g.csv", "3 photos are in the gallery and among the probes"), ("x.csv", "is in the")):
        write_table(people / "x.csv", {"file": ["dan/1.png"], "subject": ["dan"]})
        with pytest.raises(BadInputError, match=message):
            facewarden.evaluate_identification(**given, probes=probes_file)  # type: ignore[arg-type]
    assert main(["evaluate", "identification", "--gallery", "g.csv", "--probes", "p.csv"]) == 2  # no recognizer


def test_the_recognizer_of_this_test_tells_colors() -> None:
    assert Colors().embed(torch.rand(2, 3, 112, 112)).shape == (2, 3)


def test_a_list_as_windows_and_its_spreadsheets_write_it(people: Path) -> None:
    rows = [f"{one}\\0.png;{two}\\1.png;{'yes' if one == two else 'No'}" for one in COLORS for two in COLORS]
    (people / "pairs.csv").write_bytes("\r\n".join(["\ufeffFirst;Second;Same", *rows, ""]).encode())
    found = facewarden.evaluate("verification", recognizer=Colors(), pairs="pairs.csv", aligner="precropped", workers=1)
    assert {metric.name: metric.value for metric in found.metrics}["eer"] == 0.0
    (people / "who.csv").write_bytes(b"File;SUBJECT\r\nann\\0.png;ann\r\nbob\\0.png;bob\r\n")
    (people / "asked.csv").write_bytes(b"file\tsubject\nann/1.png\tann\ncid/0.png\tcid\n")
    found = facewarden.evaluate_identification(
        recognizer=Colors(), gallery="who.csv", probes="asked.csv", aligner="precropped", workers=1
    )
    assert found.metrics[0].value == 1.0
    assert [text for text in found.warnings if "1 searches of strangers are too few for an FPIR of 1 %" in text]
    assert "too few for an FPIR of 10 %" in found.metrics[-1].note


def test_photos_that_are_missing_are_the_reason_that_is_given(people: Path) -> None:
    (people / "pairs.csv").write_text("first,second,same\nann/0.png,ann/9.png,1\nann/0.png,bob/0.png,0\n")
    with pytest.raises(BadInputError, match=r"no genuine pair is left; photos that could not be used: .*not exist"):
        facewarden.evaluate("verification", recognizer=Colors(), pairs="pairs.csv", aligner="precropped", workers=1)
    (people / "pairs.csv").write_text("first,second,same\nx/0.png,x/9.png,1\nx/0.png,y/0.png,0\n")
    with pytest.raises(BadInputError, match="does not exist") as told:
        facewarden.evaluate("verification", recognizer=Colors(), pairs="pairs.csv", aligner="precropped", workers=1)
    assert "paths" in told.value.hint


def test_a_rate_of_false_alarms_has_the_letters_of_the_standard() -> None:
    assert label("fnir_at_fpir_0_1_percent") == "FNIR at FPIR 0.1 %"
    assert label("fnir_at_fpir_10_percent") == "FNIR at FPIR 10 %"


def test_a_pair_counts_once_and_no_photo_is_compared_with_itself(people: Path) -> None:
    shutil.copy("ann/0.png", "copy.png")
    shutil.copy("dan/0.png", "both.png")
    write_table(people / "pairs.csv", {
        "first": ["ann/0.png", "ann/1.png", "ann/0.png", "ann/0.png", "copy.png", "ann/0.png", "bob/0.png", "both.png"],
        "second": ["ann/1.png", "ann/0.png", "ann/1.png", "copy.png", "ann/1.png", "./ann/0.png", "cid/0.png",
                   "dan/0.png"],
        "same": [1, 1, 1, 1, 1, 1, 0, 0],
    })  # fmt: skip
    found = facewarden.evaluate("verification", recognizer=Colors(), pairs="pairs.csv", aligner="precropped", workers=1)
    assert next(metric.n for metric in found.metrics if metric.name == "eer") == 2
    assert {TWICE: 3, ITSELF: 2, UNCLEAR: 1}.items() <= dict(
        pairs_of(OwnPairs.read(people / "pairs.csv")).left_out
    ).items()


def test_pairs_whose_words_are_exchanged_are_told(people: Path) -> None:
    for number in range(40):
        for side in "ab":
            noise = np.random.default_rng(number).integers(-40, 40, 3) + (20 if side == "b" else 0)
            tone = np.array([230, 40, 40]) if number % 2 else np.array([40, 230, 40])
            Image.new("RGB", (112, 112), tuple((tone + noise).clip(0, 255).tolist())).save(f"{number}{side}.png")
    alike = [(f"{number}a.png", f"{number}b.png", 0) for number in range(40)]
    other = [(f"{number}a.png", f"{number + 1}b.png", 1) for number in range(0, 40, 2)]
    other = [row for number, row in enumerate(other) if number % 2 == 0]
    first, second, same = zip(*alike, *other, strict=True)
    write_table(people / "pairs.csv", {"first": first, "second": second, "same": same})
    found = facewarden.evaluate("verification", recognizer=Colors(), pairs="pairs.csv", aligner="precropped", workers=1)
    assert next(metric.low for metric in found.metrics if metric.name == "eer") > 0.5
    assert any("more alike than pairs of one" in told for told in found.warnings)


def test_a_probe_that_copies_a_photo_of_the_gallery_is_left_out(people: Path) -> None:
    for number, name in enumerate(COLORS):
        shutil.copy(f"{name}/0.png", f"probe{number}.png")
    write_table(people / "gallery.csv", {"file": [f"{name}/0.png" for name in COLORS], "subject": list(COLORS)})
    copies = [f"probe{number}.png" for number in range(4)]
    given = {"recognizer": Colors(), "gallery": "gallery.csv", "aligner": "precropped", "workers": 1}
    write_table(people / "probes.csv", {"file": copies, "subject": list(COLORS)})
    with pytest.raises(BadInputError, match="byte for byte"):
        facewarden.evaluate_identification(**given, probes="probes.csv")
    write_table(people / "more.csv", {"file": [*copies, "ann/1.png", "bob/1.png"], "subject": [*COLORS, "ann", "bob"]})
    found = facewarden.evaluate_identification(**given, probes="more.csv")
    assert next(metric.n for metric in found.metrics) == 2
    assert sum(found.skipped.values()) == 4


def test_people_of_lists_whose_names_are_probably_one_are_told(people: Path) -> None:
    write_table(people / "gallery.csv", {"file": ["ann/0.png", "bob/0.png"], "subject": ["01", "2"]})
    write_table(people / "probes.csv", {"file": ["ann/1.png", "bob/1.png"], "subject": ["1", "2"]})
    found = facewarden.evaluate_identification(
        recognizer=Colors(), gallery="gallery.csv", probes="probes.csv", aligner="precropped", workers=1
    )
    assert any("count as different: 01, 1" in told for told in found.warnings)


def test_a_person_who_could_not_be_enrolled_is_no_stranger_and_is_told(people: Path) -> None:
    """The only gallery photo of bob cannot be read: searches of bob would set the threshold of false alarms."""
    (people / "broken.png").write_bytes(b"no picture")
    write_table(people / "g.csv", {"file": ["ann/0.png", "broken.png"], "subject": ["ann", "bob"]})
    write_table(people / "p.csv", {"file": ["ann/1.png", "bob/1.png", "bob/2.png"], "subject": ["ann", "bob", "bob"]})
    given = {"recognizer": Colors(), "gallery": "g.csv", "aligner": "precropped", "workers": 1}
    found = facewarden.evaluate_identification(**given, probes="p.csv")  # type: ignore[arg-type]
    assert {metric.name for metric in found.metrics} == {"rank_1_identification", "rank_5_identification"}
    lost = {reason.partition(" (")[0]: count for reason, count in found.skipped.items()}
    assert lost["search of a person of whom no photo could be enrolled"] == 2
    write_table(people / "q.csv", {"file": ["bob/1.png"], "subject": ["bob"]})
    with pytest.raises(BadInputError, match=r"colors.*: no photo of an enrolled person is left among the probes"):
        facewarden.evaluate_identification(**given, probes="q.csv")  # type: ignore[arg-type]


def test_lists_that_say_simulated_make_simulated_figures(people: Path) -> None:
    write_table(people / "g.csv", {"file": ["ann/0.png", "bob/0.png"], "subject": ["ann", "bob"],
                                   "Simulated": ["yes", ""]})  # fmt: skip
    write_table(people / "p.csv", {"file": ["ann/1.png", "bob/1.png"], "subject": ["ann", "bob"]})
    given = {"recognizer": Colors(), "aligner": "precropped", "workers": 1}
    found = facewarden.evaluate_identification(**given, gallery="g.csv", probes="p.csv")  # type: ignore[arg-type]
    assert found.simulated
    assert all(metric.simulated for metric in found.metrics)
    rows = [("ann/0.png", "ann/1.png", 1, "true"), ("ann/0.png", "bob/0.png", 0, "true")]
    first, second, same, simulated = zip(*rows, strict=True)
    write_table(people / "pairs.csv", {"first": first, "second": second, "same": same, "simulated": simulated})
    checked = facewarden.evaluate("verification", pairs="pairs.csv", **given)  # type: ignore[arg-type]
    assert checked.simulated
    (people / "pairs.csv").write_text("first,second,same,simulated\nann/0.png,ann/1.png,1,perhaps\n")
    with pytest.raises(BadInputError, match=r"pairs\.csv: row 1: unknown simulated 'perhaps'"):
        facewarden.evaluate("verification", pairs="pairs.csv", **given)  # type: ignore[arg-type]
