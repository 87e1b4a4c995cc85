"""`facewarden evaluate cloaking`: what is left out or surprising is said, and written beside the figures."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor, nn

import facewarden
from cloaking_plans import Patches
from facewarden.core.errors import BadInputError
from facewarden.data.content import REPEATED
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
