"""Imported first by the fork server of multiprocessing, which then ends with the process that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, also inside long calls that never give Python its turn."""
    if sys.platform == "linux":
        parent = os.getppid()
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it died meanwhile
            os._exit(1)


if "multiprocessing.forkserver" in " ".join(getattr(sys, "orig_argv", ())):  # and not where tests import it
    die_with_parent()
