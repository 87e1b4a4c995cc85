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
from facewarden.data.simulate.sensor.habits import SIDES
from facewarden.data.simulate.sensor.site import (
    FLASHES,
    FRAMINGS,
    GAINS,
    INSTRUMENTS,
    INSTRUMENTS_3,
    LIGHTS,
    Site,
    make_site,
)

SITES = 24
"""How many sites are there by number."""
SEALED = 24
"""How many sites a seed of the sealed part makes."""
PRINCIPLES = ("structured", "tof", "active")
SEALED_PRINCIPLE = "passive"
"""Of the depth sensors of sealed sites alone."""
SEEDS: Mapping[int, int] = MappingProxyType({2: 16, 3: 33})
"""Version -> what decides the design and the draws of its sites by number. Another one makes other sites: their numbers
would lie."""

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
FACTORS_3: Mapping[str, Sequence[str]] = MappingProxyType({
    **{name: levels for name, levels in FACTORS.items() if name != "quality"}, "instruments": tuple(INSTRUMENTS_3),
    **SIDES,
})  # fmt: skip
"""The same of version 3, whose instruments are all of high quality and differ from a face to a side of the site's."""

_SEEN = "seen"
_DEV = tuple(f"site_{number:02d}" for number in range(1, SITES + 1))
_SEALED = re.compile(r"sealed_([0-9a-f]{8})(?:_(\d\d))?")


@lru_cache(maxsize=2)
def dev_sites(version: int = 2) -> tuple[Site, ...]:
    """The sites by number, `site_01` to `site_24`, of a version from 2 on: those of another are other sites."""
    seed = SEEDS[version]
    rows = balanced_design(_factors(version), sites=SITES, seed=derive(seed, "design"))
    return _made(_DEV, rows, seed=seed, version=version)


def _factors(version: int) -> Mapping[str, Sequence[str]]:
    return FACTORS if version == 2 else FACTORS_3


@lru_cache(maxsize=4)
def sealed_sites(seed: int, version: int = 2) -> tuple[Site, ...]:
    """Sites that nobody has seen before the seed is known.

    A quarter of them has both the principle and the encoding of depth that no site by number has, a quarter each only
    one of them, and a quarter none, so that what each of them costs can be told apart.

    Args:
        seed: 32 bits, such as the first eight hexadecimal digits of a commit.
        version: of the simulator, 2 or 3.

    Raises:
        BadInputError: the seed has more bits, or less than none.
    """
    if not 0 <= seed < 2**32:
        raise BadInputError(f"a seed of sealed sites has 32 bits, {seed} has not", hint="eight hexadecimal digits")
    names = tuple(f"sealed_{seed:08x}_{number:02d}" for number in range(1, SEALED + 1))
    own = derive(seed, "sealed sites") if version == 2 else derive(seed, "sealed sites", version)
    factors = {**_factors(version), "principle": (_SEEN, SEALED_PRINCIPLE), "depth": (_SEEN, SEALED_DEPTH_PICTURE)}
    rows = balanced_design(factors, sites=SEALED, seed=derive(own, "design"))
    for name in ("principle", "depth"):
        _replace_seen(rows, name, seed=own)
    return _made(names, rows, seed=own, version=version)


def _replace_seen(rows: Sequence[dict[str, str]], name: str, *, seed: int) -> None:
    """Deal the levels that sites by number have out among the sealed sites that have one of them, in a seeded order."""
    levels = FACTORS[name]
    those = sorted((row for row in rows if row[name] == _SEEN), key=lambda row: derive(seed, name, rows.index(row)))
    for place, row in enumerate(those):
        row[name] = levels[place % len(levels)]


def _made(
    names: tuple[str, ...], rows: Sequence[Mapping[str, str]], *, seed: int, version: int
) -> tuple[Site, ...]:  # fmt: skip
    met: dict[str, int] = {}
    sites = []
    for number, (name, row) in enumerate(zip(names, rows, strict=True), start=1):
        level = row["instruments"]
        sites.append(make_site(name, row, number=number, turn=met.get(level, 0), seed=seed, version=version))
        met[level] = met.get(level, 0) + 1
    return tuple(sites)


def site_names(version: int) -> tuple[str, ...]:
    """Names of the sites of a version; those of sealed sites come with their seed."""
    return tuple(DOMAINS) if version == 1 else _DEV


def named_sites(names: Sequence[str], *, version: int) -> tuple[Domain, ...]:
    """Look sites up.

    Args:
        names: of sites; none takes all of the version. From version 2 on `sealed_0123abcd` is all sealed sites of that
            seed, and `sealed_0123abcd_01` one of them.
        version: of the simulator.

    Raises:
        BadInputError: the version has no site of that name.
    """
    found: list[Domain] = []
    for name in names or site_names(version):
        if version == 1 and name in DOMAINS:
            found.append(DOMAINS[name])
        elif version > 1 and name in _DEV:
            found.append(dev_sites(version)[_DEV.index(name)])
        elif version > 1 and (match := _SEALED.fullmatch(name)):
            sealed = sealed_sites(int(match[1], 16), version)
            found += [site for site in sealed if match[2] is None or site.name == name]
            if match[2] is not None and not 1 <= int(match[2]) <= SEALED:
                raise _unknown(name, version)
        else:
            raise _unknown(name, version)
    return tuple(found) if version == 1 else tuple({site.name: site for site in found}.values())


def site_named(name: str, *, version: int = 2) -> Domain:
    """Look a site of version 1, or of a later version, up.

    Args:
        name: of the site.
        version: of the simulator, where the name is none of version 1.

    Raises:
        BadInputError: there is none of that name.
    """
    return named_sites((name,), version=1 if name in DOMAINS else max(version, 2))[0]


def _unknown(name: str, version: int) -> BadInputError:
    known = ", ".join(site_names(version))
    more = f", and sealed_SEED of eight hexadecimal digits, with _01 to _{SEALED}" if version > 1 else ""
    return BadInputError(f"version {version} has no site {name!r}", hint=f"choose from {known}{more}")
