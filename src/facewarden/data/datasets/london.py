"""Face Research Lab London Set: 102 people, a neutral and a smiling photo each, 189 landmarks on the neutral one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_bounded
from facewarden.data.datasets.parts.base import Dataset, FacePhoto, images_in
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.sample import Landmarks
from facewarden.data.table import read_table, write_table
from facewarden.data.text import printable

POINTS = 189
INFO, UNKNOWN = "info.csv", "NA"
_COLUMNS = ("face_id", "face_age", "face_gender", "face_eth")
BANDS = {"18-30": 30, "31-50": 50, "51-70": 70}
"""Age band -> the last age in it."""
# Which of the 189 points make each of our five; the nose tip lies between the wings' upper and the base's outer points.
_FIVE = ((0,), (1,), (54, 60, 179, 182), (87,), (93,))


class London(Dataset):
    """Folders `neutral` and `smiling` with `NNN.jpg`, and `neutral/NNN.pts` with one `x y` a line.

    The five landmarks are the pupils, the mean of four points around the nose tip and the mouth corners; smiling photos
    have none. `info.csv` says how old each person is, of which gender and ethnicity. Credit: DeBruine & Jones (2017),
    Face Research Lab London Set, CC BY 4.0.

    Args:
        path: the folder that holds `neutral`.
    """

    summary = "Face Research Lab London Set: folders neutral (with NNN.pts) and smiling; london:PATH"

    @classmethod
    def example(cls, folder: Path) -> London:
        """Return a tiny set whose files are written into a folder."""
        write_pictures(folder, ["neutral/001.jpg", "smiling/001.jpg", "neutral/002.jpg"])
        told = {"face_id": ["001", "002"], "face_age": ["24", UNKNOWN], "face_gender": ["female", "male"],
                "face_eth": ["white", "west_asian"]}  # fmt: skip
        write_table(folder / INFO, told)
        return cls(folder)

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """Age band, gender and ethnicity of each person, as `info.csv` says; empty without that file.

        Raises:
            BadInputError: `info.csv` is damaged.
        """
        path = self.root / INFO
        return read_info(path) if path.is_file() else {}

    def _photos(self) -> Iterator[FacePhoto]:
        for pose in ("neutral", "smiling"):
            folder = self.root / pose
            for path in images_in(folder) if folder.is_dir() else ():
                points = path.with_suffix(".pts")
                landmarks = _five(read_points(points)) if points.is_file() else None
                yield FacePhoto(path, printable(path.stem), f"{pose}/{printable(path.stem)}", landmarks)


def read_info(path: Path) -> dict[str, dict[str, str]]:
    """Read who is how old, of which gender and ethnicity; what is not known (`NA`) is left out.

    Args:
        path: CSV with the columns `face_id`, `face_age` (years), `face_gender`, `face_eth`.

    Raises:
        BadInputError: a column is missing, or an age is no number.
    """
    table = read_table(path)
    lacking = [name for name in _COLUMNS if name not in table]
    if lacking:
        raise BadInputError(f"{printable(path)}: no column {', '.join(lacking)}", hint=f"it has {', '.join(_COLUMNS)}")
    found: dict[str, dict[str, str]] = {}
    for number, (who, age, gender, ethnicity) in enumerate(zip(*map(table.get, _COLUMNS), strict=True), start=1):
        told = {"gender": gender, "ethnicity": ethnicity, "age_band": None}
        try:
            told["age_band"] = None if age in (None, UNKNOWN) else age_band(float(age))
        except ValueError as error:
            raise BadInputError(f"{printable(path)}: row {number}: {error}", hint="an age in years, or NA") from error
        found[str(who)] = {name: value for name, value in told.items() if value not in (UNKNOWN, None)}
    return found


def age_band(years: float) -> str:
    """The band of an age, of the bands in which test laboratories compose their crews.

    >>> age_band(30.0), age_band(31.0)
    ('18-30', '31-50')
    """
    return "under 18" if years < 18 else next((name for name, last in BANDS.items() if years <= last), "over 70")


def read_points(path: Path) -> tuple[tuple[float, float], ...]:
    """Read the 189 (x, y) points of a `.pts` file, in pixels.

    Raises:
        BadInputError: missing, or not 189 pairs of numbers.
    """
    try:
        lines = read_bounded(path, encoding="ascii").splitlines()
        points = tuple((float(x), float(y)) for x, y in (line.split() for line in lines if line.strip()))
        if len(points) != POINTS or not all(math.isfinite(value) for point in points for value in point):
            raise ValueError(f"{len(points)} points")
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{printable(path)}: not {POINTS} landmarks: {error}", hint="copy the file again"
        ) from error
    return points


def _five(points: Landmarks) -> Landmarks:
    return tuple(
        (sum(points[i][0] for i in chosen) / len(chosen), sum(points[i][1] for i in chosen) / len(chosen))
        for chosen in _FIVE
    )


entry = London
