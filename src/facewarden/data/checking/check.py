"""Finds files that make results wrong, in a manifest or photo folder: unreadable, missing, duplicate, leaked."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.data.arrays import array_file
from facewarden.data.checking.inventory import Inventory, Item, take_inventory
from facewarden.data.checking.near_duplicates import first_near, perceptual_hash
from facewarden.data.reading import Image, check_box, read_image
from facewarden.data.text import printable

NAMED = 5
"""How many of a kind are named; the others are counted."""

_MEANING = {
    "missing": "files that the manifest names and that are not there",
    "zero_byte": "files of 0 bytes",
    "unreadable": "files that are no whole picture",
    "wrong_unit": "sensor domains whose depth or infrared cannot be in the units of the manifest",
    "wrong_box": "face boxes that are not in their frame, or tiny",
    "empty_identity": "folders of people without a photo",
    "leaked_subject": "subjects in more than one split",
    "leaked_image": "pictures of one split that are in another one too, exactly or nearly",
    "two_identities": "pictures that are there under two identities",
    "duplicate": "pictures that are there twice, byte for byte",
    "unlisted": "folders that may not be listed, whose photos are in no result",
    "near_duplicate": "pictures that look like an earlier one of the same split",
    "layout": "remarks on how the folder is understood",
    "other_file": "files that are not read, by their suffix",
    "unknown_column": "columns that facewarden does not use",
}
Look = tuple[bytes, NDArray[np.uint64]]
"""A picture's hash by bytes and by looks."""

_NOTES = {"near_duplicate", "layout", "other_file", "unknown_column"}


@dataclass(frozen=True)
class FileFinding:
    """One kind of problem, and the files that have it.

    Attributes:
        kind: "missing", "zero_byte", "unreadable", "wrong_unit", "wrong_box", "empty_identity", "leaked_subject",
            "leaked_image", "two_identities", "duplicate", "unlisted", "near_duplicate", "layout", "other_file" or
            "unknown_column".
        count: how often.
        first: the first five, in words.
    """

    kind: str
    count: int
    first: tuple[str, ...]

    @property
    def problem(self) -> bool:
        """Whether results would be wrong; otherwise it is a note."""
        return self.kind not in _NOTES

    @property
    def meaning(self) -> str:
        """What the kind is, in words."""
        return _MEANING[self.kind]


