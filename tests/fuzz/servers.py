"""Servers of the fuzz corpus: slow, lying, endless, silent and rude ones, asked for scores."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from fuzz.case import Family, FuzzInput, Wants, one

Answer = Callable[[], Iterator[bytes]]
TIMEOUT = 0.5
_PATIENCE = 60.0  # seconds that a slow server goes on, far beyond what a client may wait


def serve(answer: Answer) -> str:
    """Answer every request with the same bytes until the process ends; returns the endpoint."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, answer), daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/score"


def _accept(listener: socket.socket, answer: Answer) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, answer), daemon=True).start()


def _answer(connection: socket.socket, answer: Answer) -> None:
    try:
        with connection:
            connection.settimeout(5)
            _read_request(connection)
            for part in answer():
                connection.sendall(part)
    except OSError:
        return  # the client has gone, as it should


def _read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)


def answer_of(body: bytes, *, status: str = "200 OK", length: int | None = None, extra: str = "") -> bytes:
    """A whole answer of HTTP."""
    told = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {told}\r\n{extra}Connection: close\r\n\r\n".encode() + body


def service_input(folder: Path, answer: Answer, wants: Wants = "refused", *, output: str = "logit") -> FuzzInput:
    """A server with its settings file; a refusal names its address."""
    url = serve(answer)
    path = folder / "service.json"
    values = {"url": url, "timeout": TIMEOUT, "retries": 1, "pause": 0.01, "batch": 2, "output": output}
    path.write_text(json.dumps(values), encoding="utf-8")
    return FuzzInput(partial(_read, path), (url,), wants)


def _read(path: Path) -> None:
    import torch

    from facewarden.core.batch import FaceBatch
    from facewarden.pad.http_detector import HttpDetector

    pictures = torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    found = HttpDetector(path)(FaceBatch(images={"rgb": pictures}, key=("a", "b", "c", "d")))
    if found.score.shape != (4,) or not bool(found.score.isfinite().all()):
        raise AssertionError(f"scores of {found.score}")


def _sent(*parts: bytes) -> Answer:
    return lambda: iter(parts)


def _dripped(data: bytes, *, each: float, piece: int = 1) -> Answer:
    def send() -> Iterator[bytes]:
        started = time.monotonic()
        for start in range(0, len(data), piece):
            if time.monotonic() - started > _PATIENCE:
                return
            yield data[start : start + piece]
            time.sleep(each)

    return send


def _endless(head: bytes, part: bytes) -> Answer:
    def send() -> Iterator[bytes]:
        yield head
        started = time.monotonic()
        while time.monotonic() - started < _PATIENCE:
            yield part

    return send


GOOD = b'{"scores": [0.25, 0.5]}'


def _whole(rng: np.random.Generator, folder: Path) -> FuzzInput:
    body = one(rng, [GOOD, b' {"scores":[0,1]}\n', b'{"scores": [1e-300, 0.3], "more": {"a": [1]}}'])
    return service_input(folder, _sent(answer_of(body)), "read", output=one(rng, ["logit", "probability"]))


def _slow(rng: np.random.Generator, folder: Path) -> FuzzInput:
    data = one(rng, [answer_of(GOOD), answer_of(GOOD)[:20] + b"x" * 900, answer_of(GOOD + b" " * 5000)])
    return service_input(folder, _dripped(data, each=float(rng.uniform(0.1, 0.4))))


def _length(rng: np.random.Generator, folder: Path) -> FuzzInput:
    length = one(rng, [0, 1, 10, len(GOOD) - 1, len(GOOD) + 1, 10_000, 2**40])
    return service_input(folder, _sent(answer_of(GOOD, length=length)), "refused")


def _numbers(rng: np.random.Generator, folder: Path) -> FuzzInput:
    number = one(
        rng,
        [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
            "9" * 400,
            "-" + "9" * 5000,
            "1e39",
            "true",
            "null",
            '"1"',
            "[1]",
            "{}",
            "1e999999999",
            "0x10",
            "01",
            "1.",
            "+1",
            "1_0",
        ],
    )
    return service_input(folder, _sent(answer_of(f'{{"scores": [0.5, {number}]}}'.encode())))


def _shape(rng: np.random.Generator, folder: Path) -> FuzzInput:
    body = one(
        rng,
        [
            b'{"scores": []}',
            b'{"scores": [1]}',
            b'{"scores": [1, 2, 3]}',
            b"[0.5, 0.5]",
            b"{}",
            b"null",
            b"0.5",
            b'{"scores": {"a": 1}}',
            b'{"scores": "0.5, 0.5"}',
            b'{"score": [0.5, 0.5]}',
            b'{"scores": null}',
            b'{"scores": [[0.5, 0.5]]}',
            b'{"scores": [0.1, 0.2], "scores": [0.5, 0.5]}',
        ],
    )
    return service_input(folder, _sent(answer_of(body)))


