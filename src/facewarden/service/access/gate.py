"""Tells who asks by the API key of a request, whether that key allows it, and whether it asks too often."""

from __future__ import annotations

import asyncio
import hmac
import math
import time
from dataclasses import dataclass

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from facewarden.service.access.rates import read_rate
from facewarden.service.problems import Problem
from facewarden.service.store.key_store import SCOPES, ApiKey, KeyStore, hash_of_secret, parts_of

_FRESH = 2.0
"""Seconds for which keys are kept; a revoked one is refused after this time at the latest."""
_NOBODY = hash_of_secret("")


@dataclass(frozen=True)
class Caller:
    """Who sent a request.

    Attributes:
        key: public part of the key; empty where the service needs none.
        scopes: what it allows.
    """

    key: str = ""
    scopes: tuple[str, ...] = SCOPES


class Gate:
    """Lets requests in, or says why not.

    Args:
        store: of the keys.
        open_without_keys: whether everything is allowed as long as there is no key, on the machine itself alone.
        rate: of keys without a rate of their own; empty for none.
    """

    def __init__(self, store: KeyStore, *, open_without_keys: bool, rate: str = "") -> None:
        self._store = store
        self._open = open_without_keys
        self._rate = rate
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._parsed: dict[str, RateLimitItem] = {}
        self._keys: dict[str, ApiKey] = {}
        self._any = False
        self._read = -math.inf
        self._lock = asyncio.Lock()

    async def caller(self, text: str | None) -> Caller:
        """Who sent a key.

        Args:
            text: the key, None where the request has none.

        Raises:
            Problem: 401 for no key, or one that is not valid.
        """
        await self._refresh()
        if text is None or not text:
            if self._open and not self._any:
                return Caller()
            raise Problem(401, "no_key", "an API key is needed", hint="Authorization: Bearer fw_...")
        identity, secret = parts_of(text) or ("", "")
        key = self._keys.get(identity)
        # a key that there is not costs the same comparison
        same = hmac.compare_digest(hash_of_secret(secret), _NOBODY if key is None else key.hash)
        if key is None or not same or not key.valid(time.time()):
            raise Problem(401, "bad_key", "the API key is not valid", hint="facewarden keys list")
        return Caller(key.id, key.scopes)

    def admit(self, caller: Caller, scope: str | None) -> None:
        """Let a caller do something, and count it.

        Args:
            caller: who asks.
            scope: what is needed; None for what every caller may.

        Raises:
            Problem: 403 for a scope that the key does not have, 429 where it asks too often.
        """
        if scope is not None and scope not in caller.scopes:
            raise Problem(403, "scope", f"the API key does not allow {scope}", hint=f"a key with --scope {scope}")
        key = self._keys.get(caller.key)
        rate = self._rate if key is None or not key.rate else key.rate
        if not rate:
            return
        if rate not in self._parsed:
            self._parsed[rate] = read_rate(rate)
        item = self._parsed[rate]
        if not self._limiter.hit(item, caller.key or "anybody"):
            again = self._limiter.get_window_stats(item, caller.key or "anybody").reset_time - time.time()
            raise Problem(
                429, "rate", f"more than {rate}", hint="wait as Retry-After says", retry_after=max(1, math.ceil(again))
            )

    async def _refresh(self) -> None:
        if time.monotonic() - self._read < _FRESH:
            return
        async with self._lock:
            if time.monotonic() - self._read < _FRESH:
                return
            found = await asyncio.to_thread(self._store.all)
            self._keys = {key.id: key for key in found}
            # once there was a key, the service is not open again by revoking it
            self._any = bool(found)
            self._read = time.monotonic()
