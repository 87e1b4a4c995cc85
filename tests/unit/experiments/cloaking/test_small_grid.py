"""`facewarden evaluate cloaking`: what is left out or surprising is said, and written beside the figures."""

from __future__ import annotations

import json
import logging
import shlex
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor, nn

import facewarden
from cloaking_plans import Patches
from facewarden.core.errors import BadInputError
from facewarden.data.content import REPEATED
from facewarden.experiments.cloaking import small_grid
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning
from facewarden.verbs.evaluated import Evaluated


class InTwo(Patches):
    """Patches with a layer on top that can be trained."""

    def halves(self) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        return self.features, nn.Linear(48, 48, bias=False)


def evaluate(photos: Path, **options: Any) -> Evaluated:
    plain: dict[str, Any] = {
        "cloak": 'pgd:12{"steps": 1}', "surrogate": Patches("one"), "recognizer": Patches("three"), "users": 2,
        "purifier": "identity", "aligner": "precropped", "run": photos.parent / "kept", "workers": 1,
    }  # fmt: skip
    return facewarden.evaluate("cloaking", dataset=str(photos), **(plain | options))


def test_a_recognizer_that_a_tracker_cannot_train_is_named(photos: Path) -> None:
    found = evaluate(photos, recognizer=[Patches("three"), InTwo("four")], tracker=["nearest", "end_to_end"])
    ((reason, count),) = found.skipped.items()
    assert reason.startswith("recognizer three@")
    assert reason.endswith("has no network that end_to_end can train: not measured with it")
    assert count == 1
    measured = [(one.group["tracker"], one.group["recognizer"]) for one in found.metrics]
    assert measured[::3] == [("nearest", "three"), ("nearest", "four"), ("end_to_end", "four")]
    with pytest.raises(BadInputError, match="has a network that the tracker end_to_end can train") as refused:
        evaluate(photos, tracker="end_to_end")
    assert refused.value.hint == "--tracker nearest, or --recognizer mobilefacenet_512"


def test_people_and_photos_that_take_no_part_are_counted_and_unreadable_files_named(
    photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for who in ("alone", "blurred"):
        (photos / who).mkdir()
    Image.new("RGB", (112, 112)).save(photos / "alone" / "0.png")
    for number in range(7):
        Image.new("RGB", (112, 112), (9 * number, 99, 12)).save(photos / "p0" / f"more{number}.png")
        (photos / "blurred" / f"{number}.png").write_bytes(f"{number} is no picture".encode())
    shutil.copy(photos / "p0" / "0.png", photos / "p0" / "again.png")
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        found = evaluate(photos)
    assert found.skipped == {
        "person with fewer than two photos with a face": 2,
        REPEATED: 1,
        "photo beyond 10 of a person": 2,
        "unreadable photo: not a picture in a known format": 7,
    }
    assert ": blurred/0.png, blurred/1.png, blurred/2.png, blurred/3.png, blurred/4.png and 2 more" in caplog.text


def test_the_file_says_what_the_figures_are_of_and_is_replaced_by_its_like_alone(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (photos / "p3" / "0.png").write_bytes(b"nothing")
    cloak = 'pgd:12{"steps": 1}'
    first = evaluate(photos, cloak=cloak, out=out, seed=3, splits=2, precision="float32")
    held = json.loads((out / "cloaking.json").read_text())
    assert held["set"] == "photos"
    assert held["simulated"] is first.simulated is False
    assert held["skipped"] == first.skipped == {"unreadable photo: not a picture in a known format": 1}
    assert (held["version"], held["warnings"], len(held["cells"])) == (1, [], 1)
    assert held["provenance"]["computed"]["precision"] == held["settings"]["precision"] == "float32"
    assert held["settings"]["seeds"] == [3, 4]
    assert held["settings"]["recognizers"][0].startswith("three@")
    words = ["facewarden", "evaluate", "cloaking", "--dataset", "photos", "--cloak", cloak]
    assert shlex.split(held["command"])[:7] == words
    assert "--skip-people 0 --splits 2 --aligner precropped --seed 3 --precision float32 --out DIR" in held["command"]
    assert str(tmp_path) not in json.dumps(held)
    evaluate(photos, cloak=cloak, out=out, seed=3, splits=2, precision="float32")
    with pytest.raises(BadInputError, match="holds results of other settings: skip_people, seeds") as refused:
        evaluate(photos, cloak=cloak, out=out, skip_people=1)
    assert refused.value.hint == "another --out"
    assert json.loads((out / "cloaking.json").read_text())["cells"] == held["cells"]
    (out / "cloaking.json").write_text("{}")  # of an earlier release, which did not say what it holds
    with pytest.raises(BadInputError, match="holds results of other settings"):
        evaluate(photos, cloak=cloak, out=out)
    (out / "cloaking.json").write_text("[]")
    with pytest.raises(BadInputError, match="cannot be read"):
        evaluate(photos, cloak=cloak, out=out)


def test_a_folder_for_figures_is_refused_where_a_shard_has_none(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="nothing is written into --out with --shard 1/2") as refused:
        evaluate(photos, shard="1/2", out=tmp_path / "out")
    assert "after facewarden merge" in str(refused.value.hint)


def test_no_split_is_refused_by_its_option(photos: Path) -> None:
    with pytest.raises(BadInputError, match="0 splits") as refused:
        evaluate(photos, splits=0)
    assert refused.value.hint == "--splits 1 or more"


def test_a_gallery_of_a_part_of_the_people_is_said(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_grid, "FineTuning", partial(FineTuning, people=3))
    found = evaluate(photos, recognizer=InTwo("four"), tracker=["nearest", "end_to_end"])
    assert found.warnings == ("end_to_end: the gallery holds 3 of 4 people",)


def test_two_spellings_of_one_person_are_said(photos: Path, tmp_path: Path) -> None:
    (photos / "p1").rename(photos / "P0")
    told = "People that differ in letter case or leading zeros alone count as different: P0, p0."
    assert evaluate(photos, out=tmp_path / "out").warnings == (told,)
    assert json.loads((tmp_path / "out" / "cloaking.json").read_text())["warnings"] == [told]


def test_a_set_with_too_few_photos_is_named(tmp_path: Path) -> None:
    for who in ("ann", "bob"):
        (tmp_path / "faces" / who).mkdir(parents=True)
        Image.new("RGB", (112, 112)).save(tmp_path / "faces" / who / "1.png")
    with pytest.raises(BadInputError, match="faces: only 0 of 2 people have 2 photos or more") as refused:
        evaluate(tmp_path / "faces")
    assert "--faces" not in str(refused.value.hint)
