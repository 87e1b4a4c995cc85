"""Torch modules and callables of a person's own file: cards, attributes, probes, and what must be stated."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector, resolve_recognizer
from facewarden.nn.foreign.probe import ANSWERS

MODELS = """
    import numpy as np
    import torch
    from facewarden.core.card import Card
    from facewarden.core.roles import Detector, PadOutput

    class Net(torch.nn.Module):
        def __init__(self, sign: float = 1.0) -> None:
            super().__init__()
            self.line = torch.nn.Linear(3, 2, bias=False)
            with torch.no_grad():
                self.line.weight.copy_(sign * torch.tensor([[-2.0, 0.0, 2.0], [2.0, 0.0, -2.0]]))
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, images):
            return self.drop(self.line(images.mean(dim=(2, 3))))

    class Stated(Net):
        size, scale, order, output = 32, None, "RGB", "logits"
        std = 127.5

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.full((1, 3, 1, 1), 127.5))

    def make(sign=1.0):
        return Net(sign)

    ready = Net()

    def one_column(images):
        return make().eval()(images)[:, 1:]

    def flat(images):
        return make().eval()(images)[:, 1]

    def as_numpy(images):
        pixels = np.asarray(images).mean(axis=(2, 3))
        return np.stack([2 * pixels[:, 2], 2 * pixels[:, 0]], axis=1)

    def soft(images):
        return make().eval()(images).softmax(dim=1)

    def named(images):
        return {"logits": make().eval()(images), "features": images.mean(dim=(2, 3))}

    def dropped(images):
        return torch.nn.functional.dropout(make()(images), 0.5, training=True)

    def fails(images):
        raise RuntimeError("no such layer")

    def embed(images):
        return torch.nn.functional.avg_pool2d(images, 28).flatten(1)

    class Needs:
        def __init__(self, weights):
            self.weights = weights

    class Ranked(Detector):
        frame_size = 32
        card = Card("ranked", "Brightness against the rest of the batch", "pad")

        def predict(self, batch):
            means = batch.images["rgb"].mean(dim=(1, 2, 3))
            return PadOutput(score=means - means.mean())

    class Dropping(Detector):
        frame_size = 32
        card = Card("dropping", "A detector with dropout", "pad")

        def __init__(self):
            super().__init__()
            self.drop = torch.nn.Dropout(0.5)

        def predict(self, batch):
            return PadOutput(score=self.drop(batch.images["rgb"].mean(dim=(2, 3))).sum(dim=1))

    def turning(images):
        return images.mean(dim=(2, 3)).to(torch.complex64)

    def leaves(images):
        raise SystemExit(0)

    def gone():
        raise SystemExit(0)

    def broken():
        raise OSError("weights.bin is not there")
