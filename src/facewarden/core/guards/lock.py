"""One process an output folder: a lock that its process holds, and that is free when the process ends in any way."""

from __future__ import annotations

import contextvars
import fcntl
import functools
import json
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from facewarden.core.errors import BadInputError

LOCK = ".lock"
_LOG = logging.getLogger("facewarden")
P = ParamSpec("P")
T = TypeVar("T")


class HeldLock:
    """A lock of this process; it is released by `release`, by the end of the verb, or with the object.

    Args:
        path: the lock's file, which is there while the lock is held. A process that is killed leaves it, unlocked.
        made: whether its folder was made for it, and goes with it where nothing was written.

    Raises:
        BadInputError: another process holds it, or the file cannot be written.
    """

    def __init__(self, path: Path, *, made: bool = False) -> None:
        self.path = path
        self._finalizer = weakref.finalize(self, _release, _locked(path), path, os.getpid(), made=made)

    @property
    def held(self) -> bool:
        """Whether it has not been released."""
        return self._finalizer.alive

    def release(self) -> None:
        """Release the lock and remove its file."""
        self._finalizer()


_OPEN: dict[str, tuple[weakref.ref[HeldLock], int]] = {}
"""Locks of this process by path, with the thread that took each."""
_SCOPE: contextvars.ContextVar[list[HeldLock] | None] = contextvars.ContextVar("locks of a verb", default=None)


def hold(folder: Path, *, name: str = LOCK) -> HeldLock:
    """Lock an output folder, which is made when absent, before anything is written to it.

    Args:
        folder: to lock; what this thread holds already is not locked again.
        name: of the lock's file in it; another one locks a part of the folder.

    Returns:
        The lock. Inside a function with `locking` it lasts until that function ends, else as long as this object.

    Raises:
        BadInputError: another process holds it; the message says which and since when. Or it cannot be written.
    """
    try:
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder.resolve() / name
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise BadInputError(
            f"{folder}: cannot be written: {error}", hint="choose a writable folder: --out DIR"
        ) from error
    held, thread = _OPEN.get(str(path), (None, 0))
    lock = held() if held is not None else None
    if lock is not None and lock.held:
        if thread != threading.get_ident():
            raise BadInputError(f"{folder}: another thread of this process writes here", hint="wait, or another --out")
        return lock
    lock = HeldLock(path, made=made)
    _OPEN[str(path)] = (weakref.ref(lock), threading.get_ident())
    scope = _SCOPE.get()
    if scope is not None:
        scope.append(lock)
    return lock


def locking(verb: Callable[P, T]) -> Callable[P, T]:
    """Let the locks that a function takes last until it returns or raises."""

    @functools.wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        taken: list[HeldLock] = []
        token = _SCOPE.set(taken)
        try:
            return verb(*args, **kwargs)
        finally:
            _SCOPE.reset(token)
            for lock in reversed(taken):
                lock.release()

    return run


def _locked(path: Path) -> int | None:
    """A handle that holds the lock; None where the file system has no locks, which is said."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise BadInputError(
                f"{path.parent}: cannot be written: {error}", hint="choose a writable folder: --out DIR"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _holder(handle)
            os.close(handle)
            raise BadInputError(
                f"{path.parent}: {who} writes to this folder", hint="wait for it to end, or choose another --out"
            ) from None
        except OSError as error:
            os.close(handle)
            _LOG.warning("%s: cannot be locked (%s); let no other process write there", path.parent, error.strerror)
            return None
        if _is_still(handle, path):
            started = time.strftime("%Y-%m-%d %H:%M:%S")
            with suppress(OSError):  # a full disk: the lock holds without its text
                os.ftruncate(handle, 0)
                os.write(handle, json.dumps({"pid": os.getpid(), "started": started}).encode())
            return handle
        os.close(handle)  # whoever held it removed the file between our two calls: lock the new one


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _holder(handle: int) -> str:
    try:
        about = json.loads(os.pread(handle, 4096, 0))
        return f"another process ({int(about['pid'])}, started {str(about['started'])[:19]})"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"


def _release(handle: int | None, path: Path, owner: int, *, made: bool) -> None:
    if handle is None or os.getpid() != owner:  # a forked child must not remove its parent's lock
        return
    with suppress(OSError):
        path.unlink()  # first: a process that opens it now sees that it is another file
    with suppress(OSError):
        os.close(handle)
    if made:
        with suppress(OSError):
            path.parent.rmdir()  # one with content stays
