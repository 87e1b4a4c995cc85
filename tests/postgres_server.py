"""A real PostgreSQL server in a folder, over a socket of the file system, for tests; none where there is no binary."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from served import wait_until

PLACES = "/usr/local/bin:/usr/bin:/bin:" + ":".join(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))))


def binary(name: str) -> str | None:
    """Where a program of PostgreSQL is."""
    return shutil.which(name, path=PLACES)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server inside the block; the URL of a database."""
    # a short path: that of a socket has at most 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    user: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL does not run as root
        user = {"user": "nobody"}
        shutil.chown(folder, "nobody")
    common: dict[str, Any] = {
        "env": {"PATH": PLACES, "LANG": "C.UTF-8"}, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user,
    }  # fmt: skip
    data = str(folder / "data")
    make = [str(binary("initdb")), "-D", data, "-U", "facewarden", "--auth=trust", "--no-sync"]
    process = None
    try:
        subprocess.run(make, check=True, **common)
        run = [str(binary("postgres")), "-D", data, "-k", str(folder), "-c", "listen_addresses=", "-F"]
        process = subprocess.Popen(run, **common)
        wait_until(lambda: _answers(folder))
        yield f"postgresql://facewarden@/postgres?host={folder}"
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # fast: it does not wait for connections
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(folder: Path) -> bool:
    try:
        with psycopg.connect(host=str(folder), user="facewarden", dbname="postgres"):
            return True
    except psycopg.OperationalError:
        return False
