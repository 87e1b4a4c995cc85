"""Rates of requests as people write them, such as 60/minute."""

from __future__ import annotations

from limits import RateLimitItem, parse_many


def read_rate(text: str) -> RateLimitItem:
    """Read a rate.

    Args:
        text: one rate, such as 60/minute, 5/second or 1000/day.

    Raises:
        ValueError: it is none, several, or lets no request in.
    """
    found = parse_many(text)
    if len(found) != 1:
        raise ValueError(f"{len(found)} rates, one is expected")
    if found[0].amount < 1:
        raise ValueError("it lets no request in")
    return found[0]