"""
DETECTOR: dict[str, Any] = {"size": 32, "scale": None, "mean": 127.5, "std": 127.5, "output": "logits"}
RED = (0.8, 0.4, 0.2)
RIGHT = 4 * (2 * 0.8 - 2 * 0.2)  # weights of 2, and pixels between -1 and 1


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(textwrap.dedent(MODELS))
    return path


def state(own: Path, role: str = "pad", **settings: Any) -> None:
    card = {"name": "own", "summary": "toy", "role": role, "settings": settings}
    own.with_suffix(".json").write_text(json.dumps(card))


def score(spec: str) -> float:
    image = torch.tensor(RED).reshape(1, 3, 1, 1).expand(1, 3, 40, 40)
    return float(resolve_detector(spec)(FaceBatch(images={"rgb": image}, key=("a",))).score)


@pytest.mark.parametrize(
    ("name", "settings", "wanted"),
    [
        ("Net", {}, RIGHT),
        ("make", {}, RIGHT),
        ('make{"sign": -1}', {}, -RIGHT),
        ("ready", {}, RIGHT),
        ("one_column", {"output": "logit"}, RIGHT / 2),
        ("flat", {"output": "logit"}, RIGHT / 2),
        ("flat", {"output": "logit", "invert": True}, -RIGHT / 2),
        ("as_numpy", {}, RIGHT / 2),
        ("soft", {"output": "probability"}, RIGHT),
        ("named", {"output_name": "logits"}, RIGHT),
        ("Net", {"order": "BGR"}, -RIGHT),
        ("Net", {"mean": 0.5, "std": 0.5, "range": 1}, RIGHT),
    ],
)
def test_modules_and_callables_are_detectors(own: Path, name: str, settings: dict[str, Any], wanted: float) -> None:
    state(own, **{**DETECTOR, **settings})
    assert score(f"{own}:{name}") == pytest.approx(wanted, abs=1e-3)


def test_attributes_state_what_a_card_would(own: Path) -> None:
    assert score(f"{own}:Stated") == pytest.approx(RIGHT, abs=1e-3)


def test_a_module_in_training_mode_is_set_to_evaluation_and_that_is_said(own: Path) -> None:
    state(own, **DETECTOR)
    detector = resolve_detector(f"{own}:Net")
    assert not any(module.training for module in detector.modules())
    assert any("in training mode" in remark for remark in detector.card.remarks)


def test_gradients_pass_through_modules_and_not_through_numpy(own: Path) -> None:
    state(own, **DETECTOR)
    image = torch.rand(1, 3, 40, 40, requires_grad=True)
    batch = FaceBatch(images={"rgb": image}, key=("a",))
    module, function = resolve_detector(f"{own}:Net"), resolve_detector(f"{own}:as_numpy")
    assert module.differentiable
    module(batch).score.sum().backward()
    assert image.grad is not None
    assert float(image.grad.abs().sum()) > 0
    assert not function.differentiable
    assert not function(batch).score.requires_grad


def test_what_has_no_safe_value_must_be_stated(own: Path) -> None:
    for absent in DETECTOR:
        state(own, **{name: value for name, value in DETECTOR.items() if name != absent})
        with pytest.raises(BadInputError, match=rf"own\.json: settings does not state {absent}") as caught:
            resolve_detector(f"{own}:Net")
        assert f'add "{absent}"' in caught.value.hint
    own.with_suffix(".json").unlink()
    with pytest.raises(
        BadInputError,
        match=r"no card own\.json, which facewarden card writes\): settings does not state size, scale, mean",
    ):
        resolve_detector(f"{own}:Net")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("soft", {}, "softmax values, which sum to 1"),
        ("Net", {"output": "probability"}, "says probability, but its values are from"),
        ("named", {}, r"has 2 outputs: logits \(n, 2\); features \(n, 3\)"),
        ("dropped", {}, "two calls with the same pictures"),
        ("fails", {}, r"no such layer.*own\.py:\d+"),
        ("broken", {}, r"own\.py:\d+: .*broken cannot be made: OSError"),
        ("turning", {}, r"its output is of complex numbers"),
        ("leaves", {}, r"SystemExit\(0\).*own\.py:\d+"),
        ("gone", {}, r"own\.py:\d+: .*gone cannot be made: SystemExit\(0\)"),
        ("Needs", {}, "missing a required argument: 'weights'"),
        ("Net", {"mean": 0.5}, "units of 0..1"),
        ("Net", {"colour": "RGB"}, "unknown setting 'settings.colour'"),
        ("Net", {"scale": 10**400}, "400 digits"),
    ],
)
def test_what_does_not_fit_is_named(own: Path, name: str, settings: dict[str, Any], message: str) -> None:
    state(own, **{**DETECTOR, **settings})
    with pytest.raises(BadInputError, match=message):
        resolve_detector(f"{own}:{name}")


def test_a_callable_is_a_recognizer(own: Path) -> None:
    state(own, role="recognizer", size=112, mean=127.5, std=127.5)
    recognizer = resolve_recognizer(f"{own}:embed")
    faces = torch.rand(2, 3, 112, 112)
    wanted = torch.nn.functional.avg_pool2d((faces * 255 - 127.5) / 127.5, 28).flatten(1)
    torch.testing.assert_close(recognizer.embed(faces), torch.nn.functional.normalize(wanted, dim=1))
    with pytest.raises(BadInputError, match="role is 'recognizer'; allowed: 'pad'"):
        resolve_detector(f"{own}:embed")


def test_other_weights_or_another_file_are_another_model(own: Path) -> None:
    state(own, **DETECTOR)
    first = resolve_detector(f"{own}:make").card
    turned = resolve_detector(f'{own}:make{{"sign": -1}}').card
    assert first.sha256["own.py"] == turned.sha256["own.py"]
    assert first.identity() != turned.identity()


def test_detectors_of_the_users_own_class_are_probed_too(own: Path) -> None:
    with pytest.raises(BadInputError, match="depends on the others of its batch"):
        resolve_detector(f"{own}:Ranked")
    assert "in training mode" in resolve_detector(f"{own}:Dropping").card.remarks[0]


def test_a_file_that_changed_is_imported_again(tmp_path: Path) -> None:
    settings = 'size, scale, mean, std, output = 32, None, 0.0, 255.0, "logit"'
    scores = []
    for sign in ("", "-"):
        (tmp_path / "mine.py").write_text(
            "import torch\n\nclass Net(torch.nn.Module):\n"
            f"    {settings}\n\n    def forward(self, images):\n        return {sign}images.mean(dim=(1, 2, 3))\n"
        )
        detector = resolve_detector(f"{tmp_path / 'mine.py'}:Net")
        batch = FaceBatch(images={"rgb": torch.full((1, 3, 32, 32), 0.5)}, key=("a",))
        scores.append(float(detector(batch).score[0]))
    assert scores == pytest.approx([0.5, -0.5])


def test_a_callable_without_a_file_of_its_own_is_hashed_by_the_file_that_defines_it() -> None:
    from facewarden.pad.python_file import PythonDetector

    class Net(torch.nn.Module):
        size, scale, mean, std, output = 32, None, 0.0, 255.0, "logit"

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(1, 2, 3))

    assert set(PythonDetector(Net()).card.sha256) == {Path(__file__).name, ANSWERS}
    with pytest.raises(BadInputError, match="no file defines it"):
        PythonDetector(max)


def test_a_file_that_calls_exit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(BadInputError, match=r"script\.py:2: cannot be imported: SystemExit\(0\)"):
        resolve_detector(f"{tmp_path / 'script.py'}:Net")
