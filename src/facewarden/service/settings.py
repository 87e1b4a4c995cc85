"""Settings of the service: what it serves, where it keeps jobs, and how much one request may cost."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from annotated_types import Ge, Le, MinLen

from facewarden.core.settings import Count, NotNegative, Positive, SettingError, Text, Whole, read_json, read_settings
from facewarden.service.access.rates import read_rate

Port = Annotated[int, Ge(0), Le(65535)]
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1", "[::1]")
"""Names by which a browser or a client reaches the machine itself."""
_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_LONGEST_NAME = 60
_EXAMPLE = '{"detectors": ["multi_cnn"], "data": "runs/service"}'


@dataclass(frozen=True)
class RequestLimits:
    """What one request may cost, and how many may wait.

    Attributes:
        bytes: of the body.
        samples: photos, captures or pairs in a request.
        pixels: of all pictures of a request together, by their headers.
        seconds: from the first byte of a request to its answer.
        requests: answered at once; more are refused with 429 before their body is read.
        waiting: photos and captures that are accepted and not answered yet; more are refused with 429.
    """

    bytes: Count = 32 * 2**20
    samples: Count = 64
    pixels: Count = 100_000_000
    seconds: Positive = 60.0
    requests: Count = 32
    waiting: Count = 256


@dataclass(frozen=True)
class Batching:
    """How samples of several requests go through a network together.

    Attributes:
        largest: samples in one batch.
        linger: seconds that a batch waits for samples of requests whose pictures are being read at that moment; a
            request that is alone never waits.
        readers: threads that decode pictures and find faces.
    """

    largest: Count = 16
    linger: Annotated[float, Ge(0), Le(1)] = 0.005
    readers: Count = 2


@dataclass(frozen=True)
class JobLimits:
    """How audits run in the background.

    Attributes:
        at_once: audits that run beside each other in this process.
        waiting: audits that are queued; more are refused with 429.
        lease: seconds after which a job of a server that shows no sign of life is taken over by another one.
        seconds: longest time of one audit; a longer one is ended and counted as failed.
    """

    at_once: Count = 1
    waiting: Count = 16
    lease: Positive = 30.0
    seconds: Positive = 24 * 3600.0


@dataclass(frozen=True)
class ServiceSettings:
    """What `facewarden serve` serves, and within which limits.

    Attributes:
        host: address that it listens on. Another one than that of this machine itself needs an API key in the store.
        port: 0 takes a free one.
        detectors: detectors that are served; the first one answers where a request names none.
        rules: name of a served detector -> file of `facewarden calibrate` or a decision.json, whose threshold decides.
        purifier: that is served; empty for none.
        recognizer: that is served; empty for none.
        aligner: how faces are found where a sample has no box.
        device: where networks compute.
        precision: what they compute in; None leaves it to each.
        quality: what becomes of photos of low quality: note, refuse or off.
        captures: name -> captures that an audit may ask for; none of them is reached by a path.
        faces: name -> photos of people that an audit may ask for.
        data: folder of the database, the audits and the log of actions.
        database: URL of SQLAlchemy, such as postgresql+psycopg://USER@HOST/NAME; empty for SQLite in `data`.
        instance: name of this server where several share a database and a folder.
        hosts: names by which clients reach this server, as the header Host tells them, where they are not those of this
            machine itself; other names are refused then.
        rate: requests of one key, such as 600/minute, where the key has no rate of its own; empty for no limit.
        keep_photos: write every photo of a request below `data`/photos. It is not encrypted there.
        threads: of the networks; 0 leaves it to torch.
        drain: seconds that a stop waits for requests that were accepted.
        limits, batching, jobs: see there.
    """

    host: Text = "127.0.0.1"
    port: Port = 8780
    detectors: Annotated[tuple[str, ...], MinLen(1)] = ("multi_cnn",)
    rules: Mapping[str, Path] = field(default_factory=dict)
    purifier: str = "puface"
    recognizer: str = "mobilefacenet_512"
    aligner: Text = "yunet"
    device: Text = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] | None = None
    quality: Text = "note"
    captures: Mapping[str, str] = field(default_factory=dict)
    faces: Mapping[str, str] = field(default_factory=dict)
    data: Path = Path("runs/service")
    database: str = ""
    instance: Annotated[str, MinLen(1)] = "main"
    hosts: tuple[str, ...] = ()
    rate: str = ""
    keep_photos: bool = False
    threads: Whole = 0
    drain: NotNegative = 30.0
    limits: RequestLimits = RequestLimits()
    batching: Batching = Batching()
    jobs: JobLimits = JobLimits()

    def __post_init__(self) -> None:
        plain = self.instance.replace("-", "").replace("_", "").isalnum()
        if not plain or len(self.instance) > _LONGEST_NAME:  # it stands in names of files and in the database
            raise SettingError(
                f"instance {self.instance[:80]!r} is no name",
                hint=f"1 to {_LONGEST_NAME} letters, digits, - and _",
                at=("instance",),
            )
        for name in self.hosts:
            if _HOST.fullmatch(name) is None:
                raise SettingError(
                    f"hosts: {name[:80]!r} is no name of a server",
                    hint='"faces.example" without http:// and port, or "*.example"',
                    at=("hosts",),
                )
        try:
            if self.rate:
                read_rate(self.rate)
        except ValueError as error:
            raise SettingError(
                f"the rate {self.rate[:40]!r}: {str(error)[:80]}", hint="60/minute, 5/second or 1000/day", at=("rate",)
            ) from error

    @property
    def database_url(self) -> str:
        """URL of the database, SQLite below `data` by default."""
        return self.database or f"sqlite:///{quote(str(self.data.absolute()))}/service.db"

    @property
    def local(self) -> bool:
        """Whether only this machine itself can reach the service."""
        if self.host in LOCAL_NAMES:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_service_settings(path: Path) -> ServiceSettings:
    """Read the settings of a service from a JSON file.

    Raises:
        BadInputError: it cannot be read, or holds something else.
    """
    values = read_json(path, what="settings of a service", hint=_EXAMPLE)
    return read_settings(ServiceSettings, values, source=str(path))
