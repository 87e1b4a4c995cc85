"""Verbs on another device than their photos and captures: the CPU's results, and a record of where they computed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from facewarden.core import registry
from facewarden.data.photo import read_photo
from facewarden.data.photo_files import list_photos
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning, Halves, end_to_end
from facewarden.experiments.cloaking.population import Split
from facewarden.training.pairs import read_pairs
from facewarden.verbs.attack import attack
from facewarden.verbs.cloak import cloak
from facewarden.verbs.purify import purify
from facewarden.verbs.score import score
from facewarden.verbs.sfa import sfa
from facewarden.verbs.training_data import pairs as making_pairs
from facewarden.verbs.training_data.pairs import pairs
from second_device import NAME, second_device
from stand_ins import make_faces
from tiny_captures import write_captures

OWN = """
import sys
sys.path.insert(0, {tests!r})
from dataclasses import replace
from facewarden.core.roles import Detector, PadOutput
from stand_ins import TinyDetector, TinyRecognizer
import torch

def one():
    return TinyRecognizer(4)

def two():
    return TinyRecognizer(5)

class Rgb(Detector):
    card = TinyDetector.card

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Conv2d(3, 1, 5, stride=4, bias=False)
        torch.nn.init.constant_(self.net.weight, 0.1)

    def predict(self, batch):
        return PadOutput(torch.tanh(self.net(batch.images["rgb"])).mean(dim=(1, 2, 3)) * 4.0)
"""


@pytest.fixture(autouse=True)
def second() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN.format(tests=str(Path(__file__).parent.parent)))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, crop in enumerate(make_faces(2).permute(0, 2, 3, 1).numpy() * 160 + 40):
        Image.fromarray(crop.round().astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def on_both(run: Callable[[str, Path], Any], tmp_path: Path) -> tuple[Any, Any]:
    """What a verb gives on the CPU and on the second device."""
    here, there = run("cpu", tmp_path / "cpu"), run(NAME, tmp_path / "second")
    return here, there


def assert_alike(tmp_path: Path, suffix: str = "") -> None:
    pictures = list_photos(tmp_path / "cpu").photos
    assert pictures
    for path in pictures:
        other = tmp_path / "second" / path.relative_to(tmp_path / "cpu")
        assert np.abs(read_photo(path).astype(int) - read_photo(other)).max() <= 1


def test_photos_are_purified_there(photos: Path, own: Path, tmp_path: Path) -> None:
    (photos / "1.png").unlink()
    here, there = on_both(
        lambda device, out: purify(photos, out=out, aligner="precropped", recognizer=f"{own}:one", device=device),
        tmp_path,
    )
    assert (here.computed["device"], there.computed["device"]) == ("cpu", f"{NAME}:0")
    assert_alike(tmp_path)
    for column in ("likelihood", "psnr", "ssim", "identity"):
        values = [[float(value) for value in one.columns()[column]] for one in (there, here)]
        assert values[0] == pytest.approx(values[1], rel=1e-2)


def test_photos_are_cloaked_there(photos: Path, own: Path, tmp_path: Path) -> None:
    here, there = on_both(
        lambda device, out: cloak(
            photos, out=out, method='pgd{"steps": 2}', surrogates=[f"{own}:one"], recognizers=[f"{own}:two"],
            aligner="precropped", device=device,
        ),
        tmp_path,
    )  # fmt: skip
    record = json.loads((tmp_path / "second" / "record" / "provenance.json").read_text())
    assert record["computed"] == there.computed == {"device": f"{NAME}:0", "precision": "float32"}
    assert_alike(tmp_path)
    assert there.summary == pytest.approx(here.summary, abs=1e-2)


def test_pairs_are_made_there(photos: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(group: str, name: str) -> object:
        return registry.load(group, "precropped" if group == "align" else name)

    monkeypatch.setattr(making_pairs, "load", load)
    (tmp_path / "people" / "a").mkdir(parents=True)
    photos.rename(tmp_path / "people" / "a" / "x")
    kind = {"name": "plain", "attack": "pgd", "settings": {"steps": 2}, "surrogates": [f"{own}:one"], "eps": 8,
            "region": "face"}  # fmt: skip
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"kind": "purifier", "entry": "puface", "summary": "tiny", "pairs": [kind]}))
    _, made = on_both(lambda device, out: pairs(tmp_path / "people", out=out, recipe=recipe, device=device), tmp_path)
    assert made.computed == {"device": f"{NAME}:0", "precision": "float32"}
    here, there = read_pairs(tmp_path / "cpu"), read_pairs(tmp_path / "second")
    assert len(here) == 2
    assert np.abs(np.asarray(here.cloaked).astype(int) - there.cloaked).max() <= 1


def test_captures_are_scored_and_attacked_and_generators_learn_there(own: Path, tmp_path: Path) -> None:
    captures, detector = write_captures(tmp_path), f"{own}:Rgb"
    here, there = on_both(lambda device, _: score(captures, detector=detector, device=device), tmp_path)
    assert there.score == pytest.approx(here.score, abs=1e-4)
    assert there.computed["device"] == f"{NAME}:0"
    here, there = on_both(
        lambda device, out: sfa(captures, detector=detector, out=out, epochs=1, samples=4, device=device), tmp_path
    )
    assert there.log[0] == pytest.approx(here.log[0], abs=1e-3)
    here, there = on_both(
        lambda device, out: attack(captures, detector=detector, set=["steps=2"], samples=2, sfa=out, device=device),
        tmp_path,
    )
    assert {name: rate.value for name, rate in there.rates.items()} == {
        name: rate.value for name, rate in here.rates.items()
    }


def test_trackers_learn_there(second: torch.device) -> None:
    points = np.array([[1, 1], [0.9, 1], [-1, -1], [-1, -0.9], [1, -1], [1, -0.9]], dtype=np.float16)
    rows = {"a": (0, 1), "b": (2, 3), "c": (4, 5)}

    def tracked(device: torch.device) -> list[list[bool]]:
        def above() -> torch.nn.Module:
            torch.manual_seed(0)
            return torch.nn.Linear(2, 4).to(device)

        how = FineTuning(before=1, after=2, rate=1e-2, groups=1)
        found = end_to_end(Halves(Split(rows, rows, ()), points, points, points), ["a"], above=above, how=how, seed=0)
        return [part.tolist() for one in found.values() for part in (one.cloaked, one.natural, one.others)]

    assert tracked(second) == tracked(torch.device("cpu"))
