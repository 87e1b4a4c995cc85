"""Depth and infrared sensors against what their physics says of a plane."""

from dataclasses import replace

import numpy as np
import pytest

from facewarden.data.simulate.scene.light import blackbody_tint, sample_light
from facewarden.data.simulate.scene.surface import plain
from facewarden.data.simulate.scene.view import PinholeView, Placement, intersect, tilted
from facewarden.data.simulate.sensor.camera import flash_return, infrared_image
from facewarden.data.simulate.sensor.domains import DOMAINS
from facewarden.data.simulate.sensor.ranging import deviation, measure

SIZE = 96
VIEW = PinholeView(SIZE, 400.0)


def wall(depth: float, nir: float = 0.7):  # type: ignore[no-untyped-def]
    return plain(SIZE, albedo=0.5, nir=nir, depth=depth)


def indoors():  # type: ignore[no-untyped-def]
    return replace(sample_light(np.random.default_rng(0), "normal", environment="indoor"), nir=0.0)


def measured_noise(name: str, depth: float) -> float:
    sensor = replace(DOMAINS[name].depth, holes=0.0, steps=4000.0, shift=0.0, floor=0.0)
    rng = np.random.default_rng(3)
    found = [measure(rng, wall(depth), sensor=sensor, light=indoors(), toward=VIEW.toward()) for _ in range(6)]
    values = np.stack(found).astype(float)
    return float(values[values > 0].std())


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_range_noise_grows_with_the_square_of_the_distance(name: str) -> None:
    near, far = measured_noise(name, 800.0), measured_noise(name, 1600.0)
    assert 3.2 < far / near < 4.8


def test_the_formula_of_the_range_noise() -> None:
    sensor = replace(DOMAINS["birch"].depth, floor=0.5, noise=2.0)
    assert deviation(sensor, np.array([1000.0, 2000.0], np.float32)).tolist() == pytest.approx([2.5, 8.5])


def test_disparity_comes_in_steps() -> None:
    sensor = replace(DOMAINS["dogwood"].depth, noise=0.0, floor=0.0, holes=0.0, shift=0.0)
    slope = wall(900.0)
    slope.depth[:] = np.linspace(900, 1000, SIZE, dtype=np.float32)
    found = measure(np.random.default_rng(0), slope, sensor=sensor, light=indoors(), toward=VIEW.toward())
    # 24000 / 900 … 24000 / 1000 sensor pixels at two steps a pixel are at most six values.
    assert 3 <= np.unique(found[found > 0]).size <= 6


def test_a_dark_surface_returns_no_range_from_active_sensors() -> None:
    for name in ("alder", "birch", "cedar"):
        rng = np.random.default_rng(1)
        sensor = DOMAINS[name].depth
        black = measure(rng, wall(600.0, nir=0.02), sensor=sensor, light=indoors(), toward=VIEW.toward())
        white = measure(rng, wall(600.0), sensor=sensor, light=indoors(), toward=VIEW.toward())
        assert (black > 0).mean() < 0.3 < 0.6 < (white > 0).mean()


def test_the_flash_falls_off_with_the_square_of_the_distance() -> None:
    near = flash_return(wall(500.0), toward=VIEW.toward())[SIZE // 2, SIZE // 2]
    far = flash_return(wall(1000.0), toward=VIEW.toward())[SIZE // 2, SIZE // 2]
    assert near / far == pytest.approx(4.0, rel=1e-3)
    assert near == pytest.approx(0.7, rel=0.02)


def test_sunlight_adds_to_the_infrared_picture() -> None:
    sensor, light = DOMAINS["dogwood"].infrared, indoors()
    pictures = [
        infrared_image(np.random.default_rng(0), wall(2500.0), sensor=sensor, light=replace(light, nir=sun),
                       toward=VIEW.toward(), nominal=600.0).mean()
        for sun in (0.0, 0.8)
    ]  # fmt: skip
    assert pictures[1] > pictures[0] + 30


def test_tints_are_neutral_at_6500_kelvin_and_warm_below() -> None:
    assert blackbody_tint(6500.0) == pytest.approx([1, 1, 1], abs=1e-6)
    warm = blackbody_tint(3000.0)
    assert warm[0] > 1.2
    assert warm[2] < 0.6


@pytest.mark.parametrize("radius", [0.0, 90.0, -140.0])
def test_a_sheet_is_met_where_its_points_project(radius: float) -> None:
    placement = Placement(np.array([5.0, -8.0, -420.0]), tilted(0.2, -0.15, 0.1), radius)
    hit = intersect(VIEW, placement)
    rows, columns = np.array([30, 48, 70]), np.array([40, 52, 60])
    sheet = np.stack([hit.across[rows, columns], hit.down[rows, columns]], axis=1)
    points = placement.points(sheet)
    assert VIEW.project(points) == pytest.approx(np.stack([columns, rows], axis=1), abs=0.02)
    assert -points[:, 2] == pytest.approx(hit.depth[rows, columns], rel=1e-4)
