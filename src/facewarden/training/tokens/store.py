"""`TokenStore`: tokens on disk by the content of the capture, float16, checksummed, whole or not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.artifact import sha256
from facewarden.core.errors import BadInputError
from facewarden.core.files import remove_stale, write_json, writing_folder
from facewarden.core.seeding import derive
from facewarden.training.tokens.engine import EngineSettings
from facewarden.training.tokens.sensor_views import CODE as VIEWS_CODE

PICTURES = ("rgb", "depth", "infrared", "depth_canonical")
"""Pictures of the clean view, in the order of the arrays; randomized views have the first three."""

_INDEX, _SUMMARY, _GRID = "index.json", "summary.npy", "grid.npy"
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class TokenStore:
    """Tokens of captures by content and view, in folders of up to some hundred captures each.

    Attributes:
        folder: of this engine; `open_tokens` makes it.
        place: (view number, content) -> the shard and the row there.
    """

    folder: Path
    place: dict[tuple[int, str], tuple[str, int]] = field(default_factory=dict)

    def missing(self, contents: Iterable[str], *, view: int) -> list[str]:
        """Those whose tokens are not there, each once."""
        return [one for one in dict.fromkeys(contents) if (view, one) not in self.place]

    def add(
        self,
        contents: Sequence[str],
        *,
        view: int,
        summary: NDArray[np.float16],
        grid: NDArray[np.float16] | None,
        engine: str,
    ) -> None:
        """Write tokens of captures under the name of their contents; what is there already is written again alike.

        Args:
            contents: digests of the captures.
            view: number of the view.
            summary: `(n, pictures, f)`.
            grid: `(n, 3, 64, d)` of the clean view, or None.
            engine: what computed them, for the record.

        Raises:
            OSError: they cannot be written.
        """
        digest = hashlib.blake2b(json.dumps([view, *contents]).encode(), digest_size=12).hexdigest()
        with writing_folder(self.folder / digest) as partial:
            np.save(partial / _SUMMARY, summary)
            if grid is not None:
                np.save(partial / _GRID, grid)
            sums = {path.name: sha256(path) for path in sorted(partial.glob("*.npy"))}
            about = {"format": _FORMAT, "view": view, "contents": list(contents), "engine": engine, "sha256": sums}
            write_json(partial / _INDEX, about)
        self.place.update({(view, content): (digest, row) for row, content in enumerate(contents)})

    def summaries(self, contents: Sequence[str], *, view: int = 0) -> NDArray[np.float16]:
        """`(n, pictures, f)` summaries of captures, in their order; NaN for sensors that they lack.

        Raises:
            BadInputError: tokens of one are not there.
        """
        return self._read(contents, view, _SUMMARY)

    def grids(self, contents: Sequence[str]) -> NDArray[np.float16]:
        """`(n, 3, 64, d)` grids of the clean view.

        Raises:
            BadInputError: tokens of one are not there.
        """
        return self._read(contents, 0, _GRID)

    def _read(self, contents: Sequence[str], view: int, file: str) -> NDArray[np.float16]:
        lost = self.missing(contents, view=view)
        if lost or not contents:
            raise BadInputError(
                f"tokens of {len(lost)} captures are not in {self.folder}", hint="fill the store again: it resumes"
            )
        places = [self.place[view, content] for content in contents]
        arrays: dict[str, Any] = {
            shard: np.load(self.folder / shard / file, mmap_mode="r") for shard in {shard for shard, _ in places}
        }
        return np.stack([arrays[shard][row] for shard, row in places])


def folder_of(root: Path, engine: EngineSettings) -> Path:
    """The folder of an engine's tokens below the folder of all stores."""
    return root / f"tokens-{derive(_FORMAT, engine.identity, VIEWS_CODE):016x}"


def open_tokens(root: Path, engine: EngineSettings) -> TokenStore:
    """Open or make the store of an engine below a folder; what a killed process left half is removed.

    Args:
        root: the folder of all stores.
        engine: whose tokens are kept; other weights, sizes or views have a folder of their own.

    Raises:
        BadInputError: a file in it was changed.
        OSError: the folder cannot be made.
    """
    folder = folder_of(root, engine)
    folder.mkdir(parents=True, exist_ok=True)
    remove_stale(folder, deep=False)
    store = TokenStore(folder)
    for shard, about in _shards(folder):
        for name, expected in about["sha256"].items():
            if sha256(folder / shard / name) != expected:
                raise BadInputError(
                    f"{folder / shard / name}: the file was changed",
                    hint=f"delete the folder {shard}, and fill it again",
                )
        store.place.update({(int(about["view"]), one): (shard, row) for row, one in enumerate(about["contents"])})
    return store


def _shards(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in sorted(folder.glob(f"*/{_INDEX}")):
        if not path.parent.name.startswith("."):
            yield path.parent.name, json.loads(path.read_text(encoding="utf-8"))
