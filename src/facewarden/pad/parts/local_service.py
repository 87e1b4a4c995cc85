"""A local service in a thread of this process, in place of a user's service, for examples and tests."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

_LEVELS = {"rgb": 255, "infrared": 255, "depth": 65535}
Answer = Callable[[dict[str, Any]], tuple[int, bytes]]


def serve(answer: Answer) -> tuple[str, ThreadingHTTPServer]:
    """Serve on a free port of this machine until the process ends.

    Args:
        answer: takes the request's JSON and gives status and body.

    Returns:
        The endpoint, and the server (`shutdown` and `server_close` end it).
    """

    class _Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            status, body = answer(json.loads(self.rfile.read(length)))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", body.decode())
                body = b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # whoever asked may have given up
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Drop the log line of a request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/score", server


def serve_brightness() -> str:
    """Serve the mean of every color image, else of another sensor, in [0, 1] less one half, as its logit."""
    return serve(_brightness)[0]


def _brightness(request: dict[str, Any]) -> tuple[int, bytes]:
    scores = []
    for sample in request["samples"]:
        name, levels = next(item for item in _LEVELS.items() if item[0] in sample)
        scores.append(float(np.asarray(decode(sample[name])).mean() / levels - 0.5))
    return 200, json.dumps({"scores": scores}).encode()


def decode(text: str) -> Image.Image:
    """An image of a request."""
    return Image.open(io.BytesIO(base64.b64decode(text)))
