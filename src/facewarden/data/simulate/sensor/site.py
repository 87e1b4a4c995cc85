"""A site of version 2: its sensors, how it delivers their pictures, whom it meets; made from levels of factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from facewarden.core.labels import SPECIES_BY_VERSION, SUBTYPES, species_group
from facewarden.core.seeding import derive
from facewarden.data.simulate.sensor.automatics import Automatics
from facewarden.data.simulate.sensor.domains import Domain
from facewarden.data.simulate.sensor.random_site import random_site

FRAMINGS: Mapping[str, float] = MappingProxyType({"tight": 0.62, "medium": 0.5, "loose": 0.38})
"""Width of the face box as a share of the frame's width."""
LIGHTS: Mapping[str, tuple[Mapping[str, float], float]] = MappingProxyType({
    "office": (MappingProxyType({"normal": 0.8, "strong": 0.1, "dark": 0.1}), 0.0),
    "window": (MappingProxyType({"normal": 0.25, "strong": 0.3, "back": 0.45}), 0.1),
    "street": (MappingProxyType({"normal": 0.4, "strong": 0.3, "back": 0.15, "dark": 0.15}), 0.9),
})  # fmt: skip
"""Weights of illuminations, and the share of outdoor captures."""
GAINS: Mapping[str, float] = MappingProxyType({"low": 0.2, "high": 0.5})
"""Mean linear level that the infrared camera aims at."""
FLASHES: Mapping[str, float] = MappingProxyType({"even": 0.1, "spot": 0.75})
"""Fall-off of the infrared flash toward the corners."""
INSTRUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "prints": ("prints",), "screens": ("replays",), "worn": ("masks", "partial"),
    "mixed": ("prints", "replays", "masks", "partial"),
})  # fmt: skip
"""Set of instruments -> groups of species that it comes from."""
SUBTYPE_SHARE = 0.5
"""Share of bona fide presentations that are of another subtype than plain."""


@dataclass(frozen=True, kw_only=True)
class Site(Domain):
    """A site of version 2 of the simulator.

    Attributes:
        factors: factor -> level.
        number: among those of its design, from 1.
        depth_picture: name of the encoding of depth.
        framing: width of the face box as a share of the frame's width.
        automatics: exposure, white balance and infrared gain.
        infrared_zoom, infrared_shift: the infrared picture's own crop, see `infrared_crop`.
        quality: of its instruments.
        bona_fide: share of bona fide captures.
        size: weight of its number of people, 1 on average.
        subtypes: weights of bona fide subtypes.
    """

    factors: Mapping[str, str]
    number: int
    depth_picture: str
    framing: float
    automatics: Automatics
    infrared_zoom: float
    infrared_shift: tuple[float, float]
    quality: str
    bona_fide: float
    size: float
    subtypes: Mapping[str, float]

    @property
    def span(self) -> tuple[float, float]:
        """Nearest and farthest mm in which the site expects faces."""
        return self.distance[0] - 150.0, self.distance[1] + 450.0


def make_site(name: str, factors: Mapping[str, str], *, number: int, turn: int, seed: int) -> Site:
    """Make a site: its factors decide what is compared, the seed draws everything else on its own.

    Noise, resolution, compression, color cast, holes, misregistration, wavelength and distances are drawn as in
    `random_site`, so that each site has another quality of sensors; so are metering, class priors and sizes.

    Args:
        name: of the site.
        factors: factor -> level, as in `facewarden.data.simulate.sensor.sites.FACTORS`.
        number: among the sites of its design, from 1.
        turn: how many sites before it have the same set of instruments, which decides its species.
        seed: of the sites.
    """
    rng = np.random.default_rng(derive(seed, "site", name))
    drawn = random_site(rng, name, principle=factors["principle"])
    illumination, outdoor = LIGHTS[factors["light"]]
    # Some filters leak; the imagers of some active stereo cameras have none (see `InfraredSensor.leak`).
    leak = float(rng.uniform(0.02, 0.1)) if rng.random() < 0.4 else 0.0
    if factors["principle"] == "active" and rng.random() < 0.3:
        leak = 1.0
    metering, balance = ("face", "center")[int(rng.integers(2))], float(rng.uniform(0.7, 1.0))
    own = factors["crop"] == "own"
    zoom = float(rng.uniform(1.08, 1.16)) if own else 1.0
    shift = (float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.03, 0.03))) if own else (0.0, 0.0)
    bona_fide, size = float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.75, 1.25))
    return Site(
        name=name,
        about="; ".join(f"{factor} {level}" for factor, level in factors.items()),
        unreliable="none",
        color=drawn.color,
        depth=drawn.depth,
        infrared=replace(drawn.infrared, spread=FLASHES[factors["flash"]], leak=leak),
        distance=drawn.distance,
        illumination=illumination,
        outdoor=outdoor,
        species=MappingProxyType(dict.fromkeys(instruments(factors["instruments"], turn=turn), 1.0)),
        factors=MappingProxyType(dict(factors)),
        number=number,
        depth_picture=factors["depth"],
        framing=FRAMINGS[factors["framing"]],
        automatics=Automatics("face" if metering == "face" else "center", balance, GAINS[factors["gain"]]),
        infrared_zoom=zoom,
        infrared_shift=shift,
        quality=factors["quality"],
        bona_fide=bona_fide,
        size=size,
        subtypes=_SUBTYPE_WEIGHTS,
    )


_SUBTYPE_WEIGHTS: Mapping[str, float] = MappingProxyType({
    name: 1 - SUBTYPE_SHARE if name == "plain" else SUBTYPE_SHARE / (len(SUBTYPES) - 1) for name in SUBTYPES
})  # fmt: skip


def instruments(level: str, *, turn: int) -> tuple[str, ...]:
    """The attack species of a site.

    Sites of one set of instruments have overlapping parts of it, two thirds that begin one species later from site to
    site; of the mixed set every third species. The first site of the prints meets print cut-outs alone, as one of the
    published sets does, and the first one with worn instruments masks alone.

    Args:
        level: a set of instruments.
        turn: how many sites of the same set come before.
    """
    known = [name for name in SPECIES_BY_VERSION[2] if species_group(name) in INSTRUMENTS[level]]
    if turn == 0 and level == "prints":
        return ("print_cutout",)
    if turn == 0 and level == "worn":
        return tuple(name for name in known if species_group(name) == "masks")
    if level == "mixed":
        return tuple(known[turn % 3 :: 3])
    count = -(-2 * len(known) // 3)
    return tuple(known[(turn + place) % len(known)] for place in range(count))