@dataclass(frozen=True)
class CheckReport:
    """The findings of `check`.

    Attributes:
        path: what was looked at, printable.
        kind: "manifest" or "folder".
        images: files that should be pictures.
        identities: people.
        splits: split -> images; empty where there are none.
        findings: problems first, then notes.
    """

    path: str
    kind: str
    images: int
    identities: int
    splits: dict[str, int]
    findings: tuple[FileFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no problem; notes do not count."""
        return not any(finding.problem for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {
            "path": self.path,
            "kind": self.kind,
            "ok": self.ok,
            "images": self.images,
            "identities": self.identities,
            "splits": dict(self.splits),
            "findings": [
                {
                    "kind": item.kind,
                    "problem": item.problem,
                    "meaning": item.meaning,
                    "count": item.count,
                    "first": list(item.first),
                }
                for item in self.findings
            ],
        }

    def lines(self) -> tuple[str, ...]:
        """Return the report as lines for a terminal."""
        splits = ", ".join(f"{name} {count}" for name, count in self.splits.items())
        head = f"{self.path}: {self.images} images of {self.identities} identities" + (f" ({splits})" if splits else "")
        body = []
        for item in self.findings:
            body.append(f"{'problem' if item.problem else 'note'}: {item.count} {item.meaning}")
            body += [f"    {text}" for text in item.first]
            if item.count > len(item.first):
                body.append(f"    … and {item.count - len(item.first)} more")
        return (head, *body, "ok" if self.ok else "not ok")


def check(path: Path) -> CheckReport:
    """Check a set before it is used.

    Every picture is decoded. Two are the same when their bytes are, and nearly the same when their perceptual hashes
    differ in at most `near_duplicates.NEAR` of 256 bits; of a capture with several modalities color is compared,
    or else infrared, and never depth. A folder is read as the dataset `folder` reads it.

    Args:
        path: a manifest (or the folder of one), or a folder with one folder per person, also below split folders.

    Raises:
        BadInputError: no such path, no pictures in it, or a manifest that cannot be read.
    """
    inventory = take_inventory(path)
    file_findings: dict[str, list[str]] = {kind: [] for kind in _MEANING}
    file_findings["empty_identity"] = list(inventory.empty)
    file_findings["wrong_unit"] = list(inventory.wrong_units)
    file_findings["unlisted"], file_findings["layout"] = list(inventory.unlisted), list(inventory.layout)
    file_findings["other_file"] = list(inventory.other_files)
    file_findings["unknown_column"] = list(inventory.unknown_columns)
    file_findings["leaked_subject"] = _leaked_subjects(inventory.items)
    looks = [(item, _look(item, file_findings)) for item in track(inventory.items, label="checking", unit="images")]
    _compare([(item, look) for item, look in looks if look is not None and item.compared], file_findings)
    findings = [FileFinding(kind, len(texts), tuple(texts[:NAMED])) for kind, texts in file_findings.items() if texts]
    return _report(path, inventory, findings)


def _report(path: Path, inventory: Inventory, findings: Sequence[FileFinding]) -> CheckReport:
    splits: dict[str, int] = defaultdict(int)
    for item in inventory.items:
        if item.split is not None:
            splits[item.split] += 1
    return CheckReport(
        path=printable(path),
        kind=inventory.kind,
        images=len(inventory.items),
        identities=len({item.identity for item in inventory.items}),
        splits=dict(splits),
        findings=tuple(findings),
    )


def _look(item: Item, findings: dict[str, list[str]]) -> Look | None:
    file = array_file(item.path)
    try:
        there, size = file.is_file(), file.stat().st_size
    except (OSError, ValueError):
        there, size = False, 0
    if not there or not size:
        findings["zero_byte" if there else "missing"].append(item.name)
        return None
    try:
        image = read_image(
            item.path,
            item.modality,
            depth_encoding=item.depth_encoding,
            depth_unit=item.depth_unit,
            infrared_bits=item.infrared_bits,
        )
        _check_item_box(item, image, findings)
        if item.modality == "depth":
            return None
        if image.dtype == np.uint8:
            return hashlib.sha256(file.read_bytes()).digest(), perceptual_hash(image.astype(np.uint8, copy=False))
        pixels = np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)) * 255).astype(np.uint8)
        return hashlib.sha256(pixels.tobytes()).digest(), perceptual_hash(pixels)
    except (BadInputError, OSError) as error:
        reason = error.message if isinstance(error, BadInputError) else str(error)
        findings["unreadable"].append(f"{item.name}: {reason}")
    return None


def _check_item_box(item: Item, image: Image, findings: dict[str, list[str]]) -> None:
    if item.box is None:
        return
    try:
        check_box(item.box, image.shape[1], image.shape[0], key=item.name)
    except BadInputError as error:
        findings["wrong_box"].append(f"{error.message}: {error.hint}")


def _leaked_subjects(items: Iterable[Item]) -> list[str]:
    homes: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.split is not None:
            homes[item.identity].add(item.split)
    return [f"{who} in {', '.join(sorted(splits))}" for who, splits in sorted(homes.items()) if len(splits) > 1]


def _compare(looks: Sequence[tuple[Item, Look]], findings: dict[str, list[str]]) -> None:
    if not looks:
        return
    items, digests = [item for item, _ in looks], [digest for _, (digest, _) in looks]
    hashes = np.stack([words for _, (_, words) in looks])
    splits, people = _codes([item.split or "" for item in items]), _codes([item.identity for item in items])
    by_digest: dict[bytes, list[int]] = defaultdict(list)
    for place, digest in enumerate(digests):
        by_digest[digest].append(place)
    for places in by_digest.values():
        for place in places[1:]:
            pair = f"{items[places[0]].name} = {items[place].name}"
            findings["duplicate" if people[place] == people[places[0]] else "two_identities"].append(pair)
    for earlier, later in first_near(hashes, unlike=splits):
        sign = "=" if digests[earlier] == digests[later] else "~"
        findings["leaked_image"].append(
            f"{items[earlier].name} ({items[earlier].split}) {sign} {items[later].name} ({items[later].split})"
        )
    for earlier, later in first_near(hashes):
        if digests[earlier] != digests[later] and splits[earlier] == splits[later]:
            whose = "" if people[earlier] == people[later] else ", two identities"
            findings["near_duplicate"].append(f"{items[earlier].name} ~ {items[later].name}{whose}")


def _codes(values: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.array(values, dtype=object), return_inverse=True)[1].astype(np.int64)
