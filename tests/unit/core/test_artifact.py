from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from facewarden.core.artifact import (
    CARD,
    RECIPE,
    RULE,
    WEIGHTS,
    load_artifact,
    refuse_pickle,
    save_artifact,
    sha256,
    weights_of,
)
from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError

BASE = Card(name="x", summary="A model.", role="pad")
DECISION = DecisionRule(0.5, "eer", "dev", "a set", 3, 4)


def tensors() -> dict[str, Tensor]:
    return {
        "weight": torch.randn(4, 3, generator=torch.Generator().manual_seed(0)),
        "odd values": torch.tensor([float("nan"), float("inf"), -0.0, 1e-45]),
        "count": torch.tensor(7),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "view": torch.arange(6.0).reshape(2, 3).t(),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_artifact(tmp_path / "model", tensors(), card=BASE, recipe={"depth": 2}, rule=DECISION)
    return tmp_path / "model"


def test_a_model_read_back_has_the_same_bits(folder: Path) -> None:
    artifact = load_artifact(folder)
    assert set(artifact.weights) == set(tensors())
    for name, value in tensors().items():
        held = artifact.weights[name]
        assert held.dtype == value.dtype
        assert held.shape == value.shape
        assert held.contiguous().view(torch.uint8).equal(value.contiguous().view(torch.uint8)) if value.ndim else True
    assert int(artifact.weights["count"]) == 7
    assert artifact.recipe == {"depth": 2}
    assert artifact.rule == DECISION
    assert artifact.card == replace(BASE, sha256={WEIGHTS: sha256(folder / WEIGHTS)})


def test_a_model_can_be_moved(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "elsewhere")
    assert load_artifact(tmp_path / "elsewhere").rule == DECISION


def test_tied_weights_are_saved(tmp_path: Path) -> None:
    shared = torch.ones(3)
    save_artifact(tmp_path / "m", {"a": shared, "b": shared}, card=BASE, recipe={})
    assert load_artifact(tmp_path / "m").weights["b"].tolist() == [1.0, 1.0, 1.0]


def test_rounding_halves_the_weights_and_leaves_what_is_saved_and_what_is_held_alike(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.BatchNorm1d(3)).eval().requires_grad_(False)
    before = network[0].weight.detach().clone()
    weights = weights_of(network, "float16")
    assert weights["0.weight"].dtype == torch.float16
    assert weights["1.num_batches_tracked"].dtype == torch.int64
    save_artifact(tmp_path / "m", weights, card=BASE, recipe={})
    twin = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.BatchNorm1d(3)).eval()
    twin.load_state_dict(dict(load_artifact(tmp_path / "m").weights))
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(twin(x), network(x))
    assert 0 < float((network[0].weight.detach() - before).abs().max()) < 1e-3
    assert weights_of(network, "float32")["0.weight"].dtype == torch.float32
    network[0].weight.data[0, 0] = 1e6
    with pytest.raises(BadInputError, match=r"0\.weight holds values beyond 16 bits"):
        weights_of(network, "float16")


def test_saving_without_a_rule_drops_the_rule_of_older_weights(folder: Path) -> None:
    save_artifact(folder, tensors(), card=BASE, recipe={})
    assert load_artifact(folder).rule is None


@pytest.mark.parametrize("position", [10, -1])
def test_one_changed_byte_of_the_weights_is_noticed(folder: Path, position: int) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[position] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(BadInputError, match="differs from the card's"):
        load_artifact(folder)


def test_cut_weights_are_noticed(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInputError, match="differs from the card's"):
        load_artifact(folder)


def test_a_card_without_the_hash_vouches_for_nothing(folder: Path) -> None:
    BASE.write(folder / CARD)
    with pytest.raises(BadInputError, match="differs from the card's None"):
        load_artifact(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [(CARD, "no card.json here"), (WEIGHTS, "no weights.safetensors"), (RECIPE, "cannot be read")],
)
def test_a_missing_part_is_named(folder: Path, name: str, message: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BadInputError, match=message):
        load_artifact(folder)


@pytest.mark.parametrize("content", ["[]", "3", "{", "\x00"])
def test_a_recipe_that_is_no_object_is_refused(folder: Path, content: str) -> None:
    (folder / RECIPE).write_text(content)
    with pytest.raises(BadInputError):
        load_artifact(folder)


def test_a_rule_that_leaks_is_refused_on_load(folder: Path) -> None:
    values = json.loads((folder / RULE).read_text())
    (folder / RULE).write_text(json.dumps({**values, "split": "test"}))
    with pytest.raises(Exception, match="test split"):
        load_artifact(folder)


class Payload:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("name", ["m.pt", "m.pth", "m.ckpt", "m.BIN", "m.weights", "m.onnx", "m"])
@pytest.mark.parametrize("kind", ["torch", "legacy", "bare"])
def test_pickles_are_refused_under_any_name_and_never_run(tmp_path: Path, name: str, kind: str) -> None:
    path, trace = tmp_path / name, tmp_path / "trace"
    if kind == "bare":
        path.write_bytes(pickle.dumps(Payload(trace)))
    else:
        torch.save(Payload(trace), path, _use_new_zipfile_serialization=kind == "torch")
    for read in (refuse_pickle, load_artifact):
        with pytest.raises(BadInputError, match="pickled weights are refused"):
            read(path)
    with pytest.raises(BadInputError, match="pickled weights are refused"):
        load_artifact(tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["torch", "bare"])
def test_a_pickle_in_the_place_of_the_weights_is_refused_even_with_its_hash(folder: Path, kind: str) -> None:
    trace = folder / "trace"
    if kind == "bare":
        (folder / WEIGHTS).write_bytes(pickle.dumps(Payload(trace)))
    else:
        torch.save(Payload(trace), folder / WEIGHTS)
    replace(BASE, sha256={WEIGHTS: sha256(folder / WEIGHTS)}).write(folder / CARD)
    with pytest.raises(BadInputError):
        load_artifact(folder)
    assert not trace.exists()


def test_what_is_no_pickle_passes(folder: Path, tmp_path: Path) -> None:
    refuse_pickle(folder / WEIGHTS)
    refuse_pickle(folder / CARD)
    refuse_pickle(tmp_path / "absent")
    (tmp_path / "PK").write_bytes(b"PK but no zip")
    refuse_pickle(tmp_path / "PK")


def test_a_file_is_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInputError, match="an artifact is a folder"):
        load_artifact(tmp_path / "notes.txt")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot write the model"):
        save_artifact(tmp_path / "file" / "model", tensors(), card=BASE, recipe={})
