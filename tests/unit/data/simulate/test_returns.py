"""Second returns of range sensors against sampled waves, and which return each principle takes."""

from dataclasses import replace

import numpy as np
import pytest

from facewarden.data.simulate.scene.returns import MODULATION, as_ranged, mixed_phase
from facewarden.data.simulate.scene.surface import SecondReturn, Surface, over, plain

SIZE = 8


def two_returns(share: float, second: float = 900.0) -> Surface:
    wall = plain(SIZE, albedo=0.5, nir=0.6, depth=600.0)
    shape = (SIZE, SIZE)
    return replace(wall, second=SecondReturn(np.full(shape, second, np.float32), np.full(shape, share, np.float32)))


def by_correlation(first: float, second: float, share: float) -> float:
    """What four correlation samples (0, 90, 180, 270 degrees) of the two waves say, as a camera computes it."""
    speed = 2.99792458e11

    def sample(angle: float) -> float:
        wave = [np.cos(4 * np.pi * MODULATION * z / speed + angle) for z in (first, second)]
        return float((1 - share) * wave[0] + share * wave[1])

    c0, c1, c2, c3 = (sample(a) for a in (0, np.pi / 2, np.pi, 3 * np.pi / 2))
    period = speed / (2 * MODULATION)
    return float(np.arctan2(c3 - c1, c0 - c2) % (2 * np.pi) / (2 * np.pi) * period)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
@pytest.mark.parametrize("second", [610.0, 800.0, 1500.0])
def test_time_of_flight_reads_what_four_correlation_samples_give(share: float, second: float) -> None:
    ranged = as_ranged(two_returns(share, second), principle="tof").depth
    assert float(ranged[0, 0]) == pytest.approx(by_correlation(600.0, second, share), abs=0.05)


def test_a_weak_second_return_pulls_toward_itself_in_proportion() -> None:
    first, second = np.float32([[600.0]]), np.float32([[640.0]])
    assert float(mixed_phase(first, second, share=np.float32([[0.25]]))[0, 0]) == pytest.approx(610.0, abs=0.1)


@pytest.mark.parametrize("principle", ["structured", "active"])
def test_a_pattern_is_matched_where_it_is_stronger_and_lost_where_both_are_alike(principle: str) -> None:
    weak, even, strong = (as_ranged(two_returns(s), principle=principle) for s in (0.2, 0.5, 0.9))
    assert (weak.depth == 600).all()
    assert (strong.depth == 900).all()
    assert weak.nir.min() == strong.nir.min() == pytest.approx(0.6)
    assert even.nir.max() == 0


def test_passive_stereo_and_plain_matter_know_no_second_return() -> None:
    surface = two_returns(0.9)
    assert as_ranged(surface, principle="passive") is surface
    wall = plain(SIZE, albedo=0.5, nir=0.6, depth=600.0)
    assert as_ranged(wall, principle="tof") is wall


def test_a_layer_in_front_hides_the_second_return_behind_it() -> None:
    hand = plain(SIZE, albedo=0.5, nir=0.6, depth=500.0)
    hand.coverage[:, 4:] = 0
    scene = over(hand, two_returns(0.9))
    assert scene.second is not None
    assert (scene.second.share[:, :4] == 0).all()
    assert (scene.second.share[:, 4:] == np.float32(0.9)).all()