def _no_json(rng: np.random.Generator, folder: Path) -> FuzzInput:
    body = one(
        rng,
        [
            b"",
            b"ok",
            b"<html>",
            GOOD[:-1],
            b"\xff\xfe" + GOOD,
            GOOD.decode().encode("utf-16"),
            rng.bytes(300),
            b"[" * 100_000,
            b'{"scores": ' * 50_000,
            b"\x1f\x8b" + rng.bytes(60),
        ],
    )
    extra = one(rng, ["", "Content-Type: text/html\r\n", "Content-Encoding: gzip\r\n"])
    wants: Wants = "any" if body.startswith(b"\xff\xfe{\x00") else "refused"  # JSON may be in UTF-16
    return service_input(folder, _sent(answer_of(body, extra=extra)), wants)


def _huge(rng: np.random.Generator, folder: Path) -> FuzzInput:
    part = one(rng, [b"[" * 2**20, b"0.5, " * 2**18, b" " * 2**20])
    head = one(rng, [answer_of(b"", length=2**40), b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
    return service_input(folder, _endless(head + b'{"scores": [', part))


def _status(rng: np.random.Generator, folder: Path) -> FuzzInput:
    status = one(
        rng,
        [
            "100 Continue",
            "101 Switching",
            "204 No Content",
            "206 Partial",
            "400 Bad",
            "401 No",
            "404 Not Found",
            "418 \x1b[2J",
            "429 Later",
            "500 Broken",
            "503 Busy",
            "999 X",
            "000 Y",
            "2x0 Z",
            "-1 A",
        ],
    )
    wants: Wants = "any" if status.startswith(("100", "204", "206")) else "refused"
    return service_input(folder, _sent(answer_of(GOOD, status=status)), wants)


def _redirect(rng: np.random.Generator, folder: Path) -> FuzzInput:
    target = one(
        rng, ["/score", "http://192.0.2.1/", "file:///etc/passwd", "http://127.0.0.1:1/", "", "x" * 70_000, "ftp://a"]
    )
    status = one(rng, ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
    return service_input(folder, _sent(answer_of(b"", status=status, extra=f"Location: {target}\r\n")))


def _chunked(rng: np.random.Generator, folder: Path) -> FuzzInput:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    size = f"{len(GOOD):x}".encode()
    good = size + b"\r\n" + GOOD + b"\r\n0\r\n\r\n"
    body = one(
        rng,
        [
            b"zz\r\n" + GOOD,
            b"-5\r\n" + GOOD,
            b"ffffffffffffffff\r\n" + GOOD,
            size + b"\r\n" + GOOD[:5],
            good[:-9],
            b"\r\n\r\n",
            b"f" * 70_000,
            b"0\r\n\r\n",
            rng.bytes(90),
        ],
    )
    return service_input(folder, _sent(head + body), "any" if body == good[:-9] else "refused")


def _heads(rng: np.random.Generator, folder: Path) -> FuzzInput:
    data = one(
        rng,
        [
            b"",
            b"\r\n",
            b"HTTP/1.1",
            b"HTTP/9.9 200 OK\r\n\r\n" + GOOD,
            GOOD,
            rng.bytes(200),
            b"SSH-2.0-x\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nA" + b"a" * 99_999,
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x28",
            b"HTTP/1.1 200 \xff\xff\r\n\r\n",
        ],
    )
    return service_input(folder, _sent(data))


def _silent(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """Takes the request and says nothing, or stops in the middle and keeps the line open."""
    data = answer_of(GOOD, length=len(GOOD) + 9)
    return service_input(folder, _dripped(data[: int(rng.integers(0, len(data)))] + b" ", each=30.0, piece=len(data)))


def _probability(rng: np.random.Generator, folder: Path) -> FuzzInput:
    body = one(
        rng,
        [b'{"scores": [0.5, 1.5]}', b'{"scores": [-0.1, 0.5]}', b'{"scores": [0, 1.0000001]}', b'{"scores": [2, 3]}'],
    )
    return service_input(folder, _sent(answer_of(body)), output="probability")


FAMILIES: dict[str, Family] = {
    "whole": _whole,
    "slow bytes": _slow,
    "wrong length": _length,
    "numbers": _numbers,
    "wrong count or shape": _shape,
    "no JSON": _no_json,
    "huge": _huge,
    "status": _status,
    "redirects": _redirect,
    "chunks": _chunked,
    "heads": _heads,
    "silent": _silent,
    "probability": _probability,
}
