"""CelebA-Spoof: 625,537 color images of 10,177 people, ten spoof types, forty attributes; intra and two protocols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ILLUMINATIONS, Modality, Split
from facewarden.core.progress import track
from facewarden.core.tasks import SPOOF_TYPES
from facewarden.data.datasets.parts.captures import CaptureSet, Frame, Missing
from facewarden.data.datasets.parts.celeba_labels import (
    ENVIRONMENTS,
    Labels,
    box_file,
    decode,
    normal_key,
    read_box,
    read_labels,
)
from facewarden.data.datasets.parts.celeba_twin import CelebaSpoofTwin
from facewarden.data.datasets.parts.lists import ListRow
from facewarden.data.photo import upright_size
from facewarden.data.protocols.parts.base import ranked
from facewarden.data.sample import Box
from facewarden.data.targets import PSEUDO
from facewarden.data.text import counted_reasons, printable

Conflicts = Literal["exclude", "trust_label", "trust_path"]
INTRA = "intra_test"
SPECIES = (
    *("bona_fide", "print", "print", "print", "print_cutout", "print_cutout", "partial_glasses"),
    *("replay_pc", "replay_tablet", "replay_phone", "mask_rigid"),
)
"""Species by code of spoof type, the nearest there are; the exact type is the attack group."""


@dataclass
class _Tally:
    """Counts of defects seen while reading."""

    conflicts: int = 0
    contradictions: int = 0
    shared: set[str] = field(default_factory=set)
    dropped: int = 0
    boxes: Counter[str] = field(default_factory=Counter)


class CelebaSpoof(CaptureSet):
    """`Data/{train,test}/SUBJECT/{live,spoof}/ID.{jpg,png}`, `ID_BB.txt`, `metas/PROTOCOL/{train,test}_label.json`.

    Rule: the label files say which images there are and what they show, in 44 numbers; other files in `Data` are left
    alone. Everybody who occurs in the test file is dropped from training (in the published set 5028, 7332 and 9735),
    and a share of the training subjects, drawn once for all, becomes dev. On 2,022 published training rows the folder
    says live and the label spoof. Boxes lie in a virtual frame of 224 x 224 and get no margin; where one is missing,
    empty, outside or without area the whole image is taken, `extra["box"]` says why, and `notes` count them. Types are
    the annotators' and are disputed in places.

    `extra["spoof_type"]` is the published code and `attributes["attack_group"]` its word; `attributes["celeba"]` holds
    a bona fide image's forty attributes. Source: Zhang et al., ECCV 2020, and the set's own readme and code.

    Args (beside those of `CaptureSet`):
        protocol: folder of the two label files: `intra_test` (default), `protocol1`, or
            `protocol2/test_on_high_quality_device` and its siblings, below `metas` or anywhere else.
        conflicts: what becomes of rows whose folder and label disagree: "exclude" them, "trust_label" or "trust_path".
        validation: share of the training subjects that become dev.
        maps: "pseudo" asks for made-up depth and reflection targets (see `facewarden.data.targets`), since the set has
            none; results with them are not comparable.

    Raises:
        BadInputError: a label vector of another length or with an unknown code, an image that is named and not there
            (unless `missing` says otherwise), or not the layout.
    """

    twin = CelebaSpoofTwin
    twin_site = "alder"
    summary = "CelebA-Spoof with Data and metas in it; celeba_spoof:PATH"
    modalities: ClassVar[tuple[Modality, ...]] = ("rgb",)

    def __init__(
        self,
        path: Path | None = None,
        *,
        lists: Mapping[Split, Path] | None = None,
        protocol: Path | None = None,
        missing: Missing = "refuse",
        dedup: bool = False,
        conflicts: Conflicts = "exclude",
        validation: float = 0.1,
        maps: Literal["none", "pseudo"] = "none",
    ) -> None:
        super().__init__(path, lists=lists, protocol=protocol, missing=missing, dedup=dedup)
        if conflicts not in ("exclude", "trust_label", "trust_path"):
            raise BadInputError(f"unknown policy {conflicts!r}", hint="exclude, trust_label or trust_path")
        if not 0 < validation < 1:
            raise BadInputError(f"validation {validation}", hint="a share of the training subjects, such as 0.1")
        self.conflicts, self.validation, self.maps = conflicts, validation, maps

    def frames_by_rule(self) -> Iterator[Frame]:
        """Yield the rows of the protocol's label files."""
        folder = self._metas()
        rows = {split: read_labels(folder / f"{split}_label.json") for split in ("train", "test")}
        testing = {_subject(key) for key in rows["test"]}
        learning = {_subject(key) for key in rows["train"]} - testing
        count = max(1, round(self.validation * len(learning)))
        dev = set(ranked(learning, seed=0, what="celeba_spoof dev")[:count])
        tally = _Tally()
        for part, labels in rows.items():
            for key, values in track(labels.items(), label=f"reading {part}", total=len(labels)):
                subject = _subject(key)
                if part == "train" and subject in testing:
                    tally.shared.add(subject)
                    tally.dropped += 1
                    continue
                split: Split = "test" if part == "test" else "dev" if subject in dev else "train"
                frame = self._frame(key, values, split, tally)
                if frame is not None:
                    yield frame
        self._report(tally)

    def frame_of_row(self, row: ListRow, split: Split) -> Frame:
        """Return the image that a row of a list names; lists tell no codes."""
        key = normal_key(row.names[0])
        live = key.split("/")[3] == "live"
        box, wrong = self._box(self.base / key)
        return Frame(
            video=key, number="0", split=split, label=None, species="bona_fide" if live else "other",
            subject=_subject(key), group="bona fide" if live else "unknown", paths={"rgb": key}, box=box,
            extra=self._extra(wrong),
        )  # fmt: skip

    def _frame(self, key: str, values: Any, split: Split, tally: _Tally) -> Frame | None:
        labels = decode(values, key=key)
        spoof = labels.spoof
        if spoof != (key.split("/")[3] == "spoof"):
            tally.conflicts += 1
            if self.conflicts == "exclude":
                return None
            spoof = spoof if self.conflicts == "trust_label" else not spoof
        consistent = spoof == labels.spoof and (labels.spoof_type > 0) == spoof
        tally.contradictions += not consistent
        path = self.base / key
        there = path.is_file()
        box, wrong = self._box(path) if there else (None, "")
        if wrong:
            tally.boxes[wrong] += 1
        return Frame(
            video=key,
            number="0",
            split=split,
            label=int(not spoof),
            species=SPECIES[labels.spoof_type] if consistent else "other" if spoof else "bona_fide",
            subject=_subject(key),
            group=_group(labels, spoof=spoof, consistent=consistent),
            paths={"rgb": key} if there else {},
            illumination=ILLUMINATIONS[labels.illumination - 1] if spoof and labels.illumination else None,
            environment=ENVIRONMENTS[labels.environment] if spoof and labels.environment else None,
            attributes={"celeba": labels.attributes} if consistent and not spoof else {},
            box=box,
            extra={**self._extra(wrong), **({"spoof_type": str(labels.spoof_type)} if consistent else {})},
        )

    def _box(self, image: Path) -> tuple[Box | None, str]:
        try:
            width, height = upright_size(image)
        except BadInputError:
            return None, ""  # whoever reads the pixels says what is wrong with the file
        box, wrong = read_box(box_file(image), width=width, height=height)
        return box or (0.0, 0.0, float(width), float(height)), wrong

    def _extra(self, wrong: str) -> dict[str, str]:
        columns = {"box": f"whole image: the box is {wrong}"} if wrong else {}
        return {**columns, "maps": PSEUDO} if self.maps == PSEUDO else columns

    def _report(self, tally: _Tally) -> None:
        if tally.shared:
            self.note(
                f"training rows of people who are tested too, left out: {tally.dropped}, of "
                f"{', '.join(sorted(tally.shared)[:5])}"
            )
        if tally.conflicts:
            done = {"exclude": "left out", "trust_label": "taken by their label", "trust_path": "taken by their folder"}
            self.note(f"rows whose folder and label disagree, {done[self.conflicts]}: {tally.conflicts}")
        if tally.contradictions:
            self.note(f"rows whose spoof type is not of their class, so that it is unknown: {tally.contradictions}")
        if tally.boxes:
            self.note(f"boxes that cannot be used, so that the whole image is taken: {counted_reasons(tally.boxes)}")
        if self.maps == PSEUDO:
            self.note("depth and reflection targets are made up (pseudo); results are not comparable")

    def _metas(self) -> Path:
        given = self.protocol or Path(INTRA)
        for folder in (self.base / "metas" / given, given):
            if all((folder / f"{split}_label.json").is_file() for split in ("train", "test")):
                return folder
        known = sorted(
            path.parent.relative_to(self.base / "metas").as_posix()
            for path in (self.base / "metas").rglob("train_label.json")
        )
        raise BadInputError(
            f"{printable(self.base)}: no train_label.json and test_label.json in metas/{printable(given)}",
            hint=f"protocol is one of {', '.join(known)}" if known else "copy the folder metas",
        )

    def _base(self) -> Path:
        for folder in (self.root, self.root / "CelebA_Spoof"):
            if (folder / "Data").is_dir():
                return folder
        raise BadInputError(
            f"{printable(self.root)}: not the layout of {self.name}", hint="it holds the folders Data and metas"
        )


def _subject(key: str) -> str:
    return key.split("/")[2]


def _group(labels: Labels, *, spoof: bool, consistent: bool) -> str:
    if not spoof:
        return "bona fide"
    return SPOOF_TYPES[labels.spoof_type] if consistent else "unknown"


entry = CelebaSpoof
