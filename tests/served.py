"""A service in a thread of this process, on a free port of the machine, over a real socket."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facewarden.service.logs import open_log
from facewarden.service.serving import Prepared, prepare
from facewarden.service.settings import ServiceSettings

PATIENCE = 240.0


@contextmanager
def served(settings: ServiceSettings, *, log: Any = None) -> Iterator[Prepared]:
    """Serve inside the block; port 0 takes a free one."""
    lines = io.StringIO()
    made = prepare(settings, log=open_log(stream=lines) if log is None else log)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: made.started or not thread.is_alive())
        assert made.started, lines.getvalue()
        yield made
    finally:
        made.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_until(condition: Any, *, seconds: float = PATIENCE) -> Any:
    """Wait for something that another thread or process does; its value, which is true."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)
    return found


def settings_in(folder: Path, **more: Any) -> ServiceSettings:
    """Settings of a small service: no face finder is needed where samples have boxes."""
    return ServiceSettings(**{"data": folder, "port": 0, "purifier": "", "recognizer": "", "device": "cpu", **more})


def png(pixels: np.ndarray) -> str:
    """A picture as a request has it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def soft(seed: int = 0, *, side: int = 96) -> np.ndarray:
    """A soft random RGB picture."""
    small = np.random.default_rng(seed).integers(0, 256, (7, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def sample(seed: int = 0, *, key: str = "a", side: int = 96) -> dict[str, Any]:
    """A sample with a box in its middle."""
    quarter = side / 4
    return {"key": key, "rgb": png(soft(seed, side=side)), "box": [quarter, quarter, 3 * quarter, 3 * quarter]}
