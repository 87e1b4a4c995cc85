"""What the fuzz corpus found, one test for each kind; all of them failed before it was mended."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from PIL import Image

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError, FacewardenError, LeakError, UnknownEntryError
from facewarden.core.resolve import resolve_detector, resolve_recognizer
from facewarden.data.checking.check import check
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.pad.http_detector import HttpDetector
from facewarden.training.recipe import read_recipe
from facewarden.verbs.bench import bench, checked_cells
from facewarden.verbs.evaluate import evaluate
from facewarden.verbs.laboratory.report import report
from foreign_models import onnx_model
from fuzz.servers import answer_of, serve

RULE = {
    "threshold": 1.0,
    "policy": "eer",
    "split": "dev",
    "source": "x",
    "n_bona_fide": 9,
    "n_attack": 9,
    "oracle": False,
}


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_key_that_json_gives_twice_loses_no_value(tmp_path: Path) -> None:
    card = written(tmp_path, "a.json", '{"name": "x", "summary": "y", "role": "pad", "name": "z"}')
    with pytest.raises(BadInputError, match=r"a\.json.*'name' is given twice"):
        Card.read(card)
    recipe = written(tmp_path, "b.json", '{"like": "multitask", "training": {"seed": 1, "seed": 2}}')
    with pytest.raises(BadInputError, match=r"b\.json.*'seed' is given twice"):
        read_recipe(str(recipe))


@pytest.mark.parametrize(
    "change",
    [{"split": "nowhere"}, {"n_attack": 0}, {"policy": 5}, {"n_attack": 9.5}, {"oracle": "no"}, {"threshold": None}],
)
def test_a_decision_rule_that_cannot_be_used_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = written(tmp_path, "rule.json", json.dumps(RULE | change))
    with pytest.raises(BadInputError, match=r"rule\.json"):
        DecisionRule.read(path)


def test_a_decision_rule_of_test_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(LeakError, match=r"rule\.json"):
        DecisionRule.read(written(tmp_path, "rule.json", json.dumps(RULE | {"split": "test"})))


def test_a_report_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for text in ("[]", "{", '{"schema": 99}'):
        with pytest.raises(BadInputError, match=r"given\.json"):
            report(written(tmp_path, "given.json", text))


def test_a_plan_of_no_kind_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "given.yaml", "# a plan\nkind: nothing\n")
    with pytest.raises(UnknownEntryError, match=r"given\.yaml:2: "):
        bench(path, out=tmp_path / "run")
    with pytest.raises(UnknownEntryError, match=r"given\.yaml:2: "):
        checked_cells(read_plan(str(path)), root=tmp_path / "run")


def test_a_photo_that_is_named_like_an_array_is_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "person" / "a.npz#b.png"
    path.parent.mkdir()
    Image.new("RGB", (40, 40), (200, 90, 60)).save(path)
    assert check(tmp_path).ok


def test_a_table_of_scores_without_a_split_is_named(tmp_path: Path) -> None:
    row = "k,0.5,1,bona_fide,s,d,train,,false"
    table = written(
        tmp_path, "given.csv", f"key,score,label,species,subject,domain,split,illumination,simulated\n{row}\n"
    )
    with pytest.raises(BadInputError, match=r"given\.csv: no bona fide and no attack row in split dev"):
        evaluate("presentation", scores=table)


def changed(path: Path, change: str) -> Path:
    """A network with one thing that no network of faces has."""
    model = onnx.load(str(path))
    graph = model.graph
    if change == "no outputs":
        del graph.output[:]
    elif change == "batch":
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2**31
    elif change == "zero":
        for tensor in graph.initializer:
            tensor.CopyFrom(numpy_helper.from_array(np.zeros(tuple(tensor.dims), np.float32), tensor.name))
    else:
        tensor = graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", change
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("change", "said"), [("no outputs", "no outputs"), ("batch", "larger"), ("a\0b", ""), ("/dev/zero", "")]
)
def test_a_network_that_cannot_be_one_is_refused_by_name(tmp_path: Path, change: str, said: str) -> None:
    with pytest.raises(BadInputError, match=rf"toy\.onnx.*{said}"):
        resolve_detector(str(changed(onnx_model(tmp_path), change)))


def test_a_recognizer_of_zeros_is_named_by_its_file(tmp_path: Path) -> None:
    path = onnx_model(tmp_path, "embedding_first", role="recognizer", output_name="embedding", size=32)
    with pytest.raises(FacewardenError, match=r"toy\.onnx"):
        resolve_recognizer(str(changed(path, "zero"))).embed(torch.rand(2, 3, 112, 112))


def test_a_service_that_answers_nan_is_named_by_its_address(tmp_path: Path) -> None:
    url = serve(lambda: iter([answer_of(b'{"scores": [0.5, NaN]}')]))
    detector = HttpDetector(written(tmp_path, "service.json", json.dumps({"url": url, "retries": 0})))
    with pytest.raises(FacewardenError, match=url):
        detector(FaceBatch(images={"rgb": torch.rand(2, 3, 24, 24)}, key=("a", "b")))
