"""Fill a store of tokens: captures that are not there yet, in chunks, in this process or in several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import Modality
from facewarden.core.processes import CANNOT_START, note_one_process, without_main, worker_pool
from facewarden.core.progress import track
from facewarden.nn.floors.depth_geometry import canonical_depth
from facewarden.training.tokens.drawn_views import pixels_of
from facewarden.training.tokens.engine import Engine, EngineSettings, make_engine
from facewarden.training.tokens.sensor_views import Pixels, content_of, sensor_view
from facewarden.training.tokens.store import PICTURES, TokenStore, folder_of, open_tokens

CHUNK = 64
"""Captures of one folder of the store, and of one task of a process."""

_AT_ONCE = 16
_Capture = dict[Modality, Pixels]
_Task = tuple[Path, EngineSettings, int, list[str], list[_Capture]]


def contents_of(batches: Iterable[FaceBatch]) -> list[str]:
    """Digests of the crops of batches, by which their tokens are found."""
    return [content_of(capture) for batch in batches for capture in pixels_of(batch)]


def fill_tokens(
    root: Path, batches: Iterable[FaceBatch], *, engine: EngineSettings, views: Sequence[int] = (0,), workers: int = 1
) -> TokenStore:
    """Compute what is not there yet and return the store. A call that was killed goes on where it was.

    Args:
        root: the folder of all stores.
        batches: crops of the engine's size without boxes.
        engine: which network.
        views: numbers of the views.
        workers: processes, each with one thread; they end with this one.

    Raises:
        BadInputError: a file of the store was changed.
        MissingAssetError: the weights are not fetched.
    """
    store = open_tokens(root, engine)
    tasks = _tasks(store, batches, root=root, engine=engine, views=views)
    if workers > 1:
        try:
            with worker_pool(workers) as pool, without_main():
                list(track(pool.map(_work, list(tasks)), label="tokens", unit="chunks"))
        except CANNOT_START as error:
            note_one_process(f"the others could not be started or ended early ({type(error).__name__}: {error})")
            return fill_tokens(root, batches, engine=engine, views=views)
        return open_tokens(root, engine)
    made: Engine | None = None
    for task in track(tasks, label="tokens", unit="chunks"):
        made = made or make_engine(engine)
        _look(made, task, store)
    return store


def _tasks(
    store: TokenStore, batches: Iterable[FaceBatch], *, root: Path, engine: EngineSettings, views: Sequence[int]
) -> Iterator[_Task]:
    waiting: dict[int, dict[str, _Capture]] = {view: {} for view in views}
    for batch in batches:
        captures = pixels_of(batch)
        contents = [content_of(capture) for capture in captures]
        known = dict(zip(contents, captures, strict=True))
        for view, ahead in waiting.items():
            for content in store.missing(contents, view=view):
                ahead[content] = known[content]
            while len(ahead) >= CHUNK:
                some = list(ahead)[:CHUNK]
                yield root, engine, view, some, [ahead.pop(one) for one in some]
    for view, ahead in waiting.items():
        if ahead:
            yield root, engine, view, list(ahead), list(ahead.values())


def _work(task: _Task) -> int:
    torch.set_num_threads(1)
    root, engine, _, contents, _ = task
    _look(_engine(engine), task, TokenStore(folder_of(root, engine)))
    return len(contents)


_MADE: dict[EngineSettings, Engine] = {}


def _engine(settings: EngineSettings) -> Engine:
    """One engine a process: its graph takes a second to load."""
    if settings not in _MADE:
        _MADE[settings] = make_engine(settings)
    return _MADE[settings]


def _look(engine: Engine, task: _Task, store: TokenStore) -> None:
    _, settings, view, contents, captures = task
    names = PICTURES if view == 0 else PICTURES[:3]
    pictures: list[NDArray[np.float32]] = []
    slots: list[tuple[int, int]] = []
    for row, capture in enumerate(captures):
        seen = sensor_view(capture, view)
        for place, name in enumerate(names):
            image = _picture(seen, name)
            if image is not None:
                pictures.append(image)
                slots.append((row, place))
    summary: NDArray[np.float16] | None = None
    grid: NDArray[np.float16] | None = None
    for start in range(0, len(pictures), _AT_ONCE):
        found = engine(torch.from_numpy(np.stack(pictures[start : start + _AT_ONCE])))
        if summary is None or grid is None:
            summary = np.full((len(captures), len(names), found.summary.shape[1]), np.nan, np.float16)
            grid = np.full((len(captures), 3, *found.grid.shape[1:]), np.nan, np.float16)
        for offset, (row, place) in enumerate(slots[start : start + _AT_ONCE]):
            summary[row, place] = found.summary[offset]
            if place < 3:
                grid[row, place] = found.grid[offset]
    assert summary is not None  # every capture has a sensor
    store.add(contents, view=view, summary=summary, grid=grid if view == 0 else None, engine=settings.kind)


def _picture(seen: _Capture, name: str) -> NDArray[np.float32] | None:
    """`(3, h, w)` in [0, 1] of one of `PICTURES`; None where the sensor is absent."""
    sensor: Modality = "depth" if name == "depth_canonical" else name  # type: ignore[assignment]
    image = seen.get(sensor)
    if image is None:
        return None
    unit = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)
    if name == "depth_canonical":
        unit = canonical_depth(unit)
    found: NDArray[np.float32] = unit.expand(3, -1, -1).contiguous().numpy()
    return found
