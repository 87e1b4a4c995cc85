"""What a monitor remembers between audits: `monitor.json`, written before and after each of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.settings import read_json, read_settings
from facewarden.verbs.monitoring.schedule import STAMP

SCHEMA = "facewarden.monitor/1"
FILE = "monitor.json"
_HINT = "another --out, or the folder of a monitor"


@dataclass(frozen=True)
class MonitoredAudit:
    """One audit of a monitor.

    Attributes:
        name: of its folder, which is the time of its start.
        status: running, done, or not made.
        reason: why it was not made.
    """

    name: str
    status: Literal["running", "done", "not made"]
    reason: str = ""

    @property
    def started(self) -> datetime:
        """When it was started, in UTC.

        Raises:
            BadInputError: the name is no time.
        """
        try:
            return datetime.strptime(f"{self.name}+0000", f"{STAMP}%z")
        except ValueError:
            raise BadInputError(f"{FILE}: {self.name[:40]!r} is no time", hint=_HINT) from None


@dataclass(frozen=True)
class MonitorState:
    """The contents of `monitor.json`.

    Attributes:
        audits: the oldest first.
        sent: keys of alerts that were taken.
        schema: of the file.
    """

    audits: tuple[MonitoredAudit, ...] = ()
    sent: tuple[str, ...] = ()
    schema: Literal["facewarden.monitor/1"] = "facewarden.monitor/1"

    @property
    def last(self) -> MonitoredAudit | None:
        """The youngest audit."""
        return self.audits[-1] if self.audits else None

    def with_audit(self, audit: MonitoredAudit) -> MonitorState:
        """With an audit, in place of the one of the same name."""
        return replace(self, audits=(*(one for one in self.audits if one.name != audit.name), audit))

    def with_sent(self, key: str) -> MonitorState:
        """With an alert that was taken."""
        return replace(self, sent=(*self.sent, key))

    def write(self, folder: Path) -> None:
        """Write it to `monitor.json` in a folder.

        Raises:
            BadInputError: the folder cannot be written.
        """
        try:
            write_json(folder / FILE, asdict(self))
        except OSError as error:
            raise BadInputError(f"{folder / FILE}: cannot be written: {error}", hint="--out DIR") from error


def read_state(folder: Path) -> MonitorState:
    """Read what a monitor remembers; nothing where it is new.

    Raises:
        BadInputError: the file is no state of a monitor.
    """
    path = folder / FILE
    if not path.exists():
        return MonitorState()
    state = read_settings(MonitorState, read_json(path, what="the state of a monitor", hint=_HINT), source=str(path))
    for one in state.audits:
        _ = one.started
    return state
