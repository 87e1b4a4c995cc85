"""When the next audit is due."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from facewarden.core.errors import BadInputError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_INTERVAL = re.compile(r"([1-9][0-9]{0,6})([smhd])")
STAMP = "%Y%m%dT%H%M%SZ"
"""How folders of audits are named, so that their order is that of time."""


def parse_interval(text: str) -> timedelta:
    """Read how often something happens.

    Args:
        text: a whole number and s, m, h or d.

    Raises:
        BadInputError: anything else, or more than a year.

    Example:
        >>> parse_interval("6h")
        datetime.timedelta(seconds=21600)
    """
    match = _INTERVAL.fullmatch(text)
    every = timedelta(seconds=int(match[1]) * _UNITS[match[2]]) if match else None
    if every is None or every > timedelta(days=366):
        raise BadInputError(f"the interval {text[:40]!r} cannot be used", hint="--every 30m, 6h or 1d, at most 366d")
    return every


def next_due(last: datetime | None, every: timedelta, now: datetime) -> tuple[datetime, int]:
    """When the next audit starts; moments that passed while nothing ran are left out, not caught up.

    A last audit that lies ahead says that the clock was set back since: nobody waits for that moment.

    Args:
        last: start of the last audit.
        every: from start to start.
        now: in UTC.

    Returns:
        The moment, which is `now` where it is overdue; and how many audits were missed before it.
    """
    if last is not None and last > now:
        return now, 0
    if last is None or last + every >= now:
        return (now if last is None else last + every), 0
    return now, int((now - last) / every) - 1


def now_utc() -> datetime:
    """This moment, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
