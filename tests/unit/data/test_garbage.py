"""Generated garbage thrown at every public reader: only a `FacewardenError` may come out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from facewarden.core.artifact import load_artifact, save_artifact
from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import FacewardenError
from facewarden.data.checking.check import check
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.datasets.scrapshots import ScrapShots
from facewarden.data.depth import read_depth, write_depth
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.sample import Sample
from facewarden.data.table import read_table

often = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SAMPLE = Sample(
    key="k",
    split="train",
    label=1,
    species="bona_fide",
    subject="s",
    domain="d",
    rgb="a.png",
    depth="d.png",
    box=(1.0, 2.0, 3.0, 4.0),
    attributes={"hair": "long"},
)


def survives(read: Callable[[], Any]) -> None:
    with suppress(FacewardenError):
        read()


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A good file cut, overwritten or lengthened somewhere."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        patch = draw(st.binary(min_size=1, max_size=8))
        content[place : place + len(patch)] = patch
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


def good_files(folder: Path) -> dict[str, bytes]:
    """One good file of every kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("csv", "parquet"):
        Manifest((SAMPLE,), folder, "set").write(folder / f"manifest.{suffix}")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(folder / "a.png")
    write_depth(folder / "d.png", rng.integers(0, 2000, (9, 7), dtype=np.uint16))
    Card(name="n", summary="s", role="pad").write(folder / "card.json")
    DecisionRule(0.5, "eer", "dev", "set", 3, 3).write(folder / "decision.json")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


READERS: dict[str, Callable[[Path], Any]] = {
    "manifest.csv": Manifest.read,
    "manifest.parquet": Manifest.read,
    "card.json": Card.read,
    "decision.json": DecisionRule.read,
    "a.png": read_photo,
    "d.png": read_depth,
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_damaged_files(name: str, tmp_path: Path) -> None:
    whole = good_files(tmp_path)[name]
    path = tmp_path / name
    READERS[name](path)  # the undamaged one is read: the test looks at damage and nothing else

    @often
    @given(damaged(whole) | st.binary(max_size=200))
    @example(b"")
    @example(b"[" * 100_000)
    @example(b'{"threshold": 1e999}')
    @example(b"\xff\xfe\x00")
    @example(whole[: len(whole) // 2])
    def throw(content: bytes) -> None:
        path.write_bytes(content)
        survives(lambda: READERS[name](path))
        if name.startswith("manifest"):
            survives(lambda: read_table(path))

    throw()


@often
@given(st.dictionaries(st.sampled_from(["name", "summary", "role", "sha256", "settings", "limits"]), JSON))
@example({"name": 1, "summary": "", "role": [], "sha256": []})
@example({"name": "n", "summary": "s", "role": "pad", "sha256": {"weights.safetensors": 3}})
def test_cards_of_any_content(tmp_path: Path, values: dict[str, Any]) -> None:
    save_artifact(tmp_path, {"w": torch.zeros(2)}, card=Card("n", "s", "pad"), recipe={})
    (tmp_path / "card.json").write_text(json.dumps(values), encoding="utf-8")
    survives(lambda: Card.read(tmp_path / "card.json"))
    survives(lambda: load_artifact(tmp_path))


@often
@given(
    st.fixed_dictionaries(
        dict.fromkeys(["threshold", "policy", "split", "source", "n_bona_fide", "n_attack"], JSON),
        optional={"oracle": JSON, "other": JSON},
    )
    | JSON
)
def test_decision_rules_of_any_content(tmp_path: Path, values: Any) -> None:
    (tmp_path / "decision.json").write_text(json.dumps(values), encoding="utf-8")
    survives(lambda: DecisionRule.read(tmp_path / "decision.json"))


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json", "recipe.json", "decision.json"])
def test_damaged_artifacts(name: str, tmp_path: Path) -> None:
    rule = DecisionRule(0.5, "eer", "dev", "set", 3, 3)
    save_artifact(tmp_path, {"w": torch.arange(6.0)}, card=Card("n", "s", "pad"), recipe={"a": 1}, rule=rule)
    whole = (tmp_path / name).read_bytes()
    load_artifact(tmp_path)

    @often
    @given(damaged(whole) | st.binary(max_size=100))
    @example(b"")
    @example(b"[" * 100_000)
    def throw(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        survives(lambda: load_artifact(tmp_path))

    throw()
    (tmp_path / name).unlink()
    survives(lambda: load_artifact(tmp_path))
    (tmp_path / name).mkdir()
    survives(lambda: load_artifact(tmp_path))


CELL = st.none() | st.text(max_size=12) | st.sampled_from(["1", "0", "train", "bona_fide", "nan", "1e400", "a,b", '"'])


@often
@given(st.lists(st.lists(CELL, min_size=12, max_size=12), min_size=1, max_size=4))
def test_manifests_of_any_cells(tmp_path: Path, rows: list[list[str | None]]) -> None:
    names = ["key", "domain", "subject", "label", "species", "split", "rgb", "x0", "y0", "x1", "y1", "seed"]
    lines = [names, *[[cell or "" for cell in row] for row in rows]]
    text = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    (tmp_path / "m.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    survives(lambda: Manifest.read(tmp_path / "m.csv"))
    survives(lambda: check(tmp_path / "m.csv"))


FILE_NAME = st.one_of(
    st.sampled_from(
        [b"A_0001.jpg", b"001.pts", b"coords.txt", b"pairs.txt", b"00001aa.pgm", b"manifest.csv", b"1.pgm"]
    ),
    st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b"..")),
)
FOLDER_NAME = st.sampled_from([b".", b"A", b"s1", b"neutral", b"smiling", b"train", b"test", b"\xff\xfe", b"lfw"])


@pytest.mark.skipif(os.name != "posix", reason="names that are not UTF-8 exist on POSIX only")
@settings(often, max_examples=20)
@given(files=st.lists(st.tuples(FOLDER_NAME, FILE_NAME, st.binary(max_size=60)), max_size=6), number=st.uuids())
def test_folders_of_anything(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[bytes, bytes, bytes]], number: Any
) -> None:
    root = tmp_path_factory.mktemp("any")
    for folder, name, content in files:
        path = root / os.fsdecode(folder) / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        if not path.is_dir():
            path.write_bytes(content)
    for kind in ("folder", "orl", "scrapshots", "lfw", "london", "simulated"):
        survives(lambda kind=kind: open_dataset(f"{kind}:{root}").photos())
    survives(lambda: open_dataset(root).photos())
    survives(lambda: Lfw(root).pairs())
    survives(lambda: ScrapShots(root).eyes())
    survives(lambda: check(root))


@often
@given(st.text(max_size=30) | st.binary(max_size=12).map(os.fsdecode))
@example("lfw:\0")
@example("~nobody-of-this-name/x")
@example("x" * 5000)
def test_specs_of_anything(spec: str) -> None:
    survives(lambda: open_dataset(f"/no such place/{spec}"))
    survives(lambda: open_dataset(f"orl:/no such place/{spec}"))
    survives(lambda: open_dataset(f"~{spec}/x"))
