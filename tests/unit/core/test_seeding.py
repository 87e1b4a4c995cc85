from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from facewarden.core.seeding import derive

NAMES = st.lists(st.text(max_size=5) | st.integers(), max_size=4)


def test_the_seeds_of_published_numbers_never_change() -> None:
    assert derive(0) == 4761921975702974394
    assert derive(7, "captures", "alder", 3) == 4735377763636966334


@given(st.integers(0, 2**40), NAMES)
def test_a_seed_is_a_63_bit_number_and_the_same_every_time(seed: int, names: list[str | int]) -> None:
    value = derive(seed, *names)
    assert 0 <= value < 2**63
    assert value == derive(seed, *names)


def test_different_paths_have_different_seeds() -> None:
    paths: list[tuple[str | int, ...]] = [(), ("a",), ("b",), ("a", 1), ("a1",), ("a", "1"), (1, "a"), ("", "a")]
    assert len({derive(0, *path) for path in paths}) == len(paths)
    assert derive(0, "a") != derive(1, "a")
    assert derive(0, "a\x1fstr:b") != derive(0, "a", "b")


def test_ten_thousand_samples_share_no_seed() -> None:
    assert len({derive(0, "sample", number) for number in range(10_000)}) == 10_000
