"""A decoder that can be ended: a process that decodes suspicious pictures first, and is killed when it takes long."""

from __future__ import annotations

import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import check_limit, limit_of
from facewarden.core.guards.server_of_workers import die_with_parent
from facewarden.core.processes import note_one_process
from facewarden.data.video.file_kinds import first_bytes, register_heic

_MANY_SCANS = 300_000_000
"""Pixels times scans of a JPEG from which it is suspicious: a progressive photo of 24 MP has about 10 scans."""
_EMPTY = 300
"""Pixels a byte from which a picture is suspicious: a white page of 12 MP has 160 as a JPEG."""
_LARGE = 2_000_000
"""Pixels below which every picture is decoded in a moment, however few bytes it has."""
_KEPT = 4096
"""How many pictures that were decoded in time are remembered."""
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from facewarden.data.decoding import serve; "
    "serve(follow=sys.argv[2] == 'main')"
)


def suspicion(image: Image.Image, *, size: int, scans: int) -> str:
    """Why a picture may keep its decoder busy for long, "" for ordinary ones.

    Pillow decodes JPEG, PNG, BMP, GIF and PNM in pieces of the file, between which the time is looked at; compressed
    TIFF and WebP are handed to a library whole.

    Args:
        image: opened, not decoded.
        size: bytes of its file.
        scans: of a JPEG, 0 for other formats.
    """
    pixels = image.width * image.height
    if image.format in ("HEIF", "AVIF"):
        return "a HEIC picture"
    if image.format == "TIFF" and image.info.get("compression", "raw") != "raw":
        return "a compressed TIFF"
    if image.format == "WEBP" and getattr(image, "is_animated", False):
        return "an animated WebP"
    if scans * pixels > _MANY_SCANS:
        return f"{scans} scans"
    if pixels > _LARGE and pixels > _EMPTY * size:
        return f"{pixels // max(size, 1)} pixels a byte"
    return ""


def check_decodes(path: str | os.PathLike[str], name: str) -> None:
    """Let another process decode a picture first, which may then be decoded here; where none can be started, return.

    Args:
        path: the picture.
        name: for messages.

    Raises:
        LimitError: it takes longer than `picture_seconds`; its process has been ended.
        BadInputError: its decoder ended the process.
    """
    worker = _worker(os.getpid())  # a forked process starts its own
    if worker is not None:
        worker.check(Path(path).absolute(), name)


@lru_cache(maxsize=1)
def _worker(_: int) -> DecodingProcess | None:
    if not sys.executable:
        note_one_process("there is no Python to start, so pictures that are slow to decode cannot be ended")
        return None
    return DecodingProcess()


class DecodingProcess:
    """The process, started when it is first needed and again after it was ended; one picture at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._good: dict[tuple[Any, ...], None] = {}

    def check(self, path: Path, name: str) -> None:
        """Decode one picture there; see `check_decodes`."""
        about = path.stat()
        key = (path, about.st_mtime_ns, about.st_size, about.st_ino)
        with self._lock:
            if key in self._good:
                return
            self._decode(path, name)
            self._good[key] = None
            if len(self._good) > _KEPT:
                del self._good[next(iter(self._good))]

    def _decode(self, path: Path, name: str) -> None:
        seconds = limit_of("picture_seconds")
        if not self._started(path, seconds):
            return
        started = time.monotonic()
        alive = True
        try:
            alive = self._answers.get(timeout=seconds)
        except queue.Empty:
            self._end()
            spent = max(time.monotonic() - started, math.nextafter(seconds, math.inf))
            check_limit("picture_seconds", spent, what=f"{name} takes long to decode")
        except BaseException:  # Ctrl-C: the next picture must not get the answer of this one
            self._end()
            raise
        if not alive:
            self._end()
            raise BadInputError(f"{name} is damaged: its decoder crashed", hint="replace the file")
        # what a decoder refuses is said better where it is read

    def _started(self, path: Path, seconds: float) -> bool:
        """Whether a process has been given the picture."""
        try:
            if self._running is None or self._running.poll() is not None:
                self._end()
                self._start()
            assert self._running is not None
            assert self._running.stdin is not None
            self._running.stdin.write(json.dumps([os.fspath(path), seconds]) + "\n")
            self._running.stdin.flush()
        except OSError as error:
            note_one_process(f"pictures that are slow to decode cannot be ended: {error}")
            return False
        return True

    def _start(self) -> None:
        # the system's signal follows the thread that starts a process: one of a short life must not end it
        thread = "main" if threading.current_thread() is threading.main_thread() else "another"
        self._running = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path), thread],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._answers = queue.SimpleQueue()
        threading.Thread(target=_read, args=(self._running, self._answers), daemon=True).start()

    def _end(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            for pipe in (self._running.stdin, self._running.stdout):
                if pipe is not None:
                    with suppress(OSError, ValueError):
                        pipe.close()
        self._running = None


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[bool]) -> None:
    """Pass on that a picture is done, for each line of the process, and False when the process has ended."""
    assert process.stdout is not None
    with suppress(OSError, ValueError):
        for _ in process.stdout:
            answers.put(True)
    answers.put(False)


def serve(*, follow: bool) -> None:
    """Decode pictures until standard input ends: what the process does.

    Args:
        follow: let the system end it with the thread that started it.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by the parent alone
    if follow:
        die_with_parent()
    Image.MAX_IMAGE_PIXELS = None  # the limits were checked before a picture comes here
    asked: queue.SimpleQueue[Sequence[Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    while True:
        path, seconds = asked.get()
        _limit_processor_time(seconds)
        # Pillow's decoders raise almost any type on damaged data, which whoever reads the picture says better
        register_heic(first_bytes(Path(path)))
        with suppress(Exception), Image.open(path) as image:
            image.seek(0)
            image.load()
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _listen(asked: queue.SimpleQueue[Sequence[Any]]) -> None:
    for line in sys.stdin:
        asked.put(json.loads(line))
    os._exit(0)  # the parent has ended, whatever is being decoded


def _limit_processor_time(seconds: float) -> None:
    """Let the system end a decoder that never gives Python its turn again, also when the parent is gone."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime + seconds) + 5
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft if most == resource.RLIM_INFINITY else min(soft, most), most))
