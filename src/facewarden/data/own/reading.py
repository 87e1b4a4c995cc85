"""The photos of a person's own folders: where each lies, what the names of its folders say, whose face it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ATTACK, BONA_FIDE, OTHER_SPECIES, Split
from facewarden.data.alike_names import alike_words
from facewarden.data.own.folder_words import own_species
from facewarden.data.own.mapping import FolderRow, read_mapping
from facewarden.data.own.places import Place, common_folder, numbered, places_in
from facewarden.data.own.subjects import SubjectRule, first_silent
from facewarden.data.text import natural, printable

MOST_OWN_SPECIES = 12
"""How many silent folders of attacks may each be an instrument; more are taken for people."""


@dataclass(frozen=True)
class OwnPhoto:
    """One photo of a person's own folders.

    Attributes:
        path: the file.
        key: its path below the common folder, printable.
        row: path of its folder in the mapping file.
        label: 1 = bona fide, 0 = attack.
        species: of an attack, "bona_fide" otherwise.
        subject: whose face it shows.
        split: what a folder says, None where none does.
        alone: whether it stands for a person of its own, since nothing says whose face it shows.
        attributes: what a table of subjects says of it.
    """

    path: Path
    key: str
    row: str
    label: int
    species: str
    subject: str
    split: Split | None
    alone: bool
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FolderPhotos:
    """What the folders hold.

    Attributes:
        base: the folder that all are below.
        photos: those that are used.
        rows: of the mapping file.
        notes: how the folders were understood, and what is left out.
    """

    base: Path
    photos: tuple[OwnPhoto, ...]
    rows: tuple[FolderRow, ...]
    notes: tuple[str, ...]


def read_own_photos(
    *,
    bona_fide: Sequence[Path] = (),
    attacks: Sequence[Path] = (),
    root: Path | None = None,
    mapping: Path | None = None,
    subject: str = "auto",
) -> FolderPhotos:
    """List the photos of folders and read what the names of the folders say.

    Args:
        bona_fide: folders of bona fide photos.
        attacks: folders of attack photos; species are read from their names and those of the folders in them.
        root: instead of both, one folder in which the names of folders say what is what.
        mapping: file of `read_mapping`, which decides for the folders that it names.
        subject: see `SubjectRule.read`.

    Raises:
        BadInputError: a folder without photos, folders inside each other, photos of which nothing tells the class, or a
            rule that names no subject.
    """
    rule = SubjectRule.read(subject)
    given = [(path, BONA_FIDE) for path in bona_fide] + [(path, ATTACK) for path in attacks]
    folders: list[tuple[Path, int | None]] = [(root, None)] if root is not None else [*given]
    base = common_folder([path for path, _ in folders], one_set=root is not None)
    places, unread = places_in(folders, base)
    places = numbered(places) if root is not None else places
    mapped = {} if mapping is None else read_mapping(mapping)
    photos, rows, notes = _understood(places, rule, mapped, source=mapping)
    unused = sorted(set(mapped) - {row.folder for row in rows})
    if unused:
        raise BadInputError(
            f"{printable(mapping or '')}: no photos in folder {', '.join(unused[:3])}",
            hint=f"there are: {', '.join(row.folder for row in rows[:8])}",
        )
    left = tuple(f"{count} x {what}" for what, count in unread.items())
    return FolderPhotos(base, photos, rows, (*notes, *left))


def _understood(
    places: Sequence[Place], rule: SubjectRule, mapped: Mapping[str, FolderRow], *, source: Path | None
) -> tuple[tuple[OwnPhoto, ...], tuple[FolderRow, ...], tuple[str, ...]]:
    labels = [_label(place) for place in places]
    everywhere = set.intersection(*(set(place.parts) for place in places))
    silent = [_silent(place, rule, everywhere) for place in places]
    own = _own_species(places, labels, silent)
    photos: list[OwnPhoto] = []
    unnamed: list[str] = []
    counts: Counter[str] = Counter()
    people: dict[str, set[str]] = {}
    rows: dict[str, FolderRow] = {}
    for place, label, names in zip(places, labels, silent, strict=True):
        instrument = _instrument(place, names, own=own) if label == ATTACK and _species(place) is None else None
        key = _row_key(place, instrument)
        row = mapped.get(key) or _automatic(place, key, label, instrument, source=source)
        rows.setdefault(key, row)
        left = [name for name in names if name != instrument]
        told = rule.named(place.key, place.parts)
        if rule.kind == "auto":
            told = first_silent(left, common=everywhere.__contains__)
        elif told is None:
            unnamed.append(place.key)
        person = told or place.key
        counts[key] += 1
        people.setdefault(key, set()).add(person)
        if row.label is not None:
            split = next((word.split for word in place.words if word.split is not None), None)
            alone = told is None and rule.kind == "auto"
            photos.append(
                OwnPhoto(place.path, place.key, key, row.label, row.species, person, split, alone,
                         rule.attributes(place.key))
            )  # fmt: skip
    rule.check(unnamed, len(places))
    shown = tuple(
        FolderRow(key, row.label, row.species, counts[key], len(people[key]))
        for key, row in sorted(rows.items(), key=lambda item: natural(item[0]))
    )
    return tuple(photos), shown, tuple(_notes(places, photos, rule))


def _label(place: Place) -> int | None:
    if place.given is not None:
        return place.given
    told = next((word.label for word in reversed(place.words) if word.label is not None), None)
    return ATTACK if told is None and _species(place) is not None else told


def _species(place: Place) -> str | None:
    return next((word.species for word in reversed(place.words) if word.species is not None), None)


def _silent(place: Place, rule: SubjectRule, everywhere: set[str]) -> list[str]:
    """Folders that are no split, class or species, without those of every photo and the one that names the subject."""
    level = None
    if rule.kind == "level":
        level = rule.level - 1 if rule.level > 0 else len(place.parts) + rule.level
    return [
        name
        for number, (name, word) in enumerate(zip(place.parts, place.words, strict=True))
        if word.silent and name not in everywhere and number != level and number >= place.depth
    ]


def _instrument(place: Place, silent: Sequence[str], *, own: bool) -> str | None:
    """The folder after which an attack without a known species is named."""
    return silent[0] if own and silent else place.named_folder


def _own_species(places: Sequence[Place], labels: Sequence[int | None], silent: Sequence[Sequence[str]]) -> bool:
    """Whether silent folders of attacks are instruments: those of bona fide photos show no folders of people."""
    if any(names and label == BONA_FIDE for names, label in zip(silent, labels, strict=True)):
        return False
    found = {
        names[0]
        for place, names, label in zip(places, silent, labels, strict=True)
        if names and label == ATTACK and _species(place) is None
    }
    return 0 < len(found) <= MOST_OWN_SPECIES


def _row_key(place: Place, instrument: str | None) -> str:
    """The folders that say the class or the species."""
    told = [
        name
        for number, (name, word) in enumerate(zip(place.parts, place.words, strict=True), start=1)
        if word.label is not None or word.species is not None or name == instrument or number == place.depth
    ]
    return "/".join(told) or "."


def _automatic(place: Place, key: str, label: int | None, instrument: str | None, *, source: Path | None) -> FolderRow:
    if label is None:
        raise BadInputError(
            f"{place.key}: no folder says whether it is bona fide or an attack",
            hint="--bona-fide DIR --attacks DIR, or a mapping file with the row "
            f"{key},1,bona_fide{'' if source is None else f' in {printable(source)}'}",
        )
    if label == BONA_FIDE:
        return FolderRow(key, BONA_FIDE, "bona_fide")
    return FolderRow(key, ATTACK, _species(place) or ("other" if instrument is None else own_species(instrument)))


def _notes(places: Sequence[Place], photos: Sequence[OwnPhoto], rule: SubjectRule) -> list[str]:
    names: dict[str, set[str]] = {}
    for place in places:
        for name, word in zip(place.parts, place.words, strict=True):
            if word.split is not None:
                names.setdefault("split", set()).add(name)
            elif word.label is not None:
                names.setdefault("bona fide" if word.label == BONA_FIDE else "attack", set()).add(name)
    told = [f"{what}: {', '.join(sorted(inside))}" for what, inside in names.items()]
    notes = [f"layout recognized by the names of folders ({'; '.join(told)})"] if told else []
    if {"0", "1"} <= names.get("bona fide", set()) | names.get("attack", set()):
        notes.append("folders 0 and 1: 1 is taken as bona fide; exchange the labels in the mapping file if it is 0")
    if any(photo.species.startswith(OTHER_SPECIES) for photo in photos):
        notes.append("folders of attacks without a known word are species of their own, other_NAME")
    vague = sum(photo.species == "other" for photo in photos)
    if vague:
        notes.append(f"{vague} attacks are of species other: no folder tells the instrument")
    if alike := alike_words({photo.subject for photo in photos}, what="People"):
        notes.append(alike.removesuffix("."))
    alone = sum(photo.alone for photo in photos)
    if alone:
        notes.append(
            f"{alone} of {len(photos)} photos count as a person each, since no folder says whose face they show: with "
            "several photos of one person the split is not by person and intervals are too narrow; --subject says "
            "who is who"
        )
    elif rule.kind == "auto":
        notes.append("people are folders below those of classes and species; one name is one person everywhere")
        notes += _deeper(places, photos)
    return notes


def _deeper(places: Sequence[Place], photos: Sequence[OwnPhoto]) -> list[str]:
    """What to type where the folders that hold the photos have more names than those taken for people."""
    taken = {photo.subject for photo in photos}
    inside = {place.parts[-1] for place in places if place.parts and place.words[-1].silent} - taken
    if len(inside) <= len(taken):
        return []
    some = ", ".join(sorted(taken, key=natural)[:3]), ", ".join(sorted(inside, key=natural)[:3])
    return [f"the {len(taken)} folders {some[0]}, … are taken for people; if those inside them are ({some[1]}, …): "
            "--subject level:-1"]  # fmt: skip
