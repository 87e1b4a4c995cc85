"""Which detector a verb takes where none is named: it follows the sensors that the captures have."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from facewarden.core.artifact import CARD, RECIPE
from facewarden.core.compute.shards import note_setting
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.identity.given import PathLike, path_of
from facewarden.core.labels import MODALITIES
from facewarden.core.registry import load
from facewarden.core.sources.grammar import split_settings
from facewarden.data.captures import CaptureSet, named_set, names_captures
from facewarden.data.columns import read_columns, table_header
from facewarden.data.manifest import manifest_file

SHIPPED = Path(__file__).parents[2] / "weights"
AUTO = "auto"
"""What stands for a detector where none was named; settings may follow in braces. No record holds it."""

FOR_COLOR, FOR_SENSORS = "color_cnn", "multi_cnn"

COLOR_ALONE = (
    f"no detector was named and there is color alone: {FOR_COLOR}; --detector {FOR_SENSORS} for the three-sensor one"
)

_LOG = logging.getLogger("facewarden")
D = TypeVar("D")


@dataclass(frozen=True)
class ChosenDetector(Generic[D]):
    """The detector of a call.

    Attributes:
        detector: as it was named, else the name of the one that was chosen, with the settings that were given.
        named: whether the caller named it.
        notes: what a reader must know of the choice.
    """

    detector: D | str
    named: bool
    notes: tuple[str, ...] = ()

    def refuse_other_run(self, folder: Path) -> None:
        """Refuse to go on, without a name, with a run of another detector: an earlier release may have chosen it.

        Args:
            folder: of the run; one without a recipe is none.

        Raises:
            BadInputError: with the option that goes on with it.
        """
        held: object = None
        with suppress(OSError, ValueError):
            recipe = read_json_bounded(folder / RECIPE)
            held = recipe.get("detector") if isinstance(recipe, dict) else None
        if self.named or not isinstance(held, str) or held == self.detector:
            return
        which = "the same detector" if "@sha256:" in held else f"--detector {shlex.quote(held)}"
        raise BadInputError(
            f"{folder} holds a run of {held}; no detector was named, and now that means {self.detector}",
            hint=f"{which} to go on with it, or another --out",
        )


def choose_detector(given: D, captures: PathLike | None = None, *, photos: bool = False) -> ChosenDetector[D]:
    """Settle which detector a verb uses; where color alone made the choice, standard error says so.

    Args:
        given: the detector that was named, or `auto`.
        captures: the whole source, also where the call works on a share of it; None where captures are simulated.
        photos: whether there are photos or videos instead.
    """
    if not isinstance(given, str) or split_settings(given)[0] != AUTO:
        return ChosenDetector(given, named=True)
    name = usual_detector(captures, photos=photos)
    notes = (COLOR_ALONE,) if name == FOR_COLOR else ()
    for note in notes:
        _LOG.warning("%s", note)
    chosen = f"{name}{given.removeprefix(AUTO)}"
    note_setting("detector", chosen)
    return ChosenDetector(chosen, named=False, notes=notes)


def usual_detector(captures: PathLike | None = None, *, photos: bool = False) -> str:
    """The name of the detector that is used where none is named.

    Args:
        captures, photos: as in `choose_detector`. Captures that cannot be read are for whoever reads them to refuse.
    """
    if photos:
        return FOR_COLOR
    source = None if captures is None else path_of(captures)
    if source is None or not names_captures(source):
        return FOR_SENSORS
    try:
        return FOR_SENSORS if has_other_sensors(source) else FOR_COLOR
    except FacewardenError:
        return FOR_SENSORS


def has_other_sensors(source: str | Path) -> bool:
    """Whether any capture of a set has depth or infrared, by the columns that say it: no row is made.

    Args:
        source: a manifest (.csv, .parquet, or its folder), or NAME:PATH for a published set, whose class says it.

    Raises:
        BadInputError: the manifest cannot be read, or a set of face photos.
    """
    named = named_set(str(source))
    if named is not None:  # opened by its name alone it refuses captures that lack a sensor of the class
        made = load("datasets", named[0])
        if not (isinstance(made, type) and issubclass(made, CaptureSet)):
            raise BadInputError(f"{named[0]} is no set of captures", hint="a manifest, or NAME:PATH of a set of them")
        return any(name != "rgb" for name in made.modalities)
    path = manifest_file(Path(source))
    header = table_header(path)
    told = tuple(name for name in MODALITIES if name in header and name != "rgb")
    return bool(told) and any(column.any() for column in read_columns(path, hashes=told).hashes.values())


def shipped_with(sha256: Mapping[str, str]) -> str | None:
    """The name of the one of the two that has these hashes of weights; None where neither has."""
    for name in (FOR_COLOR, FOR_SENSORS):
        with suppress(OSError, ValueError, KeyError):
            if read_json_bounded(SHIPPED / name / CARD)["sha256"] == dict(sha256):
                return name
    return None
