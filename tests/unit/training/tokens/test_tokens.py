"""Tokens by content: the numbers of the network itself, resumed, checksummed; views that repeat and stay pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.nn.floors.tokens import TokenSummary
from facewarden.nn.trunk import load_trunk
from facewarden.training.tokens import extract
from facewarden.training.tokens.engine import EngineSettings, make_engine
from facewarden.training.tokens.extract import contents_of, fill_tokens, pixels_of
from facewarden.training.tokens.sensor_views import VIEWS, Pixels, content_of, sensor_view
from facewarden.training.tokens.store import PICTURES, open_tokens

ENGINE = EngineSettings(trunk="vit_tiny_patch16_224:fresh", size=32, depth=2)


def crops(count: int = 5, *, seed: int = 0) -> FaceBatch:
    draw = torch.Generator().manual_seed(seed)

    def image(channels: int) -> torch.Tensor:
        coarse = torch.rand(count, channels, 6, 6, generator=draw)
        whole = torch.nn.functional.interpolate(coarse, size=32, mode="bilinear")
        return (whole * 255).round() / 255

    present = torch.ones(count, dtype=torch.bool)
    present[1:2] = False
    images = {"rgb": image(3), "depth": image(1), "infrared": image(1)}
    return FaceBatch(images=images, key=tuple(f"{seed}-{i}" for i in range(count)), present={"depth": present})


def test_the_store_holds_what_the_network_says(tmp_path: Path) -> None:
    batch = crops()
    store = fill_tokens(tmp_path, [batch], engine=ENGINE)
    found = store.summaries(contents_of([batch]))
    trunk = load_trunk(ENGINE.trunk, size=32, seed=0, depth=2).eval()
    images = torch.stack([batch.images[n].expand(-1, 3, -1, -1) for n in ("rgb", "depth", "infrared")])
    with torch.no_grad():
        expected = torch.stack(list(TokenSummary(trunk, depth="both").blocks(images)), dim=1).numpy()
    order = [PICTURES.index(name) for name in ("rgb", "depth", "infrared", "depth_canonical")]
    assert found.dtype == np.float16
    rows = [0, 2, 3, 4]
    np.testing.assert_allclose(found[rows][:, order], expected[rows], atol=4e-3, rtol=2e-3)
    assert np.isnan(found[1, [1, 3]]).all(), "the sensor is absent"
    assert np.isfinite(found[1, [0, 2]]).all()
    assert store.grids(contents_of([batch])).shape == (5, 3, 64, 192)


def test_a_second_call_computes_nothing_and_a_longer_one_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = make_engine

    def counting(settings: EngineSettings) -> object:
        engine = real(settings)

        def look(pixels: torch.Tensor) -> object:
            seen.append(len(pixels))
            return engine(pixels)

        return look

    monkeypatch.setattr(extract, "make_engine", counting)
    monkeypatch.setattr(extract, "CHUNK", 2)
    first, second = crops(3, seed=1), crops(2, seed=2)
    fill_tokens(tmp_path, [first], engine=ENGINE)
    pictures = 4 * 2 + 2  # the second capture has no depth
    assert sum(seen) == pictures
    before = open_tokens(tmp_path, ENGINE).summaries(contents_of([first]))
    fill_tokens(tmp_path, [second, first], engine=ENGINE)
    assert sum(seen) == pictures + 4 + 2
    store = fill_tokens(tmp_path, [first, second], engine=ENGINE, views=(0, 3))
    assert sum(seen) == pictures + 6 + 3 * 2 + 2 + 3 + 2
    np.testing.assert_array_equal(store.summaries(contents_of([first])), before)
    assert store.summaries(contents_of([second]), view=3).shape[1] == 3


def test_a_file_that_was_changed_is_refused_and_half_work_is_not_there(tmp_path: Path) -> None:
    store = fill_tokens(tmp_path, [crops(2)], engine=ENGINE)
    (shard,) = [path for path in store.folder.iterdir() if path.is_dir()]
    (shard / "index.json").rename(tmp_path / "index.json")
    assert not open_tokens(tmp_path, ENGINE).place, "without its index a folder does not count"
    (tmp_path / "index.json").rename(shard / "index.json")
    with (shard / "summary.npy").open("r+b") as file:
        file.seek(-2, 2)
        file.write(b"xx")
    with pytest.raises(BadInputError, match="was changed"):
        open_tokens(tmp_path, ENGINE)
    with pytest.raises(BadInputError, match="not in"):
        store.summaries(["0" * 32])


def test_other_weights_or_sizes_have_a_folder_of_their_own(tmp_path: Path) -> None:
    names = {
        open_tokens(tmp_path, EngineSettings(trunk=trunk, size=size)).folder.name
        for trunk, size in (("face_vit:fresh", 112), ("face_vit:fresh", 224), ("dinov2_small", 112))
    }
    assert len(names) == 3
    slow, fast = (EngineSettings(kind=kind) for kind in ("torch", "onnxruntime"))
    assert slow.identity == fast.identity
    with pytest.raises(BadInputError, match="onnxruntime"):
        make_engine(EngineSettings(trunk="face_vit:fresh", kind="onnxruntime"))


def test_processes_give_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "CHUNK", 2)
    batch = crops(4)
    alone = fill_tokens(tmp_path / "a", [batch], engine=ENGINE).summaries(contents_of([batch]))
    beside = fill_tokens(tmp_path / "b", [batch], engine=ENGINE, workers=2).summaries(contents_of([batch]))
    np.testing.assert_array_equal(alone, beside)


def capture() -> dict[str, Pixels]:
    found = pixels_of(crops(1, seed=4))[0]
    found["depth"] = np.maximum(found["depth"], 1)
    found["depth"][:6] = 0
    return found  # type: ignore[return-value]


def test_views_depend_on_content_and_number_alone() -> None:
    pixels = capture()
    views = [sensor_view(pixels, number) for number in range(VIEWS)]  # type: ignore[arg-type]
    again = [sensor_view(dict(reversed(pixels.items())), number) for number in range(VIEWS)]  # type: ignore[arg-type]
    assert all(content_of(one) == content_of(other) for one, other in zip(views, again, strict=True))
    assert len({content_of(view) for view in views}) == VIEWS
    assert content_of(views[0]) == content_of(pixels)  # type: ignore[arg-type]
    for view in views:
        assert all(view[name].shape == pixels[name].shape and view[name].dtype == np.uint8 for name in view)
    changed = {**pixels, "infrared": np.maximum(pixels["infrared"], 1) - 1}
    assert not np.array_equal(sensor_view(changed, 1)["rgb"], views[1]["rgb"]), "another capture, another camera"  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="no view"):
        sensor_view(pixels, VIEWS)  # type: ignore[arg-type]


def test_a_view_keeps_the_face_and_the_holes() -> None:
    pixels = capture()
    inverted = 0
    for seed in range(8):
        one = {**pixels, "infrared": np.roll(pixels["infrared"], seed, axis=1)}
        view = sensor_view(one, 1)  # type: ignore[arg-type]
        for name in ("rgb", "infrared"):
            before, after = (image[name].astype(float).ravel() for image in (one, view))
            assert np.corrcoef(before, after)[0, 1] > 0.7, name
        flat = view["depth"][..., 0]
        assert ((flat[:5] == 0) | (flat[:5] == 255)).mean() > 0.9, "holes are black or white"
        known = (flat[8:] > 0) & (flat[8:] < 255)
        assert known.mean() > 0.6
        inverted += np.corrcoef(pixels["depth"][8:, :, 0][known], flat[8:][known])[0, 1] < 0
    assert 0 < inverted < 8
