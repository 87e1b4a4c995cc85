"""A file that runs a program of others and ends it when its own parent ends, however that happens.

`python -I -S follower.py HANDLE COMMAND...`: HANDLE is the number of the reading end of a pipe that the parent keeps
open. It imports nothing of this package, so that it starts in a moment; `facewarden.core.processes.following` uses it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


def main(words: list[str]) -> int:
    """Run the command to its end or the parent's; its code, 128 and more where a signal ended it."""
    handle = int(words[0])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by the parent alone
    try:
        # a group of its own: what the program starts ends with it
        process = subprocess.Popen(words[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        sys.stderr.write(f"{words[1]}: {error}\n")
        return 127
    threading.Thread(target=_wait_for_parent, args=(handle, process.pid), daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


def _wait_for_parent(handle: int, group: int) -> None:
    with suppress(OSError):
        os.read(handle, 1)  # nothing is ever written: it returns when the parent's end is closed
    with suppress(OSError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
