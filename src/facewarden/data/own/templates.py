"""Templates of the tables that a person writes: a header and one commented example row, and what each column means."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.data.tables.csv_table import COMMENT


@dataclass(frozen=True)
class Column:
    """A column of a table that a person writes.

    Attributes:
        meaning: in one sentence.
        unit: of its values, or the words that they may be.
        needed: "yes", "no", or when.
        example: its cell in the example row.
    """

    meaning: str
    unit: str
    needed: str
    example: str


_WHO = {
    "subject": Column("whose face is shown, an opaque name; one name is one person everywhere", "text", "yes", "s001"),
    "label": Column("bona fide presentation or attack presentation", "1 = bona fide, 0 = attack", "yes", "0"),
    "species": Column(
        "how the attack was made; bona_fide where the label is 1", "a species of the list, or other_NAME", "yes",
        "print_flat",
    ),
}  # fmt: skip
_BOX = "of the face in the upright image; all four or none"
_BOXED = "by detectors that crop; facewarden data boxes writes it"
_POINTS = ("left eye", "right eye", "nose tip", "left mouth corner", "right mouth corner")

TEMPLATES: Mapping[str, Mapping[str, Column]] = MappingProxyType({
    "manifest": {
        "key": Column("name of the capture, unlike all others", "text", "yes", "cap0001"),
        "domain": Column("camera or site, such as the name of a set", "text", "yes", "office"),
        **_WHO,
        "split": Column(
            "what the capture is used for; a subject is in one split", "train, dev or test", "yes", "test"
        ),
        "rgb": Column("color image, relative to the manifest's folder", "path", "one of rgb, depth, infrared",
                      "photos/cap0001.jpg"),
        "depth": Column("16-bit PNG of distances, 0 = hole, of the size of rgb", "path", "no", ""),
        "infrared": Column("8-bit or 16-bit gray image of the size of rgb", "path", "no", ""),
        "depth_unit": Column("what one stored value of depth stands for", "millimeters, default 1", "no", ""),
        "infrared_bits": Column("how many bits of a 16-bit image the sensor fills", "8 to 16",
                                "for 16-bit infrared", ""),
        "x0": Column(f"left edge {_BOX}", "pixels", _BOXED, "40"),
        "y0": Column(f"upper edge {_BOX}", "pixels", _BOXED, "32"),
        "x1": Column(f"right edge {_BOX}", "pixels", _BOXED, "180"),
        "y1": Column(f"lower edge {_BOX}", "pixels", _BOXED, "210"),
        **{
            f"lm{number}{axis}": Column(f"{axis} of the {point} as seen; all ten or none", "pixels", "no", "")
            for number, point in enumerate(_POINTS)
            for axis in "xy"
        },
        "session": Column("which visit of the subject", "text", "no", "day 1"),
        "illumination": Column("light of the scene", "normal, strong, back or dark", "no", "normal"),
        "environment": Column("the scene, such as a room", "text", "no", ""),
        "attr_sex": Column("a property of the subject; any column that begins with attr_", "text",
                           "for differences between groups", ""),
        "simulated": Column("whether the capture was rendered", "true or false, default false", "no", "false"),
    },
    "scores": {
        "key": Column("name of the presentation, unlike all others", "text", "no", "cap0001"),
        "score": Column("of the detector, higher = more bona fide; empty for a presentation without a response",
                        "any scale, best a logit", "yes", "-1.25"),
        **{name: (column if name == "label" else Column(column.meaning, column.unit, "no", column.example))
           for name, column in _WHO.items()},
        "split": Column("dev sets the threshold, test is measured; a subject is in one split", "dev or test", "no",
                        "test"),
        "domain": Column("camera or site", "text", "no", "office"),
        "note": Column("why there is no score", "text", "for an empty score", ""),
        "attr_sex": Column("a property of the subject; any column that begins with attr_", "text",
                           "for differences between groups", ""),
    },
    "pairs": {
        "first": Column("one photo, relative to the table's folder", "path", "yes", "photos/s001_a.jpg"),
        "second": Column("the other photo", "path", "yes", "photos/s001_b.jpg"),
        "same": Column("whether both show one person", "1 = same person, 0 = two people", "yes", "1"),
        "first_subject": Column("who the first photo shows; intervals count people instead of pairs then", "text", "no",
                                "s001"),
        "second_subject": Column("who the second photo shows", "text", "with first_subject", "s001"),
        "simulated": Column("whether the photos were rendered", "true or false, default false", "no", "false"),
    },
})  # fmt: skip
"""Kind of table -> column -> what it means; the page on own data prints it."""


def write_template(kind: str, path: Path) -> Path:
    """Write a header and one example row, commented out.

    Args:
        kind: a key of `TEMPLATES`.
        path: the .csv to write.

    Raises:
        BadInputError: no such kind, no .csv, or a file that is there already or cannot be written.
    """
    if kind not in TEMPLATES:
        raise BadInputError(f"no template {kind!r}", hint=f"one of {', '.join(TEMPLATES)}")
    if path.suffix.lower() != ".csv":
        raise BadInputError(f"{path}: a template is a .csv table", hint=f"--out {path.stem or kind}.csv")
    if path.exists():
        raise BadInputError(f"{path}: is there already", hint="another --out")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = TEMPLATES[kind]
    writer.writerow(columns)
    cells = [column.example for column in columns.values()]
    writer.writerow([f"{COMMENT}{cells[0]}", *cells[1:]])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text.getvalue())
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error}", hint="a file in a writable folder") from error
    return path


def template_page(kind: str) -> str:
    """The Markdown table of a template's columns."""
    lines = ["| column | meaning | unit or words | needed |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {column.meaning} | {column.unit} | {column.needed} |" for name, column in TEMPLATES[kind].items()
    ]
    return "\n".join(lines)
