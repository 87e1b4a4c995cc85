"""Worker processes that do not run the caller's script again, and what is said where none can be started."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from facewarden.core.guards import follower, server_of_workers
from facewarden.core.guards.server_of_workers import die_with_parent

CANNOT_START = (BrokenProcessPool, OSError, ImportError, AssertionError)
"""What starting worker processes raises where a machine or a caller does not allow it; the last is a daemon's."""

_LOG = logging.getLogger("facewarden")
_SWAP = threading.Lock()


@contextmanager
def without_main() -> Iterator[None]:
    """Start worker processes inside this block: they do not import the module that the user runs.

    multiprocessing imports the caller's script into every worker that it spawns. A script without a guard
    (`if __name__ == "__main__"`) would then do all of its work in each of them. Workers of facewarden need nothing of
    it, see `needs_main`.
    """
    with _SWAP:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")  # neither a file nor a spec: nothing to import
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def needs_main(payload: object) -> bool:
    """Whether this can be read in another process only where the user's script was imported, or not at all.

    Args:
        payload: what would be sent to a worker; an object of a class that the script itself defines needs the script.
    """
    try:
        return b"__main__" in pickle.dumps(payload)
    except Exception:  # an object says in its own way that it cannot travel
        return True


def note_one_process(reason: str) -> None:
    """Say once in the log that the work goes on in this process alone, and why.

    Args:
        reason: why no worker processes are used, the second half of a sentence.
    """
    _LOG.warning("working in one process: %s", reason)


def fork_server(*preload: str) -> Any:
    """The context of processes that are forked from a server, which ends with this process.

    Args:
        preload: modules that the server imports once for all of them.
    """
    context = multiprocessing.get_context("forkserver")
    # the system's signal follows the thread that starts the server: one of a short life must not end it
    first = [server_of_workers.__name__] if threading.current_thread() is threading.main_thread() else []
    context.set_forkserver_preload([*first, *preload])
    return context


def end_with_parent() -> None:
    """Let this worker process end when its parent ends, however that happens; its first call in every worker.

    A worker that outlives a killed parent would write beside the resumed call. Ctrl-C, which a terminal sends to the
    whole group, is answered by the parent alone, which then ends its workers.
    """
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    die_with_parent()
    threading.Thread(target=_wait_for_end, args=(parent.join,), name="ends with its parent", daemon=True).start()


def _wait_for_end(join: Callable[[], None]) -> None:
    join()
    os._exit(1)


@contextmanager
def worker_pool(
    workers: int,
    *,
    preload: Sequence[str] = (),
    initializer: Callable[..., None] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes that end with this one, and at once when the block is left by an exception.

    Args:
        workers: how many.
        preload: modules that a server imports once, from which all are then forked; none spawns each by itself.
        initializer: called in each worker at its start, with `initargs`.
        initargs: they travel to the workers.
    """
    context = fork_server(*preload) if preload else multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start_worker, (initializer, initargs))
    try:
        yield pool
    except BaseException:
        # an orderly end would wait for work that nobody needs any more
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


def _start_worker(initializer: Callable[..., None] | None, initargs: tuple[Any, ...]) -> None:
    end_with_parent()
    if initializer is not None:
        initializer(*initargs)


@contextmanager
def following(command: Sequence[str], *, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program of others, with all that it starts, which ends with this block and with this process, also when killed.

    Args:
        command: its words.
        folder: in which it runs.

    Yields:
        The process, whose standard output holds standard error as well; its code is above 128 where a signal ended it.

    Raises:
        OSError: it cannot be started.
    """
    here, ours = os.pipe()  # the other end is closed by the system when this process ends in any way
    try:
        with subprocess.Popen(
            [sys.executable, "-I", "-S", follower.__file__, str(here), *command], cwd=folder, pass_fds=(here,),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                os.close(ours)
                ours = -1
    finally:
        os.close(here)
        if ours >= 0:
            os.close(ours)
