"""The words of the field: labels, PAI species, illuminations and modalities, spelled once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

BONA_FIDE = 1
"""Label of a bona fide presentation; scores of detectors are higher for it."""
ATTACK = 0
"""Label of an attack presentation."""

Modality = Literal["rgb", "depth", "infrared"]
MODALITIES: tuple[Modality, ...] = ("rgb", "depth", "infrared")
CHANNELS: dict[Modality, int] = {"rgb": 3, "depth": 1, "infrared": 1}

SPECIES = (
    "bona_fide",
    "print_flat",
    "print_bent",
    "print_cutout",
    "replay_phone",
    "replay_tablet",
    "replay_pc",
    "mask_rigid",
    "mask_silicone",
    "partial_glasses",
)
"""Presentation attack instrument species that version 1 of the simulator renders; `bona_fide` is the absence of one."""

_NEW_IN_2 = (
    "print_wrapped", "print_relief", "print_textile", "replay_phone_bright", "mask_transparent", "partial_eyes",
    "partial_makeup", "replay_projected",
)  # fmt: skip

SPECIES_BY_VERSION: Mapping[int, tuple[str, ...]] = MappingProxyType({
    1: SPECIES, 2: SPECIES + _NEW_IN_2, 3: SPECIES + _NEW_IN_2,
})  # fmt: skip
"""The species that each version of the simulator renders; a species of the same name is built anew in version 2, and
made in the site's own way in version 3."""

Quality = Literal["low", "medium", "high"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
"""How well an instrument was made, from version 2 of the simulator on."""

Subtype = Literal[
    "plain", "beard", "hat", "scarf", "medical_mask", "bandage", "glasses", "heavy_makeup", "expression",
    "phone_beside", "paper_beside",
]  # fmt: skip
SUBTYPES: tuple[Subtype, ...] = get_args(Subtype)
"""What a bona fide presentation wears, does or holds, from version 2 of the simulator on."""

PUBLISHED_SPECIES = ("print", "replay", "mask_paper", "fake_head", "makeup", "other")
"""Further species of published sets, where they say no more than this, or the simulator renders no such thing."""

ALL_SPECIES = SPECIES_BY_VERSION[2] + PUBLISHED_SPECIES
"""Every species that a sample may have, besides those of a set's own."""

OTHER_SPECIES = "other_"
"""How the name of an own species begins, of an instrument that has no word above: `other_resin_bust`."""
_OWN = re.compile(r"other_[a-z0-9_]{1,60}")


def is_species(name: str) -> bool:
    """Whether a name is one of `ALL_SPECIES`, or that of an own species.

    >>> is_species("print_flat"), is_species("other_resin_bust"), is_species("print_flatt")
    (True, True, False)
    """
    return name in ALL_SPECIES or _OWN.fullmatch(name) is not None


SPECIES_GROUPS = ("prints", "replays", "masks", "partial")
"""Groups of species that share how they are made; a protocol holds one of them out."""

_GROUP_OF = {"print": "prints", "replay": "replays", "mask": "masks", "partial": "partial", "fake": "masks"}


def species_group(species: str) -> str | None:
    """The group of a species, by the first word of its name; None for bona fide and what is of no group.

    >>> species_group("print_cutout"), species_group("fake_head"), species_group("bona_fide")
    ('prints', 'masks', None)
    """
    return _GROUP_OF.get(species.partition("_")[0])


DepthEncoding = Literal["millimeters", "picture"]
DEPTH_ENCODINGS: tuple[DepthEncoding, ...] = ("millimeters", "picture")
"""How a sample's depth is stored: measured, or as a picture whose gray values are the set's own."""

ILLUMINATIONS = ("normal", "strong", "back", "dark")

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
