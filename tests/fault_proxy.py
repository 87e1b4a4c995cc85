"""A proxy before an HTTP server that injects faults: 503, hangs, closed connections, answers that are cut short."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("busy", "closed", "torn", "hang")


class FaultProxy:
    """Forwards requests; every n-th one meets a fault.

    Args:
        target: host and port of the server.
        every: fault -> n: the fault comes at every n-th request.
        hang: seconds of a hang.
    """

    def __init__(self, target: tuple[str, int], *, every: Mapping[str, int], hang: float = 3.0) -> None:
        self.target, self.every, self.hang = target, every, hang
        self.requests = 0
        self.met: Counter[str] = Counter()
        self._lock = threading.Lock()

    def fault(self) -> str | None:
        """The fault of the next request."""
        with self._lock:
            self.requests += 1
            for name, number in self.every.items():
                if self.requests % number == 0:
                    self.met[name] += 1
                    return name
        return None

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The proxy on the loopback while the block runs; its URL."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = proxy.fault()
            if fault == "hang":
                time.sleep(proxy.hang)
            if fault in ("closed", "hang"):
                self.close_connection = True
                return
            if fault == "busy":
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            connection = http.client.HTTPConnection(*proxy.target, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if fault == "torn" and self.command == "GET" and len(data) > 1:
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
            elif self.command != "HEAD":
                self.wfile.write(data)
            connection.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
