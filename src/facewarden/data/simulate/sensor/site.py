"""A site of version 2: its sensors, how it delivers their pictures, whom it meets; made from levels of factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from facewarden.core.labels import SPECIES_BY_VERSION, SUBTYPES, species_group
from facewarden.core.seeding import derive
from facewarden.data.simulate.sensor.automatics import Automatics
from facewarden.data.simulate.sensor.chain import Chain, draw_chain
from facewarden.data.simulate.sensor.domains import Domain
from facewarden.data.simulate.sensor.habits import SIDES, Habits, draw_habits
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
SHARES: Mapping[str, float] = MappingProxyType({
    "print_flat": 0.5, "replay_phone": 0.1, "replay_phone_bright": 0.1, "replay_tablet": 0.1, "replay_pc": 0.1,
})  # fmt: skip
"""Species -> its weight among those of its group at a site, 1 for all others. Who tests a system that has depth and
infrared tries instruments first (as evaluations by ISO/IEC 30107-3 do) and spends few presentations on a flat sheet or
a panel, which either of these sensors sees by itself. The numbers are guessed."""
SHARES_3: Mapping[str, float] = MappingProxyType({
    "print_flat": 0.05, "print_bent": 0.05, "replay_phone": 0.03, "replay_phone_bright": 0.03, "replay_tablet": 0.03,
    "replay_pc": 0.03, "partial_makeup": 0.3,
})  # fmt: skip
"""The same of version 3, where sheets count as panels do (guessed)."""
INSTRUMENTS_3: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "shown": ("prints", "replays"), "worn": ("masks", "partial"),
})  # fmt: skip
"""The same of version 3: two groups a site, of equal weight."""
LIGHTS_3: Mapping[str, tuple[Mapping[str, float], float]] = MappingProxyType({
    "office": (MappingProxyType({"normal": 0.9, "strong": 0.05, "dark": 0.05}), 0.0),
    "window": (MappingProxyType({"normal": 0.6, "strong": 0.2, "back": 0.2}), 0.1),
    "street": (MappingProxyType({"normal": 0.6, "strong": 0.2, "back": 0.1, "dark": 0.1}), 0.9),
})  # fmt: skip
"""The same of version 3, whose sites are lit better."""
_PROJECTED = "replay_projected"
SUBTYPE_SHARE = 0.5
"""Share of bona fide presentations that are of another subtype than plain."""
SUBTYPE_SHARE_3 = 0.35
"""The same of version 3."""


@dataclass(frozen=True, kw_only=True)
class Site(Domain):
    """A site of version 2 of the simulator.

    Attributes:
        factors: factor -> level.
        number: among those of its design, from 1.
        depth_picture: name of the encoding of depth.
        framing: width of the face box as a share of the frame's width.
        automatics: exposure, white balance and infrared gain.
        chain: what its cameras do to every picture.
        infrared_zoom, infrared_shift: the infrared picture's own crop, see `infrared_crop`.
        quality: of its instruments.
        bona_fide: share of bona fide captures.
        size: weight of its number of people, 1 on average.
        subtypes: weights of bona fide subtypes.
        habits: how its instruments differ from a face; None in version 2.
    """

    factors: Mapping[str, str]
    number: int
    depth_picture: str
    framing: float
    automatics: Automatics
    chain: Chain
    infrared_zoom: float
    infrared_shift: tuple[float, float]
    quality: str
    bona_fide: float
    size: float
    subtypes: Mapping[str, float]
    habits: Habits | None = None

    @property
    def span(self) -> tuple[float, float]:
        """Nearest and farthest mm in which the site expects faces."""
        return self.distance[0] - 150.0, self.distance[1] + 450.0


def make_site(
    name: str, factors: Mapping[str, str], *, number: int, turn: int, seed: int, version: int = 2
) -> Site:  # fmt: skip
    """Make a site: its factors decide what is compared, the seed draws everything else on its own.

    Noise, resolution, compression, color cast, holes, misregistration, wavelength and distances are drawn as in
    `random_site`, so that each site has another quality of sensors; so are metering, class priors and sizes.

    Args:
        name: of the site.
        factors: factor -> level, as in `facewarden.data.simulate.sensor.sites.FACTORS`.
        number: among the sites of its design, from 1.
        turn: how many sites before it have the same set of instruments, which decides its species.
        seed: of the sites.
        version: of the simulator, 2 or 3.
    """
    rng = np.random.default_rng(derive(seed, "site", name))
    drawn = random_site(rng, name, principle=factors["principle"])
    low, high = drawn.color.quality
    illumination, outdoor = (LIGHTS if version == 2 else LIGHTS_3)[factors["light"]]
    # Some filters leak; the imagers of some active stereo cameras have none (see `InfraredSensor.leak`).
    leak = float(rng.uniform(0.02, 0.1)) if rng.random() < 0.4 else 0.0
    if factors["principle"] == "active" and rng.random() < 0.6:
        leak = 1.0
    metering, balance = ("face", "center")[int(rng.integers(2))], float(rng.uniform(0.7, 1.0))
    own = factors["crop"] == "own"
    zoom = float(rng.uniform(1.08, 1.16)) if own else 1.0
    shift = (float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.03, 0.03))) if own else (0.0, 0.0)
    chain = draw_chain(np.random.default_rng(derive(seed, "chain", name)))
    bona_fide, size = float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.75, 1.25))
    habits = None
    if version > 2:
        sides = {factor: factors[factor] for factor in SIDES}
        habits = draw_habits(np.random.default_rng(derive(seed, "habits", name)), sides, number=number)
    return Site(
        name=name,
        about="; ".join(f"{factor} {level}" for factor, level in factors.items()),
        unreliable="none",
        color=replace(drawn.color, blur=chain.color.defocus, quality=(max(30, low - 15), high)),
        depth=drawn.depth,
        infrared=replace(drawn.infrared, spread=FLASHES[factors["flash"]], leak=leak),
        distance=drawn.distance,
        illumination=illumination,
        outdoor=outdoor,
        species=_weights(instruments(factors["instruments"], turn=turn))
        if version == 2
        else _weights_3(factors["instruments"], turn=turn),
        factors=MappingProxyType(dict(factors)),
        number=number,
        depth_picture=factors["depth"],
        framing=FRAMINGS[factors["framing"]],
        chain=chain,
        automatics=Automatics("face" if metering == "face" else "center", balance, GAINS[factors["gain"]]),
        infrared_zoom=zoom,
        infrared_shift=shift,
        quality=factors.get("quality", "high"),
        bona_fide=bona_fide,
        size=size,
        subtypes=_subtype_weights(SUBTYPE_SHARE if version == 2 else SUBTYPE_SHARE_3),
        habits=habits,
    )


def _subtype_weights(share: float) -> Mapping[str, float]:
    return MappingProxyType({
        name: 1 - share if name == "plain" else share / (len(SUBTYPES) - 1) for name in SUBTYPES
    })  # fmt: skip


def _weights(names: tuple[str, ...]) -> Mapping[str, float]:
    """Weights of species; a group has as much as it has species, however they share it."""
    groups = {name: species_group(name) for name in names}
    shares = {name: SHARES.get(name, 1.0) for name in names}
    whole = {group: sum(shares[name] for name in names if groups[name] == group) for group in groups.values()}
    count = {group: sum(found == group for found in groups.values()) for group in whole}
    return MappingProxyType({name: shares[name] * count[groups[name]] / whole[groups[name]] for name in names})


def _weights_3(level: str, *, turn: int) -> Mapping[str, float]:
    """Weights of the species of a site of version 3: of each of its groups two thirds, from another one on each turn.

    The groups have equal weights. Who meets a panel also meets a projector, as in version 2.

    Args:
        level: a set of instruments.
        turn: how many sites of the same set come before.
    """
    found: dict[str, float] = {}
    for group in INSTRUMENTS_3[level]:
        known = [name for name in SPECIES_BY_VERSION[3] if species_group(name) == group]
        names = {known[(turn + place) % len(known)] for place in range(-(-2 * len(known) // 3))}
        if group == "replays":
            names.add(_PROJECTED)
        whole = sum(SHARES_3.get(name, 1.0) for name in sorted(names))
        found |= {name: SHARES_3.get(name, 1.0) / whole for name in known if name in names}
    return MappingProxyType(found)


def instruments(level: str, *, turn: int) -> tuple[str, ...]:
    """The attack species of a site.

    Sites of one set of instruments have overlapping parts of it, two thirds that begin one species later from site to
    site; of the mixed set every third species. Who meets a panel also meets a projector. The first site of the prints
    meets print cut-outs alone, as one of the published sets does, and the first one with worn instruments masks alone.

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
        chosen = known[turn % 3 :: 3]
    else:
        count = -(-2 * len(known) // 3)
        chosen = [known[(turn + place) % len(known)] for place in range(count)]
    beside = _PROJECTED not in chosen and any(species_group(name) == "replays" for name in chosen)
    return (*chosen, _PROJECTED) if beside else tuple(chosen)
