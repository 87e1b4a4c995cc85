"""A person's own lists of photos: pairs for verification, and a gallery or probes for identification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.data.datasets import FacePhoto, open_dataset
from facewarden.data.sample_words import SAME_WORDS, as_flag, as_name, as_text
from facewarden.data.table import SUFFIXES, read_table
from facewarden.data.tables.column_names import column_places, shown_columns
from facewarden.data.text import named_file, printable

_MARK = "simulated"


@dataclass(frozen=True)
class OwnPairs:
    """The pairs of a table.

    Attributes:
        name: of the table.
        photos: every photo once; their identities are the subjects, or who is one person by the pairs themselves.
        first, second: places of the photos of each pair.
        simulated: whether any row says that its photos were rendered.
    """

    name: str
    photos: tuple[FacePhoto, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    simulated: bool = False

    @classmethod
    def read(cls, path: Path) -> OwnPairs:
        """Read a table with the columns first, second and same, and first_subject and second_subject where known.

        Args:
            path: .csv or .parquet; photos are relative to its folder.

        Raises:
            BadInputError: a column is missing, a cell is no word, or pairs that contradict each other; the row is
                named.
        """
        rows = list(_rows(path, ("first", "second", "same"), optional=("first_subject", "second_subject", _MARK)))
        place: dict[str, int] = {}
        said: dict[int, str] = {}
        pairs: list[tuple[int, int, bool]] = []
        for number, row in rows:
            same = SAME_WORDS.get(row["same"].lower())
            if same is None:
                raise _wrong(path, number, f"unknown same {row['same'][:40]!r}", "1 = same person, 0 = two people")
            one, two = (place.setdefault(row[name], len(place)) for name in ("first", "second"))
            if one == two:
                raise _wrong(path, number, f"{row['first']} is compared with itself", "two photos")
            for photo, name in ((one, row.get("first_subject", "")), (two, row.get("second_subject", ""))):
                if name and said.setdefault(photo, name) != name:
                    raise _wrong(path, number, f"{name} was {said[photo]} before", "one subject for each photo")
            pairs.append((one, two, same))
        who = _people(len(place), pairs, said)
        for (number, _), (one, two, same) in zip(rows, pairs, strict=True):
            if same != (who[one] == who[two]):
                what = "other pairs say one person" if not same else "the subjects differ"
                raise _wrong(path, number, f"same is {int(same)}, but {what}", "correct one of them")
        photos = tuple(FacePhoto(named_file(path.parent, name), who[number], name) for name, number in place.items())
        return cls(path.stem, photos, tuple(one for one, _, _ in pairs), tuple(two for _, two, _ in pairs),
                   _simulated(path, rows))  # fmt: skip


@dataclass(frozen=True)
class PhotoList:
    """A gallery or probes.

    Attributes:
        photos: each once, with who it shows.
        simulated: whether the set, or any row of the table, says that they were rendered.
    """

    photos: tuple[FacePhoto, ...]
    simulated: bool = False


def photos_of_list(source: str) -> PhotoList:
    """Photos with their people, for a gallery or probes.

    Args:
        source: a table with the columns file and subject, whose photos are relative to its folder; or a set of photos
            as `open_dataset` takes it, such as a folder with one folder per person.

    Raises:
        BadInputError: no such table or set, or a row without file or subject.
    """
    path = Path(source).expanduser()
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        dataset = open_dataset(source)
        return PhotoList(dataset.photos(), dataset.simulated)
    photos: dict[str, FacePhoto] = {}
    rows = list(_rows(path, ("file", "subject"), optional=(_MARK,)))
    for number, row in rows:
        if row["file"] in photos:
            raise _wrong(path, number, f"{row['file']} is there twice", "one row a photo")
        photos[row["file"]] = FacePhoto(named_file(path.parent, row["file"]), row["subject"], row["file"])
    return PhotoList(tuple(photos.values()), _simulated(path, rows))


def _simulated(path: Path, rows: list[tuple[int, dict[str, str]]]) -> bool:
    """Whether any row says that its photos were rendered; an empty cell says no."""
    found = False
    for number, row in rows:
        try:
            found |= as_flag(_MARK, row.get(_MARK, "") or "false")
        except BadInputError as error:
            raise _wrong(path, number, error.message, error.hint or "true or false") from error
    return found


def _people(count: int, pairs: list[tuple[int, int, bool]], said: Mapping[int, str]) -> list[str]:
    """Who is on each photo: its subject, else the person whom pairs of one person make of several photos."""
    root = list(range(count))

    def top(photo: int) -> int:
        while root[photo] != photo:
            root[photo] = root[root[photo]]
            photo = root[photo]
        return photo

    for one, two, same in pairs:
        if same and not (one in said and two in said):
            root[top(one)] = top(two)
    named: dict[int, str] = {}
    for photo, name in said.items():
        named.setdefault(top(photo), name)
    return [said.get(photo) or named.get(top(photo)) or f"person {top(photo)}" for photo in range(count)]


def _rows(
    path: Path, needed: tuple[str, ...], *, optional: tuple[str, ...] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    read = read_table(path)
    table = {name: read[column] for name, column in column_places(path, tuple(read), (*needed, *optional)).items()}
    missing = [name for name in needed if name not in table]
    if missing:
        raise BadInputError(
            f"{printable(path)}: no column {' and no '.join(missing)}; found: {shown_columns(tuple(read))}",
            hint="facewarden data template pairs shows the columns of pairs; a list has file and subject",
        )
    names = [name for name in (*needed, *optional) if name in table]
    count = 0
    for count, values in enumerate(zip(*(table[name] for name in names), strict=True), start=1):
        row: dict[str, Any] = dict(zip(names, map(as_text, values), strict=True))
        empty = [name for name in needed if not row[name]]
        if empty:
            raise _wrong(path, count, f"{empty[0]} is empty", f"give every row a {empty[0]}")
        yield count, {name: as_name(text) if "subject" in name else text for name, text in row.items()}
    if not count:
        raise BadInputError(f"{printable(path)}: has no rows", hint="one row a pair or photo")


def _wrong(path: Path, number: int, what: str, hint: str) -> BadInputError:
    return BadInputError(f"{printable(path)}: row {number}: {what}", hint=hint)
