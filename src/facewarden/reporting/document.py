"""The report as data: frozen records that `report.json` stores without loss.

Names that the grades, the gate and the page know (other metrics are welcome, they are shown as they are):

| section | metric | group | unit |
|---|---|---|---|
| presentation | `apcer` | `species` | % |
| presentation | `apcer_worst_species`, `bpcer`, `acer_worst_species`, `eer`, `auc` | | % (`auc`: none) |
| presentation | `iapar`, `attack_match_rate`: attacks that pass and match, that match their target | `species` | % |
| presentation | `iapar_worst_species`, `frr_full_system`: of detector and recognizer as one system | | % |
| perturbation | `success_rate` | `eps` as "8/255", and e.g. `attack`, `goal`, `modalities` | % |
| perturbation | `eps_half`: smallest budget that flips half of the samples, in gray levels | e.g. `attack` | /255 |
| perturbation | `accepted_rate_injected`, `accepted_rate_before_camera`: behind and before a camera | as above | % |
| perturbation | `accepted_and_matched_rate`, `clean_match_rate`: what a recognizer says of them | as above | % |
| poisoning | `protection_rate`: share of cloaked persons the recognizer fails to find | `cloak`, `purifier` | % |
| poisoning | `natural_error`: the same share while nobody cloaks | `purifier` | % |
| poisoning | `excess_protection_rate`: the first less the second | `cloak`, `purifier` | % |
| poisoning | `verification_accuracy` of the recognizer after purifying uncloaked faces | `purifier` | % |
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from facewarden.core.errors import ContractError

SCHEMA = "facewarden.report/1"
LETTERS = ("A", "B", "C", "D", "E", "F")
"""Grades from best to worst."""
DIFFERENCE = "excess_"
"""How names of metrics begin that are a share less another: they lie between -1 and 1."""

SectionName = Literal["presentation", "perturbation", "poisoning"]
SECTIONS: tuple[SectionName, ...] = get_args(SectionName)
FigureKind = Literal["histogram", "curves", "bars", "interval_dots", "heatmap", "det", "ridges", "faces"]
FIGURE_KINDS: tuple[FigureKind, ...] = get_args(FigureKind)
Cell = str | float | int | None


@dataclass(frozen=True)
class Metric:
    """One measured number; there is none without its sample count.

    Attributes:
        name: what was measured, a Python identifier such as "acer_worst_species" (the gate addresses it).
        value: the number on the samples as they are.
        low, high: its 95 % interval; both or none.
        n: how many samples it was measured on, at least 1.
        simulated: whether any of those samples was simulated.
        unit: "%" when value is a fraction shown in percent: a share from 0 to 1, or a difference of shares, whose name
            begins with `DIFFERENCE`; "/255" for gray levels, else shown behind the number.
        group: what tells metrics of one name apart, e.g. {"species": "print_flat"} or {"eps": "8/255"}.
        note: what a reader must know, e.g. how the interval was found.

    Raises:
        ContractError: a number is not finite, the interval is half or reversed, or n is below 1.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    simulated: bool
    unit: str = ""
    group: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ContractError(f"{self.name!r} is no metric name", hint="letters, digits, underscores; use group=")
        ends = [end for end in (self.low, self.high) if end is not None]
        if not all(math.isfinite(number) for number in (self.value, *ends)):
            raise ContractError(f"metric {self.label} is not finite", hint="leave it out with LeftOut(what, why, ...)")
        if len(ends) == 1 or ends != sorted(ends):
            raise ContractError(f"metric {self.label} has the interval {self.low} to {self.high}", hint="low <= high")
        if self.n < 1:
            raise ContractError(f"metric {self.label} has n = {self.n}", hint="a number without samples is left out")
        object.__setattr__(self, "group", dict(self.group))

    @property
    def label(self) -> str:
        """Name with its group in brackets, as the gate addresses it."""
        inside = ", ".join(f"{key}={value}" for key, value in self.group.items())
        return f"{self.name}[{inside}]" if inside else self.name


