"""CASIA-SURF CeFA: cloth prints, screens and masks across ethnicities, RGB, depth and infrared; splits by subject."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.data.datasets.parts.clips import Clip, ClipSet, Parts, subfolders
from facewarden.data.datasets.parts.twins import Shot, TwinWriter

USED = ("AF", "CA")
"""Ethnicities of the benchmark; the third, EA, is not in it."""
MASKS = {"3D-Mask": "mask_rigid", "Silicone-Mask": "mask_silicone"}
_WHO = re.compile(r"(AF|CA|EA)-(\d{3})(-\d+)?")  # the official release adds the number of an identity card
_CLIP = re.compile(r"(\d)_(\d{3})_(\d)_(\d)_(\d)")
_MASK = re.compile(r"\d_(\d{3})(_\d){5}")
_ATTACKS = {"2": ("print", "cloth print"), "3": ("print", "photo print"), "4": ("replay", "screen")}
_PLACES = {"1": "indoor", "2": "outdoor"}


class CasiaCefaTwin(TwinWriter):
    """A twin of CeFA: four clips a person of AF and CA, one of EA, one 3D mask and one silicone mask; lists with CRLF.

    Defects of the lists: one row twice, one whose depth is not there, and one frame of AF-300 in dev and in test.
    """

    def write(self) -> None:
        """Write the twin into its folder."""
        self.mark("CeFA")
        first = {"train": 0, "dev": 200, "test": 300}
        kinds = {"1_1_1": "bona_fide", "3_1_2": "print_bent", "3_1_4": "replay_tablet", "3_2_2": "print_flat"}
        shared = ""
        rows: dict[Split, list[str]] = {"train": [], "dev": [], "test": []}
        for split, people in self.by_split().items():
            for place, person in enumerate(people):
                race, number = USED[place % 2], first[split] + place // 2
                rows[split] += self._subject(race, 1 + place % 2, number, person, kinds, split)
            if split == "test":
                shared = rows[split][0]
                for folder, name in (("3D-Mask", "1_002_1_1_2_1_3"), ("Silicone-Mask", "2_001_1_1_2_1_3")):
                    where = f"CeFA/CeFA-Mask/{folder}/{name[2:5]}/{name}"
                    shot = Shot(where, people[0], MASKS[folder], split)
                    rows[split] += [f"{self.clip(where, CasiaCefa.folders, shot, ('0002', '0009', '0011'))[1]} 0"]
        self._subject("EA", 3, 0, 0, kinds, "train")
        rows["dev"].append(shared)
        absent = rows["train"][-1].replace("/depth/", "/depth/9")
        rows["train"] = [*rows["train"][:-1], rows["train"][0], absent]
        for name, lines in rows.items():
            self.text(f"lists/{name}.txt", lines, end="\r\n", last=False)

    def _subject(
        self, race: str, prefix: int, number: int, person: int, kinds: Mapping[str, str], split: Split
    ) -> list[str]:
        rows = []
        for code, species in kinds.items():
            where = f"CeFA/CeFA-Race/{race}/{race}-{number:03d}/{prefix}_{number:03d}_{code}"
            frames = self.clip(where, CasiaCefa.folders, Shot(where, person, species, split), ("0006", "0026", "0046"))
            rows += [f"{row} {int(species == 'bona_fide')}" for row in frames]
        return rows


class CasiaCefa(ClipSet):
    """`CeFA/CeFA-Race/AF/AF-000/RACE_SUBJECT_DEVICE_PLACE_PAI/{profile,depth,ir}/NNNN.jpg` and `CeFA/CeFA-Mask/…`.

    The color folder is called profile. PAI 1 is bona fide, 2 a cloth print, 3 a photo, 4 a screen; everything in
    CeFA-Mask is an attack.

    Rule: subjects 000-199 of AF and of CA are train, 200-299 dev, 300-499 test, with three frames of each clip, evenly
    spread; EA is left out; masks are test, with one frame a clip (the middle one). Four clips a subject give 4,800
    rows in train, 2,400 in dev and 4,800 in test before masks, and so do the published lists, apart from one frame of
    AF-300 that is in their val and test both, which the rule does not repeat. Their 1,939 mask rows (1,513 clips with
    one frame, others with three) follow no known rule: for those very rows give the lists. Source: Liu et al., WACV
    2021.
    """

    twin = CasiaCefaTwin
    twin_site = "birch"
    summary = "CASIA-SURF CeFA, with CeFA-Race and CeFA-Mask in it; casia_cefa:PATH"
    folders = MappingProxyType({"rgb": "profile", "depth": "depth", "infrared": "ir"})
    heads = ("CeFA-Race", "CeFA-Mask")
    outer = ("CeFA",)

    def clip_of(self, parts: Parts) -> Clip | None:
        """Return what a clip's folder tells; None for EA."""
        if len(parts) == 4 and parts[0] == "CeFA-Mask" and parts[1] in MASKS and (match := _MASK.fullmatch(parts[3])):
            return Clip(
                video=f"{parts[1]}/{parts[3]}",
                subject=f"{parts[1]}-{match[1]}",
                label=0,
                species=MASKS[parts[1]],
                group=parts[1],
                split="test",
                frames=1,
            )
        who = _WHO.fullmatch(parts[2]) if len(parts) == 4 and parts[0] == "CeFA-Race" else None
        code = _CLIP.fullmatch(parts[3]) if who else None
        if who is None or code is None or who[1] != parts[1] or (code[5] != "1" and code[5] not in _ATTACKS):
            raise BadInputError(
                f"{'/'.join(parts)} is not a clip of casia_cefa", hint="CeFA-Race/AF/AF-000/1_000_3_1_2"
            )
        if who[1] not in USED:
            return None
        species, group = _ATTACKS.get(code[5], ("bona_fide", "bona fide"))
        return Clip(
            video=f"{who[1]}-{who[2]}/{parts[3]}",
            subject=f"{who[1]}-{who[2]}",
            label=int(code[5] == "1"),
            species=species,
            group=group,
            split=_split_of(int(who[2])),
            environment=_PLACES.get(code[4]),
        )

    def _clip_folders(self) -> Iterator[Path]:
        for head in self.heads:
            for kind in subfolders(self.base / head):
                for who in subfolders(kind):
                    yield from subfolders(who)


def _split_of(subject: int) -> Split:
    return "train" if subject < 200 else "dev" if subject < 300 else "test"


entry = CasiaCefa
