"""CASIA-SURF: 1,000 people, six print cut-outs each, RGB, depth and infrared; splits are folders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.data.datasets.parts.clips import Clip, ClipSet, Parts, subfolders
from facewarden.data.datasets.parts.twins import Shot, TwinWriter

SPLIT_WORDS: dict[str, Split] = {"train": "train", "val": "dev", "test": "test"}
CUTOUTS = ("01_e_s", "02_e_b", "03_en_s", "04_en_b", "05_enm_s", "06_enm_b")
_PART = re.compile(r"(real|fake)_(train|val|test)_part")
_WHO = re.compile(r"CLKJ_([ABC]S\d{4})")


class CasiaSurfTwin(TwinWriter):
    """A twin of CASIA-SURF: one real and six cut-out clips a person; a short clip; lists with CRLF.

    Defects of the lists: one row twice, and one whose depth is not there.
    """

    def write(self) -> None:
        """Write the twin into its folder."""
        self.mark("CASIA-SURF-CROP")
        prefix = "elsewhere/CASIA-SURF-CROP-2019/CASIA-SURF-CROP"
        for split, people in self.by_split().items():
            rows = []
            for person in people:
                for kind in ("real", *CUTOUTS):
                    word = {"train": "train", "dev": "val", "test": "test"}[split]
                    part = "real" if kind == "real" else "fake"
                    where = f"{part}_part/{part}_{word}_part/CLKJ_{'ABC'[person % 3]}S{person + 1:04d}/{kind}.rssdk"
                    # numbers as published: not padded, with gaps; the last cut-out of everybody is a short clip
                    numbers = ("7", "31") if kind == CUTOUTS[-1] else ("1", "11", "131", "141")
                    shot = Shot(where, person, "bona_fide" if kind == "real" else "print_cutout", split)
                    frames = self.clip(f"CASIA-SURF-CROP/{where}", CasiaSurf.folders, shot, numbers)
                    label = int(kind == "real")
                    rows += [f"{row} {label}" for row in frames[:3]]
            rows = [row.replace("CASIA-SURF-CROP/", f"{prefix}/") for row in rows]
            if split == "train":
                absent = rows[-1].replace("/depth/31.jpg", "/depth/151.jpg")
                rows = [*rows[:-1], rows[0], absent]
            self.text(f"lists/{split}.txt", rows, end="\r\n", last=False)


class CasiaSurf(ClipSet):
    """CASIA-SURF in the folders in which it is published:
    `CASIA-SURF-CROP/{real,fake}_part/{real,fake}_{train,val,test}_part/CLKJ_WHO/CLIP.rssdk/{color,depth,ir}/N.jpg`.

    Rule: the official split is in the folders' names (val becomes dev); each clip gives three frames, evenly spread, a
    shorter clip's ones repeatedly. 300, 100 and 600 people with 1 real clip and 6 cut-outs give 6,300, 2,100 and
    12,600 rows; the published lists have 6,297, 2,100 and 12,564, so of 2,100 train clips 1 is not there and of 4,200
    test clips 12 are not. They hold 20 (train) and 56 (test) repeated rows, as short clips do. Which three frames were
    taken there is not known: for those very rows give the lists. Source: Zhang et al., TBIOM 2020.
    """

    twin = CasiaSurfTwin
    twin_site = "cedar"
    summary = "CASIA-SURF cropped faces, with real_part and fake_part in it; casia_surf:PATH"
    heads = ("real_part", "fake_part")
    outer = ("CASIA-SURF-CROP",)

    def clip_of(self, parts: Parts) -> Clip | None:
        """Return what a clip's folder tells."""
        part = _PART.fullmatch(parts[1]) if len(parts) == 4 else None
        who = _WHO.fullmatch(parts[2]) if part else None
        kind = parts[3].removesuffix(".rssdk") if part else ""
        if part is None or who is None or kind not in ("real", *CUTOUTS) or parts[0] != f"{part[1]}_part":
            raise BadInputError(
                f"{'/'.join(parts)} is not a clip of casia_surf",
                hint="fake_part/fake_train_part/CLKJ_AS0001/01_e_s.rssdk",
            )
        real = kind == "real"
        if real != (part[1] == "real"):
            raise BadInputError(f"{'/'.join(parts)}: a {kind} clip among the {part[1]} ones", hint="copy the set again")
        return Clip(
            video=f"{who[1]}/{kind}",
            subject=who[1],
            label=int(real),
            species="bona_fide" if real else "print_cutout",
            group="bona fide" if real else f"cut-out {kind}",
            split=SPLIT_WORDS[part[2]],
        )

    def _clip_folders(self) -> Iterator[Path]:
        for head in self.heads:
            for part in subfolders(self.base / head):
                for who in subfolders(part):
                    yield from subfolders(who)


entry = CasiaSurf
