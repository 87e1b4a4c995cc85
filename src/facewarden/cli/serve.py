"""Serve models over HTTP: scores, purification, comparison and audits; on this machine alone unless there are keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from facewarden.cli.parts.checks import check_detectors, check_device, check_path
from facewarden.cli.parts.kinds import Device, Folder, Model
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.service import needs_extra


def serve(
    settings: Path | None = None,
    /,
    *,
    host: Annotated[str, "ADDRESS"] | None = None,
    port: int | None = None,
    detector: tuple[Model, ...] = (),
    data: Folder | None = None,
    database: Annotated[str, "URL"] | None = None,
    device: Device | None = None,
    keep_photos: bool = False,
    certificate: Path | None = None,
    private_key: Path | None = None,
) -> Outcome:
    """Serve models over HTTP until the process is stopped, on this machine alone unless there are API keys.

    Args:
        settings: JSON file of everything that can be set; the options go before it.
        host: address to listen on, 127.0.0.1 by default; any other one needs a key (facewarden keys add).
        port: 8780 by default; 0 takes a free one, which the log tells.
        detector: detectors that are served; the first one answers where a request names none.
        data: folder of the database, the audits and the log of actions, runs/service by default.
        database: postgresql://USER@HOST/NAME; SQLite in the folder by default.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        keep_photos: write every photo of a request to the folder, unencrypted; otherwise none is stored.
        certificate: PEM file for TLS.
        private_key: PEM file that belongs to it.
    """
    check_path(settings)
    check_detectors(detector)
    if device is not None:
        check_device(device)
    with needs_extra():
        from facewarden.service.serving import serve as run
        from facewarden.service.settings import ServiceSettings, read_service_settings

    read = ServiceSettings() if settings is None else read_service_settings(settings)
    given: dict[str, Any] = {
        "host": host, "port": port, "detectors": detector or None, "data": data, "database": database,
        "device": device, "keep_photos": keep_photos or None,
    }  # fmt: skip
    run(
        replace(read, **{name: value for name, value in given.items() if value is not None}),
        certificate=certificate,
        private_key=private_key,
    )
    return Outcome({"stopped": True})


entry = serve
