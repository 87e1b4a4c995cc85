"""Worker processes that do not run the caller's script again, and what is said where none can be started."""

from __future__ import annotations

import logging
import pickle
import sys
import threading
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import ModuleType

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
