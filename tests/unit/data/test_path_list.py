"""Lists of paths that are held as text."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from facewarden.data.photo_files import photos_of
from facewarden.data.photo_files.path_list import PathList


def test_a_list_gives_the_paths_that_were_put_in() -> None:
    base, names = Path("/photos"), ["b.jpg", "a/c.jpg", "a.jpg", "a-b/d.jpg", "a/b/e.jpg"]
    paths = PathList(base, names)
    assert list(paths) == [base / name for name in names]
    assert (paths[1], paths[-1], len(paths)) == (base / "a/c.jpg", base / "a/b/e.jpg", 5)
    assert list(paths[1:3]) == [base / "a/c.jpg", base / "a.jpg"]
    assert list(paths.some([4, 0])) == [base / "a/b/e.jpg", base / "b.jpg"]
    assert list(paths.in_order()) == sorted(base / name for name in names)


def test_photos_of_a_folder_are_sorted_as_paths(tmp_path: Path) -> None:
    names = ["s2.jpg", "s10.jpg", "a/z.png", "a-b.png", "a/b/c.png", "a.png", "\udce9.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(photos_of(tmp_path).photos) == sorted(tmp_path / name for name in names)


def held(make: Callable[[], object]) -> int:
    """Bytes that a value takes while it lives; the least of some tries, since other threads allocate as well."""
    found = []
    for _ in range(3):
        gc.collect()
        tracemalloc.start()
        try:
            value = make()
            gc.collect()
            found.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        del value
    return min(found)


def test_a_long_folder_takes_little_memory(tmp_path: Path) -> None:
    count = 400
    for number in range(count):
        (tmp_path / f"photo {number:06d}.jpg").touch()
    photos = photos_of(tmp_path).photos
    assert len(photos) == count
    listed = held(lambda: photos_of(tmp_path))
    assert listed / count < 150  # the name and its place
    assert held(lambda: [(path, str(path)) for path in photos]) > 2 * listed
