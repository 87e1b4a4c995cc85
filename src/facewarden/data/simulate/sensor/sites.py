"""The sites of version 2: 24 by number, and sealed ones that a later seed makes by the same rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from facewarden.core.errors import BadInputError
from facewarden.core.labels import QUALITIES
from facewarden.core.seeding import derive
from facewarden.data.simulate.sensor.depth_pictures import DEPTH_PICTURES, SEALED_DEPTH_PICTURE
from facewarden.data.simulate.sensor.design import balanced_design
from facewarden.data.simulate.sensor.domains import DOMAINS, Domain
from facewarden.data.simulate.sensor.site import FLASHES, FRAMINGS, GAINS, INSTRUMENTS, LIGHTS, Site, make_site

SITES = 24
"""How many sites are there by number."""
SEALED = 24
"""How many sites a seed of the sealed part makes."""
PRINCIPLES = ("structured", "tof", "active")
SEALED_PRINCIPLE = "passive"
"""Of the depth sensors of sealed sites alone."""
SEED = 16
"""Decides the design and the draws of the sites by number. Another one makes other sites: their numbers would lie."""

FACTORS: Mapping[str, Sequence[str]] = MappingProxyType({
    "half": ("first", "second"),
    "principle": PRINCIPLES,
    "depth": tuple(name for name in DEPTH_PICTURES if name != SEALED_DEPTH_PICTURE),
    "gain": tuple(GAINS),
    "flash": tuple(FLASHES),
    "crop": ("same", "own"),
    "framing": tuple(FRAMINGS),
    "light": tuple(LIGHTS),
    "instruments": tuple(INSTRUMENTS),
    "quality": QUALITIES,
})  # fmt: skip
"""Factor -> levels. The halves are the sites at odd and at even numbers, so that each half of them is balanced too."""

_SEEN = "seen"
_DEV = tuple(f"site_{number:02d}" for number in range(1, SITES + 1))
_SEALED = re.compile(r"sealed_([0-9a-f]{8})(?:_(\d\d))?")


@lru_cache(maxsize=1)
def dev_sites() -> tuple[Site, ...]:
    """The sites by number, `site_01` to `site_24`."""
    return _made(_DEV, balanced_design(FACTORS, sites=SITES, seed=derive(SEED, "design")), seed=SEED)


@lru_cache(maxsize=4)
def sealed_sites(seed: int) -> tuple[Site, ...]:
    """Sites that nobody has seen before the seed is known.

    A quarter of them has both the principle and the encoding of depth that no site by number has, a quarter each only
    one of them, and a quarter none, so that what each of them costs can be told apart.

    Args:
        seed: 32 bits, such as the first eight hexadecimal digits of a commit.

    Raises:
        BadInputError: the seed has more bits, or less than none.
    """
    if not 0 <= seed < 2**32:
        raise BadInputError(f"a seed of sealed sites has 32 bits, {seed} has not", hint="eight hexadecimal digits")
    names = tuple(f"sealed_{seed:08x}_{number:02d}" for number in range(1, SEALED + 1))
    own = derive(seed, "sealed sites")
    factors = {**FACTORS, "principle": (_SEEN, SEALED_PRINCIPLE), "depth": (_SEEN, SEALED_DEPTH_PICTURE)}
    rows = balanced_design(factors, sites=SEALED, seed=derive(own, "design"))
    for name in ("principle", "depth"):
        _replace_seen(rows, name, seed=own)
    return _made(names, rows, seed=own)


def _replace_seen(rows: Sequence[dict[str, str]], name: str, *, seed: int) -> None:
    """Deal the levels that sites by number have out among the sealed sites that have one of them, in a seeded order."""
    levels = FACTORS[name]
    those = sorted((row for row in rows if row[name] == _SEEN), key=lambda row: derive(seed, name, rows.index(row)))
    for place, row in enumerate(those):
        row[name] = levels[place % len(levels)]


def _made(names: tuple[str, ...], rows: Sequence[Mapping[str, str]], *, seed: int) -> tuple[Site, ...]:
    met: dict[str, int] = {}
    sites = []
    for number, (name, row) in enumerate(zip(names, rows, strict=True), start=1):
        level = row["instruments"]
        sites.append(make_site(name, row, number=number, turn=met.get(level, 0), seed=seed))
        met[level] = met.get(level, 0) + 1
    return tuple(sites)


def site_names(version: int) -> tuple[str, ...]:
    """Names of the sites of a version; those of sealed sites come with their seed."""
    return tuple(DOMAINS) if version == 1 else _DEV


def named_sites(names: Sequence[str], *, version: int) -> tuple[Domain, ...]:
    """Look sites up.

    Args:
        names: of sites; none takes all of the version. In version 2 `sealed_0123abcd` is all sealed sites of that seed,
            and `sealed_0123abcd_01` one of them.
        version: of the simulator.

    Raises:
        BadInputError: the version has no site of that name.
    """
    found: list[Domain] = []
    for name in names or site_names(version):
        if version == 1 and name in DOMAINS:
            found.append(DOMAINS[name])
        elif version == 2 and name in _DEV:
            found.append(dev_sites()[_DEV.index(name)])
        elif version == 2 and (match := _SEALED.fullmatch(name)):
            sealed = sealed_sites(int(match[1], 16))
            found += [site for site in sealed if match[2] is None or site.name == name]
            if match[2] is not None and not 1 <= int(match[2]) <= SEALED:
                raise _unknown(name, version)
        else:
            raise _unknown(name, version)
    return tuple(found) if version == 1 else tuple({site.name: site for site in found}.values())


def site_named(name: str) -> Domain:
    """Look a site of any version up.

    Raises:
        BadInputError: there is none of that name.
    """
    return named_sites((name,), version=1 if name in DOMAINS else 2)[0]


def _unknown(name: str, version: int) -> BadInputError:
    known = ", ".join(site_names(version))
    more = f", and sealed_SEED of eight hexadecimal digits, with _01 to _{SEALED}" if version == 2 else ""
    return BadInputError(f"version {version} has no site {name!r}", hint=f"choose from {known}{more}")
