"""Captures of version 2 from end to end: on disk as 8-bit pictures, the same bits in any order, and no easy means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facewarden.data.depth import read_depth, read_depth_picture
from facewarden.data.loading import load_batch
from facewarden.data.manifest import Manifest
from facewarden.data.simulate import Capture, Simulation, iter_captures, simulate
from facewarden.data.simulate.sensor.depth_pictures import DEPTH_PICTURES, depth_picture
from facewarden.data.simulate.sensor.sites import dev_sites, named_sites
from facewarden.evaluation.simulated_captures import shown_captures

SMALL = Simulation(version=2, subjects=4, captures_per_subject=3, domains=("site_01", "site_12"), size=64, seed=5)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return simulate(tmp_path_factory.mktemp("v2") / "set", replace(SMALL, maps=True)).manifest


def test_depth_on_disk_is_the_picture_of_the_millimeters_beside_it(written: Manifest) -> None:
    for row in written.rows:
        site = named_sites((row.domain,), version=2)[0]
        assert row.depth is not None
        assert row.box is not None
        assert row.depth_encoding == "picture"
        assert row.attributes["depth_picture"] == site.depth_picture  # type: ignore[attr-defined]
        millimeters = read_depth(written.root / row.extra["millimeters"])
        made = depth_picture(
            millimeters, DEPTH_PICTURES[row.attributes["depth_picture"]], box=np.array(row.box, np.float32),
            span=site.span,  # type: ignore[attr-defined]
        )  # fmt: skip
        # the box in the manifest is rounded, which may move an edge by a pixel
        assert (np.abs(read_depth_picture(written.root / row.depth).astype(int) - made) > 12).mean() < 0.05


def test_the_loader_reads_pictures_of_all_three_sensors(written: Manifest) -> None:
    batch = load_batch(written.rows, root=written.root)
    assert {name: image.shape[1:] for name, image in batch.images.items()} == {
        "rgb": (3, 64, 64), "depth": (1, 64, 64), "infrared": (1, 64, 64),
    }  # fmt: skip
    assert all(bool(there.all()) for there in batch.present.values())
    assert float(batch.images["depth"].std()) > 0.05
    first = next(iter(shown_captures(written)))
    assert first.depth_picture is not None


def test_the_same_seed_gives_the_same_files_for_any_number_of_workers(written: Manifest, tmp_path: Path) -> None:
    two = simulate(tmp_path / "two", replace(SMALL, maps=True), workers=2).manifest
    assert [row.key for row in two.rows] == [row.key for row in written.rows]
    for row in two.rows:
        for name in (row.rgb, row.depth, row.infrared, *row.extra.values()):
            assert (two.root / str(name)).read_bytes() == (written.root / str(name)).read_bytes(), name
    assert [str(row) for row in two.rows] == [str(row) for row in written.rows]


def test_a_capture_does_not_depend_on_those_made_before_it() -> None:
    alone = {made.spec.key: made for made in iter_captures(replace(SMALL, subjects=2, domains=("site_12",)))}
    after = [made for made in iter_captures(SMALL) if made.spec.key in alone]
    assert len(after) == 6
    for made in after:
        for name in ("rgb", "depth", "infrared", "depth_picture", "box"):
            assert np.array_equal(getattr(made, name), getattr(alone[made.spec.key], name))


def face(made: Capture, name: str) -> float:
    x0, y0, x1, y1 = made.box.astype(int)
    return float(np.asarray(getattr(made, name))[max(y0, 0) : y1, max(x0, 0) : x1].mean())


def captures(version: int, domain: str, species: str) -> list[Capture]:
    settings = Simulation(
        version=version,
        subjects=6,
        captures_per_subject=2,
        domains=(domain,),
        species=(species,),
        size=64,  # type: ignore[arg-type]
    )
    return list(iter_captures(settings))


def test_the_mean_of_infrared_does_not_tell_screens_as_in_version_1() -> None:
    def ratio(made: list[Capture]) -> float:
        means = {label: np.mean([face(one, "infrared") for one in made if one.label == label]) for label in (0, 1)}
        return float(means[0] / means[1])

    metering_faces = next(site.name for site in dev_sites() if site.automatics.metering == "face")
    assert ratio(captures(1, "alder", "replay_pc")) < 0.6
    assert 0.75 < ratio(captures(2, metering_faces, "replay_pc")) < 1.35


def test_the_mean_color_is_the_sites_own_whatever_the_light() -> None:
    def spread(version: int, domain: str) -> float:
        """Standard deviation over captures of the logarithms of the mean linear color, without its brightness."""
        codes = [made.rgb.reshape(-1, 3) / 255 for made in captures(version, domain, "print_flat")]
        means = np.array([np.log((((code + 0.055) / 1.055) ** 2.4).mean(0)) for code in codes])
        return float((means - means.mean(1, keepdims=True)).std(0).mean())

    strict = sorted(dev_sites(), key=lambda site: -site.automatics.balance)[:3]
    assert np.mean([spread(2, site.name) for site in strict]) < 0.6 * spread(1, "alder")
