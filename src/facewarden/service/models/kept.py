"""Photos of requests on the disk, where the settings ask for it; they are not encrypted."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from facewarden.core.files import write_bytes


class KeptPhotos:
    """Writes the pictures of requests, each once, below a folder for each day.

    Args:
        folder: which only its owner may read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, data: bytes) -> Path:
        """Write one picture under the hash of its bytes.

        Raises:
            OSError: it cannot be written.
        """
        day = self.folder / time.strftime("%Y-%m-%d", time.gmtime())
        if not day.is_dir():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            day.mkdir(mode=0o700, exist_ok=True)
        target = day / hashlib.sha256(data).hexdigest()
        return target if target.is_file() else write_bytes(target, data)
