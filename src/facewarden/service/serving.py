"""Run the service: where it may listen, and a stop that loses nothing."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from facewarden.core.errors import BadInputError
from facewarden.service.app import create_app
from facewarden.service.logs import facewarden_in_lines, open_log
from facewarden.service.settings import ServiceSettings
from facewarden.service.state import Service
from facewarden.service.store.database import open_database
from facewarden.service.store.key_store import KeyStore


class _Server(uvicorn.Server):
    """Tells the service of a stop at once, so that streams end and new work is refused while the rest is finished."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.stopping.set()
        super().handle_exit(sig, frame)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A service that has its address and its models, and is not served yet.

    Attributes:
        service: what its routes share.
        url: by which it is reached.
    """

    service: Service
    url: str
    _server: uvicorn.Server
    _socket: socket.socket

    def run(self) -> None:
        """Serve until the process, or `stop`, ends it."""
        try:
            with ends_well(self._server):
                self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ask for the end, from any thread; what was accepted is finished."""
        self._server.handle_exit(signal.SIGTERM, None)

    @property
    def started(self) -> bool:
        """Whether requests are answered."""
        return self._server.started


@contextmanager
def ends_well(server: uvicorn.Server) -> Iterator[None]:
    """Let a process that was told to stop, and has finished, end with code 0.

    uvicorn raises the signal of the stop once more at its end, which would end the process as if it had been killed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        yield
    finally:
        # None: what was there was not set from Python, and cannot be put back by it
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def serve(
    settings: ServiceSettings, *, certificate: Path | None = None, private_key: Path | None = None, log: Any = None
) -> None:
    """Serve until the process is told to stop.

    Args:
        settings, certificate, private_key, log: as in `prepare`.

    Raises:
        BadInputError: as `prepare`.
    """
    with facewarden_in_lines():
        prepare(settings, certificate=certificate, private_key=private_key, log=log).run()


def prepare(
    settings: ServiceSettings, *, certificate: Path | None = None, private_key: Path | None = None, log: Any = None
) -> Prepared:
    """Take the address and load the models.

    Args:
        settings: what is served.
        certificate, private_key: PEM files for TLS; without them a proxy before the service encrypts.
        log: a structured log; standard error when left out.

    Raises:
        BadInputError: another address than this machine itself without any key, or one that cannot be listened on; a
            certificate and key that TLS cannot use.
    """
    log = open_log() if log is None else log
    _check_certificate(certificate, private_key)
    listening = _listening(settings)
    try:
        if not settings.local:
            check_keys(settings)
            if certificate is None:
                log.warning("no_tls", message="requests come in the clear: use --certificate, or a proxy with TLS")
        app = create_app(settings, log=log)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, date_header=False, ws="none",
            timeout_graceful_shutdown=max(1, round(settings.drain)), timeout_keep_alive=30,
            ssl_certfile=certificate, ssl_keyfile=private_key, lifespan="on", h11_max_incomplete_event_size=64 * 1024,
        )  # fmt: skip
    except BaseException:
        listening.close()
        raise
    service: Service = app.state.service
    host, port = listening.getsockname()[:2]
    where = f"[{host}]" if ":" in host else host
    url = f"{'http' if certificate is None else 'https'}://{where}:{port}"
    log.info("listening", url=url, detectors=list(service.models.detectors))
    return Prepared(service, url, _Server(config, service), listening)


def _check_certificate(certificate: Path | None, private_key: Path | None) -> None:
    """Refuse files of TLS that cannot be used before models are loaded; nobody is there to type a password."""
    if certificate is None or private_key is None:
        if certificate is not private_key:
            raise BadInputError(
                "a certificate and its key belong together", hint="--certificate FILE --private-key FILE"
            )
        return
    for path in (certificate, private_key):
        try:
            path.open("rb").close()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise BadInputError(f"{path}: cannot be read: {error}", hint="a PEM file") from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{certificate} and {private_key} cannot be used for TLS: {error}",
            hint="PEM files that belong together, and a key without a password",
        ) from error


def check_keys(settings: ServiceSettings) -> None:
    """Refuse to be reached from other machines as long as nobody has a key.

    Raises:
        BadInputError: there is none.
    """
    engine = open_database(settings.database_url)
    try:
        found = KeyStore(engine).all()
    finally:
        engine.dispose()
    if not any(key.valid(time.time()) for key in found):
        raise BadInputError(
            f"{settings.host} is reached from other machines, and there is no API key",
            hint="facewarden keys add NAME --scope score, or --host 127.0.0.1",
        )


def _listening(settings: ServiceSettings) -> socket.socket:
    """A socket on the address; taken before models are loaded, so that an occupied port is told at once."""
    made: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        return made
    except (OSError, UnicodeError) as error:
        if made is not None:
            made.close()
        raise BadInputError(
            f"{settings.host}:{settings.port} cannot be listened on: {error}", hint="another --host or --port"
        ) from error
