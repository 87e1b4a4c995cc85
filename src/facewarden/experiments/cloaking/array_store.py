"""Arrays on disk, addressed by their recipe: computed once, shared by all cells, runs and processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.identity.code_version import code_of, say_computed_anew

Arrays = Mapping[str, NDArray[Any]]
_RECIPE = "recipe"


def content_key(recipe: Any) -> str:
    """A short stable name of JSON values: equal values, equal name."""
    return hashlib.blake2b(json.dumps(recipe, sort_keys=True).encode(), digest_size=12).hexdigest()


def pixels_key(images: NDArray[np.uint8]) -> str:
    """The same for eight-bit images."""
    digest = hashlib.blake2b(str(images.shape).encode(), digest_size=12)
    digest.update(np.ascontiguousarray(images).tobytes())
    return digest.hexdigest()


class Store:
    """A folder of compressed arrays, one file per recipe; a file is there whole or not at all.

    Args:
        folder: made when absent; several processes may share it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._said: set[str] = set()

    def path(self, kind: str, recipe: Mapping[str, Any]) -> Path:
        """Where the arrays of a recipe are kept: in a folder of the kind and of the version of its code."""
        code = code_of(kind)
        return self.folder / (kind if code == 1 else f"{kind}-{code}") / f"{content_key(recipe)}.npz"

    def has(self, kind: str, recipe: Mapping[str, Any]) -> bool:
        """Whether the arrays of a recipe are stored."""
        return self.path(kind, recipe).is_file()

    def get(self, kind: str, recipe: Mapping[str, Any], make: Callable[[], Arrays]) -> dict[str, NDArray[Any]]:
        """Return the arrays of a recipe; compute and store them if they are missing.

        Args:
            kind: a folder's name, one of `facewarden.core.identity.code_version.CODES`.
            recipe: JSON values, everything that decides the arrays; it is written beside them.
            make: computes them.

        Raises:
            BadInputError: the folder cannot be written, or a kept file is damaged.
        """
        path = self.path(kind, recipe)
        if path.is_file():
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    return {name: arrays[name] for name in arrays.files if name != _RECIPE}
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                raise BadInputError(f"{path}: cannot be read: {error}", hint="delete it, it is made again") from error
        if kind not in self._said and (held := self._held_by_other_code(path, kind)):
            self._said.add(kind)
            say_computed_anew(kind, held=held, now=code_of(kind))
        made = dict(make())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with writing(path) as temporary, temporary.open("wb") as out:
                text = np.array(json.dumps(recipe, sort_keys=True))
                np.savez_compressed(out, **{_RECIPE: text}, **made)  # type: ignore[arg-type]
        except OSError as error:
            raise BadInputError(f"{path}: cannot be written: {error}", hint="choose a writable folder") from error
        return made

    def _held_by_other_code(self, path: Path, kind: str) -> list[int]:
        """Versions of the code that kept the arrays of this recipe."""
        folders = {1: self.folder / kind} | {
            int(number): folder
            for folder in self.folder.glob(f"{kind}-*")
            if (number := folder.name.removeprefix(f"{kind}-")).isdecimal()
        }
        return [
            number for number, folder in folders.items() if number != code_of(kind) and (folder / path.name).is_file()
        ]
