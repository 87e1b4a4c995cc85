"""`PlanKind`: an experiment as independent cells and a summary of their results; one kind per file in `plans`."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from facewarden.core.errors import ContractError
from facewarden.experiments.engine.estimate import PlanEstimate
from facewarden.reporting.document import Figure, Table

CELLS, SHARED = "cells", "shared"
"""Folders inside a plan's folder: one folder a cell, and one for what the cells share."""


@dataclass(frozen=True)
class PlanCell:
    """One unit of work; it depends only on the cells that it names.

    Attributes:
        name: for display, unique in its plan, e.g. "mmdg / cedar / seed 0".
        settings: everything that decides the cell's numbers, JSON values.
        needs: names of cells that must be done before this one starts.

    Raises:
        ContractError: the settings are not JSON.
    """

    name: str
    settings: Mapping[str, Any]
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:  # what `run` sees is what a resumed run reads back
            plain = json.loads(json.dumps(dict(self.settings), allow_nan=False, sort_keys=True))
        except (TypeError, ValueError) as error:
            raise ContractError(f"settings of cell {self.name!r} are not JSON: {error}", hint="plain values") from error
        object.__setattr__(self, "settings", plain)

    def key(self, kind: str, *, needs: Sequence[str] = (), code: int = 1, precision: str | None = None) -> str:
        """The stable id: a hash of the kind's name and the settings, so that renaming or reordering costs nothing.

        Args:
            kind: the kind's registry name.
            needs: ids of the cells that this one builds on: where those change, its result is another one too.
            code: version of the code that runs it; the first is in no id, so that what it computed keeps its own.
            precision: that was asked for instead of the plan's; what was computed without one keeps its id.
        """
        more: list[object] = [{"code": code}] if code != 1 else []
        more += [] if precision is None else [{"precision": precision}]
        text = json.dumps([kind, self.settings, *([list(needs)] if needs else []), *more], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class CellResult:
    """A cell and the JSON that its run gave."""

    cell: PlanCell
    value: Mapping[str, Any]


@dataclass(frozen=True)
class Summary:
    """Summary of a plan's results.

    Attributes:
        title: one line.
        sentences: the findings, each with its interval and count.
        tables, figures: the evidence.
        simulated: whether any sample was simulated; every writer then says so.
        data: more JSON values for who computes on; only the JSON file has them.
    """

    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    simulated: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


class PlanKind(ABC):
    """A kind of experiment. It is made without arguments and keeps no state: cells may run in other processes.

    A plan's folder holds `cells/ID/` for each cell and `shared/` for what `prepare` makes.

    Attributes:
        code: version of the code that runs the cells: raised by hand where their numbers change, so that a plan that
            resumes computes them anew.
        old_keys: settings by their path in plans of an earlier release -> their name now, see
            `facewarden.core.settings.old_keys.with_keys_of_today`.
    """

    code: ClassVar[int] = 1
    old_keys: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:  # noqa: B027 - most kinds share nothing
        """Compute what the cells share, below `root / "shared"`; called once before the cells, in the main process.

        Args:
            settings: the plan's, without `kind`.
            root: the plan's folder.

        It is called again when a plan resumes and must find its earlier work, whole or not at all.
        """

    def estimate(self, settings: Mapping[str, Any], *, root: Path) -> PlanEstimate | None:
        """Hours and disk of the plan on this device, from a measurement of seconds; None where a kind cannot tell.

        Args:
            settings: the plan's, without `kind`.
            root: the plan's folder; nothing is written.
        """
        return None

    def inputs(self, settings: Mapping[str, Any]) -> Mapping[str, str]:  # most kinds read nothing
        """Name -> hash of everything from outside that cells read by a name: captures, photos, models.

        A plan that resumes with other ones under the same names is refused; what cells hold in their settings by its
        content need not be here.

        Args:
            settings: the plan's, without `kind`.
        """
        return {}

    @abstractmethod
    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """Check the settings and return the cells, without computing anything.

        Args:
            settings: the plan's, without `kind`.
            root: the plan's folder; cells do not hold its name, so that the folder can be moved.

        Raises:
            SettingError, FacewardenError: a setting cannot be used; `SettingError` is shown with its line.
        """

    @abstractmethod
    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Do the work of one cell.

        Args:
            cell: one of `cells`.
            folder: the cell's own, `root / "cells" / ID`; holds what an earlier try left when that was killed.

        Returns:
            JSON values, the same for the same cell, whatever ran before, beside it or in an earlier try.
        """

    @abstractmethod
    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Turn results into tables and sentences; they contain only the successful cells, in the order of `cells`."""


def shared_folder(folder: Path) -> Path:
    """The folder that a plan's cells share, from a cell's own folder."""
    return folder.parent.parent / SHARED
