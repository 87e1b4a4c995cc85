"""Verification from files to table, with a recognizer whose answers are known."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from facewarden.core import resolve
from facewarden.core.artifact import sha256
from facewarden.core.errors import BadInputError
from facewarden.core.identity import code_version
from facewarden.core.roles import Aligner
from facewarden.evaluation.verification import verify
from facewarden.verbs.evaluate import evaluate_verification

COLORS = {"Ann_Doe": (200, 40, 40), "Bo_Roe": (40, 200, 40), "Cy_Poe": (40, 40, 200), "Di_Low": (200, 200, 40)}


@pytest.fixture
def colors(tmp_path):
    """Sees nothing but the mean color."""
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", ["n", 3, 112, 112]), ("y", ["n", 3]))
    ]
    graph = helper.make_graph([node], "means", ends[:1], ends[1:])
    path = tmp_path / "colors.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    (tmp_path / "colors.json").write_text(json.dumps({"name": "colors", "summary": "mean color", "role": "recognizer"}))
    return str(path)


@pytest.fixture
def people(tmp_path):
    root = tmp_path / "people"
    rng = np.random.default_rng(0)
    for name, color in COLORS.items():
        (root / name).mkdir(parents=True)
        for number in (1, 2, 3):
            noise = np.clip(rng.normal(color, 10, (112, 112, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noise).save(root / name / f"{name}_{number:04d}.png")
    return root


def test_all_pairs_of_a_folder(colors, people):
    (found,) = verify([colors], [str(people)], aligner="precropped", rounds=50)
    assert (found.photos, found.people, found.genuine, found.impostor) == (12, 4, 12, 54)
    assert found.summary.eer.value == 0
    assert found.summary.accuracy is None
    assert found.left_out == {}


def test_what_cannot_be_used_is_counted(colors, people):
    (people / "Ann_Doe" / "Ann_Doe_0001.png").write_bytes(b"damaged")
    (found,) = verify([colors], [str(people)], aligner="precropped", rounds=20)
    assert found.left_out == {"unreadable photo: not a picture in a known format": 1, "pair with a photo left out": 11}
    assert (found.photos, found.genuine, found.impostor) == (11, 10, 45)


def test_two_spellings_of_one_person_are_said(colors, people, caplog):
    (people / "Bo_Roe").rename(people / "ann_doe")
    told = "People that differ in letter case or leading zeros alone count as different: Ann_Doe, ann_doe"
    with caplog.at_level("INFO", logger="facewarden"):
        (found,) = verify([colors], [str(people)], aligner="precropped", rounds=20)
    assert told in found.notes
    assert told in caplog.text  # whoever opens the folder is told, an audit with --faces too


def test_lfw_goes_by_its_list_and_folds(colors, people):
    names = list(COLORS)
    rows = ["fold\tsame\tname1\tindex1\tname2\tindex2"]
    rows += [f"{fold}\t1\t{name}\t1\t{name}\t{fold + 2}" for fold in (0, 1) for name in names]
    rows += [f"{fold}\t0\t{a}\t1\t{b}\t2" for fold in (0, 1) for a, b in itertools.pairwise(names)]
    rows.append("1\t0\tAnn_Doe\t1\tNo_One\t1")
    (people / "pairs.tsv").write_text("\n".join(rows) + "\n")
    (found,) = verify([colors], [f"lfw:{people}"], aligner="precropped", rounds=20)
    assert (found.genuine, found.impostor) == (8, 6)
    assert found.summary.accuracy.value == 1.0
    assert found.left_out == {"pair of the official list without its photos": 1}


def test_embeddings_are_kept_and_used_until_a_photo_changes(colors, people, tmp_path, monkeypatch):
    run = tmp_path / "run"
    first = verify([colors], [str(people)], aligner="precropped", rounds=20, run=run)
    (kept,) = run.glob("*.npz")
    with monkeypatch.context() as patch:
        patch.setattr("facewarden.evaluation.kept_embeddings.vectors_of", lambda *_: pytest.fail("embedded again"))
        assert verify([colors], [str(people)], aligner="precropped", rounds=20, run=run) == first
    Image.new("RGB", (112, 112), "white").save(people / "Ann_Doe" / "Ann_Doe_0001.png")
    assert verify([colors], [str(people)], aligner="precropped", rounds=20, run=run) != first
    kept.write_bytes(b"damaged")
    assert len(list(run.glob("*.npz"))) == 2


def test_another_network_under_the_same_name_is_embedded_anew(colors, people, tmp_path):
    run, path = tmp_path / "run", Path(colors)
    (first,) = verify([colors], [str(people)], aligner="precropped", rounds=20, run=run)
    model = onnx.load(colors)
    model.graph.node[0].attribute[0].ints[:] = [1, 3]  # the brightness of each line, which three people have alike
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 112
    onnx.save(model, colors)
    (second,) = verify([colors], [str(people)], aligner="precropped", rounds=20, run=run)
    assert second.summary.eer.value != first.summary.eer.value
    assert first.weights[path.name] != second.weights[path.name] == sha256(path)


def test_a_photo_of_other_bytes_but_the_same_size_and_date_is_embedded_anew(colors, people, tmp_path):
    path, run = people / "Ann_Doe" / "Ann_Doe_0001.png", tmp_path / "run"
    Image.new("RGB", (112, 112), "white").save(path, compress_level=0)
    before, status = verify([colors], [str(people)], aligner="precropped", rounds=20, run=run), path.stat()
    Image.new("RGB", (112, 112), "red").save(path, compress_level=0)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert verify([colors], [str(people)], aligner="precropped", rounds=20, run=run) != before


def test_embeddings_of_older_code_are_not_used(colors, people, tmp_path, monkeypatch, caplog):
    verify([colors], [str(people)], aligner="precropped", rounds=20, run=tmp_path / "run")
    monkeypatch.setattr(code_version, "CODES", {**code_version.CODES, "embeddings": 2})
    verify([colors], [str(people)], aligner="precropped", rounds=20, run=tmp_path / "run")
    assert "embeddings-colors: kept by version 1 of its code, which is version 2 now" in caplog.text
    assert len(list((tmp_path / "run").glob("*.npz"))) == 2


def test_damaged_kept_embeddings_are_named(colors, people, tmp_path):
    verify([colors], [str(people)], aligner="precropped", rounds=20, run=tmp_path / "run")
    (kept,) = (tmp_path / "run").glob("*.npz")
    kept.write_bytes(b"damaged")
    with pytest.raises(BadInputError, match=r"(?s)embeddings-colors-.*delete it"):
        verify([colors], [str(people)], aligner="precropped", rounds=20, run=tmp_path / "run")


def test_files_and_metrics(colors, people, tmp_path):
    found = evaluate_verification(
        recognizer=(colors,),
        dataset=(f"folder:{people}",),
        aligner="precropped",
        seed=0,
        run=None,
        out=tmp_path / "out",
    )
    assert {metric.name for metric in found.metrics} == {"eer", "tar_at_far_0_1_percent", "tar_at_far_1_percent"}
    document = json.loads((tmp_path / "out" / "verification.json").read_text())
    assert document["version"] == 1
    assert document["results"][0]["genuine"] == 12
    assert "--recognizer colors.onnx --dataset folder:PATH" in document["command"]
    assert str(tmp_path) not in json.dumps(document)
    text = (tmp_path / "out" / "verification.md").read_text()
    assert "12 photos of 4 people, 12 genuine and 54 impostor pairs" in text
    assert "| 0.00 (0.00 to" in text


def test_nothing_to_measure_is_an_error(colors, people, tmp_path):
    with pytest.raises(BadInputError, match="needs recognizers"):
        evaluate_verification(recognizer=(), dataset=("orl",), aligner="yunet", seed=0, run=None, out=None)
    (tmp_path / "one" / "a").mkdir(parents=True)
    Image.new("RGB", (30, 20)).save(tmp_path / "one" / "a" / "1.png")
    with pytest.raises(BadInputError, match=r"no face could be used of 1 photos: photo refused by the aligner \(1\)"):
        verify([colors], [str(tmp_path / "one")], aligner="precropped")


def test_photos_of_the_same_bytes_are_compared_once(colors, people):
    (plain,) = verify([colors], [str(people)], aligner="precropped", rounds=20)
    first = people / "Ann_Doe" / "Ann_Doe_0001.png"
    for number in range(3):
        (people / "Ann_Doe" / f"copy {number}.png").write_bytes(first.read_bytes())
    (found,) = verify([colors], [str(people)], aligner="precropped", rounds=20)
    assert found.left_out == {"photo that repeats another one of the same person, byte for byte": 3}
    assert (found.photos, found.genuine, found.summary) == (12, 12, plain.summary)
    (people / "Bo_Roe" / "whose.png").write_bytes(first.read_bytes())
    (found,) = verify([colors], [str(people)], aligner="precropped", rounds=20)
    assert found.left_out == {"photo that stands under two people, byte for byte": 5}
    assert (found.photos, found.genuine) == (11, 10)


def test_sets_of_one_name_are_told_apart_and_lose_nothing(colors, people, tmp_path):
    shutil.copytree(people, tmp_path / "b" / "people")
    (tmp_path / "b" / "people" / "Ann_Doe" / "Ann_Doe_0001.png").write_bytes(b"damaged")
    found = evaluate_verification(
        recognizer=(colors,), dataset=(str(people), str(tmp_path / "b" / "people")), aligner="precropped", seed=0,
        run=None, out=None,
    )  # fmt: skip
    assert {metric.group["dataset"] for metric in found.metrics} == {"people", "people (2)"}
    assert found.skipped["unreadable photo: not a picture in a known format in people (2)"] == 1


def test_rates_that_so_few_pairs_cannot_show_are_said(colors, people):
    found = evaluate_verification(
        recognizer=(colors,), dataset=(str(people),), aligner="precropped", seed=0, run=None, out=None
    )
    assert found.warnings == (
        "people: 54 impostor pairs are too few for a FAR of 0.1 % and 1 %: the TAR given there is at a threshold that "
        "accepts no impostor pair",
    )


def test_several_faces_and_frames_are_said_also_when_embeddings_were_kept(colors, people, tmp_path, monkeypatch):
    frames = [Image.new("RGB", (112, 112), color) for color in ((200, 40, 41), (0, 0, 0))]
    frames[0].save(people / "Ann_Doe" / "moving.gif", save_all=True, append_images=frames[1:])
    load = resolve.load

    class Twice(Aligner):
        def locate(self, image):
            return 2 * load("align", "precropped")().locate(image)

    monkeypatch.setattr(resolve, "load", lambda group, name: Twice if group == "align" else load(group, name))
    for _ in range(2):
        (found,) = verify([colors], [str(people)], aligner="precropped", rounds=20, run=tmp_path / "run")
        assert found.notes[:2] == (
            "13 of 13 photos: several faces, the most central one is taken",
            "1 of 13 photos: the first of 2 frames is taken",
        )


@pytest.mark.parametrize("names", [("a/1", "a/2"), ("a/1", "b/1")])
def test_a_set_without_pairs_of_both_kinds_is_named(colors, tmp_path, names):
    for place, name in enumerate(names):
        path = tmp_path / "my faces" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112), (place, 50, 9)).save(path)
    with pytest.raises(BadInputError, match=r"my faces: 2 photos of [12] people: there is no (genuine|impostor) row"):
        verify([colors], [str(tmp_path / "my faces")], aligner="precropped")
