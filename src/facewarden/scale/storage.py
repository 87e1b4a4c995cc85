"""Files in a store (`s3://`, `gs://`, `file://` and what else fsspec reads): whole or not there, in spite of faults."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.data.photo_files import PHOTO_SUFFIXES

T = TypeVar("T")
ATTEMPTS = 6
_WAIT_SECONDS = 0.2
_URL = re.compile(r"[a-z0-9]+://")
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_LOG = logging.getLogger("facewarden")


_md5 = partial(hashlib.md5, usedforsecurity=False)


class TornFileError(OSError):
    """A file that did not arrive whole."""


def is_url(text: str) -> bool:
    """Whether a path names a store.

    Example:
        >>> is_url("s3://bucket/photos"), is_url("photos")
        (True, False)
    """
    return _URL.match(text) is not None


class Store:
    """A folder of a store. Whatever fails in passing (timeouts, 503, a torn answer) is tried again, with pauses.

    Args:
        url: of the folder, `s3://bucket/photos`.
        options: of fsspec, such as `endpoint_url`; left out, the environment's.

    Raises:
        BadInputError: fsspec, or what it needs for this kind of store, is not installed.
    """

    def __init__(self, url: str, *, options: dict[str, Any] | None = None) -> None:
        try:
            import fsspec

            self.fs, self.root = fsspec.core.url_to_fs(url, **(options or {}))
        except ImportError as error:
            raise BadInputError(f"{url}: {error}", hint='pip install "facewarden[storage]" s3fs, or gcsfs') from None
        except ValueError as error:
            raise BadInputError(
                f"{url}: {error}", hint="s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or file:///FOLDER"
            ) from error
        self.url = url
        self._local = "file" in ((self.fs.protocol,) if isinstance(self.fs.protocol, str) else self.fs.protocol)

    def photos(self) -> list[str]:
        """Keys of the photos at any depth, sorted as in a folder; hidden ones are left out."""
        return [key for key in self.files() if PurePosixPath(key).suffix.lower() in PHOTO_SUFFIXES]

    def files(self) -> list[str]:
        """Keys of all files at any depth, sorted as in a folder; hidden ones are left out."""
        found = self._tried(lambda: self._fresh().find(self.root), what="list")
        keys = (path.removeprefix(self.root.rstrip("/")).lstrip("/") for path in found)
        parts = [PurePosixPath(key) for key in keys if key]
        return [str(key) for key in sorted(parts) if not any(part.startswith(".") for part in key.parts)]

    def fetch(self, key: str, target: Path) -> None:
        """Copy a file to this machine; under its name it is whole.

        Raises:
            BadInputError: it is not there, or does not arrive.
        """
        target.parent.mkdir(parents=True, exist_ok=True)

        def get() -> None:
            about = self._fresh().info(self._path(key))
            with writing(target, sync=False) as temporary:
                self.fs.get_file(self._path(key), str(temporary))
                self._check_whole(temporary, about, key)

        self._tried(get, what=f"read {key}")

    def send(self, source: Path, key: str) -> None:
        """Copy a file into the store; under its name it is whole: a multipart upload completes, or a rename does.

        Raises:
            BadInputError: it does not arrive.
        """

        def put() -> None:
            path = self._path(key)
            if self._local:
                final = Path(path)
                final.parent.mkdir(parents=True, exist_ok=True)
                with writing(final) as temporary:
                    shutil.copyfile(source, temporary)
                return
            self.fs.put_file(str(source), path)
            self._check_whole(source, self._fresh().info(path), key)

        self._tried(put, what=f"write {key}")

    def has(self, key: str) -> bool:
        """Whether a file is there."""
        return bool(self._tried(lambda: self._fresh().exists(self._path(key)), what=f"look for {key}"))

    def json(self, key: str) -> dict[str, Any] | None:
        """The JSON object in a file; None where there is none."""
        if not self.has(key):
            return None
        found = json.loads(self._tried(lambda: self._fresh().cat_file(self._path(key)), what=f"read {key}"))
        return found if isinstance(found, dict) else None

    def remove(self) -> None:
        """Remove the folder with all that it holds."""
        self._tried(
            lambda: self.fs.rm(self.root, recursive=True) if self._fresh().exists(self.root) else None, what="remove"
        )

    def _check_whole(self, file: Path, about: dict[str, Any], key: str) -> None:
        """Compare a file of this machine with what the store says of it: its size and, where it is one, its MD5.

        A tag that is another one is no proof: of an object that a key of KMS encrypts it is no hash at all. The bytes
        in the store decide then.
        """
        if file.stat().st_size != about["size"]:
            raise TornFileError(f"{key}: {file.stat().st_size} of {about['size']} bytes")
        told = _MD5.fullmatch(str(about.get("ETag", "")))  # of several parts the tag is no hash of the bytes
        if told is None:
            return
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, _md5).hexdigest()
        if found == told[1]:
            return
        with self.fs.open(self._path(key), "rb") as opened:
            there = hashlib.file_digest(opened, _md5).hexdigest()
        if found != there:
            raise TornFileError(f"{key}: other bytes than the store holds")

    def _path(self, key: str) -> str:
        return f"{self.root.rstrip('/')}/{key}"

    def _fresh(self) -> Any:
        self.fs.invalidate_cache()
        return self.fs

    def _tried(self, work: Callable[[], T], *, what: str) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return work()
            except (FileNotFoundError, PermissionError) as error:
                raise BadInputError(
                    f"{self.url}: cannot {what}: {error}", hint="its name, and your access to it"
                ) from error
            except Exception as error:  # each library of a store has errors of its own for what passes
                if attempt == ATTEMPTS:
                    raise BadInputError(
                        f"{self.url}: cannot {what} after {ATTEMPTS} tries: {type(error).__name__}: {error}",
                        hint="the same command goes on",
                    ) from error
                _LOG.debug("%s: %s, try %d: %s", self.url, what, attempt, error)
                time.sleep(_WAIT_SECONDS * 2 ** (attempt - 1))
        raise AssertionError("unreachable")
