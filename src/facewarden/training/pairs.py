"""Pairs of a natural face and its cloaked copy, in shards of eight-bit crops that are written once and read often."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Le, MinLen
from jaxtyping import UInt8
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from facewarden.core.cloak import CloakSpecification
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.seeding import derive
from facewarden.core.settings import NotNegative, Positive, Text, renamed_keys

DEV_SHARE = 0.06
"""Share of the people whose pairs are only looked at while training, never learned from."""


@dataclass(frozen=True, kw_only=True)
class CloakKind(CloakSpecification):
    """One way in which training faces are cloaked.

    Attributes:
        name: for tables.
        attack, settings: an entry of the attacks and its arguments; what is left out is the attack's own default.
        level: budget in gray levels; or "low", "mid" or "high" of an attack whose budget is no gray levels, such as
            tint: the name alone sets no strength there, its own option among the settings does. Recipes call it
            `eps`.
        surrogates: recognizers that the cloak is made on.
        weights: of the surrogates in the goal; equal when absent.
        share: how often, against the other kinds.
        region: "crop" changes the whole crop, "face" only the oval that `facewarden cloak` changes.
    """

    level: Literal["low", "mid", "high"] | Annotated[float, Gt(0), Le(255)]
    surrogates: Annotated[tuple[Text, ...], MinLen(1)]
    name: Text
    weights: tuple[NotNegative, ...] | None = None
    share: Positive = 1.0
    region: Literal["crop", "face"] = "crop"

    settings_of_level: ClassVar[bool] = False
    __pydantic_config__ = renamed_keys(level="eps")

    def plain(self) -> dict[str, Any]:
        """The kind as a recipe writes it."""
        return {
            "name": self.name, "attack": self.attack, "surrogates": list(self.surrogates), "eps": self.level,
            "settings": dict(self.settings), "weights": None if self.weights is None else list(self.weights),
            "share": self.share, "region": self.region,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class PairSet:
    """Natural and cloaked crops side by side.

    Attributes:
        clean, cloaked: `(n, 112, 112, 3)` uint8 RGB.
        person: `(n,)` who, an opaque id.
        key: `(n,)` one name per face.
        kind: `(n,)` name of the kind of cloak.
    """

    clean: NDArray[np.uint8]
    cloaked: NDArray[np.uint8]
    person: tuple[str, ...]
    key: tuple[str, ...]
    kind: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.key)

    def content(self) -> str:
        """A hash of all that is in it."""
        names = json.dumps([self.person, self.key, self.kind])
        whole = hashlib.sha256(names.encode())
        for pictures in (self.clean, self.cloaked):
            whole.update(np.ascontiguousarray(pictures).data)
        return whole.hexdigest()

    def rows(self, which: Sequence[int] | NDArray[np.int64]) -> PairSet:
        """Some of the pairs."""
        at = [int(row) for row in which]
        return PairSet(
            self.clean[at],
            self.cloaked[at],
            tuple(self.person[i] for i in at),
            tuple(self.key[i] for i in at),
            tuple(self.kind[i] for i in at),
        )

    def split(self) -> tuple[PairSet, PairSet]:
        """Pairs to learn from, and pairs of a few other people to look at; a person's side never changes."""
        dev = [derive(0, "dev", person) % 1000 < 1000 * DEV_SHARE for person in self.person]
        return (
            self.rows([row for row, held in enumerate(dev) if not held]),
            self.rows([row for row, held in enumerate(dev) if held]),
        )


_PHOTOS = "photos"


def write_shard(
    path: Path,
    *,
    clean: UInt8[np.ndarray, "n h w 3"],
    cloaked: UInt8[np.ndarray, "n h w 3"],
    person: Sequence[str],
    key: Sequence[str],
    kind: Sequence[str],
    photos: int | None = None,
) -> None:
    """Write one shard, whole or not at all.

    Args:
        path: of the file.
        clean, cloaked: the pairs.
        person, key, kind: of each pair.
        photos: how many photos were tried, those without a pair too; a later call that wants more makes it again.

    Raises:
        BadInputError: the folder cannot be written.
    """
    about = {"person": json.dumps(list(person)), "key": json.dumps(list(key)), "kind": json.dumps(list(kind))}
    about |= {} if photos is None else {_PHOTOS: str(photos)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as temporary:
            save_file({"clean": clean, "cloaked": cloaked}, temporary, metadata=about)
    except (OSError, SafetensorError) as error:
        raise BadInputError(f"{path}: cannot be written: {error}", hint="choose a writable --out") from error


def photos_of_shard(path: Path) -> int | None:
    """How many photos were tried for a shard; None where it does not say, or cannot be read."""
    try:
        with safe_open(path, framework="numpy") as shard:
            said = (shard.metadata() or {}).get(_PHOTOS, "")
    except (OSError, SafetensorError):
        return None
    return int(said) if said.isdecimal() else None


def read_pairs(folder: Path, *, kinds: Sequence[str] = (), at_most: int | None = None) -> PairSet:
    """Read every shard of a folder, in the order of their names.

    Args:
        folder: as `facewarden cloak-pairs` writes it.
        kinds: names of the kinds of cloak to take; all of them when empty.
        at_most: how many pairs to take of those.

    Raises:
        BadInputError: no shards, one that cannot be read, or a kind of which there are no pairs.
    """
    paths = sorted(folder.glob("pairs-*.safetensors"))
    if not paths:
        raise BadInputError(f"{folder}: no pairs here", hint="facewarden cloak-pairs lfw:PATH --out DIR makes them")
    parts: list[PairSet] = []
    for path in paths:
        try:
            with safe_open(path, framework="numpy") as shard:
                names = {part: tuple(json.loads(shard.metadata()[part])) for part in ("person", "key", "kind")}
                parts.append(PairSet(shard.get_tensor("clean"), shard.get_tensor("cloaked"), **names))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"{path}: not a shard of pairs: {error}", hint="delete it and make it again") from error
    whole = PairSet(
        np.concatenate([part.clean for part in parts]),
        np.concatenate([part.cloaked for part in parts]),
        tuple(person for part in parts for person in part.person),
        tuple(key for part in parts for key in part.key),
        tuple(kind for part in parts for kind in part.kind),
    )
    absent = set(kinds) - set(whole.kind)
    if absent:
        raise BadInputError(
            f"{folder}: no pairs of kind {', '.join(sorted(absent))}; there are {', '.join(sorted(set(whole.kind)))}",
            hint="facewarden cloak-pairs with the recipe that has these kinds",
        )
    rows = [row for row, kind in enumerate(whole.kind) if not kinds or kind in kinds]
    return whole.rows(rows[:at_most])
