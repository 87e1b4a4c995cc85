"""The plan of the published protocols at toy size: twins of the four sets, every method and every protocol of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from facewarden.data.captures import capture_set
from facewarden.data.datasets.parts.captures import CaptureSet
from facewarden.data.manifest import Manifest
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.training.recipe_files import merged
from facewarden.verbs.bench import bench
from twins import twin

SETS = ("wmca", "casia_surf", "casia_cefa", "padisi")
TOY = {"trunk": "vit_tiny_patch16_224:fresh", "pretrained": False, "depth": 1, "size": 32}
WIDTHS = {"mm_cdcn": 4, "dadm": 8, "ssdg": 16}


def toy(settings: Mapping[str, Any], captures: list[str]) -> dict[str, Any]:
    """The plan with tiny networks, one epoch and one seed, its methods spread over the protocols of their part."""
    methods = {}
    for name, method in settings["methods"].items():
        own = {key: value for key, value in TOY.items() if name != "mm_cdcn" or key == "size"}
        if name in WIDTHS:
            own["width"] = WIDTHS[name]
        methods[name] = merged(method, {"model": own, "training": {"epochs": 1}})
    parts = [
        {**part, "title": f"{part['title']} {place}", "protocols": [protocol],
         "methods": [part["baseline"], *others[place :: len(part["protocols"])]]}
        for part in settings["parts"]
        for others in [[name for name in part["methods"] if name != part["baseline"]]]
        for place, protocol in enumerate(part["protocols"])
    ]  # fmt: skip
    changed = {"data": {"captures": captures}, "seeds": [0], "methods": methods, "parts": parts}
    return {
        "kind": "presentation",
        **settings,
        **changed,
        "defaults": merged(settings["defaults"], {"training": {"epochs": 1}}),
    }


def few(manifest: Manifest) -> Manifest:
    """Three rows of each class in every split."""
    taken: Counter[tuple[str, int]] = Counter()
    rows = []
    for row in manifest:
        taken[row.split, row.label] += 1
        rows += [row] if taken[row.split, row.label] <= 3 else []
    return replace(manifest, rows=tuple(rows))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("published")
    captures = []
    for name in SETS:  # manifests in one folder, named by their files
        found: CaptureSet = capture_set(name, twin(name))
        few(found.manifest()).write(folder / f"{name}.parquet")
        captures.append(str(folder / f"{name}.parquet"))
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(toy(read_plan("mmdg_published").settings, captures)))
    result = bench(str(path), out=folder / "out")
    assert not result.failed, result.failed
    return folder, result.cells


def test_every_method_runs_on_every_protocol_and_all_are_in_the_tables(ran: tuple[Path, int]) -> None:
    folder, count = ran
    settings = read_plan("mmdg_published").settings
    # the baseline on every protocol, each other method on one of each of its parts
    others = [set(part["methods"]) - {part["baseline"]} for part in settings["parts"]]
    assert count == sum(len(part["protocols"]) for part in settings["parts"]) + sum(map(len, others))
    assert set.union(*others) | {"vit"} == set(settings["methods"])
    page = (folder / "out" / "summary.md").read_text(encoding="utf-8")
    for method in settings["methods"].values():
        assert method["label"].split(" (")[0] in page
    for arrow in ("CPS→W", "CPW→S", "CSW→P", "PSW→C", "CW→PS, pooled", "PS→CW, averaged"):
        assert arrow in page


def test_all_methods_share_the_view_of_the_lineage(ran: tuple[Path, int]) -> None:
    folder, _ = ran
    views = [json.loads(path.read_text())["view"] for path in folder.glob("out/shared/data-*/crops-*/crops.json")]
    assert {view["fit"] for view in views} == {"squash"}
    assert len(views) == 1, "one size here, so one store"
    assert {view["side"] for view in views} == {32}
    for path in folder.glob("out/cells/*/done.json"):
        one = json.loads(path.read_text())
        assert one["settings"]["recipe"]["training"]["augmentation"]["copies"] is True
        assert one["settings"]["recipe"]["model"]["precision"] == "float32"


def test_the_twins_are_not_square_and_still_fill_their_crops(ran: tuple[Path, int]) -> None:
    folder, _ = ran
    picture = next((twin("wmca")).rglob("*.jpg"))
    height, width = cv2.imread(str(picture)).shape[:2]
    assert height != width
    (store,) = folder.glob("out/shared/data-*/crops-*/rgb.u8")
    rows = store.read_bytes()
    pixels = memoryview(rows).cast("B")
    first = bytes(pixels[: 32 * 32])
    assert any(first[:32]), "the upper edge is no black bar"
    assert any(first[row * 32] for row in range(32)), "nor is the left one"
