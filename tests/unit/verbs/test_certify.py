"""`facewarden certify`: a linear detector whose radii are known, recognizers, files, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facewarden.cli import main
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.data.captures import open_captures
from facewarden.data.table import read_table
from facewarden.evaluation.certification import Smoothing, certify_detector, linf_radius
from facewarden.verbs.certify import certify
from stand_ins import TinyRecognizer
from tiny_captures import write_captures

PIXELS = 48 * 48 * 3


class Brightness(Detector):
    """The mean of all pixels: linear, so that the distance to the border is known."""

    card = Card(name="brightness", summary="A stand-in.", role="pad")

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(batch.images["rgb"].mean(dim=(1, 2, 3)))


class Rejects(Detector):
    """Rejects whatever is darker than white: the bona fide captures of dev set its threshold all the same."""

    card = Card(name="rejects", summary="A stand-in.", role="pad")

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(torch.full((len(batch),), float("nan")))


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_captures(tmp_path_factory.mktemp("certify"))


def test_certificates_of_a_linear_detector_are_below_its_distances(captures: Path) -> None:
    manifest = open_captures(captures)
    found = certify_detector(Brightness(), manifest, Smoothing(sigma=0.1, copies=50))
    # every copy of these agrees: the radius is the largest that 50 copies prove, far below the distance to the border
    distance = np.abs(found.median - found.rule.threshold) * math.sqrt(PIXELS)
    clear = distance > 1
    assert clear.sum() >= 6
    assert (found.found.bona_fide == (found.label == 1))[clear].all()
    assert (found.found.radius[clear] > 0).all()
    assert (found.found.radius <= distance).all()
    assert found.sizes == ((48, 48),)


def test_noise_depends_on_the_capture_alone_and_the_votes_on_no_batch(captures: Path) -> None:
    runs = [
        certify(captures, detector=Brightness(), sigma=0.1, copies=20, batch=batch, samples=samples)
        for batch, samples in ((1, 4), (7, 4), (64, 4))
    ]
    assert runs[0].rates == runs[1].rates == runs[2].rates
    assert runs[0].simulated


def test_the_command_writes_numbers_page_figure_and_a_row_for_each_capture(
    captures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "mine.py"
    lines = [
        "import torch",
        "class Mean(torch.nn.Module):",
        "    size, scale, mean, std, output = 48, None, 0.0, 255.0, 'logit'",
        "    def forward(self, x):",
        "        return x.mean((1, 2, 3))",
    ]
    model.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "out"
    code = main(["certify", str(captures), "--detector", f"{model}:Mean", "--sigma", "0.1", "--copies", "20",
                 "--out", str(out)])  # fmt: skip
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "certified_apcer" in printed.out
    document = json.loads((out / "certified.json").read_text(encoding="utf-8"))
    assert document["certified_bpcer"][0]["n"] == 6
    assert document["frames"][0]["radius_of_linf"]["2/255"] == pytest.approx(2 / 255 * math.sqrt(PIXELS))
    page = (out / "certified.md").read_text(encoding="utf-8")
    assert "(simulated)" in page
    assert "rejects everything" in page
    assert "does not cover the face finder" in page
    assert (out / "certified.svg").read_text(encoding="utf-8").startswith("<svg")
    table = read_table(out / "certified.parquet")
    assert len(table["key"]) == 12


def test_the_radius_of_a_budget_of_gray_levels() -> None:
    assert linf_radius(2.0, (112, 112), modalities=("rgb",)) == pytest.approx(1.52, abs=0.005)
    assert linf_radius(255.0, (1, 1), modalities=("depth",)) == 1


def test_photos_provably_match_themselves_until_the_change_is_too_large(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for person in ("ann", "bob"):
        (tmp_path / person).mkdir()
        for number in range(2):
            coarse = rng.integers(40, 215, (7, 7, 3)).astype(np.uint8)
            cv2.imwrite(str(tmp_path / person / f"{number}.png"), cv2.resize(coarse, (112, 112)))
    found = certify(
        f"folder:{tmp_path}", recognizer=TinyRecognizer(), sigma=0.25, copies=100, aligner="precropped",
        out=tmp_path / "out",
    )  # fmt: skip
    kept = [rate.value for rate in found.rates["still_matches"]]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] == 1
    assert kept[-1] == 0
    assert found.rates["still_matches"][0].n == 4
    assert "provably" in (tmp_path / "out/certified.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrong",
    [{}, {"recognizer": "dlib_resnet34"}, {"copies": 1}, {"sigma": 0.0}, {"alpha": 0.7}, {"bpcer": 1.0},
     {"modalities": ("depth",)}, {"samples": 0}, {"modalities": ()}],
)  # fmt: skip
def test_settings_and_models_that_cannot_be_meant_are_refused(captures: Path, wrong: dict[str, object]) -> None:
    model = None if wrong == {} else Brightness()
    with pytest.raises(BadInputError) as error:
        certify(captures, detector=model, **wrong)  # type: ignore[arg-type]
    assert error.value.hint


def test_a_detector_without_numbers_is_refused(captures: Path) -> None:
    with pytest.raises(BadInputError, match="could be certified"):
        certify(captures, detector=Rejects(), copies=10)
