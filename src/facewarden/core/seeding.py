"""Seeds by name: every random draw has an address, so that order, batching and workers never change it."""

from __future__ import annotations

import hashlib

from facewarden.core.errors import BadInputError


def checked_seed(seed: int) -> int:
    """Return a seed that every generator takes.

    Raises:
        BadInputError: it is negative.
    """
    if seed < 0:
        raise BadInputError(f"seed {seed} is negative", hint="--seed 0, or any whole number above")
    return seed


def derive(seed: int, *names: str | int) -> int:
    """Derive a 63-bit seed from a base seed and the names of what it is for.

    Args:
        seed: the run's seed.
        names: a path such as `("captures", "alder", 3)`; other paths give unrelated seeds.

    Example:
        >>> derive(0, "a") == derive(0, "a"), derive(0, "a") == derive(0, "b"), derive(0, "a", 1) == derive(0, "a1")
        (True, False, False)
    """
    # the separator is doubled inside a name (file names may hold anything), so that no two paths give one text
    parts = [f"{type(name).__name__}:{name}".replace("\x1f", "\x1f\x1f") for name in names]
    text = "\x1f".join([str(int(seed)), *parts])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