@dataclass(frozen=True)
class Table:
    """A table under a section; a `float` cell is shown with three digits, text and whole numbers as they are.

    Raises:
        ContractError: a row has another length than the header, or a cell is not finite.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    simulated: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ContractError(
                    f"table {self.title!r} has a row of {len(row)} cells under {len(self.columns)} columns",
                    hint="None for an empty cell",
                )
            if any(isinstance(cell, float) and not math.isfinite(cell) for cell in row):
                raise ContractError(f"table {self.title!r} has a cell that is not finite", hint="use None")


@dataclass(frozen=True)
class Figure:
    """A plot as data; `facewarden.reporting.figures` draws it and documents `data` for each kind.

    Attributes:
        kind: one of `FIGURE_KINDS`.
        title: what is shown.
        data: JSON-able; copied to plain JSON values, so a tuple becomes a list.
        alt: the same in words, for who cannot see it.
        note: shown under the plot.
        simulated: whether simulated samples are in it.

    Raises:
        ContractError: unknown kind, no alt text, or data that JSON cannot hold.
    """

    kind: FigureKind
    title: str
    data: Mapping[str, Any]
    alt: str
    note: str = ""
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.kind not in FIGURE_KINDS:
            raise ContractError(f"unknown figure kind {self.kind!r}", hint=f"one of {', '.join(FIGURE_KINDS)}")
        if not self.alt.strip():
            raise ContractError(f"figure {self.title!r} has no alt text", hint="say in words what it shows")
        try:
            plain = json.loads(json.dumps(dict(self.data), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ContractError(
                f"data of figure {self.title!r} is not JSON: {error}", hint="plain finite numbers, lists and strings"
            ) from error
        object.__setattr__(self, "data", plain)


@dataclass(frozen=True)
class LeftOut:
    """Something that was not measured, why, and the command that brings it."""

    what: str
    why: str
    command: str


@dataclass(frozen=True)
class Section:
    """One of the three threats: the finding and its evidence.

    Attributes:
        name: which.
        grade: "A" to "F", or None when there is none.
        finding: plain language, one or two sentences.
        reason: which measured number and which rule gave the grade, or why there is none.
        metrics, tables, figures, left_out: the evidence and its gaps.
        skipped: reason -> how many inputs were skipped for it.
        simulated: whether the section rests on simulated samples.

    Raises:
        ContractError: unknown name or grade, or no reason.
    """

    name: SectionName
    grade: str | None
    finding: str
    reason: str
    metrics: tuple[Metric, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.name not in SECTIONS:
            raise ContractError(f"unknown section {self.name!r}", hint=f"one of {', '.join(SECTIONS)}")
        if self.grade is not None and self.grade not in LETTERS:
            raise ContractError(f"{self.name} has the grade {self.grade!r}", hint="A to F, or None")
        if not self.reason.strip():
            raise ContractError(f"{self.name} has no reason", hint="facewarden.reporting.grades gives both")
        object.__setattr__(self, "skipped", dict(self.skipped))


@dataclass(frozen=True)
class AuditedPart:
    """A model or a data set that the audit used.

    Attributes:
        role: "detector", "recognizer", "surrogate", "faces", "captures" ...
        name: registry name or file stem.
        source: package and version, recipe, or file name.
        licence: as stated by the source.
        sha256: file name -> hash.
        settings: JSON-able settings that drove it.
    """

    role: str
    name: str
    source: str
    licence: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", dict(self.sha256))
        object.__setattr__(self, "settings", _plain(self.settings, what=f"settings of {self.name}"))


@dataclass(frozen=True)
class Gate:
    """The outcome of `--fail-on`: the expression, whether it passed, and each comparison with its numbers."""

    expression: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Report:
    """One audit, complete.

    Attributes:
        title: heading of the page.
        created: ISO 8601 in UTC, e.g. "2025-01-31T12:00:00Z".
        command: the exact command that makes it again.
        preset, seed: as given.
        provenance: JSON-able versions and machine facts (`facewarden.core.run.provenance`).
        parts: the models and data audited.
        presentation, perturbation, poisoning: the three sections.
        gate: outcome of `--fail-on`, if one was given.
        schema: version of this layout.

    Raises:
        ContractError: a section in another's place, or another schema.
    """

    title: str
    created: str
    command: str
    preset: str
    seed: int
    provenance: Mapping[str, Any]
    parts: tuple[AuditedPart, ...]
    presentation: Section
    perturbation: Section
    poisoning: Section
    gate: Gate | None = None
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ContractError(f"report has schema {self.schema!r}", hint=f"this version reads {SCHEMA}")
        for name, section in zip(SECTIONS, self.sections, strict=True):
            if section.name != name:
                raise ContractError(f"section {section.name} is in the place of {name}", hint=f"{name}=...")
        object.__setattr__(self, "provenance", _plain(self.provenance, what="provenance"))

    @property
    def sections(self) -> tuple[Section, Section, Section]:
        """The three sections in reading order."""
        return (self.presentation, self.perturbation, self.poisoning)


def _plain(value: Mapping[str, Any], *, what: str) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ContractError(f"{what}: not JSON: {error}", hint="plain finite numbers, lists and strings") from error
    return plain
