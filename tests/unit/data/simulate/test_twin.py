"""Simulated captures in published layouts: the reader reads them, faces fill the cut-out, one seed gives one set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facewarden.core import registry
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.data.captures import capture_set
from facewarden.data.datasets.parts.twins import Shot, TwinFrame
from facewarden.data.loading import load_batch
from facewarden.data.simulate.run import people_of
from facewarden.data.simulate.specification import Simulation
from facewarden.data.simulate.twin import FRAMING, renderer, simulate_layout


@pytest.fixture(scope="module")
def padisi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twins") / "padisi"
    simulate_layout(folder, layout="padisi", subjects=3, size=48, seed=5)
    return folder


def test_a_simulated_set_is_read_by_its_reader_and_labeled_simulated(padisi: Path) -> None:
    manifest = capture_set("padisi", padisi).manifest()
    assert manifest.simulated
    assert all(row.simulated for row in manifest)
    assert manifest.counts("split") == {"train": 4, "dev": 4, "test": 4}
    batch = load_batch(manifest.where(label=1).rows, root=manifest.root)
    assert batch.images["rgb"].shape == (3, 3, 48, 48)
    middle = batch.images["depth"][:, 0, 16:32, 16:32]
    assert float((middle > 0).float().mean()) > 0.7  # the face, not the wall, is in the middle
    assert float(middle[middle > 0].median()) == pytest.approx(0.5, abs=0.1)


def test_the_site_is_that_of_the_set_or_the_one_asked_for(
    padisi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def site(folder: Path) -> str:
        recipe = json.loads((folder / "card.json").read_text())["recipe"]
        return str(recipe["sensors"])

    assert site(padisi) == "dogwood"
    simulate_layout(tmp_path / "asked", layout="padisi", subjects=3, size=48, sensors="birch")
    assert site(tmp_path / "asked") == "birch"
    monkeypatch.setattr(registry.load("datasets", "padisi"), "twin_site", "cedar")
    simulate_layout(tmp_path / "other", layout="padisi", subjects=3, size=48)
    assert site(tmp_path / "other") == "cedar"


@pytest.mark.parametrize("species", ["bona_fide", "print_flat"])
def test_the_same_seed_gives_the_same_views_and_another_one_others(species: str) -> None:
    def views(seed: int) -> TwinFrame:
        people, count, _ = people_of(
            Simulation(subjects=3, size=64, framing=FRAMING, seed=seed), faces=None, locate=None
        )
        render = renderer(people, site="birch", population=count, size=48, frame=64, seed=seed)
        return render(Shot("clip 1", 1, species))

    one, same, other = views(1), views(1), views(2)
    for number in range(3):
        assert np.array_equal(one[number], same[number])
        assert not np.array_equal(one[number], other[number])
    assert one.rgb.shape == (48, 48, 3)
    assert one.depth.dtype == one.infrared.dtype == np.uint8


def test_what_makes_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownEntryError, match="no layout 'oulu'") as unknown:
        simulate_layout(tmp_path / "x", layout="oulu")
    assert "wmca" in unknown.value.hint
    with pytest.raises(BadInputError, match="2 subjects in three splits"):
        simulate_layout(tmp_path / "x", layout="wmca", subjects=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(BadInputError, match=r"holds mine\.txt"):
        simulate_layout(tmp_path / "full", layout="padisi", subjects=3, size=48)
    assert not (tmp_path / "x").exists()
