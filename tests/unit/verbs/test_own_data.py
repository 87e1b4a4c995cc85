"""Own data through the verbs: folders in place of captures, boxes, splits, and what is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facewarden
from facewarden.cli.parts.main import main
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, Detector, FaceLocation, PadOutput
from facewarden.data.manifest import Manifest
from facewarden.data.table import read_table
from facewarden.evaluation.own import captures as made
from facewarden.evaluation.own.boxes import boxes_of_photos, with_boxes
from facewarden.photos import find_faces
from facewarden.verbs.own import data as module


class Bright(Detector):
    """Score = 10 x mean of the frame, less 5."""

    card = Card("bright", "bright", "pad")
    needs_box = True

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(10 * batch.images["rgb"].mean(dim=(1, 2, 3)) - 5)


class WhereBright(Aligner):
    """One face in every photo that is not black, two in red ones."""

    def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:  # type: ignore[type-arg]
        points = ((4.0, 4.0), (8.0, 4.0), (6.0, 6.0), (4.5, 8.0), (7.5, 8.0))
        face = FaceLocation((2.0, 2.0, 12.0, 12.0), points, 0.9)
        return () if image.max() == 0 else (face,) * (1 + int(image[..., 0].min() == 255))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(made, "load", lambda group, name: WhereBright)
    for place in (module, find_faces):
        monkeypatch.setattr(place, "resolve_aligner", lambda name: WhereBright())
    for kind, level in (("live", 200), ("spoof/print", 40), ("spoof/phone", 60)):
        for who in range(4):
            for shot in range(2):
                path = Path(kind, f"s{who}", f"{shot}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (16, 16), (level, level + who, level + shot)).save(path)
    Image.new("RGB", (16, 16)).save("live/s0/black.png")
    return tmp_path


def test_a_detector_is_measured_on_two_folders(photos: Path) -> None:
    found = facewarden.evaluate("presentation", bona_fide="live", attacks="spoof", detector=Bright())
    rates = {metric.name: metric.value for metric in found.metrics if not metric.group}
    assert rates["eer"] == rates["bpcer"] == 0.0
    assert found.skipped == {"no face found": 1}
    (manifest,) = Path("runs/own").rglob("own_captures.csv")
    kept = Manifest.read(manifest)
    assert kept.counts("species") == {"bona_fide": 9, "print": 8, "replay_phone": 8}
    assert sum(row.box is not None for row in kept) == 24
    assert next(row for row in kept if "black" in row.key).extra["non_response"] == "no face found"
    assert any(note.startswith("face boxes: one face: 24") for note in kept.notes)
    assert (manifest.parent / "own_captures.folders.csv").is_file()
    before = manifest.stat().st_mtime_ns
    facewarden.attack(bona_fide="live", attacks="spoof", detector=Bright(), samples=2)
    assert manifest.stat().st_mtime_ns == before  # one split, made once


def test_scores_of_folders_hold_what_is_known(photos: Path) -> None:
    found = facewarden.score(bona_fide="live", attacks=["spoof/print", "spoof/phone"], detector=Bright(), out="s.csv")
    table = read_table(Path("s.csv"))
    assert set(table["species"]) == {"bona_fide", "print", "replay_phone"}
    assert set(table["subject"]) == {"s0", "s1", "s2", "s3"}
    assert set(table["split"]) == {"dev", "test"}
    assert len(found.key) == 24
    only = facewarden.score(bona_fide="live", detector=Bright())
    assert len(only.key) == 8
    with pytest.raises(BadInputError, match="nothing to score"):
        facewarden.score(detector=Bright())
    with pytest.raises(BadInputError, match="and folders of photos"):
        facewarden.score("live", bona_fide="live", detector=Bright())


def test_a_detector_of_depth_is_no_detector_of_photos(photos: Path) -> None:
    detector = Bright()
    detector.modalities = ("rgb", "depth")
    with pytest.raises(BadInputError, match="needs depth, which a folder of photos does not hold"):
        facewarden.evaluate("presentation", bona_fide="live", attacks="spoof", detector=detector)


def test_from_folders_writes_the_manifest_and_its_mapping(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "from-folders", "--bona-fide", "live", "--attacks", "spoof", "--out", "m.csv", "--boxes"]) == 0
    printed = capsys.readouterr().out
    assert "spoof/phone: replay_phone, 8 photos of 4 subjects" in printed
    assert "no face found: 1" in printed
    assert "folders: m.folders.csv" in printed
    manifest = Manifest.read(Path("m.csv"))
    assert manifest.rows[0].landmarks is not None
    assert main(["data", "from-folders", ".", "--out", "m.csv", "--mapping", "m.folders.csv", "--dev", "0.25"]) == 0
    again = Manifest.read(Path("m.csv"))
    assert len(again.where(split="dev").subjects) == 1
    with pytest.raises(BadInputError, match="one folder, or bona fide and attack folders"):
        facewarden.data_from_folders(".", bona_fide="live", out="x.csv")


def test_a_split_holds_species_out(photos: Path) -> None:
    facewarden.data_from_folders(bona_fide="live", attacks="spoof", out="m.csv")
    made = facewarden.data_split("m.csv", out="s.csv", train=0.25, dev=0.25, hold_out="print")
    manifest = Manifest.read(Path("s.csv"))
    assert set(manifest.where(species="print").counts("split")) == {"test"}
    assert {split: subjects for split, (_, _, subjects) in made.splits.items()} == {"train": 1, "dev": 1, "test": 2}
    assert any("print in test alone, 4 such rows" in note for note in manifest.notes)
    with pytest.raises(BadInputError, match="no attack of species mask_rigid to hold out"):
        facewarden.data_split("m.csv", out="t.csv", hold_out="mask_rigid")


def test_boxes_of_photos_are_a_table_and_of_captures_a_manifest(photos: Path) -> None:
    Image.new("RGB", (16, 16), (255, 0, 0)).save("live/s1/two.png")
    found = facewarden.data_boxes("live", out="b.csv")
    assert found.lines()[:3] == ("one face: 8", "several faces, the largest is taken: 1", "no face found: 1")
    table = read_table(Path("b.csv"))
    row = table["key"].index("s1/two.png")
    assert [table[name][row] for name in ("n_faces", "x0", "lm0x", "confidence")] == ["2", "2.0", "4.0", "0.9"]
    facewarden.data_from_folders(bona_fide="live", attacks="spoof", out="m.csv")
    facewarden.data_boxes("m.csv", out="m2.csv")
    kept, counts = with_boxes(Manifest.read(Path("m2.csv")), WhereBright())
    assert counts.kept == 25
    assert counts.none == {"no face found": 1}
    assert sum(note.startswith("face boxes: ") for note in kept.notes) == 1
    assert boxes_of_photos(Path("live"), WhereBright())[2] == {}


def test_the_quality_gate_makes_non_responses_of_folders_too(photos: Path) -> None:
    for who in range(4):
        pixels = np.random.default_rng(who).integers(60, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"live/s{who}/sharp.png")
    limits = '{"size": 8, "yaw": 180, "pitch": 180, "roll": 180, "mouth": 999, "eyes": 0}'
    found = facewarden.score(bona_fide="live", detector=Bright(), quality=f"refuse{limits}", out="s.csv")
    assert {key.rpartition("/")[2] for key in found.key} == {"sharp.png"}
    assert found.skipped == {"low quality: the face is blurred": 8, "no face found": 1}
    assert len(facewarden.score(bona_fide="live", detector=Bright()).key) == 12  # another manifest: nothing refused


def sharp_photos() -> str:
    """Four sharp photos of each class beside the blurred ones, and limits that only blur is beyond."""
    for number, kind in enumerate(("live", "spoof/print")):
        for who in range(4):
            pixels = (
                np.random.default_rng(who).integers(60 - 50 * number, 255 - 190 * number, (16, 16, 3)).astype("uint8")
            )
            Image.fromarray(pixels).save(f"{kind}/s{who}/sharp.png")
    return 'refuse{"size": 8, "yaw": 180, "pitch": 180, "roll": 180, "mouth": 999, "eyes": 0}'


def test_measuring_attacking_and_auditing_refuse_what_the_gate_refuses(photos: Path) -> None:
    refuse = sharp_photos()
    folders: dict[str, Any] = {"bona_fide": "live", "attacks": "spoof/print", "detector": Bright(), "quality": refuse}
    found = facewarden.evaluate("presentation", **folders)
    blurred = {"low quality: the face is blurred": 16, "no face found": 1}
    assert found.skipped == blurred
    attacked = facewarden.attack(**folders, samples=2, set="steps=1", out="a.csv")
    assert {Path(key).name for key in read_table(Path("a.csv"))["key"]} == {"sharp.png"}
    assert attacked.skipped == blurred
    report = facewarden.audit(**folders, preset="quick", faces="live", out="run").report
    assert dict(report.presentation.skipped) == blurred
    assert {one.group["species"] for one in report.presentation.metrics if one.name == "apcer"} == {"print"}


@pytest.mark.parametrize("verb", ["audit", "attack", "evaluate"])
def test_a_gate_that_would_do_nothing_is_refused(photos: Path, verb: str) -> None:
    call = {
        "audit": facewarden.audit,
        "attack": lambda captures=None, **given: facewarden.attack(captures, **given),
        "evaluate": lambda **given: facewarden.evaluate("presentation", **given),
    }[verb]  # fmt: skip
    with pytest.raises(BadInputError, match="--quality note is for facewarden score"):
        call(bona_fide="live", attacks="spoof", detector=Bright(), quality="note", out="o.csv")
    with pytest.raises(BadInputError, match="--quality is for folders of photos"):
        call(detector=Bright(), quality="refuse", out="o.csv", captures="m.csv")
    with pytest.raises(BadInputError, match="no such gate"):
        call(bona_fide="live", attacks="spoof", detector=Bright(), quality="sharp", out="o.csv")
