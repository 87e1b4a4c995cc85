"""What a laboratory states about a test, in a file that people write: lab.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from facewarden.core.settings import Text, read_json, read_settings
from facewarden.evaluation.lab.potential import AttackPotential, artifact_class

NOT_STATED = "not stated"


@dataclass(frozen=True)
class ItemUnderTest:
    """What was tested.

    Attributes:
        name, version, vendor: of the product.
        hardware, system, sdk: that it ran on and was called by.
        settings: as it was set.
        tested: when.
        sha256: of its files, name and hash.
    """

    name: Text = NOT_STATED
    version: Text = NOT_STATED
    vendor: Text = NOT_STATED
    hardware: Text = NOT_STATED
    system: Text = NOT_STATED
    sdk: Text = NOT_STATED
    settings: Text = NOT_STATED
    tested: Text = NOT_STATED
    sha256: dict[str, str] | None = None


@dataclass(frozen=True)
class SpeciesAbout:
    """What is stated about a PAI species.

    Attributes:
        recipe: how artifacts are made.
        kind, access, cost: from which the class A to C follows; None where it is not stated.
        fresh: whether artifacts are new for each session.
        potential: what an attacker needs; None where it was not rated.
    """

    recipe: Text = NOT_STATED
    kind: Literal["simple", "specialised", "sophisticated"] | None = None
    access: Literal["easy", "moderate", "difficult"] | None = None
    cost: Literal["low", "medium", "high"] | None = None
    fresh: bool | None = None
    potential: AttackPotential | None = None

    @property
    def artifact_class(self) -> str:
        """A, B or C; not stated without all that it follows from."""
        if self.kind is None or self.access is None or self.cost is None:
            return NOT_STATED
        return artifact_class(self.kind, self.access, self.cost)


@dataclass(frozen=True)
class LabSettings:
    """What a laboratory states; all of it may be left out, and the report then says so.

    Attributes:
        laboratory, report_number: whose report it is.
        item: under test.
        purpose: of the test.
        in_scope, out_of_scope: lists.
        pretest, order, blinding: of the method: how artifacts were tried out, in which order, who saw what.
        crew: how the test crew was chosen and what its members were told.
        privacy: how photos and videos are kept and deleted.
        threshold: of the item under test on its scores; else the one of decision.json, else set on dev.
        threshold_from: where it comes from.
        match_threshold: a comparison score from which on a presentation matches its target.
        interval_reason: why this interval method, beside what the report says itself.
        species: name -> what is stated about it.
    """

    laboratory: Text = NOT_STATED
    report_number: Text = NOT_STATED
    item: ItemUnderTest = ItemUnderTest()
    purpose: Text = NOT_STATED
    in_scope: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ("concealer attacks", "identification", "attacks on enrolment", "injection attacks")
    pretest: Text = NOT_STATED
    order: Text = NOT_STATED
    blinding: Text = NOT_STATED
    crew: Text = NOT_STATED
    privacy: Text = NOT_STATED
    threshold: float | None = None
    threshold_from: Text = NOT_STATED
    match_threshold: float | None = None
    interval_reason: str = ""
    species: dict[str, SpeciesAbout] | None = None


def read_lab(path: Path | None) -> LabSettings:
    """Read lab.json; without a file nothing is stated.

    Raises:
        SettingError: an unknown key, a wrong type, or a word that is none of its list.
    """
    if path is None:
        return LabSettings()
    values = read_json(path, what="what a laboratory states", hint="facewarden report RUN --form lab writes a template")
    return read_settings(LabSettings, values, source=str(path))


def lab_template(species: list[str]) -> dict[str, Any]:
    """A lab.json to fill in, with the species that were found.

    Args:
        species: their names.
    """
    about = SpeciesAbout()  # no word that nobody has stated: docs/lab-report.md has them
    return asdict(LabSettings(species=dict.fromkeys(species, about)))
