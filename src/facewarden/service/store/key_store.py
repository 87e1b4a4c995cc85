"""API keys in the database: only a hash of each secret is kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, insert, select, update

from facewarden.core.errors import BadInputError
from facewarden.service.access.rates import read_rate
from facewarden.service.store.database import keys

SCOPES = ("score", "purify", "verify", "audit", "metrics")
"""What a key may allow; `score` also tells cloak likelihoods."""
_PREFIX = "fw"


@dataclass(frozen=True)
class ApiKey:
    """One key as the store has it.

    Attributes:
        id: the public part, which logs name.
        name: what its owner called it.
        hash: SHA-256 of the secret, 64 hexadecimal digits. The secret has 256 random bits, so that no slow hash is
            needed.
        scopes: what it allows.
        rate: requests, such as 60/minute; empty for that of the service.
        created, expires, revoked: seconds since 1970.
    """

    id: str
    name: str
    hash: str
    scopes: tuple[str, ...]
    rate: str
    created: float
    expires: float | None
    revoked: float | None

    def valid(self, now: int | float) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def hash_of_secret(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def parts_of(text: str) -> tuple[str, str] | None:
    """Public part and secret of a key as a client sends it; None for what has another form."""
    words = text.split("_")
    return (words[1], words[2]) if len(words) == 3 and words[0] == _PREFIX and all(words) else None


class KeyStore:
    """Adds, lists and revokes keys.

    Args:
        engine: of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self, name: str, *, scopes: Sequence[str], rate: str = "", days: int | float | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key.

        Args:
            name: whose it is.
            scopes: of `SCOPES`, one at least.
            rate: requests, such as 60/minute.
            days: until it expires.

        Returns:
            The key, and its whole text, which is shown this one time.

        Raises:
            BadInputError: no name, a scope or rate that there is not, or a name that is in use.
        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise BadInputError(f"no scope {', '.join(unknown) or 'given'}", hint=f"--scope {' '.join(SCOPES)}")
        if not 1 <= len(name) <= 200 or not name.isprintable():
            raise BadInputError(f"the name {name[:40]!r} of a key", hint="1 to 200 printable characters")
        if days is not None and not days > 0:
            raise BadInputError(f"{days} days", hint="--days 90")
        check_rate(rate)
        if any(key.name == name and key.valid(time.time()) for key in self.all()):
            raise BadInputError(f"there is a key {name!r} already", hint="another name, or facewarden keys revoke")
        now, secret = time.time(), secrets.token_hex(32)
        key = ApiKey(
            secrets.token_hex(6), name, hash_of_secret(secret), tuple(dict.fromkeys(scopes)), rate, now,
            None if days is None else now + days * 86400, None,
        )  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(
                insert(keys).values(
                    id=key.id, name=name, hash=key.hash, scopes=" ".join(key.scopes), rate=rate, created=now,
                    expires=key.expires,
                )
            )  # fmt: skip
        return key, f"{_PREFIX}_{key.id}_{secret}"

    def all(self) -> list[ApiKey]:
        """Every key that was ever made, the oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(keys).order_by(keys.c.created)).mappings().all()
        return [ApiKey(**{**row, "scopes": tuple(row["scopes"].split())}) for row in rows]

    def revoke(self, which: str) -> ApiKey:
        """Revoke a key by its public part, or every key of a name: an expired one may bear it too.

        Returns:
            The youngest key that was revoked.

        Raises:
            BadInputError: no such key that is in use.
        """
        held = [key for key in self.all() if key.revoked is None]
        found = [key for key in held if key.id == which] or [key for key in held if key.name == which]
        if not found:
            raise BadInputError(f"no key {which!r} that is in use", hint="facewarden keys list")
        with self._engine.begin() as connection:
            connection.execute(update(keys).where(keys.c.id.in_([key.id for key in found])).values(revoked=time.time()))
        return found[-1]


def check_rate(rate: str) -> None:
    """Refuse a rate that cannot be read.

    Raises:
        BadInputError: it is none.
    """
    try:
        if rate:
            read_rate(rate)
    except ValueError as error:
        raise BadInputError(f"the rate {rate[:40]!r}", hint="60/minute, 5/second or 1000/day") from error
