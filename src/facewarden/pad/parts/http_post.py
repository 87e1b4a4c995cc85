"""One POST with one deadline for everything: address, connection, sending, headers and the last byte of the answer."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from facewarden.core.guards.limits import check_limit, limit_of
from facewarden.core.guards.text import is_count

_BLOCK = 1 << 16


@dataclass(frozen=True)
class HttpAnswer:
    """What a service answered.

    Attributes:
        status: the code; nothing was followed or repeated.
        reason: its words.
        body: at most the limit `answer_bytes`.
        retry_after: seconds that the service asks to wait; None where it does not.
    """

    status: int
    reason: str
    body: bytes
    retry_after: float | None = None


def post(url: str, body: bytes, *, seconds: int | float, key: str = "") -> HttpAnswer:
    """Send a POST of JSON and read the whole answer; no proxy is used and no redirect is followed.

    Args:
        url: of http or https, checked by the caller.
        body: JSON.
        seconds: for all of it. A service that sends one byte now and then is cut off as well.
        key: sent as `Authorization: Bearer`; empty for none.

    Raises:
        TimeoutError: the whole answer was not there in time.
        LimitError: the answer is too large.
        OSError, http.client.HTTPException: it cannot be reached, or does not speak HTTP.
    """
    ends = time.monotonic() + seconds
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    opened = _connected(str(parts.hostname), port, ends=ends)
    cut = threading.Event()

    def cut_off() -> None:
        cut.set()
        with suppress(OSError):  # a read that waits in the other thread ends with this
            opened.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(ends - time.monotonic(), 0.001), cut_off)
    watch.daemon = True
    watch.start()
    try:
        if secure:
            context = ssl.create_default_context()
            opened = context.wrap_socket(opened, server_hostname=parts.hostname, do_handshake_on_connect=False)
            opened.do_handshake()
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        answer = _exchange(opened, parts.netloc.rpartition("@")[2], target, body, url, key)
        if cut.is_set():  # to the reader the end of the connection looks like the end of the answer
            raise TimeoutError(f"no whole answer within {seconds:g} s")
        return answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        if cut.is_set():
            raise TimeoutError(f"no whole answer within {seconds:g} s") from error
        raise
    finally:
        watch.cancel()
        with suppress(OSError):
            opened.close()


def _connected(host: str, port: int, *, ends: float) -> socket.socket:
    """A socket to the first address that takes one; all of them share the time."""
    problem: OSError = ConnectionError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("no connection in time")
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(left)
            made.connect(address)
            made.settimeout(left)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        except OSError as error:
            made.close()
            problem = error
    raise problem


def _exchange(opened: socket.socket, host: str, target: str, body: bytes, url: str, key: str) -> HttpAnswer:
    connection = http.client.HTTPConnection(host)
    connection.sock = opened
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    connection.request("POST", target, body=body, headers=headers)
    with closing(connection), connection.getresponse() as answer:
        most = int(limit_of("answer_bytes"))
        whole = bytearray()
        while block := answer.read(_BLOCK):
            whole += block
            if len(whole) > most:
                check_limit("answer_bytes", len(whole), what=f"{url} answered")
        if answer.length:  # of the bytes that the header announced
            raise http.client.IncompleteRead(bytes(whole), answer.length)
        wait = answer.getheader("Retry-After", "")
    return HttpAnswer(answer.status, answer.reason or "", bytes(whole), float(wait) if is_count(wait) else None)
