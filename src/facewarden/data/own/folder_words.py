"""What the name of a folder says: a split, bona fide or attack, a PAI species, or nothing that is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from facewarden.core.labels import ALL_SPECIES, OTHER_SPECIES, Split
from facewarden.data.datasets.folder import SPLITS

_BONA_FIDE = frozenset({
    "live", "lives", "alive", "real", "reals", "bonafide", "genuine", "client", "clients", "clientraw", "clientface",
    "authentic",
})  # fmt: skip
_ATTACK = frozenset({
    "spoof", "spoofs", "spoofed", "spoofing", "fake", "fakes", "attack", "attacks", "imposter", "impostor", "imposters",
    "impostors", "imposterraw", "imposterface", "pa", "pais", "fraud", "nonlive", "notlive",
})  # fmt: skip
_FILLERS = frozenset({
    "face", "faces", "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "people", "person",
    "persons", "subjects", "data", "set", "dataset", "samples", "video", "videos", "part", "frames", "presentation",
    "and", "of", "the", "rgb", "color", "colour",
})  # fmt: skip
_JOINED = {"bona_fide": "bonafide", "not_live": "notlive", "non_live": "nonlive", "cut_out": "cutout"}
_SPECIES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("paper", "mask"), "mask_paper"),
    (("silicone",), "mask_silicone"),
    (("latex",), "mask_silicone"),
    (("transparent", "mask"), "mask_transparent"),
    (("mask",), "mask_rigid"),
    (("masks",), "mask_rigid"),
    (("mannequin",), "fake_head"),
    (("head",), "fake_head"),
    (("makeup",), "makeup"),
    (("glasses",), "partial_glasses"),
    (("cut",), "print_cutout"),
    (("cutout",), "print_cutout"),
    (("cutouts",), "print_cutout"),
    (("bent",), "print_bent"),
    (("warped",), "print_bent"),
    (("curved",), "print_bent"),
    (("flat",), "print_flat"),
    (("textile",), "print_textile"),
    (("shirt",), "print_textile"),
    (("print",), "print"),
    (("prints",), "print"),
    (("printed",), "print"),
    (("paper",), "print"),
    (("poster",), "print"),
    (("a4",), "print"),
    (("phone",), "replay_phone"),
    (("smartphone",), "replay_phone"),
    (("mobile",), "replay_phone"),
    (("tablet",), "replay_tablet"),
    (("ipad",), "replay_tablet"),
    (("pad",), "replay_tablet"),
    (("laptop",), "replay_pc"),
    (("pc",), "replay_pc"),
    (("monitor",), "replay_pc"),
    (("projector",), "replay_projected"),
    (("projected",), "replay_projected"),
    (("replay",), "replay"),
    (("replays",), "replay"),
    (("screen",), "replay"),
    (("screens",), "replay"),
    (("display",), "replay"),
)
"""Words of a folder's name -> species; the first row whose words all stand in the name decides."""
_IN_ATTACKS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("photo",), "print"), (("photos",), "print"), (("video",), "replay"), (("videos",), "replay"),
)  # fmt: skip
"""Words that name a species only inside a folder of attacks: elsewhere `photos` is just a folder of photos."""
_NAMED = frozenset(word for needed, _ in _SPECIES for word in needed)


@dataclass(frozen=True)
class FolderWord:
    """What one name says; None where it says nothing of it.

    Attributes:
        split: the split that its photos are of.
        label: 1 = bona fide, 0 = attack.
        species: the PAI species, where the name tells one.
    """

    split: Split | None = None
    label: int | None = None
    species: str | None = None

    @property
    def silent(self) -> bool:
        """Whether the name says nothing: it may be that of a person, a session or a camera."""
        return self == FolderWord()


def folder_word(name: str, *, in_attacks: bool = False) -> FolderWord:
    """Read the name of a folder.

    Args:
        name: of one folder.
        in_attacks: whether it lies in a folder of attacks.

    >>> folder_word("Real_Faces").label, folder_word("fake_train_part"), folder_word("ann").silent
    (1, FolderWord(split='train', label=0, species=None), True)
    >>> folder_word("iPad replay").species, folder_word("test subject 1").silent
    ('replay_tablet', True)
    """
    plain = plain_name(name)
    if plain in ALL_SPECIES and plain != "bona_fide":
        return FolderWord(species=plain)
    for parts, joined in _JOINED.items():
        plain = plain.replace(parts, joined)
    words = plain.split("_")
    splits = [word for word in words if SPLITS.get(word) is not None]
    classes = [word for word in words if word in _BONA_FIDE | _ATTACK]
    species = _species(words, in_attacks=in_attacks)
    known = [word for word in words if word in (*splits, *classes, *_FILLERS) or word.isdigit() or word in _NAMED]
    whole = len(known) == len(words)
    split = SPLITS[splits[0]] if splits and (whole or words[-1] == splits[0]) else None
    label = int(classes[0] in _BONA_FIDE) if classes and (whole or words[0] == classes[0] or species) else None
    return FolderWord(split, label, None if label == 1 else species)


def plain_name(name: str) -> str:
    """A name in small letters and digits, with one underscore for anything else."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _species(words: Sequence[str], *, in_attacks: bool) -> str | None:
    for needed, species in (*_SPECIES, *(_IN_ATTACKS if in_attacks else ())):
        if all(word in words for word in needed):
            return species
    return None


def own_species(name: str) -> str:
    """The species of an instrument that has no word here: `other_` and the folder's name.

    >>> own_species("Resin bust #2")
    'other_resin_bust_2'
    """
    plain = plain_name(name)
    return f"{OTHER_SPECIES}{plain[:40]}" if plain else "other"
