"""Purifiers of other makers: units of their pictures, sizes, and outputs that are no pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_purifier
from stand_ins import make_faces

MODULES = """
import torch

def same():
    return torch.nn.Identity()

def gray():
    return torch.nn.Conv2d(3, 3, 1, bias=False).apply(identity).requires_grad_(False)

def identity(module):
    with torch.no_grad():
        module.weight.copy_(torch.eye(3)[:, :, None, None])

class Smaller(torch.nn.Module):
    def forward(self, images):
        return images[:, :, ::2, ::2]

def doubled(images):
    return images, images * 0

def no_picture(images):
    return images.mean(dim=(2, 3))

def noisy(images):
    return images + torch.rand_like(images) / 10
"""


def purifier(folder: Path, name: str, **settings: Any) -> Any:
    (folder / "own.py").write_text(MODULES)
    card = {"name": "own", "summary": "toy", "role": "purifier", "settings": {"mean": 0, "std": 255, **settings}}
    (folder / "own.json").write_text(json.dumps(card))
    return resolve_purifier(f"{folder / 'own.py'}:{name}")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("same", {"output": "unit"}),
        ("same", {"output": "gray", "std": 1}),
        ("gray", {"output": "input", "mean": 127.5, "std": 63.75, "order": "BGR"}),
        ("doubled", {"output": "unit", "output_name": "0"}),
        ("same", {"output": "unit", "layout": "NHWC"}),
    ],
)
def test_every_unit_comes_back_as_the_picture(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    faces = make_faces(2)
    torch.testing.assert_close(purifier(tmp_path, name, **settings)(faces), faces, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "settings", "message", "hint"),
    [
        ("same", {}, "does not state output", '"output"'),
        ("same", {"output": "unit", "std": 1}, 'says output "unit", but its pictures go from', '"output": "'),
        ("same", {"output": "gray"}, 'says output "gray"', '"output": "'),
        ("Smaller", {"output": "unit"}, "no picture of the same size", "output_name"),
        ("no_picture", {"output": "unit"}, "no picture of the same size", "output_name"),
        ("doubled", {"output": "unit"}, "has 2 outputs", "output_name"),
        ("noisy", {"output": "unit"}, "two calls", "eval"),
    ],
)
def test_what_is_disproved_names_the_word(
    tmp_path: Path, name: str, settings: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        purifier(tmp_path, name, **settings)
    assert hint in caught.value.hint


def test_one_size_alone_is_refused_in_words_for_others(tmp_path: Path) -> None:
    fixed = purifier(tmp_path, "same", output="unit", size=64)
    assert fixed(torch.rand(1, 3, 64, 64)).shape == (1, 3, 64, 64)
    with pytest.raises(BadInputError, match="takes 64 x 64 pixels"):
        fixed(make_faces(1))


def test_known_answers_are_compared_also_where_a_range_was_remarked(tmp_path: Path) -> None:
    module = "import torch\n\ndef darker(images):\n    return images - 0.3\n"
    (tmp_path / "own.py").write_text(module)
    settings = {"mean": 0, "std": 255, "output": "unit"}
    card = {"name": "own", "summary": "toy", "role": "purifier", "settings": settings}
    (tmp_path / "own.json").write_text(json.dumps(card))
    assert resolve_purifier(f"{tmp_path / 'own.py'}:darker").card.remarks
    card["self_test"] = [{"input": "gray:0.5", "score": 0.0, "tolerance": 1.0}]
    (tmp_path / "own.json").write_text(json.dumps(card))
    with pytest.raises(BadInputError, match="self_test fails"):
        resolve_purifier(f"{tmp_path / 'own.py'}:darker")
