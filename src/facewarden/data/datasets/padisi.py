"""PADISI-Face: one capture of 22 channels a trial, nine kinds of attack; splits of the official first fold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.labels import Modality, Split
from facewarden.data.arrays import channel_list
from facewarden.data.datasets.parts.captures import CaptureSet, Frame
from facewarden.data.datasets.parts.lists import ListRow
from facewarden.data.datasets.parts.protocols import GROUPS, find_one, read_table
from facewarden.data.datasets.parts.twins import Shot, TwinFrame, TwinWriter
from facewarden.data.text import natural, printable

_CODE = re.compile(r"m(0|5)(\d\d)(\d\d)", re.IGNORECASE)
_MAKEUP = "06"
_CHANNELS: dict[Modality, tuple[int, ...]] = {"rgb": (2, 1, 0), "depth": (4,), "infrared": (3,)}
"""Places in the array: color is stored blue first."""
_FILES: dict[Modality, str] = {"rgb": "color.jpg", "depth": "depth.jpg", "infrared": "ir.jpg"}


class PadisiTwin(TwinWriter):
    """A twin of PADISI-Face: arrays of 22 channels under official long names; official files; lists with tabs and LF.

    Defects: the official label inside is True for attacks; one trial's name holds another trial's id; of the lists, one
    row twice and one trial that is not there.
    """

    def write(self) -> None:
        """Write the twin into its folder."""
        self.mark()
        truth = ["transaction_id,trial_id,trial_name,modality,ground_truth,participant_id"]
        parts = ["transaction_id,trial_id,trial_name,partition_name"]
        kinds = {"m00000": "bona_fide", "m50101": "mask_rigid", "m50602": "partial_glasses", "m50903": "print_flat"}
        serial = 0
        for split, people in self.by_split().items():
            rows = []
            for person in people:
                for code, species in kinds.items():
                    trial, before = f"t{serial:04d}x", f"t{max(0, serial - 1):04d}x"
                    transaction, name, serial = f"a{person:03d}", f"GLASSES_{before}_NEUTRAL", serial + 1
                    views = self.render(Shot(trial, person, species, split))
                    self._array(f"data/ID_{transaction}_{trial}_{name}.npz", views, attack=species != "bona_fide")
                    truth.append(f"{transaction},{trial},{name},FACE,{code},p{person:03d}")
                    parts.append(f"{transaction},{trial},{name},{'valid' if split == 'dev' else split}")
                    rows.append(f"{trial}.npz\t{int(species == 'bona_fide')}")
            if split == "train":
                rows += [rows[0], "t9999x.npz\t0"]
            self.text(f"lists/{split}.txt", rows)
        self.text("padisi_USC_FACE_ground_truth.csv", truth)
        self.text("padisi_USC_FACE_dataset_partition_3folds_part0.csv", parts)

    def _array(self, name: str, views: TwinFrame, *, attack: bool) -> None:
        planes = np.zeros((1, 22, *views.depth.shape), dtype=np.float32)
        for place, plane in zip((2, 1, 0), views.rgb.transpose(2, 0, 1), strict=True):
            planes[0, place] = plane / np.float32(255)
        planes[0, 3], planes[0, 4] = views.infrared / np.float32(255), views.depth / np.float32(255)
        planes[0, 5:] = 0.5  # thermal and the rest: one gray, which no reader should take for a face
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path, sync=False) as temporary:
            np.savez_compressed(temporary, data=planes, label=np.array(attack))


class Padisi(CaptureSet):
    """`ID_TRANSACTION_TRIAL_NAME.npz` (or `TRIAL.npz`, or `TRIAL/{color,depth,ir}.jpg`) at any depth below the folder.

    The array `data` is (1, 22, 320, 256) in [0, 1]: color in the order blue, green, red, then near infrared, depth and
    thermal; the rest is not used. The official label is True for an attack; here 1 is bona fide, as in the lists.

    Rule: the official partition file `…3folds_part0.csv` says which trial is train, valid (here dev) or test; the
    official ground truth file says what is shown (`m00000` bona fide, `m5CCSS` an attack of code CC and species SS) and
    who. One frame a trial gives 1,090, 272 and 667 rows of 189, 52 and 119 people. What the codes stand for is
    confidential but for 06, makeup; other attacks have the species "other" and their code as attack group.
    Source: Rostami et al., ICCV 2021, and the readme of the set.

    Args (beside those of `CaptureSet`):
        protocol: the partition file; by default `*3folds_part0.csv` in the folder.
    """

    twin = PadisiTwin
    twin_site = "dogwood"
    summary = "PADISI-Face arrays (.npz) with the official partition and ground truth files; padisi:PATH"

    def frames_by_rule(self) -> Iterator[Frame]:
        """Yield a frame of every trial of the partition file whose data are there."""
        hint = "copy …_3folds_part0.csv into the folder; data import padisi:PATH takes --protocol FILE"
        path = self.protocol or find_one(
            self.root, ("*3folds_part0*.csv",), what="official partition file of the first fold", hint=hint
        )
        absent = []
        seen: dict[str, str] = {}
        for row in read_table(path):
            trial, group = row.get("trial_id", "").strip(), row.get("partition_name", "").strip().lower()
            if not trial or group not in GROUPS:
                raise BadInputError(
                    f"{printable(path)}: a row without trial_id or partition_name", hint="the official partition file"
                )
            if seen.setdefault(trial, group) != group:
                raise BadInputError(f"{printable(path)}: trial {trial} is in two partitions", hint="copy it again")
            if trial not in self._facts:
                raise BadInputError(
                    f"{printable(path)}: trial {trial!r} is not in the ground truth file", hint="files of one release"
                )
            if trial in self._trials:
                yield self._frame(trial, GROUPS[group])
            else:
                absent.append(trial)
        if absent:
            self.note(f"trials of the partition file that are not there: {len(absent)}, first {', '.join(absent[:5])}")

    def frame_of_row(self, row: ListRow, split: Split) -> Frame:
        """Return the frame of the trial that a row names; in four columns, of the folder that holds the color image."""
        name = PurePosixPath(row.names[0].replace("\\", "/"))
        trial = name.parent.name if len(row.names) == 3 else _trial_of(name.name)
        return self._frame(trial, split)

    def _frame(self, trial: str, split: Split) -> Frame:
        code, subject, trial_name = self._facts.get(trial, (None, f"unknown of {trial}", ""))
        species, group = _species(code)
        paths = self._trials.get(trial) or _in_file(f"{trial}.npz")
        return Frame(
            video=trial, number="0", split=split, label=None if code is None else int(code[1] == "0"),
            species=species, subject=subject, group=group, paths=paths,
            attributes={"trial_name": trial_name} if trial_name else {},
        )  # fmt: skip

    @cached_property
    def _facts(self) -> dict[str, tuple[str, str, str]]:
        """Trial -> code, participant and name, of the official file: lists tell the label, but not who is shown."""
        path = find_one(
            self.root, ("*ground_truth*.csv",), what="official ground truth file",
            hint="copy …_ground_truth.csv of the release into the folder: without it nobody knows who is shown",
        )  # fmt: skip
        facts: dict[str, tuple[str, str, str]] = {}
        for number, row in enumerate(read_table(path), start=1):
            code = row.get("ground_truth", "").strip()
            where = f"{printable(path)}: row {number} below the header"
            if not _CODE.fullmatch(code):
                raise BadInputError(f"{where}: code {code!r}", hint="m00000, or m5 with four digits")
            trial, person = row.get("trial_id", "").strip(), row.get("participant_id", "").strip()
            for column, cell in (("trial_id", trial), ("participant_id", person)):
                if not cell:  # trials without a person would all be of one, or leak between splits
                    raise BadInputError(f"{where}: no {column}", hint="the official ground truth file, whole")
            fact = (code, person, row.get("trial_name", ""))
            if facts.setdefault(trial, fact) != fact:
                raise BadInputError(f"{printable(path)}: trial {trial} has two ground truths", hint="copy it again")
        return facts

    @cached_property
    def _trials(self) -> dict[str, dict[Modality, str]]:
        """Trial -> where its images are."""
        trials: dict[str, dict[Modality, str]] = {}
        for file in sorted(self.root.rglob("*.npz"), key=lambda path: natural(path.name)):
            trial = _trial_of(file.name)
            relative = file.relative_to(self.base).as_posix()
            if trial in trials:
                raise BadInputError(
                    f"trial {trial} is there twice: {trials[trial]['rgb']}, {relative}", hint="keep one"
                )
            trials[trial] = _in_file(relative)
        for file in sorted(self.root.rglob(_FILES["rgb"])):
            there = {name: file.parent / inner for name, inner in _FILES.items() if (file.parent / inner).is_file()}
            trials.setdefault(
                file.parent.name, {name: path.relative_to(self.base).as_posix() for name, path in there.items()}
            )
        return trials


def _trial_of(name: str) -> str:
    """The field of an official name that identifies the trial: not any part of it, names hold other trials' words."""
    stem = name.removesuffix(".npz")
    fields = stem.split("_", 3)
    return fields[2] if len(fields) >= 3 and fields[0] == "ID" else stem


def _in_file(relative: str) -> dict[Modality, str]:
    return {name: f"{relative}#data:{channel_list(places)}" for name, places in _CHANNELS.items()}


def _species(code: str | None) -> tuple[str, str]:
    match = _CODE.fullmatch(code or "")
    if match is None:
        return "other", "unknown"
    if match[1] == "0":
        return "bona_fide", "bona fide"
    return ("makeup" if match[2] == _MAKEUP else "other"), f"code {match[2]}"


entry = Padisi
